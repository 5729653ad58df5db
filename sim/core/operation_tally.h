// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_SIM_CORE_OPERATION_TALLY_H_
#define SLABLAB_SIM_CORE_OPERATION_TALLY_H_

#include <array>
#include <cstddef>
#include <cstdint>
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
//
// Charges are written down one behind the other, in a word each, and summed up by who asks: most
// operations have few, and most are asked by nobody.
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

  // An operation begins, and ends: what is charged between two of them is nobody's.
  void Begin() {
    charged_ = 0;
    is_open_ = true;
    if (!is_plain()) [[unlikely]] {
      Forget();
    }
  }
  void End() { is_open_ = false; }
  bool is_open() const { return is_open_; }

  // One touch.
  void Add(Structure structure, Outcome outcome, uint32_t cycles) {
    Append(CellOf(structure, outcome), uint64_t{1} << kCountShift | cycles);
  }
  // Of several.
  void AddAll(Structure structure, Outcome outcome, Cycles cycles, uint64_t count) {
    Add(CellOf(structure, outcome), cycles, count);
  }
  void Add(Cause cause, Cycles cycles) { Add(CellOf(cause), cycles, 1); }
  void BeginLockWait(const LockClass& lock, LockHolder holder) {
    wait_ = {.lock = &lock, .holder = holder};
  }
  void EndLockWait(Cycles cycles) {
    Add(Cause::kLockWait, cycles);
    ++more_;
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

  Cycles cycles(Cause cause) const {
    Cycles sum = 0;
    ForEach([&](size_t at, const Cell& each) { sum += at == CellOf(cause) ? each.cycles : 0; });
    return sum;
  }
  Cycles total() const {
    Cycles sum = 0;
    ForEach([&](size_t, const Cell& cell) { sum += cell.cycles; });
    return sum;
  }
  const LockWait& longest_wait() const { return longest_; }
  uint32_t lock_waits() const { return more_ & ~kHasSums; }
  // By class of locks, up to the first that has none. What an operation waits for beyond so many
  // classes is in none of them.
  const std::array<LockSum, 4>& lock_sums() const { return sums_; }

  struct Cell {
    Cycles cycles = 0;
    uint64_t count = 0;  // touches; of causes, how often
  };
  // First those of structures, by outcome; then those of causes.
  static constexpr size_t kCells = kStructures * kOutcomes + kCauses;
  static constexpr size_t CellOf(Structure structure, Outcome outcome) {
    return static_cast<size_t>(structure) * kOutcomes + static_cast<size_t>(outcome);
  }
  static constexpr size_t CellOf(Cause cause) {
    return kStructures * kOutcomes + static_cast<size_t>(cause);
  }
  std::array<Cell, kCells> Sums() const;
  // Whether it is in charges_ alone, as most are; then AddPlain() adds what ForEach() visits to
  // kCells cells.
  bool is_plain() const { return more_ == 0; }
  void AddPlain(Cell* cells) const {
    const uint64_t* const end = charges_.data() + charged_;
    for (const uint64_t* charge = charges_.data(); charge != end; ++charge) {
      Cell& cell = cells[*charge >> kCellShift];
      cell.cycles += static_cast<uint32_t>(*charge);
      cell.count += *charge >> kCountShift & kCountMost;
    }
  }
  // Calls visit(index, cell) with what adds up to the cells: one may come several times.
  template <typename Visit>
  void ForEach(Visit visit) const {
    for (size_t i = 0; i < charged_; ++i) {
      const uint64_t charge = charges_[i];
      visit(charge >> kCellShift,
            Cell{.cycles = static_cast<uint32_t>(charge),
                 .count = charge >> kCountShift & kCountMost});
    }
    if ((more_ & kHasSums) == 0) [[likely]] return;
    for (size_t cell = 0; cell < kCells; ++cell) {
      if (sums_of_[cell].count != 0) visit(cell, sums_of_[cell]);
    }
  }

 private:
  // A charge is a word: its cell, its count, its cycles.
  static constexpr int kCellShift = 48;
  static constexpr int kCountShift = 32;
  static constexpr uint64_t kCountMost = (uint64_t{1} << (kCellShift - kCountShift)) - 1;
  static constexpr size_t kCharges = 128;
  static constexpr uint32_t kHasSums = uint32_t{1} << 31;  // there is something in sums_of_

  void Add(size_t cell, Cycles cycles, uint64_t count) {
    if (cycles >> kCountShift != 0 || count > kCountMost) [[unlikely]] {
      return AddLarge(cell, cycles, count);
    }
    Append(cell, count << kCountShift | cycles);
  }
  void Append(size_t cell, uint64_t count_and_cycles) {
    charges_[charged_] = static_cast<uint64_t>(cell) << kCellShift | count_and_cycles;
    if (++charged_ == kCharges) [[unlikely]] {
      SumUp();
    }
  }
  // What does not fit a word.
  void AddLarge(size_t cell, Cycles cycles, uint64_t count);
  // Makes room for more charges.
  void SumUp();
  void Forget();

  uint32_t charged_ = 0;  // so many are in charges_
  uint32_t more_ = 0;  // the number of waits for locks, and kHasSums
  bool is_open_ = false;
  std::array<uint64_t, kCharges> charges_{};
  std::array<Cell, kCells> sums_of_{};  // of charges that there was no room for any more
  LockWait wait_;  // the latest, perhaps under way
  LockWait longest_;
  std::array<LockSum, 4> sums_{};
};

}  // namespace slablab

#endif  // SLABLAB_SIM_CORE_OPERATION_TALLY_H_
