// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_REPORTS_SLABINFO_H_
#define SLABLAB_REPORTS_SLABINFO_H_

#include <string>

#include "reports/result.pb.h"

namespace slablab {

// /proc/slabinfo, version 2.1, as a kernel in the run's end state would print it: byte for byte
// what tools that parse it expect (Linux 6.1, mm/slab_common.c, cache_show and
// print_slabinfo_header). Newest cache first, as slab_caches is kept.
std::string SlabInfoText(const RunResult& result);

}  // namespace slablab

#endif  // SLABLAB_REPORTS_SLABINFO_H_
