// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// What SLUB+Q says of itself, and what must hold. Costs nothing and changes nothing.

#include <algorithm>
#include <limits>
#include <set>

#include "allocators/common/slub_boot.h"
#include "allocators/slubq/slubq.h"
#include "allocators/switches.h"
#include "base/check.h"
#include "sim/core/scheduler.h"

namespace slablab {
namespace {

constexpr std::array<FigureInfo, kQueueStats> kStats = {{
    {"alloc_fastpath", FigureRole::kFastAllocs},
    {"alloc_shared"},
    {"alloc_alien"},
    {"alloc_direct"},
    {"alloc_remote"},
    {"alloc_slowpath", FigureRole::kSlowAllocs},
    {"free_fastpath", FigureRole::kFastFrees},
    {"free_shared"},
    {"free_alien"},
    {"free_direct"},
    {"free_slowpath", FigureRole::kSlowFrees},
    {"free_add_partial", FigureRole::kListedByFrees},
    {"free_remove_partial", FigureRole::kUnlistedByFrees},
    {"alloc_from_partial", FigureRole::kUnlistedByAllocs},
    {"alloc_slab", FigureRole::kSlabsMade},
    {"free_slab", FigureRole::kSlabsReturned},
    {"queue_flush"},
    {"order_fallback"},
}};

using S = QueueStat;
// enum stat_item of each version. free_slab has no user left in any.
constexpr std::array<QueueStat, 11> kOrderV2 = {
    S::kAllocFastpath,  S::kAllocSlowpath,     S::kFreeFastpath,     S::kFreeSlowpath,
    S::kFreeAddPartial, S::kFreeRemovePartial, S::kAllocFromPartial, S::kAllocSlab,
    S::kFreeSlab,       S::kQueueFlush,        S::kOrderFallback};
constexpr std::array<QueueStat, 15> kOrderV3 = {
    S::kAllocFastpath,  S::kAllocSlowpath,     S::kFreeFastpath,     S::kFreeSlowpath,
    S::kFreeAddPartial, S::kFreeRemovePartial, S::kAllocFromPartial, S::kAllocSlab,
    S::kAllocRemote,    S::kAllocShared,       S::kFreeShared,       S::kFreeAlien,
    S::kFreeSlab,       S::kQueueFlush,        S::kOrderFallback};
constexpr std::array<QueueStat, 17> kOrderV4 = {
    S::kAllocFastpath,    S::kAllocShared,  S::kAllocAlien,     S::kAllocDirect,
    S::kAllocSlowpath,    S::kFreeFastpath, S::kFreeShared,     S::kFreeAlien,
    S::kFreeDirect,       S::kFreeSlowpath, S::kFreeAddPartial, S::kFreeRemovePartial,
    S::kAllocFromPartial, S::kAllocSlab,    S::kFreeSlab,       S::kQueueFlush,
    S::kOrderFallback};
static_assert(kOrderV4.size() == kQueueStatsMax);

template <size_t kCount>
constexpr std::array<FigureInfo, kCount> InfosOf(const std::array<QueueStat, kCount>& order) {
  std::array<FigureInfo, kCount> infos;
  for (size_t i = 0; i < kCount; ++i) infos[i] = kStats[static_cast<size_t>(order[i])];
  return infos;
}
constexpr auto kInfosV2 = InfosOf(kOrderV2);
constexpr auto kInfosV3 = InfosOf(kOrderV3);
constexpr auto kInfosV4 = InfosOf(kOrderV4);

constexpr std::array<PathInfo, 17> kPaths = {
    FastAllocPath("alloc fast"), AllocPath("alloc from shared"), AllocPath("alloc node partial"),
    AllocPath("alloc new slab"), AllocPath("alloc from alien"),  AllocPath("alloc from node"),
    AllocPath("alloc failed"),   AllocPath("alloc large"),       AllocPath("alloc of 0 bytes"),
    FastFreePath("free fast"),   FreePath("free to shared"),     FreePath("free drain"),
    FreePath("free to alien"),   FreePath("free alien drain"),   FreePath("free direct"),
    FreePath("free large"),      FreePath("free of null"),
};
static_assert(PathOf(SlubQ::Way::kFreeNull) == kPaths.size() - 1);

constexpr QuirkInfo kQuirks[] = {
    {"alloc-hook-inverted",
     "S+Q2 13 and S+Q3 12: slab_pre_alloc_hook()'s answer is taken for its opposite: no "
     "allocation succeeds."},
    {"alien-leak", "Removing shared queues forgets what is in the alien queues."},
    {"alien-stride-overflow",
     "V3: a block of half a page or more is asked for as 12 bytes times a power of two."},
    {"bootstrap-full-list-guard",
     "The dynamic boot's fix-up passes over full slabs: it asks for CONFIG_SLAB_DEBUG."},
    {"dma-duplicate",
     "A DMA cache for kmem_cache_node too, which is one of kmalloc-64 again; with the static "
     "boot."},
    {"gfp-mask-in-hot-path",
     "gfp_allowed_mask is read by every allocation, as before S+Q2 14 and S+Q3 13."},
    {"inverted-batch-check", "cpu_batch_size takes only what is no less than the queue."},
    {"isolated-across-nodes",
     "V4: CPUs alone in their domain share queues with those of other nodes."},
    {"null-page-node", "V4: a failed page allocation is asked for its node."},
    {"zone-dma-off", "The kernel was built without CONFIG_ZONE_DMA.",
     /*is_plain=*/true, /*is_recorded=*/false},
};

constexpr std::string_view kBoots[] = {"dynamic", "static"};

constexpr TunableInfo kQueueSize = {"cpu_queue_size", 4, 10'000,
                                    "120, 54 beyond 256 bytes, 24 beyond 1,024, 8 beyond 4,096",
                                    "Objects that a CPU's queue holds."};
constexpr TunableInfo kBatchSize = {"cpu_batch_size", 4, 1'000'000, "half of cpu_queue_size",
                                    "Objects that are moved at once, at most cpu_queue_size."};
constexpr TunableInfo kBatchAlias = {"batch_size", 4, 1'000'000, "half of cpu_queue_size",
                                     "Another name of cpu_batch_size."};
constexpr TunableInfo kShrink = {"shrink", 1, 1, "", "Gives back what is queued and empty slabs."};
constexpr TunableInfo kMinPartial = {
    "min_partial", 0, std::numeric_limits<int64_t>::max(), "5 to 10, by the object's size",
    "Partial slabs that a node keeps though they are empty; taken as at least 5 and at most 10."};
constexpr TunableInfo kOrder = {
    "order", 0, kMaxPageOrder, "by the object's size and the number of CPUs",
    "Order of the cache's slabs from now on, from slab_min_order to slab_max_order."};
constexpr TunableInfo kExpire = {
    "expire", -1, kMaxNodes - 1, "",
    "Gives back what queues hold of this node, or with -1 of all, as when memory is short."};
constexpr std::string_view kSharedMeaning =
    "Objects that the queue of a last-level cache's CPUs holds.";
constexpr std::string_view kAlienMeaning =
    "Objects that each queue for another node holds, up to a power of two; 0 is none. Only where "
    "there are several nodes.";

constexpr TunableInfo kTunablesV2[] = {
    kQueueSize,    kBatchSize,    kBatchAlias,     kMinPartial,   kOrder,        kShrink,
    kSlabMinOrder, kSlabMaxOrder, kSlabMinObjects, kSlubMinOrder, kSlubMaxOrder, kSlubMinObjects};
constexpr TunableInfo kTunablesV3[] = {
    kQueueSize,
    kBatchSize,
    kBatchAlias,
    {"shared_queue_size", 4, 10'000, "as cpu_queue_size", kSharedMeaning},
    {"alien_queue_size", 0, 65'535, "by queue and nodes", kAlienMeaning},
    kExpire,
    kMinPartial,
    kOrder,
    kShrink,
    kSlabMinOrder,
    kSlabMaxOrder,
    kSlabMinObjects,
    kSlubMinOrder,
    kSlubMaxOrder,
    kSlubMinObjects};
constexpr TunableInfo kTunablesV4[] = {
    kQueueSize,
    kBatchSize,
    kBatchAlias,
    {"shared_queue_size", 0, 10'000, "a multiple of cpu_batch_size, 0 from 4,096 bytes on",
     "Objects that the queue of a last-level cache's CPUs holds, at least 4 and cpu_batch_size; 0 "
     "is none."},
    {"alien_queue_size", 0, 1000, "by queue and nodes", kAlienMeaning},
    kExpire,
    kMinPartial,
    kOrder,
    kShrink,
    kSlabMinOrder,
    kSlabMaxOrder,
    kSlabMinObjects,
    kSlubMinOrder,
    kSlubMaxOrder,
    kSlubMinObjects};

struct CountersOfVersion {
  absl::Span<const FigureInfo> infos;
  absl::Span<const QueueStat> order;
};

CountersOfVersion CountersOf(const QueuePolicy& policy) {
  switch (policy.counters) {
    case QueuePolicy::Counters::kOfV2:
      return {.infos = kInfosV2, .order = kOrderV2};
    case QueuePolicy::Counters::kOfV3:
      return {.infos = kInfosV3, .order = kOrderV3};
    case QueuePolicy::Counters::kOfV4:
      return {.infos = kInfosV4, .order = kOrderV4};
  }
  CHECK(false);
}

}  // namespace

ModelSwitches SlubQSwitches(const QueuePolicy& policy) {
  const bool is_own_size = policy.shared_size == QueuePolicy::SharedSize::kTenBatches;
  absl::Span<const TunableInfo> tunables = kTunablesV2;
  if (policy.shared_queues && is_own_size) tunables = kTunablesV4;
  if (policy.shared_queues && !is_own_size) tunables = kTunablesV3;
  return {.quirks = kQuirks,
          .boots = kBoots,
          .tunables = tunables,
          .counters = CountersOf(policy).infos};
}

absl::Span<const PathInfo> SlubQ::paths() const { return kPaths; }

absl::Span<const FigureInfo> SlubQ::stat_infos() const {
  return CountersOf(policy_).infos;
}

void SlubQ::SetStatPositions() {
  stat_position_.fill(-1);
  const absl::Span<const QueueStat> order = CountersOf(policy_).order;
  for (size_t i = 0; i < order.size(); ++i) {
    stat_position_[static_cast<size_t>(order[i])] = static_cast<int8_t>(i);
  }
}

uint32_t SlubQ::StatOf(const Cache2010& s, CpuId cpu, int stat) const {
  const QueueCpu& c = static_cast<const QueueCache&>(s).cpus->cpus[cpu.index()];
  return c.stats.values[static_cast<size_t>(stat)];
}

void SlubQ::CountOrderFallback(Cpu& cpu, Cache2010& s) {
  auto& cache = static_cast<QueueCache&>(s);
  if (cache.cpus != nullptr) Count(cpu, cache, QueueStat::kOrderFallback);
}

Slub2010Core::SpecialPaths SlubQ::special_paths() const {
  return {.alloc_failed = PathOf(Way::kAllocFailed),
          .alloc_large = PathOf(Way::kAllocLarge),
          .alloc_zero = PathOf(Way::kAllocZero),
          .free_large = PathOf(Way::kFreeLarge),
          .free_null = PathOf(Way::kFreeNull)};
}

// The tunables' files, and what is in the queues: per_cpu_caches by CPU, shared_caches and
// alien_caches by the first CPU of those that share; in parentheses what there is room for.
std::vector<Figure> SlubQ::State(CacheId id) const {
  const QueueCache& s = queue_cache(id);
  if (!s.live) return {};
  std::vector<Figure> figures = SlabFigures(s);
  const auto queue_figure = [&](const FigureInfo& info) {
    Figure figure = PlainFigure(info.name, 0);
    figure.role = info.role;
    figure.per = Figure::Per::kCpu;
    figure.has_parentheses = true;
    return figure;
  };
  const auto add = [](Figure& figure, size_t cpu, int32_t objects, int32_t max) {
    if (max == 0) return;
    figure.value += static_cast<uint64_t>(objects);
    figure.in_parentheses += static_cast<uint64_t>(max);
    if (objects == 0) return;
    figure.parts.push_back({.index = static_cast<int>(cpu),
                            .value = static_cast<uint64_t>(objects),
                            .in_parentheses = static_cast<uint64_t>(max)});
  };
  Figure cpus = queue_figure({"per_cpu_caches", FigureRole::kQueued});
  Figure shared = queue_figure({"shared_caches", FigureRole::kShared});
  Figure aliens = queue_figure({"alien_caches", FigureRole::kAlien});
  std::set<const SharedQueues*> seen;
  for (size_t i = 0; i < s.cpus->cpus.size(); ++i) {
    const QueueCpu& c = s.cpus->cpus[i];
    add(cpus, i, c.q.count(), s.cpus->max);
    const SharedQueues* const queues = c.shared.Peek();
    if (queues == nullptr || !seen.insert(queues).second) continue;
    add(shared, i, queues->shared.q.count(), queues->shared.q.max());
    int32_t objects = 0;
    int32_t max = 0;
    for (const LockedQueue& a : queues->aliens) {
      objects += a.q.count();
      max += a.q.max();
    }
    add(aliens, i, objects, max);
  }
  figures.push_back(cpus);
  if (policy_.shared_queues) figures.insert(figures.end(), {shared, aliens});
  const auto plain = [&](std::string_view name, uint64_t value) {
    figures.push_back(PlainFigure(name, value));
  };
  plain("queue_size", static_cast<uint64_t>(s.queue));
  plain("cpu_queue_size", static_cast<uint64_t>(s.cpus->max));
  plain("batch_size", static_cast<uint64_t>(s.batch.Peek()));
  if (policy_.shared_queues) {
    plain("shared_queue_size", static_cast<uint64_t>(s.shared_queue));
    plain("alien_queue_size", s.aliens ? ((uint64_t{1} << s.alien_shift) - 16) / 8 : 0);
    plain("expire", s.last_expired_bytes);
  }
  plain("min_partial", s.min_partial.Peek());
  plain("aliases", s.names.size() - 1);
  return figures;
}

SlabInfoRow SlubQ::SlabInfo(CacheId id) const {
  const QueueCache& s = queue_cache(id);
  SlabInfoRow row = Slub2010Core::SlabInfo(id);
  row.limit = static_cast<uint32_t>(s.queue);
  row.batch_count = static_cast<uint32_t>(s.batch.Peek());
  for (const std::unique_ptr<SharedQueues>& queues : s.shared) {
    row.shared_available += static_cast<uint64_t>(queues->shared.q.count());
  }
  return row;
}

// One pass over one cache.
class QueueInspection {
 public:
  QueueInspection(const SlubQ& slubq, const QueueCache& cache) : slubq_(slubq), s_(cache) {}

  void Run() {
    std::set<const Slab2010*> listed;
    slubq_.CheckCore(s_, [&](const Slab2010& slab) { listed.insert(&slab); });
    uint64_t on_slabs = 0;
    uint64_t objects = 0;
    for (const MapSlab& slab : slubq_.pool_.slabs()) {
      if (slab.cache != &s_) continue;
      const uint32_t free = slab.map.PeekWeight();
      CHECK_EQ(listed.contains(&slab), free > 0);  // 1
      if (slubq_.locks_nodes()) CHECK_EQ(slab.partial, free > 0);
      on_slabs += free;
      objects += slab.objects;
    }
    VisitQueues();
    const uint64_t used = s_.footprint.objects;
    // What a quirk has lost is with nobody.
    const bool lossless = slubq_.KernelLog().empty();
    if (lossless) {
      CHECK_EQ(on_slabs + queued_.size() + used, objects);  // 2
    }
  }

 private:
  void VisitQueues() {
    std::set<const SharedQueues*> seen;
    for (size_t i = 0; i < s_.cpus->cpus.size(); ++i) {
      const QueueCpu& c = s_.cpus->cpus[i];
      if (!c.placed) continue;
      VisitQueue(c.q, kAnyNode);
      const SharedQueues* const queues = c.shared.Peek();
      if (queues == nullptr) continue;
      const bool mixed = slubq_.HasQuirk("isolated-across-nodes");
      if (!mixed) CHECK(queues->node == c.node.Peek());  // 6
      if (!seen.insert(queues).second) continue;
      VisitQueue(queues->shared.q, kAnyNode);
      CHECK(!queues->shared.lock.held());
      for (size_t slot = 1; slot <= queues->aliens.size(); ++slot) {
        const int own = queues->node.value();
        const int node =
            static_cast<int>(slot) <= own ? static_cast<int>(slot) - 1 : static_cast<int>(slot);
        VisitQueue(queues->aliens[slot - 1].q, mixed ? kAnyNode : NodeId(node));
        CHECK(!queues->aliens[slot - 1].lock.held());
      }
    }
    for (const std::unique_ptr<SharedQueues>& queues : s_.shared) {
      // Not in use any more: nothing may be left in it.
      if (seen.contains(queues.get())) continue;
      CHECK_EQ(queues->shared.q.count(), 0);
    }
  }

  void VisitQueue(const ObjectQueue& q, NodeId node) {
    CHECK_LE(q.count(), q.max());  // 4
    for (PhysAddr object : q.objects()) {
      const Slab2010* const slab = slubq_.SlabOf(object);
      CHECK(slab != nullptr && slab->cache == &s_);
      CHECK(!SlubQ::AsMap(*slab).map.PeekBit(s_.IndexOf(*slab, object)));  // 2
      CHECK(queued_.insert(object).second);                                // 2
      if (node != kAnyNode) CHECK(slab->node == node);                     // 3
    }
  }

  const SlubQ& slubq_;
  const QueueCache& s_;
  std::set<PhysAddr> queued_;
};

void SlubQ::CheckInvariants() const {
  for (CacheId id : caches_.live()) QueueInspection(*this, queue_cache(id)).Run();
  CheckTotals();
}

}  // namespace slablab
