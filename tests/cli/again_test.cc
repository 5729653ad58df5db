// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// A result holds the run that it is of: `run --again` does it once more.

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reports/result_io.h"
#include "tests/cli/run_program.h"
#include "tests/test_files.h"

namespace slablab {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class AgainTest : public FolderTest {
 protected:
  void SetUp() override { fs::copy(Sample("net"), Path("net.slt")); }

  // The bytes that `slablab run ARGUMENTS` leaves in the file of that name.
  std::string Run(const std::string& arguments, const std::string& name) {
    const Ending run = Stderr(absl::StrCat("run ", arguments, " --format=proto -o ", Path(name)));
    EXPECT_EQ(run.exit_status, 0) << arguments << ": " << run.text;
    return Contents(Path(name));
  }
  RunResult Read(const std::string& name) {
    const absl::StatusOr<RunResult> result = ReadResult(Path(name));
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? *result : RunResult();
  }
};

TEST_F(AgainTest, AResultIsRunAgainToTheSameBytes) {
  Write("storm.textproto", "events { at_us: 20 pressure { } }");
  const std::string trace = absl::StrCat("--trace=", Path("net.slt"), " --events-max=3000 ");
  const std::vector<std::string> runs = {
      trace,
      trace + "--machine=vm-c4n2 --allocator=slab --quirks=noaliencache --tune=limit=70 --seed=7",
      trace + "--machine=xeon-8380@8x2 --allocator=slub-7.3 --policy=slub-7.3:sheaves.which=none",
      trace + "--machine=vm-c4n2 --order=closed --place=spread --balance=on --scale=2",
      trace + "--machine=vm-c4n2 --merge-caches --no-statistics --touch-bytes=64 --place=spread",
      absl::StrCat("--workload=larson --set=threads=2,slots=20 --machine=vm-c4n2 --scenario=",
                   Path("storm.textproto"), " --percpu=percpu-2010 --pressure-us=500")};
  for (const std::string& arguments : runs) {
    SCOPED_TRACE(arguments);
    Run(arguments, "first");
    Run(absl::StrCat("--again=", Path("first")), "again");
    RunResult first = Read("first");
    RunResult again = Read("again");
    // What of the recording could not be used is said by who makes its machine of it.
    first.mutable_machine()->clear_notes();
    again.mutable_machine()->clear_notes();
    EXPECT_EQ(Serialize(again), Serialize(first));

    // So is one of before results held the run.
    first.mutable_config()->clear_run();
    Write("before", Serialize(first));
    Run(absl::StrCat("--again=", Path("before")), "again");
    again = Read("again");
    again.mutable_config()->clear_run();
    again.mutable_machine()->clear_notes();
    EXPECT_EQ(Serialize(again), Serialize(first));
  }
}

TEST_F(AgainTest, FlagsChangeWhatIsRunAgain) {
  Run(absl::StrCat("--trace=", Path("net.slt"), " --machine=vm-c4n2 --events-max=3000"), "first");
  const std::string again = absl::StrCat("--again=", Path("first"));
  Run(again + " --allocator=slab --seed=2", "changed");
  const std::string asked =
      absl::StrCat("--trace=", Path("net.slt"),
                   " --machine=vm-c4n2 --events-max=3000 --allocator=slab --seed=2");
  EXPECT_EQ(Read("changed").digests().end_state(),
            (Run(asked, "asked"), Read("asked").digests().end_state()));
  Run(again + " --machine=uma-1", "elsewhere");
  EXPECT_EQ(Read("elsewhere").config().machine(), "uma-1");

  fs::rename(Path("net.slt"), Path("moved.slt"));
  const Ending lost = Stderr(absl::StrCat("run ", again));
  EXPECT_EQ(lost.exit_status, 2);
  EXPECT_THAT(lost.text, HasSubstr("where is its trace net.slt? --trace=FILE says"));
  Run(absl::StrCat(again, " --trace=", Path("moved.slt")), "moved");
  EXPECT_EQ(Read("moved").digests().end_state(), Read("first").digests().end_state());
  EXPECT_THAT(Stderr(absl::StrCat("run ", again, " moved.slt")).text, HasSubstr("is too much"));
}

}  // namespace
}  // namespace slablab
