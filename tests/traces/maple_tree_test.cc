// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// What the nodes of maple trees tell of the frees that no event is of.

#include "traces/maple_tree.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace slablab {
namespace {

using ::testing::ElementsAre;

TEST(MapleTreeTest, CallSitesTellWhatANodeIsFor) {
  EXPECT_EQ(MapleStepOf("mas_preallocate+0x3c3", "GFP_KERNEL"), MapleStep::kReplace);
  // A store that must not sleep asks for its one node so too.
  EXPECT_EQ(MapleStepOf("mas_store_gfp+0x3f4", "GFP_NOWAIT"), MapleStep::kReplace);
  EXPECT_EQ(MapleStepOf("mas_wr_split+0xc29", "GFP_NOWAIT"), MapleStep::kPop);
  EXPECT_EQ(MapleStepOf("dst_setup.constprop.0+0xfb", "GFP_NOWAIT"), MapleStep::kPop);
  EXPECT_EQ(MapleStepOf("mas_dup_build+0x145", "GFP_KERNEL"), MapleStep::kCopyRoot);
  EXPECT_EQ(MapleStepOf("mas_dup_build+0x341", "GFP_NOWAIT"), MapleStep::kCopyChild);
  EXPECT_EQ(MapleStepOf("copy_process+0x32e", "GFP_KERNEL"), MapleStep::kNone);
  EXPECT_EQ(MapleStepOf("0xffffffff81234567", "GFP_NOWAIT"), MapleStep::kNone);
  EXPECT_TRUE(EndsMapleTree("__mt_destroy+0x63"));
  EXPECT_FALSE(EndsMapleTree("mas_destroy+0x2a"));
}

class Recording {
 public:
  // Answers the node's number.
  TraceObject Alloc(int pid, MapleStep step) {
    trees_.SawAllocation(++nodes_, {.time = ++now_ * 1000, .pid = pid}, step);
    return nodes_;
  }
  void Kfree(int pid, TraceObject node, bool ends_tree = true) {
    trees_.SawFree(node, {.time = ++now_ * 1000, .pid = pid}, ends_tree);
  }
  void UsedAgain(TraceObject node) { trees_.SawGone(node, ++now_ * 1000); }
  Nanos now() const { return now_ * 1000; }
  TraceObject nodes() const { return nodes_; }
  MapleTrees& Concluded() {
    trees_.Conclude();
    return trees_;
  }
  // "#NODE rcu TIME" or "#NODE bulk TIME", by number.
  std::vector<std::string> Frees() {
    Concluded();
    std::vector<std::string> lines;
    for (TraceObject node = 1; node <= nodes_; ++node) {
      const MapleTrees::Free* const freed = trees_.Find(node);
      if (freed == nullptr) continue;
      lines.push_back("#" + std::to_string(node) + (freed->by_rcu ? " rcu " : " bulk ") +
                      std::to_string(freed->moment.time));
    }
    return lines;
  }

 private:
  MapleTrees trees_;
  TraceObject nodes_ = 0;
  Nanos now_ = 0;
};

TEST(MapleTreeTest, ANodeGoesWhenAnotherIsWrittenInItsPlace) {
  Recording recording;
  recording.Alloc(7, MapleStep::kReplace);
  recording.Alloc(8, MapleStep::kReplace);  // another task's tree
  recording.Alloc(7, MapleStep::kReplace);
  const TraceObject root = recording.Alloc(7, MapleStep::kReplace);
  recording.Kfree(7, root);
  EXPECT_THAT(recording.Frees(), ElementsAre("#1 rcu 3001", "#3 rcu 4001"));
}

TEST(MapleTreeTest, ANodeThatIsGivenBackUnusedReplacedNothing) {
  Recording recording;
  recording.Alloc(7, MapleStep::kReplace);
  const TraceObject unused = recording.Alloc(7, MapleStep::kReplace);
  recording.Kfree(7, unused, /*ends_tree=*/false);
  EXPECT_THAT(recording.Frees(), ElementsAre());
}

TEST(MapleTreeTest, ASplitEndsOneAndTheTreeTakesItsLeavesAlong) {
  Recording recording;
  recording.Alloc(7, MapleStep::kReplace);
  recording.Alloc(7, MapleStep::kPop);
  recording.Alloc(7, MapleStep::kPop);
  const TraceObject root = recording.Alloc(7, MapleStep::kPop);
  recording.Alloc(7, MapleStep::kReplace);  // one of the leaves anew
  recording.Kfree(7, root);
  EXPECT_THAT(recording.Frees(), ElementsAre("#1 rcu 4001", "#2 bulk 6000", "#3 rcu 5001",
                                             "#5 bulk 6000"));
}

TEST(MapleTreeTest, WhatIsUsedAgainSoonerWentSooner) {
  Recording recording;
  recording.Alloc(7, MapleStep::kReplace);
  const TraceObject left = recording.Alloc(7, MapleStep::kPop);
  recording.Alloc(7, MapleStep::kPop);
  recording.Alloc(7, MapleStep::kReplace);
  recording.UsedAgain(left);
  EXPECT_THAT(recording.Frees(), ElementsAre("#1 rcu 3001", "#2 rcu 4001"));
}

// A copy's nodes go with the copy, whoever ends it; the exec that does has begun a tree before.
TEST(MapleTreeTest, ACopyEndsNothingAndGoesAsAWhole) {
  Recording recording;
  recording.Alloc(7, MapleStep::kReplace);
  const TraceObject copy = recording.Alloc(7, MapleStep::kCopyRoot);
  recording.Alloc(7, MapleStep::kCopyChild);
  recording.Alloc(7, MapleStep::kCopyChild);
  recording.Alloc(8, MapleStep::kReplace);
  recording.Kfree(8, copy);
  recording.Alloc(8, MapleStep::kReplace);
  recording.Alloc(7, MapleStep::kReplace);
  EXPECT_THAT(recording.Frees(), ElementsAre("#1 rcu 8001", "#3 bulk 6000", "#4 bulk 6000",
                                             "#5 rcu 7001"));
}

// Tasks that grow, copy and end trees of one level or two: as many nodes go by kvfree_rcu and in
// bulk as truly went, each at a time at which one truly did.
TEST(MapleTreeTest, AsManyGoAsWentAndWhenTheyDid) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed, /*stream=*/0);
    Recording recording;
    struct Tree {
      TraceObject root = kNoTraceObject;
      std::vector<TraceObject> leaves;
    };
    std::map<int, Tree> trees;      // by task
    std::map<int, Tree> forked;     // by task that has not called exec yet
    std::map<Nanos, int> by_rcu, in_bulk;  // by time, truly
    const auto end = [&](int pid, const Tree& tree) {
      recording.Kfree(pid, tree.root);
      if (!tree.leaves.empty()) in_bulk[recording.now()] += static_cast<int>(tree.leaves.size());
    };
    int tasks = 3;
    for (int step = 0; step < 200; ++step) {
      const int pid = static_cast<int>(random.Below(static_cast<uint64_t>(tasks)));
      if (forked.contains(pid)) {
        end(pid, forked[pid]);
        forked.erase(pid);
        continue;
      }
      Tree& tree = trees[pid];
      const uint64_t what = random.Below(10);
      if (tree.root == kNoTraceObject) {
        tree.root = recording.Alloc(pid, MapleStep::kReplace);
      } else if (what < 6) {
        const TraceObject node = recording.Alloc(pid, MapleStep::kReplace);
        ++by_rcu[recording.now() + 1];
        if (tree.leaves.empty()) {
          tree.root = node;
        } else {
          tree.leaves[random.Below(tree.leaves.size())] = node;
        }
      } else if (what < 7 && tree.leaves.empty()) {
        tree.leaves.push_back(recording.Alloc(pid, MapleStep::kPop));
        tree.leaves.push_back(recording.Alloc(pid, MapleStep::kPop));
        tree.root = recording.Alloc(pid, MapleStep::kPop);
        ++by_rcu[recording.now() + 1];
      } else if (what < 8 && tasks < 40) {
        Tree& copy = forked[tasks++];
        copy.root = recording.Alloc(pid, MapleStep::kCopyRoot);
        for (size_t i = 0; i < tree.leaves.size(); ++i) {
          copy.leaves.push_back(recording.Alloc(pid, MapleStep::kCopyChild));
        }
      } else if (what == 9) {
        end(pid, tree);
        tree = {};
      }
    }
    // What lives at the end cannot be told from what a tree's leaves are.
    for (const auto& [pid, tree] : trees) {
      if (tree.root != kNoTraceObject) end(pid, tree);
    }
    std::map<Nanos, int> found_rcu, found_bulk;
    MapleTrees& found = recording.Concluded();
    for (TraceObject node = 1; node <= recording.nodes(); ++node) {
      const MapleTrees::Free* const freed = found.Find(node);
      if (freed != nullptr) ++(freed->by_rcu ? found_rcu : found_bulk)[freed->moment.time];
    }
    EXPECT_EQ(found_rcu, by_rcu);
    EXPECT_EQ(found_bulk, in_bulk);
  }
}

}  // namespace
}  // namespace slablab
