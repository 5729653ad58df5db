// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// The importer of trace-cmd report's text.

#include <string>
#include <string_view>
#include <vector>

#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/import_fuzz.h"

namespace slablab {

std::vector<std::string> FuzzSeeds() {
  return {
      "cpus=2\n"
      "  bash-7340  [001]   668.063789: kmalloc:   (f+0x10d) call_site=f+0x10d "
      "ptr=0xffff8882aeb92480 "
      "bytes_req=64 bytes_alloc=64 gfp_flags=GFP_KERNEL node=-1 accounted=false\n"
      "  bash-7340  [000]   668.063790: kfree:     (f+0x10d) call_site=f+0x10d "
      "ptr=0xffff8882aeb92480\n"
      "  bash-7340  [000]   668.063791: kfree:     (f+0x10d) call_site=f+0x10d ptr=(nil)\n",
      "  cc1-6958  [000]   668.063879123: mm_page_alloc:  page=0x29 pfn=0x29 order=0 migratetype=1 "
      "gfp_flags=GFP_HIGHUSER_MOVABLE\n"
      "CPU:1 [12 EVENTS DROPPED]\n"
      "  cc1-6958  [001]   668.063880000: mm_page_free:   page=0x29 pfn=0x29 order=0\n"
      "  cc1-6958  [001]   668.063880000: kmem_cache_alloc: call_site=g+0x1 ptr=0xffff888100000040 "
      "bytes_req=184 bytes_alloc=192 gfp_flags=0xcc0 node=1\n"
      "  cc1-6958  [001]   668.063880001: kmem_cache_free: call_site=h+0x1 ptr=0xffff888100000040 "
      "name=filp\n"
      "  cc1-6958  [001]   668.063880002: rss_stat: mm_id=1 curr=1 size=4096B\n",
  };
}

}  // namespace slablab

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  slablab::FuzzTextImporter({reinterpret_cast<const char*>(data), size},
                            slablab::RecordingFormat::kTraceCmdReport);
  return 0;
}
