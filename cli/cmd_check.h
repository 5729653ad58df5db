// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_CLI_CMD_CHECK_H_
#define SLABLAB_CLI_CMD_CHECK_H_

#include <string>
#include <string_view>
#include <vector>

namespace slablab {

// `slablab check`: holds the runs of a suite to their baselines.
inline constexpr std::string_view kCheckFlags[] = {"update", "junit", "workers"};
int RunCheck(const std::vector<std::string>& arguments);

}  // namespace slablab

#endif  // SLABLAB_CLI_CMD_CHECK_H_
