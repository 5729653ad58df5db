// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/auditor.h"

#include <iterator>
#include <map>
#include <utility>
#include <vector>

#include "base/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sim/core/rcu_by_hand.h"
#include "sim/machine.h"

namespace slablab {
namespace {

using ::testing::StartsWith;

class AuditorTest : public ::testing::Test {
 protected:
  void ExpectViolation(std::string_view what) {
    EXPECT_EQ(auditor_.violations(), 1u);
    EXPECT_THAT(auditor_.first_violation(), StartsWith(std::string(what) + ": object of "));
  }
  void Alloc(uint64_t at, uint64_t bytes) {
    auditor_.OnAlloc({.object = PhysAddr(at), .bytes = bytes});
  }
  void Free(uint64_t at, uint64_t bytes) { auditor_.OnFree(PhysAddr(at), bytes); }

  // Two nodes of 32 MiB each.
  Machine machine_{
      ReferenceMachine({.cpus = 2, .nodes = 2, .cpus_per_node = 1, .mib_per_node = 32})};
  Auditor auditor_{machine_};
  const uint64_t end_ =
      (machine_.config().memory.back().first_frame + machine_.config().memory.back().frames)
      << kPageShift;
};

TEST_F(AuditorTest, NeighboursMayTouch) {
  Alloc(4096, 24);
  Alloc(4096 + 24, 8);
  Alloc(4096 - 8, 8);
  Alloc(end_ - 4096, 4096);
  Free(4096, 24);
  Alloc(4096, 24);
  EXPECT_EQ(auditor_.violations(), 0u) << auditor_.first_violation();
  EXPECT_EQ(auditor_.live_objects(), 4u);
  EXPECT_EQ(auditor_.live_bytes(), 24u + 8 + 8 + 4096);
}

TEST_F(AuditorTest, SeesAnOverlapOfOneByte) {
  Alloc(4096, 25);  // to within the granule at 4096 + 24
  Alloc(4096 + 24, 8);
  ExpectViolation("handed out while in use");
}

TEST_F(AuditorTest, SeesAnOverlapAtTheFarEndOfALongObject) {
  Alloc(8192 + 2000, 8);
  Alloc(8192, 2001);
  ExpectViolation("handed out while in use");
}

TEST_F(AuditorTest, SeesAnOverlapInsideALongObject) {
  Alloc(8192, 8192);
  Alloc(8192 + 4096, 8);
  ExpectViolation("handed out while in use");
}

TEST_F(AuditorTest, SeesADoubleFree) {
  Alloc(4096, 600);
  Free(4096, 600);
  EXPECT_EQ(auditor_.violations(), 0u);
  Free(4096, 600);
  ExpectViolation("freed while not in use as such");
  EXPECT_EQ(auditor_.live_objects(), 0u);
}

// Of an object of 600 bytes: its beginning, its end, its middle, and more than it.
TEST_F(AuditorTest, SeesAFreeOfAPart) {
  for (const auto& [at, bytes] : std::vector<std::pair<uint64_t, uint64_t>>{
           {4096, 592}, {4096 + 8, 592}, {4096 + 64, 64}, {4096, 616}, {4096, 1208}}) {
    SCOPED_TRACE(testing::Message() << at << " " << bytes);
    Auditor auditor(machine_);
    auditor.OnAlloc({.object = PhysAddr(4096), .bytes = 600});
    auditor.OnAlloc({.object = PhysAddr(4096 + 608), .bytes = 600});
    auditor.OnFree(PhysAddr(at), bytes);
    EXPECT_EQ(auditor.violations(), 1u);
    EXPECT_THAT(auditor.first_violation(), StartsWith("freed while not in use as such: "));
    // Nothing was taken back.
    auditor.OnFree(PhysAddr(4096), 600);
    auditor.OnFree(PhysAddr(4096 + 608), 600);
    EXPECT_EQ(auditor.violations(), 1u);
    EXPECT_EQ(auditor.live_bytes(), 0u);
  }
}

TEST_F(AuditorTest, SeesMisalignment) {
  auditor_.OnAlloc({.object = PhysAddr(4096 + 32), .bytes = 64, .align = 64});
  ExpectViolation("not aligned");
}

TEST_F(AuditorTest, SeesTheWrongNode) {
  auditor_.OnAlloc({.object = PhysAddr(end_ - 64), .bytes = 64, .only_node = NodeId(1)});
  EXPECT_EQ(auditor_.violations(), 0u);
  auditor_.OnAlloc({.object = PhysAddr(end_ - 128), .bytes = 64, .only_node = NodeId(0)});
  ExpectViolation("on the wrong node");
}

TEST_F(AuditorTest, SeesWhatIsOutsideOfMemory) {
  const uint64_t most = ~uint64_t{0};
  for (const auto& [at, bytes] : std::vector<std::pair<uint64_t, uint64_t>>{
           {0, 8}, {end_, 8}, {end_ - 8, 16}, {most - 7, 8}, {most - 7, most}, {4096, most}}) {
    SCOPED_TRACE(testing::Message() << at << " " << bytes);
    Auditor auditor(machine_);
    auditor.OnAlloc({.object = PhysAddr(at), .bytes = bytes});
    EXPECT_EQ(auditor.violations(), 1u);
    EXPECT_THAT(auditor.first_violation(), StartsWith("outside of memory: "));
    Auditor of_frees(machine_);
    of_frees.OnFree(PhysAddr(at), bytes);
    EXPECT_EQ(of_frees.violations(), 1u);
    EXPECT_THAT(of_frees.first_violation(), StartsWith("freed outside of memory: "));
  }
}

TEST_F(AuditorTest, NamesTheFirstViolation) {
  Free(4096, 48);
  Alloc(4097, 8);
  EXPECT_EQ(auditor_.violations(), 2u);
  EXPECT_EQ(auditor_.first_violation(),
            "freed while not in use as such: object of 48 bytes at 0x1000");
}

// Beside a map of intervals, on a few pages so that they are crowded: the same verdict on every
// allocation and every free, right or wrong.
TEST_F(AuditorTest, AgreesWithAMapOfIntervals) {
  Random random(3);
  std::map<uint64_t, uint64_t> live;  // end by begin, in granules
  constexpr uint64_t kBase = 2 * kPageSize + 1600;
  constexpr uint64_t kGranules = 1500;
  const auto overlaps = [&](uint64_t begin, uint64_t end) {
    const auto behind = live.lower_bound(end);
    return behind != live.begin() && std::prev(behind)->second > begin;
  };
  uint64_t right = 0;
  uint64_t wrong = 0;
  for (int step = 0; step < 200'000; ++step) {
    uint64_t begin = random.Below(kGranules);
    uint64_t end = begin + 1 + random.Below(random.Chance(1, 10) ? 1200 : 4);
    const uint64_t before = auditor_.violations();
    if (random.Chance(1, 2)) {
      if (overlaps(begin, end)) continue;  // An overlap would leave the two in different states.
      Alloc(kBase + 8 * begin, 8 * (end - begin) - random.Below(8));
      live[begin] = end;
      ASSERT_EQ(auditor_.violations(), before) << auditor_.first_violation();
      continue;
    }
    if (!live.empty() && random.Chance(3, 4)) {  // Mostly near what is there.
      auto near = live.lower_bound(begin);
      if (near == live.end()) near = live.begin();
      begin = near->first + (random.Chance(1, 8) ? 1 : 0);
      end = near->second + (random.Chance(1, 8) ? 1 : 0);
      if (begin >= end) continue;
    }
    const auto found = live.find(begin);
    const bool legal = found != live.end() && found->second == end;
    Free(kBase + 8 * begin, 8 * (end - begin));
    ASSERT_EQ(auditor_.violations(), before + (legal ? 0 : 1)) << begin << " " << end;
    if (legal) live.erase(found);
    ++(legal ? right : wrong);
    ASSERT_EQ(auditor_.live_objects(), live.size());
  }
  EXPECT_GT(right, 10'000u);
  EXPECT_GT(wrong, 10'000u);
}

// --- Freed by kvfree_rcu. ---

class RcuAuditorTest : public AuditorTest {
 protected:
  RcuAuditorTest() { machine_.set_rcu(&rcu_); }
  void FreeRcu(uint64_t at, uint64_t bytes) { auditor_.OnFreeRcu(PhysAddr(at), bytes); }
  RcuByHand rcu_{2};
};

TEST_F(RcuAuditorTest, WhatWaitsIsHandedOutAgainAfterItsGracePeriod) {
  Alloc(4096, 64);
  Alloc(4160, 64);
  FreeRcu(4096, 64);
  EXPECT_EQ(auditor_.live_objects(), 1u);
  EXPECT_EQ(auditor_.LiveIn(PhysAddr(4096), 4096), 1u);
  rcu_.EndGracePeriod();
  FreeRcu(4160, 64);
  // Of the first, whole or in part and under another size.
  Alloc(4112, 16);
  Free(4112, 16);
  Alloc(4096, 64);
  rcu_.EndGracePeriod();
  Alloc(4160, 8);
  EXPECT_EQ(auditor_.violations(), 0u) << auditor_.first_violation();
}

TEST_F(RcuAuditorTest, NothingOfItIsHandedOutBefore) {
  for (const auto& [at, bytes] : {std::pair{4096, 64}, {4152, 8}, {4000, 200}, {4096, 8}}) {
    Auditor auditor(machine_);
    auditor.OnAlloc({.object = PhysAddr(4096), .bytes = 64});
    auditor.OnFreeRcu(PhysAddr(4096), 64);
    auditor.OnAlloc(
        {.object = PhysAddr(static_cast<uint64_t>(at)), .bytes = static_cast<uint64_t>(bytes)});
    EXPECT_EQ(auditor.violations(), 1u);
    EXPECT_THAT(auditor.first_violation(), StartsWith("handed out before its grace period"));
  }
}

TEST_F(RcuAuditorTest, ASecondFreeIsFound) {
  Alloc(4096, 64);
  FreeRcu(4096, 64);
  FreeRcu(4096, 64);
  ExpectViolation("freed while it waits for a grace period");
}

TEST_F(RcuAuditorTest, ASecondFreeOfTheOtherKindIsFound) {
  Alloc(4096, 64);
  FreeRcu(4096, 64);
  Free(4096, 64);
  ExpectViolation("freed while it waits for a grace period");
}

TEST_F(RcuAuditorTest, AUseIsFound) {
  Alloc(4096, 64);
  auditor_.OnUse(PhysAddr(4104), 8);
  auditor_.OnUse(PhysAddr(4096), 64);
  EXPECT_EQ(auditor_.violations(), 0u);
  FreeRcu(4096, 64);
  auditor_.OnUse(PhysAddr(4104), 8);
  ExpectViolation("used while it waits for a grace period");
}

TEST_F(RcuAuditorTest, ByTheMachinesOwnRcuNothingHasEndedThatWasNotAskedFor) {
  machine_.set_rcu(nullptr);
  Alloc(4096, 64);
  FreeRcu(4096, 64);
  Alloc(8192, 64);
  FreeRcu(8192, 64);
  EXPECT_EQ(auditor_.violations(), 0u);
  Alloc(4096, 64);
  ExpectViolation("handed out before its grace period has ended");
}

}  // namespace
}  // namespace slablab
