// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// The importer of tracefs' `trace` file.

#include <string>
#include <string_view>
#include <vector>

#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/import_fuzz.h"

namespace slablab {

std::vector<std::string> FuzzSeeds() {
  return {
      "# tracer: nop\n#\n# entries-in-buffer/entries-written: 5/9   #P:2\n"
      "   bash-7340    [001] .....   668.064179: kfree: call_site=f+0x39b/0x400 [ext4] "
      "ptr=0000000000000000\n"
      "   bash-7340  ( 7340) [001] d..1.   668.064180: kmem_cache_alloc: call_site=g+0x3c/0x110 "
      "ptr=0000000024d84532 name=filp bytes_req=184 bytes_alloc=192 gfp_flags=GFP_KERNEL node=-1 "
      "accounted=true\n"
      "CPU:0 [LOST 7 EVENTS]\n"
      "  <...>-7346    [000] d.h1.   668.064181: kmem_cache_free: call_site=h+0x59/0x90 "
      "ptr=0000000024d84532 name=filp\n",
      "   wl.sh-7347  [000] d..1.   668.068146: percpu_alloc_percpu: call_site=m+0x2bf/0x4d0 "
      "reserved=0 is_atomic=1 size=16 align=8 base_addr=00000000a50ed6eb off=285752 "
      "ptr=000000005f3955cd bytes_alloc=64 gfp_flags=GFP_KERNEL\n"
      "   wl.sh-7347  [000] ...Z.   12345: percpu_free_percpu: base_addr=00000000a50ed6eb "
      "off=285752 "
      "ptr=000000005f3955cd\n"
      "   wl.sh-7347  [000] .....   12346: percpu_create_chunk: base_addr=00000000a50ed6eb\n",
      "root@dut:/# cat trace\n# tracer: nop\n# latency: 0 us, #3/9, CPU#0 | (M:server #P:4)\n"
      "    bash-853     2d.h1. 4582696626us+: kfree: call_site=f+0x1 ptr=          (null)\n"
      "    bash 853 2 9 00000000 0000002a [00000001112666b2] 4582696.630ms (+0.003ms): kmalloc: "
      "call_site=f+0x1 ptr=00000000a9b3c1d2 bytes_req=0x3c (60) bytes_alloc=0x40 (64) "
      "node=0xffffffff (-1)\n"
      "    bash-853     [002] .....  4582.696628: <stack trace>\n => kfree\n"
      "[    1.000001] bash-853     [002] .....  4582.696629: kfree: ptr=(____ptrval____)\n"
      "    bash-853     [001] .....  4582.600000: kfree: ptr=c7a0e041",
  };
}

}  // namespace slablab

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  slablab::FuzzTextImporter({reinterpret_cast<const char*>(data), size},
                            slablab::RecordingFormat::kTracefs);
  return 0;
}
