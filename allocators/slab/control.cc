// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// What is done to SLAB's caches from outside: drain, shrink, tune.

#include <limits>
#include <utility>

#include "allocators/slab/slab.h"
#include "allocators/switches.h"
#include "base/check.h"
#include "fmt/format.h"
#include "sim/core/arrival.h"
#include "sim/core/scheduler.h"

namespace slablab {

// do_drain(): what drain_cpu_caches() interrupts each CPU for.
class SlabDrain : public RemoteCall {
 public:
  SlabDrain(SlabAllocator& allocator, SlabCache& cache) : allocator_(allocator), cache_(cache) {}
  Task<void> Run(Cpu& cpu) override { return allocator_.DrainOwnArray(cpu, cache_); }

 private:
  SlabAllocator& allocator_;
  SlabCache& cache_;
};

// do_ccupdate_local(), of 2014: each CPU takes its new array and leaves its old one.
class SlabSwap : public RemoteCall {
 public:
  SlabSwap(SlabAllocator& allocator, SlabCache& cache, CpuArrays& fresh)
      : allocator_(allocator), cache_(cache), fresh_(fresh) {}
  Task<void> Run(Cpu& cpu) override { return allocator_.SwapArray(cpu, cache_, fresh_); }

 private:
  SlabAllocator& allocator_;
  SlabCache& cache_;
  CpuArrays& fresh_;
};

namespace {

// do_nothing(): a CPU that runs it has its interrupts on.
class NoticeOfInterrupts : public RemoteCall {
 public:
  Task<void> Run(Cpu& cpu) override {
    cpu.Execute(1);
    co_return;
  }
};

}  // namespace

// kick_all_cpus_sync(), synchronize_rcu(): whatever other CPUs did with interrupts off when this
// began is over when it ends.
Task<void> SlabAllocator::Synchronize(Cpu& cpu) {
  NoticeOfInterrupts notice;
  const Scheduler& scheduler = cpu.scheduler();
  for (int i = 0; i < scheduler.cpu_count(); ++i) {
    const CpuId id(i);
    if (id == cpu.id() || !IsUp(id)) continue;
    co_await cpu.CallOn(id, notice);
  }
}

// do_drain(): all of the CPU's own array goes back to the slabs.
Task<void> SlabAllocator::DrainOwnArray(Cpu& cpu, SlabCache& s) {
  const SiteScope site(cpu, SiteOf(At::kDrain));
  CHECK(!cpu.irqs_enabled());
  CpuArray& ac = ThisArray(cpu, s);
  SlabNode& n = *GetNode(cpu, s, LocalMemoryNode(cpu));
  DoomedSlabs doomed;
  {
    const SpinGuard guard = co_await n.list_lock.Acquire(cpu);
    FreeEntries(cpu, s, n, ac.entries, {.first = 0, .count = cpu.Load(ac.available)}, &doomed);
  }
  cpu.Store(ac.available, 0);
  co_await DestroySlabs(cpu, s, doomed);
}

// drain_cpu_caches(): every array, so that all objects that no user has are in slabs. CPUs on line
// one after another, in order of number; then alien caches; then shared arrays.
Task<void> SlabAllocator::DrainCpuCaches(Cpu& cpu, SlabCache& s) {
  SlabDrain drain(*this, s);
  const Scheduler& scheduler = cpu.scheduler();
  for (int i = 0; i < scheduler.cpu_count(); ++i) {
    if (IsUp(CpuId(i))) co_await cpu.CallOn(CpuId(i), drain);
  }
  for (const std::unique_ptr<SlabNode>& n : s.nodes) {
    if (n == nullptr) continue;
    if (AlienSet* const set = cpu.Load(n->alien); set != nullptr) {
      co_await DrainAlienSet(cpu, s, *set);
    }
  }
  for (const std::unique_ptr<SlabNode>& n : s.nodes) {
    if (n == nullptr) continue;
    DoomedSlabs doomed;
    const IrqFlags flags = cpu.IrqSave();
    {
      const SpinGuard guard = co_await n->list_lock.Acquire(cpu);
      if (SharedArray* const shared = cpu.Load(n->shared); shared != nullptr) {
        FreeEntries(cpu, s, *n, shared->entries, {.first = 0, .count = cpu.Load(shared->available)},
                    &doomed);
        cpu.Store(shared->available, 0);
      }
    }
    co_await cpu.IrqRestore(flags);
    co_await DestroySlabs(cpu, s, doomed);
  }
}

// drain_alien_cache().
Task<void> SlabAllocator::DrainAlienSet(Cpu& cpu, SlabCache& s, AlienSet& set) {
  for (int i = 0; i < node_count(); ++i) {
    cpu.Touch(set.PointerTo(NodeId(i)), Access::kRead);
    AlienCache* const alien = set.caches[static_cast<size_t>(i)].get();
    if (alien == nullptr) continue;
    DoomedSlabs doomed;
    const IrqFlags flags = cpu.IrqSave();
    {
      const SpinGuard guard = co_await alien->lock.Acquire(cpu);
      co_await DrainAlien(cpu, s, *alien, NodeId(i), &doomed);
    }
    co_await cpu.IrqRestore(flags);
    co_await DestroySlabs(cpu, s, doomed);
  }
}

// kmem_cache_shrink(), __kmem_cache_shrink().
Task<void> SlabAllocator::Shrink(Cpu& cpu, CacheId id) {
  SlabCache& s = cache(id);
  const SiteScope site(cpu, SiteOf(At::kShrink));
  co_await DrainCpuCaches(cpu, s);
  for (const std::unique_ptr<SlabNode>& n : s.nodes) {
    if (n != nullptr) co_await DrainFreelist(cpu, s, *n, std::numeric_limits<uint64_t>::max());
  }
}

// enable_cpucache().
Task<bool> SlabAllocator::EnableCpuCache(Cpu& cpu, SlabCache& s, Gfp gfp) {
  const SlabTunables tunables =
      DefaultSlabTunables(s.geometry.size, machine_.config().possible_cpus);
  const bool done = co_await TuneCpuCache(cpu, s, tunables, gfp);
  co_return done;
}

// do_tune_cpucache(): new arrays for the CPUs, while the former still have objects; when no CPU can
// be using those any more, their objects go back to the slabs. Then the nodes' shared arrays.
// Answers false if there is no memory.
Task<bool> SlabAllocator::TuneCpuCache(Cpu& cpu, SlabCache& s, SlabTunables tunables, Gfp gfp) {
  std::unique_ptr<CpuArrays> arrays = co_await AllocCpuArrays(cpu, s, tunables, gfp);
  if (arrays == nullptr) co_return false;
  const bool replaced = co_await ReplaceArrays(cpu, s, arrays, gfp);
  if (!replaced) co_return false;
  cpu.Store(s.batch_count, tunables.batch_count);
  cpu.Store(s.limit, tunables.limit);
  cpu.Store(s.shared, tunables.shared);
  if (arrays != nullptr) {
    for (int i = 0; i < machine_.config().cpu_count(); ++i) {
      CpuArray& ac = arrays->arrays[static_cast<size_t>(i)];
      // Of 2014 there are only those that a CPU has left.
      if (!IsUp(CpuId(i)) || (!policy_.percpu_arrays && !ac.placed)) continue;
      co_await DrainDetached(cpu, s, ac, LocalMemoryNode(NodeOfCpu(CpuId(i))));
    }
    co_await FreeCpuArrays(cpu, s, arrays);
  }
  const bool done = co_await SetUpNodes(cpu, s, gfp);
  co_return done;
}

// do_tune_cpucache(): one pointer for all CPUs, and an interrupt of each so that none goes on with
// the former arrays; of 2014, an interrupt in which each CPU exchanges its own pointer. Afterwards
// `arrays` is what was there before, null if nothing was. Answers false, with the new arrays gone,
// if there is no memory.
Task<bool> SlabAllocator::ReplaceArrays(Cpu& cpu, SlabCache& s, std::unique_ptr<CpuArrays>& arrays,
                                        Gfp gfp) {
  if (policy_.percpu_arrays) {
    // The store comes at its place among what the other CPUs do.
    co_await cpu.Sync();
    s.cpus.swap(arrays);
    cpu.Touch(s.ArrayPointer(cpu.id()), Access::kWrite);
    if (arrays != nullptr) co_await Synchronize(cpu);
    co_return true;
  }
  // struct ccupdate_struct: what each CPU is to have.
  const auto cpus = static_cast<uint64_t>(machine_.config().possible_cpus);
  const PhysAddr update = co_await KmallocOwn(cpu, 8 + 8 * cpus, gfp | Gfp::kZero, kAnyNode);
  if (update.is_null()) {
    co_await FreeCpuArrays(cpu, s, arrays);
    co_return false;
  }
  if (s.cpus == nullptr) {
    s.cpus = std::make_unique<CpuArrays>(machine_.config().cpu_count());
  }
  SlabSwap swap(*this, s, *arrays);
  for (int i = 0; i < machine_.config().cpu_count(); ++i) {
    if (!IsUp(CpuId(i))) continue;
    cpu.Touch({update + 8 + static_cast<uint64_t>(i) * 8, Structure::kCacheDescriptor},
              Access::kWrite);
    co_await cpu.CallOn(CpuId(i), swap);
  }
  s.cpus->limit = arrays->limit;
  s.cpus->batch_count = arrays->batch_count;
  co_await KfreeOwn(cpu, update);
  co_return true;
}

Task<void> SlabAllocator::SwapArray(Cpu& cpu, SlabCache& s, CpuArrays& fresh) {
  CHECK(!cpu.irqs_enabled());
  cpu.Touch(s.ArrayPointer(cpu.id()), Access::kRead);
  cpu.Touch(s.ArrayPointer(cpu.id()), Access::kWrite);
  std::swap(s.cpus->arrays[cpu.id().index()], fresh.arrays[cpu.id().index()]);
  co_return;
}

// do_tune_cpucache(), one CPU's former array, which nobody can reach any more.
Task<void> SlabAllocator::DrainDetached(Cpu& cpu, SlabCache& s, CpuArray& ac, NodeId node) {
  SlabNode& n = *GetNode(cpu, s, node);
  DoomedSlabs doomed;
  const IrqFlags flags = cpu.IrqSave();
  {
    const SpinGuard guard = co_await n.list_lock.Acquire(cpu);
    if (ac.placed) {
      cpu.Touch(ac.available.place(), Access::kRead);
      FreeEntries(cpu, s, n, ac.entries, {.first = 0, .count = ac.available.Peek()}, &doomed);
      ac.available.Poke(0);
    }
  }
  co_await cpu.IrqRestore(flags);
  co_await DestroySlabs(cpu, s, doomed);
}

Task<absl::Status> SlabAllocator::Tune(Cpu& cpu, CacheId id, std::string_view key, int64_t value) {
  const Tunable tunable{.key = key, .value = value};
  absl::Status status = co_await TuneTogether(cpu, id, absl::MakeConstSpan(&tunable, 1));
  co_return status;
}

// slabinfo_write(): limit, batchcount and sharedfactor in one line; those not named stay as they
// are. A triple that makes no sense is taken without a word and changes nothing.
Task<absl::Status> SlabAllocator::TuneTogether(Cpu& cpu, CacheId id,
                                               absl::Span<const Tunable> tunables) {
  SlabCache& s = cache(id);
  const SiteScope site(cpu, SiteOf(At::kTune));
  int64_t limit = s.limit.Peek();
  int64_t batch_count = s.batch_count.Peek();
  int64_t shared = s.shared.Peek();
  for (const Tunable& tunable : tunables) {
    absl::Status checked =
        CheckTuning(name(), SlabSwitches(policy_), options_.statistics, tunable.key, tunable.value);
    if (!checked.ok()) co_return checked;
    if (tunable.key == "limit") {
      limit = tunable.value;
    } else if (tunable.key == "batchcount") {
      batch_count = tunable.value;
    } else {
      shared = tunable.value;  // or sharedfactor
    }
  }
  if (limit < 1 || batch_count < 1 || batch_count > limit || shared < 0) {
    co_return absl::OkStatus();
  }
  const SlabTunables wanted{.limit = static_cast<uint32_t>(limit),
                            .batch_count = static_cast<uint32_t>(batch_count),
                            .shared = static_cast<uint32_t>(shared)};
  const bool done = co_await TuneCpuCache(cpu, s, wanted, kGfpKernel);
  if (done) co_return absl::OkStatus();
  co_return absl::ResourceExhaustedError(
      fmt::format("no memory for arrays of {} objects a CPU and {} a node to share", wanted.limit,
                  wanted.shared * uint64_t{wanted.batch_count}));
}

}  // namespace slablab
