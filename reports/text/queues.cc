// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "base/printable.h"
#include "reports/breakdown.h"
#include "reports/numbers.h"
#include "reports/text/sections.h"

// What each cache's queues hold at the end, list by list.

namespace slablab {
namespace {

// The states behind kQueueLists.
constexpr std::array<FigureValue::Role, kQueueLists.size()> kStates = {
    FigureValue::SLABS, FigureValue::QUEUED, FigureValue::SHARED, FigureValue::ALIEN};

const FigureValue* StateOf(const CacheStats& cache, FigureValue::Role role) {
  for (const FigureValue& state : cache.states()) {
    if (state.role() == role) return &state;
  }
  return nullptr;
}

// As in sysfs: "75(240) C0=40(120) C1=35(120)".
std::string FigureText(const FigureValue& figure) {
  std::string text = fmt::format("{}", figure.value());
  if (figure.has_parentheses()) text += fmt::format("({})", figure.in_parentheses());
  for (const FigurePart& part : figure.parts()) {
    text += fmt::format(" {}{}={}", figure.per() == "cpu" ? 'C' : 'N', part.index(), part.value());
    if (figure.has_parentheses()) text += fmt::format("({})", part.in_parentheses());
  }
  return text;
}

}  // namespace

void AppendQueueLists(const RunResult& result, const TextOptions& options, TextPage& page) {
  std::vector<std::pair<std::string_view, FigureValue::Role>> lists;
  for (size_t i = 0; i < kQueueLists.size(); ++i) {
    const std::vector<std::string>& asked = options.queue_lists;
    if (std::find(asked.begin(), asked.end(), kQueueLists[i]) == asked.end()) continue;
    lists.emplace_back(kQueueLists[i], kStates[i]);
  }
  if (lists.empty()) return;
  page.Heading("What the queues hold at the end (objects, room in parentheses)");
  // Those with most in the queues first; of slabs alone, those with most slabs.
  std::vector<std::pair<uint64_t, const CacheStats*>> caches;
  for (const CacheStats& cache : result.caches()) {
    uint64_t queued = 0;
    uint64_t slabs = 0;
    for (const auto& [list, state] : lists) {
      const FigureValue* const figure = StateOf(cache, state);
      if (figure == nullptr) continue;
      (state == FigureValue::SLABS ? slabs : queued) += figure->value();
    }
    constexpr uint64_t kSlabsMax = (uint64_t{1} << 32) - 1;
    if (queued + slabs > 0) {
      caches.emplace_back((queued << 32) + std::min(slabs, kSlabsMax), &cache);
    }
  }
  std::stable_sort(caches.begin(), caches.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  const size_t shown = ShownRows(caches.size(), options);
  for (size_t i = 0; i < shown; ++i) {
    page.Line(Shortened(PrintableAscii(caches[i].second->name()), kTextColumns));
    for (const auto& [list, state] : lists) {
      const FigureValue* const figure = StateOf(*caches[i].second, state);
      if (figure != nullptr) page.Labelled(fmt::format("  {}", list), FigureText(*figure));
    }
  }
  if (shown < caches.size()) {
    page.Line(fmt::format("... and {} more of {} caches that hold any",
                          Grouped(caches.size() - shown), Grouped(caches.size())));
  }
  if (caches.empty()) page.Paragraph("This allocator's caches hold nothing in such lists.");
}

}  // namespace slablab
