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

// The causes of one sign, largest first, those of a tenth of `whole` at least: "free slots in slabs
// (+1.3M)".
std::string LargestBytes(std::vector<Contribution> parts, bool more, int64_t whole,
                         size_t parts_max) {
  std::erase_if(parts, [&](const Contribution& part) {
    return part.difference == 0 || (part.difference > 0) != more ||
           std::abs(part.difference) < whole / 10;
  });
  std::stable_sort(parts.begin(), parts.end(), [](const Contribution& a, const Contribution& b) {
    return std::abs(a.difference) > std::abs(b.difference);
  });
  if (parts.size() > parts_max) parts.resize(parts_max);
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

std::vector<Contribution> MemoryParts(const RunResult& base, const RunResult& candidate) {
  const MemoryHeld from = HeldBy(base.footprint_peak());
  const MemoryHeld to = HeldBy(candidate.footprint_peak());
  std::vector<Contribution> parts;
  for (const auto list : {&MemoryHeld::in_slabs, &MemoryHeld::besides}) {
    for (size_t i = 0; i < (to.*list).size(); ++i) {
      const NamedSum& part = (to.*list)[i];
      parts.push_back(
          {.name = part.name, .difference = Told(part.value) - Told((from.*list)[i].value)});
    }
  }
  return parts;
}

std::string MemoryCauses(const std::vector<Contribution>& parts, int64_t whole, size_t parts_max) {
  const bool more = whole > 0;
  const std::string along = LargestBytes(parts, more, std::abs(whole), parts_max);
  const std::string against = LargestBytes(parts, !more, std::abs(whole), parts_max);
  std::string text;
  if (!along.empty()) text += fmt::format(", {} {}", more ? "more" : "less", along);
  if (!against.empty()) text += fmt::format("; {} {}", more ? "less" : "more", against);
  return text;
}

std::string MemoryParagraph(const LabelledResult& base, const LabelledResult& candidate) {
  if (!base.result.has_footprint_peak() || !candidate.result.has_footprint_peak()) return "";
  const MemoryHeld from = HeldBy(base.result.footprint_peak());
  const MemoryHeld to = HeldBy(candidate.result.footprint_peak());
  const Metric& held = *FindMetric("peak_held_bytes");
  const Mark mark = MarkOf(held, from.total, to.total);
  if (mark == Mark::kEqual || mark == Mark::kAbout) {
    return fmt::format(
        "{} holds about as much memory in all when most is in slabs as {}, {} ({} in slabs).",
        candidate.label, base.label, Bytes(to.total), Bytes(to.slabs_total));
  }
  return fmt::format("{} holds {} in all when most is in slabs ({}), {} {} ({}): {}{}.",
                     candidate.label, Bytes(to.total), Bytes(to.slabs_total), base.label,
                     Bytes(from.total), Bytes(from.slabs_total),
                     ChangeText(held, from.total, to.total),
                     MemoryCauses(MemoryParts(base.result, candidate.result),
                                  Told(to.total) - Told(from.total)));
}

}  // namespace slablab
