// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_CLI_RUN_RESULT_H_
#define SLABLAB_CLI_RUN_RESULT_H_

#include "allocators/allocator.h"
#include "reports/result.pb.h"
#include "sim/machine.h"
#include "workloads/replay.h"

namespace slablab {

// Fills everything of `result` but its configuration, the trace's digest, assumptions and the
// comparison with the kernel, from what is left when a replay has ended.
void GatherResult(Machine& machine, const Allocator& allocator, const Replay& replay,
                  RunResult& result);

}  // namespace slablab

#endif  // SLABLAB_CLI_RUN_RESULT_H_
