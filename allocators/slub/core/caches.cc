// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// The lives of SLUB's caches: create, merge, destroy.

#include <algorithm>

#include "allocators/slub/core/core.h"
#include "base/check.h"
#include "fmt/format.h"

namespace slablab {
namespace {

// slab_unmergeable() and SLAB_NEVER_MERGE.
bool MayMergeToday(const CacheSpec& spec) { return MayMerge(spec) && !spec.no_leak_trace; }

// remote_node_defrag_ratio: of 1024.
constexpr uint32_t kDefragRatioDefault = 1000;
constexpr uint32_t kDefragRatioAlways = 1024;

}  // namespace

// kmem_cache_create().
Task<absl::StatusOr<CacheId>> SlubCore::CreateCache(Cpu& cpu, const CacheSpec& spec) {
  const SiteScope site(cpu, SiteOf(SlubAt::kCreate));
  if (policy_.lives.slub_lock) co_await slub_lock_.Write(cpu);
  const absl::StatusOr<CacheId> created = co_await Create(cpu, spec);
  if (policy_.lives.slub_lock) co_await slub_lock_.EndWrite(cpu);
  co_return created;
}

// kmem_cache_destroy().
Task<void> SlubCore::DestroyCache(Cpu& cpu, CacheId id) {
  const SiteScope site(cpu, SiteOf(SlubAt::kDestroy));
  if (policy_.lives.slub_lock) co_await slub_lock_.Write(cpu);
  co_await Destroy(cpu, cache(id));
  if (policy_.lives.slub_lock) co_await slub_lock_.EndWrite(cpu);
}

// __kmem_cache_shutdown().
Task<void> SlubCore::ShutDown(Cpu& cpu, KmemCache& s) {
  co_await RcuBarrier(cpu, s);
  co_await FlushAll(cpu, s);
  co_await EmptyBarns(cpu, s, Ending::kYes);
  // Slabs of objects from barns may have gone to a CPU's own list. __kmem_cache_shutdown() of 6.18
  // does not flush again: it would find the cache in use and leave it as it is, but no cache that
  // asks for sheaves is ever destroyed there (b55b423e8518, "mm/slab: add rcu_barrier() to
  // kvfree_rcu_barrier_on_cache()").
  if (policy_.cpu_slabs && s.sheaf_capacity.Peek() > 0) co_await FlushAll(cpu, s);
  for (const std::unique_ptr<CacheNode>& n : s.nodes) {
    if (n != nullptr) co_await ShutdownNode(cpu, s, *n);
  }
  // To 6.11 a worker waits for this, and frees the descriptor.
  if (s.rcu_slabs > 0) co_await machine_.rcu().Barrier(cpu);
}

// free_partial().
Task<void> SlubCore::ShutdownNode(Cpu& cpu, KmemCache& s, CacheNode& n) {
  std::vector<Slab*> discard;
  const IrqFlags flags = cpu.IrqSave();
  {
    const SpinGuard guard = co_await n.list_lock.Acquire(cpu);
    for (Slab *slab = cpu.Load(n.first), *following; slab != nullptr; slab = following) {
      following = cpu.Load(slab->list_next);
      if (policy_.lives.discards_under_lock) {
        RemovePartial(cpu, n, *slab);
        co_await DiscardSlab(cpu, s, *slab);
        continue;
      }
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
Task<void> SlubCore::ReleaseCache(Cpu& cpu, KmemCache& s) {
  co_await CloseFront(cpu, s);
  if (!s.cpu_stats.Peek().is_null()) co_await FreePercpu(cpu, s, &s.cpu_stats);
  for (std::unique_ptr<CacheNode>& n : s.nodes) {
    if (n == nullptr) continue;
    const PhysAddr address = n->address;
    n = nullptr;
    co_await FreeOwn(cpu, *node_cache_, address);
  }
  s.cpus = LazyArray<CacheCpu>(0);
}

absl::StatusOr<SlubGeometry> SlubCore::GeometryOf(const CacheSpec& spec) const {
  if (spec.has_debug_flags() && !offers().debug_flags) {
    return absl::InvalidArgumentError(fmt::format("{} has no debugging caches", name()));
  }
  const MachineConfig& config = machine_.config();
  const int present =
      policy_.lives.counts_possible_cpus ? config.possible_cpus : config.cpu_count();
  return ComputeSlubGeometry(SlubRequestOf(spec),
                             {.present = present, .possible = config.possible_cpus}, rules_);
}

// sizeof(struct kmem_cache), and as many pointers by node.
uint64_t SlubCore::DescriptorBytes() const {
  const KmemCacheOffsets& at = policy_.cache_offsets;
  const int nodes =
      policy_.lives.kmallocs_descriptors ? nr_node_ids_ : machine_.config().node_count();
  return at.per_node + uint64_t{at.per_node_bytes} * static_cast<uint64_t>(nodes);
}

Task<PhysAddr> SlubCore::AllocDescriptor(Cpu& cpu, Gfp gfp) {
  if (policy_.lives.kmallocs_descriptors) {
    const PhysAddr descriptor = co_await KmallocOwn(cpu, DescriptorBytes(), gfp, kAnyNode);
    co_return descriptor;
  }
  const PhysAddr descriptor = co_await SlabCommon::AllocDescriptor(cpu, gfp);
  co_return descriptor;
}

Task<void> SlubCore::FreeDescriptor(Cpu& cpu, PhysAddr descriptor) {
  if (policy_.lives.kmallocs_descriptors) {
    co_await KfreeOwn(cpu, descriptor);
  } else {
    co_await SlabCommon::FreeDescriptor(cpu, descriptor);
  }
}

KmemCache& SlubCore::AddCache(const CacheSpec& spec, const SlubGeometry& geometry) {
  const MachineConfig& config = machine_.config();
  KmemCache& s = caches_.Add(std::make_unique<KmemCache>(policy_.cache_offsets, config.cpu_count()),
                             spec, geometry);
  s.objects_max = geometry.objects;
  s.may_merge = MayMergeCache(spec);
  s.is_debug = spec.has_debug_flags();
  if (geometry.order > 0) s.alloc_flags = s.alloc_flags | Gfp::kCompound;
  if (policy_.cpu_slabs && policy_.cpu_partials) s.cpu_partial = geometry.cpu_partial;
  if (policy_.obj_exts_in_slabs && !(options_.merge_caches && s.may_merge) && !s.is_debug) {
    const bool link_behind = geometry.free_pointer_offset >= geometry.inuse;
    const uint32_t end = geometry.inuse + (link_behind ? 8 : 0);
    if (geometry.size - end >= 8) s.obj_exts_at = end;
  }
  s.min_partial.Poke(geometry.min_partial);
  s.offset.Poke(geometry.free_pointer_offset);
  s.cpu_partial_slabs.Poke(SlubCpuPartialSlabs(s.cpu_partial, geometry.objects));
  s.remote_node_defrag_ratio.Poke(defrag_always_ ? kDefragRatioAlways : kDefragRatioDefault);
  s.nodes.resize(static_cast<size_t>(config.node_count()));
  BeginCache(s);
  return s;
}

// kmem_cache_open(). Answers false, with what it got still there, if there is no memory.
Task<bool> SlubCore::OpenCache(Cpu& cpu, KmemCache& s) {
  // 2010 clears the pointers by node as well.
  const uint64_t cleared =
      policy_.lives.kmallocs_descriptors ? DescriptorBytes() : uint64_t{s.at.per_node};
  cpu.TouchRange(s.Field(0), cleared, Access::kWrite);
  return OpenFront(cpu, s);
}

Task<bool> SlubCore::AllocPercpu(Cpu& cpu, KmemCache& s, Settled<PercpuArea>* field,
                                 const PercpuRequest& request) {
  const PercpuArea area = co_await areas_->Alloc(cpu, request);
  lacks_area_ = area.is_null();
  if (lacks_area_) co_return false;
  cpu.Store(*field, area);
  const uint64_t bytes = PercpuBytes(area);
  Account(s, [=](Footprint& footprint) { footprint.percpu_bytes += bytes; });
  co_return true;
}

Task<void> SlubCore::FreePercpu(Cpu& cpu, KmemCache& s, Settled<PercpuArea>* field) {
  const PercpuArea area = field->Peek();
  CHECK(!area.is_null());
  field->Poke({});
  const uint64_t bytes = PercpuBytes(area);
  Account(s, [=](Footprint& footprint) { footprint.percpu_bytes -= bytes; });
  co_await areas_->Free(cpu, area);
}

uint64_t SlubCore::PercpuBytes(const PercpuArea& area) const {
  return uint64_t{area.bytes} * static_cast<uint64_t>(machine_.config().possible_cpus);
}

void SlubCore::PlaceCpu(KmemCache& s, CpuId id) const {
  CacheCpu& c = s.cpus[id.index()];
  c.placed = true;
  const PercpuArea area = s.cpu_slab.Peek();
  if (policy_.cpu_slabs) {
    const auto place = [&](uint32_t at) {
      return Place{areas_->AddressOn(area, id, at), Structure::kPerCpuArea};
    };
    c.top = PerCpu<CpuTop>(id, place(CacheCpu::kFreelistAt),
                           {.tid = static_cast<uint64_t>(id.value()), .freelist = kNoObject});
    c.slab = PerCpu<Slab*>(id, place(CacheCpu::kSlabAt));
    c.node = PerCpu<NodeId>(id, place(CacheCpu::kNodeAt));
    c.partial = PerCpu<Slab*>(id, place(CacheCpu::kPartialAt));
  }
  if (!options_.statistics) return;
  const bool are_apart = s.at.cpu_stats != 0;
  const PercpuArea stats = are_apart ? s.cpu_stats.Peek() : area;
  const uint32_t first = are_apart ? 0 : s.at.stats_in_cpu;
  const auto address = [&](uint32_t at) { return areas_->AddressOn(stats, id, first + at); };
  SlubCpuCounters& counters = c.counters;
  counters.base = address(0);
  counters.before_page_end = static_cast<int>(counters_.size());
  for (int place = counters.before_page_end - 1; place > 0; --place) {
    const auto offset = static_cast<uint32_t>(place) * SlubCpuCounters::kBytes;
    const PhysAddr here = address(offset);
    if (here == counters.base + offset) break;
    counters.before_page_end = place;
    counters.base_behind = PhysAddr(here.value() - offset);
  }
}

// init_kmem_cache_nodes().
Task<bool> SlubCore::InitNodes(Cpu& cpu, KmemCache& s) {
  for (int i = 0; i < machine_.config().node_count(); ++i) {
    const NodeId node(i);
    if (!HasMemory(node)) continue;
    if (down_) {
      const bool made = co_await EarlyNodeAlloc(cpu, node);
      if (!made) co_return false;
      continue;
    }
    const PhysAddr address = co_await AllocOwn(cpu, *node_cache_, kGfpKernel, node);
    if (address.is_null()) co_return false;
    cpu.TouchRange({address, Structure::kNode}, policy_.node_bytes, Access::kWrite);
    s.nodes[node.index()] = std::make_unique<CacheNode>(address, list_lock_class_);
    cpu.Touch(s.NodePointer(node), Access::kWrite);
  }
  co_return true;
}

// A cache that asks for sheaves of its own size has nothing in common with others.
bool SlubCore::AsksForSheaves(const CacheSpec& spec) const {
  return policy_.sheaves.which != SheafPolicy::Which::kNone && spec.sheaf_capacity > 0;
}

bool SlubCore::MayMergeCache(const CacheSpec& spec) const {
  return policy_.lives.merges_into_newest ? MayMerge(spec) : MayMergeToday(spec);
}

// find_mergeable(): the oldest cache, in 2010 the newest, whose objects are no more than a word
// larger, suitably aligned, and of the same kind.
KmemCache* SlubCore::FindMergeable(const CacheSpec& spec, const SlubGeometry& geometry) const {
  if (!options_.merge_caches || !MayMergeCache(spec)) return nullptr;
  const auto fits = [&](const KmemCache& s) {
    return s.may_merge && geometry.size <= s.geometry.size && s.geometry.size - geometry.size < 8 &&
           s.geometry.size % geometry.align == 0 &&
           spec.reclaim_account == s.spec.reclaim_account && spec.account == s.spec.account;
  };
  return policy_.lives.merges_into_newest ? caches_.NewestThat(fits) : caches_.OldestThat(fits);
}

}  // namespace slablab
