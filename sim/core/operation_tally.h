// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_SIM_CORE_OPERATION_TALLY_H_
#define SLABLAB_SIM_CORE_OPERATION_TALLY_H_

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <string_view>

#include "base/types.h"
#include "sim/cache/ledger.h"

namespace slablab {

struct LockClass;

// Who had a lock, and in what code it was taken.
struct LockHolder {
  CpuId cpu{-1};
  Site site = Site::kUse;
};

// What reports call the rest of an operation's cycles: what L1 answers, code takes, and unlocked
// read-modify-writes.
inline constexpr std::string_view kCodeAndL1 = "code and L1";

// What one operation of a CPU has spent so far on what L1 did not answer, on locked
// read-modify-writes and on waiting; the rest of its cycles are its code's and L1's. Kept where the
// CPU charges these anyway: its fast ways know nothing of it. An interrupt in between has one of
// its own.
class OperationTally {
 public:
  struct LockWait {
    const LockClass* lock = nullptr;  // null: there was none
    LockHolder holder;                // when the wait began
    Cycles cycles = 0;
  };
  // All waits for locks of one class.
  struct LockSum {
    const LockClass* lock = nullptr;
    uint64_t count = 0;
    Cycles cycles = 0;
  };

  // A new operation begins.
  void Begin() {
    for (size_t word = 0; word < used_.size(); ++word) {
      for (uint64_t bits = used_[word]; bits != 0; bits &= bits - 1) {
        cells_[word * 64 + static_cast<size_t>(std::countr_zero(bits))] = Cell();
      }
      used_[word] = 0;
    }
    if (waits_ != 0) {
      longest_ = LockWait();
      waits_ = 0;
      sums_ = {};
    }
  }
  void Add(Structure structure, Outcome outcome, Cycles cycles, uint64_t count = 1) {
    Add(static_cast<size_t>(structure) * kOutcomes + static_cast<size_t>(outcome), cycles, count);
  }
  void Add(Cause cause, Cycles cycles) {
    Add(kStructures * kOutcomes + static_cast<size_t>(cause), cycles, 1);
  }
  void BeginLockWait(const LockClass& lock, LockHolder holder) {
    wait_ = {.lock = &lock, .holder = holder};
  }
  void EndLockWait(Cycles cycles) {
    Add(Cause::kLockWait, cycles);
    ++waits_;
    wait_.cycles = cycles;
    if (cycles > longest_.cycles) longest_ = wait_;
    for (LockSum& sum : sums_) {
      if (sum.lock != nullptr && sum.lock != wait_.lock) continue;
      sum.lock = wait_.lock;
      ++sum.count;
      sum.cycles += cycles;
      return;
    }
  }

  Cycles cycles(Structure structure, Outcome outcome) const {
    return cells_[static_cast<size_t>(structure) * kOutcomes + static_cast<size_t>(outcome)].cycles;
  }
  Cycles cycles(Cause cause) const {
    return cells_[kStructures * kOutcomes + static_cast<size_t>(cause)].cycles;
  }
  Cycles total() const {
    return std::accumulate(cells_.begin(), cells_.end(), Cycles{0},
                           [](Cycles sum, const Cell& cell) { return sum + cell.cycles; });
  }
  const LockWait& longest_wait() const { return longest_; }
  uint32_t lock_waits() const { return waits_; }
  // By class of locks, up to the first that has none. What an operation waits for beyond so many
  // classes is in none of them.
  const std::array<LockSum, 4>& lock_sums() const { return sums_; }

  struct Cell {
    Cycles cycles = 0;
    uint64_t count = 0;  // touches; of causes, how often
  };
  // First those of structures, by outcome; then those of causes.
  static constexpr size_t kCells = kStructures * kOutcomes + kCauses;
  // Calls visit(index, cell) for those that are not zero, ascending.
  template <typename Visit>
  void ForEach(Visit visit) const {
    for (size_t word = 0; word < used_.size(); ++word) {
      for (uint64_t bits = used_[word]; bits != 0; bits &= bits - 1) {
        const size_t cell = word * 64 + static_cast<size_t>(std::countr_zero(bits));
        visit(cell, cells_[cell]);
      }
    }
  }

 private:
  void Add(size_t cell, Cycles cycles, uint64_t count) {
    cells_[cell].cycles += cycles;
    cells_[cell].count += count;
    used_[cell / 64] |= uint64_t{1} << (cell % 64);
  }

  std::array<uint64_t, (kCells + 63) / 64> used_{};
  uint32_t waits_ = 0;
  std::array<Cell, kCells> cells_{};
  LockWait wait_;  // the latest, perhaps under way
  LockWait longest_;
  std::array<LockSum, 4> sums_{};
};

}  // namespace slablab

#endif  // SLABLAB_SIM_CORE_OPERATION_TALLY_H_
