// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// HTML reports used, by keys and by mouse, for the questions that a reader has; and printed.

#include <algorithm>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "fmt/format.h"
#include "gmock/gmock.h"
#include "reports/callers.h"
#include "reports/comparison/comparison.h"
#include "reports/comparison/headline.h"
#include "reports/delta.h"
#include "reports/html/html_report.h"
#include "reports/numbers.h"
#include "reports/result_io.h"
#include "reports/tables.h"
#include "tests/test_files.h"
#include "tests/web/page_fixture.h"

namespace slablab {
namespace {

namespace pb = google::protobuf;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class UseTest : public PageTest {
 protected:
  void SetUp() override {
    PageTest::SetUp();
    if (IsSkipped()) return;
    Write(HtmlReport(ToldRuns(), "who, where and why"));
    ASSERT_NO_FATAL_FAILURE(RunScript("use.mjs"));
  }

  void ExpectKeysSuffice() const {
    const pb::Value& keys = Field(seen_, "keys");
    for (const char* stop : {"toRuns", "toBase", "toSort", "toBox"}) {
      EXPECT_GE(Field(keys, stop).number_value(), 1) << stop;
    }
    const pb::Value& hidden = Field(keys, "hidden");
    EXPECT_THAT(TextOf(hidden, "hash"), HasSubstr("off=0"));
    EXPECT_LT(Field(hidden, "bars").number_value(), Field(hidden, "before").number_value());
    EXPECT_TRUE(Field(keys, "focusStays").bool_value());
    const pb::Value& base = Field(keys, "base");
    EXPECT_THAT(TextOf(base, "hash"), HasSubstr("base=1"));
    EXPECT_THAT(Texts(base, "titles"),
                ElementsAre("cause", "slub-7.3", "slub-6.12", "change of slub-6.12"));
    EXPECT_THAT(TextOf(Field(keys, "sorted"), "hash"), HasSubstr("sort.cycles=-slub-6.12"));
    EXPECT_THAT(Texts(Field(keys, "sorted"), "first"), Contains("all of the allocator"));
    EXPECT_THAT(TextOf(Field(keys, "entered"), "hash"), HasSubstr("in=["));
    EXPECT_THAT(TextOf(Field(keys, "entered"), "label"), HasSubstr("cycles an operation"));
    EXPECT_THAT(TextOf(keys, "left"), Not(HasSubstr("in=")));
  }

  void ExpectTimeIsChosen() const {
    const pb::Value& brush = Field(seen_, "brush");
    EXPECT_THAT(TextOf(brush, "hash"), HasSubstr("t="));
    // From a fifth of the chart on: of the samples at 0, 200 and 800 ms of two runs, one each.
    EXPECT_EQ(Field(brush, "rows").number_value(), 2);
    const pb::Value& again = Field(seen_, "again");
    EXPECT_EQ(TextOf(again, "hash"), TextOf(brush, "hash"));
    EXPECT_EQ(Field(again, "rows").number_value(), Field(brush, "rows").number_value());
  }

  void ExpectAnswers() const {
    const pb::Value& answers = Field(seen_, "answers");
    EXPECT_THAT(Texts(answers, "who pins kmalloc-1k"),
                AllOf(Contains("sock_alloc_send+0x51"), Contains("300,000"), Contains("older")));
    EXPECT_THAT(Texts(answers, "which caller's frees are remote"),
                AllOf(Contains("skb_free+0x1a"), Contains("90.0 %")));
    EXPECT_THAT(Texts(answers, "which line is falsely shared"),
                AllOf(Contains("801080"), Contains("dentry"), Contains("96.0 %"),
                      Contains(HasSubstr("d_alloc+0x2d writes object +0 (2600)"))));
    EXPECT_EQ(Texts(answers, "what changed most").size(), 6u);
    EXPECT_THAT(Texts(answers, "what was slow at 0.12 s"),
                AllOf(Contains("2"), Contains("bash-853"),
                      Contains("list_lock, held by CPU 0 in slub: free slow"),
                      Contains("lock wait 15000; slab metadata transfer remote 6000")));
  }

  void ExpectWordsFollowTheBase() const {
    const std::vector<LabelledResult> runs = ToldRuns();
    const std::vector<LabelledResult> turned = {runs[1], runs[0]};
    const pb::Value& words = Field(seen_, "words");
    EXPECT_THAT(Texts(words, "first"), Contains(HasSubstr("slub-7.3 wins: ")).Times(1));

    EXPECT_NE(Texts(words, "first"), Texts(words, "turned"));
    EXPECT_EQ(Texts(words, "all"), DifferencesInWords(turned));
    EXPECT_THAT(Texts(words, "command"),
                ElementsAre("slablab explain slub-6.12 slub-7.3 hackbench --format=html -o "
                            "explain.html"));
    EXPECT_THAT(Texts(words, "turnedCommand"),
                ElementsAre(HasSubstr("slablab explain slub-7.3 slub-6.12 hackbench ")));
  }

  // Of 54 million cycles in 200 ms, and as many in 600 ms, at 2,700 MHz.
  void ExpectContentionOverTime() const {
    const pb::Value& contention = Field(seen_, "contention");
    EXPECT_EQ(Field(contention, "before").number_value(), 6);
    EXPECT_EQ(Field(contention, "after").number_value(), 4);
    EXPECT_EQ(Field(contention, "bands").number_value(), 1);
    EXPECT_THAT(TextOf(Field(seen_, "csv"), "contention"),
                AllOf(HasSubstr("slub-6.12,200000000,10,54000000,100,list_lock\n"),
                      HasSubstr("slub-7.3,800000000,3.3333333333333335,54000000,100,")));
  }

  // A table of which no column is the view's own.
  void ExpectTablesOfOthersColumns() const {
    std::string csv;
    for (const DataTable& table : ComparisonTables(ToldRuns())) {
      if (table.name == "cpus") csv = WideText(table, Delimiter::kComma);
    }
    const std::string& copied = TextOf(Field(seen_, "csv"), "cpus");
    EXPECT_EQ(copied.substr(copied.find('\n')), csv.substr(csv.find('\n')));
    EXPECT_GT(csv.size(), 200u);
  }

  void ExpectPrinted() const {
    const pb::Value& print = Field(seen_, "print");
    EXPECT_FALSE(Field(print, "overflows").bool_value());
    EXPECT_EQ(Field(print, "buttons").number_value(), 0);
    EXPECT_GE(Field(print, "sections").number_value(), 10);
    EXPECT_EQ(TextOf(print, "head"), "%PDF-");
  }

  // What is copied is what the program's own CSV has, and its metrics are the text's.
  void ExpectFiguresAgree() const {
    const std::vector<LabelledResult> runs = ToldRuns();
    const pb::Value& csv = Field(seen_, "csv");
    std::map<std::string, DataTable> tables;
    for (DataTable& table : ComparisonTables(runs)) tables[table.name] = std::move(table);
    int compared = 0;
    for (const auto& [name, text] : Field(csv, "tables").struct_value().fields()) {
      ASSERT_TRUE(tables.count(name)) << name;
      DataTable table = tables[name];
      const std::vector<std::string> pivoted = {"run", "name", "value"};
      if (table.columns == pivoted) continue;
      if (name == "counters" || name == "states") {
        const auto is_nothing = [](const std::vector<std::string>& row) {
          return row[3] != "all" && row[4] == "0" && row[5] == "0";
        };
        table.rows.erase(std::remove_if(table.rows.begin(), table.rows.end(), is_nothing),
                         table.rows.end());
      }
      EXPECT_EQ(text.string_value(), WideText(table, Delimiter::kComma)) << name;
      ++compared;
    }
    EXPECT_GT(compared, 12);
    DataTable metrics{.name = "metrics",
                      .keys = 2,
                      .columns = {"of", "metric", runs[0].label, runs[1].label,
                                  "change of " + runs[1].label, runs[1].label + " is"},
                      .rows = {}};
    for (const DeltaRow& row : DeltaRows()) {
      const std::optional<uint64_t> base = row.metric->of(runs[0].result);
      const std::optional<uint64_t> other = row.metric->of(runs[1].result);
      if (!base.has_value() && !other.has_value()) continue;
      std::string title(row.title);
      title.erase(0, title.find_first_not_of(' '));
      metrics.rows.push_back({std::string(row.group), title, ShortMetricText(*row.metric, base),
                              ShortMetricText(*row.metric, other),
                              ChangeText(*row.metric, base, other),
                              std::string(MarkText(MarkOf(*row.metric, base, other)))});
    }
    EXPECT_EQ(TextOf(csv, "metrics"), WideText(metrics, Delimiter::kComma));
  }
};

TEST_F(UseTest, ThePageIsATool) {
  ExpectKeysSuffice();
  ExpectTimeIsChosen();
  ExpectAnswers();
  ExpectWordsFollowTheBase();
  ExpectContentionOverTime();
  ExpectTablesOfOthersColumns();
  ExpectPrinted();
  ExpectFiguresAgree();
}

// Real recordings, and what their results say, found another way than the page does.
class QuestionsTest : public PageTest {
 protected:
  // The runs of a command, whose page is opened.
  void Run(const std::string& command) {
    ASSERT_NO_FATAL_FAILURE(Make(command + " --format=proto -o {}"));
    const absl::StatusOr<RunResults> results = ReadResults(page_);
    ASSERT_TRUE(results.ok()) << results.status();
    for (const LabelledRun& run : results->runs()) {
      runs_.push_back({.label = run.label(), .result = run.result()});
    }
    Write(HtmlReport(runs_, ComparisonTitle(runs_)));
  }

  // What the row says that the page answers with, by the column's title.
  std::string Answer(const std::string& question, const std::string& title) const {
    const pb::Value& answer = Field(Field(seen_, "answers"), question);
    const std::vector<std::string> titles = Texts(answer, "titles");
    const std::vector<std::string> row = Texts(answer, "row");
    const auto at = std::find(titles.begin(), titles.end(), title);
    if (at == titles.end() || row.size() != titles.size()) return "no such answer";
    return row[static_cast<size_t>(at - titles.begin())];
  }

  std::vector<LabelledResult> runs_;
};

constexpr char kHackbench[] = "traces/samples/linux-7.3-slub-c4n2-hackbench.slt";
constexpr char kFiles[] = "traces/samples/linux-6.1-slub-c4n2-fs.slt";

std::string OneDecimal(double percent) { return fmt::format("{:.1f} %", percent); }

TEST_F(QuestionsTest, WhoWhereAndWhatChanged) {
  ASSERT_NO_FATAL_FAILURE(
      Run(fmt::format("compare {} --allocators=slub-6.12,slub-7.3", Runfile(kHackbench))));
  ASSERT_NO_FATAL_FAILURE(RunScript("ask.mjs", R"([
      {"name": "who pins kmalloc-1k", "view": "pinned", "find": "kmalloc-1k",
       "sort": "pinned, its share"},
      {"name": "whose frees are remote", "view": "callers", "sort": "remote frees"},
      {"name": "which line is falsely shared", "view": "sharing", "sort": "false"},
      {"name": "what changed", "view": "metrics", "find": "\"an operation, in all\""}])"));
  uint64_t pinned = 0;
  std::string who;
  uint64_t remote = 0;
  uint64_t remote_of = 0;
  double is_false = 0;
  for (const LabelledResult& run : runs_) {
    const Attribution& all = run.result.attribution();
    for (const CallerMemory& memory : all.memory()) {
      if (CacheName(all, memory.cache()) != "kmalloc-1k") continue;
      if (memory.pinned_share_bytes() <= pinned) continue;
      pinned = memory.pinned_share_bytes();
      who = CallerName(all, memory.caller());
    }
    std::map<std::pair<uint32_t, uint32_t>, std::pair<uint64_t, uint64_t>> frees;
    for (const OperationGroup& group : all.groups()) {
      if (!all.paths(static_cast<int>(group.path())).is_free()) continue;
      auto& [there, of] = frees[{group.caller(), group.cache()}];
      there += group.remote_operations();
      of += group.operations();
    }
    for (const auto& [key, sum] : frees) {
      if (sum.first > remote) std::tie(remote, remote_of) = sum;
    }
    for (const SharedLine& line : all.lines()) {
      is_false = std::max(is_false, 100.0 * static_cast<double>(line.false_bounces()) /
                                        static_cast<double>(line.bounces()));
    }
  }
  ASSERT_GT(pinned, 0u);
  EXPECT_EQ(Answer("who pins kmalloc-1k", "caller"), who);
  EXPECT_EQ(Answer("who pins kmalloc-1k", "cache"), "kmalloc-1k");
  EXPECT_EQ(Answer("whose frees are remote", "remote frees"), Grouped(remote));
  EXPECT_EQ(Answer("whose frees are remote", "frees"), Grouped(remote_of));
  EXPECT_EQ(Answer("which line is falsely shared", "false"), OneDecimal(is_false));
  EXPECT_NE(Answer("which line is falsely shared", "who, for what, offset (bounces)"), "");
  const Metric& cycles = *FindMetric("cycles_per_operation");
  EXPECT_EQ(Answer("what changed", "change of slub-7.3"),
            ChangeText(cycles, cycles.of(runs_[0].result), cycles.of(runs_[1].result)));
  // The first words that are read say so too, and how to know since when.
  const Sides sides = SidesOf(runs_);
  EXPECT_EQ(Texts(seen_, "headline"), HeadlineOf(sides, 3).sentences);
  EXPECT_THAT(Texts(seen_, "explain"),
              ElementsAre(AllOf(HasSubstr("slablab explain slub-6.12 slub-7.3 linux-7.3-slub-"),
                                HasSubstr(" --format=html -o explain.html"))));
}

// The page that this command makes, beside the same as a table.
TEST_F(QuestionsTest, SinceWhichSwitch) {
  const std::string command =
      fmt::format("explain slub-6.12 slub-7.3 {} --events-max=6000", Runfile(kHackbench));
  ASSERT_NO_FATAL_FAILURE(Make(command + " --format=tsv -o {}"));
  // step, switch, since, cycles
  std::vector<std::string> best;
  int64_t least = 0;
  for (const absl::string_view line : absl::StrSplit(Contents(page_), '\n')) {
    const std::vector<std::string> cells = absl::StrSplit(line, '\t');
    int64_t cycles = 0;
    if (cells.size() < 4 || cells[1].empty() || !absl::SimpleAtoi(cells[3], &cycles)) continue;
    if (cycles >= least) continue;
    least = cycles;
    best = cells;
  }
  ASSERT_FALSE(best.empty());
  ASSERT_NO_FATAL_FAILURE(Make(command + " --format=html -o {}"));
  ASSERT_NO_FATAL_FAILURE(RunScript("ask.mjs", R"([
      {"name": "since which switch", "view": "since", "sort": "cycles an operation",
       "order": "ascending"}])"));
  EXPECT_EQ(Answer("since which switch", "switch"), best[1]);
  EXPECT_EQ(Answer("since which switch", "since"), best[2]);
  EXPECT_EQ(Answer("since which switch", "effect"), "costs less");
  for (const char* title : {"caller", "line", "first operation", "what it is"}) {
    EXPECT_NE(Answer("since which switch", title), "") << title;
  }
}

TEST_F(QuestionsTest, WhatWasSlowThen) {
  ASSERT_NO_FATAL_FAILURE(Run(fmt::format("run {} --machine=vm-c4n2", Runfile(kFiles))));
  ASSERT_NO_FATAL_FAILURE(RunScript("ask.mjs", R"([
      {"name": "what was slow", "view": "slowest", "from": 1200, "to": 1300, "sort": "cycles"}])"));
  const SlowOperation* slowest = nullptr;
  double count = 0;
  for (const SlowOperation& operation : runs_[0].result.slowest()) {
    if (operation.time_ns() < 1'200'000'000 || operation.time_ns() > 1'300'000'000) continue;
    ++count;
    if (slowest == nullptr || operation.cycles() > slowest->cycles()) slowest = &operation;
  }
  ASSERT_NE(slowest, nullptr);
  EXPECT_EQ(Field(Field(Field(seen_, "answers"), "what was slow"), "rows").number_value(), count);
  EXPECT_EQ(Answer("what was slow", "path"), slowest->path());
  EXPECT_EQ(Answer("what was slow", "caller"), slowest->caller());
  EXPECT_EQ(Answer("what was slow", "cycles"), Grouped(slowest->cycles()));
}

}  // namespace
}  // namespace slablab
