// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_CLI_CMD_DIFF_H_
#define SLABLAB_CLI_CMD_DIFF_H_

#include <string>
#include <string_view>
#include <vector>

namespace slablab {

// `slablab diff`: the first operation at which two runs part.
inline constexpr std::string_view kDiffFlags[] = {"trace"};
int RunDiffCommand(const std::vector<std::string>& arguments);

}  // namespace slablab

#endif  // SLABLAB_CLI_CMD_DIFF_H_
