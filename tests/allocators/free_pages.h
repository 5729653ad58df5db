// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TESTS_ALLOCATORS_FREE_PAGES_H_
#define SLABLAB_TESTS_ALLOCATORS_FREE_PAGES_H_

#include <map>
#include <utility>
#include <vector>

#include "sim/core/cpu.h"
#include "sim/machine.h"
#include "sim/pages/page_allocator.h"

namespace slablab {

// Stands before the machine's page allocator, keeps what is freed and hands it out again, touching
// nothing and taking no time: what a slab allocator does itself is then all that is seen. Each call
// is one point at which others may run.
class FreePages : public PageAllocator {
 public:
  explicit FreePages(Machine& machine) : machine_(machine), behind_(machine.pages()) {}

  Task<PhysAddr> Alloc(Cpu& cpu, const PageRequest& request) override {
    co_await cpu.Sync();
    if (failing_) co_return PhysAddr();
    const NodeId node = request.node == kAnyNode ? cpu.node() : request.node;
    std::vector<PhysAddr>& blocks = kept_[{node, request.order}];
    if (blocks.empty()) {
      const PhysAddr block = co_await behind_.Alloc(cpu, request);
      co_return block;
    }
    const PhysAddr block = blocks.back();
    blocks.pop_back();
    co_return block;
  }
  Task<void> Free(Cpu& cpu, PhysAddr block, int order) override {
    co_await cpu.Sync();
    kept_[{machine_.NodeOf(block), order}].push_back(block);
  }
  void set_failing(bool failing) { failing_ = failing; }

 private:
  Machine& machine_;
  PageAllocator& behind_;
  std::map<std::pair<NodeId, int>, std::vector<PhysAddr>> kept_;
  bool failing_ = false;
};

}  // namespace slablab

#endif  // SLABLAB_TESTS_ALLOCATORS_FREE_PAGES_H_
