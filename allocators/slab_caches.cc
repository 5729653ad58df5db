// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// The lives of SLAB's caches: boot, create, merge, destroy.

#include <algorithm>
#include <bit>

#include "allocators/slab.h"
#include "fmt/format.h"
#include "sim/boot_memory.h"
#include "sim/check.h"

namespace slablab {
namespace {

constexpr SlabTunables kBootTunables = {.limit = 1, .batch_count = 1, .shared = 0};

// The class that node structures come from: INDEX_NODE.
bool ServesNodes(const KmallocTable::Class& kmalloc_class) {
  return kmalloc_class.type == KmallocType::kNormal &&
         kmalloc_class.size == uint32_t{1} << std::bit_width(SlabNode::kBytes - 1);
}

}  // namespace

// kmem_cache_init() and kmem_cache_init_late(). A cache needs node structures, and these are
// kmalloc'ed: the cache of caches and the size class of node structures begin with static ones.
Task<void> SlabAllocator::Boot(Cpu& cpu) {
  CHECK(caches_.empty());
  const SiteScope site(cpu, Site::kBoot);
  boot_cpu_ = cpu.id();
  kmalloc_table_ =
      machine_.boot_memory().Allocate(KmallocTable::kTableBytes, kLineSize, cpu.node());
  const uint64_t nodes_at =
      statistics_in_memory_ ? SlabCache::kNodesAtWithStatistics : SlabCache::kNodesAt;
  // create_boot_cache(): a power of two is aligned to itself.
  const auto bytes = static_cast<uint32_t>(nodes_at) + 8 * static_cast<uint32_t>(node_count());
  const CacheSpec cache_spec{.name = "kmem_cache",
                             .object_size = bytes,
                             .align = std::has_single_bit(bytes) ? bytes : 0,
                             .hwcache_align = true,
                             .no_merge = true};
  cache_cache_ = &AddCache(cache_spec, *GeometryOf(cache_spec));
  cache_cache_->PlaceAt(
      machine_.boot_memory().Allocate(cache_spec.object_size, kLineSize, cpu.node()));
  const bool opened = co_await OpenCache(cpu, *cache_cache_);
  CHECK(opened);
  state_ = BootState::kPartial;

  const std::vector<KmallocTable::Class> classes = kmalloc_.Classes();
  const auto for_nodes = std::find_if(classes.begin(), classes.end(), ServesNodes);
  CHECK(for_nodes != classes.end());
  SlabCache* const node_class = co_await CreateKmallocCache(cpu, *for_nodes);
  state_ = BootState::kPartialNode;
  for (int i = 0; i < node_count(); ++i) {
    co_await ReplaceStaticNode(cpu, *cache_cache_, NodeId(i));
    co_await ReplaceStaticNode(cpu, *node_class, NodeId(i));
  }
  for (const KmallocTable::Class& kmalloc_class : classes) {
    if (!ServesNodes(kmalloc_class)) co_await CreateKmallocCache(cpu, kmalloc_class);
  }
  state_ = BootState::kUp;
  for (size_t i = list_.size(); i > 0; --i) {
    const bool enabled = co_await EnableCpuCache(cpu, cache(list_[i - 1]), kGfpNoWait);
    CHECK(enabled);
  }
  co_await FinishBoot(cpu);
}

// smp_init() brings up the other CPUs, each by way of cpuup_prepare(). All that this leaves behind
// is each node's free_limit, computed while its last CPU was not counted yet. It costs nothing
// here.
Task<void> SlabAllocator::FinishBoot(Cpu& cpu) {
  state_ = BootState::kFull;
  for (CacheId id : list_) {
    SlabCache& s = cache(id);
    for (int i = 0; i < node_count(); ++i) {
      const NodeId node(i);
      const uint32_t cpus = CpusOn(node);
      const bool only_boot_cpu = cpus == 1 && cpu.node() == node;
      if (cpus == 0 || only_boot_cpu) continue;
      s.nodes[node.index()]->free_limit.Poke(cpus * s.batch_count.Peek() + s.geometry.objects);
    }
  }
  co_return;
}

// create_kmalloc_cache().
Task<SlabCache*> SlabAllocator::CreateKmallocCache(Cpu& cpu,
                                                   const KmallocTable::Class& kmalloc_class) {
  // A power of two is aligned to itself, and all of them to lines (ARCH_KMALLOC_FLAGS). kmalloc
  // caches may be copied to user space whole, which forbids merging.
  const CacheSpec spec{.name = kmalloc_class.name,
                       .object_size = kmalloc_class.size,
                       .align = std::has_single_bit(kmalloc_class.size) ? kmalloc_class.size : 0,
                       .hwcache_align = true,
                       .reclaim_account = kmalloc_class.type == KmallocType::kReclaim,
                       .no_merge = true};
  const PhysAddr descriptor = co_await AllocDescriptor(cpu, kGfpNoWait);
  CHECK(!descriptor.is_null());
  SlabCache& s = AddCache(spec, *GeometryOf(spec));
  if (kmalloc_class.type == KmallocType::kDma) s.alloc_flags = s.alloc_flags | Gfp::kDma;
  s.PlaceAt(descriptor);
  const bool opened = co_await OpenCache(cpu, s);
  CHECK(opened);
  kmalloc_.Set(kmalloc_class, s.id);
  co_return &s;
}

// init_list(): a static node structure is replaced by one of the kmalloc cache that there is now.
Task<void> SlabAllocator::ReplaceStaticNode(Cpu& cpu, SlabCache& s, NodeId node) {
  const PhysAddr address =
      co_await KmallocOwn(cpu, SlabNode::kBytes, {.gfp = kGfpNoWait, .node = node});
  CHECK(!address.is_null());
  SlabNode& n = *s.nodes[node.index()];
  CHECK(n.is_static);
  cpu.TouchRange({n.address, Structure::kNode}, SlabNode::kBytes, Access::kRead);
  cpu.TouchRange({address, Structure::kNode}, SlabNode::kBytes, Access::kWrite);
  // The ends of the lists point to it.
  for (const SlabList* list : {&n.partial, &n.full, &n.free}) {
    for (const SlabBlock* end : {list->first.Peek(), list->last.Peek()}) {
      if (end != nullptr) cpu.Touch(end->Metadata(SlabBlock::kListAt), Access::kWrite);
    }
  }
  n.PlaceAt(address, list_lock_class_);
  n.is_static = false;
  cpu.Touch(s.NodePointer(node), Access::kWrite);
}

// kmem_cache_create().
Task<absl::StatusOr<CacheId>> SlabAllocator::CreateCache(Cpu& cpu, const CacheSpec& spec) {
  const SiteScope site(cpu, SiteOf(At::kCreate));
  const absl::StatusOr<SlabGeometry> geometry = GeometryOf(spec);
  if (!geometry.ok()) co_return geometry.status();
  if (spec.name.empty()) co_return absl::InvalidArgumentError("a cache needs a name");
  if (FindLive(spec.name) != nullptr) {
    co_return absl::InvalidArgumentError(fmt::format("there is a cache '{}' already", spec.name));
  }
  if (SlabCache* const mergeable = FindMergeable(spec, *geometry); mergeable != nullptr) {
    co_return AddAlias(*mergeable, spec);
  }
  const absl::Status exhausted =
      absl::ResourceExhaustedError(fmt::format("no memory for cache '{}'", spec.name));
  const PhysAddr descriptor = co_await AllocDescriptor(cpu, kGfpKernel);
  if (descriptor.is_null()) co_return exhausted;
  SlabCache& s = AddCache(spec, *geometry);
  s.PlaceAt(descriptor);
  const bool opened = co_await OpenCache(cpu, s);
  if (!opened) {
    co_await ReleaseCache(cpu, s);
    co_await Free(cpu, cache_cache_->id, descriptor);
    CHECK(&s == caches_.back().get());
    caches_.pop_back();
    co_return exhausted;
  }
  co_return s.id;
}

// __kmem_cache_create() once the layout is known. Answers false, with what it got still there, if
// there is no memory.
Task<bool> SlabAllocator::OpenCache(Cpu& cpu, SlabCache& s) {
  cpu.TouchRange({s.address, Structure::kCacheDescriptor}, s.nodes_at, Access::kWrite);
  const Gfp gfp = state_ >= BootState::kUp ? kGfpKernel : kGfpNoWait;
  const bool done = co_await SetUpCpuCache(cpu, s, gfp);
  if (!done) co_return false;
  list_.push_back(s.id);
  s.live = true;
  co_return true;
}

// setup_cpu_cache(): while the kernel boots, arrays of one object, and static node structures for
// as long as others cannot be had.
Task<bool> SlabAllocator::SetUpCpuCache(Cpu& cpu, SlabCache& s, Gfp gfp) {
  if (state_ == BootState::kFull) {
    const bool done = co_await EnableCpuCache(cpu, s, gfp);
    co_return done;
  }
  s.cpus = co_await AllocCpuArrays(cpu, s, kBootTunables);
  if (s.cpus == nullptr) co_return false;
  cpu.Store(s.cpu_cache, PhysAddr());
  for (int i = 0; i < node_count(); ++i) {
    const NodeId node(i);
    PhysAddr address;
    const bool is_static = state_ <= BootState::kPartial;
    if (is_static) {
      // set_up_node(): init_kmem_cache_node[].
      address = machine_.boot_memory().Allocate(SlabNode::kBytes, 8, cpu.node());
    } else {
      address = co_await KmallocOwn(cpu, SlabNode::kBytes, {.gfp = gfp, .node = node});
      CHECK(!address.is_null());
      cpu.TouchRange({address, Structure::kNode}, SlabNode::kBytes, Access::kWrite);
    }
    s.nodes[node.index()] = std::make_unique<SlabNode>(address, list_lock_class_);
    s.nodes[node.index()]->is_static = is_static;
    cpu.Touch(s.NodePointer(node), Access::kWrite);
  }
  s.nodes[LocalMemoryNode(cpu).index()]->next_reap.Poke(FirstReap(cpu));
  cpu.Store(s.batch_count, kBootTunables.batch_count);
  cpu.Store(s.limit, kBootTunables.limit);
  co_return true;
}

// kmem_cache_destroy().
Task<void> SlabAllocator::DestroyCache(Cpu& cpu, CacheId id) {
  SlabCache& s = cache(id);
  const SiteScope site(cpu, SiteOf(At::kDestroy));
  CHECK(s.live);
  if (s.names.size() > 1) {
    s.names.pop_back();  // Others still use it.
    co_return;
  }
  CHECK_EQ(s.footprint.objects, 0u);
  co_await Shrink(cpu, id);
  s.live = false;
  list_.erase(std::find(list_.begin(), list_.end(), id));
  const PhysAddr descriptor = s.address;
  co_await ReleaseCache(cpu, s);
  co_await Free(cpu, cache_cache_->id, descriptor);
}

// __kmem_cache_release().
Task<void> SlabAllocator::ReleaseCache(Cpu& cpu, SlabCache& s) {
  if (s.cpus != nullptr) co_await FreeCpuArrays(cpu, s, s.cpus);
  for (int i = 0; i < node_count(); ++i) co_await ReleaseNode(cpu, s, NodeId(i));
}

absl::StatusOr<SlabGeometry> SlabAllocator::GeometryOf(const CacheSpec& spec) const {
  return ComputeSlabGeometry({.object_size = spec.object_size,
                              .align = spec.align,
                              .hwcache_align = spec.hwcache_align,
                              .has_constructor = spec.has_constructor,
                              .typesafe_by_rcu = spec.typesafe_by_rcu,
                              .reclaim_account = spec.reclaim_account,
                              .order_max = order_max_},
                             [this](uint32_t bytes) -> uint32_t {
                               const CacheId id = kmalloc_.CacheFor(bytes, Gfp::kNone);
                               if (id == kNoCache) return 0;
                               const SlabGeometry& geometry = cache(id).geometry;
                               const bool off_slab =
                                   geometry.freelist == FreelistPlacement::kOffSlab;
                               return off_slab ? 0 : geometry.size;
                             });
}

// An object of kmem_cache, cleared.
Task<PhysAddr> SlabAllocator::AllocDescriptor(Cpu& cpu, Gfp gfp) {
  const Placement placement = co_await Alloc(cpu, cache_cache_->id, gfp | Gfp::kZero, kAnyNode);
  co_return placement.object;
}

SlabCache& SlabAllocator::AddCache(const CacheSpec& spec, const SlabGeometry& geometry) {
  SlabCache& s = *caches_.emplace_back(std::make_unique<SlabCache>());
  s.id = CacheId(static_cast<int32_t>(caches_.size() - 1));
  s.spec = spec;
  s.names = {spec.name};
  s.may_merge = !spec.no_merge && !spec.has_constructor && !spec.typesafe_by_rcu;
  s.geometry = geometry;
  s.reciprocal = static_cast<uint32_t>(((uint64_t{1} << 32) + geometry.size - 1) / geometry.size);
  if (statistics_in_memory_) s.nodes_at = SlabCache::kNodesAtWithStatistics;
  if (spec.reclaim_account) s.alloc_flags = s.alloc_flags | Gfp::kReclaimable;
  s.nodes.resize(static_cast<size_t>(node_count()));
  return s;
}

SlabCache* SlabAllocator::FindLive(std::string_view name) const {
  for (CacheId id : list_) {
    const std::vector<std::string>& names = cache(id).names;
    if (std::find(names.begin(), names.end(), name) != names.end()) return &cache(id);
  }
  return nullptr;
}

// find_mergeable(): the oldest cache whose objects are no more than a word larger, of an alignment
// that is a multiple, and of the same kind.
SlabCache* SlabAllocator::FindMergeable(const CacheSpec& spec, const SlabGeometry& geometry) const {
  if (!options_.merge_caches || spec.no_merge || spec.has_constructor || spec.typesafe_by_rcu) {
    return nullptr;
  }
  const uint32_t align = geometry.align;
  const uint32_t size = (spec.object_size + align - 1) / align * align;
  for (CacheId id : list_) {
    SlabCache& s = cache(id);
    if (!s.may_merge || size > s.geometry.size) continue;
    if (spec.reclaim_account != s.spec.reclaim_account) continue;
    if (s.geometry.size % align != 0) continue;
    if (s.geometry.size - size >= 8) continue;
    if (align > s.geometry.align || s.geometry.align % align != 0) continue;
    return &s;
  }
  return nullptr;
}

// __kmem_cache_alias().
CacheId SlabAllocator::AddAlias(SlabCache& s, const CacheSpec& spec) {
  s.names.push_back(spec.name);
  const uint64_t larger = std::max(s.geometry.object_size, spec.object_size);
  const uint64_t moved = (larger - s.geometry.object_size) * s.footprint.objects;
  Account(s, [=](Footprint& footprint) {
    footprint.object_bytes += moved;
    footprint.padding_bytes -= moved;
  });
  s.geometry.object_size = static_cast<uint32_t>(larger);
  return s.id;
}

}  // namespace slablab
