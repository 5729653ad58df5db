// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sim/pages/page_sets.h"

#include <algorithm>
#include <new>

#include "base/check.h"
#include "sim/core/hardware.h"

namespace slablab {
namespace {

// Below zone->lock: the zone's lock is taken with this one held.
constexpr int kPcpLockRank = 19;

// Where the fields lie in struct per_cpu_pages and struct per_cpu_zonestat (Linux 6.1,
// include/linux/mmzone.h), and the sizes of these and of struct vm_event_state, in bytes.
constexpr uint64_t kHeaderAt = 4;
constexpr uint64_t kListsAt = 24;
constexpr uint64_t kListHeadBytes = 16;
constexpr uint64_t kPageSetBytes = 256;
constexpr uint64_t kNumaEventsAt = 16;
constexpr uint64_t kZoneStatBytes = 64;
constexpr uint64_t kVmEventsBytes = 1024;

}  // namespace

PageSets::PageSets(Hardware& hardware, size_t zones)
    : zones_(zones),
      lock_class_(hardware.scheduler().AddLockClass("&pcp->lock", kPcpLockRank)),
      tuning_(zones),
      sets_(zones * static_cast<size_t>(hardware.config().possible_cpus)) {
  const MachineConfig& config = hardware.config();
  const uint64_t bytes = zones * (kPageSetBytes + kZoneStatBytes) + kVmEventsBytes;
  for (int cpu = 0; cpu < config.possible_cpus; ++cpu) {
    const NodeId node =
        cpu < config.cpu_count() ? config.cpus[static_cast<size_t>(cpu)].node : NodeId(0);
    areas_.push_back(hardware.boot_memory().Allocate(bytes, kLineSize, node));
    events_.push_back(
        {areas_.back() + zones * (kPageSetBytes + kZoneStatBytes), Structure::kPageAllocator});
  }
}

// setup_zone_pageset(), for one of them.
void PageSets::Begin(size_t zone, CpuId cpu) {
  const size_t index = IndexOf(zone, cpu);
  PageSet& set = *new (&sets_[index]) PageSet;
  in_use_.push_back(index);
  set.in_use = true;
  const PhysAddr area = areas_[cpu.index()];
  const Place pages{area + zone * kPageSetBytes, Structure::kPageAllocator};
  const Place stat{area + zones_ * kPageSetBytes + zone * kZoneStatBytes,
                   Structure::kPageAllocator};
  set.lock = SpinLock(lock_class_, {pages.address, Structure::kLock});
  set.header = PerCpu<PageSet::Header>(cpu, pages + kHeaderAt,
                                       {.high = tuning_[zone].high, .batch = tuning_[zone].batch});
  for (size_t list = 0; list < kPcpLists; ++list) {
    set.lists[list] = PerCpu<FrameList>(cpu, pages + kListsAt + list * kListHeadBytes);
  }
  set.free_diff = PerCpu<int32_t>(cpu, stat);
  set.numa_events = stat + kNumaEventsAt;
}

void PageSets::Tune(Cpu* cpu, size_t zone, const Tuning& tuning) {
  tuning_[zone] = tuning;
  for (const size_t index : in_use_) {
    if (index % zones_ != zone) continue;
    PageSet::Header header = sets_[index].header.Peek();
    header.high = tuning.high;
    header.batch = tuning.batch;
    sets_[index].header.Poke(header);
  }
  if (cpu == nullptr) return;
  for (const PhysAddr area : areas_) {
    const Place header{area + zone * kPageSetBytes + kHeaderAt, Structure::kPageAllocator};
    cpu->Touch(header, Access::kWrite);
  }
}

int64_t PageSets::CountFreePages(Cpu& cpu, const Zone& zone, int32_t pages) {
  PageSet& set = Of(zone.index(), cpu.id());
  const int32_t diff = cpu.Load(set.free_diff) + pages;
  const int32_t threshold = tuning_[zone.index()].stat_threshold;
  const bool fold = diff > threshold || diff < -threshold;
  cpu.Store(set.free_diff, fold ? 0 : diff);
  return fold ? diff : 0;
}

int64_t PageSets::TakeFreePages(Cpu& cpu, const Zone& zone, CpuId dead) {
  PageSet& set = Of(zone.index(), dead);
  const int32_t diff = cpu.Load(set.free_diff);
  if (diff != 0) cpu.Store(set.free_diff, 0);
  return diff;
}

Task<void> PageSets::Refill(Cpu& cpu, Zone& zone, PageSet& set, List list, AllocFlags flags) {
  const int32_t batch = cpu.Load(set.header).batch;
  const int32_t blocks = batch > 1 ? std::max(batch >> list.order, 2) : batch;
  PageFrames& frames = zone.frames();
  PerCpu<FrameList>& head = set.lists[PageSet::ListIndex(list.order, list.type)];
  int32_t pages = 0;
  const IrqFlags irqs = cpu.IrqSave();
  {
    const SpinGuard guard = co_await zone.lock().Acquire(cpu);
    for (int32_t i = 0; i < blocks; ++i) {
      const FrameIndex frame = zone.Rmqueue(cpu, list.order, list.type, flags);
      if (frame == kNoFrame) break;
      // check_pcp_refill() looks at every page.
      cpu.TouchRange(frames.page(frame), FramesOf(list.order) * kLineSize, Access::kRead);
      frames.AddLast(cpu, head, frame, list.order);
      frames.Mark(frame, list.order, PageFrames::Use::kListed, list.type);
      pages += static_cast<int32_t>(FramesOf(list.order));
    }
    const int64_t fold = CountFreePages(cpu, zone, -pages);
    if (fold != 0) co_await cpu.AddReturn(zone.free_pages(), fold);
  }
  co_await cpu.IrqRestore(irqs);
  PageSet::Header header = cpu.Load(set.header);
  header.count += pages;
  cpu.Store(set.header, header);
  ++zone.stats().pcp_refills;
  zone.stats().pcp_refilled_pages += static_cast<uint64_t>(pages);
}

Task<void> PageSets::Drain(Cpu& cpu, Zone& zone, PageSet& set, DrainAmount amount) {
  PageFrames& frames = zone.frames();
  PageSet::Header header = cpu.Load(set.header);
  int32_t left = std::min(header.count, amount.count);
  ++zone.stats().pcp_drains;
  const IrqFlags irqs = cpu.IrqSave();
  {
    const SpinGuard guard = co_await zone.lock().Acquire(cpu);
    int list = amount.first_list - 1;
    int first = 0;
    int last = kPcpLists - 1;
    while (left > 0) {
      if (++list > last) list = first;
      PerCpu<FrameList>& head = set.lists[static_cast<size_t>(list)];
      FrameIndex frame = cpu.Load(head).last;
      if (frame == kNoFrame) {
        // The lists at either end need not be looked at again.
        if (list == last) --last;
        if (list == first) ++first;
        CHECK_LE(first, last);
        continue;
      }
      const int order = PageSet::OrderOf(list);
      const auto pages = static_cast<int32_t>(FramesOf(order));
      while (left > 0 && frame != kNoFrame) {
        const MigrateType type = frames.block(frame, order).type;
        frames.Remove(cpu, head, frame, order);
        frames.Mark(frame, order, PageFrames::Use::kNone, type);
        left -= pages;
        header.count -= pages;
        cpu.Store(set.header, header);
        zone.stats().pcp_drained_pages += static_cast<uint64_t>(pages);
        const int64_t fold = CountFreePages(cpu, zone, pages);
        if (fold != 0) co_await cpu.AddReturn(zone.free_pages(), fold);
        zone.FreeOnePage(cpu, frame, order, type);
        frame = cpu.Load(head).last;
      }
    }
  }
  co_await cpu.IrqRestore(irqs);
}

Task<void> PageSets::DrainAll(Cpu& cpu, Zone& zone, CpuId owner) {
  PageSet& set = Of(zone.index(), owner);
  int32_t left = 0;
  do {
    // The kernel waits for this lock with interrupts on; here, a CPU waits only with them off.
    const IrqFlags irqs = cpu.IrqSave();
    {
      const SpinGuard guard = co_await set.lock.Acquire(cpu);
      const PageSet::Header header = cpu.Load(set.header);
      const DrainAmount amount{.count = std::min(header.count, header.batch << kBatchScaleMax)};
      left = header.count - amount.count;
      if (amount.count > 0) co_await Drain(cpu, zone, set, amount);
    }
    co_await cpu.IrqRestore(irqs);
  } while (left > 0);
}

uint64_t PageSets::PagesListed(size_t zone) const {
  uint64_t pages = 0;
  for (const size_t index : in_use_) {
    if (index % zones_ == zone) pages += static_cast<uint64_t>(sets_[index].header.Peek().count);
  }
  return pages;
}

int64_t PageSets::FreePagesUncounted(size_t zone) const {
  int64_t pages = 0;
  for (const size_t index : in_use_) {
    if (index % zones_ == zone) pages += sets_[index].free_diff.Peek();
  }
  return pages;
}

void PageSets::CheckInvariants(size_t zone, const PageFrames& frames) const {
  for (const size_t index : in_use_) {
    if (index % zones_ != zone) continue;
    const PageSet& set = sets_[index];
    int32_t pages = 0;
    for (int list = 0; list < kPcpLists; ++list) {
      const int order = PageSet::OrderOf(list);
      const FrameList& head = set.lists[static_cast<size_t>(list)].Peek();
      FrameIndex before = kNoFrame;
      for (FrameIndex at = head.first; at != kNoFrame;) {
        const PageFrames::Block& block = frames.block(at, order);
        CHECK(block.use == PageFrames::Use::kListed);
        CHECK_EQ(block.order, order);
        CHECK_EQ(block.prev, before);
        const MigrateType type =
            block.type == MigrateType::kHighAtomic ? MigrateType::kMovable : block.type;
        CHECK_EQ(PageSet::ListIndex(order, type), static_cast<size_t>(list));
        pages += static_cast<int32_t>(FramesOf(order));
        CHECK_LE(pages, set.header.Peek().count);
        before = at;
        at = block.next;
      }
      CHECK_EQ(head.last, before);
    }
    CHECK_EQ(pages, set.header.Peek().count);
  }
}

}  // namespace slablab
