// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// What takes sheaves from CPUs and barns: flush, shrink, CPUs that go off line.

#include "allocators/slub/sheaves/layer.h"
#include "allocators/slub/sheaves/work.h"
#include "sim/core/scheduler.h"

namespace slablab {

// flush_cpu_sheaves(): the work item that flush_all() queues on each CPU.
class SheafFlush final : public SheafWork {
 public:
  using SheafWork::SheafWork;

 private:
  Task<void> Work(Cpu& cpu) override { return layer().FlushOn(cpu, cache()); }
};

// flush_all_cpus_locked(): every CPU on line that has anything, in order of number, one at a time.
Task<void> SheafLayer::FlushAll(Cpu& cpu, KmemCache& s) {
  SheafFlush flush(*this, s);
  const Scheduler& scheduler = cpu.scheduler();
  for (int i = 0; i < scheduler.cpu_count(); ++i) {
    const CpuId id(i);
    if (!scheduler.cpu(id).online()) continue;
    const bool below = source_.UsedOn(cpu, s, id);
    if (!UsedOn(cpu, s, id) && !below) continue;
    co_await flush.On(cpu, id);
  }
}

// has_pcs_used(): a look at another CPU's structure, without its leave.
bool SheafLayer::UsedOn(Cpu& cpu, KmemCache& s, CpuId id) {
  if (s.sheaf_capacity.Peek() == 0) return false;
  CpuSheaves& pcs = On(s, id);
  cpu.Touch(pcs.spare.place(), Access::kRead);
  if (pcs.spare.Peek() != nullptr) return true;
  cpu.Touch(pcs.rcu_free.place(), Access::kRead);
  if (pcs.rcu_free.Peek() != nullptr) return true;
  cpu.Touch(pcs.main.place(), Access::kRead);
  return pcs.main.Peek()->LoadSize(cpu) > 0;
}

// The holder goes on at once: who waits comes at its own time.
void CpuSheaves::WakeWaiters(Cpu& cpu) {
  while (waiters != nullptr) {
    Waiter& waiter = *waiters;
    waiters = waiter.next;
    waiter.waits = false;
    cpu.scheduler().Unpark(*waiter.cpu, cpu.now());
  }
}

// pcs_flush_all(): straight to the slabs, past the barn; then what is below the sheaves.
Task<void> SheafLayer::FlushOn(Cpu& cpu, KmemCache& s) {
  const SiteScope site(cpu, SiteOf(SlubAt::kFlush));
  if (s.sheaf_capacity.Peek() > 0) {
    CpuSheaves& pcs = ThisCpu(cpu, s);
    pcs.Lock(cpu);
    SlabSheaf* const spare = pcs.Detach(cpu, pcs.spare);
    SlabSheaf* const rcu_free = pcs.Detach(cpu, pcs.rcu_free);
    pcs.Unlock(cpu);
    if (spare != nullptr) co_await FlushAndFree(cpu, s, *spare);
    if (rcu_free != nullptr) co_await HandOver(cpu, *rcu_free, /*to_barn=*/false);
    co_await FlushMain(cpu, s, Lock::kSure);
  }
  co_await source_.FlushOn(cpu, s);
}

// __pcs_flush_all_cpu(): of a CPU that is off line.
Task<void> SheafLayer::FlushCpuOf(Cpu& cpu, KmemCache& s, CpuId owner) {
  if (s.sheaf_capacity.Peek() == 0) co_return;
  const SiteScope site(cpu, SiteOf(SlubAt::kFlush));
  CpuSheaves& pcs = On(s, owner);
  co_await FlushUnused(cpu, s, *cpu.Load(pcs.main));
  SlabSheaf* const spare = pcs.Detach(cpu, pcs.spare);
  if (spare != nullptr) co_await FlushAndFree(cpu, s, *spare);
  SlabSheaf* const rcu_free = pcs.Detach(cpu, pcs.rcu_free);
  if (rcu_free != nullptr) co_await HandOver(cpu, *rcu_free, /*to_barn=*/false);
}

// barn_shrink() of every node.
Task<void> SheafLayer::EmptyBarns(Cpu& cpu, KmemCache& s, bool ending) {
  if (ending && HasSheaves(s)) co_await AwaitCallbacks(cpu);
  for (const std::unique_ptr<NodeBarn>& barn : Of(s).barns) {
    if (barn == nullptr) continue;
    const NodeBarn::Contents contents = co_await barn->TakeAll(cpu, s.sheaf_capacity.Peek());
    for (SlabSheaf *sheaf = contents.full, *next; sheaf != nullptr; sheaf = next) {
      cpu.Touch(sheaf->At(SlabSheaf::kLinksAt), Access::kRead);
      next = sheaf->next;
      co_await FlushAndFree(cpu, s, *sheaf);
    }
    for (SlabSheaf *sheaf = contents.empty, *next; sheaf != nullptr; sheaf = next) {
      cpu.Touch(sheaf->At(SlabSheaf::kLinksAt), Access::kRead);
      next = sheaf->next;
      co_await FreeSheaf(cpu, *sheaf);
    }
  }
}

}  // namespace slablab
