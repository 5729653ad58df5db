// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/workloads/closed_world.h"
#include "workloads/closed/scenario.h"
#include "workloads/kswapd.h"

// Tasks that got stuck, or could have: wake-ups that were lost, requests that came faster than they
// could be done, and who is told so.

namespace slablab {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

ParsedScenario Parse(const std::string& text, int cpus = 4, int nodes = 2) {
  absl::StatusOr<ParsedScenario> parsed =
      ParseScenario(text, "s.textproto", {.cpus = cpus, .nodes = nodes});
  EXPECT_TRUE(parsed.ok()) << parsed.status();
  return parsed.ok() ? *std::move(parsed) : ParsedScenario();
}

// Two that pass objects on to each other, each on a CPU of its own.
Script PassingOn(uint64_t rounds) {
  std::vector<Step> sender;
  std::vector<Step> receiver;
  for (uint64_t i = 0; i < rounds; ++i) {
    sender.insert(sender.end(), {Allocate(0, 256), Send(0, 0), Think(900)});
    receiver.insert(receiver.end(), {Receive(0, 1), Think(700), Free(1)});
  }
  return Script({sender, receiver}, {0, 1});
}

// A CPU may hand over what it has before the one that takes it off line, which is in interrupts,
// has sent for it; the wake-up that came for nothing kept others from being sent when it was back.
TEST(StuckTest, ACpuThatLeavesWhileAnotherIsInAStormIsWokenWhenItIsBack) {
  for (int at = 300; at < 340; ++at) {
    World world({.cpus = 2, .nodes = 2, .cpus_per_node = 1, .mib_per_node = 64});
    Script script = PassingOn(400);
    Scenario scenario(
        Parse("events { at_us: 290 interrupts { cpu: 1 count: 120 interval_ns: 500 objects: 5 } }"
              "events { at_us: " +
                  std::to_string(at) +
                  " cpu_offline { cpu: 0 } }"
                  "events { at_us: 600 cpu_online { cpu: 0 } }",
              2, 2),
        world.machine().config(), {});
    const absl::Status status = world.Run(script, &scenario);
    ASSERT_TRUE(status.ok()) << at << ": " << status;
    Cycles last_on_0 = 0;
    for (const OperationEnd& operation : world.notes().all) {
      if (operation.task == 0 && operation.cpu == CpuId(0)) last_on_0 = operation.start;
    }
    // It works again where it belongs, up to its end.
    EXPECT_GT(last_on_0 - world.loop().start(),
              600 * static_cast<Cycles>(world.machine().config().clock_mhz))
        << at;
  }
}

Step SendMany(uint32_t queue, uint64_t object, uint32_t count) {
  return {.kind = Step::Kind::kSend, .bytes = count, .queue = queue, .object = object};
}
Step ReceiveMany(uint32_t queue, uint64_t object, uint32_t count) {
  return {.kind = Step::Kind::kReceive, .bytes = count, .queue = queue, .object = object};
}

TEST(StuckTest, SeveralWhoWaitGoOnByOneMessageThatIsEnoughForThem) {
  Script script({{Think(50'000), Allocate(0), Allocate(1), Allocate(2), SendMany(0, 0, 3)},
                 {Receive(0, 10), Free(10)},
                 {Receive(0, 11), Free(11)},
                 {Receive(0, 12), Free(12)}});
  script.shapes[0].capacity = 3;
  World world;
  const absl::Status status = world.Run(script);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(world.loop().result().frees, 3u);
}

TEST(StuckTest, WhoNeedsLessThanTheFirstIsNotKeptBehindIt) {
  Script script({{Think(50'000), Allocate(0), Send(0, 0), Think(500'000), Allocate(1), Send(0, 1),
                  Allocate(2), Send(0, 2)},
                 {ReceiveMany(0, 10, 2), Free(10), Free(11)},
                 {Think(20'000), Receive(0, 20), Free(20)}});
  World world;
  const absl::Status status = world.Run(script);
  ASSERT_TRUE(status.ok()) << status;
  Cycles freed = 0;
  for (const OperationEnd& operation : world.notes().all) {
    if (operation.task == 2 && operation.is_free) freed = operation.start - world.loop().start();
  }
  EXPECT_LT(freed, 400'000u);
}

TEST(StuckTest, SeveralWhoFoundAQueueFullGoOnByOneWhoTakesMuch) {
  std::vector<Step> full;
  for (uint64_t i = 0; i < 3; ++i) full.insert(full.end(), {Allocate(i), Send(0, i)});
  Script script({full,
                 {Think(50'000), Allocate(10), Send(0, 10)},
                 {Think(50'000), Allocate(20), Send(0, 20)},
                 {Think(500'000), ReceiveMany(0, 30, 3), Free(30), Free(31), Free(32),
                  Think(500'000), ReceiveMany(0, 33, 2), Free(33), Free(34)}});
  script.shapes[0].capacity = 3;
  World world;
  const absl::Status status = world.Run(script);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(world.loop().result().frees, 5u);
}

// What would go on without end while all tasks wait for each other ends, and is the workload's.
TEST(StuckTest, WhoWaitsForEverIsNamedWhateverComesMeanwhile) {
  for (const std::string_view what :
       {"pressure { node: -1 }", "interrupts { count: 3 interval_ns: 500 objects: 2 }",
        "tune { key: \"shrink\" value: 1 }"}) {
    World world;
    Script script({{Receive(1, 0)}, {Think(10), Free(9)}});
    Scenario scenario(Parse("events { every_us: 50 " + std::string(what) + " }"),
                      world.machine().config(), {});
    const absl::Status status = world.Run(script, &scenario);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << what;
    EXPECT_EQ(status.message(),
              "2 tasks wait for ever; the first is task 0, which waits to receive from queue 1 (0 "
              "of 2 objects in it), then task 1, which waits to free an object that nobody "
              "allocates")
        << what;
  }
}

// It would never end: its interrupts are all that the only CPU has time for.
TEST(StuckTest, AStormThatLeavesNoTimeIsEndedInWords) {
  World world({.cpus = 1, .nodes = 1, .cpus_per_node = 1, .mib_per_node = 64}, "slub-6.1", false);
  Script script({{Think(1'000'000), Allocate(1), Free(1)}});
  Scenario scenario(Parse("events { every_us: 1 interrupts { count: 100 interval_ns: 1 } }", 1, 1),
                    world.machine().config(), {});
  const absl::Status status = world.Run(script, &scenario);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("nothing is left of the CPUs' time for tasks"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("the last by s.textproto:1:1: events[0]"));
}

// The other CPU's task gets on and then waits; what comes is many operations and few interrupts.
TEST(StuckTest, AStormThatLeavesOneCpuNoTimeIsEndedInWords) {
  World world({.cpus = 2, .nodes = 1, .cpus_per_node = 2, .mib_per_node = 64}, "slub-6.1", false);
  Script script({{Receive(1, 0)}, {Think(1'000'000), Allocate(1), Send(1, 1)}}, {0, 1});
  Scenario scenario(
      Parse("\nevents { every_us: 20 "
            "interrupts { cpu: 1 count: 30 interval_ns: 3000 objects: 64 } }",
            2, 1),
      world.machine().config(), {});
  const absl::Status status = world.Run(script, &scenario);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("disturbances came to CPU 1 since a task"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("the last by s.textproto:2:1: events[0]"));
  EXPECT_LT(world.loop().result().operations(), 2 * StarvedCpus::kOperationsMax);
}

// Its arrays come from kmalloc(): while there is no page, the CPU cannot come back.
TEST(StuckTest, ACpuForWhichThereIsNoMemoryStaysOffLine) {
  World world({.cpus = 4, .nodes = 1, .cpus_per_node = 4, .mib_per_node = 64}, "slab-2014");
  std::vector<Step> work;
  for (uint64_t i = 0; i < 600; ++i) work.insert(work.end(), {Allocate(5), Think(6'000), Free(5)});
  Script script({work}, {3});
  Scenario scenario(Parse("events { at_us: 100 cpu_offline { cpu: 3 } }"
                          "events { at_us: 200 node_offline { node: 0 } }"
                          "events { at_us: 500 cpu_online { cpu: 3 } }"
                          "events { at_us: 700 node_online { node: 0 } }"
                          "events { at_us: 900 cpu_online { cpu: 3 } }",
                          4, 1),
                    world.machine().config(), {});
  const absl::Status status = world.Run(script, &scenario);
  ASSERT_TRUE(status.ok()) << status;
  const std::vector<std::string> report = scenario.Report();
  EXPECT_THAT(report, Contains(HasSubstr("went off line: 1; that one came back: 1")));
  EXPECT_THAT(report, Contains(HasSubstr("or for want of memory: 1")));
  EXPECT_TRUE(world.machine().cpu(CpuId(3)).online());
}

// --- kswapd. ---

TEST(KswapdTest, WhatComesWhileItRunsIsOneWithIt) {
  Kswapd kswapd(2);
  EXPECT_TRUE(kswapd.Begin(0, 100, 120));
  EXPECT_FALSE(kswapd.Begin(0, 150, 150));
  EXPECT_TRUE(kswapd.Begin(1, 150, 150));  // another node's
  EXPECT_EQ(kswapd.End(0, 200, 4096), 80u);
  EXPECT_FALSE(kswapd.Begin(0, 180, 210));  // due while it ran, late since
  EXPECT_TRUE(kswapd.Begin(0, 200, 210));
  EXPECT_EQ(kswapd.End(0, 230, 0), 20u);
  EXPECT_EQ(kswapd.End(1, 180, 0), 30u);
  const KswapdTally& tally = kswapd.tally();
  EXPECT_EQ(tally.requests, 5u);
  EXPECT_EQ(tally.runs, 3u);
  EXPECT_EQ(tally.coalesced, 2u);
  EXPECT_EQ(tally.bytes, 4096u);
  EXPECT_EQ(tally.busy_cycles_max, 100u);
  EXPECT_EQ(tally.busiest_node, 0);
}

// Asked far more often than it can: tasks get their share, everything ends, every request is
// counted.
TEST(KswapdTest, TasksHaveTheirShareOfACpuWhoseMemoryIsAlwaysShort) {
  Cycles took[2];
  for (const bool short_of_memory : {false, true}) {
    World world({.cpus = 8, .nodes = 4, .cpus_per_node = 2, .mib_per_node = 64}, "slubq");
    std::vector<std::vector<Step>> tasks(8);
    for (std::vector<Step>& steps : tasks) {
      for (uint64_t i = 0; i < 300; ++i) {
        steps.insert(steps.end(), {Allocate(50 + (&steps - tasks.data()), 512), Think(3'000),
                                   Free(50 + (&steps - tasks.data()))});
      }
    }
    Script script(tasks);
    Scenario scenario(
        Parse(short_of_memory ? "events { every_us: 1 pressure { node: -1 } }" : "", 8, 4),
        world.machine().config(), {});
    ASSERT_TRUE(world.Run(script, &scenario).ok());
    took[short_of_memory] = world.loop().closed().end - world.loop().start();
    const KswapdTally& tally = scenario.kswapd();
    EXPECT_EQ(tally.requests, tally.runs + tally.coalesced);
    if (!short_of_memory) continue;
    EXPECT_GT(tally.coalesced, tally.runs);
    // One in every microsecond for every node, up to the last that began.
    const Cycles micros = took[1] / static_cast<Cycles>(world.machine().config().clock_mhz);
    EXPECT_NEAR(static_cast<double>(tally.requests), 4.0 * static_cast<double>(micros),
                0.1 * 4.0 * static_cast<double>(micros));
  }
  EXPECT_LT(took[1], 4 * took[0]);
}

// --- What is due again before it is done. ---

TEST(ScenarioTest, WhatIsSlowerThanItComesIsLateAndLeavesTasksTime) {
  World world;
  std::vector<std::vector<Step>> tasks(4);
  for (uint64_t task = 0; task < tasks.size(); ++task) {
    for (int i = 0; i < 300; ++i) {
      tasks[task].insert(tasks[task].end(), {Allocate(task), Think(3'000), Free(task)});
    }
  }
  Script script(tasks);
  Scenario scenario(Parse("events { every_us: 1 times: 40 tune { key: \"shrink\" value: 1 } }"),
                    world.machine().config(), {});
  ASSERT_TRUE(world.Run(script, &scenario).ok());
  EXPECT_THAT(scenario.Report(), Contains(HasSubstr("due again before it was done")));
}

// Each stream's events come at their own times: one that waits for a busy CPU keeps no other back.
TEST(ScenarioTest, WhatWaitsForABusyCpuKeepsNothingElseBack) {
  World world({.cpus = 2, .nodes = 2, .cpus_per_node = 1, .mib_per_node = 64}, "slubq");
  Script script({{Think(9'000'000)}, {Think(9'000'000)}});
  Scenario scenario(
      Parse("events { at_us: 10 interrupts { cpu: 0 count: 3000 interval_ns: 100 objects: 9 } }"
            "events { at_us: 20 pressure { node: 0 } }"
            "events { at_us: 30 interrupts { cpu: 1 count: 1 interval_ns: 1 objects: 1 } }",
            2, 2),
      world.machine().config(), {});
  ASSERT_TRUE(world.Run(script, &scenario).ok());
  std::optional<Cycles> first;
  for (const OperationEnd& operation : world.notes().all) {
    if (operation.cpu == CpuId(1) && !first.has_value()) first = operation.start;
  }
  ASSERT_TRUE(first.has_value());
  const auto micro = static_cast<Cycles>(world.machine().config().clock_mhz);
  EXPECT_LT(*first - world.loop().start(), 35 * micro);
}

TEST(ScenarioTest, WhatIsTooMuchIsRefusedByNameAndBound) {
  const auto error = [](const std::string& text) {
    return std::string(
        ParseScenario(text, "s.textproto", {.cpus = 4, .nodes = 2}).status().message());
  };
  const std::string storm = "events { interrupts { interval_ns: 1 count: 1 ";
  EXPECT_EQ(error(storm + "objects: 64 bytes: 8192 } }"), "");
  EXPECT_THAT(error("events { interrupts { interval_ns: 1 count: 2147483648 } }"),
              HasSubstr("count is 2147483648, and can be at most 1000000"));
  EXPECT_THAT(error("events { interrupts { count: 1 interval_ns: 4294967295 } }"),
              HasSubstr("interval_ns is 4294967295, and can be at most 1000000000"));
  EXPECT_THAT(error(storm + "objects: 65 } }"), HasSubstr("objects is 65, and can be at most 64"));
  EXPECT_THAT(error(storm + "bytes: 8193 } }"),
              HasSubstr("bytes is 8193, and can be at most 8192"));
  for (const std::string field : {"at_us", "every_us", "jitter_us"}) {
    EXPECT_THAT(error("events { " + field + ": 3600000001 times: 1 pressure {} }"),
                HasSubstr(field + " is 3600000001, and can be at most 3600000000"));
  }
  EXPECT_THAT(error("events { every_us: 1 times: 1000000001 pressure {} }"),
              HasSubstr("times is 1000000001, and can be at most 1000000000"));
  // Each within its bound, and years of work together.
  const std::string storms =
      "events { every_us: 300 times: 200 interrupts { cpus: 2 interval_ns: 500 ";
  EXPECT_EQ(error(storms + "count: 100000 objects: 25 } }"), "");
  EXPECT_THAT(error(storms + "count: 100001 objects: 25 } }"),
              HasSubstr("of more than 1000000000 objects in all"));
  std::string many;
  for (int i = 0; i < 10'001; ++i) many += "events { pressure {} }";
  EXPECT_THAT(error(many), HasSubstr("there are 10001 events, and can be at most 10000"));
}

}  // namespace
}  // namespace slablab
