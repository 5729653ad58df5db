// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "allocators/slub/cpu_slabs/cpu_slabs.h"

#include "base/check.h"

namespace slablab {

// kmem_cache_open(): node structures, then the per-CPU structures.
Task<bool> CpuSlabs::Open(Cpu& cpu, KmemCache& s) {
  const bool have_nodes = co_await core_.InitNodes(cpu, s);
  if (!have_nodes) co_return false;
  // alloc_kmem_cache_cpus(): aligned for the double-word compare-and-exchange.
  const PercpuRequest request{.bytes = s.at.stats_in_cpu + core_.counter_bytes(), .align = 16};
  const bool have_area = co_await core_.AllocPercpu(cpu, s, &s.cpu_slab, request);
  if (!have_area) co_return false;
  // init_kmem_cache_cpus() writes every tid.
  for (int i = 0; i < core_.machine().config().possible_cpus; ++i) {
    const PhysAddr tid =
        core_.areas().AddressOn(s.cpu_slab.Peek(), CpuId(i), CacheCpu::kFreelistAt + 8);
    cpu.Touch({tid, Structure::kPerCpuArea}, Access::kWrite);
  }
  co_return true;
}

Task<void> CpuSlabs::Close(Cpu& cpu, KmemCache& s) {
  if (!s.cpu_slab.Peek().is_null()) co_await core_.FreePercpu(cpu, s, &s.cpu_slab);
}

void CpuSlabs::Inspect(const KmemCache& s, SlubInspection& inspection) const {
  for (size_t i = 0; i < s.cpus.size(); ++i) {
    const CacheCpu& c = s.cpus[i];
    if (!c.placed) continue;
    if (const Slab* slab = c.slab.Peek(); slab != nullptr) {
      inspection.Claim(*slab, {.frozen = true, .freelist = c.top.Peek().freelist});  // 1
    } else {
      CHECK_EQ(c.top.Peek().freelist, kNoObject);  // 2
    }
    for (const Slab* slab = c.partial.Peek(); slab != nullptr; slab = slab->partial.Peek().next) {
      inspection.Claim(*slab, {.frozen = core_.policy().freezes_cpu_partials});  // 1
      const CpuPartialLink link = slab->partial.Peek();
      CHECK_EQ(link.slabs, link.next == nullptr ? 1 : link.next->partial.Peek().slabs + 1);  // 3
    }
  }
}

void CpuSlabs::Describe(const KmemCache& s, CacheContents* contents) const {
  for (size_t i = 0; i < s.cpus.size(); ++i) {
    const CacheCpu& c = s.cpus[i];
    CacheContents::CpuSlab& cpu = contents->cpu_slabs.emplace_back();
    if (const Slab* const slab = c.slab.Peek(); slab != nullptr) {
      cpu.in_use = slab->word.Peek().inuse;
      for (ObjectIndex object = c.top.Peek().freelist; object != kNoObject;
           object = slab->free_pointer[object]) {
        ++cpu.free_objects;
      }
    }
    if (const Slab* const first = c.partial.Peek(); first != nullptr) {
      cpu.cpu_partial_slabs = static_cast<uint64_t>(first->partial.Peek().slabs);
    }
  }
}

}  // namespace slablab
