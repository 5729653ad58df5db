// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/synthetic/synthetic.h"

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "allocators/registry.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sim/machine.h"
#include "tests/allocators/allocator_machine.h"
#include "workloads/closed/closed_loop.h"
#include "workloads/synthetic/workload_loader.h"

namespace slablab {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using Parameters = std::vector<std::pair<std::string, int64_t>>;

// --- Expressions. ---

ExpressionNames Names() {
  return {.constants = {{"groups", 10}, {"cpus", 4}}, .variables = {{"task", 0}, {"i", 1}}};
}

int64_t ValueOf(const std::string& text) {
  const absl::StatusOr<Expression> expression = Expression::Parse(text, Names());
  EXPECT_TRUE(expression.ok()) << expression.status();
  Random random(1);
  const std::vector<int64_t> variables = {7, 3};
  return expression.ok() ? expression->Evaluate(variables, random).value_or(-999) : -999;
}

TEST(ExpressionTest, ComputesAsOneReads) {
  EXPECT_EQ(ValueOf("1 + 2 * 3"), 7);
  EXPECT_EQ(ValueOf("(1 + 2) * 3"), 9);
  EXPECT_EQ(ValueOf("10 - 3 - 2"), 5);
  EXPECT_EQ(ValueOf("task / 2 * 2 + i"), 9);
  EXPECT_EQ(ValueOf("-task % 4"), -3);
  EXPECT_EQ(ValueOf("groups * cpus"), 40);
  EXPECT_EQ(ValueOf("min(task, 3) + max(i, 20)"), 23);
  EXPECT_EQ(ValueOf("task > i"), 1);
  EXPECT_EQ(ValueOf("task >= 7"), 1);
  EXPECT_EQ(ValueOf("task < 7"), 0);
  EXPECT_EQ(ValueOf("task <= 6"), 0);
  EXPECT_EQ(ValueOf("i == 3"), 1);
  EXPECT_EQ(ValueOf("i != 3"), 0);
  EXPECT_EQ(ValueOf("1'000"), 1000);
  EXPECT_EQ(ValueOf("task / (i - 3)"), -999);
  EXPECT_EQ(ValueOf("random(0 * i)"), -999);
  for (int k = 0; k < 20; ++k) EXPECT_LT(ValueOf("random(task)"), 7);
}

TEST(ExpressionTest, SaysWhatIsWrongAndWhere) {
  const auto error = [](const std::string& text) {
    return std::string(Expression::Parse(text, Names()).status().message());
  };
  EXPECT_THAT(error("1 +"), HasSubstr("at the end: expected a number or a name"));
  EXPECT_THAT(error("grops * 2"), HasSubstr("character 1: expected one of the names known here"));
  EXPECT_THAT(error("2 3"), HasSubstr("character 3"));
  EXPECT_THAT(error("(2"), HasSubstr("expected ')'"));
  EXPECT_THAT(error("1 / 0"), HasSubstr("divides by zero"));
  EXPECT_THAT(error(std::string(400, '(')), HasSubstr("less nesting"));
  EXPECT_THAT(error(std::string(600, '1')), HasSubstr("at most 500"));
  EXPECT_THAT(error("99999999999999999999"), HasSubstr("smaller number"));
}

// --- Workloads. ---

struct Outcome {
  absl::Status status;
  uint64_t work = 0;
  uint64_t allocations = 0;
  uint64_t frees = 0;
  uint64_t live = 0;
  uint64_t violations = 0;
  uint64_t digest = 0;
  std::string first_violation = {};
};

// Which CPUs did what, and to which caches.
class OneSided : public OperationObserver {
 public:
  void OnBegin(const Machine&, const Allocator& allocator) override { allocator_ = &allocator; }
  void OnOperation(const OperationEnd& operation) override {
    (operation.is_free ? freeing : allocating).insert(operation.cpu.value());
    if (operation.is_free) return;
    caches.insert(allocator_->Layout(allocator_->Locate(operation.object).cache).name);
  }
  std::set<int32_t> allocating;
  std::set<int32_t> freeing;
  std::set<std::string> caches;

 private:
  const Allocator* allocator_ = nullptr;
};

// On which nodes tasks' objects were, one after another.
class NodesOfObjects : public OperationObserver {
 public:
  void OnBegin(const Machine& machine, const Allocator&) override { machine_ = &machine; }
  void OnOperation(const OperationEnd& operation) override {
    if (!operation.is_free) nodes.push_back(machine_->NodeOf(operation.object).value());
  }
  std::vector<int> nodes;

 private:
  const Machine* machine_ = nullptr;
};

Outcome Execute(const std::string& text, const Parameters& parameters, std::string_view allocator,
                const SyntheticOptions& options = {}, OperationObserver* observer = nullptr,
                const AllocatorOptions& model_options = {}) {
  Machine machine(
      ReferenceMachine({.cpus = 4, .nodes = 2, .cpus_per_node = 2, .mib_per_node = 256}));
  const auto model = MakeAllocator(allocator, machine, model_options).value();
  machine.scheduler().RunOn(CpuId(0), [&](Cpu& cpu) { return model->Boot(cpu); });
  absl::StatusOr<Program> program =
      CompileWorkload(text, "w.textproto", parameters, {.cpus = 4, .nodes = 2});
  if (!program.ok()) return {.status = program.status()};
  auto workload = SyntheticWorkload::Create(*std::move(program), machine, *model, options);
  if (!workload.ok()) return {.status = workload.status()};
  ClosedLoop loop(**workload, machine, *model, ClosedLoopOptions());
  loop.set_observer(observer);
  machine.scheduler().Run(loop);
  model->CheckInvariants();
  return {.status = loop.status(),
          .work = loop.closed().work,
          .allocations = loop.result().allocations,
          .frees = loop.result().frees,
          .live = loop.auditor().live_objects(),
          .violations = loop.auditor().violations(),
          .digest = loop.result().placements.value(),
          .first_violation = loop.auditor().first_violation()};
}

// Small enough that every allocator can run each.
const std::map<std::string, Parameters>& SmallSizes() {
  static const auto& sizes = *new std::map<std::string, Parameters>{
      {"cache-scratch", {{"rounds", 5}, {"writes", 5}}},
      {"file-tree", {{"files", 30}}},
      {"fork-storm", {{"parents", 3}, {"forks", 10}}},
      {"hackbench", {{"pairs", 4}}},
      {"hackbench-pipes", {{"pairs", 4}}},
      {"larson", {{"slots", 40}, {"replacements", 60}}},
      {"mmap-storm", {{"threads", 5}, {"mappings", 60}}},
      {"netperf-tcp-rr", {{"threads", 5}, {"transactions", 40}}},
      {"netperf-tcp-rr-nic", {{"threads", 5}, {"transactions", 40}, {"card_queues", 2}}},
      {"netperf-udp", {{"threads", 3}, {"datagrams", 60}}},
      {"producer-consumer", {{"objects", 100}}},
      {"rename-storm", {{"threads", 3}, {"renames", 60}}},
      {"slab-batch", {{"tasks", 3}, {"objects", 100}}},
      {"slab-gather", {{"objects", 100}}},
      {"slab-pairs", {{"tasks", 2}, {"objects", 100}}},
      {"slab-remote", {{"objects", 100}}},
  };
  return sizes;
}

TEST(SyntheticTest, EveryPresetIsCleanOnEveryAllocatorAndFreesAllItMakes) {
  for (const WorkloadInfo& info : ListWorkloads()) {
    const std::string name(info.name);
    ASSERT_TRUE(SmallSizes().contains(name)) << name;
    EXPECT_FALSE(info.description.empty()) << name;
    const std::string text = LoadWorkloadText(name)->textproto;
    uint64_t allocations = 0;
    for (const std::string& allocator : TestedModels()) {
      const Outcome outcome = Execute(text, SmallSizes().at(name), allocator);
      const std::string where = name + " on " + allocator;
      EXPECT_TRUE(outcome.status.ok()) << where << ": " << outcome.status;
      EXPECT_EQ(outcome.violations, 0u) << where << ": " << outcome.first_violation;
      EXPECT_EQ(outcome.live, 0u) << where;
      EXPECT_EQ(outcome.allocations, outcome.frees) << where;
      EXPECT_GT(outcome.work, 0u) << where;
      // The same is asked of every allocator.
      if (allocations == 0) allocations = outcome.allocations;
      EXPECT_EQ(outcome.allocations, allocations) << where;
    }
  }
}

TEST(SyntheticTest, EveryPresetSaysWhatItUsesAndWhy) {
  for (const WorkloadInfo& info : ListWorkloads()) {
    const auto program = CompileWorkload(LoadWorkloadText(std::string(info.name))->textproto,
                                         std::string(info.name), {}, {.cpus = 8, .nodes = 2});
    ASSERT_TRUE(program.ok()) << program.status();
    EXPECT_EQ(program->spec.name(), info.name);
    EXPECT_FALSE(program->spec.unit().empty()) << info.name;
    EXPECT_GT(program->spec.uses_size(), 0) << info.name;
    for (const WorkloadUse& use : program->spec.uses()) {
      EXPECT_FALSE(use.why().empty()) << info.name << ": " << use.name();
    }
    for (const WorkloadParameterSpec& parameter : program->spec.parameters()) {
      EXPECT_FALSE(parameter.description().empty()) << info.name << ": " << parameter.name();
    }
  }
}

// The two directions of the kernel test: one CPU allocates what all others free, and the other way
// round; every size goes to the kmalloc cache that serves it.
TEST(SyntheticTest, RemoteTestsAllocateOnOneSideAndFreeOnTheOther) {
  for (const int64_t bytes : {8, 64, 192, 1024, 4096}) {
    for (const auto& [name, one_allocates] :
         {std::pair{"slab-remote", true}, {"slab-gather", false}}) {
      OneSided seen;
      const Outcome outcome = Execute(LoadWorkloadText(name)->textproto,
                                      {{"objects", 50}, {"bytes", bytes}}, "slub-6.1", {}, &seen);
      ASSERT_TRUE(outcome.status.ok()) << outcome.status;
      EXPECT_EQ(outcome.work, 3 * 50u);  // All others are three.
      const std::set<int32_t> one = {0};
      const std::set<int32_t> others = {1, 2, 3};
      EXPECT_EQ(seen.allocating, one_allocates ? one : others) << name;
      EXPECT_EQ(seen.freeing, one_allocates ? others : one) << name;
      EXPECT_EQ(seen.caches, std::set<std::string>{
                                 absl::StrCat("kmalloc-", bytes == 1024   ? "1k"
                                                          : bytes == 4096 ? "4k"
                                                                          : absl::StrCat(bytes))});
    }
  }
}

TEST(SyntheticTest, TheSameSeedIsTheSameRunAndAnotherIsAnother) {
  const std::string text = LoadWorkloadText("larson")->textproto;
  const Parameters& small = SmallSizes().at("larson");
  const uint64_t first = Execute(text, small, "slub-6.1", {.seed = 5}).digest;
  EXPECT_EQ(Execute(text, small, "slub-6.1", {.seed = 5}).digest, first);
  EXPECT_NE(Execute(text, small, "slub-6.1", {.seed = 6}).digest, first);
}

TEST(SyntheticTest, CopiesDoNotMeet) {
  const std::string text = LoadWorkloadText("hackbench")->textproto;
  const Outcome one = Execute(text, {{"pairs", 3}}, "slub-6.1");
  const Outcome three = Execute(text, {{"pairs", 3}}, "slub-6.1", {.scale = 3});
  EXPECT_EQ(three.work, 3 * one.work);
  EXPECT_EQ(three.live, 0u);
}

std::string TaskWithPolicy(const std::string& policy) {
  return "name: 'w'\nuses { name: 'o' bytes: '1000' why: 'test' }\n"
         "tasks { cpu: '0' slots { name: 's' count: '6' } memory_policy {\n " +
         policy +
         "\n}\n steps { repeat { times: '6' as: 'i' "
         "steps { allocate { use: 'o' slot: 's' at: 'i' } } } } }";
}

TEST(SyntheticTest, ObjectsComeFromWhereTheirTasksPolicySays) {
  const auto nodes = [](const std::string& policy, int64_t strict) {
    NodesOfObjects observer;
    const Outcome outcome =
        Execute(TaskWithPolicy(policy), {}, "slub-7.3", {}, &observer,
                {.boot_parameters = {{.name = "slab_strict_numa", .value = strict}}});
    EXPECT_TRUE(outcome.status.ok()) << outcome.status;
    return observer.nodes;
  };
  EXPECT_THAT(nodes("mode: DEFAULT", 1), Each(0));
  EXPECT_THAT(nodes("mode: LOCAL", 1), Each(0));
  EXPECT_THAT(nodes("mode: PREFERRED nodes: '1'", 1), Each(1));
  EXPECT_THAT(nodes("mode: BIND nodes: 'cpus + 1'", 1), Each(1)) << "modulo the nodes there are";
  EXPECT_THAT(nodes("mode: INTERLEAVE nodes: '0' nodes: 'task + 1'", 1),
              ElementsAre(0, 1, 0, 1, 0, 1));
  EXPECT_THAT(nodes("mode: INTERLEAVE nodes: '0' nodes: '1'", 0), Each(0));
}

TEST(SyntheticTest, APolicyWithoutSenseIsRefused) {
  const auto error = [](const std::string& policy) {
    return std::string(Execute(TaskWithPolicy(policy), {}, "slub-7.3").status.message());
  };
  EXPECT_THAT(error("mode: BIND"), HasSubstr("names nodes, and here is none"));
  EXPECT_THAT(error("mode: BIND"), StartsWith("w.textproto:4:"));
  EXPECT_THAT(error("nodes: '1'"), HasSubstr("PREFERRED, BIND or INTERLEAVE"));
  EXPECT_THAT(error("mode: BIND nodes: '0 - 1'"), HasSubstr("has no node"));
  EXPECT_THAT(error("mode: SOMEWHERE"), HasSubstr("value of \"SOMEWHERE\" for field \"mode\""));
}

TEST(SyntheticTest, WhatIsWrongIsSaidWithItsLine) {
  const auto error = [](const std::string& text) {
    return std::string(Execute(text, {}, "slub-6.1").status.message());
  };
  const std::string head = "name: 'w'\nuses { name: 'o' bytes: '64' why: 'test' }\n";
  EXPECT_THAT(error("name: 3"), HasSubstr("w.textproto:1:7"));
  EXPECT_THAT(error("nmae: 'x'"), HasSubstr("w.textproto:1:"));
  EXPECT_THAT(error("name: 'x'"), HasSubstr("a workload has tasks"));
  EXPECT_THAT(error("name: 'x'\nuses { name: 'o' bytes: '64' sheaf_capacity: 32 }"),
              HasSubstr("kmalloc's caches ask for no capacity of sheaves"));
  EXPECT_THAT(error("name: 'x'\nuses { name: 'o' cache: 'c' bytes: '64' sheaf_capacity: 524285 }"),
              HasSubstr("a sheaf holds at most 524284 objects"));
  EXPECT_THAT(error(head + "tasks {\n steps {\n  think { ns: '1 +' }\n }\n}"),
              HasSubstr("w.textproto:5:11: '1 +': at the end"));
  EXPECT_THAT(error(head + "tasks { steps { free { slot: 'x' } } }"),
              HasSubstr("w.textproto:3:24: unknown slot 'x'"));
  EXPECT_THAT(
      error(head + "tasks { slots { name: 's' } steps { allocate { use: 'p' slot: 's' } } }"),
      HasSubstr("unknown use 'p'"));
  EXPECT_THAT(error(head + "tasks { count: '2000000' }"), HasSubstr("not in 0..1048576"));
  EXPECT_THAT(error(head + "tasks { steps { repeat { times: '1' } } steps {} }"),
              HasSubstr("a step says what to do"));
  // Found out only when it runs.
  EXPECT_THAT(
      error(head + "tasks { slots { name: 's' count: '2' }\n steps { repeat { times: '9' as: 'i' "
                   "steps { allocate { use: 'o' slot: 's' at: 'i' } } } } }"),
      HasSubstr("w.textproto:4:46: task 0: 2 is not in 0..1"));
  EXPECT_THAT(error(head + "tasks { steps { repeat { times: '1000000000' } } }"),
              HasSubstr("nothing is done"));
  // Each within its bound, and no end together.
  const auto nested = [&](const std::string& steps) {
    return error(head +
                 "queues { name: 'q' capacity: '1' }\n"
                 "tasks { slots { name: 's' } steps { allocate { use: 'o' slot: 's' } }\n"
                 "steps { repeat { times: '1000000000' steps { repeat { times: '1000000000'\n" +
                 steps + " } } } } }");
  };
  EXPECT_THAT(nested("steps { work { units: '0' } }"),
              HasSubstr("w.textproto:6:9: task 0: nothing that takes simulated time is done in"));
  EXPECT_THAT(
      nested("steps { send { queue: 'q' slot: 's' } } steps { receive { queue: 'q' slot: 's' } }"),
      HasSubstr("this goes on and on: task 0 took 67108864 steps, of which none took any"));
  EXPECT_THAT(
      std::string(Execute(LoadWorkloadText("larson")->textproto, {{"threds", 3}}, "slub-6.1")
                      .status.message()),
      HasSubstr("unknown parameter of the workload 'threds' (did you mean threads?); valid are: "
                "threads, slots"));
}

TEST(SyntheticTest, WhoWaitsForEverIsSaidWithTheLineOfItsStep) {
  const std::string head =
      "name: 'w'\nqueues { name: 'a' count: '3' }\nqueues { name: 'b' count: '2' }\n";
  const auto error = [&head](const std::string& text) {
    const absl::Status status = Execute(head + text, {}, "slub-6.1").status;
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  };
  EXPECT_EQ(error("tasks { slots { name: 's' }\n steps { free { slot: 's' } } }"),
            "w.textproto:5:10: 1 task waits for ever; the first is task 0, which waits to free an "
            "object that nobody allocates");
  // The first that waits, whatever others have done; and a queue by its own name and number.
  EXPECT_EQ(
      error("tasks { steps { think { ns: '5' } } }\n"
            "tasks { name: 'reader' slots { name: 's' }\n"
            " steps { think { ns: '9' } }\n"
            " steps { receive { queue: 'b' number: '1' slot: 's' } } }"),
      "w.textproto:7:10: 1 task waits for ever; the first is reader 0, which waits to receive "
      "from queue b[1] (0 of 1 objects in it)");
}

TEST(SyntheticTest, WhatIsTooMuchIsRefusedWithItsLineAndBound) {
  const auto error = [](const std::string& text, const Parameters& parameters = {}) {
    return std::string(
        Execute("name: 'w' parameters { name: 'n' value: 3 }\n" + text, parameters, "slub-6.1")
            .status.message());
  };
  const std::string repeat = "tasks { steps {\n repeat { times: 'n' steps { work {} } } } }";
  EXPECT_EQ(error(repeat), "");
  EXPECT_EQ(error(repeat, {{"n", 1'000'000'001}}),
            "w.textproto:3:11: 'n' is 1000000001, and can be at most 1000000000");
  EXPECT_EQ(error(repeat, {{"n", -1}}), "") << "none";
  // Known only when it runs.
  EXPECT_EQ(error("tasks { steps {\n repeat { times: '2000000000 + task' } } }"),
            "w.textproto:3:2: task 0: 2000000000 is more than 1000000000");
  for (const std::string step : {"think", "sleep"}) {
    EXPECT_EQ(error("tasks { steps { " + step + " { ns: '3600000000001' } } }"),
              "w.textproto:2:" + std::to_string(step.size() + 20) +
                  ": '3600000000001' is 3600000000001, and can be at most 3600000000000");
  }
  // Far deeper, it is the parser that says so: the program's stack has an end.
  const auto nested = [](int depth) {
    std::string text = "tasks { steps {\n";
    for (int i = 0; i < depth; ++i) text += "repeat { times: '1' steps { ";
    text += "work {}";
    for (int i = 0; i < depth; ++i) text += " } }";
    return text + " } }";
  };
  EXPECT_EQ(error(nested(16)), "");
  EXPECT_THAT(error(nested(17)),
              AllOf(StartsWith("w.textproto:3:"), HasSubstr("steps are nested at most 16 deep")));
  for (const int depth : {500, 5'000, 200'000}) {
    EXPECT_THAT(error(nested(depth)), StartsWith("w.textproto:3:")) << depth;
  }
  EXPECT_EQ(error("barriers { name: 'a' count: '1048576' }\nbarriers { name: 'b' }" + repeat),
            "w.textproto:3:1: there are at most 1048576 barriers");
}

TEST(SyntheticTest, AnUnknownNameIsAnsweredWithTheRightOnes) {
  const absl::StatusOr<WorkloadText> text = LoadWorkloadText("hakbench");
  EXPECT_THAT(std::string(text.status().message()), HasSubstr("hackbench, hackbench-pipes"));
}

}  // namespace
}  // namespace slablab
