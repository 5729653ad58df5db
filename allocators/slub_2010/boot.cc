// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// kmem_cache_init() of 2010, with arrays in the kernel's image and with the patch that does away
// with them.

#include <algorithm>
#include <set>

#include "allocators/percpu/registry.h"
#include "allocators/slub_2010/core.h"
#include "base/check.h"
#include "fmt/format.h"
#include "sim/core/boot_memory.h"
#include "sim/pages/page_allocator.h"

namespace slablab {
namespace {

constexpr uint64_t RoundUpToLine(uint64_t bytes) {
  return (bytes + kLineSize - 1) / kLineSize * kLineSize;
}

}  // namespace

Task<void> Slub2010Core::Boot(Cpu& cpu) {
  CHECK_EQ(caches_.count(), 0);
  areas_->set_slab_is_available(false);
  const SiteScope site(cpu, Site::kBoot);
  kmalloc_table_ =
      machine_.boot_memory().Allocate(KmallocTable::kTableBytes, kLineSize, cpu.node());
  if (static_boot_) {
    co_await BootStatic(cpu);
  } else {
    co_await BootDynamic(cpu);
  }
  co_await CreateKmallocCaches(cpu);
  if (!boot_status_.ok()) co_return;
  up_ = true;
  areas_->set_slab_is_available(true);
  cpu.Touch({gfp_allowed_mask_, Structure::kCacheDescriptor}, Access::kWrite);
  co_await CachesAreUp(cpu);
}

// kmalloc_caches[2 * SLUB_PAGE_SHIFT] and kmalloc_dma_caches[SLUB_PAGE_SHIFT]; kmem_cache_node is
// kmalloc_caches[0].
Task<void> Slub2010Core::BootStatic(Cpu& cpu) {
  const uint64_t entry = model_.offsets.nodes + 8 * uint64_t{kMaxNumNodes};
  static_bytes_ = entry * 3 * kSlubPageShift;
  static_caches_ = machine_.boot_memory().Allocate(static_bytes_, kLineSize, cpu.node());
  caches_.total().metadata_bytes += static_bytes_;
  const CacheSpec spec{
      .name = "kmem_cache_node", .object_size = Node2010::kBytes, .no_merge = true};
  co_await OpenBootCache(cpu, spec, static_caches_);
  caches_.Open(*node_cache_);
}

// Two structures in one block of the page allocator's, copied into objects of the second's cache as
// soon as that works; then the block goes back.
Task<void> Slub2010Core::BootDynamic(Cpu& cpu) {
  const uint64_t kmem_size = DescriptorBytes();
  const uint64_t aligned = RoundUpToLine(kmem_size);
  const int order = OrderFor(2 * aligned);
  const PageRequest request{.order = order, .node = kAnyNode, .gfp = kGfpNoWait};
  temporary_ = co_await machine_.pages().Alloc(cpu, request);
  CHECK(!temporary_.is_null());
  const CacheSpec node_spec{.name = "kmem_cache_node",
                            .object_size = Node2010::kBytes,
                            .hwcache_align = true,
                            .no_merge = true};
  const CacheSpec cache_spec{.name = "kmem_cache",
                             .object_size = static_cast<uint32_t>(kmem_size),
                             .hwcache_align = true,
                             .no_merge = true};
  co_await OpenBootCache(cpu, node_spec, temporary_ + aligned);
  co_await OpenBootCache(cpu, cache_spec, temporary_);
  co_await MoveBootCache(cpu, *cache_cache_);
  co_await MoveBootCache(cpu, *node_cache_);
  FixUpBootCache(cpu, *node_cache_);
  FixUpBootCache(cpu, *cache_cache_);
  co_await machine_.pages().Free(cpu, temporary_, order);
}

Task<void> Slub2010Core::OpenBootCache(Cpu& cpu, const CacheSpec& spec, PhysAddr at) {
  Cache2010& s = AddCache(spec, *GeometryOf(spec));
  (node_cache_ == nullptr ? node_cache_ : cache_cache_) = &s;
  s.PlaceAt(at);
  const bool opened = co_await OpenCache(cpu, s);
  CHECK(opened);
  down_ = false;
}

// kmem_cache_alloc() and memcpy().
Task<void> Slub2010Core::MoveBootCache(Cpu& cpu, Cache2010& s) {
  const PhysAddr moved = co_await AllocOwn(cpu, *cache_cache_, kGfpNoWait, kAnyNode);
  CHECK(!moved.is_null());
  cpu.TouchRange(s.Field(0), DescriptorBytes(), Access::kRead);
  s.PlaceAt(moved);
  cpu.TouchRange(s.Field(0), DescriptorBytes(), Access::kWrite);
}

// kmem_cache_bootstrap_fixup(): the slabs must not go on naming the structure that will be freed.
void Slub2010Core::FixUpBootCache(Cpu& cpu, Cache2010& s) {
  // What the patch missed: it looked for full slabs only under CONFIG_SLAB_DEBUG, an option of
  // another allocator, and for a CPU's slab, which is on no list, not at all.
  const bool misses_full = HasQuirk("bootstrap-full-list-guard");
  const bool misses_cpu_slab = HasQuirk("bootstrap-cpu-slab");
  caches_.Open(s);
  std::set<const Slab2010*> partial;
  for (const std::unique_ptr<Node2010>& n : s.nodes) {
    if (n == nullptr) continue;
    // Nothing else runs yet: no lock is taken.
    for (Slab2010* slab = n->first.Peek(); slab != nullptr; slab = slab->list_next.Peek()) {
      partial.insert(slab);
    }
  }
  for (Slab2010* slab : Slabs(s)) {
    if (!partial.contains(slab) && (IsCpuSlab(*slab) ? misses_cpu_slab : misses_full)) continue;
    cpu.Touch(slab->Metadata(Slab2010::kListAt), Access::kRead);
    cpu.Touch(slab->Metadata(Slab2010::kCacheAt), Access::kWrite);
    slab->cache_at = s.address;
  }
}

// kmem_cache_init(), from "Caches that are not of the two-to-the-power-of size" on.
Task<void> Slub2010Core::CreateKmallocCaches(Cpu& cpu) {
  bool in_dma = false;
  for (const KmallocTable::Class& kmalloc_class : kmalloc_.Classes()) {
    if (kmalloc_class.type == KmallocType::kDma && !in_dma) {
      in_dma = true;
      // What the first form of the loop over kmalloc_caches[] did: it began with entry 0.
      if (static_boot_ && HasQuirk("dma-duplicate")) co_await DuplicateDmaCache(cpu);
    }
    co_await CreateKmallocCache(cpu, kmalloc_class);
    if (!boot_status_.ok()) co_return;
  }
}

Task<void> Slub2010Core::CreateKmallocCache(Cpu& cpu, const KmallocTable::Class& kmalloc_class) {
  CacheSpec spec{.name = kmalloc_class.name, .object_size = kmalloc_class.size, .align = 8};
  const PhysAddr descriptor = co_await KmallocDescriptor(cpu, kmalloc_class);
  CHECK(!descriptor.is_null());
  Cache2010& s = AddCache(spec, *GeometryOf(spec));
  if (kmalloc_class.type == KmallocType::kDma) {
    s.alloc_flags = s.alloc_flags | Gfp::kDma;
    s.may_merge = false;
    SetDefaults(s);
  }
  s.PlaceAt(descriptor);
  const bool opened = co_await OpenCache(cpu, s);
  if (!opened) {
    boot_status_ = BootPanic(fmt::format("creation of kmalloc slab {} failed", spec.name), *areas_);
    co_return;
  }
  caches_.Open(s);
  kmalloc_.Set(kmalloc_class, s.id);
}

// Entry 0 of kmalloc_caches[] is kmem_cache_node, of 64 bytes with CONFIG_SLUB_DEBUG: its DMA
// counterpart is the same as that of kmalloc-64, and sysfs refuses the second one's unique name.
Task<void> Slub2010Core::DuplicateDmaCache(Cpu& cpu) {
  const KmallocTable::Class duplicate{
      .type = KmallocType::kDma, .index = 0, .size = Node2010::kBytes, .name = "dma-kmalloc-64"};
  co_await CreateKmallocCache(cpu, duplicate);
  Log(fmt::format("sysfs: cannot create duplicate filename '/kernel/slab/:dt-{:07}'",
                  duplicate.size));
  Log("kernel BUG in kmem_cache_release(): a DMA cache's error handling frees what is in an array; "
      "the kernel stops here");
}

// create_kmalloc_cache(): where the structure is.
Task<PhysAddr> Slub2010Core::KmallocDescriptor(Cpu& cpu, const KmallocTable::Class& kmalloc_class) {
  if (!static_boot_) {
    const PhysAddr descriptor = co_await AllocOwn(cpu, *cache_cache_, kGfpNoWait, kAnyNode);
    co_return descriptor;
  }
  const uint64_t entry = model_.offsets.nodes + 8 * uint64_t{kMaxNumNodes};
  const int array = kmalloc_class.type == KmallocType::kDma ? 2 * kSlubPageShift : 0;
  co_return static_caches_ + entry* static_cast<uint64_t>(array + kmalloc_class.index);
}

// The descriptors, and what page->slab of each slab leads to.
std::vector<Allocator::Reference> Slub2010Core::References() const {
  std::vector<Reference> references;
  for (CacheId id : caches_.live()) {
    const CacheId in = Locate(cache(id).address).cache;
    references.push_back({cache(id).address, DescriptorBytes(), in, id});
    for (const Slab2010* slab : const_cast<Slub2010Core*>(this)->Slabs(cache(id))) {
      references.push_back({slab->cache_at, DescriptorBytes(), in, id});
    }
  }
  return references;
}

// The unfinished business of the boot quirks, found in the slabs themselves.
std::vector<std::string> Slub2010Core::KernelLog() const {
  std::vector<std::string> lines = log_;
  for (CacheId id : caches_.live()) {
    const Cache2010& s = cache(id);
    for (const Slab2010* slab : const_cast<Slub2010Core*>(this)->Slabs(s)) {
      if (slab->cache_at == s.address) continue;
      lines.push_back(fmt::format("slab {:#x} of {} names the cache at {:#x}, which was freed",
                                  slab->base.value(), s.names.front(), slab->cache_at.value()));
    }
  }
  return lines;
}

}  // namespace slablab
