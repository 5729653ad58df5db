// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// The one description of a run: every field of RunSpec is a flag, is in help, completion and the
// manual page, and comes out of a result as it went in.

#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "allocators/options.h"
#include "allocators/registry.h"
#include "cli/commands/commands.h"
#include "cli/flags.h"
#include "cli/help.h"
#include "cli/shell/completion.h"
#include "cli/shell/man_page.h"
#include "cli/simulation_flags.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "google/protobuf/util/message_differencer.h"
#include "gtest/gtest.h"
#include "reports/result_io.h"
#include "runs/simulation/run_config.h"
#include "runs/simulation/run_echo.h"
#include "runs/simulation/simulation_options.h"
#include "runs/switches.h"

namespace slablab {
namespace {

using ::google::protobuf::util::MessageDifferencer;
using ::testing::HasSubstr;

std::string Dashed(const RunSwitch& each) {
  return absl::StrReplaceAll(each.field->name(), {{"_", "-"}});
}

// Values as the flag takes them and SwitchText() writes them.
std::vector<std::string> ValuesOf(const RunSwitch& each) {
  const RunFlag& flag = *each.flag;
  if (!flag.choice().empty()) return {flag.choice().begin(), flag.choice().end()};
  if (each.is_bool()) return {"true", "false"};
  if (each.is_list()) return {"a=1", "a=-1,b.c=0,kmalloc-64:d=2"};
  if (!each.is_number()) return {"x", "mine.textproto@64x2"};
  return {absl::StrCat(flag.least()), absl::StrCat(flag.least() + 1), absl::StrCat(flag.most())};
}

// What the flags make of `words`.
RunSpec Parsed(std::vector<std::string> words) {
  words.insert(words.begin(), "run");
  const absl::StatusOr<Invocation> invocation = ParseInvocation(Commands(), words);
  EXPECT_TRUE(invocation.ok()) << invocation.status();
  const absl::StatusOr<RunSpec> run = RunOfFlags();
  EXPECT_TRUE(run.ok()) << run.status();
  return run.ok() ? *run : RunSpec();
}

TEST(RunSpecTest, EveryFieldComesOutOfAResultAsItsFlagPutItIn) {
  for (const RunSwitch& each : Switches()) {
    for (const std::string& value : ValuesOf(each)) {
      SCOPED_TRACE(absl::StrCat(each.field->name(), "=", value));
      // Whether tasks move is said in closed order alone.
      const RunSpec run = Parsed({absl::StrCat("--", Dashed(each), "=", value),
                                  each.name() == "order" ? "--order=" + value : "--order=closed"});
      EXPECT_EQ(SwitchText(run, each), value);
      RunConfig config;
      *config.mutable_run() = run;
      FillReported(run, &config);
      RunResult result;
      *result.mutable_config() = config;
      result.mutable_config()->set_allocator("slab");
      result.mutable_totals();
      for (const std::string& bytes : {Serialize(result), ToJson(result)}) {
        const absl::StatusOr<RunResult> read = ParseResult(bytes, "result");
        ASSERT_TRUE(read.ok()) << read.status();
        EXPECT_TRUE(MessageDifferencer::Equals(RunOf(read->config()), run));
      }
      // The same of a result of before.
      if (each.flag->reported().empty()) continue;
      config.clear_run();
      EXPECT_EQ(SwitchText(RunOf(config), each), value) << config.DebugString();
    }
  }
}

// Each sets what is its own and nothing else: of two, one does not show as the other.
TEST(RunSpecTest, EveryFieldIsReportedByAFieldOfItsOwn) {
  std::set<std::string> reported;
  for (const RunSwitch& each : Switches()) {
    if (each.flag->reported().empty()) continue;
    EXPECT_NE(RunConfig::descriptor()->FindFieldByName(each.flag->reported()), nullptr);
    EXPECT_TRUE(reported.insert(each.flag->reported()).second) << each.name();
  }
}

TEST(RunSpecTest, HelpCompletionAndManualHaveEveryField) {
  const std::string help = *HelpText(Commands(), {"run"});
  const std::string completion = BashCompletion(Commands());
  const std::string manual = ManPage(Commands());
  for (const RunSwitch& each : Switches()) {
    SCOPED_TRACE(each.name());
    EXPECT_THAT(each.flag->help(), ::testing::EndsWith("."));
    const bool off = each.flag->by_default() == "true";
    EXPECT_THAT(help, HasSubstr(absl::StrCat("\n  --", Dashed(each), each.is_bool() ? "" : "=")));
    EXPECT_THAT(completion, HasSubstr(absl::StrCat(" --", off ? "no-" : "", Dashed(each),
                                                   each.is_bool() ? " " : "= ")));
    EXPECT_THAT(manual, HasSubstr(absl::StrCat("\"\\-\\-",
                                               absl::StrReplaceAll(Dashed(each), {{"-", "\\-"}}))));
    if (each.flag->choice().empty()) continue;
    const std::vector<std::string> choices(each.flag->choice().begin(), each.flag->choice().end());
    EXPECT_THAT(completion, HasSubstr(absl::StrCat("*' --", Dashed(each), "') printf '%s\\n' ",
                                                   absl::StrJoin(choices, " "))));
  }
}

TEST(RunSpecTest, ASlipOfAFieldsNameOrValueIsToldTheRightOne) {
  for (const RunSwitch& each : Switches()) {
    const std::string slip = Dashed(each) + Dashed(each).back();
    const absl::StatusOr<Invocation> invocation =
        ParseInvocation(Commands(), {"run", absl::StrCat("--", slip, "=1")});
    EXPECT_THAT(std::string(invocation.status().message()),
                HasSubstr(absl::StrCat("'run' has no flag --", slip, " (did you mean --")));
    EXPECT_THAT(std::string(invocation.status().message()),
                ::testing::ContainsRegex(absl::StrCat("mean[^)]* --", Dashed(each), "[,?]")));
    for (const std::string& choice : each.flag->choice()) {
      RunSpec run;
      const absl::Status status = SetSwitch(each.name(), choice + choice.back(), &run);
      EXPECT_THAT(std::string(status.message()),
                  HasSubstr(absl::StrCat("(did you mean ", choice, "?)")));
      EXPECT_FALSE(IsSet(run, each));
    }
  }
}

TEST(RunSpecTest, WhatIsNotSaidIsWhatModelsAndReplaysHaveByThemselves) {
  const RunSpec run = WithDefaults(RunSpec());
  const AllocatorOptions model = ModelOptions(run);
  const AllocatorOptions own;
  EXPECT_EQ(run.allocator(), kSlubOfKernel);
  EXPECT_EQ(model.seed, own.seed);
  EXPECT_EQ(model.merge_caches, own.merge_caches);
  EXPECT_EQ(model.statistics, own.statistics);
  EXPECT_EQ(model.boot, own.boot);
  EXPECT_EQ(model.possible_nodes, own.possible_nodes);
  EXPECT_EQ(model.spread_slab, own.spread_slab);
  EXPECT_EQ(model.percpu, own.percpu);
  EXPECT_EQ(run.touch_bytes(), ReplayOptions().object_touch_bytes_max);
  EXPECT_EQ(run.events_max(), ReplayOptions().events_max);
  EXPECT_EQ(PlacementOf(run), ReplayOptions().placement);
  EXPECT_EQ(RangeOfSwitch("possible_nodes")->most, uint64_t{kPossibleNodesMax});
}

// A configuration has the digest that it had when it was said by RunConfig's own fields alone.
TEST(RunSpecTest, HoldingTheRunChangesNoDigest) {
  RunConfig config;
  RunSpec run = WithDefaults(RunSpec());
  run.set_workload("hackbench");
  run.set_allocator("slab");
  run.add_quirks("noaliencache");
  run.add_tune("limit=70");
  FillReported(run, &config);
  const uint64_t before = DigestOfConfig(config);
  *config.mutable_run() = run;
  EXPECT_EQ(DigestOfConfig(config), before);
  config.mutable_run()->add_set("groups=2");  // The workload's text says it.
  EXPECT_EQ(DigestOfConfig(config), before);
}

// As slablab 0.1.0 wrote it before results held the run.
constexpr char kConfigOfBefore[] = R"pb(
  slablab_version: "0.1.0"
  allocator: "slub-7.3"
  machine: "xeon-8380@16x2"
  machine_textproto: "name: \"xeon-8380@16x2\"\n"
  trace: "linux-7.3-slub-c4n2-hackbench.slt"
  order: "closed"
  placement: "spread"
  start: "cold"
  seed: 18446744073709551615
  merge_caches: true
  statistics: false
  quirks: "memcg-off"
  quirks: "remote-defrag-always"
  object_touch_bytes_max: 64
  cpus: 16
  nodes: 2
  clock_mhz: 2300
  events_max: 5000
  tunables { name: "cpu_partial" value: 6 }
  tunables { name: "kmalloc-64:min_partial" value: -1 }
  boot: "static"
  possible_nodes: 64
  percpu: "percpu-2010"
  percpu_quirks: "32-bit"
  pressure_interval_us: 1000
  scenario: "storm.textproto"
  scenario_textproto: "events { at_us: 1 pressure { } }"
  scale: 3
  spread_slab: true
  balance: true
  policies { name: "sheaves.which" value: "none" own: "default" }
)pb";

TEST(RunSpecTest, AConfigurationOfBeforeIsReadWhole) {
  RunConfig stored;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(kConfigOfBefore, &stored));
  const RunSpec run = RunOf(stored);
  RunConfig again = stored;
  FillReported(run, &again);
  again.mutable_policies(0)->set_own("default");
  EXPECT_TRUE(MessageDifferencer::Equals(again, stored)) << again.DebugString();
  for (const RunSwitch& each : Switches()) {
    // There is none but a workload instead of the trace, and what came to be later.
    EXPECT_EQ(IsSet(run, each), each.name() != "workload" && !each.flag->reported().empty())
        << each.name();
  }
  SimulationOptions options;
  options.run = run;
  EXPECT_EQ(ModelOptions(options.run).policies, std::vector<std::string>{"sheaves.which=none"});
}

// The first results had no more than this, and it was another model's name.
TEST(RunSpecTest, TheOldestResultsAreRunsToo) {
  const absl::StatusOr<RunResult> result = ParseResult(
      R"({"config": {"allocator": "slub", "machine": "vm-c4n2", "trace": "a.slt", "cpus": 4},
          "totals": {"events": 12}})",
      "result");
  ASSERT_TRUE(result.ok()) << result.status();
  const RunSpec run = RunOf(result->config());
  EXPECT_EQ(run.allocator(), "slub-6.1");
  EXPECT_EQ(run.trace(), "a.slt");
  EXPECT_EQ(run.machine(), "vm-c4n2");
  // What they did not say yet is as it is by default.
  EXPECT_FALSE(run.has_scale());
  EXPECT_FALSE(run.has_place());
  EXPECT_FALSE(run.has_percpu());
}

// Where a workload places its tasks, they are placed by it again.
TEST(RunSpecTest, AStatedPlacementIsNone) {
  RunConfig config;
  config.set_workload("hackbench");
  config.set_order("closed");
  config.set_placement("stated");
  EXPECT_FALSE(RunOf(config).has_place());
  EXPECT_EQ(RunOf(config).balance(), "off");
}

}  // namespace
}  // namespace slablab
