// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_REPORTS_COMPARISON_COMPARISON_H_
#define SLABLAB_REPORTS_COMPARISON_COMPARISON_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "reports/result.pb.h"
#include "reports/tables.h"
#include "reports/text/text.h"

// Several results beside each other. The first is the base that the others are compared with. All
// of it is made from the results alone, in integers: the same results are the same bytes.

namespace slablab {

struct LabelledResult {
  std::string label;  // unique in its set: what reports call the run
  RunResult result;
  // The same run with other seeds, in the order that all runs of the set have. What is not told of
  // medians is told of `result`.
  std::vector<RunResult> further = {};
};
using ResultSet = absl::Span<const LabelledResult>;

// A field of RunConfig in which runs of a set differ.
struct Axis {
  std::string name;                 // "allocator", "cpus"
  std::vector<std::string> values;  // of each run, as a label has it: "slub", "16 CPUs"
};

// In what the runs' configurations differ, in the order of RunConfig; empty if in nothing. What the
// machine's name decides (its CPUs, nodes, clock and description) is left out where it does.
std::vector<Axis> AxesOf(absl::Span<const RunResult* const> results);

// The results with labels made from what they differ in: "slub", "slab 16 CPUs". Equal
// configurations are told apart by a number: "slub #2".
std::vector<LabelledResult> Labelled(std::vector<RunResult> results);

// The runs by something they have: for scaling curves.
struct Series {
  std::string name;          // what its runs have in common: "slub 2 nodes"
  std::string line;          // of that, the allocator, where they differ; else the name
  std::string panel;         // the rest; may be empty
  std::vector<size_t> runs;  // indices into the set, by CPUs ascending
};
// The runs in series along which the number of CPUs grows and all else stays, but what has to
// change with it (the machine's name and description; the trace, where each number of CPUs has its
// own). Empty unless some series has runs of two numbers of CPUs.
std::vector<Series> ScalingSeries(ResultSet set);

// What is compared, as a heading: "slub, slab on xeon-8380: hackbench". Of more names of a kind
// than `names_max` it says how many there are.
inline constexpr size_t kTitleNames = 8;
std::string ComparisonTitle(ResultSet set, size_t names_max = kTitleNames);
// The same in so many columns, if that can be.
std::string ShortTitle(ResultSet set, size_t columns);

// What differs and why, in words: a sentence or a few each, most important first. First what was
// compared, and reservations where the runs are not of one workload; then, for each run against the
// base, cycles with their largest causes, waiting, memory. A set too large for that is summed up
// instead: the best and the worst, and how each series scales. Of one run: what it cost, and why.
std::vector<std::string> DifferencesInWords(ResultSet set);

// The comparison for people: 80 columns of ASCII. A headline (reports/comparison/headline.h), what
// follows, words, metrics side by side, then for each other run the A/B table of base and
// candidate, and where the cycles went.
std::string ComparisonText(ResultSet set, const TextOptions& options);

// The A/B table alone: fit for a mailing list.
std::string DeltaText(const LabelledResult& base, const LabelledResult& candidate);

// As plain tables: "metrics" (a row a run and metric: unit, value), "delta" (a row a run but the
// base and metric: base, candidate, change in per cent, mark), "spread" (likewise over several
// seeds: medians, the median change and its interval, in hundredths of a per cent or of a point),
// and "callers_delta" (a row a run but the base, caller and cache).
std::vector<DataTable> DifferenceTables(ResultSet set);

// These, and every table of DataTables() with the run's label as first column.
std::vector<DataTable> ComparisonTables(ResultSet set);

}  // namespace slablab

#endif  // SLABLAB_REPORTS_COMPARISON_COMPARISON_H_
