// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "allocators/slub/core/core.h"

#include <algorithm>
#include <array>

#include "allocators/common/slub_boot.h"
#include "allocators/percpu/registry.h"
#include "allocators/switches.h"
#include "base/check.h"
#include "sim/core/boot_memory.h"
#include "sim/core/scheduler.h"

namespace slablab {
namespace {

constexpr int kSlabLockRank = 9;         // slab_lock() is taken before list_lock
constexpr int kListLockRank = 10;        // below the zones' locks
constexpr uint64_t kThrottleStream = 1;  // of the generators that the seed gives
constexpr uint64_t kCopiesStream = 2;

KmallocOptions KmallocOf(const SlubPolicy& policy, const AllocatorOptions& options) {
  KmallocOptions kmalloc = policy.lives.kmalloc;
  kmalloc.odd_dma_sizes_first = kmalloc.odd_sizes_first;  // SLUB makes all kinds alike.
  if (slablab::HasQuirk(options, "kmalloc-copies")) {
    kmalloc.copies = policy.kmalloc_copies;
    kmalloc.copy_seed = Random(options.seed, kCopiesStream).Next();
  }
  return kmalloc;
}

// setup_slab_strict_numa(): without a second node it is not taken.
bool IsStrictNuma(const AllocatorOptions& options, int nr_node_ids) {
  bool is_strict = false;
  for (const BootParameter& parameter : options.boot_parameters) {
    if (parameter.name == "slab_strict_numa") is_strict = parameter.value != 0;
  }
  return is_strict && nr_node_ids > 1;
}

KmallocWays KmallocWaysOf(const SlubWays& ways) {
  return {.alloc_failed = ways.alloc_failed,
          .alloc_large = ways.alloc_large,
          .alloc_zero = ways.alloc_zero,
          .free_large = ways.free_large,
          .free_null = ways.free_null,
          .table_site = SiteOf(SlubAt::kAllocFast),
          .large_site = SiteOf(SlubAt::kLarge),
          .large_cycles = kSlubFastCycles};
}

}  // namespace

SlubCore::SlubCore(Machine& machine, const AllocatorOptions& options, const SlubPolicy& policy)
    : SlabCommon(machine, options,
                 {.create = SiteOf(SlubAt::kCreate), .destroy = SiteOf(SlubAt::kDestroy)},
                 KmallocOf(policy, options), KmallocWaysOf(policy.ways)),
      policy_(policy),
      rules_(WithBootParameters(policy.rules, options.boot_parameters)),
      counters_(policy.counters()),
      defrag_always_(HasQuirk("remote-defrag-always")),
      list_lock_class_(
          machine.scheduler().AddLockClass("kmem_cache_node->list_lock", kListLockRank)),
      slab_lock_class_(policy.lives.slab_guard == SlubLives::SlabGuard::kNone
                           ? nullptr
                           : machine.scheduler().AddLockClass("slab_lock(page)", kSlabLockRank)),
      nr_node_ids_(std::max(options.possible_nodes, machine.config().node_count())),
      strict_numa_(IsStrictNuma(options, nr_node_ids_)),
      obj_exts_(*this, slablab::HasQuirk(options, "memcg-charges"), policy.obj_exts_in_slabs),
      has_hooks_(strict_numa_ || obj_exts_.charges()),
      areas_(MakePercpuAreas(machine, PercpuOptionsOf(options)).value()),
      random_(options.seed, kThrottleStream) {
  for (size_t place = 0; place < counters_.size(); ++place) {
    counter_places_[static_cast<size_t>(counters_[place])] = static_cast<uint8_t>(place);
    is_counted_[static_cast<size_t>(counters_[place])] = true;
  }
  const bool as_2010 = policy.lives.slub_lock || policy.lives.boots_as_2010 ||
                       policy.lives.slab_guard != SlubLives::SlabGuard::kNone;
  if (!as_2010) return;
  CHECK_LE(nr_node_ids_, kPossibleNodesMax);
  gfp_allowed_mask_ = machine.boot_memory().Allocate(8, kLineSize, NodeId(0));
  slub_lock_.PlaceAt({machine.boot_memory().Allocate(8, kLineSize, NodeId(0)), Structure::kLock});
}

Task<uint32_t> SlubCore::CountFree(Cpu& cpu, const Slab& slab) {
  const SlabWord word = co_await cpu.Load(slab.word);
  co_return static_cast<uint32_t>(word.objects - word.inuse);
}

absl::Span<const std::string_view> BootsOf(const SlubLives& lives) {
  static constexpr std::array<std::string_view, 2> kBoots = {"dynamic", "static"};
  if (!lives.boots_as_2010) return {};
  return kBoots;
}

absl::Status CheckSlubBoot(const MachineConfig& machine, const AllocatorOptions& options,
                           const SlubPolicy& policy) {
  const int present =
      policy.lives.counts_possible_cpus ? machine.possible_cpus : machine.cpu_count();
  return CheckOrders(WithBootParameters(policy.rules, options.boot_parameters),
                     {.present = present, .possible = machine.possible_cpus});
}

Task<PathId> SlubCore::KfreeOwn(Cpu& cpu, PhysAddr object) {
  kmalloc_.RemoveOwn(caches_, frames_, object);
  if (policy_.lives.kfrees_own_by_page) return Kfree(cpu, object);
  Slab* const slab = SlabOf(object);
  return slab == nullptr ? FreeLarge(cpu, object) : Free(cpu, slab->cache->id, object);
}

}  // namespace slablab
