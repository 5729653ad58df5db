// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// The parsers of what the kernel says beside the events. The first byte of an input says which.

#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "tests/fuzz/fuzz_target.h"
#include "traces/sidecar/sidecar.h"

namespace slablab {

std::vector<std::string> FuzzSeeds() {
  return {
      "0/sys/kernel/slab/filp/alloc_fastpath:72 C0=20 C2=52\n"
      "/sys/kernel/slab/:A-0000064/slabs_cpu_partial:52(5) C0=10(1) C1=42(4)\n"
      "/sys/kernel/slab/filp/ctor:init_once+0x0/0x10\nfs_cache -> :A-0000064\n",
      "1slabinfo - version: 2.1 (statistics)\n# name\n"
      "fib6_nodes 16 64 64 64 1 : tunables 120 60 8 : slabdata 1 1 0 : globalstat 16 17 1 2 3 4 5 "
      "6 7 : cpustat 8 9 10 11\n",
      "1slabinfo - version: 2.1\n:0000064 16 64 64 64 1 : tunables 0 0 0 : slabdata 1 1 0\n",
      "2Percpu Memory Statistics\nAllocation Info:\n----\n  unit_size           :      1048576\n"
      "Chunk: <- First Chunk\n  nr_alloc            :          377\n",
      "3Node 0, zone    DMA32\n  pages free     107565\n        min      493\n  pagesets\n"
      "    cpu: 0\n              count: 97\n  start_pfn:           1\n",
      "4node0 0-1,5\nnode1 2-3\n",
  };
}

}  // namespace slablab

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace slablab;
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0]) {
    case '0': {
      const auto slab = ParseSlabSysfs(text, "fuzz");
      if (!slab.ok()) break;
      for (const auto& [name, cache] : slab->caches) CHECK(slab->Find(name) == &cache);
      break;
    }
    case '1': {
      const auto slabinfo = ParseSlabinfo(text, "fuzz");
      if (!slabinfo.ok()) break;
      for (const SlabinfoCache& cache : slabinfo->caches) {
        CHECK(slabinfo->has_statistics == !cache.cpu_statistics.empty());
      }
      break;
    }
    case '2':
      (void)ParsePercpuStats(text, "fuzz");
      break;
    case '3': {
      const auto zones = ParseZoneinfo(text, "fuzz");
      if (zones.ok()) CHECK(!zones->empty());
      break;
    }
    default: {
      const auto nodes = ParseNodes(text, "fuzz");
      if (nodes.ok()) CHECK(nodes->size() <= static_cast<size_t>(kMaxCpus));
    }
  }
  return 0;
}
