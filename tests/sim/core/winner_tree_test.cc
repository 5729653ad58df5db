// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sim/core/winner_tree.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <queue>
#include <utility>
#include <vector>

#include "base/random.h"

namespace slablab {
namespace {

using Entry = std::pair<uint64_t, size_t>;  // key, member
using Heap = std::priority_queue<Entry, std::vector<Entry>, std::greater<>>;

// Does the same to a tree and to a heap of the standard library that is made anew from what is in.
void ComparesWithAHeap(size_t members, int changes) {
  Random random(members);
  WinnerTree tree(members);
  std::vector<uint64_t> keys(members, WinnerTree::kNobody);
  const auto least = [&] {
    Heap heap;
    for (size_t i = 0; i < members; ++i) {
      if (keys[i] != WinnerTree::kNobody) heap.emplace(keys[i], i);
    }
    return heap.empty() ? Entry(WinnerTree::kNobody, 0) : heap.top();
  };
  for (int i = 0; i < changes; ++i) {
    const Entry first = least();
    ASSERT_EQ(tree.first(), first.first) << members << " members, change " << i;
    ASSERT_EQ(tree.empty(), first.first == WinnerTree::kNobody);
    if (random.Below(3) == 0 && !tree.empty()) {
      tree.Remove(first.second);
      keys[first.second] = WinnerTree::kNobody;
    } else {
      // Keys are few, so that some are equal, and are raised and lowered as it comes.
      const size_t member = random.Below(members);
      keys[member] = random.Below(3 * members);
      tree.Set(member, keys[member]);
    }
  }
  for (size_t i = 0; i < members; ++i) {
    EXPECT_EQ(tree.KeyOf(i), keys[i]);
    EXPECT_EQ(tree.Contains(i), keys[i] != WinnerTree::kNobody);
  }
}

TEST(WinnerTreeTest, AnswersTheLeastKeyWhateverIsPutInTakenOutAndChanged) {
  for (size_t members = 1; members <= 70; ++members) ComparesWithAHeap(members, 500);
  ComparesWithAHeap(4096, 2'000);
}

// Full, then emptied in order: every member comes out, in the order of the keys.
TEST(WinnerTreeTest, GivesEveryMemberInTheOrderOfKeys) {
  for (const size_t members : {1, 2, 3, 64, 65, 4096}) {
    Random random(members);
    WinnerTree tree(members);
    Heap heap;
    for (size_t i = 0; i < members; ++i) {
      const uint64_t key = random.Below(1'000) << 12 | i;
      tree.Set(i, key);
      heap.emplace(key, i);
    }
    for (; !heap.empty(); heap.pop()) {
      ASSERT_EQ(tree.first(), heap.top().first);
      tree.Remove(heap.top().second);
    }
    EXPECT_TRUE(tree.empty());
  }
}

}  // namespace
}  // namespace slablab
