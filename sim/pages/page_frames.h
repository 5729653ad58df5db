// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_SIM_PAGES_PAGE_FRAMES_H_
#define SLABLAB_SIM_PAGES_PAGE_FRAMES_H_

#include <cstdint>

#include "base/check.h"
#include "base/types.h"
#include "sim/cache/lazy_array.h"
#include "sim/core/cpu.h"
#include "sim/core/fields.h"
#include "sim/pages/page_allocator.h"

namespace slablab {

// A page frame within its zone: counted from the zone's first frame rounded down to a block of the
// greatest order, so that alignment and buddies can be worked out on it.
using FrameIndex = uint32_t;
inline constexpr FrameIndex kNoFrame = ~FrameIndex{0};

// What the pages of a pageblock, or of a list, are used for (Linux 6.1, include/linux/mmzone.h,
// enum migratetype; CMA and isolation are not modelled). The first three have per-CPU lists.
enum class MigrateType : uint8_t { kUnmovable, kMovable, kReclaimable, kHighAtomic };
inline constexpr int kMigrateTypes = 4;
inline constexpr int kPcpMigrateTypes = 3;

// The granule of migrate types: x86-64's huge page of 2 MiB.
inline constexpr int kPageblockOrder = 9;
inline constexpr FrameIndex kPageblockFrames = FrameIndex{1} << kPageblockOrder;

constexpr FrameIndex FramesOf(int order) { return FrameIndex{1} << order; }

// The head of a doubly linked list of blocks of one order.
struct FrameList {
  FrameIndex first = kNoFrame;
  FrameIndex last = kNoFrame;
  bool empty() const { return first == kNoFrame; }
};

// What the page allocator knows of each frame of one zone, and the lists threaded through it. The
// simulated counterpart is the zone's part of the array of struct page, one line a frame, and it is
// touched where list_add() and list_del() touch it.
//
// Blocks of the greatest order keep their record apart, in a small dense array: at boot all of a
// large machine's memory is in such blocks, and the host's memory for the others stays untouched.
class PageFrames {
 public:
  enum class Use : uint8_t {
    kNone,       // not the first frame of a block
    kFree,       // on a free list of its order
    kListed,     // on a per-CPU list
    kAllocated,  // handed out
  };
  struct Block {
    FrameIndex next;
    FrameIndex prev;
    Use use;
    uint8_t order;
    // Free: whose list it is on. On a per-CPU list: whose list it goes back to. Allocated: what it
    // was allocated as.
    MigrateType type;
  };

  // `frames` index values exist; that of index i has its struct page at `page_structs` + 64 i. The
  // first may lie before the zone and must not be touched.
  PageFrames(FrameIndex frames, uint64_t page_structs)
      : page_structs_(page_structs),
        blocks_(frames, LazyUse::kSparse),
        largest_((frames >> kMaxPageOrder) + 1) {}

  FrameIndex size() const { return static_cast<FrameIndex>(blocks_.size()); }
  Block& block(FrameIndex frame, int order) {
    return order == kMaxPageOrder ? largest_[frame >> kMaxPageOrder] : blocks_[frame];
  }
  const Block& block(FrameIndex frame, int order) const {
    return order == kMaxPageOrder ? largest_[frame >> kMaxPageOrder] : blocks_[frame];
  }
  // The block that begins at `frame`, or null.
  const Block* BlockAt(FrameIndex frame) const {
    if (frame % FramesOf(kMaxPageOrder) == 0) {
      const Block& largest = largest_[frame >> kMaxPageOrder];
      if (largest.use != Use::kNone) return &largest;
    }
    return blocks_[frame].use != Use::kNone ? &blocks_[frame] : nullptr;
  }
  Place page(FrameIndex frame) const {
    return {PhysAddr(page_structs_ + uint64_t{frame} * kLineSize), Structure::kSlabMetadata};
  }

  // list_add() and list_add_tail(). `Head` is a PerCpu or Guarded FrameList.
  template <typename Head>
  void AddFirst(Cpu& cpu, Head& head, FrameIndex frame, int order) {
    FrameList list = cpu.Load(head);
    Block& added = block(frame, order);
    added.next = list.first;
    added.prev = kNoFrame;
    if (list.empty()) {
      list.last = frame;
    } else {
      block(list.first, order).prev = frame;
      cpu.Touch(page(list.first), Access::kWrite);
    }
    list.first = frame;
    cpu.Touch(page(frame), Access::kWrite);
    cpu.Store(head, list);
  }
  template <typename Head>
  void AddLast(Cpu& cpu, Head& head, FrameIndex frame, int order) {
    FrameList list = cpu.Load(head);
    LinkLast(list, frame, order);
    const FrameIndex before = block(frame, order).prev;
    if (before != kNoFrame) cpu.Touch(page(before), Access::kWrite);
    cpu.Touch(page(frame), Access::kWrite);
    cpu.Store(head, list);
  }
  // list_del().
  template <typename Head>
  void Remove(Cpu& cpu, Head& head, FrameIndex frame, int order) {
    cpu.Touch(page(frame), Access::kRead);
    const Block removed = block(frame, order);
    if (removed.next != kNoFrame) {
      block(removed.next, order).prev = removed.prev;
      cpu.Touch(page(removed.next), Access::kWrite);
    }
    if (removed.prev != kNoFrame) {
      block(removed.prev, order).next = removed.next;
      cpu.Touch(page(removed.prev), Access::kWrite);
    }
    if (removed.next == kNoFrame || removed.prev == kNoFrame) {
      FrameList list = head.Peek();  // list_del() only writes to it.
      if (removed.prev == kNoFrame) list.first = removed.next;
      if (removed.next == kNoFrame) list.last = removed.prev;
      cpu.Store(head, list);
    }
    cpu.Touch(page(frame), Access::kWrite);
  }
  // As AddLast, without a machine that runs: for boot.
  void LinkLast(FrameList& list, FrameIndex frame, int order) {
    Block& added = block(frame, order);
    added.next = kNoFrame;
    added.prev = list.last;
    if (list.empty()) {
      list.first = frame;
    } else {
      block(list.last, order).next = frame;
    }
    list.last = frame;
  }
  void Mark(FrameIndex frame, int order, Use use, MigrateType type) {
    Block& marked = block(frame, order);
    marked.use = use;
    marked.order = static_cast<uint8_t>(order);
    marked.type = type;
  }

 private:
  uint64_t page_structs_;
  LazyArray<Block> blocks_;
  LazyArray<Block> largest_;
};

}  // namespace slablab

#endif  // SLABLAB_SIM_PAGES_PAGE_FRAMES_H_
