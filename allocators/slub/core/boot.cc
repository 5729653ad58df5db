// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// SLUB's boot.

#include <algorithm>
#include <array>
#include <bit>
#include <tuple>
#include <utility>
#include <vector>

#include "allocators/percpu/registry.h"
#include "allocators/slub/core/core.h"
#include "base/check.h"
#include "fmt/format.h"
#include "sim/core/boot_memory.h"

namespace slablab {
namespace {

// As they stand in kmalloc_caches[][] of Linux 7.x: by type, then by index.
std::vector<KmallocTable::Class> InOrderOfTable(const KmallocTable& table) {
  const auto place = [](const KmallocTable::Class& of) {
    constexpr std::array<KmallocType, kKmallocTypes> kTypes = {
        KmallocType::kNormal, KmallocType::kReclaim, KmallocType::kDma, KmallocType::kCgroup};
    return std::tuple(std::find(kTypes.begin(), kTypes.end(), of.type) - kTypes.begin(), of.copy,
                      of.index);
  };
  std::vector<KmallocTable::Class> classes = table.Classes();
  std::sort(classes.begin(), classes.end(),
            [place](const auto& a, const auto& b) { return place(a) < place(b); });
  return classes;
}

}  // namespace

// kmem_cache_init(): a node structure is an object of kmem_cache_node, and a cache one of
// kmem_cache, so these two begin in static memory, and the first node structures are taken by hand.
Task<void> SlubCore::Boot(Cpu& cpu) {
  if (policy_.lives.boots_as_2010) {
    co_await Boot2010(cpu);
    co_return;
  }
  CHECK_EQ(caches_.count(), 0);
  areas_->set_slab_is_available(false);
  const SiteScope site(cpu, Site::kBoot);
  kmalloc_.Place(cpu);
  const auto nodes = static_cast<uint32_t>(machine_.config().node_count());
  const KmemCacheOffsets& offsets = policy_.cache_offsets;
  const CacheSpec node_spec{.name = "kmem_cache_node",
                            .object_size = policy_.node_bytes,
                            .align = 64,
                            .hwcache_align = true,
                            .no_merge = true};
  const CacheSpec cache_spec{.name = "kmem_cache",
                             .object_size = offsets.per_node + offsets.per_node_bytes * nodes,
                             .hwcache_align = true,
                             .no_merge = true};
  for (const CacheSpec& spec : {node_spec, cache_spec}) {
    KmemCache& s = AddCache(spec, *GeometryOf(spec));
    (node_cache_ == nullptr ? node_cache_ : cache_cache_) = &s;
    s.no_sheaves = true;
    s.PlaceAt(machine_.boot_memory().Allocate(cache_spec.object_size, kLineSize, cpu.node()));
    const bool opened = co_await OpenCache(cpu, s);
    if (!opened) {
      Panic(spec.name);
      co_return;
    }
    down_ = false;
  }
  for (KmemCache* const s : {cache_cache_, node_cache_}) {
    const bool moved = co_await Bootstrap(cpu, *s);
    if (moved) continue;
    Panic(s->spec.name);
    co_return;
  }
  co_await CreateKmallocCaches(cpu);
  areas_->set_slab_is_available(true);
  if (!boot_status_.ok()) co_return;
  up_ = true;
  co_await CachesAreUp(cpu);
}

// What the kernel stops with when it cannot create a cache.
void SlubCore::Panic(std::string_view cache) {
  const std::string_view slab = policy_.lives.boots_as_2010 ? "kmalloc slab" : "slab";
  const std::string what = fmt::format("creation of {} {} failed", slab, cache);
  boot_status_ = lacks_area_
                     ? BootPanic(what, *areas_)
                     : absl::InvalidArgumentError(fmt::format(
                           "the kernel panics while it boots: {}, since there are no pages for "
                           "the slabs that it begins with",
                           what));
}

// bootstrap(): moves a boot cache into an object of kmem_cache. False: there is none.
Task<bool> SlubCore::Bootstrap(Cpu& cpu, KmemCache& s) {
  const PhysAddr object = co_await AllocDescriptor(cpu, kGfpNoWait);
  if (object.is_null()) co_return false;
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
  caches_.Open(s);
  co_return true;
}

// create_kmalloc_caches().
Task<void> SlubCore::CreateKmallocCaches(Cpu& cpu) {
  for (const KmallocTable::Class& kmalloc_class : kmalloc_.Classes()) {
    const PhysAddr descriptor = co_await AllocDescriptor(cpu, kGfpNoWait);
    co_await CreateKmallocCache(cpu, kmalloc_class, descriptor);
    if (!boot_status_.ok()) co_return;
  }
  // bootstrap_kmalloc_sheaves().
  for (const KmallocTable::Class& kmalloc_class : InOrderOfTable(kmalloc_)) {
    KmemCache& s = cache(kmalloc_.Get(kmalloc_class));
    const bool made = co_await BootstrapKmalloc(cpu, s);
    if (made) continue;
    boot_status_ = absl::InvalidArgumentError(
        fmt::format("the kernel panics while it boots: Out of memory when creating kmem_cache {}, "
                    "since there are no pages for its sheaves",
                    s.spec.name));
    co_return;
  }
}

// create_kmalloc_cache(). A null descriptor: there was no memory for it.
Task<void> SlubCore::CreateKmallocCache(Cpu& cpu, const KmallocTable::Class& kmalloc_class,
                                        PhysAddr descriptor) {
  if (descriptor.is_null()) {
    Panic(kmalloc_class.name);
    co_return;
  }
  CacheSpec spec{.name = kmalloc_class.name,
                 .object_size = kmalloc_class.size,
                 .align = 8,
                 .reclaim_account = kmalloc_class.type == KmallocType::kReclaim,
                 .account = kmalloc_class.type == KmallocType::kCgroup};
  if (!policy_.lives.plain_kmalloc_caches) {
    // A power of two is aligned to itself.
    spec.align = std::has_single_bit(kmalloc_class.size) ? kmalloc_class.size : 0;
    // kmalloc caches may be copied to user space whole, which forbids merging.
    spec.no_merge = true;
  }
  KmemCache& s = AddCache(spec, *GeometryOf(spec));
  s.is_kmalloc = true;
  if (kmalloc_class.type == KmallocType::kDma) {
    s.alloc_flags = s.alloc_flags | Gfp::kDma;
    s.may_merge = false;
    BeginCache(s);
  }
  s.PlaceAt(descriptor);
  const bool opened = co_await OpenCache(cpu, s);
  if (!opened) {
    Panic(spec.name);
    co_return;
  }
  caches_.Open(s);
  kmalloc_.Set(kmalloc_class, s.id);
}

// early_kmem_cache_node_alloc(): the first object of the node's first slab becomes the structure
// that this slab is then entered in. False: there is no memory for it, or only a node's whose
// structure is still to come, of which the kernel would make a list with slabs of another node.
Task<bool> SlubCore::EarlyNodeAlloc(Cpu& cpu, NodeId node) {
  KmemCache& s = *node_cache_;
  Slab* const slab = co_await NewSlab(cpu, s, {.gfp = kGfpNoWait, .node = node});
  if (slab == nullptr) co_return false;
  if (slab->node != node && s.nodes[slab->node.index()] == nullptr) co_return false;
  const ObjectIndex object = TakeFirst(cpu, s, *slab);
  HandOut(s, *slab, object);
  caches_.AddOwn(s);
  const PhysAddr address = s.AddressOf(*slab, object);
  cpu.TouchRange({address, Structure::kNode}, policy_.node_bytes, Access::kWrite);
  s.nodes[node.index()] = std::make_unique<CacheNode>(address, list_lock_class_);
  cpu.Touch(s.NodePointer(node), Access::kWrite);
  CacheNode& n = *s.nodes[slab->node.index()];
  // new_slab() of 2010 counts a slab where there is a node to count it on.
  if (!policy_.lives.counts_slabs_itself) cpu.Touch(s.NodePointer(slab->node), Access::kRead);
  co_await CountSlabOn(cpu, n, *slab);
  // The kernel does without; nobody else is there.
  const IrqFlags flags = cpu.IrqSave();
  {
    const SpinGuard guard = co_await n.list_lock.Acquire(cpu);
    AddPartial(cpu, n, *slab, ListEnd::kHead);
  }
  EarlyListed(n, *slab);
  co_await cpu.IrqRestore(flags);
  co_return true;
}

ObjectIndex SlubCore::TakeFirst(Cpu& cpu, KmemCache& s, Slab& slab) {
  SlabWord word = slab.word.Peek();
  const ObjectIndex object = word.freelist;
  word.freelist = LoadFreePointer(cpu, s, slab, object);
  word.inuse = 1;
  cpu.Touch(slab.word.place(), Access::kWrite);
  slab.word.Poke(word);
  return object;
}

}  // namespace slablab
