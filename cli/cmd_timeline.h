// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_CLI_CMD_TIMELINE_H_
#define SLABLAB_CLI_CMD_TIMELINE_H_

#include <string>
#include <vector>

namespace slablab {

// `slablab timeline`: a run, operation by operation, as a trace for Perfetto's viewer.
int RunTimeline(const std::vector<std::string>& arguments);

}  // namespace slablab

#endif  // SLABLAB_CLI_CMD_TIMELINE_H_
