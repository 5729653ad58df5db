// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sim/ledger.h"

namespace slablab {

std::string_view StructureName(Structure structure) {
  static constexpr std::string_view kNames[kStructures] = {
      "object", "free pointer",     "slab metadata",  "per-CPU area", "node",
      "lock",   "cache descriptor", "page allocator", "interrupt"};
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

}  // namespace slablab
