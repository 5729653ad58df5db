// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// The importer of perf script's text.

#include <string>
#include <string_view>
#include <vector>

#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/import_fuzz.h"

namespace slablab {

std::vector<std::string> FuzzSeeds() {
  return {
      "  perf 14152 [000]   748.993098:    kmem:kmalloc: call_site=s+0x10c ptr=0xffff88823e318240 "
      "bytes_req=32 bytes_alloc=32 gfp_flags=GFP_KERNEL node=-1 accounted=false ffffffff816338cd "
      "__kmalloc_cache_node_noprof\n"
      "  perf 14152 [001]   748.993195001:    kmem:kfree: call_site=s+0x160 "
      "ptr=0xffff88823e318240\n"
      "  perf 14152 [001]   748.993196: PERF_RECORD_LOST lost 56\n",
      "Web Content 1/2 [001]   748.993203:  1 kmem:kmem_cache_alloc: call_site=g.part.0+0x24 "
      "ptr=0xffff88810087a000 name=names cache bytes_req=4096 bytes_alloc=4096 "
      "gfp_flags=GFP_KERNEL "
      "node=-1 accounted=false\n"
      "\tffffffff81635137 kmem_cache_alloc_noprof+0x7 ([kernel.kallsyms])\n\n"
      "  sh 7 [000]  749.0: kmem:kmem_cache_free: call_site=d+0x88 ptr=0xffff88810087a000 "
      "name=names_cache ffffffff81635137 kmem_cache_free\n"
      "  sh 7 [000]  749.1: percpu:percpu_alloc_percpu_fail: reserved=1 is_atomic=1 size=9 "
      "align=8\n",
  };
}

}  // namespace slablab

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  slablab::FuzzTextImporter({reinterpret_cast<const char*>(data), size},
                            slablab::RecordingFormat::kPerfScript);
  return 0;
}
