// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_PERCPU_AREAS_H_
#define SLABLAB_ALLOCATORS_PERCPU_AREAS_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "sim/cpu.h"
#include "sim/machine.h"
#include "sim/task.h"
#include "sim/types.h"

// Per-CPU areas: where the models' per-CPU structures lie, so that these cost what they cost.

namespace slablab {

// An area that every possible CPU has a copy of. Null: none.
struct PercpuArea {
  int32_t chunk = -1;
  uint32_t offset = 0;  // in each CPU's unit, in bytes
  uint32_t bytes = 0;
  bool is_null() const { return chunk < 0; }
};

struct PercpuRequest {
  uint32_t bytes = 0;  // 1 .. 32 KiB
  uint32_t align = 0;  // a power of two up to a page
};

// Calls must come one at a time, as under the kernel's pcpu_alloc_mutex.
class PercpuAreas {
 public:
  virtual ~PercpuAreas() = default;
  // A zeroed area, or null when there are no pages. May take pages: not with interrupts off.
  virtual Task<PercpuArea> Alloc(Cpu& cpu, PercpuRequest request) = 0;
  virtual Task<void> Free(Cpu& cpu, PercpuArea area) = 0;
  // Where byte `at` of the CPU's copy is. Copies are contiguous only within a page.
  virtual PhysAddr AddressOn(PercpuArea area, CpuId cpu, uint32_t at) const = 0;
  // Bytes of memory held, over all possible CPUs.
  virtual uint64_t bytes_held() const = 0;
};

// First fit over chunks of one unit per possible CPU, each on its CPU's node. The first chunk is
// the dynamic part of the kernel's (PERCPU_DYNAMIC_RESERVE), from boot memory; further ones are of
// the minimum unit size (PCPU_MIN_UNIT_SIZE, Linux 6.1), and get their pages, for all possible CPUs
// together, when an area first needs them; they lose them when they are empty.
//
// Not modelled: the block hints and the balancing of populated pages that make the kernel's choice
// of a chunk differ from first fit.
std::unique_ptr<PercpuAreas> MakeFirstFitPercpuAreas(Machine& machine);

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_PERCPU_AREAS_H_
