// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_WORKLOADS_REPLAY_WARM_START_H_
#define SLABLAB_WORKLOADS_REPLAY_WARM_START_H_

#include "absl/status/status.h"
#include "allocators/allocator.h"
#include "sim/machine.h"
#include "traces/sidecar/sidecar.h"
#include "workloads/replay/replay.h"

namespace slablab {

// Brings the allocator to the state that /sys/kernel/slab had when the recording began, as far as
// its figures tell: for every cache, on every node as many slabs as there were, as many of them
// partial with as many free objects in all, as many slabs on each CPU's partial list, and a CPU
// slab wherever a CPU had allocated; and of a kernel with sheaves that counted (CONFIG_SLUB_STATS)
// as many objects in each CPU's sheaves and full sheaves in each node's barn, which follow from its
// counters. Which objects of a slab are free is not known; nor is what is free in CPU slabs.
//
// The objects made are given to `replay`, whose frees of objects older than the trace take them.
// Call after Replay::Prepare and before the run. ResourceExhausted if the machine has no room.
absl::Status WarmStart(const SlabSysfs& sysfs, Machine& machine, Allocator& allocator,
                       Replay& replay);

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_REPLAY_WARM_START_H_
