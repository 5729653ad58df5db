// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_CLI_CMD_REPORT_H_
#define SLABLAB_CLI_CMD_REPORT_H_

#include <string>
#include <vector>

namespace slablab {

// slablab report RESULT
int RunReport(const std::vector<std::string>& arguments);

}  // namespace slablab

#endif  // SLABLAB_CLI_CMD_REPORT_H_
