// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_RUNS_RECORDED_BUNDLED_TRACES_H_
#define SLABLAB_RUNS_RECORDED_BUNDLED_TRACES_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

// The traces that come with slablab, which commands take by their bare names.

namespace slablab {

// A file of the folder that slablab's own files are in: the one that the launcher names
// (SLABLAB_ROOT), else of the installed package, else the one called from.
std::string OwnFile(const std::string& path);

// The names, without folder and ending, in order. None if the folder is not there.
std::vector<std::string> BundledTraces();
bool IsBundledTrace(const std::string& name);
// Where one of them is.
std::string BundledTracePath(const std::string& name);

// The file that a user means by `name`: that file, or else the bundled trace of that name. NotFound
// if there is neither, with the names near it.
absl::StatusOr<std::string> FindTrace(const std::string& name);

}  // namespace slablab

#endif  // SLABLAB_RUNS_RECORDED_BUNDLED_TRACES_H_
