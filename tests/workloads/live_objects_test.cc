// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/live_objects.h"

#include <map>

#include "base/random.h"
#include "gtest/gtest.h"

namespace slablab {
namespace {

// Whatever comes and goes, it answers what a map would: in slabs, side by side, and scattered.
TEST(LiveObjectsTest, IsAMapOfAddresses) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    Random random(seed);
    LiveObjects objects;
    std::map<uint64_t, uint32_t> expected;
    const uint64_t keys = 1 + random.Below(20'000);
    const uint64_t spacing = uint64_t{8} << random.Below(8);
    for (uint32_t step = 0; step < 60'000; ++step) {
      const uint64_t key = 0x100000 + random.Below(keys) * spacing;
      if (random.Below(100) < 55) {
        objects.Insert({.key = key, .owner = step, .cpu = static_cast<uint16_t>(step % 1000)});
        expected[key] = step;
      } else {
        const LiveObjects::Taken taken = objects.Take(key);
        const auto found = expected.find(key);
        ASSERT_EQ(taken.owner != LiveObjects::kDead, found != expected.end());
        if (found == expected.end()) continue;
        ASSERT_EQ(taken.owner, found->second);
        ASSERT_EQ(taken.cpu, taken.owner % 1000);
        expected.erase(found);
      }
      if (step % 1000 == 0) {
        ASSERT_EQ(objects.size(), expected.size());
      }
    }
    size_t visited = 0;
    objects.ForEach([&](const LiveObjects::Object& object) {
      ++visited;
      EXPECT_EQ(expected.at(object.key), object.owner);
    });
    EXPECT_EQ(visited, expected.size());
  }
}

}  // namespace
}  // namespace slablab
