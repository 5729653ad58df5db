// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// The lives of SLAB's caches: boot, create, merge, destroy.

#include <algorithm>
#include <bit>

#include "allocators/percpu/registry.h"
#include "allocators/slab/slab.h"
#include "base/check.h"
#include "fmt/format.h"
#include "sim/core/boot_memory.h"

namespace slablab {
namespace {

constexpr SlabTunables kBootTunables = {.limit = 1, .batch_count = 1, .shared = 0};

// The normal size class for so many bytes: INDEX_NODE and INDEX_AC.
const KmallocTable::Class& ClassFor(uint32_t bytes,
                                    const std::vector<KmallocTable::Class>& classes) {
  const uint32_t size = std::max(32u, std::bit_ceil(bytes));
  for (const KmallocTable::Class& kmalloc_class : classes) {
    if (kmalloc_class.type == KmallocType::kNormal && kmalloc_class.size == size) {
      return kmalloc_class;
    }
  }
  CHECK(false);
}

}  // namespace

void SlabAllocator::Enter(BootState state) {
  static constexpr std::string_view kNames[] = {"DOWN",         "PARTIAL", "PARTIAL_ARRAYCACHE",
                                                "PARTIAL_NODE", "UP",      "FULL"};
  CHECK(state > state_);
  state_ = state;
  boot_states_.push_back(kNames[static_cast<size_t>(state)]);
}

// kmem_cache_init() and kmem_cache_init_late().
Task<void> SlabAllocator::Boot(Cpu& cpu) {
  CHECK_EQ(caches_.count(), 0);
  areas_->set_slab_is_available(false);
  const SiteScope site(cpu, Site::kBoot);
  boot_cpu_ = cpu.id();
  slab_mutex_ = Racy<bool>(
      {machine_.boot_memory().Allocate(8, kLineSize, cpu.node()), Structure::kLock}, false);
  kmalloc_.Place(cpu);
  // create_boot_cache(): a power of two is aligned to itself.
  const uint32_t bytes = DescriptorBytes();
  const CacheSpec cache_spec{.name = "kmem_cache",
                             .object_size = bytes,
                             .align = std::has_single_bit(bytes) ? bytes : 0,
                             .hwcache_align = true,
                             .no_merge = true};
  cache_cache_ = &AddCache(cache_spec, *GeometryOf(cache_spec));
  cache_cache_->PlaceAt(machine_.boot_memory().Allocate(bytes, kLineSize, cpu.node()));
  const absl::Status no_pages = absl::InvalidArgumentError(
      "the kernel panics while it boots: a slab of kmalloc's or of kmem_cache cannot be created, "
      "since there are no pages for it");
  const bool opened = co_await OpenCache(cpu, *cache_cache_);
  boot_status_ = no_pages;
  if (!opened) co_return;
  caches_.Open(*cache_cache_);
  Enter(BootState::kPartial);
  const bool begun = co_await CreateFirstClasses(cpu);
  if (!begun) co_return;
  for (const KmallocTable::Class& kmalloc_class : kmalloc_.Classes()) {
    if (kmalloc_.IsSet(kmalloc_class)) continue;
    SlabCache* const created = co_await CreateKmallocCache(cpu, kmalloc_class);
    if (created == nullptr) co_return;
  }
  boot_status_ = absl::OkStatus();
  Enter(BootState::kUp);
  areas_->set_slab_is_available(true);
  for (size_t i = caches_.live().size(); i > 0; --i) {
    SlabCache& s = cache(caches_.live()[i - 1]);
    const bool enabled = co_await EnableCpuCache(cpu, s, kGfpNoWait);
    if (enabled) continue;
    boot_status_ = BootPanic(fmt::format("enable_cpucache() of {} failed", s.spec.name), *areas_);
    co_return;
  }
  co_await FinishBoot(cpu);
}

// kmem_cache_init(), steps 2 to 5. A cache needs node structures, and these are kmalloc'ed: so the
// cache of caches and their size class begin with static ones. In 2014 the same goes for arrays and
// their size class.
Task<bool> SlabAllocator::CreateFirstClasses(Cpu& cpu) {
  const std::vector<KmallocTable::Class> classes = kmalloc_.Classes();
  SlabCache* array_class = nullptr;
  if (!policy_.percpu_arrays) {
    array_class = co_await CreateKmallocCache(cpu, ClassFor(CpuArray::BytesFor(1), classes));
    if (array_class == nullptr) co_return false;
    Enter(BootState::kPartialArrayCache);
  }
  SlabCache* const node_class = co_await CreateKmallocCache(cpu, ClassFor(NodeBytes(), classes));
  if (node_class == nullptr) co_return false;
  Enter(BootState::kPartialNode);
  if (array_class != nullptr) {
    for (SlabCache* const s : {cache_cache_, array_class}) {
      const bool replaced = co_await ReplaceStaticArray(cpu, *s);
      if (!replaced) co_return false;
    }
  }
  for (int i = 0; i < node_count(); ++i) {
    for (SlabCache* const s : {cache_cache_, array_class, node_class}) {
      if (s == nullptr) continue;
      const bool replaced = co_await ReplaceStaticNode(cpu, *s, NodeId(i));
      if (!replaced) co_return false;
    }
  }
  co_return true;
}

// smp_init() brings up the other CPUs, each by way of cpuup_prepare(). What this leaves behind is
// each node's free_limit, computed, at no cost here, while its last CPU was not counted yet.
Task<void> SlabAllocator::FinishBoot(Cpu& cpu) {
  // In 2014 every CPU has its arrays made when it comes up, the newest cache's first.
  for (int i = 0; i < machine_.config().cpu_count() && !policy_.percpu_arrays; ++i) {
    if (CpuId(i) == boot_cpu_) continue;
    for (size_t each = caches_.live().size(); each > 0; --each) {
      const bool done =
          co_await AllocArray(cpu, *cache(caches_.live()[each - 1]).cpus, CpuId(i), kGfpKernel);
      if (done) continue;
      boot_status_ = absl::InvalidArgumentError(fmt::format(
          "the kernel boots without CPU {}, since there are no pages for its arrays", i));
      co_return;
    }
  }
  Enter(BootState::kFull);
  for (int i = 0; i < machine_.config().cpu_count(); ++i) StartTimer(CpuId(i), cpu.now());
  for (CacheId id : caches_.live()) {
    SlabCache& s = cache(id);
    for (int i = 0; i < node_count(); ++i) {
      const NodeId node(i);
      const uint32_t cpus = CpusOn(node);
      const bool only_boot_cpu = cpus == 1 && cpu.node() == node;
      if (cpus == 0 || only_boot_cpu) continue;
      s.nodes[node.index()]->free_limit.Poke(cpus * s.batch_count.Peek() + s.geometry.objects);
    }
  }
}

// create_kmalloc_cache(). Null: there is no memory for it.
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
  if (descriptor.is_null()) co_return nullptr;
  SlabCache& s = AddCache(spec, *GeometryOf(spec));
  if (kmalloc_class.type == KmallocType::kDma) s.alloc_flags = s.alloc_flags | Gfp::kDma;
  s.PlaceAt(descriptor);
  const bool opened = co_await OpenCache(cpu, s);
  if (!opened) co_return nullptr;
  caches_.Open(s);
  kmalloc_.Set(kmalloc_class, s.id);
  co_return &s;
}

// init_list(): a static node structure is replaced by one of the kmalloc cache that there is now.
Task<bool> SlabAllocator::ReplaceStaticNode(Cpu& cpu, SlabCache& s, NodeId node) {
  const PhysAddr address = co_await KmallocOwn(cpu, NodeBytes(), kGfpNoWait, node);
  if (address.is_null()) co_return false;
  SlabNode& n = *s.nodes[node.index()];
  CHECK(n.is_static);
  cpu.TouchRange({n.address, Structure::kNode}, NodeBytes(), Access::kRead);
  cpu.TouchRange({address, Structure::kNode}, NodeBytes(), Access::kWrite);
  // The ends of the lists point to it.
  for (const SlabList* list : {&n.partial, &n.full, &n.free}) {
    for (const SlabBlock* end : {list->first.Peek(), list->last.Peek()}) {
      if (end != nullptr) cpu.Touch(end->Metadata(SlabBlock::kListAt), Access::kWrite);
    }
  }
  n.PlaceAt(address);
  n.is_static = false;
  cpu.Touch(s.NodePointer(node), Access::kWrite);
  co_return true;
}

// kmem_cache_init(), step 4, of 2014: the boot CPU's static array is replaced. It is empty, since a
// refill takes one object, and nobody frees yet.
Task<bool> SlabAllocator::ReplaceStaticArray(Cpu& cpu, SlabCache& s) {
  CpuArray& ac = s.cpus->arrays[boot_cpu_.index()];
  CHECK(ac.block.is_null());
  cpu.TouchRange({static_array_, Structure::kPerCpuArea}, CpuArray::BytesFor(1), Access::kRead);
  const PhysAddr address = co_await KmallocOwn(cpu, CpuArray::BytesFor(1), kGfpNoWait, kAnyNode);
  if (address.is_null()) co_return false;
  // It may have been the very array that this came by way of.
  co_await FreeArray(cpu, ac);
  PlaceArrayAt(*s.cpus, boot_cpu_, address);
  ac.block = address;
  cpu.TouchRange({address, Structure::kPerCpuArea}, CpuArray::BytesFor(1), Access::kWrite);
  cpu.Touch(s.ArrayPointer(boot_cpu_), Access::kWrite);
  co_return true;
}

// kmem_cache_create().
Task<absl::StatusOr<CacheId>> SlabAllocator::CreateCache(Cpu& cpu, const CacheSpec& spec) {
  CHECK(state_ == BootState::kFull);
  return SlabCommon::CreateCache(cpu, spec);
}

// __kmem_cache_create() once the layout is known.
Task<bool> SlabAllocator::OpenCache(Cpu& cpu, SlabCache& s) {
  cpu.TouchRange({s.address, Structure::kCacheDescriptor}, s.nodes_at, Access::kWrite);
  const Gfp gfp = state_ >= BootState::kUp ? kGfpKernel : kGfpNoWait;
  const bool done = co_await SetUpCpuCache(cpu, s, gfp);
  co_return done;
}

// setup_cpu_cache(): while the kernel boots, arrays of one object, and static node structures for
// as long as others cannot be had.
Task<bool> SlabAllocator::SetUpCpuCache(Cpu& cpu, SlabCache& s, Gfp gfp) {
  if (state_ == BootState::kFull) {
    const bool done = co_await EnableCpuCache(cpu, s, gfp);
    co_return done;
  }
  if (!policy_.percpu_arrays && state_ <= BootState::kPartial) {
    // initarray_generic: one for both of the first caches.
    if (static_array_.is_null()) {
      static_array_ = machine_.boot_memory().Allocate(CpuArray::BytesFor(1), 8, cpu.node());
    }
    s.cpus = std::make_unique<CpuArrays>(machine_.config().cpu_count());
    s.cpus->limit = kBootTunables.limit;
    s.cpus->batch_count = kBootTunables.batch_count;
    PlaceArrayAt(*s.cpus, boot_cpu_, static_array_);
  } else {
    s.cpus = co_await AllocCpuArrays(cpu, s, kBootTunables, gfp);
  }
  if (s.cpus == nullptr) co_return false;
  cpu.Touch(s.ArrayPointer(cpu.id()), Access::kWrite);
  for (int i = 0; i < node_count(); ++i) {
    const NodeId node(i);
    PhysAddr address;
    const bool is_static = state_ < BootState::kPartialNode;
    if (is_static) {
      // set_up_node(): init_kmem_cache_node[].
      address = machine_.boot_memory().Allocate(NodeBytes(), 8, cpu.node());
    } else {
      address = co_await KmallocOwn(cpu, NodeBytes(), gfp, node);
      if (address.is_null()) co_return false;
      cpu.TouchRange({address, Structure::kNode}, NodeBytes(), Access::kWrite);
    }
    s.nodes[node.index()] =
        std::make_unique<SlabNode>(address, list_lock_class_, policy_.counts_slabs);
    s.nodes[node.index()]->is_static = is_static;
    cpu.Touch(s.NodePointer(node), Access::kWrite);
  }
  s.nodes[LocalMemoryNode(cpu).index()]->next_reap.Poke(FirstReap(cpu));
  cpu.Store(s.batch_count, kBootTunables.batch_count);
  cpu.Store(s.limit, kBootTunables.limit);
  co_return true;
}

// __kmem_cache_shutdown(). In 6.1 a worker waits for the slabs of a typesafe_by_rcu cache.
Task<void> SlabAllocator::ShutDown(Cpu& cpu, SlabCache& s) {
  co_await Shrink(cpu, s.id);
  if (s.rcu_slabs > 0) co_await machine_.rcu().Barrier(cpu);
}

// __kmem_cache_release().
Task<void> SlabAllocator::ReleaseCache(Cpu& cpu, SlabCache& s) {
  if (s.cpus != nullptr) co_await FreeCpuArrays(cpu, s, s.cpus);
  for (int i = 0; i < node_count(); ++i) co_await ReleaseNode(cpu, s, NodeId(i));
}

absl::StatusOr<SlabGeometry> SlabAllocator::GeometryOf(const CacheSpec& spec) const {
  const SlabRequest request{.object_size = spec.object_size,
                            .align = spec.align,
                            .slot_size = spec.slot_size,
                            .hwcache_align = spec.hwcache_align,
                            .has_constructor = spec.has_constructor,
                            .typesafe_by_rcu = spec.typesafe_by_rcu,
                            .reclaim_account = spec.reclaim_account,
                            .order_max = order_max_};
  if (!policy_.list_in_objects) {
    // slab_early_init.
    return ComputeSlabGeometry2014(request, state_ < BootState::kPartialNode);
  }
  return ComputeSlabGeometry(request, [this](uint32_t bytes) -> uint32_t {
    const CacheId id = kmalloc_.CacheFor(bytes, Gfp::kNone);
    if (id == kNoCache) return 0;
    const SlabGeometry& geometry = cache(id).geometry;
    const bool off_slab = geometry.freelist == FreelistPlacement::kOffSlab;
    return off_slab ? 0 : geometry.size;
  });
}

// sizeof(struct kmem_cache), with as much at its end as the machine needs.
uint32_t SlabAllocator::DescriptorBytes() const {
  const MachineConfig& config = machine_.config();
  uint64_t bytes = TailAt() + 8 * static_cast<uint64_t>(config.node_count());
  if (!policy_.percpu_arrays) bytes += 8 + 8 * static_cast<uint64_t>(config.possible_cpus);
  return static_cast<uint32_t>(bytes);
}

SlabCache& SlabAllocator::AddCache(const CacheSpec& spec, const SlabGeometry& geometry) {
  SlabCache& s = caches_.Add(std::make_unique<SlabCache>(), spec, geometry);
  s.may_merge = MayMerge(spec);
  s.nodes_at = TailAt();
  if (!policy_.percpu_arrays) {
    s.arrays_at = TailAt() + 8;
    s.array_stride = 8;
    s.nodes_at = s.arrays_at + 8 * static_cast<uint64_t>(machine_.config().possible_cpus);
  }
  s.nodes.resize(static_cast<size_t>(node_count()));
  return s;
}

// find_mergeable(): the oldest cache whose objects are no more than a word larger, of an alignment
// that is a multiple, and of the same kind.
SlabCache* SlabAllocator::FindMergeable(const CacheSpec& spec, const SlabGeometry& geometry) const {
  if (!options_.merge_caches || !MayMerge(spec)) return nullptr;
  const uint32_t align = geometry.align;
  const uint32_t size = (spec.object_size + align - 1) / align * align;
  return caches_.OldestThat([&](const SlabCache& s) {
    return s.may_merge && size <= s.geometry.size && s.geometry.size - size < 8 &&
           s.geometry.size % align == 0 && spec.reclaim_account == s.spec.reclaim_account &&
           align <= s.geometry.align && s.geometry.align % align == 0;
  });
}

}  // namespace slablab
