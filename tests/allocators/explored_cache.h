// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TESTS_ALLOCATORS_EXPLORED_CACHE_H_
#define SLABLAB_TESTS_ALLOCATORS_EXPLORED_CACHE_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tests/allocators/allocator_machine.h"
#include "tests/allocators/explored_program.h"
#include "tests/allocators/free_pages.h"

namespace slablab {

// One order's fresh cache, its objects, and an account, kept outside of the model, of what was done
// with them: no object twice, none lost.
class ExploredCache {
 public:
  // `gfp`: of what tasks allocate; interrupts do so atomically.
  ExploredCache(AllocatorMachine& machine, CacheId cache, Gfp gfp = kGfpAtomic)
      : m_(machine), cache_(cache), gfp_(gfp) {}

  CacheId cache() const { return cache_; }

  // --- Set-up, one operation at a time. ---
  PhysAddr AllocNow(int cpu, NodeId node = kAnyNode);
  std::vector<PhysAddr> AllocNow(int cpu, int count);
  void FreeNow(int cpu, PhysAddr object);
  void ShrinkNow() { m_.Shrink(0, cache_); }

  // --- Operations of the explored program. ---
  Piece Alloc(int cpu, Priority priority = Priority::kTask, NodeId node = kAnyNode);
  Piece Free(int cpu, PhysAddr object, Priority priority = Priority::kTask);
  Piece Shrink(int cpu);

  // --- The account. ---
  void Audit();
  // Gives everything back. Nothing else may be done with it any more.
  void TearDown();

 protected:
  Allocator& allocator() { return m_.allocator(); }
  void Got(PhysAddr object);
  void Gone(PhysAddr object);
  uint64_t allocs() const { return allocs_; }
  uint64_t frees() const { return frees_; }
  uint64_t Count(std::string_view name) const { return m_.Count(cache_, name); }

 private:
  AllocatorMachine& m_;
  const CacheId cache_;
  const Gfp gfp_;
  std::set<PhysAddr> live_;
  uint64_t allocs_ = 0;
  uint64_t frees_ = 0;
};

// What came of all orders.
struct Exploration {
  uint64_t orders = 0;
  std::map<std::string, uint64_t> counters;  // at the ends of orders, summed

  void AddCounters(const AllocatorMachine& machine, CacheId cache);
  uint64_t operator[](const std::string& name) const {
    const auto found = counters.find(name);
    return found == counters.end() ? 0 : found->second;
  }
};

// A machine for some of the orders, with pages that are handed out again at once.
template <typename TheMachine>
struct ExploredMachine {
  template <typename... Arguments>
  explicit ExploredMachine(const Arguments&... arguments) : m(arguments...), pages(m.machine()) {
    m.machine().set_pages(&pages);
  }
  Scheduler& scheduler() { return m.machine().scheduler(); }

  TheMachine m;
  FreePages pages;
};

}  // namespace slablab

#endif  // SLABLAB_TESTS_ALLOCATORS_EXPLORED_CACHE_H_
