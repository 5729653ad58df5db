// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sim/pages/buddy_allocator.h"

#include <algorithm>
#include <bit>

#include "base/check.h"
#include "sim/core/hardware.h"

namespace slablab {
namespace {

// Innermost of all locks but the page sets' own.
constexpr int kZoneLockRank = 20;
// Of FlagsOf(): the last for most requests; then comes reclaim.
constexpr int kSlowAttempt = 2;

// struct zoneref (include/linux/mmzone.h).
constexpr uint64_t kZonerefBytes = 16;
// sysctl_lowmem_reserve_ratio of DMA and DMA32.
constexpr uint64_t kLowmemReserveRatio = 256;
// sysctl watermark_scale_factor, in parts of 10,000.
constexpr uint64_t kWatermarkScaleFactor = 10;
constexpr int32_t kStatThresholdMax = 125;

size_t CountZones(const MachineConfig& config) {
  size_t zones = 0;
  for (const NodeMemory& memory : config.memory) zones += memory.zones.size();
  return zones;
}

uint64_t SquareRoot(uint64_t square) {
  uint64_t root = 0;
  for (uint64_t bit = uint64_t{1} << 31; bit != 0; bit >>= 1) {
    if ((root | bit) * (root | bit) <= square) root |= bit;
  }
  return root;
}

// gfp_zone(): the highest zone a request may use.
ZoneKind HighestZone(Gfp gfp) {
  if (Has(gfp, Gfp::kDma)) return ZoneKind::kDma;
  return Has(gfp, Gfp::kDma32) ? ZoneKind::kDma32 : ZoneKind::kNormal;
}

// gfp_migratetype().
MigrateType TypeOf(Gfp gfp) {
  if (Has(gfp, Gfp::kMovable)) return MigrateType::kMovable;
  return Has(gfp, Gfp::kReclaimable) ? MigrateType::kReclaimable : MigrateType::kUnmovable;
}

// nr_pcp_high() and nr_pcp_free(): how many pages go back to the zone now that one of `order` has
// come to the lists.
int32_t PagesToDrain(PageSet::Header& header, int order) {
  // Blocks of more than a page, freed again and again without an allocation, are not kept.
  const bool free_high = header.free_factor > 0 && order > 0;
  const int32_t high = free_high ? 0 : header.high;
  if (header.count < high) return 0;
  if (free_high) return header.count;
  const int32_t least = header.batch;
  const int32_t most = high - header.batch;
  const int32_t scaled = header.batch << header.free_factor;
  if (scaled < most && header.free_factor < PageSets::kBatchScaleMax) ++header.free_factor;
  return std::clamp(scaled, least, most);
}

}  // namespace

// --- Boot. ---

BuddyAllocator::BuddyAllocator(Hardware& hardware)
    : hardware_(hardware),
      zone_lock_class_(hardware.scheduler().AddLockClass("&zone->lock", kZoneLockRank)),
      sets_(hardware, CountZones(hardware.config())),
      reclaiming_(static_cast<size_t>(hardware.config().cpu_count())) {
  AddZones();
  BuildZonelists();
  SetWatermarks();
  SetLowmemReserves();
  UpdatePageSets(nullptr, {});
}

void BuddyAllocator::AddZones() {
  const MachineConfig& config = hardware_.config();
  for (int node = 0; node < config.node_count(); ++node) {
    zones_of_.emplace_back();
    for (const ZoneSpan& span : config.memory[static_cast<size_t>(node)].zones) {
      zones_.emplace_back(hardware_, Zone::Options{.index = zones_.size(),
                                                   .node = NodeId(node),
                                                   .span = span,
                                                   .lock_class = zone_lock_class_});
      zones_of_.back().push_back(&zones_.back());
    }
  }
}

// build_zonelists(): a node's zones from high to low, node by node.
void BuddyAllocator::BuildZonelists() {
  const int nodes = hardware_.config().node_count();
  for (int node = 0; node < nodes; ++node) {
    ZonelistsOf& lists = zonelists_.emplace_back();
    lists.place = {hardware_.boot_memory().Allocate((zones_.size() + 1) * kZonerefBytes, kLineSize,
                                                    NodeId(node)),
                   Structure::kPageAllocator};
    lists.has_dma32 = nodes == 1;
    for (const Zone* const zone : zones_of_[static_cast<size_t>(node)]) {
      if (zone->kind() == ZoneKind::kDma32) lists.has_dma32 = true;
    }
    for (const NodeId member : hardware_.FallbackOf(NodeId(node))) {
      const std::vector<Zone*>& zones = zones_of_[member.index()];
      for (auto zone = zones.rbegin(); zone != zones.rend(); ++zone) {
        for (size_t highest = static_cast<size_t>((*zone)->kind()); highest < kZoneKinds;
             ++highest) {
          lists.with_fallback[highest].push_back(*zone);
          if (member == NodeId(node)) lists.own_node[highest].push_back(*zone);
        }
      }
    }
  }
}

// calculate_min_free_kbytes() and __setup_per_zone_wmarks().
void BuddyAllocator::SetWatermarks() {
  uint64_t managed = 0;
  for (const Zone& zone : zones_) managed += zone.managed();
  min_free_kbytes_ =
      std::clamp<uint64_t>(SquareRoot(16 * managed * (kPageSize / 1024)), 128, 262'144);
  const uint64_t pages_min = min_free_kbytes_ / (kPageSize / 1024);
  for (Zone& zone : zones_) {
    const uint64_t min = managed == 0 ? 0 : pages_min * zone.managed() / managed;
    const uint64_t step = std::max(min / 4, zone.managed() * kWatermarkScaleFactor / 10'000);
    zone.set_watermarks({.min = static_cast<int64_t>(min),
                         .low = static_cast<int64_t>(min + step),
                         .high = static_cast<int64_t>(min + 2 * step)});
  }
}

// setup_per_zone_lowmem_reserve().
void BuddyAllocator::SetLowmemReserves() {
  for (const std::vector<Zone*>& zones : zones_of_) {
    for (Zone* const zone : zones) {
      if (zone->managed() == 0) continue;
      uint64_t above = 0;
      size_t next = zone->index() + 1;
      for (size_t kind = static_cast<size_t>(zone->kind()) + 1; kind < kZoneKinds; ++kind) {
        const bool has_kind = next < zones_.size() && zones_[next].node() == zone->node() &&
                              static_cast<size_t>(zones_[next].kind()) == kind;
        if (has_kind) above += zones_[next++].managed();
        zone->set_lowmem_reserve(static_cast<ZoneKind>(kind),
                                 static_cast<int64_t>(above / kLowmemReserveRatio));
      }
    }
  }
}

// zone_batchsize(), zone_highsize() and calculate_normal_threshold().
PageSets::Tuning BuddyAllocator::TuningOf(const Zone& zone, OnlineCpus online) const {
  const uint64_t share = std::max<uint64_t>(std::min<uint64_t>(zone.managed() >> 10, 256) / 4, 1);
  const auto batch = static_cast<int32_t>(std::bit_floor(share + share / 2)) - 1;
  PageSets::Tuning tuning{.batch = std::max(batch, 1)};
  const int split = online.of_node > 0 ? online.of_node : online.all;
  tuning.high =
      std::max(static_cast<int32_t>(zone.watermarks().low / std::max(split, 1)), tuning.batch * 4);
  const auto memory_bits =
      static_cast<int32_t>(std::bit_width(zone.managed() >> (27 - kPageShift)));
  const auto cpu_bits = static_cast<int32_t>(std::bit_width(static_cast<unsigned>(online.all)));
  tuning.stat_threshold = std::min(2 * cpu_bits * (1 + memory_bits), kStatThresholdMax);
  return tuning;
}

void BuddyAllocator::UpdatePageSets(Cpu* cpu, Coming coming) {
  std::vector<int> of_node(zones_of_.size());
  int all = 0;
  for (int i = 0; i < hardware_.scheduler().cpu_count(); ++i) {
    const Cpu& other = hardware_.scheduler().cpu(CpuId(i));
    if (!other.online()) continue;
    ++all;
    // The kernel works it out before the CPU that comes is in its node's mask, and then counts one
    // more for every node.
    if (!coming.any || coming.id != other.id()) ++of_node[other.node().index()];
  }
  for (const Zone& zone : zones_) {
    const OnlineCpus online{.of_node = of_node[zone.node().index()] + (coming.any ? 1 : 0),
                            .all = all};
    sets_.Tune(cpu, zone.index(), TuningOf(zone, online));
  }
}

// --- Allocation. ---

BuddyAllocator::Context BuddyAllocator::ContextOf(const Cpu& cpu,
                                                  const PageRequest& request) const {
  Context context;
  context.order = request.order;
  context.gfp = request.gfp;
  context.highest = HighestZone(request.gfp);
  context.type = TypeOf(request.gfp);
  const NodeId node = request.node == kAnyNode ? cpu.node() : request.node;
  const ZonelistsOf& lists = zonelists_[node.index()];
  const auto highest = static_cast<size_t>(context.highest);
  const bool own_node = Has(request.gfp, Gfp::kThisNode);
  context.zonelist = own_node ? &lists.own_node[highest] : &lists.with_fallback[highest];
  context.zonelist_place = lists.place;
  context.no_fragment = lists.has_dma32 && !context.zonelist->empty() &&
                        context.preferred().kind() == ZoneKind::kNormal;
  return context;
}

// What __alloc_pages(), its slow path and get_page_from_freelist() try in turn: down to the low
// watermark with types kept apart, likewise with types mixed, and down to the least watermark that
// the request may go to. What must not fail is last given whatever there is.
bool BuddyAllocator::FlagsOf(const Context& context, int attempt, AllocFlags* flags) {
  switch (attempt) {
    case 0:
      *flags = {.mark = AllocFlags::Mark::kLow, .no_fragment = context.no_fragment};
      return true;
    case 1:
      *flags = {.mark = AllocFlags::Mark::kLow};
      return true;
    case kSlowAttempt:
      *flags = SlowFlags(context);
      return true;
    case 3:
      *flags = {.mark = AllocFlags::Mark::kNone};
      return Has(context.gfp, Gfp::kNoFail);
    default:
      return false;
  }
}

// gfp_to_alloc_flags().
AllocFlags BuddyAllocator::SlowFlags(const Context& context) {
  AllocFlags flags{.mark = AllocFlags::Mark::kMin};
  flags.min_reserve = Has(context.gfp, Gfp::kHigh);
  if (!Has(context.gfp, Gfp::kDirectReclaim) && !Has(context.gfp, Gfp::kNoMemalloc)) {
    flags.non_block = true;
    flags.high_atomic = context.order > 0 && flags.min_reserve;
  }
  return flags;
}

Task<PhysAddr> BuddyAllocator::Alloc(Cpu& cpu, const PageRequest& request) {
  CHECK(request.order >= 0 && request.order <= kMaxPageOrder);
  const SiteScope site(cpu, Site::kPageAllocator);
  const Context context = ContextOf(cpu, request);
  Zone::Request check{.order = context.order, .highest = context.highest, .flags = {}};
  AllocFlags& flags = check.flags;
  bool reclaimed = false;
  for (int attempt = context.no_fragment ? 0 : 1; FlagsOf(context, attempt, &flags); ++attempt) {
    for (size_t i = 0; i < context.zonelist->size(); ++i) {
      cpu.Touch(context.zonelist_place + i * kZonerefBytes, Access::kRead);
      Zone& zone = *(*context.zonelist)[i];
      // Better a mixed pageblock here than memory of another node.
      if (flags.no_fragment && zone.node() != context.preferred().node()) break;
      const int64_t free_pages = co_await cpu.Load(zone.free_pages());
      if (!zone.WatermarkOk(cpu, check, free_pages)) continue;
      // rmqueue().
      FrameIndex frame = kNoFrame;
      if (context.order <= kPcpOrderMax) {
        PageSet& set = sets_.Of(zone.index(), cpu.id());
        const SpinGuard guard = co_await set.lock.TryAcquire(cpu);
        if (guard) {
          frame = TakeListed(cpu, zone, set, context);
          if (frame != kNoFrame) {
            ++zone.stats().pcp_hits;
          } else {
            co_await sets_.Refill(cpu, zone, set, {context.order, context.type}, flags);
            frame = TakeListed(cpu, zone, set, context);
          }
        } else {
          ++zone.stats().pcp_busy;
        }
      }
      if (frame == kNoFrame) frame = co_await RmqueueBuddy(cpu, zone, context, flags);
      if (frame == kNoFrame) continue;
      Prepare(cpu, zone, frame, context);
      if (flags.high_atomic) co_await ReserveHighAtomic(cpu, zone, frame);
      co_return zone.AddressOf(frame);
    }
    if (attempt == kSlowAttempt && !reclaimed && MayReclaim(cpu, context)) [[unlikely]] {
      reclaimed = true;
      const uint64_t bytes = co_await DirectReclaim(cpu);
      if (bytes > 0) --attempt;
    }
  }
  ++failures_[static_cast<size_t>(context.order)];
  if (Has(context.gfp, Gfp::kNoWarn)) ++failures_not_warned_;
  co_return PhysAddr();
}

// __rmqueue_pcplist(), for a list that is not empty; else kNoFrame.
FrameIndex BuddyAllocator::TakeListed(Cpu& cpu, Zone& zone, PageSet& set, const Context& context) {
  PerCpu<FrameList>& list = set.lists[PageSet::ListIndex(context.order, context.type)];
  PageSet::Header header = cpu.Load(set.header);
  const FrameIndex frame = cpu.Load(list).first;
  if (frame == kNoFrame) return kNoFrame;
  zone.frames().Remove(cpu, list, frame, context.order);
  header.free_factor >>= 1;
  header.count -= static_cast<int32_t>(FramesOf(context.order));
  cpu.Store(set.header, header);
  return frame;
}

Task<FrameIndex> BuddyAllocator::RmqueueBuddy(Cpu& cpu, Zone& zone, const Context& context,
                                              AllocFlags flags) {
  const int order = context.order;
  FrameIndex frame = kNoFrame;
  const IrqFlags irqs = cpu.IrqSave();
  {
    const SpinGuard guard = co_await zone.lock().Acquire(cpu);
    if (flags.high_atomic) frame = zone.RmqueueSmallest(cpu, order, MigrateType::kHighAtomic);
    if (frame == kNoFrame) frame = zone.Rmqueue(cpu, order, context.type, flags);
    if (frame == kNoFrame && flags.non_block) {
      frame = zone.RmqueueSmallest(cpu, order, MigrateType::kHighAtomic);
    }
    if (frame != kNoFrame) {
      const auto pages = static_cast<int32_t>(FramesOf(order));
      const int64_t fold = sets_.CountFreePages(cpu, zone, -pages);
      if (fold != 0) co_await cpu.AddReturn(zone.free_pages(), fold);
    }
  }
  co_await cpu.IrqRestore(irqs);
  if (frame != kNoFrame) {
    // check_new_pages().
    cpu.TouchRange(zone.frames().page(frame), FramesOf(order) * kLineSize, Access::kRead);
  }
  co_return frame;
}

Task<void> BuddyAllocator::ReserveHighAtomic(Cpu& cpu, Zone& zone, FrameIndex frame) {
  if (!zone.MayReserveHighAtomic()) co_return;
  const IrqFlags irqs = cpu.IrqSave();
  {
    const SpinGuard guard = co_await zone.lock().Acquire(cpu);
    zone.ReserveHighAtomic(cpu, frame);
  }
  co_await cpu.IrqRestore(irqs);
}

// zone_statistics(), prep_new_page(): the block is the caller's.
void BuddyAllocator::Prepare(Cpu& cpu, Zone& zone, FrameIndex frame, const Context& context) {
  const int order = context.order;
  PageFrames& frames = zone.frames();
  frames.Mark(frame, order, PageFrames::Use::kAllocated, context.type);
  ZoneStats& stats = zone.stats();
  ++stats.allocated[static_cast<size_t>(order)];
  const Zone& preferred = context.preferred();
  if (zone.node() != preferred.node()) {
    ++stats.for_other_node;
  } else if (&zone != &preferred) {
    ++stats.for_other_zone;
  }
  cpu.Touch(sets_.alloc_events(cpu.id()), Access::kWrite);
  cpu.Touch(sets_.Of(zone.index(), cpu.id()).numa_events, Access::kWrite);
  if (zone.node() != preferred.node()) {
    cpu.Touch(sets_.Of(preferred.index(), cpu.id()).numa_events, Access::kWrite);
  }

  cpu.Touch(frames.page(frame), Access::kWrite);
  const uint64_t pages = FramesOf(order);
  if (Has(context.gfp, Gfp::kZero)) {
    cpu.TouchRange({zone.AddressOf(frame), Structure::kObject}, pages * kPageSize, Access::kWrite);
  }
  if (pages > 1 && Has(context.gfp, Gfp::kCompound)) {
    cpu.TouchRange(frames.page(frame + 1), (pages - 1) * kLineSize, Access::kWrite);
  }
}

// --- Freeing. ---

Zone& BuddyAllocator::ZoneOf(PhysAddr address) {
  for (Zone* const zone : zones_of_[hardware_.NodeOf(address).index()]) {
    if (zone->Contains(address.frame())) return *zone;
  }
  CHECK(false);
  return zones_.front();
}

Task<void> BuddyAllocator::Free(Cpu& cpu, PhysAddr block, int order) {
  const SiteScope site(cpu, Site::kPageAllocator);
  Zone& zone = ZoneOf(block);
  const FrameIndex frame = zone.IndexOf(block);
  PageFrames& frames = zone.frames();
  CHECK(frames.block(frame, order).use == PageFrames::Use::kAllocated);
  CHECK_EQ(frames.block(frame, order).order, order);
  ++zone.stats().freed[static_cast<size_t>(order)];

  cpu.TouchAtomic(frames.page(frame));  // put_page_testzero()
  // free_pages_prepare().
  if (order > 0) {
    cpu.TouchRange(frames.page(frame + 1), (FramesOf(order) - 1) * kLineSize, Access::kWrite);
  }
  const MigrateType type = zone.PageblockType(cpu, frame);
  cpu.Touch(sets_.free_events(cpu.id()), Access::kWrite);
  frames.Mark(frame, order, PageFrames::Use::kNone, type);
  if (order <= kPcpOrderMax) {
    PageSet& set = sets_.Of(zone.index(), cpu.id());
    const SpinGuard guard = co_await set.lock.TryAcquire(cpu);
    if (guard) {
      // free_unref_page_commit().
      const MigrateType listed = type == MigrateType::kHighAtomic ? MigrateType::kMovable : type;
      const size_t list = PageSet::ListIndex(order, listed);
      frames.AddFirst(cpu, set.lists[list], frame, order);
      frames.Mark(frame, order, PageFrames::Use::kListed, type);
      PageSet::Header header = cpu.Load(set.header);
      header.count += static_cast<int32_t>(FramesOf(order));
      const int32_t excess = PagesToDrain(header, order);
      cpu.Store(set.header, header);
      if (excess > 0) {
        const PageSets::DrainAmount amount{.count = excess, .first_list = static_cast<int>(list)};
        co_await sets_.Drain(cpu, zone, set, amount);
      }
      co_return;
    }
    ++zone.stats().pcp_busy;
  }
  co_await FreeToZone(cpu, zone, frame, {order, type});
}

// free_one_page().
Task<void> BuddyAllocator::FreeToZone(Cpu& cpu, Zone& zone, FrameIndex frame, PageSets::List list) {
  const IrqFlags irqs = cpu.IrqSave();
  {
    const SpinGuard guard = co_await zone.lock().Acquire(cpu);
    const auto pages = static_cast<int32_t>(FramesOf(list.order));
    const int64_t fold = sets_.CountFreePages(cpu, zone, pages);
    if (fold != 0) co_await cpu.AddReturn(zone.free_pages(), fold);
    zone.FreeOnePage(cpu, frame, list.order, list.type);
  }
  co_await cpu.IrqRestore(irqs);
}

// --- Hotplug. ---

Task<void> BuddyAllocator::DrainLocal(Cpu& cpu) {
  const SiteScope site(cpu, Site::kPageAllocator);
  for (Zone& zone : zones_) co_await sets_.DrainAll(cpu, zone, cpu.id());
}

Task<void> BuddyAllocator::DrainCpu(Cpu& on, CpuId dead) {
  CHECK(!hardware_.cpu(dead).online());
  const SiteScope site(on, Site::kPageAllocator);
  for (Zone& zone : zones_) {
    co_await sets_.DrainAll(on, zone, dead);
    const int64_t fold = sets_.TakeFreePages(on, zone, dead);
    if (fold != 0) co_await on.AddReturn(zone.free_pages(), fold);
  }
  UpdatePageSets(&on, {});
}

Task<void> BuddyAllocator::AdmitCpu(Cpu& on, CpuId coming) {
  const SiteScope site(on, Site::kPageAllocator);
  co_await on.Sync();
  UpdatePageSets(&on, {.any = true, .id = coming});
}

// --- For reports and tests. ---

PageAllocatorStats BuddyAllocator::Stats() const {
  PageAllocatorStats stats;
  for (const Zone& zone : zones_) {
    PageAllocatorStats::ZoneFigures& figures = stats.zones.emplace_back();
    figures.node = zone.node();
    figures.kind = zone.kind();
    figures.managed_pages = zone.managed();
    figures.watermarks = zone.watermarks();
    figures.pcp = sets_.tuning(zone.index());
    figures.free_pages = zone.ListedFreePages();
    figures.high_atomic_pages = static_cast<uint64_t>(zone.high_atomic_reserved());
    figures.pcp_pages = sets_.PagesListed(zone.index());
    for (int order = 0; order <= kMaxPageOrder; ++order) {
      figures.free_blocks[static_cast<size_t>(order)] = zone.FreeBlocks(order);
    }
    figures.counters = zone.stats();
  }
  stats.failures = failures_;
  stats.failures_not_warned = failures_not_warned_;
  return stats;
}

void BuddyAllocator::CheckInvariants() const {
  for (const Zone& zone : zones_) {
    const Zone::Census census = zone.CheckInvariants();
    sets_.CheckInvariants(zone.index(), zone.frames());
    CHECK_EQ(census.listed, sets_.PagesListed(zone.index()));
    const int64_t counted = zone.free_pages().Peek() + sets_.FreePagesUncounted(zone.index());
    CHECK_EQ(counted, static_cast<int64_t>(census.free));
    uint64_t allocated = 0;
    for (size_t order = 0; order < kPageOrders; ++order) {
      allocated += (zone.stats().allocated[order] - zone.stats().freed[order]) << order;
    }
    CHECK_EQ(census.allocated, allocated);
  }
}

}  // namespace slablab
