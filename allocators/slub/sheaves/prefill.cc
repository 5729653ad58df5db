// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Prefilled sheaves: who must not fail later takes a sheaf with enough objects first.

#include "allocators/slub/sheaves/layer.h"
#include "base/check.h"

namespace slablab {

// kmem_cache_prefill_sheaf().
Task<SheafId> SheafLayer::Prefill(Cpu& cpu, KmemCache& s, Gfp gfp, uint32_t size) {
  SlabSheaf* const sheaf = co_await PrefillSheaf(cpu, s, gfp, size);
  if (sheaf == nullptr) co_return kNoSheaf;
  SetAway(*sheaf, SlabSheaf::State::kUser);
  co_return IdOf(*sheaf);
}

// The spare sheaf, whatever is in it, or one of the barn; filled up if it holds too few.
Task<SlabSheaf*> SheafLayer::PrefillSheaf(Cpu& cpu, KmemCache& s, Gfp gfp, uint32_t size) {
  const SiteScope site(cpu, SiteOf(SlubAt::kPrefill));
  cpu.Execute(kSlubFastCycles);
  CHECK_GT(size, 0u);
  if (!HasSheaves(s) || size > cpu.Load(s.sheaf_capacity)) {
    SlabSheaf* const oversize = co_await PrefillOversize(cpu, s, gfp, size);
    co_return oversize;
  }
  CpuSheaves& pcs = ThisCpu(cpu, s);
  pcs.Lock(cpu);
  SlabSheaf* sheaf = cpu.Load(pcs.spare);
  if (sheaf != nullptr) {
    pcs.Detach(cpu, pcs.spare);
    Count(cpu, s, SlubStat::kSheafPrefillFast);
  } else {
    NodeBarn* const barn = BarnOf(cpu, s);
    Count(cpu, s, SlubStat::kSheafPrefillSlow);
    if (barn != nullptr) sheaf = co_await barn->GetFullOrEmpty(cpu);
    const bool got_full = sheaf != nullptr && sheaf->LoadSize(cpu) > 0;
    Count(cpu, s, got_full ? SlubStat::kBarnGet : SlubStat::kBarnGetFail);
  }
  pcs.Unlock(cpu);
  if (sheaf == nullptr) sheaf = co_await AllocEmpty(cpu, s, gfp);
  if (sheaf == nullptr) co_return nullptr;
  // The cache's capacity may have become less meanwhile.
  if (sheaf->capacity < size) {
    co_await FlushAndFree(cpu, s, *sheaf);
    sheaf = co_await PrefillOversize(cpu, s, gfp, size);
    co_return sheaf;
  }
  cpu.Touch(sheaf->At(SlabSheaf::kCapacityAt), Access::kWrite);
  if (sheaf->LoadSize(cpu) < size) {
    const bool filled = co_await Fill(cpu, s, *sheaf, gfp | Gfp::kNoMemalloc);
    if (!filled) {
      co_await FlushAndFree(cpu, s, *sheaf);
      co_return nullptr;
    }
  }
  co_return sheaf;
}

// More than the cache's sheaves hold: a sheaf of that size, straight from slabs.
Task<SlabSheaf*> SheafLayer::PrefillOversize(Cpu& cpu, KmemCache& s, Gfp gfp, uint32_t size) {
  if (size > SheafPool::kCapacityMax) co_return nullptr;
  SlabSheaf* const sheaf = co_await AllocSheaf(cpu, s, gfp, size);
  if (sheaf == nullptr) co_return nullptr;
  Count(cpu, s, SlubStat::kSheafPrefillOversize);
  cpu.Touch(sheaf->At(SlabSheaf::kCapacityAt), Access::kWrite);
  const bool filled = co_await FillOversize(cpu, s, *sheaf, gfp);
  if (!filled) {
    co_await FreeSheaf(cpu, *sheaf);
    co_return nullptr;
  }
  co_return sheaf;
}

// Up to the sheaf's own capacity, all or nothing.
Task<bool> SheafLayer::FillOversize(Cpu& cpu, KmemCache& s, SlabSheaf& sheaf, Gfp gfp) {
  const uint32_t size = sheaf.LoadSize(cpu);
  const uint32_t room = sheaf.capacity - size;
  pool_.Equip(sheaf);
  const bool filled =
      co_await source_.AllocArray(cpu, s, gfp, {sheaf.objects + size, size_t{room}});
  if (!filled) co_return false;
  sheaf.Touched(cpu, size, room, Access::kWrite);
  sheaf.StoreSize(cpu, sheaf.capacity);
  co_return true;
}

// kmem_cache_alloc_from_sheaf(): counted nowhere.
Task<Placement> SheafLayer::AllocFrom(Cpu& cpu, KmemCache& s, Gfp gfp, SheafId id) {
  const SiteScope site(cpu, SiteOf(SlubAt::kPrefill));
  cpu.Execute(kSlubFastCycles);
  SlabSheaf& sheaf = pool_.at(id.value());
  CHECK(sheaf.state == SlabSheaf::State::kUser && sheaf.cache == &s);
  if (sheaf.LoadSize(cpu) == 0) {
    return Task<Placement>(Placement{PhysAddr(), PathOf(SlubWay::kAllocFailed)});
  }
  const PhysAddr object = Pop(cpu, sheaf);
  HandOut(s, object);
  core_.ZeroIfAsked(cpu, s, gfp, object);
  return Task<Placement>(Placement{object, PathOf(SlubWay::kAllocPrefilled)});
}

// kmem_cache_refill_sheaf(): for more than the sheaf's capacity another one comes in its place.
Task<SheafId> SheafLayer::RefillUsers(Cpu& cpu, KmemCache& s, Gfp gfp, SheafId id, uint32_t size) {
  const SiteScope site(cpu, SiteOf(SlubAt::kPrefill));
  SlabSheaf& sheaf = pool_.at(id.value());
  CHECK(sheaf.state == SlabSheaf::State::kUser && sheaf.cache == &s);
  if (sheaf.LoadSize(cpu) >= size) co_return id;
  cpu.Touch(sheaf.At(SlabSheaf::kCapacityAt), Access::kRead);
  if (sheaf.capacity >= size) {
    bool filled = false;
    if (sheaf.capacity == CapacityOf(cpu, s)) {
      filled = co_await Fill(cpu, s, sheaf, gfp | Gfp::kNoMemalloc);
    } else {
      filled = co_await FillOversize(cpu, s, sheaf, gfp);
    }
    co_return filled ? id : kNoSheaf;
  }
  const SheafId larger = co_await Prefill(cpu, s, gfp, size);
  if (larger != kNoSheaf) co_await Return(cpu, s, gfp, id);
  co_return larger;
}

// kmem_cache_return_sheaf(): it becomes the spare sheaf if there is none, also half full; else it
// is filled up for the barn, if that has room.
Task<void> SheafLayer::Return(Cpu& cpu, KmemCache& s, Gfp gfp, SheafId id) {
  const SiteScope site(cpu, SiteOf(SlubAt::kPrefill));
  cpu.Execute(kSlubFastCycles);
  SlabSheaf& sheaf = pool_.at(id.value());
  CHECK(sheaf.state == SlabSheaf::State::kUser && sheaf.cache == &s);
  EndAway(sheaf);
  cpu.Touch(sheaf.At(SlabSheaf::kCapacityAt), Access::kRead);
  if (sheaf.capacity != CapacityOf(cpu, s)) {
    co_await FlushAndFree(cpu, s, sheaf);
    co_return;
  }
  CpuSheaves& pcs = ThisCpu(cpu, s);
  pcs.Lock(cpu);
  NodeBarn* const barn = BarnOf(cpu, s);
  if (!IsCurrent(s, pcs, sheaf)) {
    pcs.Unlock(cpu);
    co_await FlushAndFree(cpu, s, sheaf);
    co_return;
  }
  const bool has_spare = cpu.Load(pcs.spare) != nullptr;
  if (!has_spare) {
    pcs.Install(cpu, pcs.spare, sheaf);
    Count(cpu, s, SlubStat::kSheafReturnFast);
  }
  pcs.Unlock(cpu);
  if (!has_spare) co_return;
  Count(cpu, s, SlubStat::kSheafReturnSlow);
  bool kept = barn != nullptr;
  if (kept) {
    const uint32_t full = co_await barn->CountFull(cpu);
    kept = full < Of(s).full_max;
  }
  if (kept) kept = co_await Fill(cpu, s, sheaf, gfp | Gfp::kNoMemalloc | Gfp::kNoWarn);
  if (!kept) {
    co_await FlushAndFree(cpu, s, sheaf);
    co_return;
  }
  co_await LeaveFull(cpu, s, *barn, sheaf);
}

}  // namespace slablab
