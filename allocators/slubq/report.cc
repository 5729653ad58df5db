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

constexpr std::array<PathInfo, 17> kPaths = {
    FastAllocPath("alloc fast"), AllocPath("alloc from shared"), AllocPath("alloc node partial"),
    AllocPath("alloc new slab"), AllocPath("alloc from alien"),  AllocPath("alloc from node"),
    AllocPath("alloc failed"),   AllocPath("alloc large"),       AllocPath("alloc of 0 bytes"),
    FastFreePath("free fast"),   FreePath("free to shared"),     FreePath("free drain"),
    FreePath("free to alien"),   FreePath("free alien drain"),   FreePath("free direct"),
    FreePath("free large"),      FreePath("free of null"),
};
static_assert(PathOf(Queues::Way::kFreeNull) == kPaths.size() - 1);

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

constexpr TunableInfo kQueueSize = {"cpu_queue_size", 4, 10'000,
                                    "120, 54 beyond 256 bytes, 24 beyond 1,024, 8 beyond 4,096",
                                    "Objects that a CPU's queue holds."};
constexpr TunableInfo kBatchSize = {"cpu_batch_size", 4, 1'000'000, "half of cpu_queue_size",
                                    "Objects that are moved at once, at most cpu_queue_size."};
constexpr TunableInfo kBatchAlias = {"batch_size", 4, 1'000'000, "half of cpu_queue_size",
                                     "Another name of cpu_batch_size."};
constexpr TunableInfo kShrink = {"shrink", 1, 1, "", "Gives back what is queued and empty slabs."};
constexpr TunableInfo kExpire = {
    "expire", -1, kMaxNodes - 1, "",
    "Gives back what queues hold of this node, or with -1 of all, as when memory is short."};
constexpr std::string_view kSharedMeaning =
    "Objects that the queue of a last-level cache's CPUs holds.";
constexpr std::string_view kAlienMeaning =
    "Objects that each queue for another node holds, up to a power of two; 0 is none. Only where "
    "there are several nodes.";

constexpr TunableInfo kTunablesV2[] = {kQueueSize,         kBatchSize,    kBatchAlias,
                                       kMinPartialBounded, kSlabOrder,    kShrink,
                                       kSlabMinOrder,      kSlabMaxOrder, kSlabMinObjects,
                                       kSlubMinOrder,      kSlubMaxOrder, kSlubMinObjects};
constexpr TunableInfo kTunablesV3[] = {
    kQueueSize,
    kBatchSize,
    kBatchAlias,
    {"shared_queue_size", 4, 10'000, "as cpu_queue_size", kSharedMeaning},
    {"alien_queue_size", 0, 65'535, "by queue and nodes", kAlienMeaning},
    kExpire,
    kMinPartialBounded,
    kSlabOrder,
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
    kMinPartialBounded,
    kSlabOrder,
    kShrink,
    kSlabMinOrder,
    kSlabMaxOrder,
    kSlabMinObjects,
    kSlubMinOrder,
    kSlubMaxOrder,
    kSlubMinObjects};

absl::Span<const SlubStat> (*CountersOf(const QueuePolicy& policy))() {
  switch (policy.counters) {
    case QueuePolicy::Counters::kOfV2:
      return SlubCountersOfQueuesV2;
    case QueuePolicy::Counters::kOfV3:
      return SlubCountersOfQueuesV3;
    case QueuePolicy::Counters::kOfV4:
      return SlubCountersOfQueuesV4;
  }
  CHECK(false);
}

absl::Span<const PathInfo> Paths() { return kPaths; }

}  // namespace

ModelSwitches SlubQSwitches(const QueuePolicy& policy) {
  const bool is_own_size = policy.shared_size == QueuePolicy::SharedSize::kTenBatches;
  absl::Span<const TunableInfo> tunables = kTunablesV2;
  if (policy.shared_queues && is_own_size) tunables = kTunablesV4;
  if (policy.shared_queues && !is_own_size) tunables = kTunablesV3;
  return {.quirks = kQuirks,
          .boots = BootsOf(policy.lives),
          .tunables = tunables,
          .counters = SlubCounterInfos(CountersOf(policy)())};
}

SlubPolicy SlubPolicyOf(const QueuePolicy& queues) {
  SlubPolicy policy = kSlubOf2010;
  policy.name = queues.name;
  policy.cpu_slabs = false;
  policy.rules.free_link = SlubRules::FreeLink::kNone;
  policy.rules.min_objects_max = 64;
  policy.counters = CountersOf(queues);
  policy.cache_offsets = queues.cache_offsets;
  policy.queues = queues;
  policy.lives = queues.lives;
  policy.lives.slab_guard = queues.slab_guard == QueuePolicy::SlabGuard::kSlabLock
                                ? SlubLives::SlabGuard::kSlabLock
                                : SlubLives::SlabGuard::kNodeLock;
  policy.ways = {.infos = Paths,
                 .alloc_failed = PathOf(Queues::Way::kAllocFailed),
                 .alloc_large = PathOf(Queues::Way::kAllocLarge),
                 .alloc_zero = PathOf(Queues::Way::kAllocZero),
                 .free_large = PathOf(Queues::Way::kFreeLarge),
                 .free_null = PathOf(Queues::Way::kFreeNull)};
  policy.switches = [](const SlubPolicy& of) { return SlubQSwitches(of.queues); };
  return policy;
}

// The tunables' files, and what is in the queues: per_cpu_caches by CPU, shared_caches and
// alien_caches by the first CPU of those that share; in parentheses what there is room for.
void Queues::FillState(const KmemCache& s, std::vector<Figure>* figures) const {
  const auto queue_figure = [&](const FigureInfo& info) {
    Figure figure = Figure::Of(info, 0);
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
  for (size_t i = 0; i < Of(s).cpus->cpus.size(); ++i) {
    const QueueCpu& c = Of(s).cpus->cpus[i];
    add(cpus, i, c.q.count(), Of(s).cpus->max);
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
  figures->push_back(cpus);
  if (policy_.shared_queues) figures->insert(figures->end(), {shared, aliens});
  const auto plain = [&](std::string_view name, uint64_t value) {
    figures->push_back(Figure::Of({name}, value));
  };
  plain("queue_size", static_cast<uint64_t>(Of(s).queue));
  plain("cpu_queue_size", static_cast<uint64_t>(Of(s).cpus->max));
  plain("batch_size", static_cast<uint64_t>(Of(s).batch.Peek()));
  if (policy_.shared_queues) {
    plain("shared_queue_size", static_cast<uint64_t>(Of(s).shared_queue));
    plain("alien_queue_size", Of(s).aliens ? ((uint64_t{1} << Of(s).alien_shift) - 16) / 8 : 0);
    plain("expire", Of(s).last_expired_bytes);
  }
  plain("min_partial", s.min_partial.Peek());
  plain("aliases", s.names.size() - 1);
}

void Queues::FillSlabInfo(const KmemCache& s, SlabInfoRow* row) const {
  row->limit = static_cast<uint32_t>(Of(s).queue);
  row->batch_count = static_cast<uint32_t>(Of(s).batch.Peek());
  for (const std::unique_ptr<SharedQueues>& queues : Of(s).shared) {
    row->shared_available += static_cast<uint64_t>(queues->shared.q.count());
  }
}

// One pass over one cache.
class QueueInspection {
 public:
  QueueInspection(const Queues& queues, const KmemCache& cache)
      : queues_(queues), core_(queues.core_), s_(cache), of_(Queues::Of(cache)) {}

  // Answers how many objects are in queues.
  uint64_t Run() {
    for (const Slab& slab : core_.records().slabs()) {
      if (slab.cache != &s_ || !queues_.locks_nodes()) continue;
      const SlabWord word = slab.word.Peek();
      CHECK_EQ(slab.listed.Peek(), word.inuse < word.objects);  // 1
    }
    VisitQueues();
    return queued_.size();
  }

 private:
  void VisitQueues() {
    std::set<const SharedQueues*> seen;
    for (size_t i = 0; i < of_.cpus->cpus.size(); ++i) {
      const QueueCpu& c = of_.cpus->cpus[i];
      if (!c.placed) continue;
      VisitQueue(c.q, kAnyNode);
      const SharedQueues* const queues = c.shared.Peek();
      if (queues == nullptr) continue;
      const bool mixed = core_.HasQuirk("isolated-across-nodes");
      if (!mixed) CHECK(queues->node == c.node.Peek());  // 5
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
    for (const std::unique_ptr<SharedQueues>& queues : of_.shared) {
      // Not in use any more: nothing may be left in it.
      if (seen.contains(queues.get())) continue;
      CHECK_EQ(queues->shared.q.count(), 0);
    }
  }

  void VisitQueue(const ObjectQueue& q, NodeId node) {
    CHECK_LE(q.count(), q.max());  // 4
    for (PhysAddr object : q.objects()) {
      const Slab* const slab = core_.SlabOf(object);
      CHECK(slab != nullptr && slab->cache == &s_);
      CHECK(slab->free_pointer[s_.IndexOf(*slab, object)] == kInSheaf);  // 2
      CHECK(queued_.insert(object).second);                              // 2
      if (node != kAnyNode) CHECK(slab->node == node);                   // 3
    }
  }

  const Queues& queues_;
  const SlubCore& core_;
  const KmemCache& s_;
  const QueueCache& of_;
  std::set<PhysAddr> queued_;
};

void Queues::Inspect(const KmemCache& s, SlubInspection& inspection) const {
  inspection.ClaimInSheaves(QueueInspection(*this, s).Run() + Of(s).lost);
}

}  // namespace slablab
