// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// The parser of reference runs, and the replay of those that it takes: nothing that a file says may
// bring the model down.

#include <string>
#include <string_view>
#include <vector>

#include "tests/fuzz/fuzz_target.h"
#include "workloads/conformance/conformance.h"
#include "workloads/conformance/reference.h"

namespace slablab {

std::vector<std::string> FuzzSeeds() {
  const std::string head =
      "slab-reference 1\nkernel linux-6.1.192 slub\n"
      "machine cpus=2 nodes=2 cpus_per_node=1 mib_per_node=64 page_size=4096 cache_line=64\n"
      "pattern small\ncache name=x object_size=1024 align=0 hwcache_align=0 ctor=0\n"
      "layout slab_size=1024 align=8 order=2 objs_per_slab=16 object_size=1024\n";
  return {
      head +
          "tune cpu_partial 5\na 0 0 0@0:0\nn 0 1 1 1@1:0\nf 1 0\nshrink\na 1 2 2@1:0\n"
          "count alloc_slab 3 C0=2 C1=1\nstate slabs_cpu_partial 16(2) C0=16(2)\nend\n",
      head +
          "tune limit=120 batchcount=60 shared=8\na 0 0 0@0:0\noffline 1\nf 0 0\nonline 1\n"
          "a 1 1 1@1:64\nstate slabs 2 N0=1 N1=1\nend\n",
      "slab-reference 2\nkernel linux-7.3.4 slub\n"
      "machine cpus=2 nodes=2 cpus_per_node=1 mib_per_node=64,0 page_size=4096 cache_line=64\n"
      "node_of_cpu 0 1\ndistance N0=10,20 N1=20,10\nfallback N0=0 N1=0\npattern small\n"
      "cache name=x object_size=1024 align=0 ctor=0 freeptr_offset=-1 sheaf_capacity=4 "
      "hwcache_align=0 typesafe_by_rcu=1 noleaktrace=0 red_zone=0 poison=0 store_user=0 "
      "reclaim_account=0 consistency_checks=0\ncreate 1\nA 0 0 2 0@0:0 0:1024\nr 1 1\n"
      "K 1 1 0\ng 0 1\nR 1 0 1 barn\nG\nR 0 1 2 flush\nKB 0 1 1\nGend\nshrink 1 0\n"
      "P 0 0 3 12\np 0 0 2 0:2048\nQ 1 0 5 12\nU 1 0\nF 0 1 2\n"
      "offline 1\ndead 0 1\ncheck barn N0=1/0:2\ncheck partiallist N0=1,2\n"
      "check gated C0=1\nslabinfo x 1 2\nend\n",
  };
}

}  // namespace slablab

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace slablab;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto run = ParseReference(text, "fuzz");
  if (!run.ok()) {
    Require(run.status().message().substr(0, 5) == "fuzz:");
    return 0;
  }
  for (const ReferenceOp& op : run->ops) {
    Require(op.cpu.value() < run->machine.cpus);
    for (const uint32_t object : run->ObjectsOf(op)) Require(object < run->object_count);
    for (const ReferencePlace& place : run->PlacesOf(op)) {
      Require(place.label < run->label_nodes.size());
    }
  }
  // Larger machines take too long for a round.
  if (run->machine.cpus > 64 || run->machine.mib_per_node > 1024) return 0;
  const auto result = ReplayReference(*run);
  if (result.ok()) Require(result->placements.agreeing <= result->placements.total);
  return 0;
}
