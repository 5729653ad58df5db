// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_REPORTS_COMPARISON_WORDS_H_
#define SLABLAB_REPORTS_COMPARISON_WORDS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "reports/comparison/comparison.h"

// What the files share that say in words what differs.

namespace slablab {

// A part of a sum, and by how much the candidate's is larger: thousandths an operation, or bytes.
struct Contribution {
  std::string name;
  int64_t difference = 0;
};

// "a", "a and b", "a, b and c".
std::string Listed(const std::vector<std::string>& parts);

// What the candidate holds at its peak beside the base, and where the difference is.
std::string MemoryParagraph(const LabelledResult& base, const LabelledResult& candidate);

}  // namespace slablab

#endif  // SLABLAB_REPORTS_COMPARISON_WORDS_H_
