// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sim/core/task.h"

#include <gtest/gtest.h>

#include <coroutine>
#include <memory>
#include <utility>
#include <vector>

namespace slablab {
namespace {

// Suspends whoever awaits Pass() and keeps the handle, as the scheduler does.
struct Gate {
  struct Point {
    Gate& gate;
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> point) noexcept { gate.waiting = point; }
    void await_resume() noexcept {}
  };
  std::coroutine_handle<> waiting;
  Point Pass() { return Point{*this}; }
  void Open() { ResumeChain(std::exchange(waiting, nullptr)); }
};

Task<int> Twice(int n) { co_return n * 2; }

Task<int> SumOfTwice(int n) {
  int sum = 0;
  for (int i = 1; i <= n; ++i) {
    const int twice = co_await Twice(i);
    sum += twice;
  }
  co_return sum;
}

TEST(TaskTest, RunsAtOnceAndToItsEndIfNothingSuspends) {
  const Task<int> task = SumOfTwice(100);
  ASSERT_TRUE(task.done());
  EXPECT_EQ(task.result(), 100 * 101);
}

TEST(TaskTest, GoesOnWhereItSuspended) {
  Gate gate;
  std::vector<int> steps;
  auto inner = [&](int n) -> Task<int> {
    steps.push_back(n);
    co_await gate.Pass();
    steps.push_back(n + 1);
    co_return n + 2;
  };
  auto outer = [&]() -> Task<void> {
    const int first = co_await inner(10);
    steps.push_back(first);
    const int second = co_await inner(20);
    steps.push_back(second);
  };
  const Task<void> task = outer();
  EXPECT_EQ(steps, (std::vector{10}));
  gate.Open();
  EXPECT_EQ(steps, (std::vector{10, 11, 12, 20}));
  EXPECT_FALSE(task.done());
  gate.Open();
  EXPECT_EQ(steps, (std::vector{10, 11, 12, 20, 21, 22}));
  EXPECT_TRUE(task.done());
}

TEST(TaskTest, ResultsAreMovedNotCopied) {
  Gate gate;
  auto make = [&]() -> Task<std::unique_ptr<int>> {
    co_await gate.Pass();
    co_return std::make_unique<int>(7);
  };
  int seen = 0;
  auto use = [&]() -> Task<void> {
    const std::unique_ptr<int> made = co_await make();
    seen = *made;
  };
  const Task<void> task = use();
  gate.Open();
  EXPECT_EQ(seen, 7);
}

TEST(TaskTest, DestroyingASuspendedTaskDestroysWhatItHolds) {
  Gate gate;
  auto count = std::make_shared<int>(0);
  {
    auto hold = [&](std::shared_ptr<int> held) -> Task<void> {
      co_await gate.Pass();
      ++*held;
    };
    Task<void> task = hold(count);
    EXPECT_EQ(count.use_count(), 2);
    task = Task<void>();
    EXPECT_EQ(count.use_count(), 1);
  }
  EXPECT_EQ(*count, 0);
}

Task<int> Depth(Gate& gate, int left) {
  co_await gate.Pass();
  if (left == 0) co_return 0;
  const int below = co_await Depth(gate, left - 1);
  co_await gate.Pass();  // And again on the way back.
  co_return below + 1;
}

TEST(TaskTest, AHundredThousandSuspendedCallersDoNotOverflowTheStack) {
  constexpr int kDepth = 100'000;
  Gate gate;
  const Task<int> task = Depth(gate, kDepth);
  int opened = 0;
  while (gate.waiting) {
    gate.Open();
    ++opened;
  }
  EXPECT_EQ(opened, 2 * kDepth + 1);
  ASSERT_TRUE(task.done());
  EXPECT_EQ(task.result(), kDepth);
}

Task<int> Fall(Gate& gate, int left) {
  if (left % 100 == 0) co_await gate.Pass();  // The way down is on the host's stack between these.
  if (left == 0) co_return 0;
  const int below = co_await Fall(gate, left - 1);
  co_return below + 1;
}

TEST(TaskTest, AHundredThousandCallersReturnInOneChainWithoutOverflowingTheStack) {
  constexpr int kDepth = 100'000;
  Gate gate;
  const Task<int> task = Fall(gate, kDepth);
  while (gate.waiting) gate.Open();
  ASSERT_TRUE(task.done());
  EXPECT_EQ(task.result(), kDepth);
}

TEST(FramePoolTest, HandsOutWhatWasReleasedBySize) {
  void* const small = internal::FramePool::Allocate(100);
  internal::FramePool::Release(small, 100);
  EXPECT_EQ(internal::FramePool::Allocate(128), small);  // The same 64-byte granules.
  void* const larger = internal::FramePool::Allocate(129);
  EXPECT_NE(larger, small);
  internal::FramePool::Release(small, 128);
  internal::FramePool::Release(larger, 129);
  void* const huge = internal::FramePool::Allocate(1 << 20);  // Not pooled.
  internal::FramePool::Release(huge, 1 << 20);
}

TEST(TaskDeathTest, AbortsWhenTheResultOfAnUnfinishedTaskIsAskedFor) {
  Gate gate;
  auto wait = [&]() -> Task<int> {
    co_await gate.Pass();
    co_return 1;
  };
  const Task<int> task = wait();
  EXPECT_EXIT(task.result(), testing::ExitedWithCode(3), "done");
}

}  // namespace
}  // namespace slablab
