// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_SLUB_SHEAVES_BARN_H_
#define SLABLAB_ALLOCATORS_SLUB_SHEAVES_BARN_H_

#include <cstdint>

#include "allocators/slub/sheaves/sheaf.h"
#include "base/types.h"
#include "sim/core/cpu.h"
#include "sim/core/fields.h"
#include "sim/core/spinlock.h"
#include "sim/core/task.h"

namespace slablab {

// A barn's list of sheaves, last in first out. Guarded by the barn's lock, and its sheaves' links
// with it.
struct SheafList {
  SheafList(const SpinLock* lock, Place head, Place length)
      : first(lock, head), count(lock, length) {}

  Guarded<SlabSheaf*> first;
  Guarded<uint32_t> count;  // nr_full, nr_empty

  void Add(Cpu& cpu, SlabSheaf& sheaf);
  // REQUIRES: not empty.
  SlabSheaf& Take(Cpu& cpu);
  // All of them, in their order, linked by `next`; null: it was empty.
  SlabSheaf* TakeAll(Cpu& cpu);
};

// struct node_barn: sheaves that the CPUs of a node leave for each other. Whether there is any is
// asked without the lock first; so are the limits, which may be overrun for it.
class NodeBarn {
 public:
  static constexpr uint64_t kBytes = 48;

  // Of a cache whose sheaves have room for `holds` objects.
  NodeBarn(PhysAddr where, LockClass* lock_class, uint32_t holds)
      : address(where),
        capacity(holds),
        lock(lock_class, {where, Structure::kLock}),
        full(&lock, At(kFullAt), At(kNrFullAt)),
        empty(&lock, At(kEmptyAt), At(kNrEmptyAt)) {}
  NodeBarn(const NodeBarn&) = delete;

  // Null: there is none.
  Task<SlabSheaf*> GetEmpty(Cpu& cpu);
  Task<SlabSheaf*> GetFullOrEmpty(Cpu& cpu);
  // Whatever the limits. False: the capacity has changed since the sheaf was made; it stays the
  // caller's.
  Task<bool> PutEmpty(Cpu& cpu, SlabSheaf& sheaf);
  Task<bool> PutFull(Cpu& cpu, SlabSheaf& sheaf);
  // A full one for `sheaf`. Null: there is none, and `sheaf` stays the caller's.
  Task<SlabSheaf*> ReplaceEmpty(Cpu& cpu, SlabSheaf& sheaf);
  // An empty one for `sheaf`, unless there are `full_max` full ones already.
  struct Exchange {
    SlabSheaf* empty = nullptr;  // null: `sheaf` stays the caller's
    bool too_many_full = false;
  };
  Task<Exchange> ReplaceFull(Cpu& cpu, SlabSheaf& sheaf, uint32_t full_max);
  // Everything that is in it. Only sheaves of `next_capacity` are let in from then on.
  struct Contents {
    SlabSheaf* full = nullptr;
    SlabSheaf* empty = nullptr;
  };
  Task<Contents> TakeAll(Cpu& cpu, uint32_t next_capacity);
  // A list's length without the lock: old the moment it is known.
  auto CountFull(Cpu& cpu) const { return cpu.LoadUnlocked(full.count); }
  auto CountEmpty(Cpu& cpu) const { return cpu.LoadUnlocked(empty.count); }

  const PhysAddr address;
  uint32_t capacity;  // of the sheaves that are let in; changed with the lock
  SpinLock lock;
  SheafList full;
  SheafList empty;

 private:
  Task<bool> PutInto(Cpu& cpu, SheafList& list, SlabSheaf& sheaf);

  static constexpr uint64_t kFullAt = 8;
  static constexpr uint64_t kEmptyAt = 24;
  static constexpr uint64_t kNrFullAt = 40;
  static constexpr uint64_t kNrEmptyAt = 44;
  Place At(uint64_t byte) const { return {address + byte, Structure::kBarn}; }
};

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_SLUB_SHEAVES_BARN_H_
