// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sim/pages/zone.h"

#include <algorithm>

#include "base/check.h"
#include "sim/core/hardware.h"

namespace slablab {
namespace {

// Where the fields lie in struct zone (Linux 6.1 x86-64 with NUMA, CMA, memory isolation and
// compaction, include/linux/mmzone.h).
constexpr uint64_t kWatermarksAt = 0;
constexpr uint64_t kHighAtomicAt = 40;
constexpr uint64_t kLowmemReserveAt = 48;
constexpr uint64_t kFreeAreasAt = 256;
constexpr uint64_t kFreeAreaBytes = 104;  // six lists and a count
constexpr uint64_t kFreeAreaCountAt = 96;
constexpr uint64_t kListHeadBytes = 16;
constexpr uint64_t kLockAt = 1408;
constexpr uint64_t kVmStatAt = 1536;
constexpr uint64_t kZoneBytes = 1728;

// The first MiB is the firmware's: never free (arch/x86/kernel/setup.c, setup_arch).
constexpr uint64_t kFirmwareFrames = (uint64_t{1} << 20) / kPageSize;

// Four bits a pageblock (include/linux/pageblock-flags.h).
constexpr uint64_t kPageblocksPerByte = 2;

constexpr uint64_t kLargestFrames = uint64_t{1} << kMaxPageOrder;

// The other types to take from, best first (mm/page_alloc.c, fallbacks).
constexpr std::array<std::array<MigrateType, 2>, kPcpMigrateTypes> kFallbacks = {{
    {MigrateType::kReclaimable, MigrateType::kMovable},
    {MigrateType::kReclaimable, MigrateType::kUnmovable},
    {MigrateType::kUnmovable, MigrateType::kMovable},
}};

// can_steal_fallback().
bool MayTakePageblock(int order, MigrateType start) {
  return order >= kPageblockOrder / 2 || start == MigrateType::kReclaimable ||
         start == MigrateType::kUnmovable;
}

FrameIndex PageblockStart(FrameIndex frame) { return frame & ~(kPageblockFrames - 1); }

uint64_t IndexValues(uint64_t base, const ZoneSpan& span) {
  const uint64_t frames = span.first_frame + span.frames - base;
  return (frames + kLargestFrames - 1) / kLargestFrames * kLargestFrames;
}

}  // namespace

Zone::Zone(Hardware& hardware, const Options& options)
    : index_(options.index),
      node_(options.node),
      span_(options.span),
      base_frame_(span_.first_frame & ~(kLargestFrames - 1)),
      first_(static_cast<FrameIndex>(span_.first_frame - base_frame_)),
      end_(static_cast<FrameIndex>(first_ + span_.frames)),
      managed_begin_(first_),
      managed_end_(static_cast<FrameIndex>(end_ - span_.reserved_frames)),
      frames_(static_cast<FrameIndex>(IndexValues(base_frame_, span_)),
              hardware.PageStruct(span_.first_frame).value() - uint64_t{first_} * kLineSize),
      pageblocks_((frames_.size() >> kPageblockOrder), MigrateType::kMovable) {
  CHECK_LT(span_.frames, uint64_t{kNoFrame} - 2 * kLargestFrames);
  if (span_.first_frame == 0) {
    managed_begin_ = std::min(static_cast<FrameIndex>(kFirmwareFrames), managed_end_);
  }
  managed_ = managed_end_ - managed_begin_;

  BootMemory& boot = hardware.boot_memory();
  const Place zone{boot.Allocate(kZoneBytes, kLineSize, node_), Structure::kPageAllocator};
  pageblock_bits_ = boot.Allocate(pageblocks_.size() / kPageblocksPerByte + 1, kLineSize, node_);
  lock_ = SpinLock(options.lock_class, {(zone + kLockAt).address, Structure::kLock});
  watermarks_ = Settled<Watermarks>(zone + kWatermarksAt);
  high_atomic_reserved_ = Guarded<int64_t>(&lock_, zone + kHighAtomicAt);
  for (size_t kind = 0; kind < kZoneKinds; ++kind) {
    lowmem_reserve_[kind] = Settled<int64_t>(zone + kLowmemReserveAt + kind * sizeof(int64_t));
  }
  for (size_t order = 0; order < kPageOrders; ++order) {
    const Place area = zone + kFreeAreasAt + order * kFreeAreaBytes;
    for (size_t type = 0; type < kMigrateTypes; ++type) {
      areas_[order].lists[type] = Guarded<FrameList>(&lock_, area + type * kListHeadBytes);
    }
    areas_[order].count = Guarded<uint64_t>(&lock_, area + kFreeAreaCountAt);
  }
  free_pages_ = Racy<int64_t>(zone + kVmStatAt, static_cast<int64_t>(managed_));
  FreeAtBoot(managed_begin_, managed_end_);
}

void Zone::FreeAtBoot(FrameIndex begin, FrameIndex end) {
  while (begin < end) {
    int order = kMaxPageOrder;
    while (begin % FramesOf(order) != 0 || end - begin < FramesOf(order)) --order;
    frames_.Mark(begin, order, PageFrames::Use::kFree, MigrateType::kMovable);
    Guarded<FrameList>& head = list(order, MigrateType::kMovable);
    FrameList blocks = head.Peek();
    frames_.LinkLast(blocks, begin, order);
    head.Poke(blocks);
    area(order).count.Poke(area(order).count.Peek() + 1);
    begin += FramesOf(order);
  }
}

// --- Free lists. ---

// add_to_free_list() or add_to_free_list_tail(), and set_buddy_order().
void Zone::AddFree(Cpu& cpu, FrameIndex frame, int order, MigrateType type, bool to_tail) {
  if (to_tail) {
    frames_.AddLast(cpu, list(order, type), frame, order);
  } else {
    frames_.AddFirst(cpu, list(order, type), frame, order);
  }
  frames_.Mark(frame, order, PageFrames::Use::kFree, type);
  Guarded<uint64_t>& count = area(order).count;
  cpu.Store(count, cpu.Load(count) + 1);
}

// del_page_from_free_list().
void Zone::RemoveFree(Cpu& cpu, FrameIndex frame, int order) {
  const PageFrames::Block& block = frames_.block(frame, order);
  CHECK(block.use == PageFrames::Use::kFree);
  const MigrateType type = block.type;
  frames_.Remove(cpu, list(order, type), frame, order);
  frames_.Mark(frame, order, PageFrames::Use::kNone, type);
  Guarded<uint64_t>& count = area(order).count;
  cpu.Store(count, cpu.Load(count) - 1);
}

// move_to_free_list().
void Zone::MoveFree(Cpu& cpu, FrameIndex frame, int order, MigrateType type) {
  frames_.Remove(cpu, list(order, frames_.block(frame, order).type), frame, order);
  frames_.AddLast(cpu, list(order, type), frame, order);
  frames_.Mark(frame, order, PageFrames::Use::kFree, type);
}

// --- Freeing. ---

// page_is_buddy(). A buddy beyond the zone's edge is another zone's; the kernel finds that out from
// its struct page, but a zone's edges are seldom so unaligned that it comes to that.
bool Zone::IsFreeBuddy(Cpu& cpu, FrameIndex frame, int order) {
  if (!InSpan(frame)) return false;
  cpu.Touch(frames_.page(frame), Access::kRead);
  const PageFrames::Block& block = frames_.block(frame, order);
  return block.use == PageFrames::Use::kFree && block.order == order;
}

// buddy_merge_likely(): whether the block of the next order would have a free buddy. Then this one
// goes to the list's tail, where it is taken last and may yet be merged.
bool Zone::MergeLikely(Cpu& cpu, FrameIndex frame, FrameIndex buddy, int order) {
  if (order >= kMaxPageOrder - 1) return false;
  return IsFreeBuddy(cpu, (frame & buddy) ^ FramesOf(order + 1), order + 1);
}

void Zone::FreeOnePage(Cpu& cpu, FrameIndex frame, int order, MigrateType type) {
  CHECK(frame >= managed_begin_ && frame + FramesOf(order) <= managed_end_);
  FrameIndex buddy = frame;
  while (order < kMaxPageOrder) {
    buddy = frame ^ FramesOf(order);
    if (!IsFreeBuddy(cpu, buddy, order)) break;
    if (order >= kPageblockOrder) {
      const MigrateType other = PageblockType(cpu, buddy);
      const bool kept = type == MigrateType::kHighAtomic || other == MigrateType::kHighAtomic;
      if (type != other && kept) break;
    }
    RemoveFree(cpu, buddy, order);
    frame &= buddy;
    ++order;
    ++stats_.merges;
  }
  AddFree(cpu, frame, order, type, MergeLikely(cpu, frame, buddy, order));
}

// --- Allocating. ---

// expand(): gives the upper halves of a block back until `low` is reached.
void Zone::Expand(Cpu& cpu, FrameIndex frame, int low, int high, MigrateType type) {
  while (high > low) {
    --high;
    AddFree(cpu, frame + FramesOf(high), high, type, /*to_tail=*/false);
    ++stats_.splits;
  }
}

FrameIndex Zone::RmqueueSmallest(Cpu& cpu, int order, MigrateType type) {
  for (int current = order; current <= kMaxPageOrder; ++current) {
    const FrameIndex frame = cpu.Load(list(current, type)).first;
    if (frame == kNoFrame) continue;
    RemoveFree(cpu, frame, current);
    Expand(cpu, frame, order, current, type);
    return frame;
  }
  return kNoFrame;
}

FrameIndex Zone::Rmqueue(Cpu& cpu, int order, MigrateType type, AllocFlags flags) {
  for (;;) {
    const FrameIndex frame = RmqueueSmallest(cpu, order, type);
    if (frame != kNoFrame) return frame;
    if (!RmqueueFallback(cpu, order, type, flags)) return kNoFrame;
  }
}

bool Zone::FindFallback(Cpu& cpu, int order, MigrateType start, MigrateType* found) {
  if (cpu.Load(area(order).count) == 0) return false;
  for (const MigrateType type : kFallbacks[static_cast<size_t>(start)]) {
    if (cpu.Load(list(order, type)).empty()) continue;
    *found = type;
    return true;
  }
  return false;
}

// __rmqueue_fallback(): brings a block of another type over to the lists of `start`. The largest
// there is, to spoil as few pageblocks as possible; but a movable request that cannot take the
// whole pageblock takes the smallest that will do.
bool Zone::RmqueueFallback(Cpu& cpu, int order, MigrateType start, AllocFlags flags) {
  const int least = flags.no_fragment ? std::max(order, kPageblockOrder) : order;
  MigrateType from = start;
  int current = kMaxPageOrder;
  while (current >= least && !FindFallback(cpu, current, start, &from)) --current;
  if (current < least) return false;
  bool whole_block = MayTakePageblock(current, start);
  if (!whole_block && current > order) {
    for (current = order; !FindFallback(cpu, current, start, &from);) ++current;
    whole_block = MayTakePageblock(current, start);
  }
  const FrameIndex frame = cpu.Load(list(current, from)).first;
  StealFallback(cpu, frame, current, start, whole_block);
  ++stats_.type_fallbacks;
  return true;
}

// steal_suitable_fallback().
void Zone::StealFallback(Cpu& cpu, FrameIndex frame, int order, MigrateType start,
                         bool whole_block) {
  const MigrateType before = PageblockType(cpu, frame);
  if (before != MigrateType::kHighAtomic && order >= kPageblockOrder) {
    for (FrameIndex at = frame; at < frame + FramesOf(order); at += kPageblockFrames) {
      SetPageblockType(cpu, at, start);
    }
  } else if (before != MigrateType::kHighAtomic && whole_block) {
    const Moved moved = MovePageblock(cpu, frame, start);
    FrameIndex alike = 0;  // pages in use that suit the new type
    if (start == MigrateType::kMovable) {
      alike = moved.movable;
    } else if (before == MigrateType::kMovable) {
      alike = kPageblockFrames - (moved.free + moved.movable);
    }
    if (moved.free > 0) {
      if (moved.free + alike >= kPageblockFrames / 2) SetPageblockType(cpu, frame, start);
      return;
    }
  }
  MoveFree(cpu, frame, order, start);
}

// move_freepages_block(): puts every free block of the pageblock that holds `frame` on the lists of
// `type`. A pageblock that goes beyond the zone's end is not moved.
Zone::Moved Zone::MovePageblock(Cpu& cpu, FrameIndex frame, MigrateType type) {
  FrameIndex at = PageblockStart(frame);
  const FrameIndex end = at + kPageblockFrames;
  Moved moved;
  if (end > end_) return moved;
  if (at < first_) at = frame;
  while (at < end) {
    cpu.Touch(frames_.page(at), Access::kRead);
    const PageFrames::Block* const block = frames_.BlockAt(at);
    if (block == nullptr) {
      ++at;
      continue;
    }
    const FrameIndex frames = std::min(FramesOf(block->order), end - at);
    if (block->use == PageFrames::Use::kFree) {
      MoveFree(cpu, at, block->order, type);
      moved.free += frames;
    } else {
      // The kernel goes on page by page here.
      if (frames > 1) cpu.TouchRange(frames_.page(at + 1), (frames - 1) * kLineSize, Access::kRead);
      const bool movable =
          block->use == PageFrames::Use::kAllocated && block->type == MigrateType::kMovable;
      if (movable) moved.movable += frames;
    }
    at += frames;
  }
  return moved;
}

// --- Pageblocks. ---

Place Zone::PageblockPlace(FrameIndex frame) const {
  return {pageblock_bits_ + (frame >> kPageblockOrder) / kPageblocksPerByte,
          Structure::kPageAllocator};
}

MigrateType Zone::PageblockType(Cpu& cpu, FrameIndex frame) {
  cpu.Touch(PageblockPlace(frame), Access::kRead);
  return pageblock_type(frame);
}

void Zone::SetPageblockType(Cpu& cpu, FrameIndex frame, MigrateType type) {
  cpu.Touch(PageblockPlace(frame), Access::kWrite);
  pageblocks_[frame >> kPageblockOrder] = type;
}

// At most one pageblock, or about 1 % of the zone.
bool Zone::MayReserveHighAtomic() const {
  return high_atomic_reserved_.Peek() < static_cast<int64_t>(managed_ / 100 + kPageblockFrames);
}

void Zone::ReserveHighAtomic(Cpu& cpu, FrameIndex frame) {
  const int64_t reserved = cpu.Load(high_atomic_reserved_);
  if (!MayReserveHighAtomic()) return;
  if (PageblockType(cpu, frame) == MigrateType::kHighAtomic) return;
  cpu.Store(high_atomic_reserved_, reserved + kPageblockFrames);
  SetPageblockType(cpu, frame, MigrateType::kHighAtomic);
  MovePageblock(cpu, frame, MigrateType::kHighAtomic);
}

// --- Watermarks. ---

// What zone_watermark_fast() and __zone_watermark_ok() look at beyond the count of free pages is
// read without the lock; it may be as old as the last sync point, and that does no harm.
bool Zone::WatermarkOk(Cpu& cpu, const Request& request, int64_t free_pages) {
  const AllocFlags flags = request.flags;
  const Watermarks marks = cpu.Load(watermarks_);
  int64_t mark = 0;
  switch (flags.mark) {
    case AllocFlags::Mark::kMin:
      mark = marks.min;
      break;
    case AllocFlags::Mark::kLow:
      mark = marks.low;
      break;
    case AllocFlags::Mark::kHigh:
      mark = marks.high;
      break;
    case AllocFlags::Mark::kNone:
      return true;
  }
  const int64_t reserve = cpu.Load(lowmem_reserve_[static_cast<size_t>(request.highest)]);
  int64_t usable = free_pages;
  if (!flags.reserves()) {
    cpu.Touch(high_atomic_reserved_.place(), Access::kRead);
    usable -= high_atomic_reserved_.Peek();
  }
  if (request.order == 0 && usable > mark + reserve) return true;

  usable -= FramesOf(request.order) - 1;
  if (flags.min_reserve) {
    mark -= mark / 2;
    if (flags.non_block) mark -= mark / 4;
  }
  if (usable <= mark + reserve) return false;
  if (request.order == 0) return true;
  for (int order = request.order; order <= kMaxPageOrder; ++order) {
    FreeArea& blocks = area(order);
    cpu.Touch(blocks.count.place(), Access::kRead);
    if (blocks.count.Peek() == 0) continue;
    const int types = flags.high_atomic ? kMigrateTypes : kPcpMigrateTypes;
    for (size_t type = 0; type < static_cast<size_t>(types); ++type) {
      cpu.Touch(blocks.lists[type].place(), Access::kRead);
      if (!blocks.lists[type].Peek().empty()) return true;
    }
  }
  return false;
}

// --- For reports and tests. ---

uint64_t Zone::ListedFreePages() const {
  uint64_t pages = 0;
  for (int order = 0; order <= kMaxPageOrder; ++order) pages += FreeBlocks(order) << order;
  return pages;
}

void Zone::CheckLists() const {
  for (int order = 0; order <= kMaxPageOrder; ++order) {
    const FreeArea& blocks = areas_[static_cast<size_t>(order)];
    uint64_t listed = 0;
    for (size_t type = 0; type < kMigrateTypes; ++type) {
      const FrameList& list = blocks.lists[type].Peek();
      FrameIndex before = kNoFrame;
      for (FrameIndex at = list.first; at != kNoFrame;) {
        const PageFrames::Block& block = frames_.block(at, order);
        CHECK(block.use == PageFrames::Use::kFree);
        CHECK_EQ(block.order, order);
        CHECK_EQ(static_cast<size_t>(block.type), type);
        CHECK_EQ(block.prev, before);
        CHECK_LE(++listed, blocks.count.Peek());
        before = at;
        at = block.next;
      }
      CHECK_EQ(list.last, before);
    }
    CHECK_EQ(listed, blocks.count.Peek());
  }
}

bool Zone::IsFree(FrameIndex frame) const {
  if (frame < managed_begin_ || frame >= managed_end_) return false;
  for (int order = 0; order <= kMaxPageOrder; ++order) {
    const FrameIndex first = frame & ~(FramesOf(order) - 1);
    const PageFrames::Block* const block = frames_.BlockAt(first);
    if (block == nullptr || frame - first >= FramesOf(block->order)) continue;
    return block->use != PageFrames::Use::kAllocated;
  }
  return false;
}

Zone::Census Zone::CheckInvariants() const {
  CheckLists();
  Census census;
  for (FrameIndex at = managed_begin_; at < managed_end_;) {
    const PageFrames::Block* const block = frames_.BlockAt(at);
    CHECK(block != nullptr);
    const int order = block->order;
    CHECK_EQ(at % FramesOf(order), 0u);
    switch (block->use) {
      case PageFrames::Use::kFree: {
        census.free += FramesOf(order);
        if (order == kMaxPageOrder) break;
        const FrameIndex buddy = at ^ FramesOf(order);
        const PageFrames::Block& other = frames_.block(buddy, order);
        if (other.use != PageFrames::Use::kFree || other.order != order) break;
        CHECK_GE(order, kPageblockOrder);
        CHECK_NE(pageblock_type(at), pageblock_type(buddy));
        break;
      }
      case PageFrames::Use::kListed:
        census.listed += FramesOf(order);
        break;
      case PageFrames::Use::kAllocated:
        census.allocated += FramesOf(order);
        break;
      case PageFrames::Use::kNone:
        CHECK(false);
    }
    at += FramesOf(order);
    CHECK_LE(at, managed_end_);
  }
  CHECK_EQ(census.free, ListedFreePages());
  CHECK_EQ(census.free + census.listed + census.allocated, managed_);
  return census;
}

}  // namespace slablab
