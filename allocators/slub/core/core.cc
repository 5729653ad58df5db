// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "allocators/slub/core/core.h"

#include <algorithm>

#include "allocators/common/slub_boot.h"
#include "allocators/percpu/registry.h"
#include "allocators/switches.h"
#include "sim/core/scheduler.h"

namespace slablab {
namespace {

constexpr int kListLockRank = 10;        // below the zones' locks
constexpr uint64_t kThrottleStream = 1;  // of the generators that the seed gives

bool HasQuirk(const AllocatorOptions& options, std::string_view quirk) {
  return std::find(options.quirks.begin(), options.quirks.end(), quirk) != options.quirks.end();
}

constexpr KmallocWays kKmallocWays = {.alloc_failed = PathOf(SlubWay::kAllocFailed),
                                      .alloc_large = PathOf(SlubWay::kAllocLarge),
                                      .alloc_zero = PathOf(SlubWay::kAllocZero),
                                      .free_large = PathOf(SlubWay::kFreeLarge),
                                      .free_null = PathOf(SlubWay::kFreeNull),
                                      .table_site = SiteOf(SlubAt::kAllocFast),
                                      .large_site = SiteOf(SlubAt::kLarge),
                                      .large_cycles = kSlubFastCycles};

}  // namespace

SlubCore::SlubCore(Machine& machine, const AllocatorOptions& options, const SlubPolicy& policy)
    : machine_(machine),
      options_(options),
      policy_(policy),
      rules_(WithBootParameters(policy.rules, options.boot_parameters)),
      counters_(policy.counters()),
      defrag_always_(HasQuirk(options, "remote-defrag-always")),
      list_lock_class_(
          machine.scheduler().AddLockClass("kmem_cache_node->list_lock", kListLockRank)),
      areas_(MakePercpuAreas(machine, PercpuOptionsOf(options)).value()),
      kmalloc_(machine,
               {.cgroup = !HasQuirk(options, "memcg-off"),
                .zone_dma = !HasQuirk(options, "zone-dma-off"),
                .odd_sizes_first = policy.kmalloc_odd_sizes_first,
                .odd_dma_sizes_first = policy.kmalloc_odd_sizes_first},
               kKmallocWays, *this, caches_.total()),
      random_(options.seed, kThrottleStream),
      frames_(machine.config()) {
  for (size_t place = 0; place < counters_.size(); ++place) {
    counter_places_[static_cast<size_t>(counters_[place])] = static_cast<uint8_t>(place);
  }
}

absl::Status CheckSlubBoot(const MachineConfig& machine, const AllocatorOptions& options,
                           const SlubPolicy& policy) {
  return CheckOrders(WithBootParameters(policy.rules, options.boot_parameters),
                     {.present = machine.cpu_count(), .possible = machine.possible_cpus});
}

}  // namespace slablab
