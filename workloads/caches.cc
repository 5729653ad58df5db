// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/caches.h"

namespace slablab {

absl::StatusOr<CacheId> FindOrCreateCache(Machine& machine, Allocator& allocator,
                                          const CacheSpec& spec) {
  const CacheId existing = allocator.FindCache(spec.name);
  if (existing != kNoCache) return existing;
  absl::StatusOr<CacheId> made = kNoCache;
  machine.scheduler().RunOn(
      CpuId(0), [&](Cpu& cpu) -> Task<void> { made = co_await allocator.CreateCache(cpu, spec); });
  return made;
}

absl::StatusOr<std::vector<CacheId>> FindOrCreateCaches(const TraceHeader& trace, Machine& machine,
                                                        Allocator& allocator) {
  std::vector<CacheId> ids;
  for (const TraceCache& cache : trace.caches) {
    if (cache.name.empty() || cache.object_size == 0) {
      ids.push_back(cache.name.empty() ? kNoCache : allocator.FindCache(cache.name));
      continue;
    }
    const absl::StatusOr<CacheId> id =
        FindOrCreateCache(machine, allocator,
                          {.name = cache.name,
                           .object_size = cache.object_size,
                           .align = cache.align,
                           .hwcache_align = cache.hwcache_align,
                           .has_constructor = cache.has_constructor,
                           .typesafe_by_rcu = cache.typesafe_by_rcu,
                           .reclaim_account = cache.reclaim_account,
                           .mem_spread = cache.reclaim_account});
    if (!id.ok()) return id.status();
    ids.push_back(*id);
  }
  return ids;
}

}  // namespace slablab
