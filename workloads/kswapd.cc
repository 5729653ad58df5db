// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/kswapd.h"

#include "absl/strings/str_cat.h"

namespace slablab {

std::string KswapdSentence(const KswapdTally& tally, Cycles run_cycles) {
  if (tally.coalesced == 0) return "";
  std::string sentence =
      absl::StrCat("Memory pressure: ", tally.coalesced, " of ", tally.requests,
                   " requests came while the node's kswapd was at the one before, and were one "
                   "with it; a kswapd "
                   "that is always wanted shares its CPU evenly with the tasks there.");
  // Most were not needed: it never caught up.
  if (2 * tally.coalesced > tally.requests) {
    const Cycles permille = std::min<Cycles>(1000, tally.busy_cycles_max / (run_cycles / 1000 + 1));
    absl::StrAppend(&sentence, " Memory was short all the time: the kswapd of node ",
                    tally.busiest_node, " was at work ", permille / 10, ".", permille % 10,
                    " % of it, and the tasks of its CPU waited.");
  }
  return sentence;
}

}  // namespace slablab
