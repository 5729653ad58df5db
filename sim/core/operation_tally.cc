// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sim/core/operation_tally.h"

namespace slablab {

void OperationTally::SumUp() {
  sums_of_ = Sums();
  charged_ = 0;
  more_ |= kHasSums;
}

void OperationTally::AddLarge(size_t cell, Cycles cycles, uint64_t count) {
  sums_of_[cell].cycles += cycles;
  sums_of_[cell].count += count;
  more_ |= kHasSums;
}

std::array<OperationTally::Cell, OperationTally::kCells> OperationTally::Sums() const {
  std::array<Cell, kCells> sums{};
  ForEach([&](size_t at, const Cell& cell) {
    sums[at].cycles += cell.cycles;
    sums[at].count += cell.count;
  });
  return sums;
}

void OperationTally::Forget() {
  if ((more_ & kHasSums) != 0) sums_of_ = {};
  more_ = 0;
  longest_ = LockWait();
  sums_ = {};
}

}  // namespace slablab
