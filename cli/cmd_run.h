// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_CLI_CMD_RUN_H_
#define SLABLAB_CLI_CMD_RUN_H_

#include <string>
#include <vector>

namespace slablab {

// `slablab run`: a trace or a workload through an allocator on a machine.
int RunRun(const std::vector<std::string>& arguments);

}  // namespace slablab

#endif  // SLABLAB_CLI_CMD_RUN_H_
