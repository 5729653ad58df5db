// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_SIM_PAGES_PAGE_ALLOCATOR_H_
#define SLABLAB_SIM_PAGES_PAGE_ALLOCATOR_H_

#include <cstdint>

#include "base/types.h"
#include "sim/core/task.h"
#include "sim/pages/gfp.h"

namespace slablab {

class Cpu;

// What the page allocator is asked for.
struct PageRequest {
  int order = 0;           // 2^order pages, 0 .. kMaxPageOrder
  NodeId node = kAnyNode;  // preferred; kAnyNode = the CPU's own. Others follow unless kThisNode.
  Gfp gfp = kGfpKernel;
};
inline constexpr int kMaxPageOrder = 10;  // MAX_ORDER - 1 of Linux 6.1

// Pages in blocks of 2^order. The interface that models see; sim/pages/buddy_allocator.h is the
// buddy system behind it, and tests put faults in between.
class PageAllocator {
 public:
  virtual ~PageAllocator() = default;
  // The block's address (aligned to its size), or null.
  virtual Task<PhysAddr> Alloc(Cpu& cpu, const PageRequest& request) = 0;
  // REQUIRES: a block that Alloc answered, with its order.
  virtual Task<void> Free(Cpu& cpu, PhysAddr block, int order) = 0;
};

// Who can give memory back when it is short: the kernel's shrinkers.
class Reclaimer {
 public:
  virtual ~Reclaimer() = default;
  // Gives up what it can do without, of `node` or, kAnyNode, of all nodes. In task context,
  // interrupts on. Answers how many bytes it let go of; 0: there is no use in asking again.
  virtual Task<uint64_t> Reclaim(Cpu& cpu, NodeId node) = 0;
};

}  // namespace slablab

#endif  // SLABLAB_SIM_PAGES_PAGE_ALLOCATOR_H_
