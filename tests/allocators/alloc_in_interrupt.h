// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TESTS_ALLOCATORS_ALLOC_IN_INTERRUPT_H_
#define SLABLAB_TESTS_ALLOCATORS_ALLOC_IN_INTERRUPT_H_

#include "allocators/allocator.h"
#include "sim/core/arrival.h"
#include "sim/core/cpu.h"
#include "sim/core/task.h"
#include "tests/allocators/allocator_machine.h"

namespace slablab {

// Allocates in an interrupt.
struct AllocInInterrupt : RemoteCall {
  AllocInInterrupt(AllocatorMachine& m, CacheId id, Gfp gfp) : machine(m), cache(id), flags(gfp) {}
  Task<void> Run(Cpu& cpu) override {
    const Placement placement = co_await machine.allocator().Alloc(cpu, cache, flags, kAnyNode);
    object = placement.object;
  }
  AllocatorMachine& machine;
  const CacheId cache;
  const Gfp flags;
  PhysAddr object;
};

}  // namespace slablab

#endif  // SLABLAB_TESTS_ALLOCATORS_ALLOC_IN_INTERRUPT_H_
