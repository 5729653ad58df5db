// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_CLI_NEAREST_H_
#define SLABLAB_CLI_NEAREST_H_

#include <string>
#include <string_view>
#include <vector>

namespace slablab {

// The names, three at most and best first, that `word` may have been meant for: those it begins,
// and those a few typing slips away. Names equally near keep the order of `names`.
std::vector<std::string> NearestNames(std::string_view word, const std::vector<std::string>& names);

// " (did you mean a, b?)" for those names, each preceded by `prefix`, or "" when none is near.
std::string DidYouMean(std::string_view word, const std::vector<std::string>& names,
                       std::string_view prefix = "");

}  // namespace slablab

#endif  // SLABLAB_CLI_NEAREST_H_
