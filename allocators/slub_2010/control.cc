// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// SLUB of 2010: what is done to its caches from outside, what it says of itself, what must hold.

#include <algorithm>
#include <limits>
#include <map>

#include "allocators/common/slub_boot.h"
#include "allocators/slub_2010/slub_2010.h"
#include "allocators/switches.h"
#include "base/check.h"
#include "fmt/format.h"
#include "sim/core/scheduler.h"

namespace slablab {
namespace {

constexpr std::array<FigureInfo, kStats2010> kStats = {{
    {"alloc_fastpath", FigureRole::kFastAllocs},
    {"alloc_slowpath", FigureRole::kSlowAllocs},
    {"free_fastpath", FigureRole::kFastFrees},
    {"free_slowpath", FigureRole::kSlowFrees},
    {"free_frozen", FigureRole::kFrozenFrees},
    {"free_add_partial", FigureRole::kListedByFrees},
    {"free_remove_partial", FigureRole::kUnlistedByFrees},
    {"alloc_from_partial", FigureRole::kUnlistedByAllocs},
    {"alloc_slab", FigureRole::kSlabsMade},
    {"alloc_refill"},
    {"free_slab", FigureRole::kSlabsReturned},
    {"cpuslab_flush"},
    {"deactivate_full"},
    {"deactivate_empty"},
    {"deactivate_to_head", FigureRole::kListedByAllocs},
    {"deactivate_to_tail", FigureRole::kListedByAllocs},
    {"deactivate_remote_frees", FigureRole::kRemoteFreesFound},
    {"order_fallback"},
}};

constexpr std::array<PathInfo, 14> kPaths = {
    FastAllocPath("alloc fast"),     AllocPath("alloc cpu slab refill"),
    AllocPath("alloc node partial"), AllocPath("alloc new slab"),
    AllocPath("alloc failed"),       AllocPath("alloc large"),
    AllocPath("alloc of 0 bytes"),   FastFreePath("free fast"),
    FreePath("free frozen"),         FreePath("free to partial"),
    FreePath("free slow partial"),   FreePath("free slab"),
    FreePath("free large"),          FreePath("free of null"),
};
static_assert(PathOf(Slub2010::Way::kFreeNull) == kPaths.size() - 1);

constexpr QuirkInfo kQuirks[] = {
    {"bootstrap-full-list-guard",
     "The dynamic boot's fix-up passes over full slabs: it asks for CONFIG_SLAB_DEBUG."},
    {"bootstrap-cpu-slab",
     "The dynamic boot's fix-up passes over the boot CPU's slabs, which are on no list."},
    {"dma-duplicate",
     "The static boot makes a DMA cache for kmem_cache_node too, which is one of kmalloc-64 "
     "again."},
    {"gfp-mask-in-slow-path",
     "\"slub: Move gfpflag masking out of the hotpath\": gfp_allowed_mask is read for new slabs "
     "only."},
    {"zone-dma-off", "The kernel was built without CONFIG_ZONE_DMA.",
     /*is_plain=*/true, /*is_recorded=*/false},
};

constexpr std::array<std::string_view, 2> kBoots = {"dynamic", "static"};

// min_partial's limits.
constexpr int64_t kMinPartialLeast = 5;
constexpr int64_t kMinPartialMost = 10;

constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
constexpr TunableInfo kTunables[] = {
    {"min_partial", 0, kMost, "5 to 10, by the object's size",
     "Partial slabs that a node keeps though they are empty; taken as at least 5 and at most 10."},
    {"remote_node_defrag_ratio", 0, kMost, "100",
     "Per cent of refills that look at other nodes' partial lists before a new slab is made; more "
     "than 100 changes nothing."},
    {"order", 0, kMaxPageOrder, "by the object's size and the number of CPUs",
     "Order of the cache's slabs from now on, from slab_min_order to slab_max_order."},
    {"shrink", 1, 1, "", "Gives back empty slabs and sorts the partial lists."},
    kSlabMinOrder,
    kSlabMaxOrder,
    kSlabMinObjects,
    kSlubMinOrder,
    kSlubMaxOrder,
    kSlubMinObjects};

}  // namespace

ModelSwitches Slub2010Switches() {
  return {.quirks = kQuirks, .boots = kBoots, .tunables = kTunables, .counters = kStats};
}
absl::Span<const PathInfo> Slub2010::paths() const { return kPaths; }
absl::Span<const FigureInfo> Slub2010::stat_infos() const { return kStats; }

Slub2010Core::SpecialPaths Slub2010::special_paths() const {
  return {.alloc_failed = PathOf(Way::kAllocFailed),
          .alloc_large = PathOf(Way::kAllocLarge),
          .alloc_zero = PathOf(Way::kAllocZero),
          .free_large = PathOf(Way::kFreeLarge),
          .free_null = PathOf(Way::kFreeNull)};
}

void ListCache::PlaceAt(PhysAddr to) {
  Cache2010::PlaceAt(to);
  offset = Settled<uint32_t>(Field(kOffsetAt), geometry.free_pointer_offset);
}

std::unique_ptr<Cache2010> Slub2010::NewCache() {
  return std::make_unique<ListCache>(machine_.config().cpu_count());
}

uint32_t Slub2010::BytesPerCpu(const Cache2010&) const {
  return ListCpu::kStatsAt + (options_.statistics ? kStats2010 * 4 : 0);
}

void Slub2010::PlaceCpu(ListCache& s, CpuId id) const {
  const PercpuArea area = s.cpu.Peek();
  const auto place = [&](uint32_t at) {
    return Place{areas_->AddressOn(area, id, at), Structure::kPerCpuArea};
  };
  ListCpu& c = s.cpus[id.index()];
  c.placed = true;
  c.freelist = PerCpu<ObjectIndex>(id, place(0), kNoObject);
  c.slab = PerCpu<ListSlab*>(id, place(ListCpu::kSlabAt));
  c.node = PerCpu<NodeId>(id, place(ListCpu::kNodeAt));
  if (options_.statistics) c.stats.PlaceAt(*areas_, area, id, ListCpu::kStatsAt);
}

uint32_t Slub2010::StatOf(const Cache2010& s, CpuId cpu, int stat) const {
  const ListCpu& c = static_cast<const ListCache&>(s).cpus[cpu.index()];
  return c.stats.values[static_cast<size_t>(stat)];
}

void Slub2010::CountOrderFallback(Cpu& cpu, Cache2010& s) {
  Count(cpu, static_cast<ListCache&>(s), Stat2010::kOrderFallback);
}

// --- Slabs. ---

void Slub2010::GiveRecord(Slab2010& slab) { pool_.Give(AsList(slab), slab.objects); }

std::vector<Slab2010*> Slub2010::Slabs(const Cache2010& s) {
  std::vector<Slab2010*> slabs;
  for (ListSlab& slab : pool_.slabs()) {
    if (slab.cache == &s) slabs.push_back(&slab);
  }
  return slabs;
}

// All objects in a list, in order of address.
void Slub2010::FillSlab(Cpu& cpu, Cache2010& cache, Slab2010& fresh) {
  auto& s = static_cast<ListCache&>(cache);
  ListSlab& slab = AsList(fresh);
  slab.freelist = Guarded<ObjectIndex>(&slab.lock, slab.Metadata(Slab2010::kFreelistAt), 0);
  slab.inuse = Guarded<uint16_t>(&slab.lock, slab.Metadata(Slab2010::kCountsAt), 0);
  slab.frozen = Guarded<bool>(&slab.lock, slab.Metadata(Slab2010::kFlagsAt), false);
  for (uint32_t i = 0; i < slab.objects; ++i) {
    StoreFreePointer(cpu, s, slab, static_cast<ObjectIndex>(i),
                     i + 1 < slab.objects ? static_cast<ObjectIndex>(i + 1) : kNoObject);
  }
  cpu.Touch(slab.freelist.place(), Access::kWrite);
}

uint32_t Slub2010::TakeFirst(Cpu& cpu, Cache2010& cache, Slab2010& fresh) {
  auto& s = static_cast<ListCache&>(cache);
  ListSlab& slab = AsList(fresh);
  const ObjectIndex object = slab.freelist.Peek();
  slab.freelist.Poke(LoadFreePointer(cpu, s, slab, object));
  slab.inuse.Poke(static_cast<uint16_t>(slab.inuse.Peek() + 1));
  slab.free_pointer[object] = kInUse;
  cpu.Touch(slab.freelist.place(), Access::kWrite);
  return object;
}

uint32_t Slub2010::FreeObjects(const Slab2010& slab) const {
  return slab.objects - AsList(slab).inuse.Peek();
}

Task<uint32_t> Slub2010::CountFree(Cpu& cpu, const Slab2010& slab) {
  const uint16_t inuse = co_await cpu.LoadUnlocked(AsList(slab).inuse);
  co_return slab.objects - inuse;
}

// --- Control. ---

// flush_cpu_slab(): what flush_all() has every CPU do.
class Flush2010 : public RemoteCall {
 public:
  Flush2010(Slub2010& slub, ListCache& cache) : slub_(slub), cache_(cache) {}
  Task<void> Run(Cpu& cpu) override {
    const IrqFlags flags = cpu.IrqSave();
    cpu.Load(cache_.cpu);
    if (cpu.Load(slub_.On(cache_, cpu.id()).slab) != nullptr) {
      co_await slub_.FlushSlab(cpu, cache_, cpu.id());
    }
    co_await cpu.IrqRestore(flags);
  }

 private:
  Slub2010& slub_;
  ListCache& cache_;
};

// flush_all(): every CPU on line, whether it has anything or not.
Task<void> Slub2010::FlushAll(Cpu& cpu, Cache2010& s) {
  Flush2010 flush(*this, static_cast<ListCache&>(s));
  const Scheduler& scheduler = cpu.scheduler();
  for (int i = 0; i < scheduler.cpu_count(); ++i) {
    if (scheduler.cpu(CpuId(i)).online()) co_await cpu.CallOn(CpuId(i), flush);
  }
}

Task<void> Slub2010::Shrink(Cpu& cpu, CacheId id) { return ShrinkCache(cpu, cache(id)); }

// slab_cpuup_callback(): every cache, the newest first.
Task<void> Slub2010::CpuDead(Cpu& cpu, CpuId dead) {
  const SiteScope site(cpu, SiteOf(At::kFlush));
  CHECK(!cpu.scheduler().cpu(dead).online());
  co_await slub_lock_.Write(cpu);
  for (size_t i = caches_.live().size(); i > 0; --i) {
    ListCache& s = list_cache(caches_.live()[i - 1]);
    const IrqFlags flags = cpu.IrqSave();
    cpu.Load(s.cpu);
    if (cpu.Load(On(s, dead).slab) != nullptr) co_await FlushSlab(cpu, s, dead);
    co_await cpu.IrqRestore(flags);
  }
  co_await slub_lock_.EndWrite(cpu);
}

Task<absl::Status> Slub2010::Tune(Cpu& cpu, CacheId id, std::string_view key, int64_t value) {
  const SiteScope site(cpu, SiteOf(At::kFlush));
  ListCache& s = list_cache(id);
  absl::Status checked = CheckTuning(name(), Slub2010Switches(), options_.statistics, key, value);
  if (!checked.ok()) co_return checked;
  if (key == "min_partial") {
    cpu.Store(s.min_partial,
              static_cast<uint64_t>(std::clamp(value, kMinPartialLeast, kMinPartialMost)));
    co_return absl::OkStatus();
  }
  if (key == "remote_node_defrag_ratio") {
    // Larger values are accepted and change nothing.
    if (value <= 100) {
      cpu.Store(s.remote_node_defrag_ratio, static_cast<uint32_t>(value) * 10);
    }
    co_return absl::OkStatus();
  }
  if (key == "order") co_return SetOrder(cpu, s, value);
  if (key == "shrink") {
    co_await Shrink(cpu, id);
    co_return absl::OkStatus();
  }
  // clear_stat().
  const auto stat = std::find_if(kStats.begin(), kStats.end(),
                                 [key](const FigureInfo& each) { return each.name == key; });
  CHECK(stat != kStats.end());
  const auto index = static_cast<size_t>(stat - kStats.begin());
  for (int i = 0; i < cpu.scheduler().cpu_count(); ++i) {
    if (!cpu.scheduler().cpu(CpuId(i)).online()) continue;
    ListCpu& c = On(s, CpuId(i));
    c.stats.values[index] = 0;
    cpu.Touch(c.stats.PlaceOf(static_cast<int>(index)), Access::kWrite);
  }
  co_return absl::OkStatus();
}

// --- Queries. ---

// show_slab_objects() and the tunables' files.
std::vector<Figure> Slub2010::State(CacheId id) const {
  const ListCache& s = list_cache(id);
  if (!s.live) return {};
  std::vector<Figure> figures = SlabFigures(s);
  std::vector<uint64_t> cpu_slabs(s.nodes.size());
  for (size_t i = 0; i < s.cpus.size(); ++i) {
    const ListSlab* const slab = s.cpus[i].slab.Peek();
    if (slab != nullptr) ++cpu_slabs[slab->node.index()];
  }
  figures.push_back(PerNode({"cpu_slabs", FigureRole::kCpuSlabs}, cpu_slabs));
  figures.push_back(PlainFigure("min_partial", s.min_partial.Peek()));
  figures.push_back(
      PlainFigure("remote_node_defrag_ratio", s.remote_node_defrag_ratio.Peek() / 10));
  figures.push_back(PlainFigure("aliases", s.names.size() - 1));
  return figures;
}

void Slub2010::AddLayers(CacheId id, std::vector<CacheLayer>* layers) const {
  const ListCache& s = list_cache(id);
  if (!s.live) return;
  CacheLayer layer{.name = "CPU slabs", .holders = "slabs"};
  for (size_t i = 0; i < s.cpus.size(); ++i) {
    const ListCpu& c = s.cpus[i];
    const ListSlab* const slab = c.placed ? c.slab.Peek() : nullptr;
    if (slab == nullptr) continue;
    uint64_t free = 0;
    for (const ObjectIndex first : {c.freelist.Peek(), slab->freelist.Peek()}) {
      // An operation under way may have left a list half changed.
      for (ObjectIndex object = first; object < slab->objects && free < slab->objects;
           object = slab->free_pointer[object]) {
        ++free;
      }
    }
    layer.Add({.node = slab->node.value(), .objects = free, .room = slab->objects, .bytes = 0},
              s.geometry.size);
  }
  layers->push_back(layer);
}

void Slub2010::CheckInvariants() const {
  for (CacheId id : caches_.live()) {
    const ListCache& s = list_cache(id);
    std::map<const Slab2010*, const ListCpu*> owners;  // null: the node's list
    for (size_t i = 0; i < s.cpus.size(); ++i) {
      const ListCpu& c = s.cpus[i];
      if (!c.placed) continue;
      const ListSlab* const slab = c.slab.Peek();
      if (slab == nullptr) {
        CHECK_EQ(c.freelist.Peek(), kNoObject);
        continue;
      }
      CHECK(slab->cache == &s);
      CHECK(c.node.Peek() == slab->node);      // 6
      CHECK(owners.emplace(slab, &c).second);  // 1
    }
    CheckCore(s, [&](const Slab2010& slab) { CHECK(owners.emplace(&slab, nullptr).second); });
    uint64_t used = 0;
    for (const ListSlab& slab : pool_.slabs()) {
      if (slab.cache != &s) continue;
      const auto owner = owners.find(&slab);
      if (owner == owners.end()) {
        CHECK_EQ(slab.inuse.Peek(), slab.objects);  // 1
      } else if (owner->second == nullptr) {
        CHECK_LT(slab.inuse.Peek(), slab.objects);  // 1
      }
      CheckSlab(slab, owner == owners.end() ? nullptr : owner->second);
      for (uint32_t i = 0; i < slab.objects; ++i) used += slab.free_pointer[i] == kInUse;
    }
    CHECK_EQ(used, s.footprint.objects);  // 8
  }
  CheckTotals();
}

void Slub2010::CheckSlab(const ListSlab& slab, const ListCpu* owner) const {
  CHECK_EQ(slab.frozen.Peek(), owner != nullptr);  // 2
  std::vector<bool> seen(slab.objects);
  const auto walk = [&](ObjectIndex object) {
    uint32_t length = 0;
    for (; object != kNoObject; object = slab.free_pointer[object]) {
      CHECK_LT(object, slab.objects);
      CHECK(!seen[object]);  // 3
      seen[object] = true;
      ++length;
    }
    return length;
  };
  CHECK_EQ(slab.inuse.Peek(), slab.objects - walk(slab.freelist.Peek()));  // 4
  if (owner != nullptr) walk(owner->freelist.Peek());
  for (uint32_t i = 0; i < slab.objects; ++i) {
    CHECK_EQ(slab.free_pointer[i] == kInUse, !seen[i]);  // 3
  }
}

}  // namespace slablab
