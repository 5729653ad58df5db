// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// What is done to SLUB's caches from outside: shrink, CPU hotplug, tunables.

#include <algorithm>
#include <array>

#include "allocators/slub/core/core.h"
#include "allocators/switches.h"
#include "base/check.h"
#include "fmt/format.h"
#include "sim/core/scheduler.h"

namespace slablab {
namespace {

// min_partial's limits in 2010.
constexpr int64_t kMinPartialLeast = 5;
constexpr int64_t kMinPartialMost = 10;

bool IsCounter(absl::Span<const SlubStat> counters, std::string_view name) {
  return std::any_of(counters.begin(), counters.end(),
                     [name](SlubStat each) { return SlubStatName(each) == name; });
}

}  // namespace

// kmem_cache_shrink().
Task<void> SlubCore::Shrink(Cpu& cpu, CacheId id) {
  KmemCache& s = cache(id);
  const SiteScope site(cpu, SiteOf(SlubAt::kShrink));
  if (policy_.lives.shrinks_by_inuse) {
    co_await ShrinkByInuse(cpu, s);
    co_return;
  }
  co_await FlushAll(cpu, s);
  co_await EmptyBarns(cpu, s, Ending::kNo);
  for (const std::unique_ptr<CacheNode>& n : s.nodes) {
    if (n != nullptr) co_await ShrinkNode(cpu, s, *n);
  }
}

// __kmem_cache_do_shrink(), one node: frees the empty slabs, and sorts those with few free objects
// to the front, fullest first, so that they fill up and leave the list.
Task<void> SlubCore::ShrinkNode(Cpu& cpu, KmemCache& s, CacheNode& n) {
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
Task<void> SlubCore::CpuDead(Cpu& cpu, CpuId dead) {
  const SiteScope site(cpu, SiteOf(SlubAt::kFlush));
  CHECK(!cpu.scheduler().cpu(dead).online());
  if (policy_.lives.slub_lock) co_await slub_lock_.Write(cpu);
  for (size_t i = caches_.live().size(); i > 0; --i) {
    co_await FlushCpuOf(cpu, cache(caches_.live()[i - 1]), dead);
  }
  if (policy_.lives.slub_lock) co_await slub_lock_.EndWrite(cpu);
}

// SLUB has nothing to prepare: the per-CPU structures of all possible CPUs are there.
Task<bool> SlubCore::CpuComing(Cpu&, CpuId) { co_return true; }

// The files' _store() functions.
Task<absl::Status> SlubCore::Tune(Cpu& cpu, CacheId id, std::string_view key, int64_t value) {
  const SiteScope site(cpu, SiteOf(SlubAt::kFlush));
  const bool locks = policy_.lives.slub_lock && policy_.lives.tuning_locks;
  if (locks) co_await slub_lock_.Write(cpu);
  absl::Status tuned = co_await TuneOne(cpu, cache(id), key, value);
  if (locks) co_await slub_lock_.EndWrite(cpu);
  co_return tuned;
}

Task<absl::Status> SlubCore::TuneOne(Cpu& cpu, KmemCache& s, std::string_view key, int64_t value) {
  const ModelSwitches switches = policy_.switches(policy_);
  absl::Status checked = CheckTuning(name(), switches, options_.statistics, key, value);
  if (!checked.ok()) co_return checked;
  if (key == "min_partial") {
    if (policy_.lives.tunes_within_limits) {
      value = std::clamp(value, kMinPartialLeast, kMinPartialMost);
    }
    cpu.Store(s.min_partial, static_cast<uint64_t>(value));
  } else if (key == "cpu_partial") {
    s.cpu_partial = static_cast<uint32_t>(value);
    cpu.Store(s.cpu_partial_slabs, SlubCpuPartialSlabs(s.cpu_partial, s.geometry.objects));
    co_await FlushAll(cpu, s);
  } else if (key == "remote_node_defrag_ratio") {
    // 2010 accepts larger values, which change nothing.
    if (value <= 100) cpu.Store(s.remote_node_defrag_ratio, static_cast<uint32_t>(value) * 10);
  } else if (key == "order") {
    co_return SetOrder(cpu, s, value);
  } else if (key == "shrink") {
    co_await Shrink(cpu, s.id);
  } else if (IsCounter(counters_, key)) {
    ClearCounter(cpu, s, key);
  } else {
    absl::Status tuned = co_await TuneFront(cpu, s, key, value);
    co_return tuned;
  }
  co_return absl::OkStatus();
}

// order_store(): slabs from now on. Those that are there stay as they are.
absl::Status SlubCore::SetOrder(Cpu& cpu, KmemCache& s, int64_t order) {
  const SlubOrders& orders = rules_.orders;
  if (order < orders.min_order || order > orders.max_order) {
    return TunableRefused("order", order,
                          fmt::format("slab_min_order is {} and slab_max_order {}",
                                      orders.min_order, orders.max_order));
  }
  SlubGeometry& geometry = s.geometry;
  const auto new_order = static_cast<int>(order);
  const uint32_t objects = SlubObjectsIn(new_order, geometry.size, rules_);
  // The kernel looks for neither, and does not survive it.
  if (new_order < geometry.min_order || objects > kSlubObjectsMax) {
    return TunableRefused("order", order,
                          fmt::format("a slab would have {} objects of {}", objects, s.spec.name));
  }
  cpu.Touch(s.Field(s.at.order), Access::kWrite);
  geometry.order = new_order;
  geometry.objects = objects;
  s.objects_max = std::max(s.objects_max, objects);
  s.alloc_flags = new_order > 0 ? s.alloc_flags | Gfp::kCompound : s.alloc_flags & ~Gfp::kCompound;
  return absl::OkStatus();
}

// clear_stat().
void SlubCore::ClearCounter(Cpu& cpu, KmemCache& s, std::string_view name) {
  const auto stat = std::find_if(counters_.begin(), counters_.end(),
                                 [name](SlubStat each) { return SlubStatInfo(each).name == name; });
  CHECK(stat != counters_.end());
  const auto place = static_cast<int>(stat - counters_.begin());
  for (int each = 0; each < cpu.scheduler().cpu_count(); ++each) {
    if (!cpu.scheduler().cpu(CpuId(each)).online()) continue;
    SlubCpuCounters& counters = On(s, CpuId(each)).counters;
    counters.values[static_cast<size_t>(place)] = 0;
    cpu.Touch({counters.AddressOf(place), Structure::kPerCpuArea}, Access::kWrite);
  }
}

}  // namespace slablab
