// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// What stands beside the counters of the recorded kernel: those that it has, and no other.

#include "runs/simulation/kernel_comparison.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/allocators/allocator_machine.h"

namespace slablab {
namespace {

using ::testing::Contains;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::Not;

using Names = std::vector<std::string>;

// A cache of the recorded kernel, and which counters it has.
struct Recorded {
  std::string cache;
  Names counters;
};

class KernelComparisonTest : public ::testing::Test {
 protected:
  // What is said of a kernel whose counters, all of them, went from 3 to `now`, beside a model that
  // did nothing.
  RunResult Compared(const std::vector<Recorded>& kernel, int now) {
    TraceHeader trace;
    for (const auto& [name, value] : {std::pair{"before", 3}, std::pair{"after", now}}) {
      std::string text;
      for (const Recorded& cache : kernel) {
        // Without statistics a cache is there all the same.
        absl::StrAppend(&text, "/sys/kernel/slab/", cache.cache, "/object_size:64\n");
        for (const std::string& counter : cache.counters) {
          absl::StrAppend(&text, "/sys/kernel/slab/", cache.cache, "/", counter, ":", value,
                          " C0=", value, "\n");
        }
      }
      trace.sidecars.push_back({.name = absl::StrCat("sys-kernel-slab.", name), .contents = text});
    }
    const CounterSnapshot before(model_.allocator());
    RunResult result;
    const absl::Status status =
        CompareWithKernel(trace, model_.allocator(), RunAccount(), before, result);
    EXPECT_TRUE(status.ok()) << status;
    return result;
  }
  Names Counters() {
    Names names;
    for (const Figure& figure : model_.allocator().Counters(CacheId(0))) {
      names.emplace_back(figure.name);
    }
    return names;
  }
  static Names Without(Names names, const std::string& name) {
    std::erase(names, name);
    return names;
  }
  static Names Totals(const RunResult& result) {
    Names names;
    for (const CounterPair& pair : result.kernel().totals()) names.push_back(pair.counter());
    return names;
  }

  AllocatorMachine model_{"slub-6.1", {.allocator = {.statistics = true}}};
};

TEST_F(KernelComparisonTest, ACounterThatTheKernelLacksIsNotComparedAndIsNamed) {
  ASSERT_GT(Counters().size(), 20u);
  for (const std::string& absent : Counters()) {
    SCOPED_TRACE(absent);
    const Names present = Without(Counters(), absent);
    const RunResult result = Compared({{"kmalloc-64", present}, {"kmalloc-96", present}}, 10);
    EXPECT_THAT(Totals(result), ElementsAreArray(present));
    for (const CounterPair& pair : result.kernel().totals()) {
      EXPECT_EQ(pair.kernel(), 14);
      EXPECT_EQ(pair.simulated(), 0);
    }
    EXPECT_THAT(result.kernel().explanations(),
                Contains(absl::StrCat(
                    "Not compared, as the recorded kernel has no such counters: ", absent, ".")));
  }
}

TEST_F(KernelComparisonTest, SeveralAreNamedInTheModelsOrder) {
  const Names all = Counters();
  const Names present(all.begin() + 2, all.end());
  const RunResult result = Compared({{"kmalloc-64", present}}, 10);
  EXPECT_THAT(result.kernel().explanations(),
              Contains(HasSubstr(absl::StrCat("no such counters: ", all[0], ", ", all[1], "."))));
}

// One cache that has it is enough, and its share is the total.
TEST_F(KernelComparisonTest, ACounterOfOneCacheIsCompared) {
  const Names few = Without(Counters(), "free_frozen");
  const RunResult result = Compared({{"kmalloc-64", few}, {"kmalloc-96", Counters()}}, 10);
  EXPECT_THAT(Totals(result), ElementsAreArray(Counters()));
  EXPECT_THAT(result.kernel().explanations(), Not(Contains(HasSubstr("Not compared"))));
  for (const CounterPair& pair : result.kernel().totals()) {
    EXPECT_EQ(pair.kernel(), pair.counter() == "free_frozen" ? 7 : 14) << pair.counter();
  }
}

TEST_F(KernelComparisonTest, AKernelWithoutStatisticsIsNotCompared) {
  EXPECT_FALSE(Compared({{"kmalloc-64", {}}}, 10).has_kernel());
  EXPECT_FALSE(Compared({{"kmalloc-64", {"a_later_kernels"}}}, 10).has_kernel());
}

}  // namespace
}  // namespace slablab
