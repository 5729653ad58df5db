// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_SIM_PAGES_ZONE_H_
#define SLABLAB_SIM_PAGES_ZONE_H_

#include <array>
#include <cstdint>
#include <vector>

#include "base/types.h"
#include "sim/core/cpu.h"
#include "sim/core/fields.h"
#include "sim/core/spinlock.h"
#include "sim/core/task.h"
#include "sim/machine/machine_config.h"
#include "sim/pages/page_frames.h"

namespace slablab {

class Hardware;

inline constexpr int kPageOrders = kMaxPageOrder + 1;

// How hard an allocation may try (Linux 6.1, mm/internal.h, ALLOC_*).
struct AllocFlags {
  enum class Mark : uint8_t { kMin, kLow, kHigh, kNone };
  Mark mark = Mark::kLow;
  bool non_block = false;    // ALLOC_NON_BLOCK: cannot wait
  bool min_reserve = false;  // ALLOC_MIN_RESERVE: __GFP_HIGH
  bool high_atomic = false;  // ALLOC_HIGHATOMIC: may use the pageblocks kept for such requests
  bool no_fragment = false;  // ALLOC_NOFRAGMENT: takes whole pageblocks of another type or nothing

  bool reserves() const { return non_block || min_reserve || high_atomic; }
};

// Since boot; blocks, not pages, where a figure is by order.
struct ZoneStats {
  std::array<uint64_t, kPageOrders> allocated{};
  std::array<uint64_t, kPageOrders> freed{};
  uint64_t splits = 0;
  uint64_t merges = 0;
  uint64_t pcp_hits = 0;     // allocations a per-CPU list served without the zone's lock
  uint64_t pcp_refills = 0;  // rmqueue_bulk
  uint64_t pcp_refilled_pages = 0;
  uint64_t pcp_drains = 0;  // free_pcppages_bulk
  uint64_t pcp_drained_pages = 0;
  uint64_t pcp_busy = 0;        // found the per-CPU lists locked, and went without them
  uint64_t for_other_zone = 0;  // served here; preferred another zone of this node
  uint64_t for_other_node = 0;  // served here; preferred another node
  uint64_t type_fallbacks = 0;  // blocks taken from another migrate type's lists
};

// One zone of one node: the buddy system proper, as Linux 6.1's mm/page_alloc.c has it. What is
// free is in blocks of 2^order pages, aligned to their size, on one list per order and migrate
// type; all of it is guarded by the zone's lock. Plain functions below are called with it held, and
// it is checked that it is.
//
// Invariants (CheckInvariants):
// 1. Every managed frame is in exactly one block: free, on a per-CPU list, or allocated.
// 2. No two buddies are both free at one order (unless a high-atomic pageblock keeps them apart).
// 3. Each list holds the blocks that say so, and the counts are the lists' lengths.
// 4. Free pages as counted, with what CPUs have not yet added, are those on the free lists.
//
// Boot: the kernel frees the memory it has not taken for itself in ascending order, in the largest
// aligned blocks, each to the tail of its list (free_low_memory_core_early, __free_pages_core), and
// every pageblock begins as movable. So a zone's lowest block is the first to be taken.
//
// Not modelled: CMA and isolated pageblocks; the watermark boost, because kswapd, which undoes it,
// is not there; the time before the per-CPU lists exist.
class Zone {
 public:
  struct Options {
    size_t index = 0;  // among all zones
    NodeId node;
    ZoneSpan span;
    LockClass* lock_class = nullptr;
  };
  Zone(Hardware& hardware, const Options& options);
  Zone(const Zone&) = delete;

  // --- What it is. ---
  size_t index() const { return index_; }
  NodeId node() const { return node_; }
  ZoneKind kind() const { return span_.kind; }
  const ZoneSpan& span() const { return span_; }
  uint64_t managed() const { return managed_; }
  bool Contains(uint64_t frame) const {
    return frame >= span_.first_frame && frame - span_.first_frame < span_.frames;
  }
  FrameIndex IndexOf(PhysAddr address) const {
    return static_cast<FrameIndex>(address.frame() - base_frame_);
  }
  PhysAddr AddressOf(FrameIndex frame) const { return PhysAddr::OfFrame(base_frame_ + frame); }
  PageFrames& frames() { return frames_; }
  const PageFrames& frames() const { return frames_; }
  SpinLock& lock() { return lock_; }
  ZoneStats& stats() { return stats_; }
  const ZoneStats& stats() const { return stats_; }

  // --- Watermarks. ---
  struct Watermarks {
    int64_t min = 0;
    int64_t low = 0;
    int64_t high = 0;
    friend bool operator==(const Watermarks&, const Watermarks&) = default;
  };
  const Watermarks& watermarks() const { return watermarks_.Peek(); }
  void set_watermarks(const Watermarks& watermarks) { watermarks_.Poke(watermarks); }
  // Pages kept from requests that could have been served by `preferred`, a higher zone.
  int64_t lowmem_reserve(ZoneKind preferred) const {
    return lowmem_reserve_[static_cast<size_t>(preferred)].Peek();
  }
  void set_lowmem_reserve(ZoneKind preferred, int64_t pages) {
    lowmem_reserve_[static_cast<size_t>(preferred)].Poke(pages);
  }
  // NR_FREE_PAGES, as far as CPUs have added up what they did (mm/vmstat.c).
  Racy<int64_t>& free_pages() { return free_pages_; }
  const Racy<int64_t>& free_pages() const { return free_pages_; }
  // zone_watermark_fast(). `free_pages` has just been loaded; the lists are looked at without the
  // lock.
  struct Request {
    int order = 0;
    ZoneKind highest = ZoneKind::kNormal;  // of the zones it may use
    AllocFlags flags;
  };
  bool WatermarkOk(Cpu& cpu, const Request& request, int64_t free_pages);

  // --- With the lock held. ---
  // __free_one_page(). `type` is the list's.
  void FreeOnePage(Cpu& cpu, FrameIndex frame, int order, MigrateType type);
  // __rmqueue(): a block, or kNoFrame. It is marked kNone.
  FrameIndex Rmqueue(Cpu& cpu, int order, MigrateType type, AllocFlags flags);
  // __rmqueue_smallest().
  FrameIndex RmqueueSmallest(Cpu& cpu, int order, MigrateType type);
  // reserve_highatomic_pageblock(), the part under the lock.
  void ReserveHighAtomic(Cpu& cpu, FrameIndex frame);

  // get_pfnblock_migratetype(); without the lock.
  MigrateType PageblockType(Cpu& cpu, FrameIndex frame);
  int64_t high_atomic_reserved() const { return high_atomic_reserved_.Peek(); }
  bool MayReserveHighAtomic() const;

  // --- For reports and tests. ---
  uint64_t FreeBlocks(int order) const { return areas_[static_cast<size_t>(order)].count.Peek(); }
  MigrateType pageblock_type(FrameIndex frame) const {
    return pageblocks_[frame >> kPageblockOrder];
  }
  // Whether nobody has the frame: it is on a free list or on a per-CPU one. What is not managed is
  // somebody's.
  bool IsFree(FrameIndex frame) const;
  // Pages on free lists, exactly.
  uint64_t ListedFreePages() const;
  // Aborts unless invariants 1 to 3 hold. Answers the pages of blocks in each use.
  struct Census {
    uint64_t free = 0;
    uint64_t listed = 0;
    uint64_t allocated = 0;
  };
  Census CheckInvariants() const;

 private:
  struct FreeArea {
    std::array<Guarded<FrameList>, kMigrateTypes> lists;
    Guarded<uint64_t> count;
  };
  FreeArea& area(int order) { return areas_[static_cast<size_t>(order)]; }
  Guarded<FrameList>& list(int order, MigrateType type) {
    return area(order).lists[static_cast<size_t>(type)];
  }
  bool InSpan(FrameIndex frame) const { return frame >= first_ && frame < end_; }
  void FreeAtBoot(FrameIndex begin, FrameIndex end);
  void AddFree(Cpu& cpu, FrameIndex frame, int order, MigrateType type, bool to_tail);
  void RemoveFree(Cpu& cpu, FrameIndex frame, int order);
  void MoveFree(Cpu& cpu, FrameIndex frame, int order, MigrateType type);
  bool IsFreeBuddy(Cpu& cpu, FrameIndex frame, int order);
  bool MergeLikely(Cpu& cpu, FrameIndex frame, FrameIndex buddy, int order);
  void Expand(Cpu& cpu, FrameIndex frame, int low, int high, MigrateType type);
  bool RmqueueFallback(Cpu& cpu, int order, MigrateType start, AllocFlags flags);
  // find_suitable_fallback() for any block, stealable or not; false if the order has none.
  bool FindFallback(Cpu& cpu, int order, MigrateType start, MigrateType* found);
  void StealFallback(Cpu& cpu, FrameIndex frame, int order, MigrateType start, bool whole_block);
  struct Moved {
    FrameIndex free = 0;
    FrameIndex movable = 0;  // allocated as such
  };
  Moved MovePageblock(Cpu& cpu, FrameIndex frame, MigrateType type);
  void SetPageblockType(Cpu& cpu, FrameIndex frame, MigrateType type);
  Place PageblockPlace(FrameIndex frame) const;
  void CheckLists() const;

  const size_t index_;
  const NodeId node_;
  const ZoneSpan span_;
  const uint64_t base_frame_;  // what FrameIndex 0 is
  const FrameIndex first_;     // the span, as indices
  const FrameIndex end_;
  FrameIndex managed_begin_;
  FrameIndex managed_end_;
  uint64_t managed_ = 0;
  PageFrames frames_;
  std::vector<MigrateType> pageblocks_;
  PhysAddr pageblock_bits_;

  SpinLock lock_;
  Settled<Watermarks> watermarks_;
  Guarded<int64_t> high_atomic_reserved_;
  std::array<Settled<int64_t>, kZoneKinds> lowmem_reserve_;
  std::array<FreeArea, kPageOrders> areas_;
  Racy<int64_t> free_pages_;
  ZoneStats stats_;
};

}  // namespace slablab

#endif  // SLABLAB_SIM_PAGES_ZONE_H_
