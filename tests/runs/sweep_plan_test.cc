// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// What a sweep's text is planned to be: its points' names, what is refused, and errors with file
// and line.

#include "runs/experiments/sweep_plan.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runs/simulation/run_spec.h"
#include "tests/cli/run_program.h"
#include "tests/test_files.h"
#include "workloads/synthetic/workload_loader.h"

namespace slablab {
namespace {

namespace fs = std::filesystem;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

class SweepPlanTest : public FolderTest {
 protected:
  void SetUp() override { fs::copy(Sample("net"), Path("net.slt")); }

  const std::string sweep_ = Path("net.textproto");
};

TEST_F(SweepPlanTest, ErrorsNameFileAndLine) {
  WriteContents(Path("cpu3.textproto"), "events { at_us: 1 cpu_offline { cpu: 3 } }");
  WriteContents(Path("bad.textproto"), "events {");
  for (const auto& [text, complaint] : std::vector<std::pair<std::string, std::string>>{
           {"base {\n  trace: \"net.slt\"\n}\nallocator: \"slub\"\nallocator: \"slbu\"\n",
            ":5:1: unknown allocator 'slbu' (did you mean slub?); valid are: slub"},
           {"base { trace: \"net.slt\" }\nallocator: \"slub-6.1\"\nallocator: \"slub\"\n",
            ":3:1: \"slub\" is slub-6.1 here, which is another value of allocator"},
           {"base { trace: \"net.slt\" }\ncpus: 4\ncpus: 16\ncpus: 4\n",
            ":4:1: a second \"4\" in cpus"},
           {"base { trace: \"net.slt\" }\nnodes: 0\n", ":2:1: 0 nodes"},
           {"\nbase { trace: \"nosuch.slt\" }\n", ":2:8: "},
           {"base { trace: \"net.slt\"\n machine: \"nosuch\" }", ":2:2: unknown machine 'nosuch'"},
           {"base { trace: \"net.slt\"\n place: \"here\" }",
            ":2:2: --place=here: unknown place 'here'; valid are"},
           {"base { trace: \"net.slt\" }\n size: [1, 99999]",
            ":2:2: --scale=99999: it takes a whole number in 1..4096"},
           {"base { trace: \"net.slt\" }\nmachine: \"uma-1\"\nmachine: \"nosuch\"",
            ":2:1: unknown machine 'nosuch'"},
           {"cpus: [1, 2]\n", ": neither a trace nor a workload is named"},
           {"base { trace: \"net.slt\" }\nflag { name: \"colour\" value: \"red\" }",
            ":2:1: unknown flag of run 'colour'"},
           {"base { trace: \"net.slt\" }\ntunable { value: 1 }", ":2:1: an axis without a name"},
           {"base { trace: \"net.slt\" }\ntunable { name: \"x\" }", ":2:1: axis \"x\" has no"},
           {"base { trace: \"net.slt\" }\nseeds: 1", ":2:6: "},
           {"\nbase { workload: \"hakbench\" }",
            ":2:8: unknown workload 'hakbench' (did you mean hackbench"},
           {"workload: \"larson\"\nworkload: \"nosuch\"", ":2:1: unknown workload 'nosuch'"},
           {"base { workload: \"larson\"\n set: \"slots=2\"\n set: \"threads=1,slot=3\" }",
            ":3:2: larson: unknown parameter of the workload 'slot' (did you mean slots?); valid "
            "are: threads, slots"},
           {"base { workload: \"larson\" }\nparameter {\n name: \"slot\"\n value: 3\n}",
            ":4:2: larson: unknown parameter of the workload 'slot'"},
           {"base { workload: \"slab-batch\" set: \"tasks=0\" }",
            ":1:8: slab-batch:15:25: 'tasks' is 0, not in"},
           {"base { workload: \"larson\"\n scenario: \"nosuch.textproto\" }", ":2:2: "},
           {"base { workload: \"larson\"\n scenario: \"bad.textproto\" }", ":2:2: "},
           {"base { workload: \"larson\" machine: \"uma-1\"\n scenario: \"cpu3.textproto\" }",
            ":2:2: "},
           {"base { workload: \"larson\" }\nflag { name: \"scenario\"\n value: \"bad.textproto\" }",
            ":3:2: "},
           {"base { workload: \"larson\" order: \"recorded\" }",
            ":1:1: a workload was not recorded"},
           {"base { workload: \"larson\" }\nflag { name: \"seed\" value: \"1\" }",
            ":2:1: --seed has an axis of its own: seed"},
           {"base { trace: \"net.slt\" scenario: \"cpu3.textproto\" }",
            ":1:1: --scenario needs --order=closed"},
           // What no allocator of the sweep knows.
           {"base { trace: \"net.slt\" }\nflag { name: \"quirks\"\n value: \"\"\n value: "
            "\"stale-node-counts\" }",
            ":4:2: unknown quirk of slub-6.1 'stale-node-counts'; valid are: remote-defrag-always"},
           {"base { trace: \"net.slt\"\n quirks: \"mecg-off\" }",
            ":2:2: unknown quirk of slub-6.1 'mecg-off' (did you mean memcg-off?)"},
           {"base { trace: \"net.slt\" }\nallocator: \"slub\"\nallocator: \"slab\"\n"
            "tunable {\n name: \"cpu_partail\"\n value: 0\n value: 6 }",
            ":6:2: unknown tunable of slub-6.1 'cpu_partail' (did you mean cpu_partial?)"},
           {"base { trace: \"net.slt\" }\ntunable { name: \"cpu_partial\"\n value: 6\n value: -1 }",
            ":4:2: cpu_partial cannot be set to -1: it takes 0..4294967295"},
           {"base { trace: \"net.slt\"\n tune: \"min_partial=5,shrink=2\" }",
            ":2:2: shrink cannot be set to 2: it takes 1 alone"},
           {"base { trace: \"net.slt\"\n boot: \"static\" }",
            ":2:2: unknown boot of slub-6.1 'static'"},
           {"base { trace: \"net.slt\"\n percpu_quirks: \"31-bit\" }",
            ":2:2: unknown quirk of percpu '31-bit' (did you mean 32-bit?)"},
           {"base { trace: \"net.slt\" }\nmachines: \"uma-1\"",
            ":2:9: Message type \"slablab.SweepSpec\" has no field named \"machines\". (did you "
            "mean machine?)"},
       }) {
    WriteContents(sweep_, text);
    for (const std::string verb : {"plan", "run", "merge"}) {
      const Ending run = Stderr(absl::StrCat("sweep ", verb, " ", sweep_));
      EXPECT_EQ(run.exit_status, 2) << text;
      EXPECT_THAT(run.text, StartsWith(absl::StrCat("slablab: ", sweep_, complaint))) << text;
      EXPECT_EQ(run.text.find('\n'), run.text.size() - 1) << run.text;
    }
  }
  EXPECT_EQ(Stderr("sweep plan /no/such.textproto").exit_status, 2);
  EXPECT_THAT(Stderr(absl::StrCat("sweep run --shard=4/3 ", sweep_)).text,
              HasSubstr("a shard is K/N"));
}

// What one allocator of the sweep knows and another does not is a matter of how values meet.
TEST_F(SweepPlanTest, AQuirkThatOneAllocatorKnowsIsRefusedForTheOthersAlone) {
  const absl::StatusOr<SweepPlan> plan = PlanSweepFromText(
      "base { trace: \"net.slt\" } allocator: [\"slub\", \"slab\"] "
      "flag { name: \"quirks\" value: [\"\", \"noaliencache\", \"memcg-off\"] }",
      sweep_);
  ASSERT_TRUE(plan.ok()) << plan.status();
  ASSERT_EQ(plan->points.size(), 6u);
  for (const SweepPoint& point : plan->points) {
    const bool refused = point.values == std::vector<std::string>{"slub-6.1", "noaliencache"};
    EXPECT_EQ(!point.refused.empty(), refused) << point.refused;
    if (refused) {
      EXPECT_THAT(point.refused, HasSubstr("unknown quirk of slub-6.1 'noaliencache'"));
    }
  }
}

// A kernel that panics while it boots is known before the night's work begins.
TEST_F(SweepPlanTest, ABootThatPanicsIsRefusedByThePlan) {
  const absl::StatusOr<SweepPlan> plan = PlanSweepFromText(
      "base { trace: \"net.slt\" allocator: \"slab\" percpu_quirks: \"32-bit\" } "
      "machine: [\"vm-c4n2\", \"big-1024\"]",
      sweep_);
  ASSERT_TRUE(plan.ok()) << plan.status();
  ASSERT_EQ(plan->points.size(), 2u);
  EXPECT_EQ(plan->points[0].refused, "");
  EXPECT_THAT(plan->points[1].refused, HasSubstr("the kernel panics while it boots"));
}

TEST_F(SweepPlanTest, NamesAreOfTheConfigurationAlone) {
  const auto names = [&](const std::string& text, const std::string& path) {
    const absl::StatusOr<SweepPlan> plan = PlanSweepFromText(text, path);
    EXPECT_TRUE(plan.ok()) << plan.status();
    std::vector<std::string> all;
    if (plan.ok()) {
      for (const SweepPoint& point : plan->points) all.push_back(point.name);
    }
    return all;
  };
  const std::string base = "base { trace: \"net.slt\" }";
  const auto one = names(base + "allocator: [\"slub\", \"slab\"] seed: [1, 2]", sweep_);
  EXPECT_THAT(one, Each(SizeIs(16)));
  // Axes in another order, another file's name: the same points.
  fs::create_directory(Path("elsewhere"));
  fs::copy(Path("net.slt"), Path("elsewhere/net.slt"));
  auto other = names("allocator: [\"slab\", \"slub\"] seed: [2, 1]" + base,
                     Path("elsewhere/other.textproto"));
  EXPECT_THAT(other, ::testing::UnorderedElementsAreArray(one));
  // All different, and different with every field.
  for (const std::string further : {"order: \"closed\"", "place: \"spread\"", "merge_caches: true",
                                    "events_max: 5", "machine: \"r910\"", "tune: \"cpu_partial=3\"",
                                    "quirks: \"memcg-off\"", "touch_bytes: 64"}) {
    for (const std::string& name : names("base { trace: \"net.slt\" " + further +
                                             "} allocator: [\"slub\", \"slab\"] seed: [1, 2]",
                                         sweep_)) {
      EXPECT_EQ(std::count(one.begin(), one.end(), name), 0) << further;
    }
  }
  // Of another trace of the same name too.
  fs::remove(Path("elsewhere/net.slt"));
  fs::copy(Runfile("traces/samples/linux-6.1-slub-c4n2-fs.slt"), Path("elsewhere/net.slt"));
  other =
      names(base + "allocator: [\"slub\", \"slab\"] seed: [1, 2]", Path("elsewhere/x.textproto"));
  EXPECT_THAT(other, ::testing::Not(::testing::Contains(one[0])));
}

TEST_F(SweepPlanTest, NamesAreOfTheTextBehindAName) {
  const auto name = [&](const std::string& base) {
    const absl::StatusOr<SweepPlan> plan = PlanSweepFromText("base {" + base + "}", sweep_);
    EXPECT_TRUE(plan.ok()) << plan.status();
    return plan.ok() ? plan->points[0].name : "";
  };
  const auto preset = LoadWorkloadText("larson")->textproto;
  const std::string mine = "workload: \"mine.textproto\"";
  WriteContents(Path("mine.textproto"), preset);
  const std::string before = name(mine);
  EXPECT_EQ(name(mine), before);
  EXPECT_NE(name("workload: \"larson\""), name("workload: \"slab-batch\""));
  WriteContents(Path("mine.textproto"), preset + "\n# Another.");
  EXPECT_NE(name(mine), before);
  // Under whatever name: also of a scenario whose file has another ending.
  WriteContents(Path("storm"), "events { at_us: 1 pressure { } }");
  const std::string calm = name(mine);
  const std::string stormy = name(mine + " scenario: \"storm\"");
  EXPECT_NE(stormy, calm);
  WriteContents(Path("storm"), "events { at_us: 2 pressure { } }");
  EXPECT_NE(name(mine + " scenario: \"storm\""), stormy);
}

TEST(RunSpecTest, WhatIsLaidOverCounts) {
  RunSpec under;
  under.set_trace("a.slt");
  under.set_seed(1);
  under.set_allocator("slub");
  under.add_quirks("x");
  RunSpec over;
  over.set_workload("hackbench");
  over.set_seed(2);
  over.add_quirks("y");
  const RunSpec both = Overlaid(under, over);
  EXPECT_FALSE(both.has_trace());
  EXPECT_EQ(both.workload(), "hackbench");
  EXPECT_EQ(both.seed(), 2u);
  EXPECT_EQ(both.allocator(), "slub");
  EXPECT_THAT(both.quirks(), ::testing::ElementsAre("y"));
}

TEST(ShardTest, EveryPointIsInOneShardAndSharesAreEven) {
  SweepPlan plan;
  for (int i = 0; i < 100; ++i) {
    plan.points.push_back(SweepPoint());
    plan.points.back().name = absl::StrCat(i * 7919 % 90);
    if (i % 10 == 0) plan.points.back().refused = "no";
  }
  std::set<std::string> all;
  for (const SweepPoint& point : plan.points) {
    if (point.refused.empty()) all.insert(point.name);
  }
  for (const size_t count : {1, 2, 3, 7, 100, 1000}) {
    std::set<std::string> seen;
    for (size_t index = 1; index <= count; ++index) {
      const std::vector<size_t> points = PointsOf(plan, {.index = index, .count = count});
      EXPECT_LE(points.size(), all.size() / count + 1);
      for (const size_t point : points) {
        EXPECT_TRUE(plan.points[point].refused.empty());
        EXPECT_TRUE(seen.insert(plan.points[point].name).second);
      }
    }
    EXPECT_EQ(seen, all);
  }
}

}  // namespace
}  // namespace slablab
