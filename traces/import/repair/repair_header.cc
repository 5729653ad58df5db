// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>

#include "base/check.h"
#include "traces/import/repair/repair.h"

// What the repairs have to say in a trace's header.

namespace slablab {

TraceCache Repairer::DescribeCache(uint16_t cache) const {
  TraceCache described;
  if (cache == 0) return described;
  described.name = caches_.strings()[cache];
  const CacheNames::Sizes sizes = names_.SizesOf(cache);
  described.object_size = sizes.bytes_req;
  described.slab_size = sizes.bytes_alloc;
  if (options_.known != nullptr) {
    for (const KnownCache& known : *options_.known) {
      if (known.name != described.name) continue;
      described.slab_size = known.slab_size;
      described.from_sidecar = true;
    }
  }
  if (options_.sysfs == nullptr) return described;
  const CacheSysfs* known = options_.sysfs->Find(described.name);
  if (known == nullptr) return described;
  described.object_size = static_cast<uint32_t>(known->Total("object_size"));
  described.slab_size = static_cast<uint32_t>(known->Total("slab_size"));
  described.align = static_cast<uint32_t>(known->Total("align"));
  described.hwcache_align = known->Flag("hwcache_align");
  described.has_constructor = !known->ctor.empty();
  described.typesafe_by_rcu = known->Flag("destroy_by_rcu");
  described.reclaim_account = known->Flag("reclaim_account");
  described.from_sidecar = true;
  return described;
}

// Where x86-64 without address randomisation maps physical memory (Documentation/arch/x86/x86_64/
// mm.rst): taken if every address lies within a tebibyte above it.
uint64_t Repairer::DirectMapBase() const {
  for (const uint64_t base : {uint64_t{0xffff888000000000}, uint64_t{0xff11000000000000}}) {
    if (address_min_ >= base && address_max_ >= base && address_max_ - base < kDirectMapReach)
      return base;
  }
  return 0;
}

void Repairer::DescribeTables(TraceHeader& header) const {
  CHECK(!is_survey_);
  header.call_sites = call_sites_.strings();
  header.gfp_flags = gfps_.strings();
  header.caches = described_;
}

void Repairer::Describe(TraceHeader& header) const {
  uint64_t merged = 0;
  for (const TraceCache& cache : described_) {
    if (options_.sysfs != nullptr && options_.sysfs->aliases.count(cache.name) != 0) ++merged;
  }
  header.tasks = tasks_;
  std::stable_sort(header.tasks.begin(), header.tasks.end(),
                   [](const TraceTask& a, const TraceTask& b) {
                     return a.pid != b.pid ? a.pid < b.pid : a.since < b.since;
                   });
  header.cpu_count = std::max(header.cpu_count, cpu_max_ + 1);
  header.addresses = options_.addresses;
  header.direct_map_base = DirectMapBase();
  for (int i = 0; i < kRepairs; ++i) {
    const auto repair = static_cast<Repair>(i);
    const uint64_t times = repair == Repair::kMergedCache ? merged : count(repair);
    if (times == 0) continue;
    TraceRepair& described = header.repairs.emplace_back(TraceRepair{
        std::string(RepairName(repair)), times, std::string(RepairExplanation(repair))});
    for (const auto& [of, part] : parts_) {
      if (of.first == repair) described.parts.push_back({of.second, part});
    }
    std::stable_sort(
        described.parts.begin(), described.parts.end(),
        [](const TraceRepair::Part& a, const TraceRepair::Part& b) { return a.count > b.count; });
  }
}

}  // namespace slablab
