// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_REPORTS_TEXT_TEXT_H_
#define SLABLAB_REPORTS_TEXT_TEXT_H_

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "reports/result.pb.h"

namespace slablab {

// What can be listed of each cache, as sysfs has it: its slabs by node, and the objects in its
// CPUs' queues, in those that CPUs share and in those of other nodes' objects; in parentheses the
// room.
inline constexpr std::array<std::string_view, 4> kQueueLists = {"slabs", "queue", "shared",
                                                                "alien"};

struct TextOptions {
  bool colour = false;
  // Rows of a table whose length depends on the input (caches, CPUs, locks, skipped reasons); the
  // rest is counted in a last line. 0: all of them.
  size_t rows_max = 12;
  // Which lists of queues' content to show (kQueueLists), in the order of that; empty: none.
  std::vector<std::string> queue_lists = {};
};

// The report of one run, for people: 80 columns of ASCII, the same bytes for the same result and
// options. First a headline: what it cost, in words that can be quoted; then what follows.
// docs/report.md explains every number. Sections that a result has nothing for are left out.
std::string TextReport(const RunResult& result, const TextOptions& options);

// Of that, the sentences of the headline.
std::vector<std::string> HeadlineSentences(const RunResult& result);

// Of that, the comparison with the kernel's own counters alone; empty if the result has none.
std::string KernelComparisonText(const RunResult& result, const TextOptions& options);

}  // namespace slablab

#endif  // SLABLAB_REPORTS_TEXT_TEXT_H_
