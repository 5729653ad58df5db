// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// What every model declares of itself (allocators/meanings.h, allocators/switches.h) is so.

#include <map>
#include <set>
#include <string>
#include <vector>

#include "allocators/registry.h"
#include "allocators/switches.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/allocators/allocator_machine.h"

namespace slablab {
namespace {

using ::testing::Contains;
using ::testing::Not;

class ContractTest : public ::testing::TestWithParam<std::string> {
 protected:
  ContractTest() : m_(GetParam(), {.cpus = 4, .nodes = 2}) {}
  const PathInfo& Info(PathId path) const { return m_.allocator().paths()[path]; }

  AllocatorMachine m_;
};

INSTANTIATE_TEST_SUITE_P(Models, ContractTest, ::testing::ValuesIn(TestedModels()),
                         [](const auto& info) { return TestName(info.param); });

// Reports tell the machine's own sites by these names, until they are told by type.
TEST_P(ContractTest, SitesAreNamedUnlikeTheMachines) {
  for (const char* of_machine : {"use", "page allocator", "interrupt", "boot"}) {
    EXPECT_THAT(m_.allocator().sites(), Not(Contains(of_machine)));
  }
}

TEST_P(ContractTest, EachKindHasAFastPathAndAnother) {
  std::map<PathKind, std::set<bool>> fast;
  std::set<std::string_view> names;
  for (const PathInfo& path : m_.allocator().paths()) {
    fast[path.kind].insert(path.is_fast);
    EXPECT_TRUE(names.insert(path.name).second) << path.name;
  }
  for (const PathKind kind : {PathKind::kAllocation, PathKind::kFree}) {
    EXPECT_EQ(fast[kind], (std::set<bool>{false, true}));
  }
}

// Wherever an object comes from and goes to, it does so by a path of that kind.
TEST_P(ContractTest, OperationsGoPathsOfTheirKind) {
  const CacheId cache = m_.Create({.name = "contract", .object_size = 1500}).value();
  std::vector<PhysAddr> objects;
  for (int i = 0; i < 200; ++i) {
    const Placement placement =
        m_.AllocWithPath(i % 4, cache, i % 3 == 0 ? NodeId(i % 2) : kAnyNode);
    EXPECT_EQ(Info(placement.path).kind, PathKind::kAllocation) << Info(placement.path).name;
    objects.push_back(placement.object);
  }
  const auto free = [&](int cpu, PhysAddr object) {
    PathId path = 0;
    m_.Run(cpu, [&](Cpu& on) -> Task<void> { path = co_await m_.allocator().Kfree(on, object); });
    EXPECT_EQ(Info(path).kind, PathKind::kFree) << Info(path).name;
  };
  for (size_t i = 0; i < objects.size(); ++i) free(static_cast<int>(i * 7 % 4), objects[i]);
  for (const uint64_t bytes : {0u, 1u, 100u, 8192u, 8193u, 100'000u}) {
    const Placement placement = m_.Kmalloc(1, bytes);
    EXPECT_EQ(Info(placement.path).kind, PathKind::kAllocation) << bytes;
    free(2, placement.object);
  }
  free(0, PhysAddr());
}

// Who counts the fast operations counts the others too, or there is no share.
TEST_P(ContractTest, CountersOfOperationsComeInPairs) {
  std::set<FigureRole> roles;
  for (const FigureInfo& counter : SwitchesOf(GetParam()).counters) roles.insert(counter.role);
  EXPECT_EQ(roles.contains(FigureRole::kFastAllocs), roles.contains(FigureRole::kSlowAllocs));
  EXPECT_EQ(roles.contains(FigureRole::kFastFrees), roles.contains(FigureRole::kSlowFrees));
}

TEST_P(ContractTest, CountersThatCanBeClearedAreThoseOfItsCaches) {
  std::vector<std::string> names;
  for (const Figure& figure : m_.allocator().Counters(CacheId(0))) names.push_back(figure.name);
  for (const FigureInfo& counter : SwitchesOf(GetParam()).counters) {
    EXPECT_THAT(names, Contains(std::string(counter.name)));
  }
}

TEST_P(ContractTest, PlainAndRecordedQuirksAreOfTheModel) {
  const ModelSwitches switches = SwitchesOf(GetParam());
  for (const std::vector<std::string>& quirks : {PlainQuirks(switches), RecordedQuirks(switches)}) {
    AllocatorOptions options;
    options.quirks = quirks;
    EXPECT_TRUE(CheckAllocator(GetParam(), m_.machine().config(), options).ok());
  }
}

}  // namespace
}  // namespace slablab
