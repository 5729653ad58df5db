// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// SLUB+Q: construction, slabs' records, what is done to caches from outside.

#include <algorithm>
#include <bit>

#include "allocators/slubq/slubq.h"
#include "allocators/switches.h"
#include "base/check.h"
#include "fmt/format.h"
#include "sim/core/scheduler.h"

namespace slablab {
namespace {

constexpr int kQueueLockRank = 8;  // below the slabs' and the lists'

}  // namespace

Queues::Queues(SlubCore& core)
    : core_(core),
      policy_(core.policy().queues),
      gfp_mask_in_hot_path_(core.HasQuirk("gfp-mask-in-hot-path")),
      hook_inverted_(core.HasQuirk("alloc-hook-inverted")),
      spreads_slab_(core.options().spread_slab && policy_.queues_by_node),
      queue_lock_class_(
          core.machine().scheduler().AddLockClass("kmem_cache_queue->lock", kQueueLockRank)),
      spread_rotor_(static_cast<size_t>(core.machine().config().cpu_count()), NodeId(0)),
      expiring_(static_cast<size_t>(core.machine().config().cpu_count())) {}

// --- Slabs. ---

// new_slab(): every bit is set; the objects are left alone.
void Queues::Fill(Cpu& cpu, KmemCache& s, Slab& slab) {
  core_.ConstructObjects(cpu, s, slab);
  slab.listed.Poke(false);
  const ObjectMap map(slab);
  if (map.is_behind_objects()) cpu.Touch(slab.word.place(), Access::kWrite);
  map.Fill(cpu);
}

ObjectIndex Queues::TakeFirst(Cpu& cpu, KmemCache&, Slab& slab) {
  return ObjectMap(slab).TakeLowest(cpu);
}

void Queues::EarlyListed(CacheNode& n, Slab& slab) {
  slab.listed.Poke(true);
  ObjectMap(slab).Publish(locks_nodes() ? &n.list_lock : &slab.lock);
}

Task<uint32_t> Queues::CountFree(Cpu& cpu, const Slab& slab) {
  co_await cpu.Sync();
  co_return ObjectMap(slab).ReadUnlocked(cpu);
}

// --- Flushing. ---

// flush_cpu_objects(). REQUIRES: interrupts are off; `owner` is this CPU or off line.
Task<void> Queues::FlushCpu(Cpu& cpu, KmemCache& s, QueueCpus& cpus, CpuId owner) {
  const SiteScope site(cpu, SiteOf(SlubAt::kFlush));
  QueueCpu& c = On(cpus, owner);
  co_await DrainQueue(cpu, s, c.q, c.q.max());
  if (SharedQueues* const queues = SharedOf(cpu, c); queues != nullptr) {
    co_await DrainLocked(cpu, s, queues->shared, queues->shared.q.max());
    for (LockedQueue& a : queues->aliens) co_await DrainLocked(cpu, s, a, a.q.max());
  }
  Count(cpu, s, SlubStat::kQueueFlush);
}

// __flush_cpu_objects(): only a CPU whose own queue has anything, flushes the shared ones.
class QueueFlush : public RemoteCall {
 public:
  QueueFlush(Queues& queues, KmemCache& cache, QueueCpus& cpus)
      : queues_(queues), cache_(cache), cpus_(cpus) {}
  Task<void> Run(Cpu& cpu) override {
    const IrqFlags flags = cpu.IrqSave();
    cpu.Load(cache_.cpu_slab);
    if (!queues_.On(cpus_, cpu.id()).q.IsEmpty(cpu)) {
      co_await queues_.FlushCpu(cpu, cache_, cpus_, cpu.id());
    }
    co_await cpu.IrqRestore(flags);
  }

 private:
  Queues& queues_;
  KmemCache& cache_;
  QueueCpus& cpus_;
};

Task<void> Queues::FlushEvery(Cpu& cpu, KmemCache& s, QueueCpus& cpus) {
  QueueFlush flush(*this, s, cpus);
  const Scheduler& scheduler = cpu.scheduler();
  for (int i = 0; i < scheduler.cpu_count(); ++i) {
    if (scheduler.cpu(CpuId(i)).online()) co_await cpu.CallOn(CpuId(i), flush);
  }
}

Task<void> Queues::FlushAll(Cpu& cpu, KmemCache& s) { return FlushEvery(cpu, s, *Of(s).cpus); }

// slab_cpuup_callback(), for one cache.
Task<void> Queues::FlushCpuOf(Cpu& cpu, KmemCache& s, CpuId owner) {
  const IrqFlags flags = cpu.IrqSave();
  cpu.Load(s.cpu_slab);
  co_await FlushCpu(cpu, s, *Of(s).cpus, owner);
  co_await cpu.IrqRestore(flags);
}

// --- sysfs. ---

// The files' _store() functions hold slub_lock where they resize; here, all do.
Task<absl::Status> Queues::Tune(Cpu& cpu, KmemCache& s, std::string_view key, int64_t value) {
  if (key == "cpu_queue_size") {
    if (cpu.Load(Of(s).batch) > value) cpu.Store(Of(s).batch, static_cast<int32_t>(value));
    const bool resized = co_await ResizeCpuQueue(cpu, s, static_cast<int32_t>(value));
    if (!resized) {
      co_return absl::ResourceExhaustedError(
          fmt::format("no percpu memory for queues of {} objects", value));
    }
    co_return absl::OkStatus();
  }
  if (key == "cpu_batch_size" || key == "batch_size") {
    const absl::Status status = co_await TuneBatch(cpu, s, value);
    co_return status;
  }
  if (key == "shared_queue_size") {
    const absl::Status status = co_await TuneShared(cpu, s, value);
    co_return status;
  }
  if (key == "alien_queue_size") {
    const absl::Status status = co_await TuneAlien(cpu, s, value);
    co_return status;
  }
  CHECK(key == "expire");
  if (value >= core_.machine().config().node_count()) co_return TunableRefused(key, value);
  const SiteScope site(cpu, SiteOf(SlubAt::kExpire));
  Of(s).last_expired_bytes = co_await Expire(cpu, s, NodeId(static_cast<int32_t>(value)));
  co_return absl::OkStatus();
}

// Meant: 4 .. queue. The test was written the wrong way round, and took only what is too much.
Task<absl::Status> Queues::TuneBatch(Cpu& cpu, KmemCache& s, int64_t value) {
  const bool refused =
      core_.HasQuirk("inverted-batch-check") ? value < Of(s).queue : value > Of(s).queue;
  if (refused) co_return TunableRefused("cpu_batch_size", value);
  cpu.Store(Of(s).batch, static_cast<int32_t>(value));
  co_return absl::OkStatus();
}

Task<absl::Status> Queues::TuneShared(Cpu& cpu, KmemCache& s, int64_t value) {
  const int32_t batch = cpu.Load(Of(s).batch);
  const bool is_own_size = policy_.shared_size == QueuePolicy::SharedSize::kTenBatches;
  if (is_own_size && value != 0 && (value < 4 || value < batch)) {
    co_return TunableRefused("shared_queue_size", value);
  }
  if (!is_own_size && batch > value) cpu.Store(Of(s).batch, static_cast<int32_t>(value));
  co_await RemoveSharedQueues(cpu, s);
  Of(s).shared_queue_wanted = static_cast<int32_t>(value);
  co_await AllocSharedQueues(cpu, s);
  co_return absl::OkStatus();
}

Task<absl::Status> Queues::TuneAlien(Cpu& cpu, KmemCache& s, int64_t value) {
  if (core_.nr_node_ids() == 1) {
    co_return TunableRefused("alien_queue_size", value, "the machine has one node");
  }
  co_await RemoveSharedQueues(cpu, s);
  Of(s).aliens = value > 0;
  Of(s).alien_shift = 0;
  if (Of(s).aliens) {
    const uint64_t bytes =
        ObjectQueue::kSlotsAt + static_cast<uint64_t>(value) * ObjectQueue::kSlotBytes;
    const uint64_t lines = (std::max(bytes, kLineSize) + kLineSize - 1) / kLineSize * kLineSize;
    Of(s).alien_shift = static_cast<int32_t>(std::bit_width(lines + (lines - 1))) - 1;
  }
  cpu.Touch(s.Field(QueueCache::kFlagsAt), Access::kWrite);
  co_await AllocSharedQueues(cpu, s);
  co_return absl::OkStatus();
}

}  // namespace slablab
