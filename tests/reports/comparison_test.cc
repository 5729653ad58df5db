// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "reports/comparison/comparison.h"

#include <cstdlib>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reports/delta.h"
#include "tests/reports/example_result.h"

namespace slablab {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// The example, as another allocator might have done it: no transfers between nodes any more, twice
// as many instructions, more memory.
RunResult OtherExample() {
  RunResult result = ExampleResult();
  result.mutable_config()->set_allocator("slab");
  uint64_t saved = 0;
  for (TouchCell& cell : *result.mutable_touches()) {
    if (cell.outcome() != "transfer remote" || cell.site() == "use") continue;
    saved += cell.cycles();
    cell.set_cycles(0);
  }
  uint64_t added = 0;
  for (CauseCell& cell : *result.mutable_causes()) {
    if (cell.cause() != "instructions" || cell.site() == "use") continue;
    added += cell.cycles();
    cell.set_cycles(2 * cell.cycles());
  }
  Totals& totals = *result.mutable_totals();
  totals.set_operation_cycles(totals.operation_cycles() + added - saved);
  result.mutable_parts(0)->set_cycles(totals.operation_cycles());
  FootprintSample& peak = *result.mutable_footprint_peak();
  peak.set_percpu_bytes(peak.percpu_bytes() + 3 * peak.slab_bytes());
  return result;
}

RunResult Sized(const std::string& allocator, int cpus, int nodes, uint64_t cycles) {
  RunResult result;
  result.mutable_config()->set_allocator(allocator);
  result.mutable_config()->set_machine(absl::StrCat("m@", cpus, "x", nodes));
  result.mutable_config()->set_cpus(cpus);
  result.mutable_config()->set_nodes(nodes);
  result.mutable_totals()->set_operations(10);
  result.mutable_totals()->set_operation_cycles(10 * cycles);
  return result;
}

// On a difference, the text found is in the test's outputs folder.
TEST(ComparisonTest, ExampleReadsAsItShould) {
  const std::string text = ComparisonText(Labelled({ExampleResult(), OtherExample()}), {});
  if (const char* folder = std::getenv("TEST_UNDECLARED_OUTPUTS_DIR")) {
    std::ofstream(std::string(folder) + "/example.comparison.txt") << text;
  }
  EXPECT_EQ(text, TestData("example.comparison.txt"));
}

TEST(ComparisonTest, NoLineIsLongerThanEightyColumnsOrEndsInABlank) {
  Random random(8);
  for (int i = 0; i < 30; ++i) {
    std::vector<RunResult> results;
    for (uint64_t n = 1 + random.Below(12); n > 0; --n) results.push_back(AnyResult(random));
    const std::vector<LabelledResult> set = Labelled(std::move(results));
    for (const absl::string_view line :
         absl::StrSplit(ComparisonText(set, {.rows_max = random.Below(8)}), '\n')) {
      ASSERT_LE(line.size(), 80u) << line;
      ASSERT_FALSE(!line.empty() && line.back() == ' ') << line;
      for (const char c : line) ASSERT_TRUE(c >= ' ' && c <= '~') << line;
    }
    for (const DataTable& table : ComparisonTables(set)) {
      for (const auto& row : table.rows) ASSERT_EQ(row.size(), table.columns.size()) << table.name;
    }
  }
}

// What no run measures but a file can say: twenty times a difference of 2^59 thousandths is
// negative in 64 bits, and was taken for none.
TEST(ComparisonTest, NumbersAsLargeAsAFileCanSayAreToldAsLarge) {
  RunResult absurd = OtherExample();
  absurd.mutable_totals()->set_operations(1000);
  absurd.mutable_totals()->set_use_cycles(uint64_t{1} << 59);
  for (CauseCell& cell : *absurd.mutable_causes()) cell.set_cycles(uint64_t{1} << 63);
  EXPECT_THAT(ComparisonText(Labelled({ExampleResult(), absurd}), {}),
              HasSubstr("Its users touch colder objects"));
}

TEST(ComparisonTest, EqualRunsAreSaidToBeEqual) {
  const std::vector<LabelledResult> set = Labelled({ExampleResult(), ExampleResult()});
  EXPECT_EQ(set[1].label, "slub #2");
  EXPECT_THAT(DifferencesInWords(set),
              AllOf(SizeIs(3), ElementsAre("2 runs of one configuration.",
                                           HasSubstr("spends as many cycles an operation as slub"),
                                           HasSubstr("about as much memory"))));
  for (const DataTable& table : ComparisonTables(set)) {
    if (table.name != "delta") continue;
    for (const auto& row : table.rows) EXPECT_THAT(row.back(), ::testing::AnyOf("=", "")) << row[1];
  }
}

TEST(ComparisonTest, WorkIsRankedWhereAllCountTheSame) {
  const auto doing = [](const std::string& allocator, uint64_t work) {
    RunResult result = Sized(allocator, 4, 1, 100);
    result.mutable_config()->set_order("closed");
    result.mutable_config()->set_clock_mhz(1'000);
    result.mutable_totals()->set_work(work);
    result.mutable_totals()->set_work_unit("messages");
    result.mutable_totals()->set_end_time_cycles(1'000'000);
    return result;
  };
  EXPECT_THAT(DifferencesInWords(Labelled({doing("slub", 100), doing("slab", 150)})),
              ::testing::Contains(
                  "Messages a second, most first: slab (150,000) and slub (100,000, -33.3%)."));
  RunResult other = doing("slab", 150);
  other.mutable_totals()->set_work_unit("files");
  for (const std::string& words : DifferencesInWords(Labelled({doing("slub", 100), other}))) {
    EXPECT_THAT(words, ::testing::Not(HasSubstr("a second")));
  }
}

TEST(ComparisonTest, ReservationsAreStated) {
  RunResult other = ExampleResult();
  other.mutable_digests()->set_trace(7);
  other.mutable_config()->set_clock_mhz(1234);
  other.mutable_config()->set_slablab_version("0.0");
  other.mutable_totals()->set_failed_allocations(3);
  const std::string words =
      absl::StrJoin(DifferencesInWords(Labelled({ExampleResult(), other})), "\n");
  EXPECT_THAT(words, AllOf(HasSubstr("not of one trace"), HasSubstr("clocks differ"),
                           HasSubstr("different versions"), HasSubstr("3 allocations failed")));
}

TEST(LabelTest, AreMadeOfWhatDiffers) {
  RunResult base = ExampleResult();
  RunResult slab = base;
  slab.mutable_config()->set_allocator("slab");
  slab.mutable_config()->set_seed(9);
  const std::vector<LabelledResult> set = Labelled({base, slab, slab});
  EXPECT_EQ(set[0].label, absl::StrCat("slub seed=", base.config().seed()));
  EXPECT_EQ(set[1].label, "slab seed=9");
  EXPECT_EQ(set[2].label, "slab seed=9 #2");
}

TEST(LabelTest, OfOneAxisAreItsValuesAlone) {
  std::vector<RunResult> runs(3, ExampleResult());
  for (size_t i = 0; i < runs.size(); ++i) {
    runs[i].mutable_config()->mutable_tunables(0)->set_value(static_cast<int64_t>(10 * i));
  }
  const auto labels = [&] {
    std::vector<std::string> all;
    for (const LabelledResult& run : Labelled(runs)) all.push_back(run.label);
    return all;
  };
  EXPECT_THAT(labels(), ElementsAre("0", "10", "20"));
  EXPECT_THAT(DifferencesInWords(Labelled(runs))[0],
              HasSubstr("differ in the tunables (cpu_partial=0, cpu_partial=10 and"));
  // What all have is no matter.
  for (RunResult& run : runs) {
    NamedValue& further = *run.mutable_config()->add_tunables();
    further.set_name("min_partial");
    further.set_value(5);
  }
  EXPECT_THAT(labels(), ElementsAre("0", "10", "20"));
  runs[2].mutable_config()->mutable_tunables(1)->set_value(6);
  EXPECT_THAT(labels(), ElementsAre("cpu_partial=0,min_partial=5", "cpu_partial=10,min_partial=5",
                                    "cpu_partial=20,min_partial=6"));
  const RunConfig config = runs[0].config();
  for (size_t i = 0; i < runs.size(); ++i) {
    *runs[i].mutable_config() = config;
    runs[i].mutable_config()->mutable_run()->add_set(absl::StrCat("groups=", i));
    runs[i].mutable_config()->set_workload_textproto(absl::StrCat("default: ", i));
  }
  EXPECT_THAT(labels(), ElementsAre("0", "1", "2"));
  EXPECT_THAT(DifferencesInWords(Labelled(runs))[0],
              HasSubstr("differ in the workload's parameters (groups=0, groups=1 and groups=2)"));
}

TEST(LabelTest, AreUniqueWhateverTheNames) {
  Random random(9);
  for (int i = 0; i < 20; ++i) {
    std::vector<RunResult> results;
    for (int n = 0; n < 12; ++n) results.push_back(AnyResult(random));
    results.push_back(results.front());
    std::set<std::string> labels;
    for (const LabelledResult& run : Labelled(std::move(results))) labels.insert(run.label);
    EXPECT_THAT(labels, SizeIs(13));
  }
}

// Two allocators and two numbers of nodes over three sizes, in any order: four series.
TEST(SeriesTest, GrowInCpusAlone) {
  std::vector<RunResult> results;
  for (const int cpus : {16, 1, 4}) {
    for (const int nodes : {1, 2}) {
      for (const char* allocator : {"slub", "slab"}) {
        results.push_back(Sized(allocator, cpus, nodes, static_cast<uint64_t>(cpus)));
      }
    }
  }
  const std::vector<LabelledResult> set = Labelled(std::move(results));
  const std::vector<Series> all = ScalingSeries(set);
  ASSERT_THAT(all, SizeIs(4));
  for (const Series& series : all) {
    SCOPED_TRACE(series.name);
    std::vector<int> sizes;
    for (const size_t run : series.runs) {
      sizes.push_back(set[run].result.config().cpus());
      EXPECT_EQ(set[run].result.config().allocator(), series.line);
    }
    EXPECT_THAT(sizes, ElementsAre(1, 4, 16));
  }
  EXPECT_EQ(all[0].name, "slub 1 node");
  EXPECT_EQ(all[1].line, "slab");
  EXPECT_THAT(absl::StrJoin(DifferencesInWords(set), "\n"),
              HasSubstr("slub 1 node, from 1 to 16 CPUs: 1.0 to 16.0 cycles an operation (x16.0)"));
}

TEST(SeriesTest, OneSizeHasNone) {
  EXPECT_THAT(ScalingSeries(Labelled({Sized("slub", 4, 1, 1), Sized("slab", 4, 1, 1)})), IsEmpty());
}

// Of a metric where less is better, with three decimals; and of a percentage where more is.
TEST(DeltaTest, MarksAndChanges) {
  const Metric& cycles = *FindMetric("cycles_per_operation");
  const Metric& share = *FindMetric("alloc_fast_share");
  const Metric& moved = *FindMetric("remote_free_share");
  struct Case {
    const Metric& metric;
    std::optional<uint64_t> base;
    std::optional<uint64_t> candidate;
    std::string change;
    std::string mark;
  };
  const Case cases[] = {
      {cycles, 100'000, 100'000, "0", "="},
      {cycles, 100'000, 100'990, "+1.0%", "~"},
      {cycles, 100'000, 101'000, "+1.0%", "WORSE"},
      {cycles, 100'000, 99'000, "-1.0%", "better"},
      {cycles, 100'000, 0, "-100.0%", "better"},
      {cycles, 100'000, 999'000, "+899.0%", "WORSE"},
      {cycles, 100'000, 1'234'567, "x12.3", "WORSE"},
      {cycles, 0, 5, "from 0", "WORSE"},
      {cycles, 0, 0, "0", "="},
      {cycles, std::nullopt, 5, "-", ""},
      {cycles, 5, std::nullopt, "-", ""},
      {cycles, 1, ~uint64_t{0}, "x100,001.0", "WORSE"},
      {share, 50'000, 51'250, "+1.25 pt", "better"},
      {share, 50'000, 49'500, "-0.50 pt", "~"},
      {share, 50'000, 40'000, "-10.00 pt", "WORSE"},
      {moved, 50'000, 40'000, "-10.00 pt", "moved"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(absl::StrCat(c.base.value_or(0), " to ", c.candidate.value_or(0)));
    EXPECT_EQ(ChangeText(c.metric, c.base, c.candidate), c.change);
    EXPECT_EQ(MarkText(MarkOf(c.metric, c.base, c.candidate)), c.mark);
  }
}

// Who exchanges base and candidate exchanges better and worse.
TEST(DeltaTest, MarksAreAntisymmetricForLargeMoves) {
  const Metric& cycles = *FindMetric("cycles_per_operation");
  for (const uint64_t other : {1, 50, 98, 99, 101, 102, 200, 10'000}) {
    const Mark there = MarkOf(cycles, 100, other * 1);
    const Mark back = MarkOf(cycles, other * 1, 100);
    if (other > 98 && other < 102) continue;
    EXPECT_NE(there, back) << other;
    EXPECT_TRUE(there == Mark::kBetter || back == Mark::kBetter) << other;
  }
}

}  // namespace
}  // namespace slablab
