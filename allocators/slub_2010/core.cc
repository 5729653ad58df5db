// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "allocators/slub_2010/core.h"

#include <algorithm>

#include "allocators/common/slub_boot.h"
#include "allocators/percpu/registry.h"
#include "allocators/switches.h"
#include "base/check.h"
#include "sim/core/boot_memory.h"
#include "sim/core/scheduler.h"

namespace slablab {
namespace {

constexpr int kSlabLockRank = 9;   // slab_lock() is taken before list_lock
constexpr int kListLockRank = 10;  // below the zones' locks
constexpr uint64_t kThrottleStream = 1;

Model2010 WithBootParameters(Model2010 model, const AllocatorOptions& options) {
  model.rules = WithBootParameters(model.rules, options.boot_parameters);
  return model;
}

KmallocOptions KmallocOf2010(bool zone_dma) {
  KmallocOptions options = kKmallocOfSlub2010;
  options.zone_dma = zone_dma;
  return options;
}

}  // namespace

absl::Status CheckSlub2010Boot(const MachineConfig& machine, const AllocatorOptions& options) {
  return CheckOrders(WithBootParameters({}, options.boot_parameters),
                     {.present = machine.possible_cpus, .possible = machine.possible_cpus});
}

void Cache2010::PlaceAt(PhysAddr to) {
  address = to;
  cpu = Settled<PercpuArea>(Field(kCpuAt), cpu.Peek());
  min_partial = Settled<uint64_t>(Field(offsets.min_partial), min_partial.Peek());
  remote_node_defrag_ratio =
      Settled<uint32_t>(Field(offsets.defrag_ratio), remote_node_defrag_ratio.Peek());
}

uint32_t Cache2010::IndexOf(const Slab2010& slab, PhysAddr object) const {
  // Exact for multiples of the size, as KmemCache::IndexOf.
  const auto index = static_cast<uint32_t>(((object - slab.base) * reciprocal) >> 32);
  CHECK_LT(index, slab.objects);
  CHECK(AddressOf(slab, index) == object);
  return index;
}

Slub2010Core::Slub2010Core(Machine& machine, const AllocatorOptions& options,
                           const Model2010& model)
    : machine_(machine),
      options_(options),
      model_(WithBootParameters(model, options)),
      list_lock_class_(
          machine.scheduler().AddLockClass("kmem_cache_node->list_lock", kListLockRank)),
      slab_lock_class_(machine.scheduler().AddLockClass("slab_lock(page)", kSlabLockRank)),
      areas_(MakePercpuAreas(machine, PercpuOptionsOf(options)).value()),
      kmalloc_(KmallocOf2010(!HasQuirk("zone-dma-off"))),
      kmalloc_large_(machine),
      static_boot_(options.boot == "static"),
      nr_node_ids_(std::max(options.possible_nodes, machine.config().node_count())),
      random_(options.seed, kThrottleStream),
      frames_(machine.config()) {
  CHECK_LE(nr_node_ids_, kMaxNumNodes);
  gfp_allowed_mask_ = machine.boot_memory().Allocate(8, kLineSize, NodeId(0));
  slub_lock_.PlaceAt({machine.boot_memory().Allocate(8, kLineSize, NodeId(0)), Structure::kLock});
}

Slub2010Core::~Slub2010Core() = default;

bool Slub2010Core::HasQuirk(std::string_view quirk) const {
  const std::vector<std::string>& quirks = options_.quirks;
  return std::find(quirks.begin(), quirks.end(), quirk) != quirks.end();
}

void Slub2010Core::ReadGfpMask(Cpu& cpu) {
  const SiteScope site(cpu, SiteOf(At::kGfpMask));
  cpu.Touch({gfp_allowed_mask_, Structure::kCacheDescriptor}, Access::kRead);
}

void Slub2010Core::Clear(Cpu& cpu, const Cache2010& s, PhysAddr object) const {
  cpu.TouchRange({object, Structure::kObject}, s.geometry.object_size, Access::kWrite);
}

void Slub2010Core::AccountHandOut(Cache2010& s) {
  const uint64_t object_size = s.geometry.object_size;
  const uint64_t size = s.geometry.size;
  Account(s, [=](Footprint& footprint) { footprint.HandOut(object_size, size); });
}

void Slub2010Core::AccountTakeBack(Cache2010& s) {
  const uint64_t object_size = s.geometry.object_size;
  const uint64_t size = s.geometry.size;
  Account(s, [=](Footprint& footprint) { footprint.TakeBack(object_size, size); });
}

// kmem_cache_free().
Task<PathId> Slub2010Core::Free(Cpu& cpu, CacheId id, PhysAddr object) {
  Slab2010* const slab = SlabOf(object);
  CHECK(slab != nullptr);
  CHECK(slab->cache == &cache(id));
  if (model_.free_reads_page) {
    const SiteScope site(cpu, SiteOf(At::kFreeFast));
    cpu.Touch(slab->PageOf(object.frame()), Access::kRead);
  }
  return FreeObject(cpu, cache(id), *slab, object);
}

// These kernels have no calls for many objects, and nothing to prepare for a CPU: the per-CPU
// structures of all possible CPUs are there. Allocator's defaults are theirs.

}  // namespace slablab
