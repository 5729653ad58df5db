// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sim/ledger.h"

namespace slablab {

std::string_view StructureName(Structure structure) {
  static constexpr std::string_view kNames[kStructures] = {
      "object", "free pointer",     "slab metadata",  "per-CPU area", "node",
      "lock",   "cache descriptor", "page allocator", "interrupt",    "percpu map"};
  return kNames[static_cast<size_t>(structure)];
}

std::string_view OutcomeName(Outcome outcome) {
  static constexpr std::string_view kNames[kOutcomes] = {"L1",
                                                         "L2",
                                                         "LLC",
                                                         "upgrade",
                                                         "upgrade far",
                                                         "transfer domain",
                                                         "transfer node",
                                                         "transfer remote",
                                                         "DRAM local",
                                                         "DRAM remote"};
  return kNames[static_cast<size_t>(outcome)];
}

std::string_view CauseName(Cause cause) {
  static constexpr std::string_view kNames[kCauses] = {"instructions", "atomics", "lock wait",
                                                       "interrupts"};
  return kNames[static_cast<size_t>(cause)];
}

Ledger::Cell Ledger::cell(Site site, Structure structure) const {
  const Account& account = accounts_[static_cast<size_t>(site)];
  Cell cell;
  for (size_t outcome = 0; outcome < static_cast<size_t>(kOutcomes); ++outcome) {
    const Account::Tally& tally = account.touches_[static_cast<size_t>(structure)][outcome];
    cell.count[outcome] = tally.count;
    cell.cycles[outcome] = tally.cycles;
  }
  const uint64_t hits = account.l1_hits_[static_cast<size_t>(structure)];
  cell.count[static_cast<size_t>(Outcome::kL1)] += hits;
  cell.cycles[static_cast<size_t>(Outcome::kL1)] += hits * l1_hit_cycles_;
  return cell;
}

}  // namespace slablab
