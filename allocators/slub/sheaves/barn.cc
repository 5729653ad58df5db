// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "allocators/slub/sheaves/barn.h"

#include "base/check.h"

namespace slablab {

// list_add().
void SheafList::Add(Cpu& cpu, SlabSheaf& sheaf) {
  sheaf.next = cpu.Load(first);
  if (sheaf.next != nullptr) cpu.Touch(sheaf.next->At(SlabSheaf::kLinksAt), Access::kWrite);
  cpu.Touch(sheaf.At(SlabSheaf::kLinksAt), Access::kWrite);
  cpu.Store(first, &sheaf);
  cpu.Store(count, cpu.Load(count) + 1);
  sheaf.state = SlabSheaf::State::kBarn;
}

// list_del() of the first.
SlabSheaf& SheafList::Take(Cpu& cpu) {
  SlabSheaf* const sheaf = cpu.Load(first);
  CHECK(sheaf != nullptr);
  cpu.Touch(sheaf->At(SlabSheaf::kLinksAt), Access::kRead);
  if (sheaf->next != nullptr) cpu.Touch(sheaf->next->At(SlabSheaf::kLinksAt), Access::kWrite);
  cpu.Store(first, sheaf->next);
  cpu.Touch(sheaf->At(SlabSheaf::kLinksAt), Access::kWrite);
  cpu.Store(count, cpu.Load(count) - 1);
  sheaf->next = nullptr;
  sheaf->state = SlabSheaf::State::kHeld;
  return *sheaf;
}

// list_splice_init().
SlabSheaf* SheafList::TakeAll(Cpu& cpu) {
  SlabSheaf* const all = cpu.Load(first);
  cpu.Store(first, nullptr);
  cpu.Store(count, 0);
  for (SlabSheaf* sheaf = all; sheaf != nullptr; sheaf = sheaf->next) {
    sheaf->state = SlabSheaf::State::kHeld;
  }
  return all;
}

Task<SlabSheaf*> NodeBarn::GetEmpty(Cpu& cpu) {
  const uint32_t seen = co_await CountEmpty(cpu);
  if (seen == 0) co_return nullptr;
  SlabSheaf* sheaf = nullptr;
  const IrqFlags flags = cpu.IrqSave();
  {
    const SpinGuard guard = co_await lock.Acquire(cpu);
    if (cpu.Load(empty.count) > 0) sheaf = &empty.Take(cpu);
  }
  co_await cpu.IrqRestore(flags);
  co_return sheaf;
}

Task<SlabSheaf*> NodeBarn::GetFullOrEmpty(Cpu& cpu) {
  uint32_t seen = co_await CountFull(cpu);
  if (seen == 0) seen = co_await CountEmpty(cpu);
  if (seen == 0) co_return nullptr;
  SlabSheaf* sheaf = nullptr;
  const IrqFlags flags = cpu.IrqSave();
  {
    const SpinGuard guard = co_await lock.Acquire(cpu);
    if (cpu.Load(full.count) > 0) {
      sheaf = &full.Take(cpu);
    } else if (cpu.Load(empty.count) > 0) {
      sheaf = &empty.Take(cpu);
    }
  }
  co_await cpu.IrqRestore(flags);
  co_return sheaf;
}

Task<bool> NodeBarn::PutEmpty(Cpu& cpu, SlabSheaf& sheaf) {
  CHECK_EQ(sheaf.size, 0u);
  return PutInto(cpu, empty, sheaf);
}

Task<bool> NodeBarn::PutFull(Cpu& cpu, SlabSheaf& sheaf) { return PutInto(cpu, full, sheaf); }

Task<bool> NodeBarn::PutInto(Cpu& cpu, SheafList& list, SlabSheaf& sheaf) {
  bool put = false;
  const IrqFlags flags = cpu.IrqSave();
  {
    const SpinGuard guard = co_await lock.Acquire(cpu);
    put = sheaf.capacity == capacity;
    if (put) list.Add(cpu, sheaf);
  }
  co_await cpu.IrqRestore(flags);
  co_return put;
}

// The limit of empties does not matter: there are as many sheaves as before.
Task<SlabSheaf*> NodeBarn::ReplaceEmpty(Cpu& cpu, SlabSheaf& sheaf) {
  const uint32_t seen = co_await CountFull(cpu);
  if (seen == 0) co_return nullptr;
  SlabSheaf* got = nullptr;
  const IrqFlags flags = cpu.IrqSave();
  {
    const SpinGuard guard = co_await lock.Acquire(cpu);
    if (cpu.Load(full.count) > 0) {
      got = &full.Take(cpu);
      empty.Add(cpu, sheaf);
    }
  }
  co_await cpu.IrqRestore(flags);
  co_return got;
}

Task<NodeBarn::Exchange> NodeBarn::ReplaceFull(Cpu& cpu, SlabSheaf& sheaf, uint32_t full_max) {
  const uint32_t full_seen = co_await CountFull(cpu);
  if (full_seen >= full_max) co_return Exchange{.too_many_full = true};
  const uint32_t empty_seen = co_await CountEmpty(cpu);
  if (empty_seen == 0) co_return Exchange{};
  Exchange exchange;
  const IrqFlags flags = cpu.IrqSave();
  {
    const SpinGuard guard = co_await lock.Acquire(cpu);
    if (cpu.Load(empty.count) > 0) {
      exchange.empty = &empty.Take(cpu);
      full.Add(cpu, sheaf);
    }
  }
  co_await cpu.IrqRestore(flags);
  co_return exchange;
}

Task<NodeBarn::Contents> NodeBarn::TakeAll(Cpu& cpu, uint32_t next_capacity) {
  Contents contents;
  const IrqFlags flags = cpu.IrqSave();
  {
    const SpinGuard guard = co_await lock.Acquire(cpu);
    contents.full = full.TakeAll(cpu);
    contents.empty = empty.TakeAll(cpu);
    capacity = next_capacity;
  }
  co_await cpu.IrqRestore(flags);
  co_return contents;
}

}  // namespace slablab
