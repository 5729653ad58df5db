// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "traces/slt/address_predictor.h"

#include <cstdint>
#include <deque>

#include "base/random.h"
#include "gtest/gtest.h"

namespace slablab::slt {
namespace {

// Its top is a byte and comes round: it went on outside of its addresses then.
TEST(AddressStackTest, IsAStackHoweverOftenItsTopComesRound) {
  Random random(1);
  AddressPredictor predictor;
  predictor.Reset(/*cpus=*/1, /*classes=*/3);
  std::deque<uint64_t> expected[3];  // the newest in front
  uint64_t lasts[3] = {};
  for (uint64_t step = 1; step <= 100'000; ++step) {
    const auto which = static_cast<AddressClass>(random.Below(3));
    AddressPredictor::Stack& stack = predictor.Of(0, which);
    std::deque<uint64_t>& model = expected[which];
    ASSERT_EQ(stack.size(), model.size());
    ASSERT_EQ(stack.last(), lasts[which]);
    for (uint8_t slot = 0; slot < model.size(); ++slot) {
      ASSERT_EQ(stack.Find(model[slot]), slot) << "after " << step << " steps";
    }
    ASSERT_EQ(stack.Find(step), AddressPredictor::kMiss);
    // More come than go, so that it is full and forgets.
    if (!model.empty() && random.Chance(1, 3)) {
      const auto slot = static_cast<uint8_t>(random.Below(model.size()));
      lasts[which] = model[slot];
      ASSERT_EQ(stack.Take(slot), lasts[which]);
      model.erase(model.begin() + slot);
    } else if (random.Chance(1, 4)) {
      stack.Miss(step);
      lasts[which] = step;
    } else {
      stack.Push(step);
      model.push_front(step);
      if (model.size() > AddressPredictor::kDepth) model.pop_back();
    }
  }
}

}  // namespace
}  // namespace slablab::slt
