// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "reports/text/text.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string>

#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reports/breakdown.h"
#include "tests/reports/example_result.h"

namespace slablab {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::Not;

// On a difference, the report found is in the test's outputs folder (bazel-testlogs/…/outputs.zip).
TEST(TextReportTest, ExampleReadsAsItShould) {
  const std::string report = TextReport(ExampleResult(), {.rows_max = 5});
  if (const char* folder = std::getenv("TEST_UNDECLARED_OUTPUTS_DIR")) {
    std::ofstream(std::string(folder) + "/example.report.txt") << report;
  }
  EXPECT_EQ(report, TestData("example.report.txt"));
}

// Numbers of any size, names of any kind.
TEST(TextReportTest, NoLineIsLongerThanEightyColumnsOrEndsInABlank) {
  Random random(6);
  for (int i = 0; i < 100; ++i) {
    const RunResult result = AnyResult(random);
    const std::string report = TextReport(result, {.rows_max = random.Below(8)});
    for (const absl::string_view line : absl::StrSplit(report, '\n')) {
      ASSERT_LE(line.size(), 80u) << line;
      ASSERT_FALSE(!line.empty() && line.back() == ' ') << line;
      for (const char c : line) ASSERT_TRUE(c >= ' ' && c <= '~') << line;
    }
  }
}

TEST(TextReportTest, AnEmptyResultIsNoReasonToFail) {
  EXPECT_THAT(TextReport(RunResult(), {}), HasSubstr("0: 0 allocations"));
}

TEST(TextReportTest, ARunWithoutFreesHasNoShareOfThem) {
  RunResult result = ExampleResult();
  auto& paths = *result.mutable_paths();
  paths.erase(std::remove_if(paths.begin(), paths.end(),
                             [](const PathStats& path) { return path.is_free(); }),
              paths.end());
  const std::string report = TextReport(result, {});
  EXPECT_THAT(report, HasSubstr("of the allocations took a fast path"));
  EXPECT_THAT(report, Not(HasSubstr("- of the frees")));
}

TEST(TextReportTest, ColourChangesNothingElse) {
  std::string coloured = TextReport(ExampleResult(), {.colour = true, .rows_max = 5});
  EXPECT_THAT(coloured, HasSubstr("\033[1m"));
  for (const std::string escape : {"\033[1m", "\033[0m"}) {
    for (size_t i = coloured.find(escape); i != std::string::npos; i = coloured.find(escape)) {
      coloured.erase(i, escape.size());
    }
  }
  EXPECT_EQ(coloured, TestData("example.report.txt"));
}

TEST(TextReportTest, NoLimitShowsEveryRow) {
  EXPECT_THAT(TextReport(ExampleResult(), {.rows_max = 1}),
              HasSubstr("... and 1 more of 2 caches used"));
  EXPECT_THAT(TextReport(ExampleResult(), {.rows_max = 0}), Not(HasSubstr("... and")));
}

TEST(TextReportTest, QueuesAreListedAsSysfsHasThemFullestFirst) {
  RunResult result;
  const auto add = [&](const char* name, uint64_t queued) {
    CacheStats& cache = *result.add_caches();
    cache.set_name(name);
    FigureValue& queue = *cache.add_states();
    queue.set_name("whatever its kernel calls it");
    queue.set_role(FigureValue::QUEUED);
    queue.set_per("cpu");
    queue.set_has_parentheses(true);
    queue.set_value(queued);
    queue.set_in_parentheses(240);
    FigurePart& part = *queue.add_parts();
    part.set_index(3);
    part.set_value(queued);
    part.set_in_parentheses(120);
  };
  add("few", 2);
  add("many", 70);
  add("none", 0);
  const std::string report = TextReport(result, {.queue_lists = {"slabs", "queue"}});
  EXPECT_THAT(report, HasSubstr("many\n  queue      70(240) C3=70(120)\n"
                                "few\n  queue      2(240) C3=2(120)\n"));
  EXPECT_THAT(report, Not(HasSubstr("none\n")));
  EXPECT_THAT(TextReport(result, {.rows_max = 1, .queue_lists = {"queue"}}),
              HasSubstr("... and 1 more of 2 caches that hold any"));
  EXPECT_THAT(TextReport(RunResult(), {.queue_lists = {"alien"}}),
              HasSubstr("hold nothing in such lists"));
  EXPECT_THAT(TextReport(result, {}), Not(HasSubstr("What the queues hold")));
}

// What the table of cycles promises: each cycle that is not a user's or an interrupt's is in
// exactly one row, also one with a name that this program does not know.
TEST(BreakdownTest, RowsAreAPartition) {
  Random random(7);
  for (int i = 0; i < 20; ++i) {
    const RunResult result = AnyResult(random);
    uint64_t cycles = 0;
    for (const TouchCell& cell : result.touches()) cycles += cell.cycles();
    for (const CauseCell& cell : result.causes()) cycles += cell.cycles();
    const CycleBreakdown breakdown = BreakDown(result);
    uint64_t rows = 0;
    for (const NamedSum& row : breakdown.allocator) rows += row.value;
    EXPECT_EQ(rows, breakdown.allocator_total);
    EXPECT_EQ(rows + breakdown.use + breakdown.interrupts, cycles);
  }
}

}  // namespace
}  // namespace slablab
