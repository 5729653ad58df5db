// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Freeing into sheaves, where the main one has no room; and of many objects at a time.

#include <algorithm>
#include <array>
#include <utility>

#include "allocators/slub/sheaves/layer.h"
#include "base/check.h"

namespace slablab {

// An empty sheaf of the barn, the spare sheaf, one that is allocated, or the spare one flushed.
Task<SheafLayer::Found> SheafLayer::ReplaceFullMain(Cpu& cpu, KmemCache& s) {
  const SiteScope site(cpu, SiteOf(SlubAt::kReplaceFullMain));
  cpu.Execute(kSlubSlowCycles);
  CpuSheaves& pcs = On(s, cpu.id());
  for (;;) {
    NodeBarn* const barn = Serves(cpu, s, pcs) ? BarnOf(cpu, s) : nullptr;
    if (barn == nullptr) {
      pcs.Unlock(cpu);
      co_return Found::kNothing;
    }
    SlabSheaf& main = *cpu.Load(pcs.main);
    SlabSheaf* const spare = cpu.Load(pcs.spare);
    const uint32_t capacity = main.capacity;
    bool put_failed = false;
    if (spare == nullptr) {
      SlabSheaf* const empty = co_await barn->GetEmpty(cpu);
      if (empty != nullptr) {
        pcs.Install(cpu, pcs.spare, main);
        pcs.Install(cpu, pcs.main, *empty);
        co_return Found::kBarn;
      }
    } else if (spare->LoadSize(cpu) < capacity) {
      pcs.SwapMainAndSpare(cpu);
      co_return Found::kSpare;
    } else {
      const NodeBarn::Exchange exchange = co_await barn->ReplaceFull(cpu, main, Of(s).full_max);
      if (exchange.empty != nullptr) {
        Count(cpu, s, SlubStat::kBarnPut);
        pcs.Install(cpu, pcs.main, *exchange.empty);
        co_return Found::kBarn;
      }
      if (exchange.too_many_full) {
        Count(cpu, s, SlubStat::kBarnPutFail);
        pcs.Detach(cpu, pcs.spare);
        pcs.Unlock(cpu);
        co_await FlushUnused(cpu, s, *spare);
        const bool installed = co_await InstallEmpty(cpu, s, *barn, *spare);
        co_return installed ? Found::kFlushed : Found::kNothing;
      }
      put_failed = true;
    }
    pcs.Unlock(cpu);
    const Found found = co_await MakeRoom(cpu, s, *barn, put_failed);
    // An interrupt may have filled the main sheaf again.
    if (found == Found::kFlushed && IsFull(cpu, *cpu.Load(pcs.main))) continue;
    co_return found;
  }
}

// An empty sheaf from memory, else the main one flushed. Answers as ReplaceFullMain does, except
// that a main sheaf that was flushed may be full again.
Task<SheafLayer::Found> SheafLayer::MakeRoom(Cpu& cpu, KmemCache& s, NodeBarn& barn,
                                             bool put_failed) {
  SlabSheaf* const empty = co_await AllocEmpty(cpu, s, FreeGfp());
  if (empty != nullptr) {
    const bool installed = co_await InstallEmpty(cpu, s, barn, *empty);
    co_return installed ? Found::kNew : Found::kNothing;
  }
  if (put_failed) Count(cpu, s, SlubStat::kBarnPutFail);
  const bool flushed = co_await FlushMain(cpu, s, Lock::kTry);
  if (!flushed || !On(s, cpu.id()).TryLock(cpu)) co_return Found::kNothing;
  co_return Found::kFlushed;
}

// __pcs_install_empty_sheaf(), with the lock taken first: an interrupt may have changed everything
// meanwhile. Answers whether the lock is taken, with a main sheaf that has room.
Task<bool> SheafLayer::InstallEmpty(Cpu& cpu, KmemCache& s, NodeBarn& barn, SlabSheaf& empty) {
  CpuSheaves& pcs = On(s, cpu.id());
  if (!pcs.TryLock(cpu)) {
    co_await LeaveEmpty(cpu, barn, empty);
    co_return false;
  }
  const uint32_t capacity = cpu.Load(s.sheaf_capacity);
  if (!IsCurrent(s, pcs, empty)) {
    pcs.Unlock(cpu);
    co_await FreeSheaf(cpu, empty);
    co_return false;
  }
  SlabSheaf& main = *cpu.Load(pcs.main);
  SlabSheaf* const spare = cpu.Load(pcs.spare);
  if (spare == nullptr) {
    pcs.Install(cpu, pcs.spare, main);
    pcs.Install(cpu, pcs.main, empty);
    co_return true;
  }
  if (main.LoadSize(cpu) < capacity) {
    co_await LeaveEmpty(cpu, barn, empty);
    co_return true;
  }
  if (spare->LoadSize(cpu) < capacity) {
    pcs.SwapMainAndSpare(cpu);
    co_await LeaveEmpty(cpu, barn, empty);
    co_return true;
  }
  // The barn had room for a full one, but no empty one to give for it; whatever its limit is now.
  pcs.Install(cpu, pcs.main, empty);
  main.state = SlabSheaf::State::kHeld;
  co_await LeaveFull(cpu, s, barn, main);
  co_return true;
}

// Objects of other nodes go to their slabs, the others into sheaves as long as there are any with
// room: none is allocated or flushed for it. All are taken from their user first.
Task<void> SheafLayer::FreeBulk(Cpu& cpu, KmemCache& s, absl::Span<PhysAddr> objects) {
  std::array<PhysAddr, kSetAsideMax> aside;
  absl::Span<PhysAddr> remote;
  if (policy_.bulk_free == SheafPolicy::BulkFree::kPartition) {
    remote = objects.subspan(0, Partition(cpu, s, objects));
    objects = objects.subspan(remote.size());
  } else {
    const SetAside set = co_await SetAsideRemote(cpu, s, objects, absl::MakeSpan(aside));
    remote = {aside.data(), set.remote};
    objects = objects.subspan(0, set.local);
  }
  while (!objects.empty()) {
    const size_t freed = co_await FreeBatch(cpu, s, objects);
    if (freed == 0) {
      co_await FreeToSlabs(cpu, s, objects);
      break;
    }
    objects = objects.subspan(freed);
  }
  if (!remote.empty()) co_await FreeToSlabs(cpu, s, remote);
}

// slab_free_hook() and can_free_to_pcs(): the object is its user's no longer.
bool SheafLayer::TakeBackLocal(Cpu& cpu, KmemCache& s, PhysAddr object) {
  Slab& slab = *core_.SlabOf(object);
  CHECK(slab.cache == &s);
  TakeBack(s, slab, s.IndexOf(slab, object));
  cpu.Touch(slab.PageOf(object.frame()), Access::kRead);
  return MayFreeToSheaf(cpu, core_.NodeOf(cpu, slab));
}

// 7.3: those that go past the sheaves to the front, each by an exchange with the first of the
// others. Answers how many they are.
size_t SheafLayer::Partition(Cpu& cpu, KmemCache& s, absl::Span<PhysAddr> objects) {
  size_t remote = 0;
  for (size_t i = 0; i < objects.size(); ++i) {
    if (TakeBackLocal(cpu, s, objects[i])) continue;
    if (i != remote) std::swap(objects[i], objects[remote]);
    ++remote;
  }
  return remote;
}

// To 7.2: into `aside`, which is emptied into the slabs when it is full; the request's last object
// takes the place of each.
Task<SheafLayer::SetAside> SheafLayer::SetAsideRemote(Cpu& cpu, KmemCache& s,
                                                      absl::Span<PhysAddr> objects,
                                                      absl::Span<PhysAddr> aside) {
  SetAside set{.local = objects.size()};
  for (size_t i = 0; i < set.local;) {
    if (TakeBackLocal(cpu, s, objects[i])) {
      ++i;
      continue;
    }
    aside[set.remote++] = objects[i];
    objects[i] = objects[--set.local];
    if (set.remote < aside.size()) continue;
    co_await FreeToSlabs(cpu, s, aside);
    set.remote = 0;
  }
  co_return set;
}

Task<void> SheafLayer::FreeToSlabs(Cpu& cpu, KmemCache& s, absl::Span<PhysAddr> objects) {
  co_await source_.FreeArray(cpu, s, objects);
  CountSlow(cpu, s, SlubStat::kFreeSlowpath, objects.size());
}

// __free_to_pcs_batch(): the first of `objects` into one sheaf. Answers how many; none if there is
// no sheaf with room.
Task<size_t> SheafLayer::FreeBatch(Cpu& cpu, KmemCache& s, absl::Span<PhysAddr> objects) {
  CpuSheaves& pcs = ThisCpu(cpu, s);
  if (!pcs.TryLock(cpu)) co_return 0;
  const uint32_t capacity = CapacityOf(cpu, s, *pcs.main.Peek());
  if (cpu.Load(pcs.main)->LoadSize(cpu) == capacity) {
    const bool more = co_await BulkRoom(cpu, s, capacity);
    if (!more) {
      pcs.Unlock(cpu);
      co_return 0;
    }
  }
  SlabSheaf& main = *cpu.Load(pcs.main);
  const uint32_t size = main.LoadSize(cpu);
  const auto batch = static_cast<uint32_t>(std::min<size_t>(objects.size(), capacity - size));
  pool_.Equip(main);
  const auto room = main.Touched(cpu, size, batch, Access::kWrite);
  std::copy_n(objects.begin(), batch, room.begin());
  main.StoreSize(cpu, size + batch);
  co_await cpu.Sync();
  pcs.Unlock(cpu);
  Count(cpu, s, FreeStat(), batch);
  co_return batch;
}

// A main sheaf that has room in the place of one that has none. REQUIRES: the CPU's lock; it stays.
Task<bool> SheafLayer::BulkRoom(Cpu& cpu, KmemCache& s, uint32_t capacity) {
  const SiteScope site(cpu, SiteOf(SlubAt::kReplaceFullMain));
  CpuSheaves& pcs = On(s, cpu.id());
  if (pcs.main.Peek() == bootstrap_) co_return false;
  NodeBarn* const barn = BarnOf(cpu, s);
  if (barn == nullptr) co_return false;
  SlabSheaf& main = *cpu.Load(pcs.main);
  SlabSheaf* const spare = cpu.Load(pcs.spare);
  if (spare == nullptr) {
    SlabSheaf* const empty = co_await barn->GetEmpty(cpu);
    if (empty == nullptr) co_return false;
    pcs.Install(cpu, pcs.spare, main);
    pcs.Install(cpu, pcs.main, *empty);
    co_return true;
  }
  if (spare->LoadSize(cpu) < capacity) {
    pcs.SwapMainAndSpare(cpu);
    co_return true;
  }
  const NodeBarn::Exchange exchange = co_await barn->ReplaceFull(cpu, main, Of(s).full_max);
  Count(cpu, s, exchange.empty == nullptr ? SlubStat::kBarnPutFail : SlubStat::kBarnPut);
  if (exchange.empty == nullptr) co_return false;
  pcs.Install(cpu, pcs.main, *exchange.empty);
  co_return true;
}

}  // namespace slablab
