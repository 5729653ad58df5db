// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_CLI_CMD_COMPARE_H_
#define SLABLAB_CLI_CMD_COMPARE_H_

#include <string>
#include <string_view>
#include <vector>

namespace slablab {

// Besides those of a simulation and of a result.
inline constexpr std::string_view kCompareFlags[] = {"allocators", "machines", "vary"};
inline constexpr std::string_view kDemoFlags[] = {"html"};

// `slablab compare`: one workload through several allocators, on several machines, or results that
// were kept, in one report.
int RunCompare(const std::vector<std::string>& arguments);

// `slablab demo`: every allocator on a bundled trace, and the HTML report of that.
int RunDemo(const std::vector<std::string>& arguments);

}  // namespace slablab

#endif  // SLABLAB_CLI_CMD_COMPARE_H_
