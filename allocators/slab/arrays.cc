// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// SLAB's arrays of objects: of the CPUs, shared by the CPUs of a node, and for other nodes.

#include <algorithm>

#include "allocators/slab/slab.h"
#include "base/check.h"
#include "sim/pages/page_allocator.h"

namespace slablab {
namespace {

// The percpu allocator's largest area.
constexpr uint64_t kPercpuBytesMax = 32 << 10;
// KMALLOC_MAX_SIZE: kmalloc() answers null beyond, and whoever wrote the tunable gets ENOMEM.
constexpr uint64_t kKmallocBytesMax = kPageSize << kMaxPageOrder;

// Whether an array of `limit` pointers behind its header has so many bytes at most.
bool FitsIn(uint64_t bytes_max, uint64_t limit, uint64_t header_bytes) {
  return limit <= (bytes_max - header_bytes) / ArrayEntries::kEntryBytes;
}

// init_arraycache() of a CPU's array. `address` answers where a byte of it is.
template <typename AddressOf>
void InitHeader(CpuArrays& arrays, CpuId id, AddressOf address) {
  const auto field = [&](uint32_t at, uint32_t value) {
    return PerCpu<uint32_t>(id, {address(at), Structure::kPerCpuArea}, value);
  };
  CpuArray& ac = arrays.arrays[id.index()];
  ac.placed = true;
  ac.available = field(CpuArray::kAvailableAt, 0);
  ac.limit = field(CpuArray::kLimitAt, arrays.limit);
  ac.batch_count = field(CpuArray::kBatchCountAt, arrays.batch_count);
  ac.touched = field(CpuArray::kTouchedAt, 0);
}

}  // namespace

// alloc_kmem_cache_cpus(): for every possible CPU. Of 2014: one kmalloc() for each CPU that is up.
// Null if there is no memory.
Task<std::unique_ptr<CpuArrays>> SlabAllocator::AllocCpuArrays(Cpu& cpu, SlabCache& s,
                                                               SlabTunables tunables, Gfp gfp) {
  auto arrays = std::make_unique<CpuArrays>(machine_.config().cpu_count());
  arrays->limit = tunables.limit;
  arrays->batch_count = tunables.batch_count;
  if (!policy_.percpu_arrays) {
    for (int i = 0; i < machine_.config().cpu_count(); ++i) {
      if (!IsUp(CpuId(i))) continue;
      const bool done = co_await AllocArray(cpu, *arrays, CpuId(i), gfp);
      if (done) continue;
      co_await FreeCpuArrays(cpu, s, arrays);
      co_return nullptr;
    }
    co_return arrays;
  }
  if (!FitsIn(kPercpuBytesMax, tunables.limit, CpuArray::kHeaderBytes)) co_return nullptr;
  const uint32_t bytes = CpuArray::BytesFor(tunables.limit);
  arrays->area = co_await areas_->Alloc(cpu, {.bytes = bytes, .align = 8});
  if (arrays->area.is_null()) co_return nullptr;
  const int possible = machine_.config().possible_cpus;
  for (int i = 0; i < possible; ++i) {
    const PhysAddr header = areas_->AddressOn(arrays->area, CpuId(i), 0);
    cpu.Touch({header, Structure::kPerCpuArea}, Access::kWrite);
  }
  const uint64_t held = uint64_t{arrays->area.bytes} * static_cast<uint64_t>(possible);
  Account(s, [=](Footprint& footprint) { footprint.percpu_bytes += held; });
  co_return arrays;
}

// free_percpu(), or of 2014 kfree() of each. REQUIRES: the arrays are empty.
Task<void> SlabAllocator::FreeCpuArrays(Cpu& cpu, SlabCache& s,
                                        std::unique_ptr<CpuArrays>& arrays) {
  for (size_t i = 0; i < arrays->arrays.size(); ++i) {
    CpuArray& ac = arrays->arrays[i];
    if (ac.placed) co_await FreeArray(cpu, ac);
  }
  const PercpuArea area = arrays->area;
  arrays = nullptr;
  if (area.is_null()) co_return;
  const uint64_t held =
      uint64_t{area.bytes} * static_cast<uint64_t>(machine_.config().possible_cpus);
  Account(s, [=](Footprint& footprint) { footprint.percpu_bytes -= held; });
  co_await areas_->Free(cpu, area);
}

// alloc_arraycache(), of 2014 for one CPU, on its node. Answers false if there is no memory.
// REQUIRES: the boot has come so far that there is a size class for it.
Task<bool> SlabAllocator::AllocArray(Cpu& cpu, CpuArrays& arrays, CpuId owner, Gfp gfp) {
  CHECK(state_ >= BootState::kPartialArrayCache);
  if (!FitsIn(kKmallocBytesMax, arrays.limit, CpuArray::kHeaderBytes)) co_return false;
  const PhysAddr address = co_await KmallocOwn(cpu, CpuArray::BytesFor(arrays.limit), gfp,
                                               LocalMemoryNode(NodeOfCpu(owner)));
  if (address.is_null()) co_return false;
  PlaceArrayAt(arrays, owner, address);
  arrays.arrays[owner.index()].block = address;
  cpu.Touch({address, Structure::kPerCpuArea}, Access::kWrite);
  co_return true;
}

Task<void> SlabAllocator::FreeArray(Cpu& cpu, CpuArray& ac) {
  CHECK_EQ(ac.available.Peek(), 0u);
  entry_pool_.Give(ac.entries);
  const PhysAddr block = ac.block;
  ac = CpuArray();
  if (!block.is_null()) co_await KfreeOwn(cpu, block);
}

// A percpu array, at its CPU's first use of it.
void SlabAllocator::PlaceArray(CpuArrays& arrays, CpuId id) {
  CHECK(!arrays.area.is_null());
  const auto address = [&](uint32_t at) { return areas_->AddressOn(arrays.area, id, at); };
  InitHeader(arrays, id, address);
  // Copies are contiguous within a page only.
  std::vector<PhysAddr> pages;
  const uint32_t end = CpuArray::BytesFor(arrays.limit);
  for (uint32_t at = CpuArray::kHeaderBytes; at < end;) {
    const PhysAddr here = address(at);
    pages.push_back(PhysAddr::OfFrame(here.frame()));
    at += static_cast<uint32_t>(kPageSize - here.value() % kPageSize);
  }
  arrays.arrays[id.index()].entries =
      entry_pool_.Take(arrays.limit, address(CpuArray::kHeaderBytes), pages);
}

// A contiguous one.
void SlabAllocator::PlaceArrayAt(CpuArrays& arrays, CpuId id, PhysAddr at) {
  InitHeader(arrays, id, [at](uint32_t offset) { return at + offset; });
  arrays.arrays[id.index()].entries =
      entry_pool_.TakeContiguous(arrays.limit, at + CpuArray::kHeaderBytes);
}

namespace {

// init_arraycache().
template <typename Array>
void InitArray(Cpu& cpu, Array& array, SpinLock* lock, Place place, SlabTunables tunables) {
  const auto field = [&](uint32_t at, uint32_t value) {
    return Guarded<uint32_t>(lock, place + at, value);
  };
  array.available = field(Array::kAvailableAt, 0);
  array.limit = field(Array::kLimitAt, tunables.limit);
  array.batch_count = field(Array::kBatchCountAt, tunables.batch_count);
  array.touched = Racy<uint32_t>(place + Array::kTouchedAt, 0);
  cpu.Touch(place, Access::kWrite);
}

// What the kernel gives as the batch of arrays that have none.
constexpr uint32_t kNoBatch = 0xbaadf00d;

}  // namespace

// alloc_arraycache(), for the CPUs of a node.
Task<std::unique_ptr<SharedArray>> SlabAllocator::AllocShared(Cpu& cpu, uint64_t count,
                                                              AllocRequest request) {
  if (!FitsIn(kKmallocBytesMax, count, SharedArray::kHeaderBytes)) co_return nullptr;
  const auto entries = static_cast<uint32_t>(count);
  const PhysAddr address =
      co_await KmallocOwn(cpu, SharedArray::BytesFor(entries), request.gfp, request.node);
  if (address.is_null()) co_return nullptr;
  auto shared = std::make_unique<SharedArray>();
  shared->address = address;
  // Guarded by the node's lock, once it has a node.
  InitArray(cpu, *shared, nullptr, {address, Structure::kNode},
            {.limit = entries, .batch_count = kNoBatch});
  shared->entries = entry_pool_.TakeContiguous(entries, address + SharedArray::kHeaderBytes);
  co_return shared;
}

Task<void> SlabAllocator::FreeShared(Cpu& cpu, std::unique_ptr<SharedArray>& shared) {
  if (shared == nullptr) co_return;
  CHECK_EQ(shared->available.Peek(), 0u);
  entry_pool_.Give(shared->entries);
  const PhysAddr address = shared->address;
  shared = nullptr;
  co_await KfreeOwn(cpu, address);
}

// __alloc_alien_cache().
Task<std::unique_ptr<AlienCache>> SlabAllocator::AllocAlien(Cpu& cpu, uint32_t entries,
                                                            AllocRequest request) {
  const PhysAddr address =
      co_await KmallocOwn(cpu, AlienCache::BytesFor(entries), request.gfp, request.node);
  if (address.is_null()) co_return nullptr;
  auto alien = std::make_unique<AlienCache>();
  alien->address = address;
  alien->lock = SpinLock(alien_lock_class_, {address, Structure::kLock});
  const PhysAddr array = address + AlienCache::kArrayAt;
  InitArray(cpu, alien->array, &alien->lock, {array, Structure::kNode},
            {.limit = entries, .batch_count = kNoBatch});
  alien->array.entries = entry_pool_.TakeContiguous(entries, array + SharedArray::kHeaderBytes);
  co_return alien;
}

// alloc_alien_cache(): one for each other node, all on `request.node`.
Task<std::unique_ptr<AlienSet>> SlabAllocator::AllocAlienSet(Cpu& cpu, uint32_t limit,
                                                             AllocRequest request) {
  constexpr uint32_t kAlienLimit = 12;
  auto set = std::make_unique<AlienSet>();
  set->address = co_await KmallocOwn(cpu, static_cast<uint64_t>(node_count()) * 8,
                                     request.gfp | Gfp::kZero, request.node);
  if (set->address.is_null()) co_return nullptr;
  set->caches.resize(static_cast<size_t>(node_count()));
  for (int i = 0; i < node_count(); ++i) {
    if (NodeId(i) == request.node) continue;
    std::unique_ptr<AlienCache> alien =
        co_await AllocAlien(cpu, limit > 1 ? kAlienLimit : limit, request);
    cpu.Touch(set->PointerTo(NodeId(i)), Access::kWrite);
    if (alien == nullptr) {
      co_await FreeAlienSet(cpu, set);
      co_return nullptr;
    }
    set->caches[static_cast<size_t>(i)] = std::move(alien);
  }
  co_return set;
}

// free_alien_cache().
Task<void> SlabAllocator::FreeAlienSet(Cpu& cpu, std::unique_ptr<AlienSet>& set) {
  if (set == nullptr) co_return;
  for (std::unique_ptr<AlienCache>& alien : set->caches) {
    if (alien == nullptr) continue;
    CHECK_EQ(alien->array.available.Peek(), 0u);
    entry_pool_.Give(alien->array.entries);
    co_await KfreeOwn(cpu, alien->address);
  }
  co_await KfreeOwn(cpu, set->address);
  set = nullptr;
}

// The pointers in a run of entries, page by page.
void SlabAllocator::TouchEntries(Cpu& cpu, const ArrayEntries& entries, Run run, Access access) {
  while (run.count > 0) {
    const uint32_t here = std::min(run.count, entries.ContiguousFrom(run.first));
    cpu.TouchRange({entries.AddressOf(run.first), Structure::kPerCpuArea},
                   here * ArrayEntries::kEntryBytes, access);
    run.first += here;
    run.count -= here;
  }
}

}  // namespace slablab
