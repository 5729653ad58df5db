// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "base/names.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/printable.h"
#include "fmt/format.h"

namespace slablab {
namespace {

struct Slips {
  size_t whole = 0;      // that turn the word into the name
  size_t beginning = 0;  // that turn it into the beginning of it that is nearest
};

// Insertions, deletions and substitutions that turn `a` into `b` (Levenshtein), where swapping two
// neighbouring letters counts as one slip (optimal string alignment).
Slips SlipsBetween(std::string_view a, std::string_view b) {
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
  return {.whole = cost[a.size()][b.size()],
          .beginning = *std::min_element(cost[a.size()].begin(), cost[a.size()].end())};
}

// How far the name is from what the word may be meant for; none if it is too far.
std::optional<size_t> Distance(std::string_view word, const std::string& name) {
  constexpr size_t kPartBytesMin = 4;  // A shorter one is in many names.
  const size_t slips_max = std::max<size_t>(1, word.size() / 3);
  if (name.starts_with(word)) return 0;
  const Slips slips = SlipsBetween(word, name);
  if (slips.whole <= slips_max) return slips.whole;
  if (word.size() < kPartBytesMin) return std::nullopt;
  if (name.find(word) != std::string::npos) return slips_max + 1;
  if (slips.beginning <= word.size() / 4) return slips_max + 1 + slips.beginning;
  return std::nullopt;
}

}  // namespace

std::vector<std::string> NearestNames(std::string_view word,
                                      const std::vector<std::string>& names) {
  constexpr size_t kNamesMax = 3;
  constexpr size_t kWordBytesMax = 64;  // Longer is no slip of the fingers.
  if (word.empty() || word.size() > kWordBytesMax) return {};
  std::vector<std::pair<size_t, std::string>> near;
  for (const std::string& name : names) {
    if (const std::optional<size_t> distance = Distance(word, name); distance.has_value()) {
      near.emplace_back(*distance, name);
    }
  }
  std::stable_sort(near.begin(), near.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  // What a slip explains leaves no room for what is further off.
  const size_t farthest = std::max<size_t>(1, word.size() / 3);
  if (!near.empty() && near.front().first <= farthest) {
    std::erase_if(near, [&](const auto& name) { return name.first > farthest; });
  }
  std::vector<std::string> nearest;
  for (size_t i = 0; i < std::min(near.size(), kNamesMax); ++i) nearest.push_back(near[i].second);
  return nearest;
}

std::string DidYouMean(std::string_view word, const std::vector<std::string>& names,
                       std::string_view prefix) {
  std::string hint;
  for (const std::string& name : NearestNames(word, names)) {
    hint += fmt::format("{}{}{}", hint.empty() ? " (did you mean " : ", ", prefix, name);
  }
  return hint.empty() ? hint : hint + "?)";
}

std::string UnknownNameText(std::string_view what, std::string_view name,
                            const std::vector<std::string>& valid) {
  constexpr size_t kShownBytesMax = 80;
  std::string shown = Printable(name.substr(0, kShownBytesMax));
  if (name.size() > kShownBytesMax) shown += "...";
  if (valid.empty()) return fmt::format("unknown {} '{}'; there is none", what, shown);
  return fmt::format("unknown {} '{}'{}; valid are: {}", what, shown, DidYouMean(name, valid),
                     fmt::join(valid, ", "));
}

absl::Status UnknownName(std::string_view what, std::string_view name,
                         const std::vector<std::string>& valid) {
  return absl::InvalidArgumentError(UnknownNameText(what, name, valid));
}

}  // namespace slablab
