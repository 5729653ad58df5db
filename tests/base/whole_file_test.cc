// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "base/whole_file.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/claimed_output.h"
#include "base/interrupt.h"
#include "base/out_of_memory.h"
#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/sanitizers.h"

namespace slablab {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::ExitedWithCode;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::KilledBySignal;

// Each test works in an empty folder of its own.
class OutputTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = ::testing::TempDir() + "/output-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string Path(const std::string& name) const { return folder_ / name; }
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_))
      names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    return names;
  }
  static std::string Contents(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  static int Mode(const std::string& path) {
    struct stat status;
    return stat(path.c_str(), &status) == 0 ? static_cast<int>(status.st_mode & 07777) : -1;
  }

  fs::path folder_;
};

TEST_F(OutputTest, TheFileAppearsWholeAtCommitAndNotBefore) {
  const std::string large(300'000, 'x');  // Larger than the buffer.
  ASSERT_TRUE(WriteOutput(Path("out"), "before").ok());
  {
    auto file = WholeFile::Open(Path("out"));
    ASSERT_TRUE(file.ok()) << file.status();
    ASSERT_TRUE((*file)->Write(large).ok());
    ASSERT_TRUE((*file)->Write(std::string_view("\0end", 4)).ok());
    EXPECT_EQ(Contents(Path("out")), "before");
    ASSERT_TRUE((*file)->Commit().ok());
  }
  EXPECT_EQ(Contents(Path("out")), large + std::string("\0end", 4));
  EXPECT_THAT(Names(), ElementsAre("out"));
}

TEST_F(OutputTest, WithoutCommitNothingIsLeft) {
  {
    auto file = WholeFile::Open(Path("out"));
    ASSERT_TRUE(file.ok());
    ASSERT_TRUE((*file)->Write(std::string(300'000, 'x')).ok());
    EXPECT_THAT(Names(), IsEmpty());
  }
  EXPECT_THAT(Names(), IsEmpty());
}

TEST_F(OutputTest, PermissionsAreThoseOfAnyFreshFileOrOfTheFileReplaced) {
  const mode_t before = umask(027);
  ASSERT_TRUE(WriteOutput(Path("fresh"), "x").ok());
  umask(before);
  EXPECT_EQ(Mode(Path("fresh")), 0640);
  ASSERT_EQ(chmod(Path("fresh").c_str(), 0604), 0);
  ASSERT_TRUE(WriteOutput(Path("fresh"), "y").ok());
  EXPECT_EQ(Mode(Path("fresh")), 0604);
}

TEST_F(OutputTest, ALinkStaysALink) {
  ASSERT_TRUE(WriteOutput(Path("file"), "before").ok());
  fs::create_symlink("file", Path("link"));
  fs::create_symlink("later", Path("dangling"));
  ASSERT_TRUE(WriteOutput(Path("link"), "after").ok());
  ASSERT_TRUE(WriteOutput(Path("dangling"), "new").ok());
  EXPECT_TRUE(fs::is_symlink(Path("link")));
  EXPECT_EQ(Contents(Path("file")), "after");
  EXPECT_EQ(Contents(Path("later")), "new");
  EXPECT_THAT(Names(), ElementsAre("dangling", "file", "later", "link"));
}

TEST_F(OutputTest, ADeviceIsWrittenToAndNotReplaced) {
  // By way of a link, so that a failure of this test harms no device.
  fs::create_symlink("/dev/null", Path("null"));
  ASSERT_TRUE(WriteOutput(Path("null"), "x").ok());
  EXPECT_TRUE(fs::is_character_file(Path("null")));
  EXPECT_TRUE(fs::is_symlink(Path("null")));
}

TEST_F(OutputTest, ErrorsNameThePathAndTheCause) {
  EXPECT_THAT(WriteOutput(Path("no/such/folder"), "x").message(),
              AllOf(HasSubstr("no/such/folder"), HasSubstr("No such file or directory")));
  EXPECT_THAT(WriteOutput(folder_, "x").message(), HasSubstr("Is a directory"));
  EXPECT_THAT(WriteOutput("/dev/full", "x").message(),
              AllOf(HasSubstr("/dev/full"), HasSubstr("No space left")));
  for (const size_t length : {256, 5000}) {
    EXPECT_THAT(WholeFile::Open(Path(std::string(length, 'n'))).status().message(),
                HasSubstr("too long"));
  }
  ASSERT_TRUE(WriteOutput(Path(std::string(255, 'n')), "x").ok());
  ASSERT_TRUE(WriteOutput(Path(std::string(255, 'n')), "y").ok());
  fs::remove(Path(std::string(255, 'n')));
  EXPECT_THAT(Names(), IsEmpty());
}

// The address sanitizer reports a program's own faults itself, and then exits.
bool SanitizerAnswers(int signal) {
  const bool fault = signal == SIGSEGV || signal == SIGBUS || signal == SIGFPE;
  return kUnderAddressSanitizer && fault;
}

// Whatever ends a program, and is not for the program itself to answer.
std::vector<int> EndingSignals() {
  std::vector<int> signals;
  for (int signal = 1; signal <= SIGRTMAX; ++signal) {
    const bool ends = signal < 32 || signal >= SIGRTMIN;  // Others are the C library's.
    static constexpr int kHarmless[] = {SIGCHLD, SIGCONT, SIGURG,  SIGWINCH, SIGTSTP,
                                        SIGTTIN, SIGTTOU, SIGSTOP, SIGXFSZ};
    if (ends && !SanitizerAnswers(signal) &&
        std::find(std::begin(kHarmless), std::end(kHarmless), signal) == std::end(kHarmless)) {
      signals.push_back(signal);
    }
  }
  return signals;
}

TEST_F(OutputTest, NoSignalLeavesATemporaryFile) {
  const auto write_and_raise = [this](int signal, WholeFile::Temporary temporary) {
    HandleInterrupts();
    auto first = WholeFile::Open(Path("first"), temporary);
    auto second = WholeFile::Open(Path("second"), temporary);
    if (!(*first)->Write(std::string(100'000, 'x')).ok() || !(*second)->Write("y").ok()) {
      std::_Exit(1);
    }
    if (!(*second)->Commit().ok()) std::_Exit(1);
    raise(signal);
  };
  for (const int signal : EndingSignals()) {
    for (const auto temporary : {WholeFile::Temporary::kNameless, WholeFile::Temporary::kNamed}) {
      if (signal == SIGKILL && temporary == WholeFile::Temporary::kNamed) continue;  // Below.
      EXPECT_EXIT(write_and_raise(signal, temporary), KilledBySignal(signal), "");
      EXPECT_THAT(Names(), ElementsAre("second")) << signal;
      fs::remove(Path("second"));
    }
  }
}

TEST_F(OutputTest, WithoutNamelessFilesTheNextWriterRemovesWhatWasKilled) {
  const auto begin = [this](const char* name) {
    return WholeFile::Open(Path(name), WholeFile::Temporary::kNamed);
  };
  EXPECT_EXIT(
      {
        auto killed = begin("out");
        raise(SIGKILL);
      },
      KilledBySignal(SIGKILL), "");
  EXPECT_EQ(Names().size(), 1u);
  auto other = begin("out-of-another");
  auto first = begin("out");
  auto second = begin("out");  // Two at once: neither takes the other's for left behind.
  EXPECT_EQ(Names().size(), 3u);
  ASSERT_TRUE((*first)->Commit().ok());
  ASSERT_TRUE((*second)->Commit().ok());
  ASSERT_TRUE((*other)->Commit().ok());
  EXPECT_THAT(Names(), ElementsAre("out", "out-of-another"));
}

TEST_F(OutputTest, TheEndOfMemoryLeavesNothing) {
  EXPECT_EXIT(
      {
        HandleInterrupts();
        auto file = WholeFile::Open(Path("out"), WholeFile::Temporary::kNamed);
        OutOfMemory();
      },
      ExitedWithCode(2), "out of memory");
  EXPECT_THAT(Names(), IsEmpty());
}

TEST_F(OutputTest, AFileBeyondItsLimitIsAnErrorAndNoSignal) {
  EXPECT_EXIT(
      {
        HandleInterrupts();
        rlimit limit;
        limit.rlim_cur = limit.rlim_max = 100'000;
        setrlimit(RLIMIT_FSIZE, &limit);
        const absl::Status status = WriteOutput(Path("out"), std::string(300'000, 'x'));
        std::fputs(std::string(status.message()).c_str(), stderr);
        std::_Exit(status.ok() ? 0 : 2);
      },
      ExitedWithCode(2), "cannot write .*out: File too large");
  EXPECT_THAT(Names(), IsEmpty());
}

TEST_F(OutputTest, AReplacedFileIsWholeWhateverKillsTheWriter) {
  const std::string before(200'000, 'b');
  const std::string after(200'000, 'a');
  ASSERT_TRUE(WriteOutput(Path("out"), before).ok());
  for (int delay = 0; delay < 200; ++delay) {
    const pid_t child = fork();
    if (child == 0) {
      for (;;) {
        if (!WriteOutput(Path("out"), after).ok()) std::_Exit(1);
      }
    }
    usleep(static_cast<useconds_t>(delay * 37));
    kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
    // Who gives it its name goes on by himself.
    for (int polls = 0; polls < 10'000 && Names().size() > 1; ++polls) usleep(1'000);
    ASSERT_THAT(Names(), ElementsAre("out")) << delay;
    const std::string now = Contents(Path("out"));
    ASSERT_TRUE(now == before || now == after) << delay;
  }
}

TEST_F(OutputTest, WhatAShellOpenedIsWrittenToAndNotReplaced) {
  EXPECT_EXIT(
      {
        const int log = open(Path("log").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
        if (write(log, "before\n", 7) != 7) std::_Exit(1);
        dup2(log, STDOUT_FILENO);
        bool good = WriteOutput("/dev/stdout", "one\n").ok();
        good &= WriteOutput("/dev/fd/1", "two\n").ok();
        good &= WriteOutput(fmt::format("/proc/self/fd/{}", log), "three\n").ok();
        dup2(open("/dev/null", O_RDONLY), STDIN_FILENO);
        good &= !WriteOutput("/dev/stdin", "four\n").ok();
        std::_Exit(good ? 0 : 1);
      },
      ExitedWithCode(0), "");
  EXPECT_EQ(Contents(Path("log")), "before\none\ntwo\nthree\n");
}

TEST_F(OutputTest, APipeGetsWhatIsWritten) {
  ASSERT_EQ(mkfifo(Path("pipe").c_str(), 0600), 0);
  const pid_t child = fork();
  if (child == 0) std::_Exit(WriteOutput(Path("pipe"), "through\n").ok() ? 0 : 1);
  EXPECT_EQ(Contents(Path("pipe")), "through\n");
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(fs::is_fifo(Path("pipe")));
}

TEST_F(OutputTest, AnOutputThatIsReadIsRefused) {
  ASSERT_TRUE(WriteOutput(Path("in"), "x").ok());
  fs::create_symlink("in", Path("link"));
  fs::create_hard_link(Path("in"), Path("hard"));
  for (const char* output : {"in", "link", "hard"}) {
    EXPECT_EXIT(
        {
          bool good = ClaimOutput(Path(output), "-o").ok();
          good &= ClaimOutput(Path("other"), "--junit").ok();
          good &= !ClaimOutput(Path("other"), "--operations").ok();
          good &= !ClaimOutput(Path("link"), "--operations").ok();
          good &= ClaimOutput("/dev/null", "--html").ok() && CheckInput("/dev/null").ok();
          for (const char* input : {"in", "link", "hard"}) {
            good &= absl::IsInvalidArgument(CheckInput(Path(input)));
            good &= absl::IsInvalidArgument(
                CheckInput(open(Path(input).c_str(), O_RDONLY), Path(input)));
          }
          good &= CheckInput(Path("nowhere")).ok();
          std::_Exit(good ? 0 : 1);
        },
        ExitedWithCode(0), "");
  }
}

TEST_F(OutputTest, InAScopeTheFirstSignalOnlyAsksAndTheSecondEnds) {
  EXPECT_EXIT(
      {
        HandleInterrupts();
        InterruptScope scope;
        if (InterruptRequested()) std::_Exit(1);
        raise(SIGINT);
        std::_Exit(InterruptRequested() ? kExitInterrupted : 1);
      },
      ExitedWithCode(130), "");
  EXPECT_EXIT(
      {
        HandleInterrupts();
        InterruptScope scope;
        auto file = WholeFile::Open(Path("out"));
        raise(SIGINT);
        raise(SIGINT);
      },
      KilledBySignal(SIGINT), "");
  EXPECT_EXIT(
      {
        HandleInterrupts();
        InterruptScope scope(/*requests_max=*/2);
        raise(SIGINT);
        raise(SIGTERM);
        if (InterruptRequests() != 2) std::_Exit(1);
        raise(SIGTERM);
      },
      KilledBySignal(SIGTERM), "");
  EXPECT_THAT(Names(), IsEmpty());
}

}  // namespace
}  // namespace slablab
