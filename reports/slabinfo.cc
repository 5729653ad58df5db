// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "reports/slabinfo.h"

#include "fmt/format.h"

namespace slablab {

std::string SlabInfoText(const RunResult& result) {
  std::string text =
      "slabinfo - version: 2.1\n"
      "# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab>"
      " : tunables <limit> <batchcount> <sharedfactor>"
      " : slabdata <active_slabs> <num_slabs> <sharedavail>\n";
  for (auto cache = result.caches().rbegin(); cache != result.caches().rend(); ++cache) {
    const SlabInfo& info = cache->slabinfo();
    text += fmt::format(
        "{:<17} {:>6} {:>6} {:>6} {:>4} {:>4} : tunables {:>4} {:>4} {:>4}"
        " : slabdata {:>6} {:>6} {:>6}\n",
        cache->name(), info.active_objects(), info.objects(), info.object_size(),
        info.objects_per_slab(), info.pages_per_slab(), info.limit(), info.batch_count(),
        info.shared_factor(), info.active_slabs(), info.slabs(), info.shared_available());
  }
  return text;
}

}  // namespace slablab
