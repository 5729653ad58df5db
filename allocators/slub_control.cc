// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// What is done to SLUB's caches from outside: flush, shrink, CPU hotplug, tunables.

#include <algorithm>
#include <array>

#include "allocators/slub.h"
#include "allocators/switches.h"
#include "fmt/format.h"
#include "sim/arrival.h"
#include "sim/check.h"
#include "sim/scheduler.h"

namespace slablab {

// flush_cpu_slab(): the work item that flush_all() queues on each CPU.
class SlubFlush : public RemoteCall {
 public:
  SlubFlush(Slub& slub, KmemCache& cache) : slub_(slub), cache_(cache) {}
  Task<void> Run(Cpu& cpu) override { return slub_.FlushSlab(cpu, cache_); }

 private:
  Slub& slub_;
  KmemCache& cache_;
};

// flush_cpu_slab(): the CPU gives up its slab and its partial list.
Task<void> Slub::FlushSlab(Cpu& cpu, KmemCache& s) {
  const SiteScope site(cpu, SiteOf(At::kFlush));
  CacheCpu& c = ThisCpu(cpu, s);
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
      Count(cpu, s, SlubStat::kCpuslabFlush);
    }
  }
  // unfreeze_partials().
  flags = cpu.IrqSave();
  Slab* const list = cpu.Load(c.partial);
  cpu.Store(c.partial, nullptr);
  co_await cpu.IrqRestore(flags);
  if (list != nullptr) co_await UnfreezePartials(cpu, s, list);
}

// __flush_cpu_slab(): for another CPU that is off line, or at boot for this one.
Task<void> Slub::FlushCpuOf(Cpu& cpu, KmemCache& s, CpuId owner) {
  const SiteScope site(cpu, SiteOf(At::kFlush));
  cpu.Load(s.cpu_slab);
  CacheCpu& c = On(s, owner);
  const CpuTop top = cpu.Load(c.top);
  Slab* const slab = cpu.Load(c.slab);
  cpu.Store(c.slab, nullptr);
  cpu.Store(c.top, {.tid = top.tid + kTidStep, .freelist = kNoObject});
  if (slab != nullptr) {
    co_await DeactivateSlab(cpu, s, *slab, top.freelist);
    Count(cpu, s, SlubStat::kCpuslabFlush);
  }
  Slab* const list = cpu.Load(c.partial);
  cpu.Store(c.partial, nullptr);
  if (list != nullptr) co_await UnfreezePartials(cpu, s, list);
}

// flush_all_cpus_locked(): every CPU on line that has anything, in order of number, one at a time.
Task<void> Slub::FlushAll(Cpu& cpu, KmemCache& s) {
  SlubFlush flush(*this, s);
  const Scheduler& scheduler = cpu.scheduler();
  for (int i = 0; i < scheduler.cpu_count(); ++i) {
    const CpuId id(i);
    if (!scheduler.cpu(id).online()) continue;
    // has_cpu_slab(): a look at another CPU's structure, without its leave.
    CacheCpu& c = On(s, id);
    cpu.Touch(c.slab.place(), Access::kRead);
    cpu.Touch(c.partial.place(), Access::kRead);
    if (c.slab.Peek() == nullptr && c.partial.Peek() == nullptr) continue;
    co_await cpu.CallOn(id, flush);
  }
}

// kmem_cache_shrink().
Task<void> Slub::Shrink(Cpu& cpu, CacheId id) {
  KmemCache& s = cache(id);
  const SiteScope site(cpu, SiteOf(At::kShrink));
  co_await FlushAll(cpu, s);
  for (const std::unique_ptr<CacheNode>& n : s.nodes) {
    if (n != nullptr) co_await ShrinkNode(cpu, s, *n);
  }
}

// __kmem_cache_do_shrink(), one node: frees the empty slabs, and sorts those with few free objects
// to the front, fullest first, so that they fill up and leave the list.
Task<void> Slub::ShrinkNode(Cpu& cpu, KmemCache& s, CacheNode& n) {
  constexpr int kPromoteMax = 32;  // SHRINK_PROMOTE_MAX
  std::array<std::vector<Slab*>, kPromoteMax> promote;
  std::vector<Slab*> discard;
  const IrqFlags flags = cpu.IrqSave();
  {
    const SpinGuard guard = co_await n.list_lock.Acquire(cpu);
    for (Slab *slab = cpu.Load(n.first), *following; slab != nullptr; slab = following) {
      following = cpu.Load(slab->list_next);
      // Frees may come in at any time: `inuse` is an upper limit.
      const SlabWord word = co_await cpu.Load(slab->word);
      const int free = word.objects - word.inuse;
      CHECK_GT(free, 0);
      if (free == word.objects) {
        RemovePartial(cpu, n, *slab);
        co_await UncountSlab(cpu, s, *slab);
        discard.push_back(slab);
      } else if (free <= kPromoteMax) {
        Unlink(cpu, n, *slab);
        promote[static_cast<size_t>(free - 1)].push_back(slab);
      }
    }
    // list_move() puts each in front of its group, and list_splice() the fuller groups in front.
    for (int i = kPromoteMax - 1; i >= 0; --i) {
      for (Slab* slab : promote[static_cast<size_t>(i)]) LinkInto(cpu, n, *slab, ListEnd::kHead);
    }
  }
  co_await cpu.IrqRestore(flags);
  for (auto slab = discard.rbegin(); slab != discard.rend(); ++slab) {
    co_await FreeSlab(cpu, s, **slab);
  }
}

// slub_cpu_dead(): every cache, the newest first.
Task<void> Slub::CpuDead(Cpu& cpu, CpuId dead) {
  CHECK(!cpu.scheduler().cpu(dead).online());
  for (size_t i = list_.size(); i > 0; --i) {
    co_await FlushCpuOf(cpu, cache(list_[i - 1]), dead);
  }
}

// SLUB has nothing to prepare: the per-CPU structures of all possible CPUs are there.
Task<bool> Slub::CpuComing(Cpu&, CpuId) { co_return true; }

// The files' _store() functions.
Task<absl::Status> Slub::Tune(Cpu& cpu, CacheId id, std::string_view key, int64_t value) {
  const SiteScope site(cpu, SiteOf(At::kFlush));
  KmemCache& s = cache(id);
  absl::Status checked = CheckTunable(name(), SlubSwitches(), options_.statistics, key, value);
  if (!checked.ok()) co_return checked;
  if (key == "min_partial") {
    cpu.Store(s.min_partial, static_cast<uint64_t>(value));
  } else if (key == "cpu_partial") {
    s.cpu_partial = static_cast<uint32_t>(value);
    cpu.Store(s.cpu_partial_slabs, SlubCpuPartialSlabs(s.cpu_partial, s.geometry.objects));
    co_await FlushAll(cpu, s);
  } else if (key == "remote_node_defrag_ratio") {
    cpu.Store(s.remote_node_defrag_ratio, static_cast<uint32_t>(value) * 10);
  } else if (key == "shrink") {
    co_await Shrink(cpu, id);
  } else {
    // clear_stat().
    const absl::Span<const std::string_view> names = SlubSwitches().counters;
    const auto stat = std::find(names.begin(), names.end(), key);
    CHECK(stat != names.end());
    const auto index = static_cast<size_t>(stat - names.begin());
    for (int each = 0; each < cpu.scheduler().cpu_count(); ++each) {
      if (!cpu.scheduler().cpu(CpuId(each)).online()) continue;
      CacheCpu& c = On(s, CpuId(each));
      c.stats[index] = 0;
      cpu.Touch({c.StatAddress(static_cast<int>(index)), Structure::kPerCpuArea}, Access::kWrite);
    }
  }
  co_return absl::OkStatus();
}

}  // namespace slablab
