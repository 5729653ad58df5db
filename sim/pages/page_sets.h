// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_SIM_PAGES_PAGE_SETS_H_
#define SLABLAB_SIM_PAGES_PAGE_SETS_H_

#include <array>
#include <cstdint>
#include <vector>

#include "base/types.h"
#include "sim/cache/lazy_array.h"
#include "sim/core/cpu.h"
#include "sim/core/fields.h"
#include "sim/core/spinlock.h"
#include "sim/core/task.h"
#include "sim/pages/page_frames.h"
#include "sim/pages/zone.h"

namespace slablab {

class Hardware;

// Blocks up to this order have per-CPU lists (Linux 6.1, PAGE_ALLOC_COSTLY_ORDER, without
// transparent huge pages, which would add order 9).
inline constexpr int kPcpOrderMax = 3;
inline constexpr int kPcpLists = (kPcpOrderMax + 1) * kPcpMigrateTypes;

// One CPU's pages of one zone (Linux 6.1, struct per_cpu_pages, with what this allocator uses of
// per_cpu_zonestat). The lock is the CPU's own: only an interrupt of the same CPU can find it
// taken, and then goes without the lists. It is held with interrupts on.
struct PageSet {
  struct Header {
    int32_t count = 0;  // pages on the lists
    int32_t high = 0;   // at so many, some go back
    int32_t batch = 0;
    int32_t free_factor = 0;  // how often in a row pages went back: each time twice as many do
  };
  bool in_use = false;
  SpinLock lock;
  PerCpu<Header> header;
  std::array<PerCpu<FrameList>, kPcpLists> lists;
  PerCpu<int32_t> free_diff;  // of NR_FREE_PAGES, not yet added to the zone's
  Place numa_events;

  static size_t ListIndex(int order, MigrateType type) {
    return static_cast<size_t>(kPcpMigrateTypes * order) + static_cast<size_t>(type);
  }
  static int OrderOf(int list) { return list / kPcpMigrateTypes; }
};

// Every CPU's page sets of every zone, in per-CPU areas of simulated memory on the CPU's node. Host
// memory is taken for those in use.
class PageSets {
 public:
  static constexpr int kBatchScaleMax = 5;  // CONFIG_PCP_BATCH_SCALE_MAX
  struct Tuning {
    int32_t high = 0;
    int32_t batch = 1;
    int32_t stat_threshold = 1;  // how far free_diff may go (mm/vmstat.c)
  };
  PageSets(Hardware& hardware, size_t zones);
  PageSets(const PageSets&) = delete;

  PageSet& Of(size_t zone, CpuId cpu) {
    PageSet& set = sets_[IndexOf(zone, cpu)];
    if (!set.in_use) [[unlikely]] {
      Begin(zone, cpu);
    }
    return set;
  }
  const Tuning& tuning(size_t zone) const { return tuning_[zone]; }
  // pageset_update() of every possible CPU, by `cpu`; null at boot.
  void Tune(Cpu* cpu, size_t zone, const Tuning& tuning);
  // The line of vm_event_states that counts allocations, and that of frees.
  Place alloc_events(CpuId cpu) const { return events_[cpu.index()]; }
  Place free_events(CpuId cpu) const { return events_[cpu.index()] + 2 * kLineSize; }

  // rmqueue_bulk(): puts up to a batch of blocks on an empty list. REQUIRES: set.lock held.
  struct List {
    int order = 0;
    MigrateType type = MigrateType::kUnmovable;
  };
  Task<void> Refill(Cpu& cpu, Zone& zone, PageSet& set, List list, AllocFlags flags);
  // free_pcppages_bulk(): gives up to `count` pages back to the zone, the longest there first, the
  // lists in turn from `first_list` on. REQUIRES: set.lock held.
  struct DrainAmount {
    int32_t count = 0;
    int first_list = 0;
  };
  Task<void> Drain(Cpu& cpu, Zone& zone, PageSet& set, DrainAmount amount);
  // drain_pages_zone(): everything of `owner`, which is `cpu` itself or offline.
  Task<void> DrainAll(Cpu& cpu, Zone& zone, CpuId owner);

  // __mod_zone_page_state(): adds to this CPU's share of the zone's free pages. What it answers, if
  // not zero, is to be added to the zone's own count at once. Interrupts are off.
  int64_t CountFreePages(Cpu& cpu, const Zone& zone, int32_t pages);
  // cpu_vm_stats_fold(): takes what an offline CPU had not yet added.
  int64_t TakeFreePages(Cpu& cpu, const Zone& zone, CpuId dead);

  // For reports and tests.
  uint64_t PagesListed(size_t zone) const;
  int64_t FreePagesUncounted(size_t zone) const;
  // Aborts unless the lists are whole and hold what their counts say.
  void CheckInvariants(size_t zone, const PageFrames& frames) const;

 private:
  size_t IndexOf(size_t zone, CpuId cpu) const { return cpu.index() * zones_ + zone; }
  void Begin(size_t zone, CpuId cpu);

  const size_t zones_;
  LockClass* const lock_class_;
  std::vector<Tuning> tuning_;   // by zone
  std::vector<PhysAddr> areas_;  // by possible CPU
  std::vector<Place> events_;    // by possible CPU
  LazyArray<PageSet> sets_;
  std::vector<size_t> in_use_;
};

}  // namespace slablab

#endif  // SLABLAB_SIM_PAGES_PAGE_SETS_H_
