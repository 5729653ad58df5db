// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "cli/output.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "cli/interrupt.h"
#include "cli/progress.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

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
    auto file = AtomicFile::Open(Path("out"));
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
    auto file = AtomicFile::Open(Path("out"));
    ASSERT_TRUE(file.ok());
    ASSERT_TRUE((*file)->Write(std::string(300'000, 'x')).ok());
    EXPECT_EQ(Names().size(), 1u);
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
  EXPECT_THAT(WriteOutput(Path(std::string(5000, 'n')), "x").message(), HasSubstr("too long"));
  EXPECT_THAT(Names(), IsEmpty());
}

TEST_F(OutputTest, ASignalEndsTheProgramAndRemovesWhatWasBegun) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    EXPECT_EXIT(
        {
          HandleInterrupts();
          auto first = AtomicFile::Open(Path("first"));
          auto second = AtomicFile::Open(Path("second"));
          if (!(*first)->Write("x").ok() || !(*second)->Write("y").ok()) std::_Exit(1);
          if (!(*second)->Commit().ok()) std::_Exit(1);
          raise(signal);
        },
        KilledBySignal(signal), "");
    EXPECT_THAT(Names(), ElementsAre("second"));
    fs::remove(Path("second"));
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
        auto file = AtomicFile::Open(Path("out"));
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

TEST(ProgressTest, SaysHowFarInRoundNumbers) {
  const Progress::Options known{.what = "replaying a.slt", .unit = "events", .total = 2'980'000};
  EXPECT_EQ(ProgressText(known, 0), "replaying a.slt: 0 %, 0 of 2.9 M events");
  EXPECT_EQ(ProgressText(known, 1'270'000), "replaying a.slt: 42 %, 1.2 M of 2.9 M events");
  EXPECT_EQ(ProgressText(known, 9'000'000), "replaying a.slt: 100 %, 2.9 M of 2.9 M events");
  const Progress::Options unknown{.what = "reading", .unit = "lines"};
  EXPECT_EQ(ProgressText(unknown, 9'999), "reading: 9999 lines");
  EXPECT_EQ(ProgressText(unknown, 54'321), "reading: 54 k lines");
}

TEST(ProgressTest, NothingIsPrintedWhereThereIsNoTerminal) {
  std::FILE* file = std::tmpfile();
  ASSERT_NE(file, nullptr);
  {
    Progress progress({.what = "reading", .unit = "lines", .stream = file});
    usleep(600'000);  // Past the time of the first drawing.
    progress.Update(1);
  }
  EXPECT_EQ(std::ftell(file), 0);
  std::fclose(file);
}

}  // namespace
}  // namespace slablab
