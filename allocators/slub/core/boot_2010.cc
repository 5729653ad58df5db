// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// kmem_cache_init() of 2010, in two forms.
//   static   The kernel before "slub: Dynamically size kmalloc cache allocations": kmalloc's caches
//            are two arrays in the kernel's image, dimensioned for MAX_NUMNODES nodes each; entry 0
//            is kmem_cache_node.
//   dynamic  With that patch (August 2010): struct kmem_cache comes from a cache of its own and has
//            as many node pointers as there can be nodes. The first two live in one block of the
//            page allocator's until there is a cache to copy them into.
// The patch's two faults are quirks; without them what it missed is made good. Tracking of full
// slabs (slub_debug=U) is debugging; the fix-up visits full slabs as if they were tracked.

#include <algorithm>
#include <set>

#include "allocators/percpu/registry.h"
#include "allocators/slub/core/core.h"
#include "base/check.h"
#include "fmt/format.h"
#include "sim/core/boot_memory.h"
#include "sim/pages/page_allocator.h"

namespace slablab {
namespace {

// SLUB_PAGE_SHIFT: one more than the largest class's index.
constexpr int kSlubPageShift = KmallocTable::kShiftHigh + 1;

constexpr uint64_t RoundUpToLine(uint64_t bytes) {
  return (bytes + kLineSize - 1) / kLineSize * kLineSize;
}

}  // namespace

Task<void> SlubCore::Boot2010(Cpu& cpu) {
  CHECK_EQ(caches_.count(), 0);
  areas_->set_slab_is_available(false);
  const SiteScope site(cpu, Site::kBoot);
  kmalloc_.Place(cpu);
  if (options_.boot == "static") {
    co_await BootStatic(cpu);
  } else {
    co_await BootDynamic(cpu);
  }
  if (!boot_status_.ok()) co_return;
  co_await CreateKmallocCaches2010(cpu);
  if (!boot_status_.ok()) co_return;
  up_ = true;
  areas_->set_slab_is_available(true);
  cpu.Touch({gfp_allowed_mask_, Structure::kCacheDescriptor}, Access::kWrite);
  co_await CachesAreUp(cpu);
}

// kmalloc_caches[2 * SLUB_PAGE_SHIFT] and kmalloc_dma_caches[SLUB_PAGE_SHIFT]; kmem_cache_node is
// kmalloc_caches[0].
Task<void> SlubCore::BootStatic(Cpu& cpu) {
  static_bytes_ = StaticEntryBytes() * 3 * kSlubPageShift;
  static_caches_ = machine_.boot_memory().Allocate(static_bytes_, kLineSize, cpu.node());
  caches_.total().metadata_bytes += static_bytes_;
  const CacheSpec spec{
      .name = "kmem_cache_node", .object_size = policy_.node_bytes, .no_merge = true};
  co_await OpenBootCache(cpu, spec, static_caches_);
  if (!boot_status_.ok()) co_return;
  caches_.Open(*node_cache_);
}

// Dimensioned for MAX_NUMNODES: CONFIG_MAXSMP asked for the most there was in 2010 already.
uint64_t SlubCore::StaticEntryBytes() const {
  return policy_.cache_offsets.per_node +
         policy_.cache_offsets.per_node_bytes * uint64_t{kPossibleNodesMax};
}

// Two structures in one block of the page allocator's, copied into objects of the second's cache as
// soon as that works; then the block goes back.
Task<void> SlubCore::BootDynamic(Cpu& cpu) {
  const uint64_t kmem_size = DescriptorBytes();
  const uint64_t aligned = RoundUpToLine(kmem_size);
  const int order = OrderFor(2 * aligned);
  const PageRequest request{.order = order, .node = kAnyNode, .gfp = kGfpNoWait};
  temporary_ = co_await machine_.pages().Alloc(cpu, request);
  if (temporary_.is_null()) {
    Panic("kmem_cache");
    co_return;
  }
  const CacheSpec node_spec{.name = "kmem_cache_node",
                            .object_size = policy_.node_bytes,
                            .hwcache_align = true,
                            .no_merge = true};
  const CacheSpec cache_spec{.name = "kmem_cache",
                             .object_size = static_cast<uint32_t>(kmem_size),
                             .hwcache_align = true,
                             .no_merge = true};
  co_await OpenBootCache(cpu, node_spec, temporary_ + aligned);
  if (!boot_status_.ok()) co_return;
  co_await OpenBootCache(cpu, cache_spec, temporary_);
  if (!boot_status_.ok()) co_return;
  for (KmemCache* const s : {cache_cache_, node_cache_}) {
    co_await MoveBootCache(cpu, *s);
    if (!boot_status_.ok()) co_return;
  }
  FixUpBootCache(cpu, *node_cache_);
  FixUpBootCache(cpu, *cache_cache_);
  co_await machine_.pages().Free(cpu, temporary_, order);
}

Task<void> SlubCore::OpenBootCache(Cpu& cpu, const CacheSpec& spec, PhysAddr at) {
  KmemCache& s = AddCache(spec, *GeometryOf(spec));
  (node_cache_ == nullptr ? node_cache_ : cache_cache_) = &s;
  s.PlaceAt(at);
  const bool opened = co_await OpenCache(cpu, s);
  if (!opened) {
    Panic(spec.name);
    co_return;
  }
  down_ = false;
}

// kmem_cache_alloc() and memcpy().
Task<void> SlubCore::MoveBootCache(Cpu& cpu, KmemCache& s) {
  const PhysAddr moved = co_await AllocOwn(cpu, *cache_cache_, kGfpNoWait, kAnyNode);
  if (moved.is_null()) {
    Panic(s.spec.name);
    co_return;
  }
  cpu.TouchRange(s.Field(0), DescriptorBytes(), Access::kRead);
  s.PlaceAt(moved);
  cpu.TouchRange(s.Field(0), DescriptorBytes(), Access::kWrite);
}

// kmem_cache_bootstrap_fixup(): the slabs must not go on naming the structure that will be freed.
void SlubCore::FixUpBootCache(Cpu& cpu, KmemCache& s) {
  // What the patch missed: it looked for full slabs only under CONFIG_SLAB_DEBUG, an option of
  // another allocator, and for a CPU's slab, which is on no list, not at all.
  const bool misses_full = HasQuirk("bootstrap-full-list-guard");
  const bool misses_cpu_slab = HasQuirk("bootstrap-cpu-slab");
  caches_.Open(s);
  std::set<const Slab*> partial;
  for (const std::unique_ptr<CacheNode>& n : s.nodes) {
    if (n == nullptr) continue;
    // Nothing else runs yet: no lock is taken.
    for (Slab* slab = n->first.Peek(); slab != nullptr; slab = slab->list_next.Peek()) {
      partial.insert(slab);
    }
  }
  for (Slab& slab : pool_.slabs()) {
    if (slab.cache != &s) continue;
    const bool is_cpu_slab = slab.word.Peek().frozen;
    if (!partial.contains(&slab) && (is_cpu_slab ? misses_cpu_slab : misses_full)) continue;
    cpu.Touch(slab.Metadata(Slab::kListAt), Access::kRead);
    cpu.Touch(slab.Metadata(Slab::kCacheAt), Access::kWrite);
    slab.cache_at = s.address;
  }
}

// kmem_cache_init(), from "Caches that are not of the two-to-the-power-of size" on.
Task<void> SlubCore::CreateKmallocCaches2010(Cpu& cpu) {
  bool in_dma = false;
  for (const KmallocTable::Class& kmalloc_class : kmalloc_.Classes()) {
    if (kmalloc_class.type == KmallocType::kDma && !in_dma) {
      in_dma = true;
      // What the first form of the loop over kmalloc_caches[] did: it began with entry 0.
      const bool is_static = options_.boot == "static";
      if (is_static && HasQuirk("dma-duplicate")) co_await DuplicateDmaCache(cpu);
    }
    const PhysAddr descriptor = co_await KmallocDescriptor(cpu, kmalloc_class);
    co_await CreateKmallocCache(cpu, kmalloc_class, descriptor);
    if (!boot_status_.ok()) co_return;
  }
}

// Entry 0 of kmalloc_caches[] is kmem_cache_node, of 64 bytes with CONFIG_SLUB_DEBUG: its DMA
// counterpart is the same as that of kmalloc-64, and sysfs refuses the second one's unique name.
Task<void> SlubCore::DuplicateDmaCache(Cpu& cpu) {
  const KmallocTable::Class duplicate{
      .type = KmallocType::kDma, .index = 0, .size = policy_.node_bytes, .name = "dma-kmalloc-64"};
  const PhysAddr descriptor = co_await KmallocDescriptor(cpu, duplicate);
  co_await CreateKmallocCache(cpu, duplicate, descriptor);
  Log(fmt::format("sysfs: cannot create duplicate filename '/kernel/slab/:dt-{:07}'",
                  duplicate.size));
  Log("kernel BUG in kmem_cache_release(): a DMA cache's error handling frees what is in an array; "
      "the kernel stops here");
}

// create_kmalloc_cache(): where the structure is.
Task<PhysAddr> SlubCore::KmallocDescriptor(Cpu& cpu, const KmallocTable::Class& kmalloc_class) {
  if (options_.boot != "static") {
    const PhysAddr descriptor = co_await AllocOwn(cpu, *cache_cache_, kGfpNoWait, kAnyNode);
    co_return descriptor;
  }
  const int array = kmalloc_class.type == KmallocType::kDma ? 2 * kSlubPageShift : 0;
  co_return static_caches_ +
      StaticEntryBytes() * static_cast<uint64_t>(array + kmalloc_class.index);
}

// The descriptors, and what page->slab of each slab leads to.
std::vector<Allocator::Reference> SlubCore::References() const {
  std::vector<Reference> references;
  if (!policy_.lives.boots_as_2010) return references;
  for (CacheId id : caches_.live()) {
    const CacheId in = Locate(cache(id).address).cache;
    references.push_back({cache(id).address, DescriptorBytes(), in, id});
    for (const Slab& slab : pool_.slabs()) {
      if (slab.cache != &cache(id)) continue;
      references.push_back({slab.cache_at, DescriptorBytes(), in, id});
    }
  }
  return references;
}

// What it says, and the unfinished business of the boot quirks, found in the slabs themselves.
std::vector<std::string> SlubCore::KernelLog() const {
  std::vector<std::string> lines = log_;
  if (!policy_.lives.boots_as_2010) return lines;
  for (CacheId id : caches_.live()) {
    const KmemCache& s = cache(id);
    for (const Slab& slab : pool_.slabs()) {
      if (slab.cache != &s || slab.cache_at == s.address) continue;
      lines.push_back(fmt::format("slab {:#x} of {} names the cache at {:#x}, which was freed",
                                  slab.base.value(), s.names.front(), slab.cache_at.value()));
    }
  }
  return lines;
}

}  // namespace slablab
