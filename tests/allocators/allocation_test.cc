// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// No model asks the host for anything once it is warm.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/random.h"
#include "gtest/gtest.h"
#include "tests/allocators/allocator_machine.h"
#include "tests/allocators/explored_program.h"
#include "tests/sim/host_allocations.h"

namespace slablab {
namespace {

constexpr int kCpus = 4;

// Four CPUs on two nodes that allocate and free at random, each other's objects too, and fill and
// empty the cache by turns, so that slabs come and go.
class Churn {
 public:
  static constexpr size_t kObjectsMax = 4000;

  Churn(AllocatorMachine& machine, CacheId cache) : m_(machine), cache_(cache), random_(7) {
    live_.reserve(kObjectsMax);
  }

  uint64_t slow_allocs() const { return slow_allocs_; }
  uint64_t slow_frees() const { return slow_frees_; }

  // On all CPUs at once. Answers how often the host was asked meanwhile.
  uint64_t RunEverywhere(int operations) {
    std::vector<Piece> pieces;
    for (int cpu = 0; cpu < kCpus; ++cpu) {
      pieces.push_back({CpuId(cpu), Priority::kTask,
                        [this, operations](Cpu& on) { return Run(on, operations); }});
    }
    PieceSource source(pieces, m_.machine().scheduler().now());
    const uint64_t before = HostAllocations();
    m_.machine().scheduler().Run(source);
    return HostAllocations() - before;
  }

 private:
  Task<void> Run(Cpu& cpu, int operations) {
    for (int i = 0; i < operations; ++i) {
      const bool filling = ++done_ / 20000 % 2 == 0;
      if (live_.empty() ||
          (live_.size() < kObjectsMax && random_.Below(10) < (filling ? 7u : 3u))) {
        const NodeId node =
            random_.Below(8) == 0 ? NodeId(static_cast<int>(random_.Below(2))) : kAnyNode;
        const Placement placement = co_await m_.allocator().Alloc(cpu, cache_, kGfpAtomic, node);
        live_.push_back(placement.object);
        Note(placement.path);
      } else {
        std::swap(live_[random_.Below(live_.size())], live_.back());
        const PhysAddr object = live_.back();
        live_.pop_back();
        const PathId path = co_await m_.allocator().Free(cpu, cache_, object);
        Note(path);
      }
    }
  }
  void Note(PathId path) {
    const PathInfo& went = m_.allocator().paths()[path];
    if (!went.is_fast) ++(went.kind == PathKind::kFree ? slow_frees_ : slow_allocs_);
  }

  AllocatorMachine& m_;
  const CacheId cache_;
  Random random_;
  std::vector<PhysAddr> live_;
  uint64_t done_ = 0;
  uint64_t slow_allocs_ = 0;
  uint64_t slow_frees_ = 0;
};

// A cache of four objects a slab, what it is tuned to, and the counters that show that the churn
// goes along the paths on which a model might ask the host. Every model has to go paths that are
// not fast; one that has no line here is asked for no more than that.
struct Subject {
  std::string allocator;
  uint32_t object_size = 8192;
  std::vector<Allocator::Tunable> tunables = {};
  std::vector<std::string_view> busy = {};
};

std::vector<Subject> SubjectsInDetail() {
  const std::vector<Allocator::Tunable> short_lists = {{"cpu_partial", 8}, {"min_partial", 2}};
  const std::vector<Allocator::Tunable> short_arrays = {
      {"limit", 4}, {"batchcount", 2}, {"shared", 2}};
  const std::vector<std::string_view> arrays = {"alienoverflow", "freemiss", "nodeallocs", "grown"};
  const std::vector<std::string_view> slabs = {"alloc_slab", "free_slowpath"};
  const std::vector<std::string_view> sheaves = {"sheaf_refill", "free_slowpath",
                                                 "alloc_node_mismatch"};
  return {
      {.allocator = "slub-6.1",
       .tunables = short_lists,
       .busy = {"free_slab", "cpu_partial_drain", "alloc_node_mismatch"}},
      {.allocator = "slub-6.12",
       .tunables = short_lists,
       .busy = {"free_slab", "cpu_partial_drain", "alloc_node_mismatch"}},
      {.allocator = "slub-6.18",
       .tunables = short_lists,
       .busy = {"free_slab", "cpu_partial_drain", "alloc_node_mismatch"}},
      {.allocator = "slub-7.0", .tunables = {{"min_partial", 2}}, .busy = sheaves},
      {.allocator = "slub-7.1", .tunables = {{"min_partial", 2}}, .busy = sheaves},
      {.allocator = "slub-7.2", .tunables = {{"min_partial", 2}}, .busy = sheaves},
      {.allocator = "slub-7.3", .tunables = {{"min_partial", 2}}, .busy = sheaves},
      {.allocator = "slab", .object_size = 1024, .tunables = short_arrays, .busy = arrays},
      {.allocator = "slab-2014", .object_size = 1024, .tunables = short_arrays, .busy = arrays},
      {.allocator = "slab-2014-percpu",
       .object_size = 1024,
       .tunables = short_arrays,
       .busy = arrays},
      {.allocator = "slub-2010", .busy = slabs},
      {.allocator = "slubq-v2", .busy = slabs},
      {.allocator = "slubq", .busy = slabs},
      {.allocator = "slubq-v4", .busy = slabs},
  };
}

std::vector<Subject> Subjects() {
  std::vector<Subject> subjects;
  for (const std::string& name : TestedModels()) {
    subjects.push_back({.allocator = name});
    for (const Subject& detailed : SubjectsInDetail()) {
      if (detailed.allocator == name) subjects.back() = detailed;
    }
  }
  return subjects;
}

class WarmModelTest : public ::testing::TestWithParam<Subject> {};

INSTANTIATE_TEST_SUITE_P(Models, WarmModelTest, ::testing::ValuesIn(Subjects()),
                         [](const auto& info) { return TestName(info.param.allocator); });

TEST_P(WarmModelTest, NothingIsAllocated) {
  const Subject& subject = GetParam();
  AllocatorMachine m(subject.allocator, {.cpus = kCpus, .nodes = 2});
  const CacheId cache =
      m.Create({.name = "churn", .object_size = subject.object_size, .no_merge = true}).value();
  ASSERT_TRUE(m.TuneTogether(cache, subject.tunables).ok());
  Churn churn(m, cache);
  // More slabs than there will be, then a run: all that grows has grown.
  std::vector<PhysAddr> objects;
  for (size_t i = 0; i < 2 * Churn::kObjectsMax; ++i) {
    const PhysAddr object = m.Alloc(static_cast<int>(i % kCpus), cache);
    ASSERT_FALSE(object.is_null());
    objects.push_back(object);
  }
  m.FreeAll(1, cache, objects);
  EXPECT_GT(HostAllocations(), 0u);  // It counts.
  churn.RunEverywhere(400'000);
  std::map<std::string_view, uint64_t> before;
  for (std::string_view counter : subject.busy) before[counter] = m.Count(cache, counter);
  const uint64_t slow_allocs = churn.slow_allocs();
  const uint64_t slow_frees = churn.slow_frees();
  EXPECT_EQ(churn.RunEverywhere(100'000), 0u);
  EXPECT_GT(churn.slow_allocs() - slow_allocs, 500u);
  EXPECT_GT(churn.slow_frees() - slow_frees, 500u);
  for (std::string_view counter : subject.busy) {
    EXPECT_GT(m.Count(cache, counter) - before[counter], 500u) << counter;
  }
  m.allocator().CheckInvariants();
}

}  // namespace
}  // namespace slablab
