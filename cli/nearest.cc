// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "cli/nearest.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace slablab {
namespace {

// Insertions, deletions and substitutions that turn `a` into `b` (Levenshtein), where swapping two
// neighbouring letters counts as one slip (optimal string alignment).
size_t SlipsBetween(std::string_view a, std::string_view b) {
  std::vector<std::vector<size_t>> cost(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) cost[i][0] = i;
  for (size_t j = 0; j <= b.size(); ++j) cost[0][j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t substitution = cost[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, substitution});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
      }
    }
  }
  return cost[a.size()][b.size()];
}

}  // namespace

std::vector<std::string> NearestNames(std::string_view word,
                                      const std::vector<std::string>& names) {
  constexpr size_t kNamesMax = 3;
  constexpr size_t kWordBytesMax = 64;  // Longer is no slip of the fingers.
  if (word.empty() || word.size() > kWordBytesMax) return {};
  const size_t slips_max = std::max<size_t>(1, word.size() / 3);
  std::vector<std::pair<size_t, std::string>> near;
  for (const std::string& name : names) {
    if (std::string_view(name).substr(0, word.size()) == word) {
      near.emplace_back(0, name);
    } else if (const size_t slips = SlipsBetween(word, name); slips <= slips_max) {
      near.emplace_back(slips, name);
    }
  }
  std::stable_sort(near.begin(), near.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> nearest;
  for (size_t i = 0; i < std::min(near.size(), kNamesMax); ++i) nearest.push_back(near[i].second);
  return nearest;
}

std::string DidYouMean(std::string_view word, const std::vector<std::string>& names,
                       std::string_view prefix) {
  std::string hint;
  for (const std::string& name : NearestNames(word, names)) {
    absl::StrAppend(&hint, hint.empty() ? " (did you mean " : ", ",
                    absl::string_view(prefix.data(), prefix.size()), name);
  }
  return hint.empty() ? hint : hint + "?)";
}

}  // namespace slablab
