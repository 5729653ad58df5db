// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// The program as a user starts it: what it prints where, and its exit status.

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/whole_file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reports/result_io.h"
#include "tests/cli/run_program.h"

namespace slablab {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

TEST(ProgramTest, HelpIsData) {
  for (const std::string arguments : {"help", "--help", "-h", "help help", "version --help"}) {
    const Ending run = Stdout(arguments);
    EXPECT_EQ(run.exit_status, 0) << arguments;
    EXPECT_THAT(run.text, StartsWith("usage: slablab ")) << arguments;
    EXPECT_THAT(Stderr(arguments).text, IsEmpty()) << arguments;
  }
  EXPECT_THAT(Stdout("--version").text, StartsWith("slablab "));
}

TEST(ProgramTest, AnErrorIsOneUncolouredLineOnStderrAndStatusTwo) {
  for (const std::string arguments : {"hlep", "help nothing", "version --fast", "--fast"}) {
    const Ending run = Stderr(arguments);
    EXPECT_EQ(run.exit_status, 2) << arguments;
    EXPECT_THAT(run.text, StartsWith("slablab: ")) << arguments;
    EXPECT_EQ(run.text.find('\n'), run.text.size() - 1) << arguments;
    EXPECT_THAT(Stdout(arguments).text, IsEmpty()) << arguments;
  }
}

// Who types the bare name is told where to begin, in a terminal's width.
TEST(ProgramTest, WithoutACommandItSaysWhatToBeginWith) {
  const Ending run = Stderr("");
  EXPECT_EQ(run.exit_status, 2);
  EXPECT_THAT(run.text, StartsWith("slablab: what is to be done?\n  slablab demo "));
  for (const absl::string_view line : absl::StrSplit(run.text, '\n')) EXPECT_LE(line.size(), 80u);
  EXPECT_THAT(Stdout("").text, IsEmpty());
}

TEST(ProgramTest, OutputThatDoesNotArriveIsAnError) {
  const Ending run = Slablab("help", "2>&1 >/dev/full");
  EXPECT_EQ(run.exit_status, 2);
  EXPECT_THAT(run.text, HasSubstr("cannot write to standard output: No space left on device"));
  // Standard error that takes nothing changes no exit status.
  EXPECT_EQ(Slablab("nosuch", "2>/dev/full").exit_status, 2);
  EXPECT_EQ(Slablab("nosuch", "2>&-").exit_status, 2);
}

// A result in a file of its own, and what `slablab report` makes of it.
class ReportTest : public ::testing::Test {
 protected:
  void SetUp() override {
    RunResult result;
    result.mutable_config()->set_allocator("slub-6.1");
    result.mutable_totals()->set_operations(1234);
    NamedCount& skipped = *result.mutable_totals()->add_skipped();
    skipped.set_name("page events");
    skipped.set_count(56);
    ASSERT_TRUE(WriteOutput(path_, Serialize(result)).ok());
  }
  const std::string path_ = ::testing::TempDir() + "/result.pb";
};

TEST_F(ReportTest, SaysTheSameOfEveryFormOfAResult) {
  const Ending text = Stdout("report " + path_);
  EXPECT_EQ(text.exit_status, 0);
  EXPECT_THAT(text.text, HasSubstr("1,234: 0 allocations"));
  const std::string json = path_ + ".json";
  EXPECT_EQ(Stdout(absl::StrCat("report ", path_, " --format=json -o ", json)).exit_status, 0);
  EXPECT_EQ(Stdout("report " + json).text, text.text);
  EXPECT_EQ(Stdout("report - <" + json).text, text.text);
}

TEST_F(ReportTest, TablesAreForScripts) {
  EXPECT_THAT(Stdout("report --format=csv " + path_).text,
              HasSubstr("\nskipped,page events,count,56\n"));
  EXPECT_EQ(Stdout("report --format=tsv --table=skipped " + path_).text,
            "name\tcount\npage events\t56\n");
  EXPECT_THAT(Stdout("report --format=slabinfo " + path_).text,
              StartsWith("slabinfo - version: 2.1\n"));
  EXPECT_THAT(Stderr("report --format=percpu_stats " + path_).text,
              HasSubstr("the run has no percpu allocator"));
}

TEST_F(ReportTest, WhatItCannotReadOrWriteIsSaid) {
  const std::string damaged = path_ + ".damaged";
  ASSERT_TRUE(WriteOutput(damaged, "\n\x04\x12\x02\xff\xfe").ok());
  for (const auto& [arguments, complaint] :
       {std::pair<std::string, std::string>{"report", "report takes a result or several"},
        {"report no/such/file", "cannot read no/such/file: No such file or directory"},
        {"report /dev/null", "/dev/null: empty, not a result"},
        {"report /dev/zero", "/dev/zero: more than 268435456 bytes: too large for a result"},
        {"report " + damaged,
         damaged + ": not a result, or a damaged one: no whole field at offset "},
        {"report --table=skipped " + path_, "--table is for --format=csv"},
        {"report --format=csv --table=skip " + path_,
         "unknown table 'skip' (did you mean skipped?); valid are: run, "}}) {
    const Ending run = Stderr(arguments);
    EXPECT_EQ(run.exit_status, 2) << arguments;
    EXPECT_THAT(run.text, StartsWith("slablab: " + complaint)) << arguments;
    EXPECT_THAT(Stdout(arguments).text, IsEmpty()) << arguments;
  }
}

}  // namespace
}  // namespace slablab
