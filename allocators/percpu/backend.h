// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_PERCPU_BACKEND_H_
#define SLABLAB_ALLOCATORS_PERCPU_BACKEND_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "allocators/percpu/areas.h"
#include "allocators/percpu/layout.h"
#include "base/types.h"
#include "sim/core/cpu.h"
#include "sim/core/task.h"
#include "sim/machine.h"
#include "sim/pages/gfp.h"

// Where the memory of chunks behind the first comes from. The kernel is built with one of two.

namespace slablab {

// A chunk's memory.
struct PercpuMemory {
  std::vector<PhysAddr> pages;  // by CPU, then page of its unit; null: not populated
  uint64_t base = 0;            // vm: where it lies in the address space
  PhysAddr block;               // km: the contiguous block
};

struct PageRange {
  int first = 0;
  int end = 0;
};

// Calls come one at a time, under the percpu allocator's mutex. They update the usage given at the
// making.
class PercpuBackend {
 public:
  virtual ~PercpuBackend() = default;
  // False: a chunk has all its pages from its creation on.
  virtual bool populates_on_demand() const = 0;
  // Answers false, having changed nothing, if there is no room. `memory.pages` has its size.
  virtual Task<bool> Create(Cpu& cpu, PercpuMemory& memory, Gfp gfp) = 0;
  // REQUIRES: nothing is populated any more, if it populates on demand.
  virtual Task<void> Destroy(Cpu& cpu, PercpuMemory& memory) = 0;
  // The range's pages, for all possible CPUs or, answering false, for none.
  virtual Task<bool> Populate(Cpu& cpu, PercpuMemory& memory, PageRange range, Gfp gfp) = 0;
  virtual Task<void> Depopulate(Cpu& cpu, PercpuMemory& memory, PageRange range) = 0;
};

// Linux 6.1, mm/percpu-vm.c: address space for every unit, pages when they are needed, each on its
// CPU's node; groups lie as far apart as in the first chunk.
std::unique_ptr<PercpuBackend> MakePercpuVm(Machine& machine, const PercpuLayout& layout,
                                            uint64_t vmalloc_bytes, PercpuUsage& usage);
// mm/percpu-km.c: one contiguous block of 2^n pages a chunk, all at once; one group only.
std::unique_ptr<PercpuBackend> MakePercpuKm(Machine& machine, const PercpuLayout& layout,
                                            PercpuUsage& usage);

// Whether km can serve such a layout; InvalidArgument with the kernel's reason if not.
// (pcpu_verify_alloc_info)
absl::Status VerifyPercpuKm(const PercpuLayout& layout);

// The pages that km wastes of each chunk, because blocks are powers of two.
uint64_t PercpuKmWastedPages(const PercpuLayout& layout);

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_PERCPU_BACKEND_H_
