// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_RUNS_RECORDED_CACHE_WAYS_H_
#define SLABLAB_RUNS_RECORDED_CACHE_WAYS_H_

#include "allocators/allocator.h"
#include "reports/result.pb.h"
#include "traces/sidecar/recorded_sidecars.h"

namespace slablab {

// Enters in the result's kernel_match which caches worked otherwise when recorded: with CPU slabs
// where the model has sheaves, and so on. What the recording does not tell is not entered.
// REQUIRES: the result has its caches, and kernel_match the recorded allocator.
void NoteCachesOtherwise(const RecordedSidecars& sidecars, const Allocator& model,
                         RunResult& result);

}  // namespace slablab

#endif  // SLABLAB_RUNS_RECORDED_CACHE_WAYS_H_
