// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sim/cache/holder_set.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <set>
#include <vector>

#include "base/random.h"

namespace slablab {
namespace {

std::vector<int> MembersOf(const HolderPool& pool, HolderPool::Set set) {
  std::vector<int> members;
  pool.ForEach(set, [&](int member) { members.push_back(member); });
  return members;
}

// Many sets of one pool beside std::set, through all that can be done to them. Sets stay small and
// their members near each other often enough to go from one kind to the next and back.
TEST(HolderPoolTest, DoesWhatSetsDo) {
  for (const int members : {1, 8, 29, 30, 64, 65, 1024, kMaxCpus}) {
    SCOPED_TRACE(members);
    Random random(static_cast<uint64_t>(members));
    HolderPool pool(members);
    std::vector<HolderPool::Set> sets(20, 0);
    std::vector<std::set<int>> wanted(sets.size());
    for (int step = 0; step < 20'000; ++step) {
      const size_t i = random.Below(sets.size());
      const uint64_t range = std::min<uint64_t>(static_cast<uint64_t>(members), 4 + 60 * (i % 2));
      const int member = members - 1 - static_cast<int>(random.Below(range));
      const HolderPool::Member in_pool = pool.member(member);
      const uint64_t what = random.Below(40);
      if (what == 0) {
        sets[i] = pool.Only(sets[i], in_pool);
        wanted[i] = wanted[i].count(member) != 0 ? std::set<int>{member} : std::set<int>{};
      } else if (what < 19) {
        sets[i] = pool.Without(sets[i], in_pool);
        wanted[i].erase(member);
      } else {
        sets[i] = pool.With(sets[i], in_pool);
        wanted[i].insert(member);
      }
      const bool held = wanted[i].count(member) != 0;
      ASSERT_EQ(MembersOf(pool, sets[i]), std::vector<int>(wanted[i].begin(), wanted[i].end()));
      ASSERT_EQ(sets[i] == 0, wanted[i].empty());
      ASSERT_EQ(pool.Contains(sets[i], in_pool), held);
      ASSERT_EQ(pool.HasOther(sets[i], in_pool), wanted[i].size() > (held ? 1u : 0u));
      if (wanted[i].size() == 1) {
        ASSERT_EQ(pool.MemberOf(sets[i]), *wanted[i].begin());
      }
      ASSERT_LT(sets[i], HolderPool::Set{1} << HolderPool::kSetBits);
    }
    for (size_t i = 0; i < sets.size(); ++i) {
      ASSERT_EQ(MembersOf(pool, sets[i]), std::vector<int>(wanted[i].begin(), wanted[i].end()));
    }
  }
}

}  // namespace
}  // namespace slablab
