// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sim/cache/line_watch.h"

#include <algorithm>
#include <vector>

#include "gtest/gtest.h"

namespace slablab {
namespace {

LineWatch::Bounce BounceOf(uint32_t handle, int cpu, uint64_t offset, uint32_t caller) {
  return {.handle = handle,
          .address = PhysAddr(uint64_t{handle} * kLineSize + offset),
          .is_write = cpu % 2 == 1,
          .outcome = Outcome::kTransferRemote,
          .cycles = 100,
          .cpu = CpuId(cpu),
          .node = NodeId(cpu / 2),
          .caller = caller};
}

// CPU 0 and CPU 3 write halves of line 7 in turn; then CPU 1 comes for what CPU 3 came for.
TEST(LineWatchTest, OtherBytesThanTheCpuBeforeAreFalseSharing) {
  LineWatch watch(64);
  watch.Note(BounceOf(7, 0, 0, 1));   // nobody before it
  watch.Note(BounceOf(7, 3, 32, 2));  // false
  watch.Note(BounceOf(7, 0, 0, 1));   // false
  watch.Note(BounceOf(7, 3, 32, 2));  // false
  watch.Note(BounceOf(7, 1, 32, 3));  // the same bytes
  watch.Note(BounceOf(9, 1, 32, 3));  // another line
  ASSERT_EQ(watch.size(), 2u);
  const LineWatch::Line& line = watch[0];
  EXPECT_EQ(line.line, 7u);
  EXPECT_EQ(line.bounces(), 5u);
  EXPECT_EQ(line.false_bounces, 3u);
  EXPECT_EQ(line.writes, 3u);
  EXPECT_EQ(line.remote(), 5u);
  EXPECT_EQ(line.cycles, 500u);
  EXPECT_EQ(line.cpus, 0b1011u);
  EXPECT_EQ(line.nodes, 0b11u);
  EXPECT_EQ(watch[1].bounces(), 1u);
}

// Of many that take a line, one that does so for half of the time is not lost.
TEST(LineWatchTest, WhoTakesALineMostStays) {
  LineWatch watch(8);
  for (uint32_t i = 0; i < 1000; ++i) {
    watch.Note(BounceOf(3, 0, 8, 77));
    watch.Note(BounceOf(3, 1, 16, 1000 + i));
  }
  const auto& uses = watch[0].uses;
  const auto most = std::max_element(
      uses.begin(), uses.end(),
      [](const LineWatch::Use& a, const LineWatch::Use& b) { return a.bounces < b.bounces; });
  EXPECT_EQ(most->purpose().caller, 77u);
  EXPECT_GT(most->bounces, 500u);
  EXPECT_EQ(watch[0].bounces(), 2000u);
}

}  // namespace
}  // namespace slablab
