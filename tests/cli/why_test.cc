// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// `slablab why` of what was recorded, as a user starts it. Of this machine: interrupt_test.cc.

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "fmt/format.h"
#include "gmock/gmock.h"
#include "google/protobuf/util/json_util.h"
#include "gtest/gtest.h"
#include "reports/why/why.pb.h"
#include "tests/cli/run_program.h"
#include "tests/test_files.h"

namespace slablab {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class WhyTest : public FolderTest {
 protected:
  static std::string Text(const std::string& arguments) {
    const Ending run = Stdout(arguments);
    EXPECT_EQ(run.exit_status, 0) << arguments;
    return run.text;
  }
  static void ExpectRefusal(const std::string& arguments, const std::string& words) {
    const Ending run = Stderr(arguments);
    EXPECT_EQ(run.exit_status, 2) << arguments;
    EXPECT_THAT(run.text, HasSubstr(words)) << arguments;
  }
  static WhyReport ReportOf(const std::string& arguments) {
    WhyReport report;
    const std::string json = Text(absl::StrCat("why ", arguments, " --format=json"));
    EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(json, &report).ok()) << arguments;
    return report;
  }

  const std::string trace_ = absl::StrCat(Sample("fs"), " --events-max=6000");
};

TEST_F(WhyTest, IsTheSameForAnyNumberOfWorkers) {
  for (const std::string format : {"text", "csv", "json", "html"}) {
    const std::string run = absl::StrCat("why ", trace_, " --format=", format);
    const std::string one = Text(run + " --workers=1");
    EXPECT_EQ(one, Text(run + " --workers=3"));
    EXPECT_THAT(one, HasSubstr("slub-6.12"));
  }
}

TEST_F(WhyTest, FormatsHaveTheSameFigures) {
  const WhyReport report = ReportOf(trace_);
  const std::vector<std::string> csv =
      absl::StrSplit(Text(absl::StrCat("why ", trace_, " --format=csv")), '\n');
  ASSERT_EQ(csv.size(), static_cast<size_t>(report.candidates_size()) + 2);
  for (int i = 0; i < report.candidates_size(); ++i) {
    const WhyCandidate& each = report.candidates(i);
    EXPECT_THAT(csv[static_cast<size_t>(i) + 1],
                HasSubstr(absl::StrCat(",", each.setting(), ",", each.change().cycles(), ",",
                                       each.change().bytes(), ",")));
  }
  const std::string text = Text(absl::StrCat("why ", trace_, " --limit=0"));
  for (const WhyCost& path : report.slow_paths()) EXPECT_THAT(text, HasSubstr(path.name()));
}

TEST_F(WhyTest, TriesWhatTheUserSays) {
  const WhyReport report = ReportOf(absl::StrCat(trace_, " --try=cpu_partial=13 --try=seed=7"));
  std::string tried;
  for (const WhyCandidate& each : report.candidates()) {
    absl::StrAppend(&tried, each.how(), " ", each.setting(), "\n");
  }
  EXPECT_THAT(tried, AllOf(HasSubstr("sysfs cpu_partial=13\n"), HasSubstr("run seed=7\n"),
                           HasSubstr("boot slub_max_order=0\n"), HasSubstr("kernel slub-7.3\n")));
  // SLUB of 6.1 has another spelling, and no sheaves unless they are built in.
  EXPECT_THAT(tried, AllOf(Not(HasSubstr("slab_max_order")), Not(HasSubstr("sheaves.capacity"))));
}

// Of a recording that is no trace yet, nothing is left but the page.
TEST_F(WhyTest, TakesARecordingAsItIs) {
  std::string recording = "cpus=2\n";
  for (int i = 0; i < 3'000; ++i) {
    const auto line = [&](int time, std::string_view event) {
      absl::StrAppend(&recording,
                      fmt::format("  sh-7  [00{}]  1.{:09}: {}\n", i % 2, time * 1000, event));
    };
    const uint64_t object = 0xffff888100000000 + 64 * static_cast<uint64_t>(i % 500);
    line(2 * i, fmt::format("kmalloc: call_site=f+0x1 ptr={:#x} bytes_req=60 bytes_alloc=64 "
                            "gfp_flags=GFP_KERNEL node=-1 accounted=false",
                            object));
    line(2 * i + 1, fmt::format("kfree: call_site=g+0x2 ptr={:#x}", object));
  }
  const std::string path = Write("recording.txt", recording);
  const std::string temporary = Path("tmp");
  std::filesystem::create_directory(temporary);
  const Ending run = Collect(absl::StrCat("TMPDIR=", temporary, " ", Runfile("cli/slablab"),
                                          " why ", path, " --format=json 2>/dev/null"));
  EXPECT_EQ(run.exit_status, 0);
  WhyReport report;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(run.text, &report).ok());
  EXPECT_EQ(report.subject(), path);
  EXPECT_EQ(report.operations(), 6'000u);
  EXPECT_TRUE(std::filesystem::is_empty(temporary));
}

TEST_F(WhyTest, WhatIsWrongIsSaid) {
  ExpectRefusal("why a b", "slablab why -- make -j8");
  ExpectRefusal("why make", "behind --");
  ExpectRefusal(absl::StrCat("why ", trace_, " -- true"), "why takes one recording, or a command");
  ExpectRefusal(absl::StrCat("why --seconds=3 ", trace_), "--seconds says how to record");
  ExpectRefusal(absl::StrCat("why --buffer-kib=1024 ", trace_), "--buffer-kib says how to record");
  ExpectRefusal(absl::StrCat("why --try=cpu_partials=3 ", trace_), "--try=cpu_partials=3");
  ExpectRefusal("why --workload=hackbench", "no flag --workload");
  ExpectRefusal("why --method=guess -- true", "--method=guess");
  ExpectRefusal(absl::StrCat("why ", Runfile("traces/samples/linux-6.1-percpu-c8n2.slt")),
                "nothing to replay");
  ExpectRefusal(absl::StrCat("why ", Write("x.txt", "no recording\n")), "x.txt");
}

}  // namespace
}  // namespace slablab
