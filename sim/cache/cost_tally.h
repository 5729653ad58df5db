// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_SIM_CACHE_COST_TALLY_H_
#define SLABLAB_SIM_CACHE_COST_TALLY_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/types.h"
#include "sim/cache/ledger.h"

namespace slablab {

// What one operation has cost so far, beside what the ledger has of all: touches that the first
// line of a set of L1 did not answer, causes, and waits for locks. Hits that it did answer are what
// is left of the operation's cycles, so that the most frequent touch of all need not be counted.
class CostTally {
 public:
  struct Cell {
    uint64_t count = 0;
    Cycles cycles = 0;
  };
  struct Wait {
    uint32_t lock = 0;  // LockClass::number
    Cycles cycles = 0;
  };
  static constexpr size_t kCells = static_cast<size_t>(kStructures) * kOutcomes;
  static size_t CellOf(Structure structure, Outcome outcome) {
    return static_cast<size_t>(structure) * kOutcomes + static_cast<size_t>(outcome);
  }

  void Charge(Structure structure, Outcome outcome, Cycles cycles, uint64_t count = 1) {
    const size_t at = CellOf(structure, outcome);
    Cell& cell = cells_[at];
    if (cell.count == 0) used_[used_count_++] = static_cast<uint8_t>(at);
    cell.count += count;
    cell.cycles += cycles;
  }
  void Charge(Cause cause, Cycles cycles) { causes_[static_cast<size_t>(cause)] += cycles; }
  void AddWait(uint32_t lock, Cycles cycles) {
    if (keeps_waits_) waits_.push_back({.lock = lock, .cycles = cycles});
  }
  // One that nobody reads keeps none.
  void set_keeps_waits(bool keeps) { keeps_waits_ = keeps; }

  // Calls cell(index, Cell) for each that was charged, cause(index, cycles) for each cause, and
  // wait(Wait) for each wait; all is zero then.
  template <typename OnCell, typename OnCause, typename OnWait>
  void Drain(OnCell cell, OnCause cause, OnWait wait) {
    for (size_t i = 0; i < used_count_; ++i) {
      cell(used_[i], cells_[used_[i]]);
      cells_[used_[i]] = Cell();
    }
    used_count_ = 0;
    for (size_t i = 0; i < causes_.size(); ++i) cause(i, causes_[i]);
    causes_ = {};
    for (const Wait& each : waits_) wait(each);
    waits_.clear();
  }

 private:
  static_assert(kCells <= 256);
  std::array<Cycles, kCauses> causes_{};
  size_t used_count_ = 0;
  bool keeps_waits_ = false;
  std::vector<Wait> waits_;
  std::array<uint8_t, kCells> used_{};
  std::array<Cell, kCells> cells_{};
};

}  // namespace slablab

#endif  // SLABLAB_SIM_CACHE_COST_TALLY_H_
