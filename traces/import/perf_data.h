// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TRACES_IMPORT_PERF_DATA_H_
#define SLABLAB_TRACES_IMPORT_PERF_DATA_H_

#include <string>

#include "absl/status/status.h"

namespace slablab {

// Whether the perf.data at `path` has all of what its header says: perf script makes text of what
// there is of a file that ends early, warns, and ends with status 0. InvalidArgument, naming the
// file `name`, if the data end before they should, or in the middle of a record where perf record
// was killed and the header does not say how long they are. What is no header or of another byte
// order is left to perf to judge. The layout is that of
// tools/perf/Documentation/perf.data-file-format.txt.
absl::Status CheckPerfData(const std::string& path, const std::string& name);

}  // namespace slablab

#endif  // SLABLAB_TRACES_IMPORT_PERF_DATA_H_
