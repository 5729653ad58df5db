// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// The parser of reference runs, and the replay of those that it takes: nothing that a file says may
// bring the model down.

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "tests/fuzz/fuzz_target.h"
#include "workloads/conformance.h"
#include "workloads/reference.h"

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
    Require(op.object < std::max(run->object_count, 1u));
  }
  // Larger machines take too long for a round.
  if (run->machine.cpus > 64 || run->machine.mib_per_node > 1024) return 0;
  const auto result = ReplayReference(*run);
  if (result.ok()) Require(result->placements.agreeing <= result->placements.total);
  return 0;
}
