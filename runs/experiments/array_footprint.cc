// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "runs/experiments/array_footprint.h"

#include <algorithm>
#include <vector>

#include "allocators/slab/slab.h"
#include "base/check.h"
#include "fmt/format.h"
#include "sim/machine.h"

namespace slablab {
namespace {

constexpr uint64_t kHeaderBytes = 16;  // struct array_cache
constexpr uint64_t kGranule = 4;       // PCPU_MIN_ALLOC_SIZE

MachineConfig MachineFor(const ArrayFootprintQuery& query) {
  constexpr int kCpusPerNode = 64;
  const int cpus_per_node = std::min(query.cpus, kCpusPerNode);
  const int nodes = (query.cpus + cpus_per_node - 1) / cpus_per_node;
  const uint64_t array = kHeaderBytes + 8 * static_cast<uint64_t>(query.entries);
  const auto caches = static_cast<uint64_t>(query.caches);
  // Twice the arrays, since tuning has the former and the new ones at once, and as much again for
  // what they are rounded up to; the nodes' structures; the rest of the machine.
  const uint64_t bytes = static_cast<uint64_t>(cpus_per_node) * (caches * array * 4 + (2 << 20)) +
                         caches * static_cast<uint64_t>(nodes) * 1024 + (uint64_t{256} << 20);
  return ReferenceMachine({.cpus = query.cpus,
                           .nodes = nodes,
                           .cpus_per_node = cpus_per_node,
                           .mib_per_node = bytes >> 20});
}

uint64_t HeldBytes(const SlabAllocator& slab) {
  return slab.percpu_areas()->usage().held_bytes() + slab.TotalFootprint().slab_bytes +
         slab.TotalFootprint().large_bytes;
}

}  // namespace

uint64_t PointerBytes(const ArrayFootprintQuery& query) {
  return static_cast<uint64_t>(query.cpus) * static_cast<uint64_t>(query.caches) *
         static_cast<uint64_t>(query.entries) * static_cast<uint64_t>(query.pointer_bytes);
}

uint64_t ArrayBytes(const ArrayFootprintQuery& query) {
  const uint64_t array = kHeaderBytes + static_cast<uint64_t>(query.entries) *
                                            static_cast<uint64_t>(query.pointer_bytes);
  return static_cast<uint64_t>(query.cpus) * static_cast<uint64_t>(query.caches) *
         ((array + kGranule - 1) / kGranule * kGranule);
}

int BootCaches(const SlabPolicy& policy) {
  constexpr int kCacheOfCaches = 1;
  return kCacheOfCaches + static_cast<int>(KmallocTable(policy.kmalloc).Classes().size());
}

MeasuredArrays MeasureArrays(const ArrayFootprintQuery& query, const SlabPolicy& policy,
                             const std::function<void(uint64_t)>& progress) {
  Machine machine(MachineFor(query));
  SlabAllocator slab(machine, {}, policy);
  const std::vector<Allocator::Tunable> tunables = {
      {"limit", query.entries}, {"batchcount", (query.entries + 1) / 2}, {"shared", 0}};
  machine.scheduler().RunOn(CpuId(0), [&](Cpu& cpu) -> Task<void> {
    co_await slab.Boot(cpu);
    CHECK_EQ(slab.cache_count(), BootCaches(policy));
    while (slab.cache_count() < query.caches) {
      const CacheSpec spec{
          .name = fmt::format("cache-{}", slab.cache_count()), .object_size = 64, .no_merge = true};
      const absl::StatusOr<CacheId> created = co_await slab.CreateCache(cpu, spec);
      CHECK(created.ok());
      progress(static_cast<uint64_t>(slab.cache_count()));
    }
    for (int i = 0; i < slab.cache_count(); ++i) {
      const absl::Status tuned = co_await slab.TuneTogether(cpu, CacheId(i), tunables);
      CHECK(tuned.ok());
      progress(static_cast<uint64_t>(query.caches) + static_cast<uint64_t>(i));
    }
  });
  return {.arrays_bytes = slab.ArrayBytes(), .held_bytes = HeldBytes(slab)};
}

}  // namespace slablab
