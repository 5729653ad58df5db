// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// The lives of caches in 2010: create, merge, destroy.

#include <algorithm>

#include "allocators/slub_2010/core.h"
#include "allocators/switches.h"
#include "base/check.h"
#include "fmt/format.h"

namespace slablab {
namespace {

constexpr uint32_t kDefragRatioDefault = 1000;  // of 1024

bool MayMerge(const CacheSpec& spec) {
  return !spec.no_merge && !spec.has_constructor && !spec.typesafe_by_rcu;
}

}  // namespace

// kmem_size: as many node pointers as there can be nodes.
uint64_t Slub2010Core::DescriptorBytes() const {
  return model_.offsets.nodes + 8 * static_cast<uint64_t>(nr_node_ids_);
}

// kmem_cache_create().
Task<absl::StatusOr<CacheId>> Slub2010Core::CreateCache(Cpu& cpu, const CacheSpec& spec) {
  const SiteScope site(cpu, SiteOf(At::kCreate));
  co_await slub_lock_.Write(cpu);
  const absl::StatusOr<CacheId> created = co_await CreateLocked(cpu, spec);
  co_await slub_lock_.EndWrite(cpu);
  co_return created;
}

Task<absl::StatusOr<CacheId>> Slub2010Core::CreateLocked(Cpu& cpu, const CacheSpec& spec) {
  const absl::StatusOr<SlubGeometry> geometry = GeometryOf(spec);
  if (!geometry.ok()) co_return geometry.status();
  if (spec.name.empty()) co_return absl::InvalidArgumentError("a cache needs a name");
  // sysfs refuses a second file of one name.
  if (caches_.FindLive(spec.name) != nullptr) {
    co_return absl::InvalidArgumentError(fmt::format("there is a cache '{}' already", spec.name));
  }
  if (Cache2010* const mergeable = FindMergeable(spec, *geometry); mergeable != nullptr) {
    co_return caches_.AddAlias(*mergeable, spec);
  }
  const absl::Status exhausted =
      absl::ResourceExhaustedError(fmt::format("no memory for cache '{}'", spec.name));
  const PhysAddr descriptor = co_await KmallocOwn(cpu, DescriptorBytes(), kGfpKernel, kAnyNode);
  if (descriptor.is_null()) co_return exhausted;
  Cache2010& s = AddCache(spec, *geometry);
  s.PlaceAt(descriptor);
  const bool opened = co_await OpenCache(cpu, s);
  if (!opened) {
    co_await ReleaseCache(cpu, s);
    co_await KfreeOwn(cpu, descriptor);
    caches_.RemoveNewest(s);
    co_return exhausted;
  }
  caches_.Open(s);
  co_await Opened(cpu, s);
  co_return s.id;
}

// kmem_cache_destroy().
Task<void> Slub2010Core::DestroyCache(Cpu& cpu, CacheId id) {
  const SiteScope site(cpu, SiteOf(At::kDestroy));
  co_await slub_lock_.Write(cpu);
  co_await DestroyLocked(cpu, id);
  co_await slub_lock_.EndWrite(cpu);
}

Task<void> Slub2010Core::DestroyLocked(Cpu& cpu, CacheId id) {
  Cache2010& s = cache(id);
  CHECK(s.live);
  if (s.names.size() > 1) {
    s.names.pop_back();  // Others still use it.
    co_return;
  }
  CHECK_EQ(s.footprint.objects, 0u);
  caches_.Close(s);
  co_await FlushAll(cpu, s);
  co_await Closing(cpu, s);
  for (const std::unique_ptr<Node2010>& n : s.nodes) {
    if (n != nullptr) co_await FreePartial(cpu, s, *n);
  }
  const PhysAddr descriptor = s.address;
  co_await ReleaseCache(cpu, s);
  co_await KfreeOwn(cpu, descriptor);
}

// free_partial().
Task<void> Slub2010Core::FreePartial(Cpu& cpu, Cache2010& s, Node2010& n) {
  const IrqFlags flags = cpu.IrqSave();
  {
    const SpinGuard guard = co_await n.list_lock.Acquire(cpu);
    for (Slab2010 *slab = cpu.Load(n.first), *following; slab != nullptr; slab = following) {
      following = cpu.Load(slab->list_next);
      CHECK_EQ(FreeObjects(*slab), slab->objects);
      RemovePartial(cpu, n, *slab);
      co_await DiscardSlab(cpu, s, *slab);
    }
  }
  co_await cpu.IrqRestore(flags);
  CHECK_EQ(n.nr_slabs.Peek(), 0u);
}

// free_percpu() and free_kmem_cache_nodes().
Task<void> Slub2010Core::ReleaseCache(Cpu& cpu, Cache2010& s) {
  const PercpuArea area = s.cpu.Peek();
  if (!area.is_null()) {
    s.cpu.Poke({});
    const uint64_t bytes = s.footprint.percpu_bytes;
    Account(s, [=](Footprint& footprint) { footprint.percpu_bytes -= bytes; });
    co_await areas_->Free(cpu, area);
  }
  for (std::unique_ptr<Node2010>& n : s.nodes) {
    if (n == nullptr) continue;
    const PhysAddr address = n->address;
    n = nullptr;
    co_await FreeOwn(cpu, *node_cache_, address);
  }
}

absl::StatusOr<SlubGeometry> Slub2010Core::GeometryOf(const CacheSpec& spec) const {
  const int cpus = machine_.config().possible_cpus;
  return ComputeSlubGeometry({.object_size = spec.object_size,
                              .align = spec.align,
                              .slot_size = spec.slot_size,
                              .hwcache_align = spec.hwcache_align,
                              .has_constructor = spec.has_constructor,
                              .typesafe_by_rcu = spec.typesafe_by_rcu},
                             {.present = cpus, .possible = cpus}, model_.rules);
}

absl::Status Slub2010Core::SetOrder(Cpu& cpu, Cache2010& s, int64_t order) {
  const SlubOrders& orders = model_.rules.orders;
  if (order < orders.min_order || order > orders.max_order) {
    return TunableRefused("order", order,
                          fmt::format("slab_min_order is {} and slab_max_order {}",
                                      orders.min_order, orders.max_order));
  }
  SlubGeometry& geometry = s.geometry;
  const auto new_order = static_cast<int>(order);
  const uint32_t objects = SlubObjectsIn(new_order, geometry.size, model_.rules);
  // The kernel looks for neither, and does not survive it.
  if (new_order < geometry.min_order || objects > kSlubObjectsMax) {
    return TunableRefused("order", order,
                          fmt::format("a slab would have {} objects of {}", objects, s.spec.name));
  }
  cpu.Touch(s.Field(Cache2010::kOrderAt), Access::kWrite);
  geometry.order = new_order;
  geometry.objects = objects;
  s.objects_max = std::max(s.objects_max, objects);
  s.alloc_flags = new_order > 0 ? s.alloc_flags | Gfp::kCompound : s.alloc_flags & ~Gfp::kCompound;
  return absl::OkStatus();
}

Cache2010& Slub2010Core::AddCache(const CacheSpec& spec, const SlubGeometry& geometry) {
  Cache2010& s = caches_.Add(NewCache(), spec, geometry);
  s.objects_max = geometry.objects;
  s.may_merge = MayMerge(spec);
  s.offsets = model_.offsets;
  if (geometry.order > 0) s.alloc_flags = s.alloc_flags | Gfp::kCompound;
  s.min_partial.Poke(geometry.min_partial);
  s.remote_node_defrag_ratio.Poke(kDefragRatioDefault);
  s.nodes.resize(static_cast<size_t>(machine_.config().node_count()));
  SetDefaults(s);
  return s;
}

// kmem_cache_open(): the structure is cleared and filled in, then come node structures and per-CPU
// structures. Answers false, with what it got still there, if there is no memory.
Task<bool> Slub2010Core::OpenCache(Cpu& cpu, Cache2010& s) {
  cpu.TouchRange(s.Field(0), DescriptorBytes(), Access::kWrite);
  const bool have_nodes = co_await InitNodes(cpu, s);
  if (!have_nodes) co_return false;
  const PercpuRequest request{.bytes = BytesPerCpu(s), .align = 64};
  const PercpuArea area = co_await areas_->Alloc(cpu, request);
  if (area.is_null()) co_return false;
  cpu.Store(s.cpu, area);
  const uint64_t bytes =
      uint64_t{area.bytes} * static_cast<uint64_t>(machine_.config().possible_cpus);
  Account(s, [=](Footprint& footprint) { footprint.percpu_bytes += bytes; });
  InitCpus(cpu, s);
  co_return true;
}

// init_kmem_cache_nodes().
Task<bool> Slub2010Core::InitNodes(Cpu& cpu, Cache2010& s) {
  for (int i = 0; i < machine_.config().node_count(); ++i) {
    const NodeId node(i);
    if (!HasMemory(node)) continue;
    if (down_) {
      co_await EarlyNodeAlloc(cpu, node);
      continue;
    }
    const PhysAddr address = co_await AllocOwn(cpu, *node_cache_, kGfpKernel, node);
    if (address.is_null()) co_return false;
    cpu.TouchRange({address, Structure::kNode}, Node2010::kBytes, Access::kWrite);
    s.nodes[node.index()] = std::make_unique<Node2010>(address, list_lock_class_);
    cpu.Touch(s.NodePointer(node), Access::kWrite);
  }
  co_return true;
}

// early_kmem_cache_node_alloc(): the first object of the node's first slab becomes the structure
// that this slab is then entered in.
Task<void> Slub2010Core::EarlyNodeAlloc(Cpu& cpu, NodeId node) {
  Cache2010& s = *node_cache_;
  Slab2010* const slab = co_await NewSlab(cpu, s, {.gfp = kGfpNoWait, .node = node});
  CHECK(slab != nullptr);
  const PhysAddr address = s.AddressOf(*slab, TakeFirst(cpu, s, *slab));
  AccountHandOut(s);
  AddOwn(address);
  cpu.TouchRange({address, Structure::kNode}, Node2010::kBytes, Access::kWrite);
  s.nodes[node.index()] = std::make_unique<Node2010>(address, list_lock_class_);
  cpu.Touch(s.NodePointer(node), Access::kWrite);
  Node2010& n = *s.nodes[slab->node.index()];
  co_await cpu.AddReturn(n.nr_slabs, 1);
  co_await cpu.AddReturn(n.total_objects, slab->objects);
  const IrqFlags flags = cpu.IrqSave();
  co_await AddToPartial(cpu, n, *slab, ListEnd::kHead);
  EarlyListed(n, *slab);
  co_await cpu.IrqRestore(flags);
}

// find_mergeable(): the newest cache whose objects are less than a word larger, suitably aligned,
// and of the same kind. kmalloc's are among them.
Cache2010* Slub2010Core::FindMergeable(const CacheSpec& spec, const SlubGeometry& geometry) const {
  if (!options_.merge_caches || !MayMerge(spec)) return nullptr;
  return caches_.NewestThat([&](const Cache2010& s) {
    return s.may_merge && geometry.size <= s.geometry.size &&
           s.geometry.size - geometry.size < 8 && s.geometry.size % geometry.align == 0 &&
           !Has(s.alloc_flags, Gfp::kDma) && spec.reclaim_account == s.spec.reclaim_account;
  });
}

}  // namespace slablab
