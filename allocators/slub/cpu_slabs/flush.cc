// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// What takes a CPU's slabs from it: another node's wish, flushing, CPU hotplug.

#include "allocators/slub/cpu_slabs/cpu_slabs.h"
#include "base/check.h"
#include "sim/core/arrival.h"
#include "sim/core/scheduler.h"

namespace slablab {

// flush_cpu_slab(): the work item that flush_all() queues on each CPU.
class CpuSlabsFlush : public RemoteCall {
 public:
  CpuSlabsFlush(CpuSlabs& front, KmemCache& cache) : front_(front), cache_(cache) {}
  Task<void> Run(Cpu& cpu) override { return front_.FlushOn(cpu, cache_); }

 private:
  CpuSlabs& front_;
  KmemCache& cache_;
};

// flush_cpu_slab(): the CPU gives up its slab and its partial list.
Task<void> CpuSlabs::FlushOn(Cpu& cpu, KmemCache& s) {
  const SiteScope site(cpu, SiteOf(SlubAt::kFlush));
  CacheCpu& c = core_.ThisCpu(cpu, s);
  IrqFlags flags;
  if (cpu.Load(c.slab) != nullptr) {
    flags = cpu.IrqSave();
    Slab* const slab = cpu.Load(c.slab);
    const CpuTop top = cpu.Load(c.top);
    cpu.Store(c.slab, nullptr);
    cpu.Store(c.top, {.tid = top.tid + kTidStep, .freelist = kNoObject});
    co_await cpu.IrqRestore(flags);
    if (slab != nullptr) {
      co_await DeactivateSlab(cpu, s, *slab, top.freelist);
      core_.Count(cpu, s, SlubStat::kCpuslabFlush);
    }
  }
  // unfreeze_partials().
  flags = cpu.IrqSave();
  Slab* const list = cpu.Load(c.partial);
  cpu.Store(c.partial, nullptr);
  co_await cpu.IrqRestore(flags);
  if (list != nullptr) co_await PutPartials(cpu, s, list);
}

// __flush_cpu_slab(): for another CPU that is off line, or at boot for this one.
Task<void> CpuSlabs::FlushCpuOf(Cpu& cpu, KmemCache& s, CpuId owner) {
  const SiteScope site(cpu, SiteOf(SlubAt::kFlush));
  cpu.Load(s.cpu_slab);
  CacheCpu& c = core_.On(s, owner);
  const CpuTop top = cpu.Load(c.top);
  Slab* const slab = cpu.Load(c.slab);
  cpu.Store(c.slab, nullptr);
  cpu.Store(c.top, {.tid = top.tid + kTidStep, .freelist = kNoObject});
  if (slab != nullptr) {
    co_await DeactivateSlab(cpu, s, *slab, top.freelist);
    core_.Count(cpu, s, SlubStat::kCpuslabFlush);
  }
  Slab* const list = cpu.Load(c.partial);
  cpu.Store(c.partial, nullptr);
  if (list != nullptr) co_await PutPartials(cpu, s, list);
}

bool CpuSlabs::UsedOn(Cpu& cpu, KmemCache& s, CpuId id) {
  CacheCpu& c = core_.On(s, id);
  cpu.Touch(c.slab.place(), Access::kRead);
  cpu.Touch(c.partial.place(), Access::kRead);
  return c.slab.Peek() != nullptr || c.partial.Peek() != nullptr;
}

// flush_all_cpus_locked(): every CPU on line that has anything, in order of number, one at a time.
Task<void> CpuSlabs::FlushAll(Cpu& cpu, KmemCache& s) {
  CpuSlabsFlush flush(*this, s);
  const Scheduler& scheduler = cpu.scheduler();
  for (int i = 0; i < scheduler.cpu_count(); ++i) {
    const CpuId id(i);
    if (!scheduler.cpu(id).online()) continue;
    if (!UsedOn(cpu, s, id)) continue;
    co_await cpu.CallOn(id, flush);
  }
}

// deactivate_slab(): a slab that is the CPU's no longer. What was left on the CPU's list goes in
// front of the slab's own, and the slab to its node's partial list, unless it is full, or empty and
// the node has enough.
Task<void> CpuSlabs::DeactivateSlab(Cpu& cpu, KmemCache& s, Slab& slab, ObjectIndex freelist) {
  const SiteScope site(cpu, SiteOf(SlubAt::kDeactivate));
  CacheNode& n = *core_.GetNode(cpu, s, core_.NodeOf(cpu, slab));
  ListEnd end = ListEnd::kHead;
  const SlabWord first = co_await cpu.Load(slab.word);
  if (first.freelist != kNoObject) {
    core_.Count(cpu, s, SlubStat::kDeactivateRemoteFrees);
    end = ListEnd::kTail;
  }
  const SlubChain local = CountFreelist(cpu, s, slab, freelist);
  Fate fate;
  if (core_.policy().freezes_cpu_partials) {
    fate = co_await ThawUnderLock(cpu, s, n, slab, local, end);
  } else {
    fate = co_await ThawThenList(cpu, s, n, slab, local, end);
  }
  switch (fate) {
    case Fate::kListed:
      core_.Count(
          cpu, s,
          end == ListEnd::kHead ? SlubStat::kDeactivateToHead : SlubStat::kDeactivateToTail);
      break;
    case Fate::kFull:
      core_.Count(cpu, s, SlubStat::kDeactivateFull);
      break;
    case Fate::kEmpty:
      core_.Count(cpu, s, SlubStat::kDeactivateEmpty);
      co_await core_.DiscardSlab(cpu, s, slab);
      core_.Count(cpu, s, SlubStat::kFreeSlab);
      break;
  }
}

// Frees what the CPU had, and thaws: what the slab's word is to be then.
SlabWord CpuSlabs::ThawedWord(Cpu& cpu, KmemCache& s, Slab& slab, const SlabWord& seen,
                              const SlubChain& local) {
  CHECK(seen.frozen);
  SlabWord thawed = seen;
  thawed.frozen = false;
  if (local.count > 0) {
    thawed.inuse = static_cast<uint16_t>(seen.inuse - local.count);
    thawed.freelist = local.head;
    core_.StoreFreePointer(cpu, s, slab, local.tail, seen.freelist);
  }
  return thawed;
}

// deactivate_slab() to Linux 6.7: where the slab goes is settled before it is thawed, the node's
// lock held from then on, so that nobody acquires a slab that is not in the list.
Task<CpuSlabs::Fate> CpuSlabs::ThawUnderLock(Cpu& cpu, KmemCache& s, CacheNode& n, Slab& slab,
                                             SlubChain local, ListEnd end) {
  for (;;) {
    const SlabWord seen = co_await cpu.Load(slab.word);
    const SlabWord thawed = ThawedWord(cpu, s, slab, seen, local);
    bool empty_not_kept = false;
    if (thawed.inuse == 0) {
      const uint64_t nr_partial = co_await cpu.LoadUnlocked(n.nr_partial);
      empty_not_kept = nr_partial >= cpu.Load(s.min_partial);
    }
    const bool partial = !empty_not_kept && thawed.freelist != kNoObject;
    IrqFlags flags = IrqFlags::kWereOff;
    SpinGuard guard;
    if (partial) {
      flags = cpu.IrqSave();
      guard = co_await n.list_lock.Acquire(cpu);
    }
    const bool done = co_await cpu.Cmpxchg(slab.word, seen, thawed);
    if (!done) core_.Count(cpu, s, SlubStat::kCmpxchgDoubleFail);
    if (done && partial) core_.AddPartial(cpu, n, slab, end);
    if (partial) {
      guard.Unlock();
      co_await cpu.IrqRestore(flags);
    }
    if (!done) continue;
    if (partial) co_return Fate::kListed;
    co_return empty_not_kept ? Fate::kEmpty : Fate::kFull;
  }
}

// deactivate_slab() since Linux 6.8: a thawed slab is nobody's until it is listed.
Task<CpuSlabs::Fate> CpuSlabs::ThawThenList(Cpu& cpu, KmemCache& s, CacheNode& n, Slab& slab,
                                            SlubChain local, ListEnd end) {
  SlabWord thawed;
  for (;;) {
    const SlabWord seen = co_await cpu.Load(slab.word);
    thawed = ThawedWord(cpu, s, slab, seen, local);
    const bool done = co_await cpu.Cmpxchg(slab.word, seen, thawed);
    if (done) break;
    core_.Count(cpu, s, SlubStat::kCmpxchgDoubleFail);
  }
  if (thawed.inuse == 0) {
    const uint64_t nr_partial = co_await cpu.LoadUnlocked(n.nr_partial);
    if (nr_partial >= cpu.Load(s.min_partial)) co_return Fate::kEmpty;
  }
  if (thawed.freelist == kNoObject) co_return Fate::kFull;
  const IrqFlags flags = cpu.IrqSave();
  {
    const SpinGuard guard = co_await n.list_lock.Acquire(cpu);
    core_.AddPartial(cpu, n, slab, end);
  }
  co_await cpu.IrqRestore(flags);
  co_return Fate::kListed;
}

// deactivate_slab(), stage one: how many objects, and the last one.
SlubChain CpuSlabs::CountFreelist(Cpu& cpu, KmemCache& s, const Slab& slab, ObjectIndex freelist) {
  SlubChain chain{.head = freelist};
  for (ObjectIndex i = freelist; i != kNoObject; i = core_.LoadFreePointer(cpu, s, slab, i)) {
    chain.tail = i;
    ++chain.count;
    CHECK_LE(chain.count, slab.word.Peek().objects);
  }
  return chain;
}

}  // namespace slablab
