// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_SIM_MACHINE_SYNTHETIC_WORDS_H_
#define SLABLAB_SIM_MACHINE_SYNTHETIC_WORDS_H_

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"

// What must be known of hwloc's synthetic strings besides the tree that hwloc builds of them. Their
// grammar stays hwloc's; here they are only cut into words ("l3:2(size=32MiB)") at blanks outside
// parentheses.

namespace slablab {

struct SyntheticWords {
  uint64_t cpu_count = 1;  // the product of the counts
  // Said by the string itself, and not one of hwloc's defaults.
  bool gives_l1_size = false;
  bool gives_l2_size = false;
  bool gives_l3_size = false;
  bool gives_memory = false;
};

// InvalidArgument if the string is empty, names a type of object that hwloc does not know, or
// describes more than kMaxCpus CPUs. (hwloc would first build the tree of a billion CPUs.)
absl::StatusOr<SyntheticWords> ReadSyntheticWords(std::string_view description);

}  // namespace slablab

#endif  // SLABLAB_SIM_MACHINE_SYNTHETIC_WORDS_H_
