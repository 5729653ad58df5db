// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// `slablab sweep submit`, `status` and `cancel` with stand-ins for Slurm's commands: what is asked
// of them, what is staged, and that nothing else is needed for the same bytes as one worker's.

#include <cstdlib>
#include <filesystem>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runs/cluster/batch_plan.h"
#include "runs/experiments/sweep_plan.h"
#include "runs/experiments/sweep_store.h"
#include "tests/cli/run_program.h"
#include "tests/test_files.h"

namespace slablab {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr size_t kPoints = 9;  // and one CPU on two nodes, refused, thrice

class SubmitTest : public FolderTest {
 protected:
  void SetUp() override {
    fs::create_directories(Path("in/traces"));
    fs::copy(Sample("net"), Path("in/traces/net.slt"));
    WriteContents(sweep_, R"(
        base { trace: "traces/../traces/net.slt" events_max: 2000 }
        allocator: ["slub-6.1", "slab", "slub-6.12"] cpus: [1, 4] nodes: [1, 2])");
    fs::create_directory(Path("bin"));
    // Does at once what it is given, as Slurm would do it in time. %a is the number of a task.
    Program("sbatch", R"(
echo "$@" >>$LOG
[ "$1" = --version ] && exit
for word; do
  case $word in --chdir=*) cd "${word#*=}" ;; esac
  script=$word
done
tasks=$(sed -n 's/^#SBATCH --array=1-//p' "$script")
export SLURM_ARRAY_JOB_ID=11
for SLURM_ARRAY_TASK_ID in $(seq ${tasks:-1}); do
  export SLURM_ARRAY_TASK_ID
  sh "$script" >>logs/all.log 2>&1
done
[ -n "$tasks" ] && echo 11 || echo '12;some cluster')");
    Program("squeue", R"(cat "$QUEUE" 2>/dev/null; true)");
    Program("scancel", R"(echo "scancel $@" >>$LOG)");
    setenv("LOG", Path("log").c_str(), 1);
    setenv("QUEUE", Path("queue").c_str(), 1);
    setenv("PATH", absl::StrCat(Path("bin"), ":/usr/bin:/bin").c_str(), 1);
  }

  void Program(const std::string& name, const std::string& text) {
    WriteContents(Path("bin/" + name), "#!/bin/sh\n" + text + "\n");
    fs::permissions(Path("bin/" + name), fs::perms(0755));
  }
  std::string Sweep(const std::string& command) const {
    return absl::StrCat("sweep ", command, " '", sweep_, "'");
  }
  std::string OneWorkers() const {
    EXPECT_EQ(Stdout(Sweep("run --workers=1 --folder=" + Path("one"))).exit_status, 0);
    return Stdout(Sweep("merge --folder=" + Path("one"))).text;
  }
  std::set<std::string> Endings(const std::string& folder) const {
    std::set<std::string> endings;
    for (const auto& entry : fs::directory_iterator(folder)) {
      endings.insert(entry.path().extension());
    }
    return endings;
  }

  const std::string sweep_ = Path("in/a sweep.textproto");
  const std::string results_ = Path("in/a sweep.results");
  const std::string batch_ = fs::path(results_ + "/batch").lexically_normal();
};

TEST_F(SubmitTest, WhatAClusterDoesIsWhatOneWorkerDoes) {
  const std::string one = OneWorkers();
  const Ending submit = Stderr(Sweep("submit --slurm --tasks=4"));
  EXPECT_EQ(submit.exit_status, 0) << submit.text;
  EXPECT_THAT(submit.text, AllOf(HasSubstr("4 tasks of 9 points"),
                                 HasSubstr("submitted: array 11, and after it merge 12")));
  EXPECT_THAT(Contents(Path("log")),
              AllOf(HasSubstr("--parsable --chdir=" + batch_ + " " + batch_ + "/array.sh"),
                    HasSubstr("--dependency=afterany:11 " + batch_ + "/merge.sh")));
  EXPECT_THAT(Contents(batch_ + "/array.sh"),
              AllOf(HasSubstr("#SBATCH --array=1-4\n"), HasSubstr("#SBATCH --requeue\n"),
                    HasSubstr("#SBATCH --time=11\n"), HasSubstr("#SBATCH --mem=")));
  EXPECT_EQ(Contents(results_ + "/report.txt"), one) << Contents(batch_ + "/logs/all.log");
  // A file a task, and the report; none a point.
  EXPECT_THAT(Endings(results_), ::testing::UnorderedElementsAre("", ".shard", ".txt"));
  EXPECT_EQ(Stdout(Sweep("merge")).text, one);
  const Ending again = Stderr(Sweep("submit --slurm"));
  EXPECT_EQ(again.exit_status, 2);
  EXPECT_THAT(again.text, HasSubstr("all points of the sweep are done"));
}

// Nodes have neither sources nor inputs, and the user goes on working.
TEST_F(SubmitTest, WhatNodesNeedIsStaged) {
  const std::string one = OneWorkers();
  EXPECT_EQ(Stdout(Sweep("submit --parallel --tasks=3")).exit_status, 0);
  WriteContents(Path("in/traces/net.slt"), "another");
  WriteContents(sweep_, "");
  unsetenv("SLABLAB_ROOT");
  EXPECT_EQ(Collect("cd / && sh '" + batch_ + "/commands' 2>&1").exit_status, 0);
  EXPECT_EQ(Collect("cd / && '" + batch_ + "/merge'").exit_status, 0);
  EXPECT_EQ(Contents(results_ + "/report.txt"), one);
}

TEST_F(SubmitTest, ATaskThatDiedGoesOnWhereItWas) {
  const std::string one = OneWorkers();
  EXPECT_EQ(Stdout(Sweep("submit --parallel --tasks=1")).exit_status, 0);
  const std::string task = "'" + batch_ + "/task' 1 2>&1";
  EXPECT_THAT(Collect(task).text, HasSubstr("task 1: 9 points done now of 9"));
  const std::string shard = results_ + "/task-1.shard";
  // What a death of the machine leaves.
  fs::resize_file(shard, fs::file_size(shard) * 2 / 3);
  const Ending second = Collect(task);
  EXPECT_THAT(second.text, HasSubstr("points done now of 9"));
  EXPECT_THAT(second.text, ::testing::Not(HasSubstr("9 points done now")));
  EXPECT_EQ(Stdout(Sweep("merge")).text, one);
  // And what a disk does.
  std::string bytes = Contents(shard);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  WriteContents(shard, bytes);
  const Ending merge = Stderr(Sweep("merge"));
  EXPECT_EQ(merge.exit_status, 2);
  EXPECT_THAT(merge.text, HasSubstr("task-1.shard: damaged"));
  EXPECT_THAT(Collect(task).text, HasSubstr("1 points done now of 9"));
  EXPECT_EQ(Stdout(Sweep("merge")).text, one);
}

TEST_F(SubmitTest, ADryRunPrintsAndDoesNothing) {
  const Ending dry =
      Stdout(Sweep("submit --slurm --dry-run --sbatch=--partition=long --sbatch=--account=us"));
  EXPECT_EQ(dry.exit_status, 0);
  EXPECT_THAT(dry.text, AllOf(HasSubstr("#SBATCH --partition=long\n#SBATCH --account=us\n"),
                              HasSubstr("sweep run"), HasSubstr("--dependency=afterany:ARRAY")));
  EXPECT_FALSE(fs::exists(results_));
  EXPECT_FALSE(fs::exists(Path("log")));
}

TEST_F(SubmitTest, WhatIsWrongIsSaidBeforeAnythingIsCopied) {
  const auto refusal = [&](const std::string& command) {
    const Ending ending = Stderr(Sweep(command));
    EXPECT_EQ(ending.exit_status, 2) << ending.text;
    EXPECT_FALSE(fs::exists(batch_));
    return ending.text;
  };
  EXPECT_THAT(refusal("submit"), HasSubstr("Say one of --slurm, --snakemake and --parallel"));
  EXPECT_THAT(refusal("submit --slurm --sbatch=long"), HasSubstr("begins with a dash"));
  EXPECT_THAT(refusal("submit --slurm --minutes=0"), HasSubstr("minutes"));
  EXPECT_THAT(refusal("cancel"), HasSubstr("no jobs of this sweep were submitted"));
  setenv("PATH", Path("nothing").c_str(), 1);
  EXPECT_THAT(refusal("submit --slurm"),
              AllOf(HasSubstr("there is no sbatch on PATH"), HasSubstr("--dry-run"),
                    HasSubstr("--parallel and --snakemake need no Slurm")));
}

TEST_F(SubmitTest, TheHostIsNoMachineForNodes) {
  WriteContents(sweep_, R"(base { workload: "slab-batch" machine: "host" })");
  const Ending submit = Stderr(Sweep("submit --parallel"));
  EXPECT_EQ(submit.exit_status, 2);
  EXPECT_THAT(submit.text, HasSubstr("the machine \"host\" is another on every node"));
}

TEST_F(SubmitTest, JobsAreWatchedAndCancelled) {
  Program("sbatch",
          "[ \"$1\" = --version ] && exit; case \"$*\" in *afterany*) echo 12 ;; "
          "*) echo 11 ;; esac");
  EXPECT_EQ(Stderr(Sweep("submit --slurm --tasks=3")).exit_status, 0);
  WriteContents(Path("queue"),
                "11|RUNNING|None\n11|RUNNING|None\n11|PENDING|Priority\n12|PENDING|Dependency\n"
                "13|RUNNING|None\n");
  const Ending status = Stdout(Sweep("status"));
  EXPECT_EQ(status.exit_status, 0);
  EXPECT_THAT(status.text, AllOf(HasSubstr("a sweep: 12 points: 0 done, 9 to do, 3 refused\n"),
                                 HasSubstr("array 11: 1 PENDING (Priority), 2 RUNNING\n"),
                                 HasSubstr("merge 12: 1 PENDING (Dependency)\n")));
  const Ending again = Stderr(Sweep("submit --slurm"));
  EXPECT_EQ(again.exit_status, 2);
  EXPECT_THAT(again.text, HasSubstr("jobs 11 and 12 of this sweep wait or run"));
  EXPECT_EQ(Stderr(Sweep("cancel")).exit_status, 0);
  EXPECT_THAT(Contents(Path("log")), HasSubstr("scancel --quiet 12 11\n"));
}

TEST_F(SubmitTest, WhatSlurmRefusesIsSaidInItsWords) {
  Program("sbatch",
          "[ \"$1\" = --version ] && exit; echo 'sbatch: error: no such partition' >&2; "
          "exit 1");
  const Ending submit = Stderr(Sweep("submit --slurm"));
  EXPECT_EQ(submit.exit_status, 2);
  EXPECT_THAT(submit.text, HasSubstr("slablab: sbatch: error: no such partition\n"));
  EXPECT_FALSE(fs::exists(batch_ + "/jobs"));
}

TEST_F(SubmitTest, TasksAreAboutEquallyLong) {
  WriteContents(sweep_, R"(
      base { workload: "slab-batch" }
      parameter { name: "objects" value: [10, 1000, 100000] }
      allocator: ["slub-6.1", "slab"] cpus: [1, 256] seed: [1, 2, 3, 4])");
  const absl::StatusOr<SweepPlan> plan = PlanSweep(sweep_);
  ASSERT_TRUE(plan.ok()) << plan.status();
  CostModel costs(*plan, {});
  const absl::StatusOr<BatchPlan> batch =
      PlanBatch(*plan, PointsOf(*plan, {}), {.tasks = 6}, costs);
  ASSERT_TRUE(batch.ok()) << batch.status();
  ASSERT_THAT(batch->tasks, SizeIs(6));
  std::set<std::string> seen;
  for (const BatchTask& task : batch->tasks) {
    EXPECT_NEAR(task.milliseconds, batch->milliseconds / 6, batch->point_milliseconds);
    seen.insert(task.points.begin(), task.points.end());
  }
  EXPECT_EQ(seen.size(), PointsOf(*plan, {}).size());
  for (uint64_t number = 1; number <= 6; ++number) {
    const absl::StatusOr<std::set<std::string>> points = PointsOfTask(TasksText(*batch), number);
    ASSERT_TRUE(points.ok());
    EXPECT_THAT(*points, SizeIs(batch->tasks[number - 1].points.size()));
  }
  EXPECT_FALSE(PointsOfTask(TasksText(*batch), 7).ok());
}

// What was measured tells what is to come.
TEST_F(SubmitTest, CostsAreLearned) {
  const absl::StatusOr<SweepPlan> plan = PlanSweep(sweep_);
  ASSERT_TRUE(plan.ok()) << plan.status();
  const SweepPoint& point = plan->points[PointsOf(*plan, {})[0]];
  const PointCost before = *CostModel(*plan, {}).Of(point);
  SweepCost measured;
  measured.set_milliseconds(before.milliseconds * 3);
  measured.set_mebibytes(before.mebibytes * 2);
  const PointCost after = *CostModel(*plan, {{point.name, measured}}).Of(point);
  EXPECT_EQ(after.milliseconds, before.milliseconds * 3);
  EXPECT_EQ(after.mebibytes, before.mebibytes * 2);
}

}  // namespace
}  // namespace slablab
