// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_PERCPU_PROJECTION_H_
#define SLABLAB_ALLOCATORS_PERCPU_PROJECTION_H_

#include <cstdint>
#include <vector>

namespace slablab {

// What per-CPU areas take on machines of other sizes: arithmetic on layouts, no simulation.

// What there is to be placed, in each CPU's unit.
struct PercpuDemand {
  uint64_t area_bytes = 0;
  uint64_t extent_bytes = 0;  // with the holes between areas
};

struct PercpuProjected {
  int cpus = 0;
  int nodes = 0;
  uint64_t area_bytes = 0;
  // Linux 6.1, x86-64: the first chunk of all CPUs, the pages behind it, and four spare ones.
  uint64_t vm_held_bytes = 0;
  uint64_t vm_address_bytes = 0;  // of the chunks behind the first
  // On contiguous blocks. Several nodes cannot be served: 0.
  uint64_t km_held_bytes = 0;
  uint64_t km_wasted_bytes = 0;  // of this, what blocks of 2^n pages have too many
  bool km_too_large = false;     // a chunk's block is larger than the page allocator's largest
  // The same on 32 bits, where chunks are no larger than they must be.
  uint64_t vm32_address_bytes = 0;
  bool vm32_exhausted = false;  // more than its 128 MiB of vmalloc space
};

// For 1 to 4096 CPUs on one node and, from four CPUs on, on four; by CPUs, then nodes. Areas are
// packed as they are now.
std::vector<PercpuProjected> ProjectPercpu(const PercpuDemand& demand);

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_PERCPU_PROJECTION_H_
