// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_CLI_CMD_TRACE_STAT_H_
#define SLABLAB_CLI_CMD_TRACE_STAT_H_

#include <string>
#include <string_view>
#include <vector>

#include "cli/command.h"

namespace slablab {

inline constexpr Format kTraceStatFormats[] = {Format::kText, Format::kJson, Format::kCsv};
inline constexpr std::string_view kTraceStatFlags[] = {"caller", "alloc", "cache",
                                                       "sort",   "limit", "format"};

// slablab trace stat TRACE
int RunTraceStat(const std::vector<std::string>& arguments);

}  // namespace slablab

#endif  // SLABLAB_CLI_CMD_TRACE_STAT_H_
