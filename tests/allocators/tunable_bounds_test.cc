// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"
#include "tests/allocators/allocator_machine.h"

// Every tunable of every model with values far beyond sense: it is taken, or refused as the kernel
// refuses it (EINVAL, ENOMEM), and the cache works as before or as told.

namespace slablab {
namespace {

constexpr std::string_view kKeys[] = {
    "limit",
    "batchcount",
    "shared",
    "sharedfactor",
    "min_partial",
    "cpu_partial",
    "shrink",
    "batch_size",
    "cpu_queue_size",
    "cpu_batch_size",
    "expire",
    "alien_queue_size",
    "order",
    "shared_queue_size",
    "remote_node_defrag_ratio",
    "max_full_sheaves",
    "max_empty_sheaves",
    "sheaf_capacity",
};
constexpr int64_t kValues[] = {
    std::numeric_limits<int64_t>::min(),
    std::numeric_limits<int32_t>::min(),
    -1,
    0,
    1,
    2,
    4094,
    4095,
    65'535,
    524'286,  // as many pointers as kmalloc's largest block has behind SLAB's header
    524'287,
    536'870'910,  // whose bytes do not fit 32 bits
    536'870'912,
    std::numeric_limits<int32_t>::max() - 1,
    std::numeric_limits<int32_t>::max(),
    int64_t{1} << 31,
    std::numeric_limits<uint32_t>::max(),
    int64_t{1} << 32,
    std::numeric_limits<int64_t>::max(),
};

class TunableBoundsTest : public ::testing::TestWithParam<std::string> {};

TEST_P(TunableBoundsTest, AbsurdValuesAreRefusedOrTaken) {
  AllocatorMachine m(GetParam(), {.cpus = 4, .nodes = 2, .mib_per_node = 256});
  const CacheId cache = m.Create({.name = "bounds", .object_size = 256, .no_merge = true}).value();
  std::vector<PhysAddr> live;
  for (const std::string_view key : kKeys) {
    for (const int64_t value : kValues) {
      const absl::Status status = m.Tune(cache, key, value);
      EXPECT_TRUE(status.ok() || absl::IsInvalidArgument(status) ||
                  absl::IsResourceExhausted(status))
          << key << "=" << value << ": " << status;
      for (int cpu = 0; cpu < 4; ++cpu) {
        for (int i = 0; i < 12; ++i) {
          const PhysAddr object = m.Alloc(cpu, cache);
          if (!object.is_null()) live.push_back(object);
        }
        while (live.size() > 6) {
          m.Free(cpu, cache, live.front());
          live.erase(live.begin());
        }
      }
      EXPECT_FALSE(live.empty()) << key << "=" << value;
      m.allocator().CheckInvariants();
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Models, TunableBoundsTest, ::testing::ValuesIn(TestedModels()),
                         [](const auto& info) { return TestName(info.param); });

// slabinfo_write() of what kmalloc() or the percpu allocator cannot give ends in ENOMEM, and the
// former arrays stay.
TEST(SlabLimitTest, ArraysLargerThanCanBeAllocatedAreRefused) {
  struct Bound {
    std::string_view model;
    int64_t most;
  };
  // (32 KiB - 16) / 8, and (4 MiB - 16) / 8.
  for (const Bound& bound :
       {Bound{"slab", 4094}, Bound{"slab-2014-percpu", 4094}, Bound{"slab-2014", 524'286}}) {
    AllocatorMachine m(bound.model, {.cpus = 2, .mib_per_node = 256});
    const CacheId cache =
        m.Create({.name = "bounds", .object_size = 256, .no_merge = true}).value();
    const auto tune = [&](int64_t limit) { return m.Tune(cache, "limit", limit); };
    EXPECT_TRUE(tune(bound.most).ok()) << bound.model;
    for (const int64_t limit : {bound.most + 1, int64_t{536'870'912}, int64_t{2'147'483'647}}) {
      EXPECT_EQ(tune(limit).code(), absl::StatusCode::kResourceExhausted) << bound.model << limit;
    }
    m.allocator().CheckInvariants();
  }
}

}  // namespace
}  // namespace slablab
