// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// The lives of SLUB's caches: boot, create, merge, destroy.

#include <algorithm>

#include "allocators/percpu_registry.h"
#include "allocators/slub.h"
#include "fmt/format.h"
#include "sim/boot_memory.h"
#include "sim/check.h"

namespace slablab {
namespace {

// remote_node_defrag_ratio: of 1024.
constexpr uint32_t kDefragRatioDefault = 1000;
constexpr uint32_t kDefragRatioAlways = 1024;

// sizeof(struct kmem_cache_cpu).
uint32_t BytesPerCpu(bool statistics) {
  return CacheCpu::kStatsAt + (statistics ? kSlubStats * CacheCpu::kStatBytes : 0);
}

}  // namespace

// kmem_cache_init(): a node structure is an object of kmem_cache_node, and a cache one of
// kmem_cache, so these two begin in static memory, and the first node structures are taken by hand.
Task<void> Slub::Boot(Cpu& cpu) {
  CHECK(caches_.empty());
  areas_->set_slab_is_available(false);
  const SiteScope site(cpu, Site::kBoot);
  kmalloc_table_ =
      machine_.boot_memory().Allocate(KmallocTable::kTableBytes, kLineSize, cpu.node());
  const auto nodes = static_cast<uint32_t>(machine_.config().node_count());
  const CacheSpec node_spec{.name = "kmem_cache_node",
                            .object_size = CacheNode::kBytes,
                            .align = 64,
                            .hwcache_align = true,
                            .no_merge = true};
  const CacheSpec cache_spec{.name = "kmem_cache",
                             .object_size = static_cast<uint32_t>(KmemCache::kNodesAt) + 8 * nodes,
                             .hwcache_align = true,
                             .no_merge = true};
  for (const CacheSpec& spec : {node_spec, cache_spec}) {
    KmemCache& s = AddCache(spec, *GeometryOf(spec));
    (node_cache_ == nullptr ? node_cache_ : cache_cache_) = &s;
    s.PlaceAt(machine_.boot_memory().Allocate(cache_spec.object_size, kLineSize, cpu.node()));
    const bool opened = co_await OpenCache(cpu, s);
    CHECK(opened);
    down_ = false;
  }
  co_await Bootstrap(cpu, *cache_cache_);
  co_await Bootstrap(cpu, *node_cache_);
  co_await CreateKmallocCaches(cpu);
  areas_->set_slab_is_available(true);
}

// bootstrap(): moves a boot cache into an object of kmem_cache.
Task<void> Slub::Bootstrap(Cpu& cpu, KmemCache& s) {
  const PhysAddr object = co_await AllocDescriptor(cpu, kGfpNoWait);
  CHECK(!object.is_null());
  const uint64_t bytes = cache_cache_->geometry.object_size;
  cpu.TouchRange({s.address, Structure::kCacheDescriptor}, bytes, Access::kRead);
  cpu.TouchRange({object, Structure::kCacheDescriptor}, bytes, Access::kWrite);
  s.PlaceAt(object);
  co_await FlushCpuOf(cpu, s, cpu.id());
  for (const std::unique_ptr<CacheNode>& n : s.nodes) {
    if (n == nullptr) continue;
    // Nothing else runs yet: no lock is taken.
    for (Slab* slab = n->first.Peek(); slab != nullptr; slab = slab->list_next.Peek()) {
      cpu.Touch(slab->Metadata(Slab::kListAt), Access::kRead);
      cpu.Touch(slab->Metadata(Slab::kCacheAt), Access::kWrite);
    }
  }
  list_.push_back(s.id);
  s.live = true;
}

// create_kmalloc_caches().
Task<void> Slub::CreateKmallocCaches(Cpu& cpu) {
  for (const KmallocTable::Class& kmalloc_class : kmalloc_.Classes()) {
    // A power of two is aligned to itself.
    const bool is_power = (kmalloc_class.size & (kmalloc_class.size - 1)) == 0;
    // kmalloc caches may be copied to user space whole, which forbids merging.
    const CacheSpec spec{.name = kmalloc_class.name,
                         .object_size = kmalloc_class.size,
                         .align = is_power ? kmalloc_class.size : 0,
                         .reclaim_account = kmalloc_class.type == KmallocType::kReclaim,
                         .no_merge = true};
    const PhysAddr descriptor = co_await AllocDescriptor(cpu, kGfpNoWait);
    CHECK(!descriptor.is_null());
    KmemCache& s = AddCache(spec, *GeometryOf(spec));
    if (kmalloc_class.type == KmallocType::kDma) s.alloc_flags = s.alloc_flags | Gfp::kDma;
    s.PlaceAt(descriptor);
    const bool opened = co_await OpenCache(cpu, s);
    if (!opened) {
      boot_status_ = BootPanic(fmt::format("creation of slab {} failed", spec.name), *areas_);
      co_return;
    }
    list_.push_back(s.id);
    s.live = true;
    kmalloc_.Set(kmalloc_class, s.id);
  }
}

// kmem_cache_create().
Task<absl::StatusOr<CacheId>> Slub::CreateCache(Cpu& cpu, const CacheSpec& spec) {
  const SiteScope site(cpu, SiteOf(At::kCreate));
  const absl::StatusOr<SlubGeometry> geometry = GeometryOf(spec);
  if (!geometry.ok()) co_return geometry.status();
  if (spec.name.empty()) co_return absl::InvalidArgumentError("a cache needs a name");
  // sysfs refuses a second file of one name.
  if (FindLive(spec.name) != nullptr) {
    co_return absl::InvalidArgumentError(fmt::format("there is a cache '{}' already", spec.name));
  }
  if (KmemCache* const mergeable = FindMergeable(spec, *geometry); mergeable != nullptr) {
    co_return AddAlias(*mergeable, spec);
  }
  const absl::Status exhausted =
      absl::ResourceExhaustedError(fmt::format("no memory for cache '{}'", spec.name));
  const PhysAddr descriptor = co_await AllocDescriptor(cpu, kGfpKernel);
  if (descriptor.is_null()) co_return exhausted;
  KmemCache& s = AddCache(spec, *geometry);
  s.PlaceAt(descriptor);
  const bool opened = co_await OpenCache(cpu, s);
  if (!opened) {
    co_await ReleaseCache(cpu, s);
    co_await FreeOwn(cpu, *cache_cache_, descriptor);
    CHECK(&s == caches_.back().get());
    caches_.pop_back();
    co_return exhausted;
  }
  list_.push_back(s.id);
  s.live = true;
  co_return s.id;
}

// kmem_cache_destroy().
Task<void> Slub::DestroyCache(Cpu& cpu, CacheId id) {
  KmemCache& s = cache(id);
  const SiteScope site(cpu, SiteOf(At::kDestroy));
  CHECK(s.live);
  if (s.names.size() > 1) {
    s.names.pop_back();  // Others still use it.
    co_return;
  }
  CHECK_EQ(s.footprint.objects, 0u);
  co_await FlushAll(cpu, s);
  for (const std::unique_ptr<CacheNode>& n : s.nodes) {
    if (n != nullptr) co_await ShutdownNode(cpu, s, *n);
  }
  s.live = false;
  list_.erase(std::find(list_.begin(), list_.end(), id));
  const PhysAddr descriptor = s.address;
  co_await ReleaseCache(cpu, s);
  co_await FreeOwn(cpu, *cache_cache_, descriptor);
  s.cpus = LazyArray<CacheCpu>(0);
}

// free_partial().
Task<void> Slub::ShutdownNode(Cpu& cpu, KmemCache& s, CacheNode& n) {
  std::vector<Slab*> discard;
  const IrqFlags flags = cpu.IrqSave();
  {
    const SpinGuard guard = co_await n.list_lock.Acquire(cpu);
    for (Slab *slab = cpu.Load(n.first), *following; slab != nullptr; slab = following) {
      following = cpu.Load(slab->list_next);
      const SlabWord word = co_await cpu.Load(slab->word);
      CHECK_EQ(word.inuse, 0);
      RemovePartial(cpu, n, *slab);
      discard.push_back(slab);
    }
  }
  co_await cpu.IrqRestore(flags);
  for (auto slab = discard.rbegin(); slab != discard.rend(); ++slab) {
    co_await DiscardSlab(cpu, s, **slab);
  }
  CHECK_EQ(n.nr_slabs.Peek(), 0u);
}

// __kmem_cache_release().
Task<void> Slub::ReleaseCache(Cpu& cpu, KmemCache& s) {
  const PercpuArea area = s.cpu_slab.Peek();
  if (!area.is_null()) {
    s.cpu_slab.Poke({});
    const uint64_t bytes = s.footprint.percpu_bytes;
    Account(s, [=](Footprint& footprint) { footprint.percpu_bytes -= bytes; });
    co_await areas_->Free(cpu, area);
  }
  for (std::unique_ptr<CacheNode>& n : s.nodes) {
    if (n == nullptr) continue;
    const PhysAddr address = n->address;
    n = nullptr;
    co_await FreeOwn(cpu, *node_cache_, address);
  }
}

absl::StatusOr<SlubGeometry> Slub::GeometryOf(const CacheSpec& spec) const {
  const MachineConfig& config = machine_.config();
  return ComputeSlubGeometry({.object_size = spec.object_size,
                              .align = spec.align,
                              .slot_size = spec.slot_size,
                              .hwcache_align = spec.hwcache_align,
                              .has_constructor = spec.has_constructor,
                              .typesafe_by_rcu = spec.typesafe_by_rcu},
                             {.present = config.cpu_count(), .possible = config.possible_cpus});
}

// An object of kmem_cache, cleared.
Task<PhysAddr> Slub::AllocDescriptor(Cpu& cpu, Gfp gfp) {
  const PhysAddr descriptor = co_await AllocOwn(cpu, *cache_cache_, gfp | Gfp::kZero, kAnyNode);
  co_return descriptor;
}

// What SLUB needs for itself.
Task<PhysAddr> Slub::AllocOwn(Cpu& cpu, KmemCache& s, Gfp gfp, NodeId node) {
  const Placement placement = co_await Alloc(cpu, s.id, gfp, node);
  if (!placement.object.is_null()) AddOwn(s);
  co_return placement.object;
}

Task<PathId> Slub::FreeOwn(Cpu& cpu, KmemCache& s, PhysAddr object) {
  const uint64_t bytes = s.geometry.object_size;
  Account(s, [=](Footprint& footprint) { footprint.RemoveOwn(bytes); });
  return Free(cpu, s.id, object);
}

void Slub::AddOwn(KmemCache& s) {
  const uint64_t bytes = s.geometry.object_size;
  Account(s, [=](Footprint& footprint) { footprint.AddOwn(bytes); });
}

KmemCache& Slub::AddCache(const CacheSpec& spec, const SlubGeometry& geometry) {
  const MachineConfig& config = machine_.config();
  KmemCache& s = *caches_.emplace_back(std::make_unique<KmemCache>(config.cpu_count()));
  s.id = CacheId(static_cast<int32_t>(caches_.size() - 1));
  s.spec = spec;
  s.names = {spec.name};
  s.may_merge = !spec.no_merge && !spec.has_constructor && !spec.typesafe_by_rcu;
  s.geometry = geometry;
  s.reciprocal = static_cast<uint32_t>(((uint64_t{1} << 32) + geometry.size - 1) / geometry.size);
  if (geometry.order > 0) s.alloc_flags = s.alloc_flags | Gfp::kCompound;
  if (spec.reclaim_account) s.alloc_flags = s.alloc_flags | Gfp::kReclaimable;
  s.cpu_partial = geometry.cpu_partial;
  s.min_partial.Poke(geometry.min_partial);
  s.offset.Poke(geometry.free_pointer_offset);
  s.cpu_partial_slabs.Poke(SlubCpuPartialSlabs(geometry.cpu_partial, geometry.objects));
  s.remote_node_defrag_ratio.Poke(defrag_always_ ? kDefragRatioAlways : kDefragRatioDefault);
  s.nodes.resize(static_cast<size_t>(config.node_count()));
  return s;
}

// kmem_cache_open(): node structures, then the per-CPU structures. Answers false, with what it got
// still there, if there is no memory.
Task<bool> Slub::OpenCache(Cpu& cpu, KmemCache& s) {
  cpu.TouchRange({s.address, Structure::kCacheDescriptor}, KmemCache::kNodesAt, Access::kWrite);
  const bool have_nodes = co_await InitNodes(cpu, s);
  if (!have_nodes) co_return false;
  // alloc_kmem_cache_cpus(): aligned for the double-word compare-and-exchange.
  const PercpuRequest request{.bytes = BytesPerCpu(options_.statistics), .align = 16};
  const PercpuArea area = co_await areas_->Alloc(cpu, request);
  if (area.is_null()) co_return false;
  cpu.Store(s.cpu_slab, area);
  const int possible = machine_.config().possible_cpus;
  const uint64_t bytes = uint64_t{area.bytes} * static_cast<uint64_t>(possible);
  Account(s, [=](Footprint& footprint) { footprint.percpu_bytes += bytes; });
  // init_kmem_cache_cpus() writes every tid.
  for (int i = 0; i < possible; ++i) {
    const PhysAddr tid = areas_->AddressOn(area, CpuId(i), CacheCpu::kFreelistAt + 8);
    cpu.Touch({tid, Structure::kPerCpuArea}, Access::kWrite);
  }
  co_return true;
}

void Slub::PlaceCpu(KmemCache& s, CpuId id) const {
  const PercpuArea area = s.cpu_slab.Peek();
  const auto address = [&](uint32_t at) { return areas_->AddressOn(area, id, at); };
  const auto place = [&](uint32_t at) { return Place{address(at), Structure::kPerCpuArea}; };
  CacheCpu& c = s.cpus[id.index()];
  c.placed = true;
  c.top = PerCpu<CpuTop>(id, place(CacheCpu::kFreelistAt),
                         {.tid = static_cast<uint64_t>(id.value()), .freelist = kNoObject});
  c.slab = PerCpu<Slab*>(id, place(CacheCpu::kSlabAt));
  c.partial = PerCpu<Slab*>(id, place(CacheCpu::kPartialAt));
  if (!options_.statistics) return;
  c.stats_base = address(CacheCpu::kStatsAt);
  c.stats_before_page_end = kSlubStats;
  for (int stat = kSlubStats - 1; stat > 0; --stat) {
    const auto offset = static_cast<uint32_t>(stat) * CacheCpu::kStatBytes;
    const PhysAddr here = address(CacheCpu::kStatsAt + offset);
    if (here == c.stats_base + offset) break;
    c.stats_before_page_end = stat;
    c.stats_base_behind = PhysAddr(here.value() - offset);
  }
}

// init_kmem_cache_nodes().
Task<bool> Slub::InitNodes(Cpu& cpu, KmemCache& s) {
  for (int i = 0; i < machine_.config().node_count(); ++i) {
    const NodeId node(i);
    if (!HasMemory(node)) continue;
    if (down_) {
      co_await EarlyNodeAlloc(cpu, node);
      continue;
    }
    const PhysAddr address = co_await AllocOwn(cpu, *node_cache_, kGfpKernel, node);
    if (address.is_null()) co_return false;
    cpu.TouchRange({address, Structure::kNode}, CacheNode::kBytes, Access::kWrite);
    s.nodes[node.index()] = std::make_unique<CacheNode>(address, list_lock_class_);
    cpu.Touch(s.NodePointer(node), Access::kWrite);
  }
  co_return true;
}

// early_kmem_cache_node_alloc(): the first object of the node's first slab becomes the structure
// that this slab is then entered in.
Task<void> Slub::EarlyNodeAlloc(Cpu& cpu, NodeId node) {
  KmemCache& s = *node_cache_;
  Slab* const slab = co_await NewSlab(cpu, s, {.gfp = kGfpNoWait, .node = node});
  CHECK(slab != nullptr);
  SlabWord word = slab->word.Peek();
  const ObjectIndex object = word.freelist;
  word.freelist = LoadFreePointer(cpu, s, *slab, object);
  word.inuse = 1;
  cpu.Touch(slab->word.place(), Access::kWrite);
  slab->word.Poke(word);
  HandOut(s, *slab, object);
  AddOwn(s);
  const PhysAddr address = s.AddressOf(*slab, object);
  cpu.TouchRange({address, Structure::kNode}, CacheNode::kBytes, Access::kWrite);
  s.nodes[node.index()] = std::make_unique<CacheNode>(address, list_lock_class_);
  cpu.Touch(s.NodePointer(node), Access::kWrite);
  co_await CountSlab(cpu, s, *slab);
  CacheNode& n = *s.nodes[slab->node.index()];
  // The kernel does without; nobody else is there.
  const IrqFlags flags = cpu.IrqSave();
  {
    const SpinGuard guard = co_await n.list_lock.Acquire(cpu);
    AddPartial(cpu, n, *slab, ListEnd::kHead);
  }
  co_await cpu.IrqRestore(flags);
}

KmemCache* Slub::FindLive(std::string_view name) const {
  for (CacheId id : list_) {
    const std::vector<std::string>& names = cache(id).names;
    if (std::find(names.begin(), names.end(), name) != names.end()) return &cache(id);
  }
  return nullptr;
}

// find_mergeable(): the oldest cache whose objects are no more than a word larger, suitably
// aligned, and of the same kind.
KmemCache* Slub::FindMergeable(const CacheSpec& spec, const SlubGeometry& geometry) const {
  if (!options_.merge_caches || spec.no_merge || spec.has_constructor || spec.typesafe_by_rcu) {
    return nullptr;
  }
  for (CacheId id : list_) {
    KmemCache& s = cache(id);
    if (!s.may_merge || geometry.size > s.geometry.size) continue;
    if (spec.reclaim_account != s.spec.reclaim_account) continue;
    if (s.geometry.size % geometry.align != 0) continue;
    if (s.geometry.size - geometry.size >= 8) continue;
    return &s;
  }
  return nullptr;
}

// __kmem_cache_alias().
CacheId Slub::AddAlias(KmemCache& s, const CacheSpec& spec) {
  s.names.push_back(spec.name);
  const uint64_t larger = std::max(s.geometry.object_size, spec.object_size);
  const uint64_t growth = larger - s.geometry.object_size;
  const uint64_t moved = growth * s.footprint.objects;
  const uint64_t moved_own = growth * s.footprint.own_objects;
  Account(s, [=](Footprint& footprint) {
    footprint.object_bytes += moved;
    footprint.padding_bytes -= moved;
    footprint.own_object_bytes += moved_own;
  });
  s.geometry.object_size = static_cast<uint32_t>(larger);
  return s.id;
}

}  // namespace slablab
