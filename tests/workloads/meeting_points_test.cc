// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/closed/meeting_points.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include "base/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace slablab {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Placement At(uint64_t address) { return {.object = PhysAddr(address)}; }

Step Send(uint32_t count, uint64_t place) {
  return {.kind = Step::Kind::kSend, .bytes = count, .queue = 0, .object = place};
}
Step Receive(uint32_t count, uint64_t place) {
  return {.kind = Step::Kind::kReceive, .bytes = count, .queue = 0, .object = place};
}

// Tasks at one queue: each has one step at a time, in places of its own.
class Points {
 public:
  static constexpr uint64_t kPlaces = 8;  // of a task

  Points(QueueShape shape, uint32_t tasks)
      : points_({shape}, {tasks}, tasks), places_(tasks * kPlaces) {}

  bool Send(TaskIndex task, uint32_t count) {
    std::vector<uint64_t> objects;
    for (uint32_t i = 0; i < count; ++i) {
      const uint64_t place = task * kPlaces + i;
      if (places_.empty(place)) places_.Publish(place, At(++made_ * 64), kNoCache, 8);
      objects.push_back(places_.at(place).address.value() / 64);
    }
    const bool done = points_.Send(task, slablab::Send(count, task * kPlaces), places_, Note());
    if (done) sent_.insert(sent_.end(), objects.begin(), objects.end());
    return done;
  }
  bool Receive(TaskIndex task, uint32_t count) {
    return points_.Receive(task, slablab::Receive(count, task * kPlaces), places_, Note());
  }
  bool MeetAt(TaskIndex task) { return points_.MeetAt(0, task, Note()); }
  // The numbers of all objects sent so far, in order.
  const std::vector<uint64_t>& sent() const { return sent_; }
  // Of those that a task has received; it has them no more.
  std::vector<uint64_t> TakeAll(TaskIndex task) {
    std::vector<uint64_t> all;
    const uint64_t end = (task + 1) * kPlaces;
    for (uint64_t place = task * kPlaces; place < end && !places_.empty(place); ++place) {
      all.push_back(places_.Take(place).address.value() / 64);
    }
    return all;
  }
  std::vector<TaskIndex> TakeWoken() { return std::exchange(woken_, {}); }
  const MeetingPoints& points() const { return points_; }

 private:
  std::function<void(TaskIndex)> Note() {
    return [this](TaskIndex task) { woken_.push_back(task); };
  }
  MeetingPoints points_;
  ObjectPlaces places_;
  uint64_t made_ = 0;
  std::vector<uint64_t> sent_;
  std::vector<TaskIndex> woken_;
};

TEST(MeetingPointsTest, AQueuePassesOnInOrder) {
  Points points({.capacity = 4, .resume_at = {}}, 2);
  EXPECT_TRUE(points.Send(0, 3));  // [1 2 3 .]
  EXPECT_TRUE(points.Receive(1, 2));
  EXPECT_THAT(points.TakeAll(1), ElementsAre(1, 2));  // [. . 3 .]
  EXPECT_TRUE(points.Send(0, 3));                     // [5 6 3 4], full
  EXPECT_TRUE(points.Receive(1, 4));
  EXPECT_THAT(points.TakeAll(1), ElementsAre(3, 4, 5, 6));
  EXPECT_THAT(points.TakeWoken(), IsEmpty());
}

TEST(MeetingPointsTest, WhatIsEnoughForSeveralWakesSeveral) {
  Points points({.capacity = 4, .resume_at = {}}, 5);
  EXPECT_FALSE(points.Receive(1, 3));  // waits: 1 for 3
  EXPECT_FALSE(points.Receive(2, 1));
  EXPECT_FALSE(points.Receive(3, 1));
  // The first in any case; of what it will not find enough of, the next may have some.
  EXPECT_TRUE(points.Send(0, 1));
  EXPECT_THAT(points.TakeWoken(), ElementsAre(1));
  EXPECT_FALSE(points.Receive(1, 3));  // Passes it on.
  EXPECT_THAT(points.TakeWoken(), ElementsAre(2));
  EXPECT_TRUE(points.Receive(2, 1));
  EXPECT_TRUE(points.Send(0, 4));
  EXPECT_THAT(points.TakeWoken(), ElementsAre(3, 1));
}

TEST(MeetingPointsTest, AtAMarkAllSendersGoOn) {
  Points points({.capacity = 3, .resume_at = 1}, 4);
  EXPECT_TRUE(points.Send(0, 3));
  EXPECT_FALSE(points.Send(1, 1));
  EXPECT_FALSE(points.Send(2, 1));
  EXPECT_TRUE(points.Receive(3, 1));  // two are left
  EXPECT_THAT(points.TakeWoken(), IsEmpty());
  EXPECT_TRUE(points.points().WaitsRightly(slablab::Send(1, 0)));
  EXPECT_THAT(points.TakeAll(3), ElementsAre(1));
  EXPECT_TRUE(points.Receive(3, 1));  // one is
  EXPECT_THAT(points.TakeWoken(), ElementsAre(1, 2));
  EXPECT_FALSE(points.points().WaitsRightly(slablab::Send(1, 0)));
}

TEST(MeetingPointsTest, TheLastAtABarrierWakesTheOthersInOrder) {
  Points points({.capacity = 1, .resume_at = {}}, 3);
  for (int round = 0; round < 2; ++round) {
    EXPECT_FALSE(points.MeetAt(2));
    EXPECT_FALSE(points.MeetAt(0));
    EXPECT_EQ(points.points().DescribeBarrier(0), "a barrier, where 2 of 3 tasks are");
    EXPECT_TRUE(points.MeetAt(1));
    EXPECT_THAT(points.TakeWoken(), ElementsAre(2, 0));
  }
}

// Random tasks: those that are awake take random steps, in any order. Nothing is lost, doubled or
// overtaken, and once nobody is awake who would take a step that can be done, nobody waits for one.
TEST(MeetingPointsTest, NobodyWaitsForWhatIsThere) {
  constexpr uint32_t kTasks = 6;
  size_t received_by_all = 0;
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    const auto capacity = static_cast<uint32_t>(1 + random.Below(Points::kPlaces));
    QueueShape shape = {.capacity = capacity, .resume_at = {}};
    if (random.Below(3) == 0) shape.resume_at = static_cast<uint32_t>(random.Below(capacity));
    Points points(shape, kTasks);
    struct Task {
      bool sends = false;
      uint32_t count = 0;
      bool waits = false;
    };
    std::vector<Task> tasks(kTasks);
    std::vector<TaskIndex> awake(kTasks);
    std::iota(awake.begin(), awake.end(), 0);
    size_t received = 0;
    for (int i = 0; i < 400 && !awake.empty(); ++i) {
      const uint64_t chosen = random.Below(awake.size());
      const TaskIndex index = awake[chosen];
      Task& task = tasks[index];
      if (!std::exchange(task.waits, false)) {
        task.sends = random.Below(2) == 0;
        task.count = static_cast<uint32_t>(1 + random.Below(capacity));
      }
      const bool done =
          task.sends ? points.Send(index, task.count) : points.Receive(index, task.count);
      if (done && !task.sends) {
        for (const uint64_t object : points.TakeAll(index)) {
          ASSERT_EQ(object, points.sent()[received++]);
        }
      }
      if (!done) {
        task.waits = true;
        awake.erase(awake.begin() + static_cast<std::ptrdiff_t>(chosen));
      }
      ASSERT_LE(points.points().size(0), capacity);
      for (const TaskIndex woken : points.TakeWoken()) {
        ASSERT_TRUE(tasks[woken].waits);
        ASSERT_EQ(std::count(awake.begin(), awake.end(), woken), 0);
        awake.push_back(woken);
      }
      const bool all_came = std::none_of(awake.begin(), awake.end(),
                                         [&](TaskIndex each) { return tasks[each].waits; });
      for (TaskIndex each = 0; all_came && each < kTasks; ++each) {
        if (!tasks[each].waits) continue;
        const Step step =
            tasks[each].sends ? Send(tasks[each].count, 0) : Receive(tasks[each].count, 0);
        ASSERT_TRUE(points.points().WaitsRightly(step)) << "task " << each;
      }
    }
    received_by_all += received;  // All may have begun by waiting.
  }
  EXPECT_GT(received_by_all, 5'000u);
}

}  // namespace
}  // namespace slablab
