// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_CLI_CMD_VERIFY_H_
#define SLABLAB_CLI_CMD_VERIFY_H_

#include <string>
#include <string_view>
#include <vector>

#include "cli/command.h"

namespace slablab {

inline constexpr Format kVerifyFormats[] = {Format::kText, Format::kJson};
inline constexpr std::string_view kVerifyFlags[] = {"format", "cpu_count"};

// slablab verify FILE...
// Status 0 only if the models agree with every file.
int RunVerify(const std::vector<std::string>& arguments);

}  // namespace slablab

#endif  // SLABLAB_CLI_CMD_VERIFY_H_
