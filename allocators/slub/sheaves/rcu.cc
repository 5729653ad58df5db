// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// kvfree_rcu() through sheaves.

#include "allocators/slub/sheaves/layer.h"
#include "allocators/slub/sheaves/work.h"
#include "base/check.h"
#include "sim/core/scheduler.h"

namespace slablab {

// kfree_rcu_sheaf(): an object of the CPU's own node goes into rcu_free, which is handed over as a
// whole once it is full, under the CPU's lock, so that no barrier misses it.
Task<bool> SheafLayer::FreeRcu(Cpu& cpu, PhysAddr object) {
  const SiteScope site(cpu, SiteOf(SlubAt::kFreeRcu));
  cpu.Execute(kSlubFastCycles);
  Slab* const slab = core_.SlabOf(object);
  if (slab == nullptr) co_return false;
  KmemCache& s = *slab->cache;
  cpu.Touch(slab->PageOf(object.frame()), Access::kRead);
  if (!HasSheaves(s) || core_.NodeOf(cpu, *slab) != cpu.node()) co_return false;
  CpuSheaves& pcs = ThisCpu(cpu, s);
  bool locked = pcs.TryLock(cpu);
  if (locked && cpu.Load(pcs.rcu_free) == nullptr) locked = co_await GetRcuSheaf(cpu, s, pcs);
  if (!locked) {
    Count(cpu, s, SlubStat::kFreeRcuSheafFail);
    co_return false;
  }
  TakeBack(s, *slab, s.IndexOf(*slab, object));
  SlabSheaf& sheaf = *cpu.Load(pcs.rcu_free);
  sheaf.LoadSize(cpu);
  Push(cpu, sheaf, object);
  core_.Account(s, [size = s.geometry.size](Footprint& all) { all.BeginRcu(1, size); });
  if (sheaf.size == CapacityOf(cpu, s, sheaf)) {
    pcs.Detach(cpu, pcs.rcu_free);
    sheaf.node = cpu.node();
    cpu.Touch(sheaf.At(SlabSheaf::kNodeAt), Access::kWrite);
    co_await HandOver(cpu, sheaf, /*to_barn=*/true);
  }
  co_await cpu.Sync();
  pcs.Unlock(cpu);
  Count(cpu, s, SlubStat::kFreeRcuSheaf);
  co_return true;
}

// A sheaf for rcu_free: the spare one if it is empty, one of the barn, or a new one. REQUIRES: the
// CPU's lock, which is released if there is none.
Task<bool> SheafLayer::GetRcuSheaf(Cpu& cpu, KmemCache& s, CpuSheaves& pcs) {
  NodeBarn* barn = nullptr;
  if (Serves(cpu, s, pcs)) {
    SlabSheaf* const spare = cpu.Load(pcs.spare);
    if (spare != nullptr && spare->LoadSize(cpu) == 0) {
      pcs.Detach(cpu, pcs.spare);
      pcs.Install(cpu, pcs.rcu_free, *spare);
      co_return true;
    }
    barn = BarnOf(cpu, s);
  }
  if (barn == nullptr) {
    pcs.Unlock(cpu);
    co_return false;
  }
  SlabSheaf* empty = co_await barn->GetEmpty(cpu);
  if (empty != nullptr) {
    pcs.Install(cpu, pcs.rcu_free, *empty);
    co_return true;
  }
  pcs.Unlock(cpu);
  empty = co_await AllocEmpty(cpu, s, FreeGfp());
  if (empty == nullptr) co_return false;
  const bool locked = pcs.TryLock(cpu);
  if (locked && !IsCurrent(s, pcs, *empty)) {
    pcs.Unlock(cpu);
    co_await FreeSheaf(cpu, *empty);
    co_return false;
  }
  // An interrupt may have brought one meanwhile.
  if (locked && cpu.Load(pcs.rcu_free) == nullptr) {
    pcs.Install(cpu, pcs.rcu_free, *empty);
  } else if (policy_.unneeded_rcu_sheaf == SheafPolicy::UnneededRcuSheaf::kToBarn) {
    co_await LeaveEmpty(cpu, *barn, *empty);
  } else {
    co_await FreeSheaf(cpu, *empty);
  }
  co_return locked;
}

// call_rcu().
Task<void> SheafLayer::HandOver(Cpu& cpu, SlabSheaf& sheaf, bool to_barn) {
  sheaf.to_barn = to_barn;
  SetAway(sheaf, SlabSheaf::State::kRcu);
  ++waiting_;
  return core_.machine().rcu().Call(cpu, sheaf);
}

// rcu_free_sheaf() and rcu_free_sheaf_nobarn(): full ones go to the barn of the CPU that filled
// them as long as it has room, the others back to the slabs.
Task<void> SheafLayer::RcuFreeSheaf(Cpu& cpu, SlabSheaf& sheaf) {
  const SiteScope site(cpu, SiteOf(SlubAt::kRcuCallback));
  cpu.Execute(kSlubSlowCycles);
  CHECK(sheaf.state == SlabSheaf::State::kRcu);
  EndAway(sheaf);
  --waiting_;
  KmemCache& s = *sheaf.cache;
  core_.Account(s, [size = s.geometry.size, objects = sheaf.size](Footprint& all) {
    all.EndRcu(objects, size);
  });
  // __rcu_free_sheaf_prepare() looks at every object's slab.
  for (PhysAddr object : sheaf.Touched(cpu, 0, sheaf.LoadSize(cpu), Access::kRead)) {
    const Slab& slab = *core_.SlabOf(object);
    cpu.Touch(slab.PageOf(object.frame()), Access::kRead);
    core_.NodeOf(cpu, slab);
    if (core_.obj_exts().charges()) core_.obj_exts().Uncharge(cpu, object);
  }
  if (!sheaf.to_barn) {
    co_await FlushAndFree(cpu, s, sheaf);
    co_return;
  }
  NodeBarn* const barn = BarnOf(cpu, s, sheaf.node);
  if (barn != nullptr) {
    const uint32_t full = co_await barn->CountFull(cpu);
    if (full < Of(s).full_max) {
      Count(cpu, s, SlubStat::kBarnPut);
      const bool put = co_await barn->PutFull(cpu, sheaf);
      if (!put) co_await FlushAndFree(cpu, s, sheaf);
      co_return;
    }
  }
  Count(cpu, s, SlubStat::kBarnPutFail);
  co_await FlushUnused(cpu, s, sheaf);
  if (barn != nullptr) {
    const uint32_t empty = co_await barn->CountEmpty(cpu);
    if (empty < Of(s).empty_max) {
      co_await LeaveEmpty(cpu, *barn, sheaf);
      co_return;
    }
  }
  co_await FreeSheaf(cpu, sheaf);
}

// flush_rcu_sheaf(): the work item that a barrier queues on each CPU on line.
class SheafRcuFlush final : public SheafWork {
 public:
  using SheafWork::SheafWork;

 private:
  Task<void> Work(Cpu& cpu) override {
    CpuSheaves& pcs = layer().ThisCpu(cpu, cache());
    pcs.Lock(cpu);
    SlabSheaf* const sheaf = pcs.Detach(cpu, pcs.rcu_free);
    pcs.Unlock(cpu);
    if (sheaf != nullptr) co_await layer().HandOver(cpu, *sheaf, /*to_barn=*/false);
  }
};

Task<void> SheafLayer::FlushRcu(Cpu& cpu, KmemCache& s) {
  if (!HasSheaves(s)) co_return;
  SheafRcuFlush flush(*this, s);
  const Scheduler& scheduler = cpu.scheduler();
  for (int i = 0; i < scheduler.cpu_count(); ++i) {
    if (scheduler.cpu(CpuId(i)).online()) co_await flush.On(cpu, CpuId(i));
  }
}

Task<void> SheafLayer::RcuBarrier(Cpu& cpu, KmemCache& s) {
  co_await FlushRcu(cpu, s);
  co_await AwaitCallbacks(cpu);
}

// rcu_barrier(), which is not waited for where no sheaf is.
Task<void> SheafLayer::AwaitCallbacks(Cpu& cpu) {
  if (waiting_ == 0) return {};
  return core_.machine().rcu().Barrier(cpu);
}

}  // namespace slablab
