// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "reports/comparison/headline.h"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reports/delta.h"
#include "reports/numbers.h"
#include "reports/text/mail.h"
#include "reports/text/text.h"
#include "tests/reports/example_result.h"

namespace slablab {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// The example with other cycles in all, and other memory.
RunResult Costing(const std::string& allocator, uint64_t instructions, uint64_t percpu_bytes,
                  uint64_t seed = 1) {
  RunResult result = ExampleResult();
  result.mutable_config()->set_allocator(allocator);
  result.mutable_config()->set_seed(seed);
  result.mutable_digests()->set_end_state(instructions + percpu_bytes);
  for (CauseCell& cell : *result.mutable_causes()) {
    if (cell.cause() != "instructions" || cell.site() == "use") continue;
    cell.set_cycles(cell.cycles() + instructions);
    result.mutable_totals()->set_operation_cycles(result.totals().operation_cycles() +
                                                  instructions);
    break;
  }
  result.mutable_parts(0)->set_cycles(result.totals().operation_cycles());
  result.mutable_footprint_peak()->set_percpu_bytes(percpu_bytes);
  return result;
}

std::vector<std::string> LinesOf(const std::string& text) {
  std::vector<std::string> lines = absl::StrSplit(text, '\n');
  EXPECT_EQ(lines.back(), "");
  lines.pop_back();
  return lines;
}

void ExpectFits(const std::string& text, size_t lines_max, size_t columns) {
  const std::vector<std::string> lines = LinesOf(text);
  EXPECT_LE(lines.size(), lines_max) << text;
  for (const std::string& line : lines) {
    EXPECT_LE(line.size(), columns) << line;
    EXPECT_FALSE(!line.empty() && line.back() == ' ') << line;
    for (const char c : line) ASSERT_TRUE(c >= ' ' && c <= '~') << line;
  }
}

std::string HeadlineOfSet(const std::vector<LabelledResult>& set) {
  return HeadlineText(SidesOf(set), ComparisonTitle(set), /*colour=*/false);
}

// On a difference, the text found is in the test's outputs folder.
TEST(HeadlineTest, ExampleReadsAsItShould) {
  constexpr std::array<uint64_t, 3> kInstructions = {0, 900'000, 40'000};
  constexpr std::array<uint64_t, 3> kPercpuBytes = {98'304, 4'521'984, 98'304};
  std::vector<LabelledResult> set = Labelled({Costing("slub", kInstructions[0], kPercpuBytes[0]),
                                              Costing("slab", kInstructions[1], kPercpuBytes[1]),
                                              Costing("slubq", kInstructions[2], kPercpuBytes[2])});
  const std::string one = HeadlineOfSet(set);
  for (size_t i = 0; i < set.size(); ++i) {
    for (const uint64_t seed : {2, 3, 4, 5, 6}) {
      set[i].further.push_back(Costing(set[i].label, kInstructions[i] + seed * (1'000 + i * 700),
                                       kPercpuBytes[i], seed));
    }
  }
  const std::string text =
      absl::StrCat(one, "\n\n", HeadlineOfSet(set), "\n\n",
                   MailText(SidesOf(set), ComparisonTitle(set),
                            {{"slablab", "compare", "example.slt", "--allocators=slub,slab,slubq",
                              "--seeds=6", "--format=mail"}}));
  if (const char* folder = std::getenv("TEST_UNDECLARED_OUTPUTS_DIR")) {
    std::ofstream(std::string(folder) + "/example.headline.txt") << text;
  }
  EXPECT_EQ(text, TestData("example.headline.txt"));
}

// Whatever the names and the numbers.
TEST(HeadlineTest, HasAtMostTwentyFiveLinesOfEightyColumnsAndAMailFortyOfSeventyTwo) {
  Random random(16);
  const std::vector<std::vector<std::string>> commands = {
      {"slablab", "compare", "a.slt", "--allocators=slub,slab", "--format=mail"}};
  for (int i = 0; i < 24; ++i) {
    SCOPED_TRACE(i);
    std::vector<RunResult> results;
    for (uint64_t n = 2 + random.Below(i % 4 == 0 ? 12 : 3); n > 0; --n) {
      results.push_back(AnyResult(random));
    }
    std::vector<LabelledResult> set = Labelled(std::move(results));
    const uint64_t further = random.Below(i % 4 == 0 ? 2 : 7);
    for (LabelledResult& run : set) {
      for (uint64_t n = 0; n < further; ++n) run.further.push_back(AnyResult(random));
    }
    ExpectFits(HeadlineOfSet(set), kHeadlineLines, 80);
    ExpectFits(MailText(SidesOf(set), ComparisonTitle(set), commands), kMailLines, kMailColumns);
    ExpectFits(RunMailText(set[0].result, commands), kMailLines, kMailColumns);
    Sides sides = SidesOf(set);
    sides.settings = sides.sides[0].runs.size();
    sides.sides[1].runs[0] = nullptr;
    ExpectFits(HeadlineText(sides, "a sweep", false), kHeadlineLines, 80);
    ExpectFits(MailText(sides, "a sweep", commands), kMailLines, kMailColumns);
    const std::string report = TextReport(set[0].result, {});
    ExpectFits(report.substr(0, report.find("\nbelow  ") + 1), kHeadlineLines, 80);
  }
}

// What the first sentence says is what the table and the A/B table say.
TEST(HeadlineTest, WordsAgreeWithTheTable) {
  Random random(17);
  for (int i = 0; i < 50; ++i) {
    const uint64_t from = random.Below(4'000'000);
    const uint64_t to = random.Below(4'000'000);
    const std::vector<LabelledResult> set = Labelled(
        {Costing("slub", from, random.Below(1 << 24)), Costing("slab", to, random.Below(1 << 24))});
    const Headline headline = HeadlineOf(SidesOf(set), 3);
    const Metric& cycles = *FindMetric("cycles_per_operation");
    const Metric& held = *FindMetric("peak_held_bytes");
    const auto of = [&](const Metric& metric, int run) { return metric.of(set[run].result); };
    const std::string change = ChangeText(cycles, of(cycles, 0), of(cycles, 1));
    EXPECT_THAT(headline.sentences[0],
                AllOf(HasSubstr(ShortMetricText(cycles, of(cycles, 0))),
                      HasSubstr(ShortMetricText(cycles, of(cycles, 1))), HasSubstr(change)));
    const std::string moved = ChangeText(held, of(held, 0), of(held, 1));
    EXPECT_THAT(headline.sentences[1], AllOf(HasSubstr(Bytes(*of(held, 0))),
                                             HasSubstr(Bytes(*of(held, 1))), HasSubstr(moved)));
    ASSERT_EQ(headline.rows.size(), 2u);
    for (const HeadlineRow& row : headline.rows) {
      EXPECT_EQ(row.value, ShortMetricText(cycles, of(cycles, row.is_base ? 0 : 1)));
      EXPECT_EQ(row.change, row.is_base ? "" : change);
      EXPECT_EQ(row.held_change, row.is_base ? "" : moved);
    }
    const bool about = MarkOf(cycles, of(cycles, 0), of(cycles, 1)) == Mark::kAbout;
    const std::string winner = to < from ? "slab wins: " : "slub, the base, wins: ";
    EXPECT_THAT(headline.sentences[0], StartsWith(about ? "No winner by 1% or more: " : winner));
  }
}

// Who changes the base changes the signs, and not who wins.
TEST(HeadlineTest, AnotherBaseTurnsTheSigns) {
  Random random(18);
  for (int i = 0; i < 50; ++i) {
    std::vector<LabelledResult> set = Labelled(
        {Costing("slub", random.Below(4'000'000), 1), Costing("slab", random.Below(4'000'000), 1)});
    for (LabelledResult& run : set) {
      for (int n = 0; n < 4; ++n) {
        run.further.push_back(Costing(run.label, random.Below(4'000'000), random.Below(1 << 24)));
      }
    }
    const Headline there = HeadlineOf(SidesOf(set), 3);
    const Metric& metric = *there.metric;
    const std::vector<Side> sides = SidesOf(set).sides;
    std::swap(set[0], set[1]);
    const Headline back = HeadlineOf(SidesOf(set), 3);
    EXPECT_EQ(there.rows[0].label, back.rows[0].label);
    EXPECT_NE(there.rows[0].is_base, back.rows[0].is_base);
    const Spread forwards = *ChangeOf(metric, sides[0], sides[1], 1);
    const Spread backwards = *ChangeOf(metric, sides[1], sides[0], 1);
    EXPECT_EQ(forwards.low > 0, backwards.high < 0);
    EXPECT_EQ(forwards.high<0, backwards.low> 0);
    EXPECT_EQ(forwards.excludes_zero(), backwards.excludes_zero());
  }
}

// Five seeds mark what all of them agree on, and four nothing.
TEST(HeadlineTest, MarksOnlyWhatIsNoChance) {
  const auto mail = [](size_t seeds, uint64_t least, uint64_t step) {
    std::vector<LabelledResult> set =
        Labelled({Costing("slub", 1'000'000, 1), Costing("slab", least, 1)});
    for (size_t n = 1; n < seeds; ++n) {
      set[0].further.push_back(Costing("slub", 1'000'000, 1, n + 1));
      set[1].further.push_back(Costing("slab", least + n * step, 2, n + 1));
    }
    return MailText(SidesOf(set), "a title", {});
  };
  EXPECT_THAT(mail(5, 100'000, 1'000), HasSubstr("(I) "));
  EXPECT_THAT(mail(5, 1'900'000, 1'000), HasSubstr("(R) "));
  const std::string both_ways = mail(5, 900'000, 50'000);
  EXPECT_THAT(both_ways, Not(HasSubstr("(I) -")));
  EXPECT_THAT(both_ways, Not(HasSubstr("(R) +")));
  const std::string of_four = mail(4, 100'000, 1'000);
  EXPECT_THAT(of_four, Not(HasSubstr("(I) -")));
  EXPECT_THAT(of_four, HasSubstr("(87.5% sure, sign test)"));
  EXPECT_THAT(mail(1, 100'000, 0), HasSubstr("One seed was run, so no spread is known"));
  EXPECT_THAT(mail(1, 100'000, 0), Not(HasSubstr("(I)")));
}

TEST(HeadlineTest, ReservationsComeFirst) {
  RunResult lossy = Costing("slab", 5, 5);
  lossy.mutable_totals()->set_trace_lost_events(7);
  lossy.mutable_totals()->set_failed_allocations(3);
  lossy.mutable_config()->set_clock_mhz(1'234);
  const Headline headline = HeadlineOf(SidesOf(Labelled({Costing("slub", 900'000, 5), lossy})), 3);
  EXPECT_THAT(headline.reservations,
              AllOf(StartsWith("LOST: "), HasSubstr("FAILED"), HasSubstr("clocks differ")));
}

TEST(HeadlineTest, WorkDoneRanksWhereAllCountTheSame) {
  const auto doing = [](const std::string& allocator, uint64_t work, uint64_t cycles) {
    RunResult result = Costing(allocator, cycles, 5);
    result.mutable_config()->set_order("closed");
    result.mutable_config()->set_clock_mhz(1'000);
    result.mutable_totals()->set_work(work);
    result.mutable_totals()->set_work_unit("messages");
    result.mutable_totals()->set_end_time_cycles(1'000'000);
    return result;
  };
  // Slab does more, though its allocator takes longer.
  const std::vector<LabelledResult> set =
      Labelled({doing("slub", 100, 0), doing("slab", 150, 900'000)});
  const Headline headline = HeadlineOf(SidesOf(set), 3);
  EXPECT_THAT(headline.sentences[0],
              StartsWith("slab wins: 150,000 messages a second, slub 100,000 (+50.0%); "));
  EXPECT_EQ(headline.value_title, "messages/s");
}

TEST(SpreadTest, HoldsTheMedianAsOftenAsItSays) {
  // Of the ways in which each of `count` values may fall below or above the median, all alike.
  for (size_t count = 1; count <= 12; ++count) {
    std::vector<int64_t> values;
    for (size_t i = 0; i < count; ++i) values.push_back(static_cast<int64_t>(10 * i));
    const Spread spread = SpreadOf(values);
    const auto cut = static_cast<size_t>(spread.low / 10);
    EXPECT_EQ(static_cast<size_t>(spread.high / 10), count - 1 - cut);
    uint64_t held = 0;
    const uint64_t ways = uint64_t{1} << count;
    for (uint64_t way = 0; way < ways; ++way) {
      const auto below = static_cast<size_t>(__builtin_popcountll(way));
      held += below > cut && below < count - cut ? 1 : 0;
    }
    EXPECT_EQ(spread.confidence_per_mille, held * 1'000 / ways) << count;
    EXPECT_TRUE(cut == 0 || spread.confidence_per_mille >= 950) << count;
  }
}

TEST(SpreadTest, TurnsWithItsValues) {
  Random random(19);
  for (int i = 0; i < 200; ++i) {
    std::vector<int64_t> values;
    std::vector<int64_t> turned;
    for (uint64_t n = 1 + random.Below(kSpreadMost); n > 0; --n) {
      values.push_back(static_cast<int64_t>(random.Below(2'000)) - 1'000);
      turned.push_back(-values.back());
    }
    const Spread there = SpreadOf(values);
    const Spread back = SpreadOf(turned);
    EXPECT_EQ(there.median, -back.median);
    EXPECT_EQ(there.low, -back.high);
    EXPECT_LE(there.low, there.median);
    EXPECT_LE(there.median, there.high);
  }
}

// A shell reads from the lines the words that they were made of.
TEST(ShellLinesTest, AShellReadsTheWords) {
  Random random(20);
  for (int i = 0; i < 40; ++i) {
    std::vector<std::string> words;
    for (uint64_t n = 1 + random.Below(8); n > 0; --n) {
      std::string word;
      for (uint64_t c = random.Below(4) == 0 ? 200 : random.Below(30); c > 0; --c) {
        word += static_cast<char>(' ' + random.Below(95));
      }
      words.push_back(word);
    }
    std::vector<std::string> line = {"printf", "%s\\n"};
    line.insert(line.end(), words.begin(), words.end());
    const std::vector<std::string> lines = ShellLines(line, kMailColumns);
    for (const std::string& each : lines) EXPECT_LE(each.size(), kMailColumns);
    std::FILE* shell = popen(absl::StrJoin(lines, "\n").c_str(), "r");
    ASSERT_NE(shell, nullptr);
    std::string found;
    std::array<char, 4096> buffer;
    while (const size_t bytes = std::fread(buffer.data(), 1, buffer.size(), shell)) {
      found.append(buffer.data(), bytes);
    }
    EXPECT_EQ(pclose(shell), 0);
    EXPECT_EQ(found, absl::StrJoin(words, "\n") + "\n") << absl::StrJoin(lines, "\n");
  }
}

}  // namespace
}  // namespace slablab
