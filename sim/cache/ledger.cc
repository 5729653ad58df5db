// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sim/cache/ledger.h"

namespace slablab {

std::string_view StructureName(Structure structure) {
  static constexpr std::string_view kNames[kStructures] = {"object",
                                                           "free pointer",
                                                           "slab metadata",
                                                           "per-CPU area",
                                                           "node",
                                                           "lock",
                                                           "cache descriptor",
                                                           "page allocator",
                                                           "interrupt",
                                                           "percpu map",
                                                           "sheaf",
                                                           "per-CPU sheaves",
                                                           "barn"};
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
                                                       "interrupts", "CPU wait"};
  return kNames[static_cast<size_t>(cause)];
}

std::string_view PartName(Part part) {
  static constexpr std::string_view kNames[kParts] = {
      "in operations",    "in timers, put-off work", "giving memory back", "as CPUs come and go",
      "writing tunables", "in calls of other CPUs",  "elsewhere"};
  return kNames[static_cast<size_t>(part)];
}

namespace {

// What happens elsewhere is no allocator's: the cells leave it out.
constexpr auto kElsewhere = static_cast<size_t>(Part::kElsewhere);

}  // namespace

Ledger::Cell Ledger::cell(Site site, Structure structure) const {
  Cell cell;
  for (size_t part = 0; part < accounts_.size(); ++part) {
    if (part == kElsewhere) continue;
    const Account& account = accounts_[part][static_cast<size_t>(site)];
    for (size_t outcome = 0; outcome < static_cast<size_t>(kOutcomes); ++outcome) {
      const Account::Tally& tally = account.touches_[static_cast<size_t>(structure)][outcome];
      cell.count[outcome] += tally.count;
      cell.cycles[outcome] += tally.cycles;
    }
    const uint64_t hits = account.l1_hits_[static_cast<size_t>(structure)];
    cell.count[static_cast<size_t>(Outcome::kL1)] += hits;
    cell.cycles[static_cast<size_t>(Outcome::kL1)] += hits * l1_hit_cycles_;
  }
  return cell;
}

uint64_t Ledger::cycles(Site site, Cause cause) const {
  uint64_t sum = 0;
  for (size_t part = 0; part < accounts_.size(); ++part) {
    if (part == kElsewhere) continue;
    sum += accounts_[part][static_cast<size_t>(site)].causes_[static_cast<size_t>(cause)];
  }
  return sum;
}

uint64_t Ledger::cycles(Part part, Site site) const {
  const Account& account = accounts_[static_cast<size_t>(part)][static_cast<size_t>(site)];
  uint64_t sum = 0;
  for (const auto& structure : account.touches_) {
    for (const Account::Tally& tally : structure) sum += tally.cycles;
  }
  for (const uint64_t hits : account.l1_hits_) sum += hits * l1_hit_cycles_;
  for (const uint64_t cycles : account.causes_) sum += cycles;
  return sum;
}

}  // namespace slablab
