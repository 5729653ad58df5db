// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sim/core/operation_tally.h"

namespace slablab {

void OperationTally::SumUp() {
  sums_of_ = Sums();
  charged_ = 0;
  has_sums_ = true;
}

std::array<OperationTally::Cell, OperationTally::kCells> OperationTally::Sums() const {
  std::array<Cell, kCells> sums = sums_of_;
  for (size_t i = 0; i < charged_; ++i) {
    sums[charges_[i].cell].cycles += charges_[i].cycles;
    sums[charges_[i].cell].count += charges_[i].count;
  }
  return sums;
}

void OperationTally::Forget() {
  if (has_sums_) sums_of_ = {};
  has_sums_ = false;
  longest_ = LockWait();
  waits_ = 0;
  sums_ = {};
}

}  // namespace slablab
