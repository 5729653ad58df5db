// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// `--policy` and `slablab list policies`: a rule of a model is changed from the command line, in
// every command that runs one, and what was changed is said and kept.

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reports/result_io.h"
#include "runs/experiments/sweep_plan.h"
#include "tests/cli/run_program.h"
#include "tests/test_files.h"

namespace slablab {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// What makes slub-7.3 of slub-7.2.
constexpr char kOf73[] =
    "sheaves.bulk-free=partition,sheaves.unneeded-rcu=freed,sheaves.free-wakes-kswapd=no";

class PolicyTest : public FolderTest {
 protected:
  RunResults Results(const std::string& arguments) {
    const std::string path = Path("result.pb");
    EXPECT_EQ(Stdout(absl::StrCat(arguments, " --format=proto -o ", path)).exit_status, 0)
        << arguments;
    absl::StatusOr<RunResults> results = ReadResults(path);
    EXPECT_TRUE(results.ok()) << results.status();
    return results.ok() ? *std::move(results) : RunResults();
  }
  static void ExpectRefusal(const std::string& arguments, const std::string& words) {
    const Ending run = Stderr(arguments);
    EXPECT_EQ(run.exit_status, 2) << arguments;
    EXPECT_THAT(run.text, HasSubstr(words)) << arguments;
  }

  const std::string trace_ = absl::StrCat(Sample("net"), " --machine=vm-c4n2 --events-max=20000 ");
};

// To accept a change: slablab list policies > tests/cli/list_policies.golden
TEST_F(PolicyTest, TheListIsTheGoldenOne) {
  const Ending list = Stdout("list policies");
  EXPECT_EQ(list.exit_status, 0);
  EXPECT_EQ(list.text, Contents(Runfile("tests/cli/list_policies.golden")));
}

// "6.19 with sheaves off and the rest untouched".
TEST_F(PolicyTest, SheavesOffIsOneFlag) {
  for (const std::string era : {"slub-6.18", "slub-7.3"}) {
    const Ending run =
        Stdout(absl::StrCat("run ", trace_, "--allocator=", era, " --policy=sheaves.which=none"));
    EXPECT_EQ(run.exit_status, 0);
    EXPECT_THAT(run.text,
                HasSubstr(era == "slub-7.3" ? "policy sheaves.which=none instead of default"
                                            : "policy sheaves.which=none instead of"));
  }
  EXPECT_THAT(Stdout(absl::StrCat("run ", trace_, "--allocator=slub-7.3 --format=tsv --table=run ",
                                  "--policy=sheaves.which=none"))
                  .text,
              HasSubstr("\npolicy sheaves.which\tnone\n"));
}

TEST_F(PolicyTest, OneAllocatorOfSeveralIsChangedByName) {
  const RunResults runs = Results(absl::StrCat("compare ", trace_,
                                               "--allocators=slub-7.3,slub-7.2 "
                                               "--policy=slub-7.2:sheaves.capacity=0 --policy=",
                                               "slub-7.2:sheaves.bulk-free=partition,slub-7.2:"
                                               "sheaves.unneeded-rcu=freed,slub-7.2:sheaves.free-"
                                               "wakes-kswapd=no"));
  ASSERT_EQ(runs.runs_size(), 2);
  EXPECT_EQ(runs.runs(0).result().config().policies_size(), 0);
  const RunConfig& config = runs.runs(1).result().config();
  ASSERT_EQ(config.policies_size(), 4);
  EXPECT_EQ(config.policies(0).name(), "sheaves.capacity");
  EXPECT_EQ(config.policies(1).name(), "sheaves.bulk-free");
  EXPECT_EQ(config.policies(1).value(), "partition");
  EXPECT_EQ(config.policies(1).own(), "set-aside");
  EXPECT_EQ(runs.runs(0).result().digests().end_state(),
            runs.runs(1).result().digests().end_state());
}

TEST_F(PolicyTest, ItIsVariedOverItsValues) {
  const std::string compare = absl::StrCat(
      "compare ", trace_, "--allocators=slub-7.3,slab --vary=sheaves.which=default,none");
  const RunResults runs = Results(compare);
  ASSERT_EQ(runs.runs_size(), 3);
  EXPECT_NE(runs.runs(0).result().digests().end_state(),
            runs.runs(1).result().digests().end_state());
  EXPECT_EQ(runs.runs(0).label(), "slub-7.3 sheaves.which=default");
  EXPECT_EQ(runs.runs(2).label(), "slab own policies");
  EXPECT_THAT(Stderr(compare).text,
              HasSubstr("slab does not take sheaves.which, so it is run once, as it is."));
  // What cannot be is left out and said.
  EXPECT_THAT(Stderr(absl::StrCat("compare ", trace_,
                                  "--allocators=slub-7.3,slub-7.0 --policy=barns.pointer=in-node "
                                  "--vary=barns=all-nodes,memory-nodes"))
                  .text,
              AllOf(HasSubstr("slub-7.3 does not take barns=all-nodes"),
                    HasSubstr("slub-7.0 does not take barns=all-nodes")));
}

TEST_F(PolicyTest, AStoredResultIsRunAnewWithIt) {
  const std::string run = absl::StrCat("run ", trace_, "--allocator=slub-7.2 --format=proto -o ",
                                       Path("a.pb"), " --policy=", kOf73);
  ASSERT_EQ(Stdout(run).exit_status, 0);
  const std::string of73 =
      Write("b.textproto",
            absl::StrCat("trace: \"", Sample("net"),
                         "\" machine: \"vm-c4n2\" events_max: 20000 allocator: \"slub-7.3\""));
  const std::string diff = absl::StrCat("diff --trace=", Sample("net"), " ", Path("a.pb"), " ");
  EXPECT_EQ(Stdout(diff + of73).exit_status, 0);
  const std::string without =
      Write("c.textproto",
            absl::StrCat("trace: \"", Sample("net"),
                         "\" machine: \"vm-c4n2\" events_max: 20000 allocator: \"slub-7.3\" "
                         "policy: \"sheaves.which=none\""));
  EXPECT_EQ(Stdout(diff + without).exit_status, 1);
}

TEST_F(PolicyTest, WrongOnesAreAnsweredWithTheRightOnes) {
  const std::string run = absl::StrCat("run ", trace_, "--allocator=slub-7.3 --policy=");
  ExpectRefusal(run + "sheaves.wich=none",
                "unknown policy of slub-7.3 'sheaves.wich' (did you mean "
                "sheaves.which?); valid are: cpu-slabs");
  ExpectRefusal(run + "sheaves.which=non",
                "(did you mean none?); valid are: none, opt-in, default");
  ExpectRefusal(run + "sheaves.capacity=many", "it takes 0..524284");
  ExpectRefusal(run + "sheaves.which", "is not NAME=VALUE");
  ExpectRefusal(run + "slab:arrays.percpu=no", "is of an allocator that does not run here");
  ExpectRefusal(run + "barns.pointer=in-node", "barns=all-nodes needs barns.pointer=in-cache");
  ExpectRefusal(run + "cpu-partials=no", "there are no CPU slabs (cpu-slabs)");
  ExpectRefusal(absl::StrCat("run ", trace_, "--allocator=slub-2010 --policy=cpu-slabs=no"),
                "slabs.guard=slab-lock needs cpu-slabs=yes");
  ExpectRefusal(absl::StrCat("compare ", trace_, "--allocators=slub,slab --policy=slb:x=y"),
                "unknown allocator to compare 'slb' (did you mean sl");
  ExpectRefusal(absl::StrCat("compare ", trace_, "--vary=sheaves.wich=none"),
                "unknown tunable, policy, parameter or flag 'sheaves.wich' (did you mean "
                "sheaves.which?)");
}

TEST_F(PolicyTest, AKernelThatCannotBootIsRefused) {
  ExpectRefusal(absl::StrCat("run ", Sample("net"),
                             " --machine=vm-c4n2@64x2 --events-max=10 --allocator=slub-7.3 "
                             "--policy=sheaves.capacity=524284"),
                "the kernel panics while it boots");
}

class PolicySweepTest : public PolicyTest {
 protected:
  absl::StatusOr<SweepPlan> Plan(const std::string& text) {
    return PlanSweepFromText(absl::StrCat("base { trace: \"", Sample("net"), "\" ", text),
                             Path("sweep.textproto"));
  }
};

TEST_F(PolicySweepTest, ItIsAnAxis) {
  const absl::StatusOr<SweepPlan> plan = Plan(
      "} allocator: [\"slub-7.3\", \"slab\"] "
      "policy { name: \"sheaves.capacity\" value: [\"0\", \"8\"] }");
  ASSERT_TRUE(plan.ok()) << plan.status();
  ASSERT_EQ(plan->points.size(), 4u);
  EXPECT_EQ(plan->axes, (std::vector<std::string>{"allocator", "sheaves.capacity"}));
  EXPECT_EQ(plan->points[1].refused, "");
  EXPECT_EQ(WordsOf(plan->points[1].options.run.policy()),
            (std::vector<std::string>{"sheaves.capacity=8"}));
  EXPECT_THAT(plan->points[3].refused, HasSubstr("unknown policy of slab 'sheaves.capacity'"));
}

TEST_F(PolicySweepTest, OneOfAnotherAllocatorIsForItsPoints) {
  const absl::StatusOr<SweepPlan> plan =
      Plan("policy: \"slub-7.3:sheaves.which=none\" } allocator: [\"slub-7.3\", \"slab\"]");
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->points[0].options.run.policy_size(), 1);
  EXPECT_TRUE(plan->points[1].options.run.policy().empty());
}

TEST_F(PolicySweepTest, ErrorsNameLineAndColumn) {
  EXPECT_THAT(
      std::string(
          Plan("allocator: \"slub-7.3\"\n policy: \"sheaves.wich=none\" }").status().message()),
      HasSubstr(":2:2: unknown policy of slub-7.3 'sheaves.wich'"));
  EXPECT_THAT(std::string(Plan("allocator: \"slub-7.3\" }\npolicy { name: \"sheaves.which\"\n "
                               "value: \"none\"\n value: \"some\" }")
                              .status()
                              .message()),
              HasSubstr(":4:2: unknown value of slub-7.3's sheaves.which 'some'"));
  EXPECT_THAT(
      std::string(
          Plan("allocator: \"slub\" policy: \"slab:arrays.percpu=no\" }").status().message()),
      HasSubstr("is of an allocator that does not run here"));
}

TEST_F(PolicyTest, FootprintMeasuresChangedArrays) {
  const std::string footprint = "footprint --possible-cpus=4 --caches=50 --entries=15 ";
  EXPECT_THAT(Stdout(footprint).text, HasSubstr("slab: per-CPU areas"));
  EXPECT_THAT(Stdout(footprint + "--policy=slab:arrays.percpu=no").text,
              AllOf(HasSubstr("measured, slab: kmalloc'ed arrays"), Not(HasSubstr("areas"))));
  ExpectRefusal(footprint + "--policy=slub:cpu-slabs=no", "footprint boots slab and slab-2014");
  ExpectRefusal(footprint + "--policy=arrays.percpuu=no", "did you mean arrays.percpu?");
}

}  // namespace
}  // namespace slablab
