// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_REPORTS_COMPARISON_SETTING_H_
#define SLABLAB_REPORTS_COMPARISON_SETTING_H_

#include <string>
#include <vector>

#include "reports/comparison/comparison.h"

namespace slablab {

struct RunNamed {
  std::string label;
  const RunResult* result;
};

// What reports/setting.h says of one run, of several: each thing once, with the runs that it is of.
std::vector<std::string> SettingInWords(ResultSet set);
std::vector<std::string> SettingInWords(absl::Span<const RunNamed> runs);

// What the runs' traces lack, each trace once; empty if nothing was lost.
std::vector<std::string> LossesInWords(absl::Span<const RunNamed> runs);

// What heads everything that is told of runs: what their traces lack, and their setting.
std::vector<std::string> HeadInWords(absl::Span<const RunNamed> runs);

}  // namespace slablab

#endif  // SLABLAB_REPORTS_COMPARISON_SETTING_H_
