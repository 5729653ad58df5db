// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Allocation from sheaves, where the main one does not serve.

#include <algorithm>

#include "allocators/slub/sheaves/layer.h"
#include "base/check.h"

namespace slablab {

// The spare sheaf, a full one of the barn, or one that is filled from slabs.
Task<SheafLayer::Found> SheafLayer::ReplaceEmptyMain(Cpu& cpu, KmemCache& s, Gfp gfp) {
  const SiteScope site(cpu, SiteOf(SlubAt::kReplaceEmptyMain));
  cpu.Execute(kSlubSlowCycles);
  CpuSheaves& pcs = On(s, cpu.id());
  NodeBarn* barn = nullptr;
  SlabSheaf* const spare = cpu.Load(pcs.spare);
  if (Serves(cpu, s, pcs)) {
    if (spare != nullptr && spare->LoadSize(cpu) > 0) {
      pcs.SwapMainAndSpare(cpu);
      co_return Found::kSpare;
    }
    barn = BarnOf(cpu, s);
  }
  if (barn == nullptr) {
    pcs.Unlock(cpu);
    co_return Found::kNothing;
  }
  SlabSheaf* const full = co_await barn->ReplaceEmpty(cpu, *cpu.Load(pcs.main));
  if (full != nullptr) {
    Count(cpu, s, SlubStat::kBarnGet);
    pcs.Install(cpu, pcs.main, *full);
    co_return Found::kBarn;
  }
  Count(cpu, s, SlubStat::kBarnGetFail);
  const bool may_refill =
      policy_.refill_when == SheafPolicy::RefillWhen::kAlways || Has(gfp, Gfp::kDirectReclaim);
  SlabSheaf* sheaf = nullptr;
  if (may_refill) {
    if (spare != nullptr) {
      sheaf = pcs.Detach(cpu, pcs.spare);
    } else {
      sheaf = co_await barn->GetEmpty(cpu);
    }
  }
  pcs.Unlock(cpu);
  if (!may_refill) co_return Found::kNothing;
  if (sheaf == nullptr) sheaf = co_await AllocEmpty(cpu, s, gfp);
  if (sheaf == nullptr) co_return Found::kNothing;
  const bool filled = co_await Fill(cpu, s, *sheaf, gfp | Gfp::kNoMemalloc | Gfp::kNoWarn);
  if (!filled) {
    co_await FlushAndFree(cpu, s, *sheaf);
    co_return Found::kNothing;
  }
  const bool installed = co_await InstallFull(cpu, s, *barn, *sheaf);
  co_return installed ? Found::kFilled : Found::kNothing;
}

// The end of __pcs_replace_empty_main(): an interrupt may have changed everything meanwhile.
// Answers whether the CPU's lock is taken, with a main sheaf that is not empty.
Task<bool> SheafLayer::InstallFull(Cpu& cpu, KmemCache& s, NodeBarn& barn, SlabSheaf& full) {
  CpuSheaves& pcs = On(s, cpu.id());
  const bool locked = pcs.TryLock(cpu);
  if (locked && !IsCurrent(s, pcs, full)) {
    pcs.Unlock(cpu);
    co_await FlushAndFree(cpu, s, full);
    co_return false;
  }
  if (locked) {
    SlabSheaf& main = *cpu.Load(pcs.main);
    SlabSheaf* const spare = cpu.Load(pcs.spare);
    if (main.LoadSize(cpu) == 0) {
      pcs.Install(cpu, pcs.main, full);
      if (spare == nullptr && policy_.empty_main == SheafPolicy::EmptyMain::kBecomesSpare) {
        pcs.Install(cpu, pcs.spare, main);
      } else {
        co_await LeaveEmpty(cpu, barn, main);
      }
      co_return true;
    }
    if (spare == nullptr || spare->LoadSize(cpu) == 0) {
      pcs.Install(cpu, pcs.spare, full);
      if (spare != nullptr) co_await LeaveEmpty(cpu, barn, *spare);
      co_return true;
    }
  }
  co_await LeaveFull(cpu, s, barn, full);
  co_return locked;
}

// From the top of the main sheaf as a block, then of the spare one and of the barn's. No sheaf is
// filled: the rest is for the caller to find.
Task<size_t> SheafLayer::AllocBulk(Cpu& cpu, KmemCache& s, absl::Span<PhysAddr> objects) {
  CpuSheaves& pcs = ThisCpu(cpu, s);
  size_t got = 0;
  while (got < objects.size()) {
    if (!pcs.TryLock(cpu)) break;
    SlabSheaf* main = cpu.Load(pcs.main);
    if (main->LoadSize(cpu) == 0) {
      const bool more = co_await BulkSheaf(cpu, s);
      if (!more) {
        pcs.Unlock(cpu);
        break;
      }
      main = cpu.Load(pcs.main);
    }
    const uint32_t size = main->LoadSize(cpu);
    const auto batch = static_cast<uint32_t>(std::min<size_t>(objects.size() - got, size));
    main->StoreSize(cpu, size - batch);
    const auto top = main->Touched(cpu, size - batch, batch, Access::kRead);
    std::copy(top.begin(), top.end(), objects.begin() + static_cast<ptrdiff_t>(got));
    co_await cpu.Sync();
    pcs.Unlock(cpu);
    Count(cpu, s, AllocStat(), batch);
    got += batch;
  }
  co_return got;
}

// A main sheaf that is not empty in the place of one that is. REQUIRES: the CPU's lock; it stays.
Task<bool> SheafLayer::BulkSheaf(Cpu& cpu, KmemCache& s) {
  const SiteScope site(cpu, SiteOf(SlubAt::kReplaceEmptyMain));
  CpuSheaves& pcs = On(s, cpu.id());
  if (!Serves(cpu, s, pcs)) co_return false;
  SlabSheaf* const spare = cpu.Load(pcs.spare);
  if (spare != nullptr && spare->LoadSize(cpu) > 0) {
    pcs.SwapMainAndSpare(cpu);
    co_return true;
  }
  NodeBarn* const barn = BarnOf(cpu, s);
  if (barn == nullptr) co_return false;
  SlabSheaf* const full = co_await barn->ReplaceEmpty(cpu, *cpu.Load(pcs.main));
  Count(cpu, s, full == nullptr ? SlubStat::kBarnGetFail : SlubStat::kBarnGet);
  if (full != nullptr) pcs.Install(cpu, pcs.main, *full);
  co_return full != nullptr;
}

}  // namespace slablab
