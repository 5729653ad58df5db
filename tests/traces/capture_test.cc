// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Capture: settings are put back, programs are run and waited for, and where the machine lets us, a
// real recording.

#include "traces/capture/capture.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/child_process.h"
#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/traces/recording_text.h"
#include "traces/capture/tracefs.h"

namespace slablab {
namespace {

using ::testing::HasSubstr;

TEST(TracefsTest, ChosenValueIsWhatOneWouldWrite) {
  EXPECT_EQ(ChosenValue("[local] global counter mono\n"), "local");
  EXPECT_EQ(ChosenValue("local global [mono]\n"), "mono");
  EXPECT_EQ(ChosenValue("7 (expanded: 1408)\n"), "1408");
  EXPECT_EQ(ChosenValue("1408\n"), "1408");
  EXPECT_EQ(ChosenValue("nop\n"), "nop");
}

TEST(TracefsTest, SavedSettingsComeBackOnlyWhereTheyChanged) {
  const std::string folder = MakeTestFolder("tracing") + "/";
  std::ofstream(folder + "trace_clock") << "[local] global mono\n";
  std::ofstream(folder + "buffer_size_kb") << "1408\n";
  {
    const auto record = UndoRecord::Begin({MakeTestFolder("records")});
    ASSERT_TRUE(record.ok()) << record.status();
    const auto saved =
        SavedSettings::Save(folder, {"trace_clock", "buffer_size_kb", "absent"}, **record);
    ASSERT_TRUE(saved.ok()) << saved.status();
    ASSERT_TRUE(WriteSetting(folder + "trace_clock", "local global [mono]\n").ok());
  }
  EXPECT_THAT(*ReadSetting(folder + "trace_clock"), HasSubstr("local"));
  EXPECT_EQ(ReadSetting(folder + "trace_clock")->substr(0, 5), "local");
  EXPECT_EQ(*ReadSetting(folder + "buffer_size_kb"), "1408\n");
  EXPECT_FALSE(std::filesystem::exists(folder + "absent"));
}

TEST(TracefsTest, ASettingThatDoesNotExistIsAnErrorWithItsName) {
  const absl::Status status = WriteSetting("/nonexistent/trace_clock", "mono");
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("/nonexistent/trace_clock"));
}

TEST(ChildProcessTest, TheEndOfAProgramIsTold) {
  absl::StatusOr<int> status = RunChildProcess({.words = {"true"}});
  ASSERT_TRUE(status.ok());
  EXPECT_EQ(DescribeWaitStatus(*status), "");
  status = RunChildProcess({.words = {"sh", "-c", "exit 3"}});
  ASSERT_TRUE(status.ok());
  EXPECT_EQ(DescribeWaitStatus(*status), "exit status 3");
  EXPECT_TRUE(absl::IsNotFound(RunChildProcess({.words = {"/nonexistent"}}).status()));
}

TEST(ChildProcessTest, AnInterruptIsPassedOnAndTheEndAwaited) {
  const absl::StatusOr<int> status =
      RunChildProcess({.words = {"sleep", "60"}, .interrupts = [] { return 1; }});
  ASSERT_TRUE(status.ok());
  EXPECT_TRUE(WIFSIGNALED(*status));
  EXPECT_THAT(DescribeWaitStatus(*status), HasSubstr("killed by signal 2"));
}

TEST(ChildProcessTest, WhatDoesNotMindAnInterruptIsKilledAtTheSecond) {
  const std::string ready = MakeTestFolder("ready") + "/now";
  const auto requests = [&, asked = 0]() mutable {
    return std::filesystem::exists(ready) ? ++asked : 0;
  };
  const absl::StatusOr<int> status = RunChildProcess(
      {.words = {"sh", "-c", "trap '' INT; touch " + ready + "; while :; do sleep 0.1; done"},
       .interrupts = requests});
  ASSERT_TRUE(status.ok());
  EXPECT_THAT(DescribeWaitStatus(*status), HasSubstr("killed by signal 9"));
}

TEST(CaptureTest, SidecarsOfThisMachineCanBeUnderstood) {
  const std::string folder = MakeTestFolder("sidecars");
  std::vector<std::string> warnings;
  ASSERT_TRUE(WriteMachineSidecars(folder, &warnings).ok());
  ASSERT_TRUE(WriteSidecars(folder, "before", &warnings).ok());
  const absl::StatusOr<SidecarSet> set = CollectSidecars(folder);
  ASSERT_TRUE(set.ok()) << set.status().message();
  EXPECT_FALSE(set->kernel_release.empty());
}

// What a recording of this process could leave behind: the settings of the main buffer, and an
// instance of its own. The instances of others come and go as they please.
std::vector<std::string> TracingState(const std::string& root) {
  std::vector<std::string> state;
  for (const char* name :
       {"trace_clock", "buffer_size_kb", "tracing_on", "current_tracer", "events/enable"}) {
    const absl::StatusOr<std::string> value = ReadSetting(root + name);
    state.push_back(name + (value.ok() ? ChosenValue(*value) : "?"));
  }
  const std::string own = fmt::format("{}instances/slablab-{}", root, getpid());
  if (std::filesystem::exists(own)) state.push_back(own);
  return state;
}

// Why nothing can be recorded now, if that is because somebody else has the kernel's tracing; else
// empty. It is one for the whole machine, and no test's to take.
std::string TakenByAnother(const absl::Status& status) {
  const std::string message(status.message());
  const bool busy = message.find(std::strerror(EBUSY)) != std::string::npos;
  return absl::IsFailedPrecondition(status) || busy ? message : "";
}

TEST(CaptureTest, TracingThatIsTakenByAnotherIsAReasonToSkip) {
  const std::string folder = MakeTestFolder("tracing") + "/";
  std::filesystem::create_directory(folder + "instances");
  const auto mine = TracingLock::Take(folder);
  ASSERT_TRUE(mine.ok()) << mine.status().message();
  EXPECT_THAT(TakenByAnother(TracingLock::Take(folder).status()), HasSubstr("another recording"));
  EXPECT_THAT(TakenByAnother(absl::UnavailableError("buffer_size_kb: Device or resource busy")),
              HasSubstr("busy"));
  EXPECT_EQ(TakenByAnother(absl::OkStatus()), "");
  EXPECT_EQ(TakenByAnother(absl::NotFoundError("no such program")), "");
}

TEST(CaptureTest, ARealRecordingHasTheCommandsAllocationsAndLeavesNoTrace) {
  if (geteuid() != 0) {
    const absl::StatusOr<CaptureResult> refused = CaptureRecording({.folder = "/tmp"});
    EXPECT_TRUE(absl::IsPermissionDenied(refused.status()));
    EXPECT_THAT(std::string(refused.status().message()), HasSubstr("needs root"));
    return;
  }
  const auto record = UndoRecord::Begin();
  ASSERT_TRUE(record.ok()) << record.status();
  const absl::StatusOr<std::unique_ptr<Tracefs>> tracefs = Tracefs::Find(**record);
  if (!tracefs.ok()) GTEST_SKIP() << tracefs.status().message();
  const std::string probe = (*tracefs)->root() + "instances/slablab-probe";
  std::error_code error;
  if (!std::filesystem::create_directory(probe, error)) GTEST_SKIP() << "tracefs refuses instances";
  rmdir(probe.c_str());
  const std::vector<std::string> before = TracingState((*tracefs)->root());
  CaptureOptions options;
  options.record = record->get();
  options.folder = MakeTestFolder("recording");
  options.command = {"sh", "-c", "true; true"};
  options.method = CaptureOptions::Method::kExtract;
  options.buffer_kib_per_cpu = 8192;
  const absl::StatusOr<CaptureResult> captured = CaptureRecording(options);
  std::string taken = TakenByAnother(captured.status());
  if (!taken.empty()) GTEST_SKIP() << taken;
  ASSERT_TRUE(captured.ok()) << captured.status().message();
  EXPECT_EQ(captured->command_status, 0);
  EXPECT_EQ(TracingState((*tracefs)->root()), before);
  const Imported trace = ImportPath(options.folder);
  ASSERT_TRUE(trace.status.ok()) << trace.status.message();
  EXPECT_GT(trace.events.size(), 100);
  EXPECT_FALSE(trace.header.kernel_release.empty());

  // Only one at a time, or they would put back each other's settings.
  {
    const auto other = TracingLock::Take((*tracefs)->root());
    taken = TakenByAnother(other.status());
    if (!taken.empty()) GTEST_SKIP() << taken;
    ASSERT_TRUE(other.ok()) << other.status().message();
    const absl::StatusOr<CaptureResult> refused = CaptureRecording(options);
    EXPECT_TRUE(absl::IsFailedPrecondition(refused.status()));
    EXPECT_THAT(std::string(refused.status().message()), HasSubstr("another recording"));
  }

  // An instance of ours also goes when the command cannot be run.
  options.command = {"/nonexistent"};
  options.folder = MakeTestFolder("recording");
  const absl::Status status = CaptureRecording(options).status();
  taken = TakenByAnother(status);
  if (!taken.empty()) GTEST_SKIP() << taken;
  EXPECT_TRUE(absl::IsNotFound(status)) << status.message();
  EXPECT_EQ(TracingState((*tracefs)->root()), before);
}

}  // namespace
}  // namespace slablab
