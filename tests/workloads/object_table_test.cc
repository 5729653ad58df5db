// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/object_table.h"

#include <cstdlib>
#include <map>
#include <new>
#include <vector>

#include "base/random.h"
#include "gtest/gtest.h"
#include "tests/sim/host_allocations.h"

namespace slablab {
namespace {

using State = ObjectRecord::State;

// Begins objects in ascending order and ends them in any, beside a map that does the same.
TEST(ObjectTableTest, KeepsWhatAMapKeeps) {
  for (const uint64_t live_wanted : {1u, 50u, 5000u}) {
    Random random(live_wanted);
    ObjectTable table;
    std::map<uint64_t, uint32_t> model;
    std::vector<uint64_t> live;
    uint64_t last = 0;
    for (int step = 0; step < 60'000; ++step) {
      if (live.empty() || random.Below(2 * live_wanted) >= live.size()) {
        // Now and then ids are passed over, as those of pages are, whole chunks at once too.
        last += 1 + (random.Chance(1, 10) ? random.Below(random.Chance(1, 100) ? 5000 : 5) : 0);
        table.Begin(last, table.Find(last));
        ASSERT_EQ(table[last].state, State::kPending);
        table[last].state = State::kLive;
        table[last].bytes_req = static_cast<uint32_t>(step);
        model[last] = static_cast<uint32_t>(step);
        live.push_back(last);
      } else {
        const size_t index = random.Below(live.size());
        ASSERT_EQ(table[live[index]].bytes_req, model[live[index]]);
        table.End(live[index]);
        const ObjectRecord* ended = table.Find(live[index]);
        ASSERT_TRUE(ended == nullptr || ended->state == State::kUnknown);
        model.erase(live[index]);
        std::swap(live[index], live.back());
        live.pop_back();
      }
      if (step % 5000 != 0) continue;
      for (uint64_t object = 0; object < last + 2000; ++object) {
        const auto expected = model.find(object);
        const ObjectRecord* record = table.Find(object);
        if (expected == model.end()) {
          ASSERT_TRUE(record == nullptr || record->state == State::kUnknown) << object;
        } else {
          ASSERT_NE(record, nullptr) << object;
          ASSERT_EQ(record->state, State::kLive) << object;
          ASSERT_EQ(record->bytes_req, expected->second) << object;
        }
      }
    }
  }
}

// A recycled record says nothing of the object that had it before.
TEST(ObjectTableTest, AnEndedObjectLeavesNothing) {
  ObjectTable table;
  table.Begin(5, table.Find(5));
  table[5] = {.address = PhysAddr(64),
              .bytes_req = 9,
              .cache = CacheId(3),
              .waiter = CpuId(1),
              .state = State::kLive,
              .free_announced = true};
  table.End(5);
  table.Begin(5 + 1024, nullptr);  // In the memory that 5 had.
  const ObjectRecord& record = table[5 + 1024];
  EXPECT_TRUE(record.address.is_null());
  EXPECT_EQ(record.bytes_req, 0u);
  EXPECT_EQ(record.cache, kNoCache);
  EXPECT_LT(record.waiter.value(), 0);
  EXPECT_FALSE(record.free_announced);
}

TEST(ObjectTableTest, MemoryFollowsTheLiveObjects) {
  ObjectTable table;
  constexpr uint64_t kLive = 3000;
  const auto pass = [&](uint64_t begin, uint64_t end) {
    const uint64_t bytes_before = HostBytesAllocated();
    for (uint64_t object = begin; object < end; ++object) {
      table.Begin(object, table.Find(object));
      if (object > kLive) table.End(object - kLive);
    }
    return HostBytesAllocated() - bytes_before;
  };
  EXPECT_GT(pass(1, 100'000), kLive * sizeof(ObjectRecord));
  // A million more take the list of chunks' growth alone: 8 bytes for 1024 objects, doubled.
  EXPECT_LT(pass(100'000, 1'100'000), 64u << 10);
}

}  // namespace
}  // namespace slablab
