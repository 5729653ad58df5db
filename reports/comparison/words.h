// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_REPORTS_COMPARISON_WORDS_H_
#define SLABLAB_REPORTS_COMPARISON_WORDS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "reports/comparison/comparison.h"
#include "reports/metrics.h"

// What the files share that say in words what differs.

namespace slablab {

// A part of a sum, and by how much the candidate's is larger: thousandths an operation, or bytes.
struct Contribution {
  std::string name;
  int64_t difference = 0;
};

// "a", "a and b", "a, b and c".
std::string Listed(const std::vector<std::string>& parts);

// A number as a part of sums and differences: nothing that was measured reaches 2^52, and what a
// damaged result says is cut to that, so that the sums of hundreds and twenty times a part fit.
int64_t Told(uint64_t number);

// Cycles an operation in the allocator, in thousandths; PerOperation() is Told().
const Metric& CyclesMetric();
uint64_t CyclesOf(const RunResult& result);
int64_t PerOperation(const RunResult& result, uint64_t sum);

// Thousandths, with one decimal: "431.4", "+12.3".
std::string Amount(int64_t thousandths);
std::string SignedAmount(int64_t thousandths);

// The parts of the difference in cycles, by cause: they add up to it. By what is touched: a part of
// the same cycles.
std::vector<Contribution> ByCause(const RunResult& base, const RunResult& candidate);
std::vector<Contribution> ByStructure(const RunResult& base, const RunResult& candidate);

// Parts are told that are a tenth of the whole.
inline constexpr size_t kPartsTold = 3;
// The largest of one sign, most first: "x (-1.2) and y (-0.8)".
std::string Largest(std::vector<Contribution> parts, bool more, int64_t whole,
                    size_t parts_max = kPartsTold);
// " Less goes to x (-1.2) and y (-0.8), more to z (+0.5)." The sign of the whole first.
std::string CausesSentence(const std::vector<Contribution>& parts, int64_t whole,
                           size_t parts_max = kPartsTold);

// The parts of the difference in memory held at the peak. Either may lack a peak.
std::vector<Contribution> MemoryParts(const RunResult& base, const RunResult& candidate);
// ", more x (+1.3M); less y (-96.0K)"
std::string MemoryCauses(const std::vector<Contribution>& parts, int64_t whole,
                         size_t parts_max = kPartsTold);
// What the candidate holds at its peak beside the base, and where the difference is.
std::string MemoryParagraph(const LabelledResult& base, const LabelledResult& candidate);

}  // namespace slablab

#endif  // SLABLAB_REPORTS_COMPARISON_WORDS_H_
