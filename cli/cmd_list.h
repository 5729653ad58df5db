// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_CLI_CMD_LIST_H_
#define SLABLAB_CLI_CMD_LIST_H_

#include <string>
#include <string_view>
#include <vector>

#include "cli/command.h"

namespace slablab {

inline constexpr Format kListFormats[] = {Format::kText, Format::kTsv, Format::kCsv, Format::kJson};
inline constexpr std::string_view kListFlags[] = {"format", "output"};

// "allocators|machines|...": what there is to list.
std::string_view ListTopics();

// `slablab list`: what there is to name, from the tables that are asked when it is named.
int RunList(const std::vector<std::string>& arguments);

}  // namespace slablab

#endif  // SLABLAB_CLI_CMD_LIST_H_
