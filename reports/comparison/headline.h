// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_REPORTS_COMPARISON_HEADLINE_H_
#define SLABLAB_REPORTS_COMPARISON_HEADLINE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reports/comparison/comparison.h"
#include "reports/comparison/spread.h"
#include "reports/metrics.h"

// What a comparison comes to, in a few lines: three sentences, a ranked table, the machine and the
// kernels. Every word is made from the same figures as the sections below it. Of several seeds the
// figures are medians, and changes are those of runs of one seed, so that what chance does to both
// sides alike is in neither.

namespace slablab {

// What is compared: an allocator, say. All sides have as many runs, and the k-th of one stands
// beside the k-th of another: the same setting, the same seed. Null: there is none.
struct Side {
  std::string label;
  std::vector<const RunResult*> runs;
};
struct Sides {
  std::vector<Side> sides;  // the first is the base
  size_t settings = 1;      // the runs are of so many, with as many seeds each, the seeds of one
                            // setting together
  size_t seeds() const { return sides.empty() ? 0 : sides[0].runs.size() / settings; }
};
// Each run is a side, with its seeds.
Sides SidesOf(ResultSet set);

// How a metric moved from the base, pair by pair: hundredths of a per cent, or of a point. Over
// several settings the range. Nothing where no pair can say.
std::optional<Spread> ChangeOf(const Metric& metric, const Side& base, const Side& side,
                               size_t settings);
// Nothing if no run has a value.
std::optional<uint64_t> MedianOf(const Metric& metric, const Side& side);
// Of one pair as elsewhere, else the median's.
std::string ChangeText(const Metric& metric, const Side& base, const Side& side, size_t settings);

struct HeadlineRow {
  std::string label;
  bool is_base = false;
  std::string value = {};   // of what is ranked by; of one setting
  std::string second = {};  // cycles with what users pay, or where work is ranked cycles; likewise
  std::string change = {};
  std::optional<Spread> spread = {};
  size_t wins = 0;  // settings in which none is better
  std::string held = {};
  std::string held_change = {};
};

struct Headline {
  const Metric* metric = nullptr;  // what is ranked by
  std::string value_title;
  std::string second_title;
  std::string reservations;            // what all is subject to; empty: to nothing
  std::vector<std::string> sentences;  // who wins and why; memory; how sure
  std::vector<HeadlineRow> rows;       // best first
  size_t best = 0;                     // of the sides
  size_t other = 0;                    // the side that the sentences set beside the base
  std::string machine;
  std::string kernel;
};

// `causes_max`: how many parts are told of a difference in each direction; 0: none, and nothing but
// what must be said. REQUIRES: two sides.
Headline HeadlineOf(const Sides& sides, size_t causes_max);

// 80 columns, at most 25 lines.
inline constexpr size_t kHeadlineLines = 25;
std::string HeadlineText(const Sides& sides, std::string_view title, bool colour);

// For a mailing list (reports/text/mail.h), at most kMailLines unless `commands` take more.
std::string MailText(const Sides& sides, std::string_view title,
                     const std::vector<std::vector<std::string>>& commands);

}  // namespace slablab

#endif  // SLABLAB_REPORTS_COMPARISON_HEADLINE_H_
