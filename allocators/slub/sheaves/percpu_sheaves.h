// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_SLUB_SHEAVES_PERCPU_SHEAVES_H_
#define SLABLAB_ALLOCATORS_SLUB_SHEAVES_PERCPU_SHEAVES_H_

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "allocators/percpu/areas.h"
#include "allocators/slub/core/structures.h"
#include "allocators/slub/sheaves/barn.h"
#include "allocators/slub/sheaves/sheaf.h"
#include "base/check.h"
#include "base/types.h"
#include "sim/cache/lazy_array.h"
#include "sim/core/cpu.h"
#include "sim/core/fields.h"

namespace slablab {

// struct slub_percpu_sheaves: 32 bytes of a per-CPU area, not aligned to a line. The lock is a
// local_trylock_t: a byte that says that this CPU is in here, and preemption off. Interrupts stay
// on, and one that comes in between finds it taken and does without sheaves.
struct alignas(64) CpuSheaves {
  static constexpr uint32_t kLockAt = 0;
  static constexpr uint32_t kMainAt = 8;
  static constexpr uint32_t kSpareAt = 16;
  static constexpr uint32_t kRcuFreeAt = 24;
  static constexpr uint32_t kBytes = 32;

  // A CPU whose work item met the lock's holder here, and waits until he is done.
  struct Waiter {
    Cpu* cpu = nullptr;
    Waiter* next = nullptr;
    bool waits = false;
  };

  bool placed = false;
  PerCpu<bool> acquired;
  PerCpu<SlabSheaf*> main;      // allocated from and freed to; never null
  PerCpu<SlabSheaf*> spare;     // null: none
  PerCpu<SlabSheaf*> rcu_free;  // what kvfree_rcu() gathers; null: none
  Waiter* waiters = nullptr;

  // local_trylock().
  bool TryLock(Cpu& cpu) {
    if (cpu.Load(acquired)) return false;
    cpu.Store(acquired, true);
    return true;
  }
  // local_lock(). REQUIRES: no interrupt, so that nobody can be in here.
  void Lock(Cpu& cpu) { CHECK(TryLock(cpu)); }
  void Unlock(Cpu& cpu) {
    cpu.Store(acquired, false);
    if (waiters != nullptr) [[unlikely]] {
      WakeWaiters(cpu);
    }
  }
  void WakeWaiters(Cpu& cpu);
  // The rest: with the lock, or of a CPU that is off line.
  void SwapMainAndSpare(Cpu& cpu) {
    SlabSheaf* const old_main = cpu.Load(main);
    cpu.Store(main, cpu.Load(spare));
    cpu.Store(spare, old_main);
  }
  SlabSheaf& Install(Cpu& cpu, PerCpu<SlabSheaf*>& slot, SlabSheaf& sheaf) {
    sheaf.state = SlabSheaf::State::kPercpu;
    cpu.Store(slot, &sheaf);
    return sheaf;
  }
  // What was in `slot`, which has nothing now.
  SlabSheaf* Detach(Cpu& cpu, PerCpu<SlabSheaf*>& slot) {
    SlabSheaf* const sheaf = cpu.Load(slot);
    cpu.Store(slot, nullptr);
    if (sheaf != nullptr) sheaf->state = SlabSheaf::State::kHeld;
    return sheaf;
  }
};

// What a cache has of sheaves.
struct CacheSheaves final : FrontCache {
  CacheSheaves(int possible_cpus, int nodes)
      : first_main(static_cast<size_t>(possible_cpus)),
        cpus(static_cast<size_t>(possible_cpus)),
        barns(static_cast<size_t>(nodes)) {}

  // The main sheaf of each CPU whose CpuSheaves is not placed yet; null: it has none yet.
  std::vector<SlabSheaf*> first_main;
  LazyArray<CpuSheaves> cpus;
  std::vector<std::unique_ptr<NodeBarn>> barns;  // by node; null: it has none
  std::vector<SlabSheaf*> away;                  // users', and those that wait for a grace period
  // max_full_sheaves and max_empty_sheaves: of each barn. They lie beside the capacity.
  uint32_t full_max = 0;
  uint32_t empty_max = 0;
  uint32_t coming_capacity = 0;  // while it is being changed
};

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_SLUB_SHEAVES_PERCPU_SHEAVES_H_
