// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// What a process that was killed had changed is put back, by whoever comes next and not before.

#include "base/left_behind.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/test_files.h"

namespace slablab {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class LeftBehindTest : public FolderTest {
 protected:
  void SetUp() override {
    Write("switch", "before");
    setenv("TMPDIR", folder().c_str(), 1);
  }
  void TearDown() override { unsetenv("TMPDIR"); }

  // In a process that is killed as soon as `act` is done.
  void Killed(const std::function<void(UndoRecord&)>& act) const {
    const pid_t child = fork();
    if (child == 0) {
      const auto record = UndoRecord::Begin(folders_);
      if (!record.ok()) std::_Exit(1);
      act(**record);
      raise(SIGKILL);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
  }
  // What a capture does.
  void Change(UndoRecord& record) const {
    if (!record.WillLock(Path("lock")).ok()) std::_Exit(1);
    if (!record.WillChange(Path("switch"), "before").ok()) std::_Exit(1);
    WriteContents(Path("switch"), "during");
    if (!record.WillMakeDirectory(Path("directory")).ok()) std::_Exit(1);
    mkdir(Path("directory").c_str(), 0700);
    const absl::StatusOr<std::string> made = MakeTemporaryFolder("test", record);
    if (!made.ok()) std::_Exit(1);
    WriteContents(*made + "/trace.dat", "much");
  }
  size_t Entries() const {
    return static_cast<size_t>(std::distance(fs::directory_iterator(folder()), {}));
  }

  const std::vector<std::string> folders_ = {Path("records")};
};

TEST_F(LeftBehindTest, WhatWasKilledIsPutBackByTheNext) {
  Write("lock", "");
  Killed([this](UndoRecord& record) { Change(record); });
  EXPECT_EQ(ContentsOf("switch"), "during");
  EXPECT_EQ(Entries(), 5u);
  EXPECT_THAT(UndoLeftBehind(folders_), ::testing::SizeIs(3));
  EXPECT_EQ(ContentsOf("switch").substr(0, 6), "before");
  EXPECT_EQ(Entries(), 2u) << "the switch and the lock";
  EXPECT_THAT(UndoLeftBehind(folders_), IsEmpty());
}

// A killed capture left tracefs mounted where it had not been.
TEST_F(LeftBehindTest, WhatWasMountedIsUnmounted) {
  const std::string at = Path("mounted");
  fs::create_directory(at);
  const auto mounts = [&at] { return mount("tmpfs", at.c_str(), "tmpfs", 0, nullptr) == 0; };
  if (!mounts()) GTEST_SKIP() << "this process may not mount";
  umount(at.c_str());
  Killed([&](UndoRecord& record) {
    if (!record.WillMount(at).ok() || !mounts()) std::_Exit(1);
    WriteContents(at + "/file", "of what is mounted");
  });
  EXPECT_FALSE(fs::is_empty(at));
  EXPECT_THAT(UndoLeftBehind(folders_), ::testing::ElementsAre("unmounted " + at));
  EXPECT_TRUE(fs::is_empty(at));
}

TEST_F(LeftBehindTest, WhoLivesIsLeftAlone) {
  {
    const auto record = UndoRecord::Begin(folders_);
    ASSERT_TRUE(record.ok());
    Change(**record);
    EXPECT_THAT(UndoLeftBehind(folders_), IsEmpty());
    EXPECT_EQ(ContentsOf("switch"), "during");
  }
  EXPECT_FALSE(fs::exists(Path("records"))) << "who ends by himself leaves no record";
}

TEST_F(LeftBehindTest, WhoHoldsTheLockComesFirst) {
  Write("lock", "");
  Killed([this](UndoRecord& record) { Change(record); });
  const int lock = open(Path("lock").c_str(), O_RDONLY);
  ASSERT_EQ(flock(lock, LOCK_EX), 0);
  EXPECT_THAT(UndoLeftBehind(folders_), IsEmpty());
  EXPECT_EQ(ContentsOf("switch"), "during");
  close(lock);
  EXPECT_THAT(UndoLeftBehind(folders_), ::testing::SizeIs(3));
}

// As one that gives a file its name, or reads for its parent.
TEST_F(LeftBehindTest, WhatTheDeadHadForkedIsWaitedFor) {
  Write("lock", "");
  Killed([this](UndoRecord& record) {
    Change(record);
    if (fork() == 0) {
      usleep(300'000);
      std::_Exit(0);
    }
  });
  EXPECT_THAT(UndoLeftBehind(folders_), ::testing::SizeIs(3));
  EXPECT_EQ(Entries(), 2u);
}

TEST_F(LeftBehindTest, AChildThatLivesOnIsAskedToEnd) {
  Killed([this](UndoRecord& record) {
    const pid_t child = fork();
    if (child == 0) {
      signal(SIGINT, SIG_DFL);
      execlp("sleep", "sleep", "1000", nullptr);
      std::_Exit(99);
    }
    WriteContents(Path("pid"), std::to_string(child));
    if (!record.HasStarted(child).ok()) std::_Exit(1);
  });
  const pid_t child = std::stoi(ContentsOf("pid"));
  ASSERT_EQ(kill(child, 0), 0);
  UndoLeftBehind(folders_);
  // Nobody of ours waits for it: it may stay as a zombie for a while.
  const std::string stat = Contents("/proc/" + ContentsOf("pid") + "/stat");
  EXPECT_TRUE(stat.empty() || stat.find(") Z ") != std::string::npos) << stat;
}

TEST_F(LeftBehindTest, SwitchesOfAnotherBootAndForeignFoldersStay) {
  ASSERT_EQ(mkdir(Path("records").c_str(), 0700), 0);
  ASSERT_EQ(mkdir(Path("precious").c_str(), 0700), 0);
  Write("records/old", "boot\tanother\t\nchange\t" + Path("switch") + "\tpast\t\nfolder\t" +
                           Path("precious") + "\t\nchange\t" + Path("switch") + "\tcut sho");
  UndoLeftBehind(folders_);
  EXPECT_EQ(ContentsOf("switch"), "before");
  EXPECT_TRUE(fs::exists(Path("precious")));
  EXPECT_FALSE(fs::exists(Path("records")));
}

TEST_F(LeftBehindTest, AFolderThatOthersMayWriteIsNotUsed) {
  ASSERT_EQ(mkdir(Path("records").c_str(), 0700), 0);
  ASSERT_EQ(chmod(Path("records").c_str(), 0777), 0);
  EXPECT_THAT(std::string(UndoRecord::Begin(folders_).status().message()),
              HasSubstr("not a folder of this user's alone"));
  Write("records/foreign", "folder\t" + Path("slablab-x") + "\t\n");
  ASSERT_EQ(mkdir(Path("slablab-x").c_str(), 0700), 0);
  EXPECT_THAT(UndoLeftBehind(folders_), IsEmpty());
  EXPECT_TRUE(fs::exists(Path("slablab-x")));
}

}  // namespace
}  // namespace slablab
