// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_RUNS_EXPERIMENTS_ARRAY_FOOTPRINT_H_
#define SLABLAB_RUNS_EXPERIMENTS_ARRAY_FOOTPRINT_H_

#include <cstdint>
#include <functional>

#include "allocators/slab/policy.h"

// What the arrays of SLAB's CPUs cost in memory: by arithmetic, as the patch that moved them to the
// percpu allocator counted them, and by booting the models.

namespace slablab {

struct ArrayFootprintQuery {
  int cpus = 1024;  // possible ones
  int caches = 300;
  int entries = 120;  // of each CPU's array of each cache
  int pointer_bytes = 8;
};

// Pointers alone: CPUs * bytes of a pointer * caches * entries.
uint64_t PointerBytes(const ArrayFootprintQuery& query);
// With each array's header of 16 bytes; the percpu allocator gives out multiples of 4 bytes.
uint64_t ArrayBytes(const ArrayFootprintQuery& query);

struct MeasuredArrays {
  uint64_t arrays_bytes = 0;  // areas of the percpu allocator, or what kmalloc() gave
  uint64_t held_bytes = 0;  // by SLAB and the percpu allocator in all: slabs, chunks, large blocks
};

// Boots SLAB of the policy on so many CPUs, 64 a node, makes so many caches, those of the boot
// included, and gives each arrays of so many entries. Pointers have 8 bytes. REQUIRES: entries fit
// the largest area, 32 KiB; caches are no fewer than the boot's. `progress` is told how much of
// twice the caches is done.
MeasuredArrays MeasureArrays(const ArrayFootprintQuery& query, const SlabPolicy& policy,
                             const std::function<void(uint64_t)>& progress);
// How many caches there are when SLAB of the policy has booted.
int BootCaches(const SlabPolicy& policy);

}  // namespace slablab

#endif  // SLABLAB_RUNS_EXPERIMENTS_ARRAY_FOOTPRINT_H_
