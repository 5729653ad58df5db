// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// `slablab check` as a user starts it, and how a run is judged by its baseline.

#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "cli/output/junit.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runs/experiments/suite.h"
#include "tests/cli/run_program.h"
#include "tests/test_files.h"
#include "tests/traces/random_trace.h"

namespace slablab {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class CheckTest : public FolderTest {
 protected:
  void SetUp() override {
    fs::copy(Sample("net"), Path("net.slt"));
    WriteContents(suite_, kSuite);
  }
  // Writes the suite with one thing changed.
  void Change(const std::string& from, const std::string& to) {
    const std::string changed = absl::StrReplaceAll(kSuite, {{from, to}});
    ASSERT_NE(changed, kSuite);
    WriteContents(suite_, changed);
  }

  static inline const std::string kSuite = R"(
      base { trace: "net.slt" machine: "vm-c4n2" events_max: 8000 }
      point { name: "slub" run { allocator: "slub" } }
      point {
        name: "slab"
        run { allocator: "slab" }
        exact: false
        tolerance { metric: "cycles_per_operation" per_mille: 10 }
      })";
  const std::string suite_ = Path("net.textproto");
};

TEST_F(CheckTest, ARunIsWhatItWas) {
  EXPECT_EQ(Stdout("check " + suite_).exit_status, 1) << "without baselines nothing passes";
  EXPECT_THAT(Stdout("check " + suite_).text, HasSubstr("no baseline; --update stores one"));
  const Ending stored = Stdout("check --update --workers=1 " + suite_);
  EXPECT_EQ(stored.exit_status, 0);
  EXPECT_EQ(stored.text,
            absl::StrCat("STORED  slub\nSTORED  slab\n0 as before, 2 stored, 0 updated\n",
                         Path("net.baselines.textproto"), " written\n"));
  const std::string baselines = Contents(Path("net.baselines.textproto"));
  EXPECT_THAT(baselines, HasSubstr("name: \"cycles_per_operation\""));
  const Ending again = Stdout("check --workers=2 " + suite_);
  EXPECT_EQ(again.exit_status, 0) << again.text;
  EXPECT_EQ(again.text,
            "ok      slub\nok      slab\n2 as before, 0 changed, 0 without a baseline\n");
  EXPECT_EQ(Stdout("check --update --workers=2 " + suite_).exit_status, 0);
  EXPECT_EQ(Contents(Path("net.baselines.textproto")), baselines);
}

TEST_F(CheckTest, ABaselineThatIsNotWhatWasStoredIsSaid) {
  ASSERT_EQ(Stdout("check --update " + suite_).exit_status, 0);
  const std::string path = Path("net.baselines.textproto");
  const std::string whole = Contents(path);
  const size_t digit = whole.find("value: ") + 7;
  std::string damaged = whole;
  damaged[digit] = damaged[digit] == '1' ? '2' : '1';
  WriteContents(path, damaged);
  const Ending check = Stderr("check " + suite_);
  EXPECT_EQ(check.exit_status, 2);
  EXPECT_THAT(check.text, HasSubstr(path + ": damaged, or changed by hand: the checksum of slub "));
  EXPECT_EQ(Stderr("check --update " + suite_ + " slab").exit_status, 2) << "would keep it";
  EXPECT_EQ(Contents(path), damaged);
  ASSERT_EQ(Stdout("check --update " + suite_).exit_status, 0);
  EXPECT_EQ(Contents(path), whole);
  // As they were before there were checksums.
  std::string without = whole;
  for (size_t at = 0; (at = without.find("  checksum: ")) != std::string::npos;) {
    without.erase(at, without.find('\n', at) - at + 1);
  }
  WriteContents(path, without);
  const Ending old = Stderr("check " + suite_);
  EXPECT_EQ(old.exit_status, 0);
  EXPECT_THAT(old.text, HasSubstr("2 baselines without a checksum, taken as they are"));
}

// What a one-line change to a model does: here a tunable and a quirk stand for it.
TEST_F(CheckTest, AChangeFailsAndTheMovedMetricsAreNamed) {
  ASSERT_EQ(Stdout("check --update " + suite_).exit_status, 0);
  Change("allocator: \"slub\"", "allocator: \"slub\" tune: \"cpu_partial=0\"");
  const Ending changed = Stdout(absl::StrCat("check --junit=", Path("j.xml"), " ", suite_));
  EXPECT_EQ(changed.exit_status, 1);
  EXPECT_THAT(changed.text, HasSubstr("CHANGED slub: the configuration is another, the end state "
                                      "differs, "));
  EXPECT_THAT(changed.text, HasSubstr("cycles_per_operation"));
  EXPECT_THAT(changed.text, HasSubstr("free_cycles_mean"));
  EXPECT_THAT(changed.text,
              HasSubstr("ok      slab\n1 as before, 1 changed, 0 without a baseline\n"));
  const std::string junit = Contents(Path("j.xml"));
  EXPECT_THAT(junit, HasSubstr("<testsuite name=\"net\" tests=\"2\" failures=\"1\""));
  EXPECT_THAT(junit, HasSubstr("cycles_per_operation"));
  EXPECT_EQ(system(absl::StrCat("python3 -c 'import sys, xml.dom.minidom; "
                                "xml.dom.minidom.parse(sys.argv[1])' ",
                                Path("j.xml"))
                       .c_str()),
            0);
  // Only what is asked for.
  EXPECT_EQ(Stdout(absl::StrCat("check ", suite_, " slab")).exit_status, 0);
  EXPECT_EQ(Stdout(absl::StrCat("check ", suite_, " slub")).exit_status, 1);
}

TEST_F(CheckTest, AnUpdateSaysWhatItStoresUpdatesAndRemoves) {
  ASSERT_EQ(Stdout("check --update " + suite_).exit_status, 0);
  Change("allocator: \"slub\"", "allocator: \"slub\" seed: 2 tune: \"cpu_partial=0\"");
  const Ending updated = Stdout("check --update --junit=" + Path("j.xml") + " " + suite_);
  EXPECT_EQ(updated.exit_status, 0);
  EXPECT_THAT(updated.text, StartsWith("UPDATED slub: the configuration is another, "));
  EXPECT_THAT(updated.text, HasSubstr("ok      slab\n1 as before, 0 stored, 1 updated\n"));
  EXPECT_THAT(updated.text, Not(HasSubstr("CHANGED")));
  EXPECT_THAT(Contents(Path("j.xml")), HasSubstr("tests=\"2\" failures=\"0\"")) << "it is stored";
  WriteContents(suite_,
                "base { trace: \"net.slt\" machine: \"vm-c4n2\" events_max: 8000 } "
                "point { name: \"slab\" run { allocator: \"slab\" } }");
  EXPECT_THAT(Stdout("check " + suite_).text,
              HasSubstr("STALE   slub: a baseline of no point; --update removes it"));
  EXPECT_THAT(Stdout("check --update " + suite_).text,
              HasSubstr("REMOVED slub: a baseline of no point\n"));
  EXPECT_THAT(Contents(Path("net.baselines.textproto")), Not(HasSubstr("\"slub\"")));
}

// A build system shows what was refused too, and how long each run took.
TEST_F(CheckTest, RefusedPointsAreInTheJunitAndTheOthersRunAllTheSame) {
  ASSERT_EQ(Stdout("check --update " + suite_).exit_status, 0);
  const std::string junit = "check --junit=" + Path("j.xml") + " " + suite_;
  // Known before it begins: nothing runs.
  Change("allocator: \"slub\"", "allocator: \"slub\" quirks: \"memcg\"");
  EXPECT_EQ(Stderr(junit).exit_status, 2);
  EXPECT_THAT(Stderr(junit).text,
              HasSubstr("unknown quirk of slub-6.1 'memcg' (did you mean memcg-off"));
  EXPECT_THAT(
      Contents(Path("j.xml")),
      AllOf(HasSubstr("tests=\"2\" failures=\"0\" disabled=\"0\" errors=\"1\" skipped=\"1\""),
            HasSubstr("<error message=\""), HasSubstr("unknown quirk of slub-6.1"),
            HasSubstr("<skipped message=\"not run, since another point cannot be\"")));
  // Known only when it runs.
  Change("allocator: \"slub\"", "allocator: \"slub\" tune: \"nosuch:cpu_partial=0\"");
  const Ending refused = Stdout(junit);
  EXPECT_EQ(refused.exit_status, 2);
  EXPECT_THAT(refused.text,
              HasSubstr("REFUSED slub: tunable nosuch:cpu_partial=0: there is no such"));
  EXPECT_THAT(refused.text,
              HasSubstr("ok      slab\n1 as before, 0 changed, 0 without a baseline, 1 refused"));
  const std::string xml = Contents(Path("j.xml"));
  EXPECT_THAT(xml,
              AllOf(HasSubstr("errors=\"1\" skipped=\"0\""), HasSubstr("there is no such cache")));
  EXPECT_THAT(xml,
              Not(HasSubstr("name=\"slab\" status=\"run\" result=\"completed\" time=\"0.000\"")));
  const std::string before = Contents(Path("net.baselines.textproto"));
  EXPECT_EQ(Stdout("check --update " + suite_).exit_status, 2);
  EXPECT_EQ(Contents(Path("net.baselines.textproto")), before) << "all or nothing";
}

// The error that names it must not be written over it.
TEST_F(CheckTest, TheJunitReplacesNoInput) {
  const std::string trace = Contents(Path("net.slt"));
  const Ending check = Stderr(absl::StrCat("check --junit=", Path("net.slt"), " ", suite_));
  EXPECT_EQ(check.exit_status, 2);
  EXPECT_THAT(check.text, HasSubstr("is read, so it cannot be the output too"));
  EXPECT_EQ(Contents(Path("net.slt")), trace);
}

TEST_F(CheckTest, WithinItsToleranceAMetricMayMove) {
  ASSERT_EQ(Stdout("check --update " + suite_).exit_status, 0);
  Change("events_max: 8000", "events_max: 8200");
  const Ending moved = Stdout(absl::StrCat("check ", suite_));
  EXPECT_EQ(moved.exit_status, 1) << "slub is exact";
  EXPECT_THAT(moved.text, HasSubstr("CHANGED slub"));
  EXPECT_THAT(moved.text, HasSubstr("ok      slab"));
  EXPECT_THAT(moved.text, HasSubstr("allowed"));
}

TEST_F(CheckTest, UpdatingOnePointKeepsTheOthers) {
  ASSERT_EQ(Stdout("check --update " + suite_).exit_status, 0);
  const std::string before = Contents(Path("net.baselines.textproto"));
  Change("allocator: \"slab\"", "allocator: \"slab\" seed: 2 touch_bytes: 64");
  ASSERT_EQ(Stdout(absl::StrCat("check --update ", suite_, " slab")).exit_status, 0);
  const std::string after = Contents(Path("net.baselines.textproto"));
  EXPECT_NE(after, before);
  const std::string slab = "point {\n  name: \"slab\"";
  EXPECT_EQ(after.substr(0, after.find(slab)), before.substr(0, before.find(slab)));
  EXPECT_EQ(Stdout("check " + suite_).exit_status, 0);
}

TEST_F(CheckTest, ErrorsNameFileAndLine) {
  for (const auto& [text, complaint] : std::vector<std::pair<std::string, std::string>>{
           {"", ": a suite of no points"},
           {"point { name: \"a b\" }", ":1:9: a point wants a name of letters"},
           {"base { trace: \"x.slt\" }\npoint { name: \"a\" }\npoint { name: \"a\" }",
            ":3:9: a second point \"a\""},
           {"point { name: \"a\" }", ":1:1: neither a trace nor a workload"},
           {"base { trace: \"x.slt\" }\npoint { name: \"a\"\n tolerance { metric: \"speed\" } }",
            ":3:14: unknown metric 'speed'"},
           {"point { name: \"a\"\n run { order: \"any\" } }", ":2:8: --order=any"},
           {"points { }", ":1:8: "},
           {"base { workload: \"larson\"\n set: \"slot=2\" }\npoint { name: \"a\" }",
            ":2:2: larson: unknown parameter of the workload 'slot' (did you mean slots?)"},
           {"base { workload: \"larson\" }\npoint { name: \"a\"\n run { workload: \"lasron\" } }",
            ":3:8: unknown workload 'lasron'"},
           {"base { workload: \"larson\" }\npoint { name: \"a\"\n run { allocator: \"slbu\" } }",
            ":3:8: unknown allocator 'slbu'"},
           {"base { workload: \"larson\" }\npoint { name: \"a\"\n run { machine: \"nosuch\" } }",
            ":3:8: unknown machine 'nosuch'"},
           {"base { workload: \"larson\"\n scenario: \"nosuch\" }\npoint { name: \"a\" }",
            ":2:2: "},
           {"base { workload: \"larson\" }\npoint { name: \"a\"\n run { order: \"recorded\" } }",
            ":3:2: a workload was not recorded"},
       }) {
    WriteContents(suite_, text);
    const Ending run = Stderr("check " + suite_);
    EXPECT_EQ(run.exit_status, 2) << text;
    EXPECT_THAT(run.text, StartsWith(absl::StrCat("slablab: ", suite_, complaint))) << text;
  }
  WriteContents(suite_, "base { trace: \"nosuch.slt\" }\npoint { name: \"a\" }");
  EXPECT_THAT(Stderr("check " + suite_).text, AllOf(HasSubstr(":1:8: "), HasSubstr("nosuch.slt")));
  WriteContents(suite_, kSuite);
  WriteContents(Path("net.baselines.textproto"), "point {\n  nam: \"slub\" }");
  EXPECT_THAT(Stderr("check " + suite_).text, HasSubstr("net.baselines.textproto:2:6: "));
  EXPECT_THAT(Stderr(absl::StrCat("check ", suite_, " slbu")).text,
              HasSubstr("unknown point 'slbu' (did you mean slub?)"));
  EXPECT_EQ(Stderr("check").exit_status, 2);
}

TEST_F(CheckTest, WorkloadsAndRunsInClosedOrderAreCheckedToo) {
  WriteContents(Path("storm.textproto"), "events { at_us: 5 pressure { node: -1 } }");
  const std::string text = R"(
      base { machine: "vm-c4n2" }
      point { name: "workload"
              run { workload: "larson" set: "slots=20" scenario: "storm.textproto" } }
      point { name: "trace" run { trace: "net.slt" events_max: 3000 order: "closed" scale: 2 } })";
  WriteContents(suite_, text);
  ASSERT_EQ(Stdout("check --update " + suite_).exit_status, 0);
  EXPECT_EQ(Stdout("check " + suite_).exit_status, 0);
  WriteContents(suite_, absl::StrReplaceAll(text, {{"slots=20", "slots=21"}, {"scale: 2", ""}}));
  const Ending changed = Stdout("check " + suite_);
  EXPECT_EQ(changed.exit_status, 1);
  EXPECT_THAT(changed.text, AllOf(HasSubstr("CHANGED workload"), HasSubstr("CHANGED trace"),
                                  HasSubstr("work_per_second")));
}

RunResult ResultOf(uint64_t cycles, uint64_t end_state) {
  RunResult result;
  result.mutable_totals()->set_operations(1000);
  result.mutable_totals()->set_operation_cycles(cycles * 1000);
  result.mutable_digests()->set_end_state(end_state);
  return result;
}

TEST(JudgeTest, ToleranceIsInclusiveAndBothWays) {
  SuiteEntry entry;
  entry.name = "x";
  entry.exact = false;
  Tolerance& tolerance = entry.tolerances["cycles_per_operation"];
  tolerance.set_per_mille(10);
  const Baseline base = BaselineOf("x", ResultOf(100, 1));
  const auto passes = [&](uint64_t cycles) {
    return Judge(entry, &base, ResultOf(cycles, 2)).passed;
  };
  EXPECT_TRUE(passes(100));
  EXPECT_TRUE(passes(101));
  EXPECT_TRUE(passes(99));
  EXPECT_FALSE(passes(102));
  EXPECT_FALSE(passes(98));
  tolerance.set_absolute(5);
  EXPECT_TRUE(passes(105));
  EXPECT_FALSE(passes(106));
  // An exact run's tolerances do not excuse another end state.
  entry.exact = true;
  EXPECT_FALSE(passes(100));
  EXPECT_TRUE(Judge(entry, &base, ResultOf(100, 1)).passed);
  EXPECT_FALSE(Judge(entry, nullptr, ResultOf(100, 1)).passed);
}

TEST(JunitTest, WhateverIsInANameIsText) {
  const std::string xml =
      JunitXml("a<b>&\"c\"", {{.name = "ok", .message = "", .details = "", .milliseconds = 1234},
                              {.name = "'\033[31m\xff",
                               .outcome = JunitCase::Outcome::kFailed,
                               .message = "<moved>",
                               .details = "]]>",
                               .milliseconds = 5}});
  EXPECT_THAT(xml, HasSubstr("name=\"a&lt;b&gt;&amp;&quot;c&quot;\" tests=\"2\" failures=\"1\""));
  EXPECT_THAT(
      xml, HasSubstr("<testcase name=\"ok\" status=\"run\" result=\"completed\" time=\"1.234\""));
  EXPECT_THAT(xml, HasSubstr("errors=\"0\" skipped=\"0\" time=\"1.239\""));
  EXPECT_THAT(xml, HasSubstr("name=\"'?[31m?\""));
  EXPECT_THAT(xml, HasSubstr(">]]&gt;</failure>"));
  EXPECT_THAT(xml, Not(HasSubstr("\033")));
}

}  // namespace
}  // namespace slablab
