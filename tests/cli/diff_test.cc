// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// `slablab diff` as a user starts it, and how two lists of operations are compared.

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reports/numbers.h"
#include "runs/experiments/run_diff.h"
#include "tests/cli/run_program.h"
#include "tests/test_files.h"
#include "tests/traces/random_trace.h"

namespace slablab {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

OperationSource SourceOf(const std::vector<LoggedOperation>& operations) {
  return
      [&operations, next = size_t{0}]() mutable -> absl::StatusOr<std::optional<LoggedOperation>> {
        if (next == operations.size()) return std::nullopt;
        return operations[next++];
      };
}

std::vector<LoggedOperation> Operations() {
  std::vector<LoggedOperation> operations(10);
  for (size_t i = 0; i < operations.size(); ++i) {
    operations[i] = {.event = i,
                     .start = i * 100,
                     .end = i * 100 + 50,
                     .cycles = 50,
                     .cpu = 1,
                     .task = 7,
                     .context = "task",
                     .kind = "alloc",
                     .path = "fast",
                     .cache = "kmalloc-64",
                     .bytes = 60,
                     .object = 0x1000 + i * 64};
  }
  return operations;
}

TEST(DiffRunsTest, EveryColumnCounts) {
  const std::vector<LoggedOperation> a = Operations();
  EXPECT_FALSE(DiffRuns(SourceOf(a), SourceOf(a))->first.has_value());
  const auto differ = [&](auto change) {
    std::vector<LoggedOperation> b = a;
    change(b[4]);
    const absl::StatusOr<RunDiff> diff = DiffRuns(SourceOf(a), SourceOf(b));
    EXPECT_TRUE(diff.ok());
    EXPECT_TRUE(diff->first.has_value());
    EXPECT_EQ(diff->first->sides[0].operations, 5u);
    return diff->first->columns;
  };
  EXPECT_THAT(differ([](auto& o) { ++o.event; }), ElementsAre("event"));
  EXPECT_THAT(differ([](auto& o) { ++o.start; }), ElementsAre("start"));
  EXPECT_THAT(differ([](auto& o) { ++o.end; }), ElementsAre("end"));
  EXPECT_THAT(differ([](auto& o) { ++o.cycles; }), ElementsAre("cycles"));
  EXPECT_THAT(differ([](auto& o) { ++o.cpu; }), ElementsAre("cpu"));
  EXPECT_THAT(differ([](auto& o) { ++o.task; }), ElementsAre("task"));
  EXPECT_THAT(differ([](auto& o) { o.context = "hardirq"; }), ElementsAre("context"));
  EXPECT_THAT(differ([](auto& o) { o.kind = "free"; }), ElementsAre("kind"));
  EXPECT_THAT(differ([](auto& o) { o.path = "slow"; }), ElementsAre("path"));
  EXPECT_THAT(differ([](auto& o) { o.cache = "x"; }), ElementsAre("cache"));
  EXPECT_THAT(differ([](auto& o) { ++o.bytes; }), ElementsAre("bytes"));
  EXPECT_THAT(differ([](auto& o) { ++o.object; }), ElementsAre("object"));
}

TEST(DiffRunsTest, TimeAndWhatIsDoneAreToldApart) {
  const std::vector<LoggedOperation> a = Operations();
  std::vector<LoggedOperation> b = a;
  b[2].cycles = 51;
  b[6].path = "slow";
  const RunDiff diff = *DiffRuns(SourceOf(a), SourceOf(b));
  ASSERT_TRUE(diff.first.has_value());
  ASSERT_TRUE(diff.done.has_value());
  EXPECT_EQ(diff.first->sides[0].operation->event, 2u);
  EXPECT_EQ(diff.done->sides[1].operation->event, 6u);
  EXPECT_EQ(diff.done->before.size(), 3u);
  EXPECT_EQ(diff.done->before.back().event, 5u);
  EXPECT_EQ(diff.done->sides[0].paths.at("fast"), 7u);
  EXPECT_EQ(diff.done->sides[1].paths.at("fast"), 6u);
  EXPECT_EQ(diff.done->sides[1].paths.at("slow"), 1u);
  const RunDiff first = *DiffRuns(SourceOf(a), SourceOf(b), DiffUntil::kFirst);
  EXPECT_EQ(first.operations, 2u);
  EXPECT_EQ(first.first->columns, diff.first->columns);
  EXPECT_FALSE(first.done.has_value());
}

TEST(DiffRunsTest, ARunThatEndsEarlierParts) {
  const std::vector<LoggedOperation> a = Operations();
  std::vector<LoggedOperation> b = a;
  b.pop_back();
  for (const bool swap : {false, true}) {
    const RunDiff diff = *DiffRuns(SourceOf(swap ? b : a), SourceOf(swap ? a : b));
    ASSERT_TRUE(diff.done.has_value());
    EXPECT_EQ(diff.operations, 9u);
    EXPECT_EQ(diff.done->sides[0].operation.has_value(), !swap);
    EXPECT_EQ(diff.done->sides[1].operation.has_value(), swap);
  }
}

TEST(OperationLogTest, ALineIsReadAsItWasWritten) {
  for (const LoggedOperation& operation : Operations()) {
    std::string line = LogLine(operation);
    ASSERT_EQ(line.back(), '\n');
    line.pop_back();
    const absl::StatusOr<LoggedOperation> again = ParseLogLine(line);
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(*again, operation);
    EXPECT_FALSE(ParseLogLine(line + "\tmore").ok());
    EXPECT_FALSE(ParseLogLine("x" + line).ok());
  }
}

class DiffTest : public FolderTest {
 protected:
  void SetUp() override { fs::copy(Sample("net"), Path("net.slt")); }
  std::string Spec(const std::string& name, const std::string& more) const {
    return Write(name, absl::StrCat("trace: \"net.slt\" machine: \"vm-c4n2\" ", more));
  }
};

TEST_F(DiffTest, LikeRunsAreAlike) {
  const Ending same = Stdout(absl::StrCat("diff ", Spec("a.textproto", "events_max: 5000"), " ",
                                          Spec("b.textproto", "events_max: 5000")));
  EXPECT_EQ(same.exit_status, 0);
  EXPECT_THAT(same.text, AllOf(HasSubstr("all are alike"), Not(StartsWith("0 "))));
}

// The first free that a per-CPU partial list would have taken goes another way without one.
TEST_F(DiffTest, TheFirstOperationOfAChangedModelIsNamed) {
  const std::string a = Spec("a.textproto", "events_max: 20000");
  const std::string b = Spec("b.textproto", "events_max: 20000 tune: \"cpu_partial=0\"");
  const Ending diff = Stdout(absl::StrCat("diff ", a, " ", b));
  EXPECT_EQ(diff.exit_status, 1);
  EXPECT_THAT(diff.text, HasSubstr("They part"));
  EXPECT_THAT(diff.text, HasSubstr("operations are alike."));
  EXPECT_THAT(diff.text, HasSubstr("Its counters and states right after:"));
  for (const std::string& line : std::vector<std::string>(absl::StrSplit(diff.text, '\n'))) {
    if (line.find(folder()) != std::string::npos) continue;
    EXPECT_LE(line.size(), 80u) << line;
  }

  // The logs of the two part at the same operation, which is the first that differs in them.
  for (const auto& [spec, tune] :
       {std::pair<std::string, std::string>{"a", ""}, {"b", " --tune=cpu_partial=0"}}) {
    ASSERT_EQ(Stdout(absl::StrCat("run --trace=", Path("net.slt"),
                                  " --machine=vm-c4n2 --events-max=20000", tune,
                                  " --operations=", Path(spec + ".log")))
                  .exit_status,
              0);
  }
  const std::vector<std::string> left = absl::StrSplit(Contents(Path("a.log")), '\n');
  const std::vector<std::string> right = absl::StrSplit(Contents(Path("b.log")), '\n');
  size_t line = 0;
  while (line < left.size() && left[line] == right[line]) ++line;
  ASSERT_LT(line, left.size());
  const Ending logs = Stdout(absl::StrCat("diff ", Path("a.log"), " ", Path("b.log")));
  EXPECT_EQ(logs.exit_status, 1);
  EXPECT_THAT(logs.text,
              HasSubstr(absl::StrCat("\n", Grouped(line - 2), " operations are alike.")));
  const std::string tail = "operations are alike.";
  EXPECT_THAT(diff.text, HasSubstr(logs.text.substr(
                             logs.text.find("\n\n") + 2,
                             logs.text.find(tail) + tail.size() - logs.text.find("\n\n") - 2)));
  // A log and a run can be compared too.
  EXPECT_EQ(Stdout(absl::StrCat("diff ", Path("a.log"), " ", a)).exit_status, 0);
}

TEST_F(DiffTest, ResultsAreRunAnew) {
  const std::string run = absl::StrCat(
      "run --machine=r910@6x2 --events-max=3000 --trace=", Path("net.slt"), " --format=");
  ASSERT_EQ(Stdout(absl::StrCat(run, "proto -o ", Path("a.pb"))).exit_status, 0);
  ASSERT_EQ(
      Stdout(absl::StrCat(run, "json --seed=2 --allocator=slab -o ", Path("b.json"))).exit_status,
      0);
  EXPECT_EQ(Stdout(absl::StrCat("diff ", Path("a.pb"), " ", Path("a.pb"))).exit_status, 0);
  const Ending diff = Stdout(absl::StrCat("diff ", Path("a.pb"), " ", Path("b.json")));
  EXPECT_EQ(diff.exit_status, 1);
  EXPECT_THAT(diff.text, HasSubstr("\n0 operations are alike."));
  // Where the trace is, and that it is that one.
  fs::rename(Path("net.slt"), Path("elsewhere.slt"));
  EXPECT_THAT(Stderr(absl::StrCat("diff ", Path("a.pb"), " ", Path("a.pb"))).text,
              HasSubstr("where is its trace net.slt? --trace=FILE says"));
  EXPECT_EQ(Stdout(absl::StrCat("diff --trace=", Path("elsewhere.slt"), " ", Path("a.pb"), " ",
                                Path("a.pb")))
                .exit_status,
            0);
  EXPECT_THAT(
      Stderr(absl::StrCat("diff --trace=", Runfile("traces/samples/linux-6.1-slub-c4n2-fs.slt"),
                          " ", Path("a.pb"), " ", Path("a.pb")))
          .text,
      HasSubstr("its events are others"));
}

TEST_F(DiffTest, WorkloadsAndScenariosAreRunAnewAsTheResultEchoesThem) {
  WriteContents(Path("storm.textproto"),
                "events { at_us: 10 interrupts { count: 20 interval_ns: 900 objects: 1 } }");
  const std::string run = absl::StrCat(
      "run --workload=larson --set=slots=30 --machine=vm-c4n2 --scenario=", Path("storm.textproto"),
      " --format=proto -o ", Path("a.pb"), " --operations=", Path("a.log"));
  ASSERT_EQ(Stdout(run).exit_status, 0);
  fs::remove(Path("storm.textproto"));
  const Ending same = Stdout(absl::StrCat("diff ", Path("a.pb"), " ", Path("a.log")));
  EXPECT_EQ(same.exit_status, 0) << same.text;
  EXPECT_THAT(same.text, AllOf(HasSubstr("all are alike"), Not(StartsWith("0 "))));
  WriteContents(Path("b.textproto"), "workload: \"larson\" set: \"slots=30\" machine: \"vm-c4n2\"");
  EXPECT_EQ(Stdout(absl::StrCat("diff ", Path("a.pb"), " ", Path("b.textproto"))).exit_status, 1);
}

TEST_F(DiffTest, WhatItCannotCompareIsSaid) {
  const std::string good = Spec("a.textproto", "");
  EXPECT_THAT(Stderr("diff").text, HasSubstr("diff wants two runs"));
  EXPECT_THAT(Stderr(absl::StrCat("diff ", good, " /no/such.pb")).text, HasSubstr("/no/such.pb"));
  EXPECT_THAT(Stderr(absl::StrCat("diff ", good, " ", Spec("b.textproto", "place: \"x\""))).text,
              HasSubstr("b.textproto:1:37: --place=x"));
  EXPECT_THAT(Stderr(absl::StrCat("diff ", good, " ", Spec("b.textproto", "quirks: \"x\""))).text,
              HasSubstr("b.textproto:1:37: unknown quirk of slub-6.1 'x'"));
  EXPECT_THAT(
      Stderr(absl::StrCat("diff ", good, " ", Spec("b.textproto", "allocator: \"percpu\""))).text,
      HasSubstr("nothing to replay for percpu"));
  WriteContents(Path("b.textproto"), "workload: \"larson\"\nset: \"slot=3\"");
  EXPECT_THAT(Stderr(absl::StrCat("diff ", good, " ", Path("b.textproto"))).text,
              HasSubstr("b.textproto:2:1: larson: unknown parameter of the workload 'slot'"));
  WriteContents(Path("x.log"), "# slablab operations, version 1\nevent\tstart\n1\t2\n");
  const Ending damaged = Stderr(absl::StrCat("diff ", Path("x.log"), " ", Path("x.log")));
  EXPECT_EQ(damaged.exit_status, 2);
  EXPECT_THAT(damaged.text, HasSubstr("x.log:3: 2 columns, not the 12 of an operation"));
}

}  // namespace
}  // namespace slablab
