// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_CLI_CMD_LIST_H_
#define SLABLAB_CLI_CMD_LIST_H_

#include <string>
#include <vector>

namespace slablab {

// `slablab list allocators|machines|metrics|workloads`: what there is to name, a line each.
int RunList(const std::vector<std::string>& arguments);

}  // namespace slablab

#endif  // SLABLAB_CLI_CMD_LIST_H_
