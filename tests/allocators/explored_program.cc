// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/allocators/explored_program.h"

#include "gtest/gtest.h"

namespace slablab {

uint64_t RunInEveryOrder(const OrderBounds& bounds,
                         const std::function<void(uint64_t order, Explorer& explorer)>& run) {
  Decisions decisions(bounds.switches_max);
  Chance chance;
  uint64_t orders = 0;
  bool all_are_gone = false;
  while (!all_are_gone && orders < bounds.orders_max + bounds.samples) {
    const bool is_sample = orders >= bounds.orders_max;
    run(orders, is_sample ? static_cast<Explorer&>(chance) : decisions);
    ++orders;
    if (::testing::Test::HasFailure()) {
      ADD_FAILURE() << "in order " << orders;
      return orders;
    }
    all_are_gone = !is_sample && !decisions.Next();
  }
  CHECK(all_are_gone || bounds.samples > 0);
  return orders;
}

void RunPieces(Scheduler& scheduler, const std::vector<Piece>& pieces, Explorer& explorer) {
  PieceSource source(pieces, scheduler.now());
  scheduler.set_explorer(&explorer);
  scheduler.Run(source);
  scheduler.set_explorer(nullptr);
}

}  // namespace slablab
