// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// `slablab bisect` as a user starts it.

#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "google/protobuf/util/json_util.h"
#include "gtest/gtest.h"
#include "reports/delta.h"
#include "reports/explain/bisect.pb.h"
#include "reports/metrics.h"
#include "tests/cli/run_program.h"
#include "tests/test_files.h"

namespace slablab {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class BisectTest : public FolderTest {
 protected:
  const std::string run_ = absl::StrCat(" ", Sample("net"), " --events-max=5000 --machine=vm-c4n2");
};

TEST_F(BisectTest, FindsASwitchThatWasFlippedInSecret) {
  for (const char* setting : {"sheaves.capacity=1", "sheaves.which=none", "barns=none"}) {
    const Ending end =
        Stdout(absl::StrCat("bisect slub-7.3 slub-7.3:", setting, run_, " --per-mille=1"));
    EXPECT_EQ(end.exit_status, 1) << setting;
    EXPECT_THAT(end.text, AllOf(HasSubstr("The first that moved cycles_per_operation is"),
                                HasSubstr(absl::StrCat(setting, ", step ")),
                                HasSubstr("operations are alike")));
  }
}

TEST_F(BisectTest, WalksTheErasAndSaysWhereItEnds) {
  const Ending eras = Stdout(absl::StrCat("bisect slub-6.12 slub-7.3", run_));
  EXPECT_EQ(eras.exit_status, 1);
  EXPECT_THAT(eras.text, AllOf(HasSubstr("slub-6.12"), HasSubstr("cpu-slabs=no of slub-7.0")));
  const Ending nothing =
      Stdout(absl::StrCat("bisect slub-7.3 slub-7.2", run_, " --per-mille=900000"));
  EXPECT_EQ(nothing.exit_status, 0);
  EXPECT_THAT(nothing.text, HasSubstr("None of 3 steps moved cycles_per_operation so far."));
}

TEST_F(BisectTest, HoldsTwoBuildsOfTheProgramToEachOther) {
  const std::string program = Runfile("cli/slablab");
  const Ending same = Stdout(absl::StrCat("bisect ", program, " ", program, run_));
  EXPECT_EQ(same.exit_status, 0);
  EXPECT_THAT(same.text, HasSubstr("All operations are alike."));
  // Another build, so to speak.
  const std::string other =
      Write("other", absl::StrCat("#!/bin/sh\nexec ", program, " \"$@\" --quirks=memcg-off\n"));
  ASSERT_EQ(Collect(absl::StrCat("chmod +x ", other)).exit_status, 0);
  const Ending parted =
      Stdout(absl::StrCat("bisect ", program, " ", other, run_, " --per-mille=0"));
  EXPECT_EQ(parted.exit_status, 1);
  EXPECT_THAT(parted.text, HasSubstr("operations are alike"));
}

TEST_F(BisectTest, EndsAtTheFirstPointOfTwoSuitesThatMoved) {
  const auto suite = [&](const std::string& name, const std::string& second) {
    return Write(name,
                 absl::StrCat("base { trace: \"", Sample("net"),
                              "\" events_max: 4000 machine: \"vm-c4n2\" }\n",
                              "point { name: \"first\" run { allocator: \"slub-6.1\" } }\n",
                              "point { name: \"second\" run { allocator: \"", second, "\" } }\n"));
  };
  const std::string a = suite("a.textproto", "slub-6.12");
  const std::string b = suite("b.textproto", "slab");
  const Ending moved = Stdout(absl::StrCat("bisect ", a, " ", b));
  EXPECT_EQ(moved.exit_status, 1);
  EXPECT_THAT(moved.text, AllOf(HasSubstr("\nfirst "), HasSubstr("is second, step 2 of 2")));
  EXPECT_EQ(Stdout(absl::StrCat("bisect ", a, " ", a)).exit_status, 0);
}

// The figures of each format are those of all, of switches, points and programs alike.
TEST_F(BisectTest, FormatsSayTheSame) {
  const std::string suite =
      Write("a.textproto", absl::StrCat("point { name: \"one\" run { trace: \"", Sample("net"),
                                        "\" events_max: 2000 machine: \"vm-c4n2\" } }\n"));
  const std::string program = Runfile("cli/slablab");
  for (const std::string& what :
       {absl::StrCat("slub-7.3 slub-7.3:barns=none", run_, " --per-mille=1"),
        absl::StrCat(suite, " ", suite), absl::StrCat(program, " ", program, run_)}) {
    const Ending json = Stdout(absl::StrCat("bisect ", what, " --format=json"));
    BisectReport report;
    ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(json.text, &report).ok()) << what;
    ASSERT_GE(report.steps_size(), 1);
    EXPECT_EQ(json.exit_status, report.moved() ? 1 : 0);
    const BisectStep& last = report.steps(report.steps_size() - 1);
    const Ending csv = Stdout(absl::StrCat("bisect ", what, " --format=csv"));
    EXPECT_THAT(csv.text, HasSubstr(absl::StrCat(",cycles_per_operation,", last.base(), ",",
                                                 last.value(), ",", report.moved() ? 1 : 0)));
    EXPECT_EQ(csv.exit_status, json.exit_status);
    const std::string value = ShortMetricText(*FindMetric(report.metric()), last.value());
    for (const char* format : {"text", "html"}) {
      const Ending said = Stdout(absl::StrCat("bisect ", what, " --format=", format));
      EXPECT_EQ(said.exit_status, json.exit_status);
      EXPECT_THAT(said.text, HasSubstr(value)) << format;
    }
  }
}

TEST_F(BisectTest, OfOneModelNothingIsOtherwise) {
  const Ending same = Stdout("bisect slub-7.3 slub-7.3" + run_);
  EXPECT_EQ(same.exit_status, 0);
  EXPECT_THAT(same.text, HasSubstr("No switch is set otherwise"));
}

TEST_F(BisectTest, WhatCannotBeIsRefused) {
  const auto refusal = [](const std::string& arguments) {
    const Ending end = Stderr("bisect " + arguments);
    EXPECT_EQ(end.exit_status, 2) << arguments;
    return end.text;
  };
  EXPECT_THAT(refusal("slub-7.3"), HasSubstr("two models, suites or programs"));
  EXPECT_THAT(refusal("slub-7.3 slab" + run_), HasSubstr("not made of the same switches"));
  EXPECT_THAT(refusal("slub-7.3 slub-7.4" + run_), HasSubstr("unknown slab allocator 'slub-7.4'"));
  EXPECT_THAT(refusal("slub-7.2 slub-7.3 --metric=cycles" + run_), HasSubstr("unknown metric"));
  EXPECT_THAT(refusal("slub-7.2 slub-7.3 --allocator=slab" + run_), HasSubstr("A and B say that"));
  EXPECT_THAT(refusal("slub-7.2 slub-7.3"), HasSubstr("bisect wants to know what to run"));
}

}  // namespace
}  // namespace slablab
