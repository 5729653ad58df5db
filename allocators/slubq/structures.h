// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_SLUBQ_STRUCTURES_H_
#define SLABLAB_ALLOCATORS_SLUBQ_STRUCTURES_H_

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/types/span.h"
#include "allocators/slub/core/structures.h"
#include "base/types.h"
#include "sim/cache/lazy_array.h"
#include "sim/core/cpu.h"
#include "sim/core/spinlock.h"

// SLUB+Q's structures (S+Q2 of July, S+Q3 of August and Unified V4 of October 2010,
// include/linux/slub_def.h).

namespace slablab {

// The bitmap of a slab: a set bit is an object that is on the slab, free. Up to 64 objects it is
// the word in struct page that used to be the free list; else it lies behind the objects. Guarded
// by whatever lock guards the slab, which is checked, but for a slab that only its maker knows.
//
// The host has it in the slab's records: a free object's free pointer is kNoObject, and that of
// one in a queue kInSheaf; word.inuse counts those that are not free, and none below word.freelist
// is.
class ObjectMap {
 public:
  explicit ObjectMap(const Slab& slab)
      : slab_(const_cast<Slab&>(slab)), objects_(slab.word.Peek().objects) {}

  // bitmap_fill(), of a new slab.
  void Fill(Cpu& cpu) const;
  // The slab can be reached by others from now on; `lock` guards it.
  void Publish(const SpinLock* lock) const { slab_.guard = lock; }

  // bitmap_weight(), bitmap_full(), bitmap_empty(): they read every word.
  uint32_t Weight(Cpu& cpu) const;
  bool IsFull(Cpu& cpu) const { return Weight(cpu) == objects_; }
  bool IsEmpty(Cpu& cpu) const { return Weight(cpu) == 0; }
  // Weight() by one who has no lock.
  uint32_t ReadUnlocked(Cpu& cpu) const;
  // __set_bit(). REQUIRES: not set.
  void Set(Cpu& cpu, ObjectIndex object) const;
  // Clears the lowest bit that is set and answers which. REQUIRES: there is one.
  ObjectIndex TakeLowest(Cpu& cpu) const;

  bool is_behind_objects() const { return objects_ > 64; }

 private:
  void Check(const Cpu& cpu) const;
  Place PlaceOf(uint32_t object) const;
  uint64_t bytes() const { return (uint64_t{objects_} + 63) / 64 * 8; }

  Slab& slab_;
  const uint16_t objects_;
};

// struct kmem_cache_queue: {objects, max, touched}, then a pointer or a lock, then the objects'
// addresses, oldest first; V2 has no more than their number in front of them. A CPU's queue is
// touched by that CPU with interrupts off; a shared or alien one by the holder of its lock. Both
// are checked.
class ObjectQueue {
 public:
  static constexpr uint32_t kLinkAt = 8;
  static constexpr uint32_t kSlotsAt = 16;
  static constexpr uint32_t kSlotBytes = 8;
  static constexpr int kPagesMax = 10;  // that a CPU's queue lies in

  struct Memory {
    std::array<PhysAddr, kPagesMax> pages;  // of one after the other; only the first is contiguous
    bool is_contiguous = true;              // with pages[0] alone
    PhysAddr* slots = nullptr;              // the host's
    int32_t max = 0;
    uint32_t slots_at = kSlotsAt;  // from where the number of objects is
  };
  void Reset(const Memory& memory, CpuId owner, const SpinLock* lock);

  // REQUIRES: !empty, or room.
  PhysAddr Pop(Cpu& cpu);
  void Push(Cpu& cpu, PhysAddr object);
  // The newest `count`, which keep their order; the oldest `count`, behind which the others move
  // up.
  void TakeNewest(Cpu& cpu, absl::Span<PhysAddr> objects);
  void DropOldest(Cpu& cpu, int32_t count);
  void Append(Cpu& cpu, absl::Span<const PhysAddr> objects);
  // As Append, but for the touches of what will be popped first: `objects` in the order of popping.
  void AppendReversed(Cpu& cpu, absl::Span<const PhysAddr> objects);

  int32_t Count(Cpu& cpu) const {
    Touch(cpu, Access::kRead);
    return count_;
  }
  bool IsFull(Cpu& cpu) const { return Count(cpu) == max_; }
  bool IsEmpty(Cpu& cpu) const { return Count(cpu) == 0; }
  void SetTouched(Cpu& cpu, bool touched) {
    Touch(cpu, Access::kWrite);
    touched_ = touched;
  }
  // Plain values: the caller has touched the head already, or only asks.
  int32_t count() const { return count_; }
  int32_t max() const { return max_; }
  bool touched() const { return touched_; }
  absl::Span<const PhysAddr> objects() const {
    return {memory_.slots, static_cast<size_t>(count_)};
  }
  Place PlaceOf(uint32_t at) const;

 private:
  void Touch(Cpu& cpu, Access access) const { cpu.Touch(PlaceOf(0), access); }
  void TouchSlots(Cpu& cpu, int32_t first, int32_t count, Access access) const;
  void Check(Cpu& cpu) const;

  Memory memory_;
  CpuId owner_{-1};
  const SpinLock* lock_ = nullptr;
  int32_t count_ = 0;
  int32_t max_ = 0;
  bool touched_ = false;
  uint32_t page_offset_ = 0;
};

// A queue that several CPUs use.
struct LockedQueue {
  SpinLock lock;
  ObjectQueue q;
  std::vector<PhysAddr> slots;
};

// What CPUs that share a last-level cache share: one block, in which the alien queues lie in front
// of the shared one.
struct SharedQueues {
  PhysAddr block;
  uint64_t bytes = 0;  // of the block, as it was asked for
  NodeId node;
  bool has_aliens = false;
  LockedQueue shared;
  std::vector<LockedQueue> aliens;  // by slot - 1
};

// struct kmem_cache_cpu behind its counters: the CPU's node, its queue. All zero before its first
// use.
struct alignas(64) QueueCpu {
  bool placed = false;
  ObjectQueue q;
  PerCpu<NodeId> node;
  PerCpu<SharedQueues*> shared;
};

// One percpu area of a cache: resizing puts another in its place.
struct QueueCpus {
  QueueCpus(size_t cpu_count, int32_t queue_max)
      : max(queue_max), cpus(cpu_count), slots(cpu_count * static_cast<size_t>(queue_max)) {}
  PercpuArea area;
  const int32_t max;  // of each queue
  LazyArray<QueueCpu> cpus;
  LazyArray<PhysAddr> slots;
};

// What the queues have of a cache.
struct QueueCache : FrontCache {
  static constexpr uint64_t kFlagsAt = 8;
  static constexpr uint64_t kBatchAt = 32;
  static constexpr uint64_t kQueueAt = 32;  // V2, which has the batch behind it, in the same line

  bool low_memory = false;  // SLAB_LOWMEM (V4), or a DMA cache
  bool aliens = false;      // __ALIEN_CACHE
  int32_t queue = 0;        // as asked for
  Settled<int32_t> batch;
  int32_t alien_shift = 0;
  int32_t shared_queue_wanted = 0;  // shared_queue_sysfs
  int32_t shared_queue = 0;         // what the blocks have
  uint64_t last_expired_bytes = 0;
  std::unique_ptr<QueueCpus> cpus;
  std::vector<std::unique_ptr<SharedQueues>> shared;  // in order of first CPU
  std::vector<uint8_t> node_touched;                  // V4: of the nodes' lists
  uint64_t lost = 0;                                  // objects that a quirk has left with nobody

  void PlaceAt(PhysAddr cache) override {
    batch = Settled<int32_t>({cache + kBatchAt, Structure::kCacheDescriptor}, batch.Peek());
  }
};

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_SLUBQ_STRUCTURES_H_
