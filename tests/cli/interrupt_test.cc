// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Commands that write a trace, interrupted at several moments: what was there stays, and nothing
// half-written is left.

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/cli/run_program.h"
#include "tests/test_files.h"
#include "tests/traces/random_trace.h"

namespace slablab {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;
using ::testing::UnorderedElementsAreArray;
using Clock = std::chrono::steady_clock;

constexpr useconds_t kPoll = 2'000;

pid_t StartSlablab(const std::vector<std::string>& words) {
  const std::string program = Runfile("cli/slablab");
  const pid_t child = fork();
  if (child != 0) return child;
  const int nowhere = open("/dev/null", O_WRONLY);
  dup2(nowhere, STDOUT_FILENO);
  dup2(nowhere, STDERR_FILENO);
  // Whoever runs the tests may have told us to ignore them.
  for (const int number : {SIGINT, SIGTERM}) signal(number, SIG_DFL);
  std::vector<char*> arguments = {const_cast<char*>(program.c_str())};
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  execv(program.c_str(), arguments.data());
  _exit(99);
}

int Await(pid_t child) {
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return status;
}

bool ExitedWith(int wait_status, int status) {
  return WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == status;
}

class InterruptTest : public FolderTest {
 protected:
  void TearDown() override { unsetenv("TMPDIR"); }

  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder())) {
      names.push_back(entry.path().filename());
    }
    return names;
  }

  // Runs a command that writes `output` whole; then again and again, with a signal at moments
  // spread over the time that took.
  void InterruptAtManyMoments(const std::vector<std::string>& words, const std::string& output) {
    const std::vector<std::string> before = Names();
    const Clock::time_point start = Clock::now();
    ASSERT_TRUE(ExitedWith(Await(StartSlablab(words)), 0));
    const Clock::duration whole = Clock::now() - start;
    ASSERT_TRUE(fs::remove(Path(output)));
    int cancelled = 0;
    constexpr int kMoments = 5;
    for (int moment = 0; moment < kMoments; ++moment) {
      for (const int number : {SIGINT, SIGTERM}) {
        const pid_t child = StartSlablab(words);
        const auto delay = whole * moment / kMoments;
        usleep(static_cast<useconds_t>(
            std::chrono::duration_cast<std::chrono::microseconds>(delay).count()));
        kill(child, number);
        const int status = Await(child);
        if (ExitedWith(status, 0)) {  // it was faster than the first time
          fs::remove(Path(output));
        } else {
          // Before a command has begun, the signal ends the program as it would any other.
          EXPECT_TRUE(ExitedWith(status, 130) ||
                      (WIFSIGNALED(status) && WTERMSIG(status) == number))
              << status;
        }
        cancelled += ExitedWith(status, 130);
        EXPECT_THAT(Names(), UnorderedElementsAreArray(before)) << "moment " << moment;
      }
    }
    EXPECT_GT(cancelled, 0);
  }
};

TEST_F(InterruptTest, AnImportLeavesNothing) {
  std::string text = "cpus=2\n";
  for (uint64_t i = 0; i < 100'000; ++i) {
    fmt::format_to(std::back_inserter(text),
                   "  sh-7  [00{}]  {}.{:09}: kmalloc: call_site=f+0x1 ptr={:#x} bytes_req=60 "
                   "bytes_alloc=64 gfp_flags=GFP_KERNEL node=-1 accounted=false\n",
                   i % 2, 1 + i / 1'000'000, i % 1'000'000 * 1000, 0xffff888100000000 + 64 * i);
  }
  WriteContents(Path("recording.txt"), text);
  InterruptAtManyMoments({"import", Path("recording.txt"), "-o", Path("out.slt")}, "out.slt");
}

TEST_F(InterruptTest, ASliceLeavesNothing) {
  InterruptAtManyMoments({"trace", "slice", Runfile("traces/samples/linux-6.1-slub-c4n2-fs.slt"),
                          "--events", "1..", "-o", Path("out.slt")},
                         "out.slt");
}

TEST_F(InterruptTest, ReplaysOfOneRecordingLeaveNothing) {
  InterruptAtManyMoments({"why", Runfile("traces/samples/linux-6.1-slub-c4n2-fs.slt"),
                          "--events-max=20000", "-o", Path("why.txt")},
                         "why.txt");
}

TEST_F(InterruptTest, WhatWasThereStays) {
  WriteContents(Path("out.slt"), "precious");
  const pid_t child =
      StartSlablab({"trace", "slice", Runfile("traces/samples/linux-6.1-slub-c4n2-hackbench.slt"),
                    "--events", "1..", "-o", Path("out.slt")});
  usleep(100'000);
  kill(child, SIGINT);
  EXPECT_FALSE(ExitedWith(Await(child), 0));
  EXPECT_EQ(fs::file_size(Path("out.slt")), 8u);
  EXPECT_THAT(Names(), UnorderedElementsAre("out.slt"));
}

// A copy of the program, as nobody can look into the folder of the original.
TEST(CaptureRefusalTest, WhoIsNotRootIsToldSo) {
  if (geteuid() != 0) {
    EXPECT_EQ(Stdout("why --seconds=1").exit_status, 2);
    EXPECT_THAT(Stderr("why --seconds=1").text, HasSubstr("needs root"));
    return;
  }
  std::string open = "/tmp/slablab-why-XXXXXX";
  ASSERT_NE(mkdtemp(open.data()), nullptr);
  const std::string program = open + "/slablab";
  fs::copy_file(Runfile("cli/slablab"), program);
  const Ending run = Collect(absl::StrCat("chmod 755 ", open, " ", program,
                                          " && setpriv --reuid=65534 --regid=65534 --clear-groups ",
                                          program, " why --seconds=1 2>&1 >/dev/null"));
  fs::remove_all(open);
  constexpr int kNotStarted = 127;
  if (run.exit_status == kNotStarted) GTEST_SKIP() << run.text;  // A sandbox has no such user.
  EXPECT_EQ(run.exit_status, 2);
  EXPECT_THAT(run.text, HasSubstr("needs root"));
}

// Of what captures keep for themselves.
class CaptureInterruptTest : public InterruptTest {
 protected:
  void SetUp() override {
    ASSERT_TRUE(fs::create_directory(Path("tmp")));
    setenv("TMPDIR", Path("tmp").c_str(), 1);
    const bool works = ExitedWith(
        Await(StartSlablab({"capture", "--buffer-kib=1024", "-o", Path("try.slt"), "--", "true"})),
        0);
    if (!works) GTEST_SKIP() << "this machine does not let us record";
    fs::remove(Path("try.slt"));
  }
  // Of the tracing instance that a recording has to itself. Other recordings come and go.
  static bool LeftItsInstance(pid_t child) {
    return fs::exists(fmt::format("/sys/kernel/tracing/instances/slablab-{}", child));
  }
  // Waits for a file of that name in the recording.
  void AwaitInRecording(const std::string& name) const {
    for (int polls = 0; polls < 30'000'000 / static_cast<int>(kPoll); ++polls) {
      for (const auto& entry : fs::directory_iterator(Path("tmp"))) {
        if (fs::exists(entry.path() / name)) return;
      }
      usleep(kPoll);
    }
    FAIL() << "no " << name;
  }
};

TEST_F(CaptureInterruptTest, TheFirstSignalEndsTheRecordingAndItIsSaved) {
  for (const int number : {SIGINT, SIGTERM}) {
    const pid_t child = StartSlablab({"capture", "--buffer-kib=1024", "-o", Path("out.slt"), "--",
                                      "sh", "-c", "touch " + Path("on") + "; exec sleep 60"});
    while (!fs::exists(Path("on"))) usleep(kPoll);
    kill(child, number);
    EXPECT_TRUE(ExitedWith(Await(child), 0));
    EXPECT_THAT(Names(), UnorderedElementsAre("out.slt", "on", "tmp"));
    EXPECT_TRUE(fs::is_empty(Path("tmp")));
    EXPECT_FALSE(LeftItsInstance(child));
    fs::remove(Path("on"));
  }
}

TEST_F(CaptureInterruptTest, ASignalWhileItIsSavedLeavesNothing) {
  const pid_t child =
      StartSlablab({"capture", "--buffer-kib=8192", "-o", Path("out.slt"), "--", "sh", "-c",
                    "for i in 1 2 3 4 5 6 7 8 9; do find /usr >" + Path("tmp") + "/found; done"});
  AwaitInRecording("sys-kernel-slab.after");
  // The first may still be taken for the recording's end.
  kill(child, SIGTERM);
  usleep(100'000);
  kill(child, SIGTERM);
  EXPECT_TRUE(ExitedWith(Await(child), 130));
  EXPECT_THAT(Names(), UnorderedElementsAre("tmp"));
  fs::remove(Path("tmp/found"));
  EXPECT_TRUE(fs::is_empty(Path("tmp")));
  EXPECT_FALSE(LeftItsInstance(child));
}

// From this machine to a page that says what it was asked of.
TEST_F(CaptureInterruptTest, WhyRecordsACommandOrForATimeAndLeavesAPageAlone) {
  const std::vector<std::string> common = {"why", "--buffer-kib=1024", "--workers=2", "-o",
                                           Path("why.txt")};
  for (const std::vector<std::string>& what :
       {std::vector<std::string>{"--", "sh", "-c", "ls / >/dev/null; true"},
        std::vector<std::string>{"--seconds=1"}}) {
    std::vector<std::string> words = common;
    words.insert(words.end(), what.begin(), what.end());
    const pid_t child = StartSlablab(words);
    EXPECT_TRUE(ExitedWith(Await(child), 0));
    EXPECT_FALSE(LeftItsInstance(child));
    EXPECT_THAT(Names(), UnorderedElementsAre("why.txt", "tmp"));
    EXPECT_TRUE(fs::is_empty(Path("tmp")));
    EXPECT_THAT(
        ContentsOf("why.txt"),
        HasSubstr(what.size() > 1 ? "Why: this machine while 'sh -c ls" : "Why: this machine"));
    EXPECT_THAT(ContentsOf("why.txt"), HasSubstr("changes were tried"));
    fs::remove(Path("why.txt"));
  }
}

TEST_F(CaptureInterruptTest, WhyThatIsInterruptedLeavesNothing) {
  const pid_t child =
      StartSlablab({"why", "--buffer-kib=8192", "--workers=2", "-o", Path("why.txt"), "--", "sh",
                    "-c", "for i in 1 2 3; do find /usr >" + Path("tmp") + "/found; done"});
  AwaitInRecording("sys-kernel-slab.after");
  // Either may still be taken for the recording's end, or the command's.
  for (int i = 0; i < 3; ++i) {
    kill(child, SIGTERM);
    usleep(100'000);
  }
  const int status = Await(child);
  // The third that is counted is the last that is: what comes then ends the program at once.
  EXPECT_TRUE(ExitedWith(status, 130) || WIFSIGNALED(status)) << status;
  EXPECT_TRUE(ExitedWith(Await(StartSlablab({"version"})), 0));
  EXPECT_THAT(Names(), UnorderedElementsAre("tmp"));
  fs::remove(Path("tmp/found"));
  EXPECT_TRUE(fs::is_empty(Path("tmp")));
  EXPECT_FALSE(LeftItsInstance(child));
}

// Nobody can catch SIGKILL: the next slablab of any kind puts the kernel's tracing back.
TEST_F(CaptureInterruptTest, WhatAKilledCaptureLeftTheNextStartUndoes) {
  const std::string tracing = "/sys/kernel/tracing/";
  const auto settings = [&] {
    std::string all;
    for (const char* name : {"trace_clock", "tracing_on", "current_tracer", "events/enable"}) {
      all += Contents(tracing + name);
    }
    return all;
  };
  const std::string before = settings();
  for (const int number : {SIGKILL, SIGQUIT, SIGXCPU, SIGUSR1, SIGALRM}) {
    const pid_t child = StartSlablab({"capture", "--buffer-kib=1024", "-o", Path("out.slt"), "--",
                                      "sh", "-c", "echo $$ > " + Path("on") + "; exec sleep 60"});
    while (!fs::exists(Path("on")) || fs::is_empty(Path("on"))) usleep(kPoll);
    kill(child, number);
    EXPECT_TRUE(WIFSIGNALED(Await(child)));
    EXPECT_FALSE(fs::is_empty(Path("tmp")));
    EXPECT_TRUE(ExitedWith(Await(StartSlablab({"version"})), 0));
    EXPECT_TRUE(fs::is_empty(Path("tmp")));
    EXPECT_FALSE(LeftItsInstance(child));
    EXPECT_EQ(settings(), before);
    EXPECT_THAT(Names(), UnorderedElementsAre("on", "tmp"));
    kill(std::stoi(ContentsOf("on")), SIGKILL);  // The command was the user's to end.
    fs::remove(Path("on"));
  }
}

TEST_F(CaptureInterruptTest, OfARecordingThatFailsNothingStays) {
  EXPECT_TRUE(ExitedWith(Await(StartSlablab({"capture", "--recording", Path("kept"), "-o",
                                             Path("out.slt"), "--", "/nonexistent"})),
                         2));
  EXPECT_THAT(Names(), UnorderedElementsAre("tmp"));
  EXPECT_TRUE(fs::is_empty(Path("tmp")));
}

}  // namespace
}  // namespace slablab
