// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_CLI_CMD_SWEEP_H_
#define SLABLAB_CLI_CMD_SWEEP_H_

#include <string>
#include <string_view>
#include <vector>

#include "cli/command.h"

namespace slablab {

// `slablab sweep plan`: the points of a sweep, a line each.
inline constexpr std::string_view kSweepPlanFlags[] = {"folder", "shard", "limit"};
int RunSweepPlan(const std::vector<std::string>& arguments);

// `slablab sweep run`: does the points of a shard that are not done.
inline constexpr std::string_view kSweepRunFlags[] = {"folder", "shard", "workers"};
int RunSweepRun(const std::vector<std::string>& arguments);

// `slablab sweep merge`: one result of them all.
inline constexpr Format kSweepMergeFormats[] = {Format::kText, Format::kTsv,   Format::kCsv,
                                                Format::kJson, Format::kProto, Format::kHtml};
inline constexpr std::string_view kSweepMergeFlags[] = {"folder", "format", "metrics", "output"};
int RunSweepMerge(const std::vector<std::string>& arguments);

}  // namespace slablab

#endif  // SLABLAB_CLI_CMD_SWEEP_H_
