// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TESTS_SIM_PAGES_FAULTY_PAGE_ALLOCATOR_H_
#define SLABLAB_TESTS_SIM_PAGES_FAULTY_PAGE_ALLOCATOR_H_

#include <cstdint>

#include "sim/core/cpu.h"
#include "sim/pages/page_allocator.h"

namespace slablab {

// Stands before a page allocator and fails some allocations, for tests of what an allocator does
// then:
//
//   FaultyPageAllocator faulty(machine.pages(), {.fail_call = 7});
//   machine.set_pages(&faulty);
//
// A failed call touches nothing and takes no time.
class FaultyPageAllocator : public PageAllocator {
 public:
  struct Faults {
    uint64_t fail_call = 0;         // this one, counted from 1; 0: none
    uint64_t fail_from_call = 0;    // this one and all after it; 0: none
    int order_max = kMaxPageOrder;  // any of a higher order
  };
  FaultyPageAllocator(PageAllocator& behind, const Faults& faults)
      : behind_(behind), faults_(faults) {}

  Task<PhysAddr> Alloc(Cpu& cpu, const PageRequest& request) override {
    ++calls_;
    const bool fails = calls_ == faults_.fail_call ||
                       (faults_.fail_from_call != 0 && calls_ >= faults_.fail_from_call) ||
                       request.order > faults_.order_max;
    if (fails) {
      ++failed_;
      return Nothing();
    }
    return behind_.Alloc(cpu, request);
  }
  Task<void> Free(Cpu& cpu, PhysAddr block, int order) override {
    ++frees_;
    return behind_.Free(cpu, block, order);
  }

  void set_faults(const Faults& faults) { faults_ = faults; }
  uint64_t calls() const { return calls_; }
  uint64_t failed() const { return failed_; }
  uint64_t frees() const { return frees_; }

 private:
  static Task<PhysAddr> Nothing() { co_return PhysAddr(); }

  PageAllocator& behind_;
  Faults faults_;
  uint64_t calls_ = 0;
  uint64_t failed_ = 0;
  uint64_t frees_ = 0;
};

}  // namespace slablab

#endif  // SLABLAB_TESTS_SIM_PAGES_FAULTY_PAGE_ALLOCATOR_H_
