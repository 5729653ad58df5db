// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// What SLUB+Q gives up when memory is short: kmem_cache_expire() of V3 and V4. V2 has no such
// thing.

#include <algorithm>

#include "allocators/slubq/slubq.h"
#include "base/check.h"
#include "sim/core/scheduler.h"

namespace slablab {

// V3: each cache from what matters least to what matters most, until something was found. V4: every
// level, of all caches; what was touched since the last time is passed over.
Task<uint64_t> Queues::Reclaim(Cpu& cpu, NodeId node) {
  const SiteScope site(cpu, SiteOf(SlubAt::kExpire));
  uint64_t bytes = 0;
  if (policy_.expiry == QueuePolicy::Expiry::kNone) co_return bytes;
  // Not while it expires itself: the page allocator may have come here from there.
  if (expiring_[cpu.id().index()]) co_return bytes;
  // V4 tries for slub_lock; V3 waits for it, for ever if it was taken for a resize that ran short.
  const bool locked = co_await core_.slub_lock().TryRead(cpu, /*alone=*/spares_touched());
  if (!locked) co_return bytes;
  expiring_[cpu.id().index()] = true;
  if (spares_touched()) {
    for (int i = 0; i < core_.machine().config().node_count(); ++i) {
      if (!core_.HasMemory(NodeId(i)) || (node != kAnyNode && node != NodeId(i))) continue;
      for (Level level : {Level::kPartials, Level::kAliens, Level::kShared, Level::kCpus}) {
        for (size_t at = core_.live_caches().size(); at > 0; --at) {
          bytes +=
              co_await ExpireLevel(cpu, core_.cache(core_.live_caches()[at - 1]), level, NodeId(i));
        }
      }
    }
  } else {
    for (size_t at = core_.live_caches().size(); at > 0; --at) {
      bytes += co_await Expire(cpu, core_.cache(core_.live_caches()[at - 1]), node);
    }
  }
  expiring_[cpu.id().index()] = false;
  co_await core_.slub_lock().EndRead(cpu);
  co_return bytes;
}

// kmem_cache_expire(). `node` kAnyNode: all.
Task<uint64_t> Queues::Expire(Cpu& cpu, KmemCache& s, NodeId node) {
  uint64_t bytes = 0;
  for (Level level : {Level::kPartials, Level::kAliens, Level::kShared, Level::kCpus}) {
    if (!spares_touched()) {
      bytes = co_await ExpireLevel(cpu, s, level, node);
      if (bytes > 0) co_return bytes;
      continue;
    }
    for (int i = 0; i < core_.machine().config().node_count(); ++i) {
      if (!core_.HasMemory(NodeId(i)) || (node != kAnyNode && node != NodeId(i))) continue;
      bytes += co_await ExpireLevel(cpu, s, level, NodeId(i));
    }
  }
  co_return bytes;
}

Task<uint64_t> Queues::ExpireLevel(Cpu& cpu, KmemCache& s, Level level, NodeId node) {
  switch (level) {
    case Level::kPartials:
      return ExpirePartials(cpu, s, node);
    case Level::kAliens:
      return ExpireAliens(cpu, s, node);
    case Level::kShared:
      return ExpireShared(cpu, s, node);
    case Level::kCpus:
      return ExpireCpus(cpu, s, node);
  }
  return ExpireCpus(cpu, s, node);
}

// shrink_partial_list() of the nodes that are meant; V4 only where nothing has changed.
Task<uint64_t> Queues::ExpirePartials(Cpu& cpu, KmemCache& s, NodeId node) {
  uint64_t bytes = 0;
  for (size_t i = 0; i < s.nodes.size(); ++i) {
    CacheNode* const n = s.nodes[i].get();
    if (n == nullptr || (node != kAnyNode && node.index() != i)) continue;
    if (spares_touched() && Of(s).node_touched[i] != 0) {
      Of(s).node_touched[i] = 0;
      cpu.Touch(n->nr_partial.place(), Access::kWrite);
      continue;
    }
    const PhysAddr heads = co_await core_.AllocSlabsByInuse(cpu, s);
    if (heads.is_null()) continue;
    const uint64_t before = s.footprint.slab_bytes;
    co_await core_.ShrinkPartialList(cpu, s, *n, heads);
    Of(s).node_touched[i] = 0;
    bytes += before - std::min(before, s.footprint.slab_bytes);
    co_await core_.KfreeOwn(cpu, heads);
  }
  co_return bytes;
}

// expire_cache() of a queue that has a lock: a batch.
Task<uint64_t> Queues::ExpireLocked(Cpu& cpu, KmemCache& s, LockedQueue& queue) {
  uint64_t bytes = 0;
  const IrqFlags flags = cpu.IrqSave();
  co_await cpu.Sync();
  // expire_*_caches() of V4: once touched is spared once.
  if (spares_touched() && queue.q.touched()) {
    queue.q.SetTouched(cpu, false);
  } else {
    const int32_t drained = co_await DrainLocked(cpu, s, queue, cpu.Load(Of(s).batch));
    bytes = static_cast<uint64_t>(drained) * s.geometry.size;
  }
  co_await cpu.IrqRestore(flags);
  co_return bytes;
}

// What a CPU shares, which takes a look at its pointer. Null: nothing, or it is off line.
SharedQueues* Queues::SharedOnLine(Cpu& cpu, KmemCache& s, CpuId id) {
  if (!cpu.scheduler().cpu(id).online()) return nullptr;
  QueueCpu& c = On(*Of(s).cpus, id);
  cpu.Touch(c.shared.place(), Access::kRead);
  return c.shared.Peek();
}

// V3 comes to a block once for each of its CPUs, V4 once.
Task<uint64_t> Queues::ExpireAliens(Cpu& cpu, KmemCache& s, NodeId node) {
  uint64_t bytes = 0;
  if (!Of(s).aliens) co_return bytes;
  if (spares_touched()) {
    for (const std::unique_ptr<SharedQueues>& queues : Of(s).shared) {
      if (queues->node != node) continue;
      for (LockedQueue& a : queues->aliens) bytes += co_await ExpireLocked(cpu, s, a);
    }
    co_return bytes;
  }
  const Scheduler& scheduler = cpu.scheduler();
  for (int i = 0; i < scheduler.cpu_count(); ++i) {
    SharedQueues* const queues = SharedOnLine(cpu, s, CpuId(i));
    if (queues == nullptr) continue;
    const int own = On(*Of(s).cpus, CpuId(i)).node.Peek().value();
    for (int slot = 1; slot <= static_cast<int>(queues->aliens.size()); ++slot) {
      const int its_node = slot <= own ? slot - 1 : slot;
      if (node != kAnyNode && node.value() != its_node) continue;
      bytes += co_await ExpireLocked(cpu, s, queues->aliens[static_cast<size_t>(slot) - 1]);
    }
  }
  co_return bytes;
}

Task<uint64_t> Queues::ExpireShared(Cpu& cpu, KmemCache& s, NodeId node) {
  uint64_t bytes = 0;
  if (!policy_.shared_queues) co_return bytes;
  if (spares_touched()) {
    for (const std::unique_ptr<SharedQueues>& queues : Of(s).shared) {
      if (queues->node != node) continue;
      bytes += co_await ExpireLocked(cpu, s, queues->shared);
    }
    co_return bytes;
  }
  const Scheduler& scheduler = cpu.scheduler();
  for (int i = 0; i < scheduler.cpu_count(); ++i) {
    SharedQueues* const queues = SharedOnLine(cpu, s, CpuId(i));
    if (queues == nullptr || (node != kAnyNode && On(*Of(s).cpus, CpuId(i)).node.Peek() != node))
      continue;
    bytes += co_await ExpireLocked(cpu, s, queues->shared);
  }
  co_return bytes;
}

// expire_cache() of a CPU's own queue: the task moves to each CPU in turn.
class QueueExpiry : public RemoteCall {
 public:
  QueueExpiry(Queues& queues, KmemCache& cache) : queues_(queues), cache_(cache) {}
  Task<void> Run(Cpu& cpu) override {
    const SiteScope site(cpu, SiteOf(SlubAt::kExpire));
    const IrqFlags flags = cpu.IrqSave();
    QueueCpu& c = queues_.ThisCpu(cpu, cache_);
    if (queues_.spares_touched() && c.q.touched()) {
      c.q.SetTouched(cpu, false);
    } else {
      const int32_t batch = cpu.Load(Queues::Of(cache_).batch);
      objects_ += co_await queues_.DrainQueue(cpu, cache_, c.q, batch);
    }
    co_await cpu.IrqRestore(flags);
  }
  int32_t objects() const { return objects_; }

 private:
  Queues& queues_;
  KmemCache& cache_;
  int32_t objects_ = 0;
};

Task<uint64_t> Queues::ExpireCpus(Cpu& cpu, KmemCache& s, NodeId node) {
  QueueExpiry expiry(*this, s);
  const Scheduler& scheduler = cpu.scheduler();
  for (int i = 0; i < scheduler.cpu_count(); ++i) {
    if (!scheduler.cpu(CpuId(i)).online()) continue;
    if (node != kAnyNode && On(*Of(s).cpus, CpuId(i)).node.Peek() != node) continue;
    co_await cpu.CallOn(CpuId(i), expiry);
  }
  co_return static_cast<uint64_t>(expiry.objects()) * s.geometry.size;
}

}  // namespace slablab
