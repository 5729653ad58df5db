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
#include "reports/delta.h"
#include "reports/numbers.h"

// Memory, in words.

namespace slablab {
namespace {

// So that differences fit.
int64_t Fitting(uint64_t bytes) {
  return static_cast<int64_t>(std::min<uint64_t>(bytes, uint64_t{1} << 61));
}

// The causes of one sign, largest first, at most three, those of a tenth of `whole` at least: "free
// slots in slabs (+1.3M)".
std::string LargestBytes(std::vector<Contribution> parts, bool more, int64_t whole) {
  std::erase_if(parts, [&](const Contribution& part) {
    return part.difference == 0 || (part.difference > 0) != more ||
           std::abs(part.difference) < whole / 10;
  });
  std::stable_sort(parts.begin(), parts.end(), [](const Contribution& a, const Contribution& b) {
    return std::abs(a.difference) > std::abs(b.difference);
  });
  if (parts.size() > 3) parts.resize(3);
  std::vector<std::string> texts;
  for (const Contribution& part : parts) {
    texts.push_back(fmt::format("{} ({}{})", part.name, part.difference < 0 ? "-" : "+",
                                Bytes(static_cast<uint64_t>(std::abs(part.difference)))));
  }
  return Listed(texts);
}

}  // namespace

std::string Listed(const std::vector<std::string>& parts) {
  std::string text;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) text += i + 1 == parts.size() ? " and " : ", ";
    text += parts[i];
  }
  return text;
}

std::string MemoryParagraph(const LabelledResult& base, const LabelledResult& candidate) {
  if (!base.result.has_footprint_peak() || !candidate.result.has_footprint_peak()) return "";
  const FootprintSample& from = base.result.footprint_peak();
  const FootprintSample& to = candidate.result.footprint_peak();
  const MemoryHeld held_from = HeldBy(from);
  const MemoryHeld held_to = HeldBy(to);
  const Metric& held = *FindMetric("peak_held_bytes");
  const Mark mark = MarkOf(held, held_from.total, held_to.total);
  if (mark == Mark::kEqual || mark == Mark::kAbout) {
    return fmt::format(
        "{} holds about as much memory in all when most is in slabs as {}, {} ({} in slabs).",
        candidate.label, base.label, Bytes(held_to.total), Bytes(held_to.slabs_total));
  }
  std::vector<Contribution> parts;
  for (const auto list : {&MemoryHeld::in_slabs, &MemoryHeld::besides}) {
    for (size_t i = 0; i < (held_to.*list).size(); ++i) {
      const NamedSum& part = (held_to.*list)[i];
      parts.push_back({.name = part.name,
                       .difference = Fitting(part.value) - Fitting((held_from.*list)[i].value)});
    }
  }
  std::string text = fmt::format("{} holds {} in all when most is in slabs ({}), {} {} ({}): {}",
                                 candidate.label, Bytes(held_to.total), Bytes(held_to.slabs_total),
                                 base.label, Bytes(held_from.total), Bytes(held_from.slabs_total),
                                 ChangeText(held, held_from.total, held_to.total));
  const bool more = held_to.total > held_from.total;
  const int64_t whole = std::abs(Fitting(held_to.total) - Fitting(held_from.total));
  const std::string along = LargestBytes(parts, more, whole);
  const std::string against = LargestBytes(parts, !more, whole);
  if (!along.empty()) text += fmt::format(", {} {}", more ? "more" : "less", along);
  if (!against.empty()) text += fmt::format("; {} {}", more ? "less" : "more", against);
  return text + ".";
}

}  // namespace slablab
