// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_SIM_PAGES_BUDDY_ALLOCATOR_H_
#define SLABLAB_SIM_PAGES_BUDDY_ALLOCATOR_H_

#include <array>
#include <cstdint>
#include <deque>
#include <vector>

#include "base/types.h"
#include "sim/core/spinlock.h"
#include "sim/core/task.h"
#include "sim/pages/page_allocator.h"
#include "sim/pages/page_sets.h"
#include "sim/pages/zone.h"

namespace slablab {

class Hardware;

// Everything a report wants of the page allocator, at one moment.
struct PageAllocatorStats {
  struct ZoneFigures {
    NodeId node;
    ZoneKind kind = ZoneKind::kNormal;
    uint64_t managed_pages = 0;
    Zone::Watermarks watermarks;
    PageSets::Tuning pcp;
    uint64_t free_pages = 0;                          // on free lists, exactly
    uint64_t pcp_pages = 0;                           // on per-CPU lists
    uint64_t high_atomic_pages = 0;                   // in pageblocks kept for such requests
    std::array<uint64_t, kPageOrders> free_blocks{};  // by order, as /proc/buddyinfo prints it
    ZoneStats counters;
  };
  std::vector<ZoneFigures> zones;  // by node, then ascending by address
  std::array<uint64_t, kPageOrders> failures{};
  uint64_t failures_not_warned = 0;  // of these, with __GFP_NOWARN
};

// The page allocator of Linux 6.1 (mm/page_alloc.c): the way from a request to a zone. Zones
// (sim/pages/zone.h) keep blocks of pages under a lock each; page sets (sim/pages/page_sets.h) keep
// some of each zone's small blocks for each CPU.
//
// A request tries its node's zones from the highest it may use to the lowest, then those of the
// other nodes in fallback order: first down to the low watermark, and then (the slow path) down to
// the min watermark or, for those who cannot wait, into the reserve below it. A zone that has
// enough serves it from the CPU's list, refilled by the batch, or else from its free lists; an
// order the CPU's lists do not hold comes from the free lists.
//
// Lock order: pcp->lock, then zone->lock. Both are above every lock of the object allocators.
//
// A request that may wait and would fail asks the reclaimer once (direct reclaim), and is tried
// again if that let go of anything; what reclaim itself asks for does not.
//
// Not modelled: reclaim of anything but what the reclaimer has, kswapd's own thread, and
// compaction, for nothing else here can be reclaimed or moved; cpusets,
// memory policies and memcg; transparent huge pages' own list and their raised min_free_kbytes; the
// once-a-second vmstat work, which adds up what CPUs have not yet counted and drains page sets of
// other nodes that lie idle; machines of less than 12 MiB, which do without migrate types.
class BuddyAllocator : public PageAllocator {
 public:
  explicit BuddyAllocator(Hardware& hardware);
  BuddyAllocator(const BuddyAllocator&) = delete;

  // __alloc_pages().
  Task<PhysAddr> Alloc(Cpu& cpu, const PageRequest& request) override;
  // __free_pages().
  Task<void> Free(Cpu& cpu, PhysAddr block, int order) override;

  // CPU hotplug. page_alloc_cpu_dead(): what `dead` had on its lists goes back; called on another
  // CPU when `dead` is offline.
  Task<void> DrainCpu(Cpu& on, CpuId dead);
  // page_alloc_cpu_online(): to be called when `coming` has come online.
  Task<void> AdmitCpu(Cpu& on, CpuId coming);
  // drain_local_pages(): all of this CPU's pages go back.
  Task<void> DrainLocal(Cpu& cpu);

  // Whom to ask when there is nothing left; not owned, null: nobody.
  void set_reclaimer(Reclaimer* reclaimer) { reclaimer_ = reclaimer; }

  // --- For reports and tests. ---
  PageAllocatorStats Stats() const;
  size_t zone_count() const { return zones_.size(); }
  const Zone& zone(size_t index) const { return zones_[index]; }
  uint64_t min_free_kbytes() const { return min_free_kbytes_; }
  // Whether nobody has the page. The kernel's own memory is never free.
  bool IsFree(PhysAddr page) const;
  // Aborts unless everything is as sim/pages/zone.h and sim/pages/page_sets.h say.
  void CheckInvariants() const;

 private:
  // One node's (struct zonelist), by the highest zone a request may use.
  struct ZonelistsOf {
    std::array<std::vector<Zone*>, kZoneKinds> with_fallback;
    std::array<std::vector<Zone*>, kZoneKinds> own_node;
    Place place;
    bool has_dma32 = false;  // the node has; or there is one node
  };
  // What of a request stays the same while it is tried (struct alloc_context).
  struct Context {
    int order = 0;
    Gfp gfp = kGfpKernel;
    ZoneKind highest = ZoneKind::kNormal;
    MigrateType type = MigrateType::kUnmovable;
    const std::vector<Zone*>* zonelist = nullptr;
    Place zonelist_place;
    bool no_fragment = false;  // at first, types are to be kept apart
    const Zone& preferred() const { return *zonelist->front(); }
  };
  struct OnlineCpus {
    int of_node = 0;
    int all = 0;
  };
  // The CPU that is coming online, if any is.
  struct Coming {
    bool any = false;
    CpuId id;
  };

  void AddZones();
  void BuildZonelists();
  void SetWatermarks();
  void SetLowmemReserves();
  PageSets::Tuning TuningOf(const Zone& zone, OnlineCpus online) const;
  void UpdatePageSets(Cpu* cpu, Coming coming);

  Context ContextOf(const Cpu& cpu, const PageRequest& request) const;
  // How to try for the `attempt`th time; false if it is time to give up.
  static bool FlagsOf(const Context& context, int attempt, AllocFlags* flags);
  static AllocFlags SlowFlags(const Context& context);
  bool MayReclaim(const Cpu& cpu, const Context& context) const;
  Task<uint64_t> DirectReclaim(Cpu& cpu);
  FrameIndex TakeListed(Cpu& cpu, Zone& zone, PageSet& set, const Context& context);
  Task<FrameIndex> RmqueueBuddy(Cpu& cpu, Zone& zone, const Context& context, AllocFlags flags);
  Task<void> ReserveHighAtomic(Cpu& cpu, Zone& zone, FrameIndex frame);
  void Prepare(Cpu& cpu, Zone& zone, FrameIndex frame, const Context& context);
  Zone& ZoneOf(PhysAddr address);
  Task<void> FreeToZone(Cpu& cpu, Zone& zone, FrameIndex frame, PageSets::List list);

  Hardware& hardware_;
  LockClass* const zone_lock_class_;
  std::deque<Zone> zones_;
  std::vector<std::vector<Zone*>> zones_of_;  // by node, ascending
  PageSets sets_;
  std::vector<ZonelistsOf> zonelists_;  // by node
  uint64_t min_free_kbytes_ = 0;
  std::array<uint64_t, kPageOrders> failures_{};
  uint64_t failures_not_warned_ = 0;
  Reclaimer* reclaimer_ = nullptr;
  std::vector<bool> reclaiming_;  // by CPU: PF_MEMALLOC
};

}  // namespace slablab

#endif  // SLABLAB_SIM_PAGES_BUDDY_ALLOCATOR_H_
