// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "allocators/slab/slab.h"

#include <algorithm>

#include "allocators/percpu/registry.h"
#include "sim/core/scheduler.h"

namespace slablab {
namespace {

constexpr int kAlienLockRank = 5;    // below the lock of the node that it is drained to
constexpr int kListLockRank = 10;    // below the zones' locks
constexpr uint64_t kReapStream = 2;  // of the generators that the seed gives
// Only machines of more pages have slabs of order 1: kmem_cache_init().
constexpr uint64_t kSmallMachinePages = (uint64_t{32} << 20) >> kPageShift;

constexpr KmallocWays kKmallocWays = {.alloc_failed = PathOf(SlabAllocator::Way::kAllocFailed),
                                      .alloc_large = PathOf(SlabAllocator::Way::kAllocLarge),
                                      .alloc_zero = PathOf(SlabAllocator::Way::kAllocZero),
                                      .free_large = PathOf(SlabAllocator::Way::kFreeLarge),
                                      .free_null = PathOf(SlabAllocator::Way::kFreeNull),
                                      .table_site = SiteOf(SlabAllocator::At::kAllocFast),
                                      .large_site = SiteOf(SlabAllocator::At::kLarge),
                                      .large_cycles = kSlabFastCycles};

// totalram_pages().
uint64_t ManagedPages(const MachineConfig& config) {
  uint64_t pages = 0;
  for (const NodeMemory& node : config.memory) {
    for (const ZoneSpan& zone : node.zones) pages += zone.managed_frames();
  }
  return pages;
}

// slab_max_order_setup(), else by the machine's size.
int OrderMax(const MachineConfig& config, const AllocatorOptions& options) {
  int64_t order = ManagedPages(config) > kSmallMachinePages ? 1 : 0;
  for (const BootParameter& parameter : options.boot_parameters) {
    if (parameter.name == "slab_max_order") order = parameter.value;
  }
  return static_cast<int>(std::clamp<int64_t>(order, 0, kMaxPageOrder));
}

}  // namespace

SlabAllocator::SlabAllocator(Machine& machine, const AllocatorOptions& options,
                             const SlabPolicy& policy)
    : SlabCommon(machine, options, {.create = SiteOf(At::kCreate), .destroy = SiteOf(At::kDestroy)},
                 policy.kmalloc, kKmallocWays),
      policy_(policy),
      statistics_in_memory_(HasQuirk("statistics-in-memory")),
      reaps_(!HasQuirk("reap-off")),
      use_alien_caches_(node_count() > 1 && !HasQuirk("noaliencache")),
      order_max_(OrderMax(machine.config(), options)),
      list_lock_class_(
          machine.scheduler().AddLockClass("kmem_cache_node->list_lock", kListLockRank)),
      alien_lock_class_(machine.scheduler().AddLockClass("alien_cache->lock", kAlienLockRank)),
      areas_(MakePercpuAreas(machine, PercpuOptionsOf(options)).value()),
      random_(options.seed, kReapStream),
      timers_(static_cast<size_t>(machine.config().cpu_count())) {}

void SlabAllocator::RaiseTo(Cpu& cpu, SlabCache& s, SlabStat stat, uint64_t value) {
  Racy<uint64_t>& counter = s.stats[static_cast<size_t>(stat)];
  if (statistics_in_memory_) cpu.Touch(counter.place(), Access::kRead);
  if (value <= counter.Peek()) return;
  counter.Poke(value);
  if (statistics_in_memory_) cpu.Touch(counter.place(), Access::kWrite);
}

void SlabAllocator::CountActive(Cpu& cpu, SlabCache& s) {
  Count(cpu, s, SlabStat::kActive);
  RaiseTo(cpu, s, SlabStat::kMaxObjects, s.stats[static_cast<size_t>(SlabStat::kActive)].Peek());
}

void SlabAllocator::HandOut(SlabCache& s, PhysAddr object) {
  SlabBlock& slab = *SlabOf(object);
  CHECK(slab.cache == &s);
  const uint32_t index = s.IndexOf(slab, object);
  CHECK(!slab.InUse(index));
  slab.FlipInUse(index);
  caches_.HandOut(s);
}

void SlabAllocator::TakeBack(SlabCache& s, SlabBlock& slab, PhysAddr object) {
  const uint32_t index = s.IndexOf(slab, object);
  CHECK(slab.InUse(index));  // Else it is free already.
  slab.FlipInUse(index);
  caches_.TakeBack(s);
}

}  // namespace slablab
