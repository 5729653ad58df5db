// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// SLUB of 2010 and SLUB+Q ask the host for nothing once they are warm.

#include <cstdint>
#include <cstdlib>
#include <new>
#include <vector>

#include "allocators/slub_2010.h"
#include "gtest/gtest.h"
#include "sim/random.h"
#include "tests/allocators/explored_program.h"
#include "tests/allocators/slubq_machine.h"

// Counts the host's allocations, all through this program.
namespace {
uint64_t allocations = 0;
}

void* operator new(size_t bytes) {
  ++allocations;
  if (void* memory = std::malloc(bytes)) return memory;
  std::abort();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace slablab {
namespace {

// Four CPUs on two nodes that allocate and free at random, each other's objects too, and fill and
// empty the cache by turns, so that slabs come and go.
template <typename Model>
class Churn {
 public:
  static constexpr size_t kObjectsMax = 4000;

  Churn(ModelMachine<Model>& machine, CacheId cache) : m_(machine), cache_(cache), random_(7) {
    live_.reserve(kObjectsMax);
  }

  Task<void> Run(Cpu& cpu, int operations) {
    for (int i = 0; i < operations; ++i) {
      const bool filling = ++done_ / 20000 % 2 == 0;
      if (live_.empty() ||
          (live_.size() < kObjectsMax && random_.Below(10) < (filling ? 7u : 3u))) {
        const NodeId node =
            random_.Below(8) == 0 ? NodeId(static_cast<int>(random_.Below(2))) : kAnyNode;
        const Placement placement = co_await m_.slub().Alloc(cpu, cache_, kGfpAtomic, node);
        live_.push_back(placement.object);
      } else {
        std::swap(live_[random_.Below(live_.size())], live_.back());
        const PhysAddr object = live_.back();
        live_.pop_back();
        co_await m_.slub().Free(cpu, cache_, object);
      }
    }
  }

 private:
  ModelMachine<Model>& m_;
  const CacheId cache_;
  Random random_;
  std::vector<PhysAddr> live_;
  uint64_t done_ = 0;
};

template <typename Model>
class Models2010AllocationTest : public ::testing::Test {};
using Models = ::testing::Types<Slub2010, SlubQV3, SlubQV4>;
TYPED_TEST_SUITE(Models2010AllocationTest, Models);

TYPED_TEST(Models2010AllocationTest, NothingIsAllocatedAfterWarmUp) {
  ModelMachine<TypeParam> m({.cpus = 4, .nodes = 2});
  const CacheId cache = m.Create({.name = "churn", .object_size = 8192, .no_merge = true}).value();
  Churn<TypeParam> churn(m, cache);
  const auto run_everywhere = [&](int operations) {
    std::vector<Piece> pieces;
    for (int cpu = 0; cpu < 4; ++cpu) {
      pieces.push_back({CpuId(cpu), Priority::kTask,
                        [&churn, operations](Cpu& on) { return churn.Run(on, operations); }});
    }
    PieceSource source(pieces, m.machine().scheduler().now());
    const uint64_t before = allocations;
    m.machine().scheduler().Run(source);
    return allocations - before;
  };
  EXPECT_GT(allocations, 0u);  // It counts.
  // More slabs than there will be, then a run: all that grows has grown.
  std::vector<PhysAddr> objects;
  for (size_t i = 0; i < 2 * Churn<TypeParam>::kObjectsMax; ++i) {
    const PhysAddr object = m.Alloc(static_cast<int>(i % 4), cache);
    if (!object.is_null()) objects.push_back(object);
  }
  for (PhysAddr object : objects) m.Free(1, cache, object);
  run_everywhere(100'000);
  const uint64_t slabs = m.Count(cache, "alloc_slab");
  EXPECT_EQ(run_everywhere(100'000), 0u);
  EXPECT_GT(m.Count(cache, "alloc_slab") - slabs, 500u);
  EXPECT_GT(m.Count(cache, "free_slowpath"), 1000u);
  m.slub().CheckInvariants();
}

}  // namespace
}  // namespace slablab
