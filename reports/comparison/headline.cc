// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "reports/comparison/headline.h"

#include <algorithm>
#include <cstdlib>
#include <numeric>
#include <utility>

#include "base/check.h"
#include "fmt/format.h"
#include "reports/breakdown.h"
#include "reports/comparison/headline_words.h"
#include "reports/comparison/words.h"
#include "reports/delta.h"
#include "reports/numbers.h"

// What a headline ranks and measures.

namespace slablab {
namespace {

const Metric& WorkMetric() {
  static const Metric& metric = *FindMetric("work_per_second");
  return metric;
}
const Metric& HeldMetric() {
  static const Metric& metric = *FindMetric("peak_held_bytes");
  return metric;
}

// What ranks: work done a second, where all count the same; else cycles.
const Metric& RankedBy(const Sides& sides) {
  const std::string* unit = nullptr;
  for (const Side& side : sides.sides) {
    for (const RunResult* run : side.runs) {
      if (run == nullptr) continue;
      if (unit == nullptr) unit = &run->totals().work_unit();
      if (!WorkMetric().of(*run).has_value() || run->totals().work_unit() != *unit) {
        return CyclesMetric();
      }
    }
  }
  return unit == nullptr ? CyclesMetric() : WorkMetric();
}

bool IsBetter(const Metric& metric, uint64_t a, uint64_t b) {
  return metric.better == Better::kMore ? a > b : a < b;
}

// In how many settings, by its first seed, no side is better than each; of equals the first.
std::vector<size_t> Wins(const Sides& sides, const Metric& metric) {
  std::vector<size_t> wins(sides.sides.size());
  const size_t seeds = std::max<size_t>(sides.seeds(), 1);
  for (size_t k = 0; k < sides.sides[0].runs.size(); k += seeds) {
    std::optional<size_t> best;
    uint64_t best_value = 0;
    for (size_t i = 0; i < sides.sides.size(); ++i) {
      const RunResult* run = sides.sides[i].runs[k];
      const std::optional<uint64_t> value = run == nullptr ? std::nullopt : metric.of(*run);
      if (!value.has_value()) continue;
      if (best.has_value() && !IsBetter(metric, *value, best_value)) continue;
      best = i;
      best_value = *value;
    }
    if (best.has_value()) ++wins[*best];
  }
  return wins;
}

// The sides, best first: by their medians, or over several settings by how they moved.
std::vector<size_t> Ranking(const Sides& sides, const Metric& metric) {
  std::vector<std::optional<int64_t>> keys;
  for (const Side& side : sides.sides) {
    std::optional<int64_t> key;
    if (sides.settings == 1) {
      if (const auto median = MedianOf(metric, side); median.has_value()) {
        key = static_cast<int64_t>(std::min<uint64_t>(*median, INT64_MAX));
      }
    } else if (const auto change = ChangeOf(metric, sides.sides[0], side, sides.settings);
               change.has_value()) {
      key = change->median;
    }
    if (key.has_value() && metric.better == Better::kMore) key = -*key;
    keys.push_back(key);
  }
  std::vector<size_t> order(sides.sides.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    if (keys[a].has_value() != keys[b].has_value()) return keys[a].has_value();
    return keys[a].has_value() && *keys[a] < *keys[b];
  });
  return order;
}

// "messages/s"
std::string RateTitle(const Sides& sides) {
  for (const RunResult* run : sides.sides[0].runs) {
    if (run != nullptr) return run->totals().work_unit() + "/s";
  }
  return "work/s";
}

HeadlineRow RowOf(const Sides& sides, size_t i, const Metric& metric) {
  const Side& base = sides.sides[0];
  const Side& side = sides.sides[i];
  HeadlineRow row{.label = side.label, .is_base = i == 0};
  if (sides.settings == 1) {
    row.value = ShortMetricText(metric, MedianOf(metric, side));
    if (&metric == &CyclesMetric()) {
      const std::optional<uint64_t> together = MedianTogether(side);
      row.second = together.has_value() ? Quotient(*together, 1000, 1) : "-";
    } else {
      row.second = ShortMetricText(CyclesMetric(), MedianOf(CyclesMetric(), side));
    }
    const std::optional<uint64_t> held = MedianOf(HeldMetric(), side);
    row.held = held.has_value() ? Bytes(*held) : "-";
  }
  if (i == 0) return row;
  row.change = ChangeText(metric, base, side, sides.settings);
  row.spread = ChangeOf(metric, base, side, sides.settings);
  row.held_change = ChangeText(HeldMetric(), base, side, sides.settings);
  return row;
}

}  // namespace

Sides SidesOf(ResultSet set) {
  size_t seeds = kSpreadMost;
  for (const LabelledResult& run : set) seeds = std::min(seeds, run.further.size() + 1);
  Sides sides;
  for (const LabelledResult& run : set) {
    Side& side = sides.sides.emplace_back(Side{.label = run.label, .runs = {&run.result}});
    for (size_t i = 0; i + 1 < seeds; ++i) side.runs.push_back(&run.further[i]);
  }
  return sides;
}

std::optional<Spread> ChangeOf(const Metric& metric, const Side& base, const Side& side,
                               size_t settings) {
  std::vector<int64_t> changes;
  for (size_t k = 0; k < base.runs.size(); ++k) {
    if (base.runs[k] == nullptr || side.runs[k] == nullptr) continue;
    const std::optional<uint64_t> from = metric.of(*base.runs[k]);
    const std::optional<uint64_t> to = metric.of(*side.runs[k]);
    if (!from.has_value() || !to.has_value()) continue;
    const std::optional<int64_t> change = ChangeInHundredths(metric, *from, *to);
    if (change.has_value()) changes.push_back(*change);
  }
  if (changes.empty()) return std::nullopt;
  const bool sample = settings == 1 && changes.size() <= kSpreadMost;
  return sample ? SpreadOf(std::move(changes)) : RangeOf(std::move(changes));
}

std::optional<uint64_t> MedianOf(const Metric& metric, const Side& side) {
  std::vector<uint64_t> values;
  for (const RunResult* run : side.runs) {
    const std::optional<uint64_t> value = run == nullptr ? std::nullopt : metric.of(*run);
    if (value.has_value()) values.push_back(*value);
  }
  return MedianOf(std::move(values));
}

std::string ChangeText(const Metric& metric, const Side& base, const Side& side, size_t settings) {
  if (base.runs.size() == 1 && base.runs[0] != nullptr && side.runs[0] != nullptr) {
    return ChangeText(metric, metric.of(*base.runs[0]), metric.of(*side.runs[0]));
  }
  const std::optional<Spread> change = ChangeOf(metric, base, side, settings);
  if (!change.has_value()) return "-";
  const bool nothing = change->low == 0 && change->high == 0;
  return nothing ? "0" : HundredthsText(metric, change->median);
}

Headline HeadlineOf(const Sides& sides, size_t causes_max) {
  CHECK_GE(sides.sides.size(), 2u);
  Headline headline;
  const Metric& metric = RankedBy(sides);
  headline.metric = &metric;
  const bool by_work = &metric != &CyclesMetric();
  headline.value_title = by_work ? RateTitle(sides) : "cycles/op";
  headline.second_title = by_work ? "cycles/op" : "with use";
  const std::vector<size_t> order = Ranking(sides, metric);
  const std::vector<size_t> wins = Wins(sides, metric);
  for (const size_t i : order) {
    headline.rows.push_back(RowOf(sides, i, metric));
    headline.rows.back().wins = wins[i];
  }
  headline.best = order[0];
  headline.other = order[0] == 0 ? order[1] : order[0];
  const HeadlineWords words(sides, headline, causes_max);
  headline.reservations = words.Reservations();
  headline.sentences = {words.Winner(wins), words.Memory(), words.HowSure()};
  headline.machine = words.Machine();
  headline.kernel = words.Kernel();
  return headline;
}

}  // namespace slablab
