// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// `slablab sweep` as a user starts it: the same bytes whoever did the points and however often they
// were killed, and what cannot be is said.

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reports/result_io.h"
#include "runs/experiments/sweep_store.h"
#include "tests/cli/run_program.h"
#include "tests/test_files.h"
#include "tests/traces/random_trace.h"

namespace slablab {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

class SweepTest : public FolderTest {
 protected:
  void SetUp() override {
    fs::copy(Sample("net"), Path("net.slt"));
    WriteContents(sweep_, R"(
        base { trace: "net.slt" events_max: 4000 }
        allocator: ["slub", "slab"] cpus: [1, 4, 16] nodes: [1, 2] seed: [1, 2])");
  }

  std::string Folder(const std::string& name) const { return " --folder=" + Path(name); }
  // Everything that a merge can say.
  std::string Merged(const std::string& name) const {
    const Ending merge = Stdout(absl::StrCat("sweep merge --format=proto ", sweep_, Folder(name)));
    EXPECT_EQ(merge.exit_status, 0);
    return merge.text;
  }
  void Do(const std::string& flags, const std::string& name) const {
    EXPECT_EQ(Stdout(absl::StrCat("sweep run ", flags, " ", sweep_, Folder(name))).exit_status, 0);
  }
  size_t Results(const std::string& name) const {
    size_t count = 0;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(Path(name), error)) {
      count += entry.path().extension() == ".result" ? 1 : 0;
    }
    return count;
  }

  const std::string sweep_ = Path("net.textproto");
};

// A sentence in one line, however long the paths in it are.
std::string Flat(const std::string& text) { return absl::StrReplaceAll(text, {{"\n  ", " "}}); }

constexpr size_t kPoints = 24;
constexpr size_t kRefused = 4;  // one CPU on two nodes

TEST_F(SweepTest, TheSameBytesForAnyNumberOfWorkersAndShards) {
  Do("--workers=1", "one");
  const std::string bytes = Merged("one");
  EXPECT_GT(bytes.size(), 100'000u);
  EXPECT_EQ(Results("one"), kPoints - kRefused);
  Do("--workers=2", "two");
  EXPECT_EQ(Merged("two"), bytes);
  for (const int shard : {3, 1, 2}) {
    EXPECT_EQ(Stdout(absl::StrCat("sweep merge ", sweep_, Folder("three"))).exit_status, 2);
    Do(absl::StrCat("--workers=2 --shard=", shard, "/3"), "three");
  }
  EXPECT_EQ(Merged("three"), bytes);
}

TEST_F(SweepTest, AKilledSweepGoesOnWhereItWas) {
  Do("--workers=2", "whole");
  const std::string program = Runfile("cli/slablab");
  size_t before = 0;
  for (int kills = 0; kills < 50 && before < kPoints - kRefused; ++kills) {
    const pid_t child = fork();
    if (child == 0) {
      const std::string folder = "--folder=" + Path("killed");
      execl(program.c_str(), program.c_str(), "sweep", "run", "--workers=2", folder.c_str(),
            sweep_.c_str(), nullptr);
      _exit(99);
    }
    // As soon as there is something new.
    int status = 0;
    while (Results("killed") == before && waitpid(child, &status, WNOHANG) == 0) usleep(500);
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    EXPECT_GT(Results("killed"), before) << "a kill undid what was done";
    before = Results("killed");
  }
  // What the death of the machine can leave.
  const auto first = fs::directory_iterator(Path("killed"))->path();
  fs::resize_file(first, fs::file_size(first) / 2);
  Do("--workers=2", "killed");
  EXPECT_EQ(Merged("killed"), Merged("whole"));
  for (const auto& entry : fs::directory_iterator(Path("killed"))) {
    EXPECT_THAT(entry.path().string(), ::testing::EndsWith(".result"));
  }
}

TEST_F(SweepTest, CtrlCLeavesWhatIsDone) {
  const std::string program = Runfile("cli/slablab");
  const pid_t child = fork();
  if (child == 0) {
    const std::string folder = "--folder=" + Path("some");
    signal(SIGINT, SIG_DFL);
    execl(program.c_str(), program.c_str(), "sweep", "run", "--workers=1", folder.c_str(),
          sweep_.c_str(), nullptr);
    _exit(99);
  }
  while (Results("some") == 0) usleep(500);
  kill(child, SIGINT);
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 130);
  const size_t kept = Results("some");
  EXPECT_LT(kept, kPoints - kRefused);
  const Ending plan = Stdout(absl::StrCat("sweep plan ", sweep_, Folder("some")));
  EXPECT_THAT(plan.text, HasSubstr(absl::StrCat(kept, " done, ", kRefused, " refused")));
  const Ending merge = Stderr(absl::StrCat("sweep merge ", sweep_, Folder("some")));
  EXPECT_EQ(merge.exit_status, 2);
  EXPECT_THAT(merge.text, HasSubstr(absl::StrCat(kPoints - kRefused - kept, " of 24 points are")));
}

TEST_F(SweepTest, APointsFileIsAResultLikeThatOfRun) {
  WriteContents(sweep_, R"(base { trace: "net.slt" events_max: 4000 machine: "vm-c4n2" })");
  Do("", "one");
  ASSERT_EQ(Results("one"), 1u);
  const std::string path = fs::directory_iterator(Path("one"))->path();
  const Ending run = Stdout(absl::StrCat(
      "run --format=proto --events-max=4000 --machine=vm-c4n2 --trace=", Path("net.slt")));
  absl::StatusOr<RunResult> point = ReadResult(path);
  ASSERT_TRUE(point.ok()) << point.status();
  EXPECT_EQ(point->point(), fs::path(path).stem().string());
  point->clear_point();
  EXPECT_EQ(Serialize(*point), run.text);
}

TEST_F(SweepTest, ATraceThatWasAwayForAMomentMakesNoRefusal) {
  Do("--workers=2", "whole");
  const auto run_while = [&](const std::string& name, const std::function<void()>& act) {
    const pid_t child = fork();
    if (child == 0) {
      const std::string folder = "--folder=" + Path(name);
      execl(Runfile("cli/slablab").c_str(), "slablab", "sweep", "run", "--workers=1",
            folder.c_str(), sweep_.c_str(), nullptr);
      _exit(99);
    }
    int status = 0;
    while (Results(name) == 0 && waitpid(child, &status, WNOHANG) == 0) usleep(500);
    act();
    waitpid(child, &status, 0);
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 2);
    EXPECT_LT(Results(name), kPoints - kRefused);
    for (const auto& entry : fs::directory_iterator(Path(name))) {
      EXPECT_EQ(entry.path().extension(), ".result");
    }
    EXPECT_EQ(Stdout(absl::StrCat("sweep merge ", sweep_, Folder(name))).exit_status, 2);
  };
  const std::string trace = Path("net.slt");
  const std::string aside = Path("aside.slt");
  run_while("away", [&] { fs::rename(trace, aside); });
  fs::rename(aside, trace);
  Do("--workers=2", "away");
  EXPECT_EQ(Merged("away"), Merged("whole"));
  // Another of the same name: its results are not the points'.
  fs::copy(Sample("fs"), Path("fs.slt"));
  run_while("changed", [&] {
    fs::rename(trace, aside);
    fs::rename(Path("fs.slt"), trace);
  });
  fs::remove(trace);
  fs::rename(aside, trace);
  Do("--workers=2", "changed");
  EXPECT_EQ(Merged("changed"), Merged("whole"));
}

TEST_F(SweepTest, DamagedAndMisnamedResultsAreSaidAndDoneAgain) {
  WriteContents(sweep_, R"(
      base { trace: "net.slt" events_max: 1000 }
      allocator: ["slub", "slab"] nodes: [1, 2])");
  Do("--workers=2", "some");
  const std::string whole = Merged("some");
  std::vector<fs::path> results;
  for (const auto& entry : fs::directory_iterator(Path("some"))) {
    if (entry.path().extension() == ".result") results.push_back(entry.path());
  }
  ASSERT_GE(results.size(), 2u);
  const auto expect_mended = [&](const std::string& complaint) {
    const Ending merge = Stderr(absl::StrCat("sweep merge ", sweep_, Folder("some")));
    EXPECT_EQ(merge.exit_status, 2);
    EXPECT_THAT(merge.text, HasSubstr(complaint));
    const Ending run = Stderr(absl::StrCat("sweep run ", sweep_, Folder("some")));
    EXPECT_EQ(run.exit_status, 0);
    EXPECT_THAT(run.text, AllOf(HasSubstr(complaint), HasSubstr("to be done again")));
    EXPECT_EQ(Merged("some"), whole);
  };
  std::string bytes = Contents(results[0]);
  bytes[bytes.size() / 2] ^= 1;
  WriteContents(results[0], bytes);
  expect_mended(absl::StrCat(results[0].string(), ": "));
  fs::copy(results[0], results[1], fs::copy_options::overwrite_existing);
  expect_mended(
      absl::StrCat(results[1].string(), ": is of the point ", results[0].stem().string()));
  const Ending run =
      Stdout(absl::StrCat("run --format=proto --events-max=1000 --trace=", Path("net.slt"), " -o ",
                          results[1].string()));
  ASSERT_EQ(run.exit_status, 0);
  expect_mended(absl::StrCat(results[1].string(), ": is not of a sweep's point"));
  // A refusal takes the place of the point's result.
  const SweepStore store(Path("some"));
  ASSERT_TRUE(store.PutRefusal(results[0].stem().string(), "some reason").ok());
  const fs::path refused = fs::path(results[0]).replace_extension(".refused");
  std::string reason = Contents(refused);
  reason[reason.size() - 3] ^= 1;
  WriteContents(refused, reason);
  expect_mended(absl::StrCat(refused.string(), ": damaged, or of another point"));
  fs::remove(results[0]);
  WriteContents(refused, "");
  expect_mended(absl::StrCat(refused.string(), ": not a refusal, or a damaged one"));
}

// Neither who reads it nor who writes it waits for the pipe's other end.
TEST_F(SweepTest, APipeUnderAPointsNameIsSaidAndTheResultTakesItsPlace) {
  WriteContents(sweep_, R"(
      base { trace: "net.slt" events_max: 1000 } allocator: ["slub", "slab"])");
  Do("", "some");
  const std::string whole = Merged("some");
  const fs::path result = fs::directory_iterator(Path("some"))->path();
  for (const char* ending : {".result", ".refused"}) {
    const std::string pipe = fs::path(result).replace_extension(ending);
    fs::remove(result);
    ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
    const std::string complaint = pipe + ": is no file";
    const Ending merge = Stderr(absl::StrCat("sweep merge ", sweep_, Folder("some")));
    EXPECT_EQ(merge.exit_status, 2);
    EXPECT_THAT(merge.text, HasSubstr(complaint));
    const Ending run = Stderr(absl::StrCat("sweep run ", sweep_, Folder("some")));
    EXPECT_EQ(run.exit_status, 0);
    EXPECT_THAT(run.text, AllOf(HasSubstr(complaint), HasSubstr("to be done again")));
    EXPECT_EQ(Merged("some"), whole) << ending;
    EXPECT_TRUE(fs::is_regular_file(result)) << ending;
  }
}

TEST_F(SweepTest, WhatCannotBeIsListedWithItsReason) {
  WriteContents(sweep_, R"(
      base { trace: "net.slt" events_max: 1000 }
      allocator: ["slub", "percpu-km"] cpus: [1, 4] nodes: [1, 2])");
  Do("", "some");
  const std::string text = Flat(Stdout(absl::StrCat("sweep merge ", sweep_, Folder("some"))).text);
  EXPECT_THAT(text, HasSubstr("8 points, 5 refused"));
  EXPECT_THAT(text, HasSubstr("some node would have no CPU"));
  EXPECT_THAT(text, HasSubstr("nothing to replay for percpu-km"));
  EXPECT_THAT(text, HasSubstr("percpu-km 4 2"));
  // What every report's head says, with the points that it is of.
  EXPECT_THAT(text, HasSubstr("with SLUB; the model is of Linux 6.1."));
  EXPECT_THAT(text, HasSubstr("slub-6.1 1 1: 3 of 4 recorded CPUs share a simulated CPU"));
  const std::string tsv =
      Stdout(absl::StrCat("sweep merge --format=tsv ", sweep_, Folder("some"))).text;
  const std::vector<std::string> lines = absl::StrSplit(tsv, '\n', absl::SkipEmpty());
  ASSERT_THAT(lines, SizeIs(9));
  EXPECT_THAT(lines[0], StartsWith("point\tallocator\tcpus\tnodes\trefused\tend_state\t"));
  EXPECT_THAT(lines[0], HasSubstr("\ttrace_lost_events\ttrace_lost_unknown\tcpus_folded\t"));
  const auto tabs = [](const std::string& line) {
    return std::count(line.begin(), line.end(), '\t');
  };
  for (const std::string& line : lines) EXPECT_EQ(tabs(line), tabs(lines[0])) << line;
}

TEST_F(SweepTest, TextIsAsWideAsATerminal) {
  Do("", "some");
  const Ending merge = Stdout(absl::StrCat("sweep merge ", sweep_, Folder("some")));
  const std::vector<std::string> lines = absl::StrSplit(merge.text, '\n');
  for (const std::string& line : lines) EXPECT_LE(line.size(), 80u) << line;
  EXPECT_THAT(merge.text, HasSubstr("operation"));
  const Ending one =
      Stdout(absl::StrCat("sweep merge --metrics=peak_slabs ", sweep_, Folder("some")));
  EXPECT_THAT(one.text.substr(one.text.find(" points, ")),
              AllOf(HasSubstr("slabs"), ::testing::Not(HasSubstr("operation"))));
}

TEST_F(SweepTest, TheMergedReportBeginsWithWhoWins) {
  Do("", "some");
  const auto merged = [&](const std::string& flags) {
    return Stdout(absl::StrCat("sweep merge ", flags, " ", sweep_, Folder("some"))).text;
  };
  const std::string text = merged("");
  EXPECT_THAT(text, AllOf(HasSubstr(", by allocator\n"), HasSubstr("(base)"),
                          HasSubstr("(median and range)"), HasSubstr(" settings): ")));
  EXPECT_THAT(merged("--base=slab"), HasSubstr("slab (base)"));
  const std::vector<std::string> mail = absl::StrSplit(merged("--format=mail"), '\n');
  for (const std::string& line : mail) {
    EXPECT_LE(line.size(), 72u) << line;
  }
  const Ending wrong = Stderr(absl::StrCat("sweep merge --base=slba ", sweep_, Folder("some")));
  EXPECT_EQ(wrong.exit_status, 2);
  EXPECT_THAT(wrong.text, HasSubstr("unknown allocator 'slba' (did you mean slab?)"));
}

TEST_F(SweepTest, OnePageShowsItAll) {
  Do("", "some");
  const Ending page = Stdout(absl::StrCat("sweep merge --format=html ", sweep_, Folder("some")));
  EXPECT_EQ(page.exit_status, 0);
  EXPECT_THAT(page.text, AllOf(HasSubstr("<html"), HasSubstr("slab"), HasSubstr("16 CPUs")));
}

TEST_F(SweepTest, WorkloadsAndScenariosMeetMachinesTheyFit) {
  WriteContents(Path("cpu3.textproto"), "events { at_us: 1 cpu_offline { cpu: 3 } }");
  WriteContents(sweep_, R"(
      base { workload: "slab-batch" set: "objects=50" }
      allocator: ["slub", "percpu"] cpus: [1, 4] nodes: 1
      flag { name: "scenario" value: ["", "cpu3.textproto"] }
      seed: [1, 2])");
  Do("--workers=2", "some");
  const Ending merge =
      Stdout(absl::StrCat("sweep merge --metrics=work,work_per_second ", sweep_, Folder("some")));
  EXPECT_EQ(merge.exit_status, 0);
  EXPECT_THAT(Flat(merge.text), AllOf(HasSubstr("16 points, 10 refused"),
                                      HasSubstr("cpu3.textproto:1:33: there is no CPU 3"),
                                      HasSubstr("a percpu allocator runs in recorded order only")));
}

}  // namespace
}  // namespace slablab
