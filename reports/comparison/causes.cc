// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "reports/breakdown.h"
#include "reports/comparison/words.h"
#include "reports/numbers.h"

// The causes of a difference, in numbers and in words.

namespace slablab {

const Metric& CyclesMetric() {
  static const Metric& metric = *FindMetric("cycles_per_operation");
  return metric;
}

uint64_t CyclesOf(const RunResult& result) { return CyclesMetric().of(result).value_or(0); }

std::string Amount(int64_t thousandths) {
  return Quotient(static_cast<uint64_t>(std::abs(thousandths)), 1000, 1);
}
std::string SignedAmount(int64_t thousandths) {
  return fmt::format("{}{}", thousandths < 0 ? "-" : "+", Amount(thousandths));
}

int64_t Told(uint64_t number) {
  return static_cast<int64_t>(std::min<uint64_t>(number, uint64_t{1} << 52));
}

int64_t PerOperation(const RunResult& result, uint64_t sum) {
  const uint64_t operations = result.totals().operations();
  if (operations == 0) return 0;
  const unsigned __int128 thousandths = static_cast<unsigned __int128>(sum) * 1000 / operations;
  return Told(static_cast<uint64_t>(std::min<unsigned __int128>(thousandths, uint64_t{1} << 63)));
}

std::vector<Contribution> ByCause(const RunResult& base, const RunResult& candidate) {
  std::vector<Contribution> parts;
  const auto add = [&](const RunResult& result, int sign) {
    for (const NamedSum& sum : BreakDown(result).allocator) {
      auto at = std::find_if(parts.begin(), parts.end(),
                             [&](const Contribution& part) { return part.name == sum.name; });
      if (at == parts.end()) at = parts.insert(parts.end(), {.name = sum.name, .difference = 0});
      at->difference += sign * PerOperation(result, sum.value);
    }
  };
  add(candidate, 1);
  add(base, -1);
  return parts;
}

std::vector<Contribution> ByStructure(const RunResult& base, const RunResult& candidate) {
  const StructureTouches of_base = TouchesByStructure(base);
  const StructureTouches of_candidate = TouchesByStructure(candidate);
  std::vector<Contribution> parts;
  for (size_t i = 0; i < kStructures; ++i) {
    parts.push_back(
        {.name = std::string(StructureName(static_cast<Structure>(i))),
         .difference = PerOperation(candidate, of_candidate.allocator[i].total_cycles()) -
                       PerOperation(base, of_base.allocator[i].total_cycles())});
  }
  return parts;
}

std::string Largest(std::vector<Contribution> parts, bool more, int64_t whole, size_t parts_max) {
  const int64_t tenth = std::abs(whole) / 10 + (whole % 10 != 0 ? 1 : 0);
  std::erase_if(parts, [&](const Contribution& part) {
    return (part.difference > 0) != more || std::abs(part.difference) < tenth ||
           std::abs(part.difference) < 100;
  });
  std::stable_sort(parts.begin(), parts.end(), [](const Contribution& a, const Contribution& b) {
    return std::abs(a.difference) > std::abs(b.difference);
  });
  if (parts.size() > parts_max) parts.resize(parts_max);
  std::vector<std::string> texts;
  for (const Contribution& part : parts) {
    texts.push_back(fmt::format("{} ({})", part.name, SignedAmount(part.difference)));
  }
  return Listed(texts);
}

std::string CausesSentence(const std::vector<Contribution>& parts, int64_t whole,
                           size_t parts_max) {
  const bool more = whole > 0;
  const std::string along = Largest(parts, more, whole, parts_max);
  const std::string against = Largest(parts, !more, whole, parts_max);
  if (along.empty() && against.empty()) return "";
  if (along.empty()) return fmt::format(" {} goes to {}.", more ? "Less" : "More", against);
  std::string text = fmt::format(" {} goes to {}", more ? "More" : "Less", along);
  if (!against.empty()) text += fmt::format(", {} to {}", more ? "less" : "more", against);
  return text + ".";
}

}  // namespace slablab
