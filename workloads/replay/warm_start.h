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
// Nor is what kvfree_rcu's monitors hold, and when they look next: no file of the kernel says it,
// no event shows a batch that is handed over, and counters of what sheaves did not take
// (free_rcu_sheaf_fail) are since boot. The phase within the 5 seconds is any. So each monitor
// begins with the first object that it is given in the run, as if none had waited before.
//
// The objects made are given to `replay`, whose frees of objects older than the trace take them.
// Call after Replay::Prepare and before the run. ResourceExhausted if the machine has no room.
absl::Status WarmStart(const SlabSysfs& sysfs, Machine& machine, Allocator& allocator,
                       Replay& replay);

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_REPLAY_WARM_START_H_
