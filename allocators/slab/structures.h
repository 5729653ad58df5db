// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_SLAB_STRUCTURES_H_
#define SLABLAB_ALLOCATORS_SLAB_STRUCTURES_H_

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "allocators/allocator.h"
#include "allocators/common/cache_table.h"
#include "allocators/common/slab_pool.h"
#include "allocators/percpu/areas.h"
#include "allocators/slab/geometry.h"
#include "base/check.h"
#include "base/types.h"
#include "sim/cache/lazy_array.h"
#include "sim/core/fields.h"
#include "sim/core/rcu.h"
#include "sim/core/spinlock.h"

// SLAB's structures, each where the kernel keeps it, field by field. Offsets are those of Linux 6.1
// on x86-64 with CONFIG_NUMA, without debugging (include/linux/slab_def.h, mm/slab.h, mm/slab.c).
// The names are the kernel's with "Slab" in front where SLUB has a structure of the same name.

namespace slablab {

class SlabAllocator;
struct SlabCache;
struct SlabNode;

// The counters that /proc/slabinfo prints behind "globalstat" and "cpustat", in order. All are of
// the cache: none is kept by CPU.
enum class SlabStat : uint8_t {
  kListAllocs,  // objects taken from slabs into arrays
  kMaxObjects,  // high water mark of kActive
  kGrown,
  kReaped,
  kError,  // never counted
  kMaxFreeable,
  kNodeAllocs,
  kRemoteFrees,
  kAlienOverflow,
  kAllocHit,
  kAllocMiss,
  kFreeHit,
  kFreeMiss,
  kActive,  // not printed
};
inline constexpr int kSlabStats = 14;
inline constexpr int kSlabStatsPrinted = 13;
std::string_view SlabStatName(SlabStat stat);

// The pointers of one array_cache: where each lies, and what it is.
class ArrayEntries {
 public:
  static constexpr uint64_t kEntryBytes = 8;

  PhysAddr AddressOf(uint32_t entry) const {
    const uint64_t at = first_offset_ + entry * kEntryBytes;
    return pages_[at >> kPageShift] + (at & (kPageSize - 1));
  }
  PhysAddr& operator[](uint32_t entry) { return objects_[entry]; }
  const PhysAddr& operator[](uint32_t entry) const { return objects_[entry]; }
  const PhysAddr* data() const { return objects_; }
  PhysAddr* data() { return objects_; }
  // Entries from `entry` on that lie in one page with it.
  uint32_t ContiguousFrom(uint32_t entry) const {
    const uint64_t at = first_offset_ + entry * kEntryBytes;
    return static_cast<uint32_t>((kPageSize - (at & (kPageSize - 1))) / kEntryBytes);
  }

 private:
  friend class EntryPool;
  PhysAddr* pages_ = nullptr;    // the start of each page that entries lie in
  PhysAddr* objects_ = nullptr;  // what the entries are
  uint64_t first_offset_ = 0;    // of entry 0 in the first page
  uint32_t size_class_ = 0;
};

// struct array_cache: objects that can be had without looking at their slabs, newest last. `Field`
// says who may touch it: its CPU, or the holder of a lock.
template <template <typename> class Field, template <typename> class Mark>
struct ArrayCache {
  static constexpr uint32_t kAvailableAt = 0;
  static constexpr uint32_t kLimitAt = 4;
  static constexpr uint32_t kBatchCountAt = 8;
  static constexpr uint32_t kTouchedAt = 12;
  static constexpr uint32_t kHeaderBytes = 16;
  static constexpr uint32_t BytesFor(uint32_t limit) { return kHeaderBytes + limit * 8; }

  Field<uint32_t> available;
  Field<uint32_t> limit;
  Field<uint32_t> batch_count;
  Mark<uint32_t> touched;  // since the last reaping
  ArrayEntries entries;
};

// A CPU's own array.
struct alignas(64) CpuArray : ArrayCache<PerCpu, PerCpu> {
  bool placed = false;
  PhysAddr block;  // the kmalloc'ed object that it is; null: it is no such
};

// The array that the CPUs of a node share, guarded by the node's list_lock; `touched` is cleared
// without it.
struct SharedArray : ArrayCache<Guarded, Racy> {
  PhysAddr address;
};

// struct alien_cache: what CPUs of one node have freed of another node's objects.
struct AlienCache {
  static constexpr uint32_t kArrayAt = 8;
  static constexpr uint32_t BytesFor(uint32_t limit) {
    return kArrayAt + ArrayCache<Guarded, Racy>::BytesFor(limit);
  }
  SpinLock lock;
  ArrayCache<Guarded, Racy> array;  // guarded by `lock`
  PhysAddr address;
};

// A node's alien caches, by the other node; null: its own.
struct AlienSet {
  PhysAddr address;  // of the array of pointers
  std::vector<std::unique_ptr<AlienCache>> caches;
  Place PointerTo(NodeId node) const { return {address + node.index() * 8, Structure::kNode}; }
};

// struct slab: the first struct page of the slab's block.
struct SlabBlock : SlabRecord<SlabCache> {
  static constexpr uint64_t kFlagsAt = 0;  // page flags, which name the node
  static constexpr uint64_t kListAt = 8;
  static constexpr uint64_t kCacheAt = 24;
  static constexpr uint64_t kFreelistAt = 32;
  static constexpr uint64_t kFirstObjectAt = 40;
  static constexpr uint64_t kActiveAt = 48;

  // Guarded by the list_lock of the slab's node once the slab is in a list.
  Guarded<SlabBlock*> list_next;
  Guarded<SlabBlock*> list_previous;
  Guarded<PhysAddr> freelist;  // where the indices are; null: in no object now
  Guarded<uint32_t> active;    // objects that are not free: index `active` is the next to be given
  std::array<uint8_t, kSlabObjectsMax> indices{};  // in the order that objects are given out
  std::array<uint64_t, 4> in_use{};                // bit by object: its user has it
  SlabBlock* next_to_destroy = nullptr;

  SlabNode* home = nullptr;
  PhysAddr first_object;  // behind the colour
  bool waits_for_rcu = false;  // in no list: its pages are free after a grace period

  bool InUse(uint32_t object) const { return (in_use[object / 64] >> (object % 64) & 1) != 0; }
  void FlipInUse(uint32_t object) { in_use[object / 64] ^= uint64_t{1} << (object % 64); }
};

// A slab of a typesafe_by_rcu cache whose pages go back after a grace period. The kernel's rcu_head
// lies in the place of the list's links.
struct RcuSlabBlock final : RcuHead {
  explicit RcuSlabBlock(SlabAllocator& of) : allocator(of) {}

  SlabAllocator& allocator;
  SlabBlock* slab = nullptr;

  // RcuHead.
  Task<void> RunCallback(Cpu& cpu) override;
  std::string_view function() const override { return "kmem_rcu_free"; }
  Place rcu_place() const override { return slab->Metadata(SlabBlock::kListAt); }
};

// Slabs that are in no list any more, to be destroyed outside the locks, the first first.
struct DoomedSlabs {
  SlabBlock* first = nullptr;
  SlabBlock* last = nullptr;

  void AddFirst(SlabBlock& slab) {
    slab.next_to_destroy = first;
    first = &slab;
    if (last == nullptr) last = &slab;
  }
  void AddLast(SlabBlock& slab) {
    slab.next_to_destroy = nullptr;
    (first == nullptr ? first : last->next_to_destroy) = &slab;
    last = &slab;
  }
};

// A list of slabs, with its head in the node's structure.
struct SlabList {
  Guarded<SlabBlock*> first;
  Guarded<SlabBlock*> last;
};

// struct kmem_cache_node.
struct SlabNode {
  static constexpr uint32_t kBytes = 120;
  // Without counts of slabs.
  static constexpr uint32_t kBytesUncounted = 104;

  SlabNode(PhysAddr address, LockClass* lock_class, bool counts_slabs);
  SlabNode(const SlabNode&) = delete;
  // Moves the structure: the fields keep their values. REQUIRES: the lock is free.
  void PlaceAt(PhysAddr to);

  SpinLock list_lock;
  SlabList partial;
  SlabList full;
  SlabList free;
  Guarded<uint64_t> total_slabs;
  Guarded<uint64_t> free_slabs;
  Guarded<uint64_t> free_objects;  // in slabs; what is in shared and CPU arrays is not among them
  Guarded<uint32_t> free_limit;
  Racy<uint32_t> colour_next;
  Guarded<SharedArray*> shared;  // read without the lock where interrupts are off
  Settled<AlienSet*> alien;
  Racy<Cycles> next_reap;
  Racy<bool> free_touched;
  PhysAddr address;
  LockClass* const lock_class;
  const bool counts_slabs;
  bool is_static = false;  // in boot memory

  // What `shared` and `alien` point to.
  std::unique_ptr<SharedArray> shared_array;
  std::unique_ptr<AlienSet> alien_set;
};

// The CPUs' arrays of one cache. From the percpu allocator there is one for every CPU, made when it
// is first used; kmalloc'ed, only for CPUs that are up.
struct CpuArrays {
  explicit CpuArrays(int cpus) : arrays(static_cast<size_t>(cpus)) {}
  PercpuArea area;  // null: they are kmalloc'ed
  uint32_t limit = 0;
  uint32_t batch_count = 0;
  LazyArray<CpuArray> arrays;
};

// struct kmem_cache.
struct SlabCache : CacheBase {
  static constexpr uint64_t kCpuCacheAt = 0;
  static constexpr uint64_t kBatchCountAt = 8;
  static constexpr uint64_t kLimitAt = 12;
  static constexpr uint64_t kSharedAt = 16;
  static constexpr uint64_t kSizeAt = 20;
  static constexpr uint64_t kObjectsAt = 36;
  static constexpr uint64_t kOrderAt = 40;
  static constexpr uint64_t kColourAt = 48;
  static constexpr uint64_t kStatsAt = 112;
  // Where what there is for each node, and of kmalloc'ed arrays in front of it for each CPU,
  // begins: ten words and four half words of statistics come before it.
  static constexpr uint64_t kTailAt = 120;
  static constexpr uint64_t kTailAtWithStatistics = 216;

  SlabCache() { alloc_flags = Gfp::kCompound; }
  SlabCache(const SlabCache&) = delete;

  SlabGeometry geometry;
  uint32_t rcu_slabs = 0;  // that wait for a grace period
  // Where the pointers to the CPUs' arrays are: one for each CPU, or a percpu pointer for all.
  uint64_t arrays_at = kCpuCacheAt;
  uint64_t array_stride = 0;
  uint64_t nodes_at = kTailAt;

  Settled<uint32_t> batch_count;
  Settled<uint32_t> limit;
  Settled<uint32_t> shared;
  std::unique_ptr<CpuArrays> cpus;
  std::vector<std::unique_ptr<SlabNode>> nodes;  // null: not set up
  std::array<Racy<uint64_t>, kSlabStats> stats;

  // Moves the structure to `to`: the fields keep their values.
  void PlaceAt(PhysAddr to);
  Place At(uint64_t at) const { return {address + at, Structure::kCacheDescriptor}; }
  Place NodePointer(NodeId node) const { return At(nodes_at + node.index() * 8); }
  Place ArrayPointer(CpuId id) const { return At(arrays_at + id.index() * array_stride); }
  Place StatPlace(SlabStat stat) const;

  PhysAddr AddressOf(const SlabBlock& slab, uint32_t object) const {
    return slab.first_object + uint64_t{object} * geometry.size;
  }
  // REQUIRES: `object` is an object of `slab`; checked.
  uint32_t IndexOf(const SlabBlock& slab, PhysAddr object) const {
    const uint32_t index = IndexAt(object - slab.first_object);
    CHECK_LT(index, geometry.objects);
    CHECK(AddressOf(slab, index) == object);
    return index;
  }
};

// The host's memory for entries: recycled by size, so that after warm-up nothing is allocated.
class EntryPool {
 public:
  // `pages`: the start of each page that the entries lie in, in order.
  ArrayEntries Take(uint32_t entries, PhysAddr first, const std::vector<PhysAddr>& pages);
  // The same, of entries that lie in one physically contiguous piece.
  ArrayEntries TakeContiguous(uint32_t entries, PhysAddr first);
  void Give(ArrayEntries& entries);

 private:
  ArrayEntries TakeRaw(uint32_t entries, uint32_t pages);

  std::array<std::vector<PhysAddr*>, 32> free_;  // by the logarithm of their size
  std::vector<std::unique_ptr<PhysAddr[]>> blocks_;
};

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_SLAB_STRUCTURES_H_
