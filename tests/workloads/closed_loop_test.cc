// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/closed/closed_loop.h"

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "allocators/registry.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sim/machine.h"
#include "tests/sim/host_allocations.h"
#include "tests/traces/random_trace.h"
#include "tests/workloads/closed_world.h"
#include "workloads/caches.h"
#include "workloads/closed/closed_trace.h"
#include "workloads/closed/scenario.h"

namespace slablab {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(ClosedLoopTest, AFreeWaitsForItsOwnAllocation) {
  Script script({{Think(100'000), Allocate(1)}, {Free(1)}});
  World world;
  ASSERT_TRUE(world.Run(script).ok());
  EXPECT_EQ(world.loop().closed().free_waits, 1u);
  ASSERT_EQ(world.notes().all.size(), 2u);
  EXPECT_FALSE(world.notes().all[0].is_free);
  EXPECT_GE(world.notes().all[1].start, world.notes().all[0].end);
}

TEST(ClosedLoopTest, AWaitingTaskLetsOthersRun) {
  // Both on CPU 0: what the first waits for is the second's to do.
  Script script({{Free(1)}, {Think(5'000), Allocate(1)}}, {0, 0});
  World world;
  ASSERT_TRUE(world.Run(script).ok());
  EXPECT_EQ(world.loop().result().frees, 1u);
  EXPECT_GE(world.loop().closed().switches, 2u);
}

TEST(ClosedLoopTest, TasksThatShareACpuTakeTurns) {
  // 50 ms of work each, and slices of 9 ms: neither has to wait for the other's end.
  std::vector<Step> busy;
  for (int i = 0; i < 500; ++i) busy.push_back(Think(100'000 * 3));
  Script script({busy, busy}, {2, 2});
  World world;
  ASSERT_TRUE(world.Run(script).ok());
  EXPECT_GE(world.loop().closed().switches, 6u);
  EXPECT_GT(world.loop().closed().run_queue_wait_cycles, 0u);
}

// How many objects had been taken out when a sender that had found the queue of four full, and had
// another to send then, made the next.
int TakenWhenSenderGoesOn(std::optional<uint32_t> resume_at) {
  std::vector<Step> sender;
  std::vector<Step> receiver;
  for (uint64_t i = 0; i < 6; ++i) {
    sender.insert(sender.end(), {Allocate(i), Send(0, i)});
    receiver.insert(receiver.end(), {Think(1'000'000), Receive(0, 50 + i), Free(50 + i)});
  }
  Script script({sender, receiver});
  script.shapes[0] = {.capacity = 4, .resume_at = resume_at};
  World world;
  EXPECT_TRUE(world.Run(script).ok());
  std::vector<Cycles> made;
  std::vector<Cycles> freed;
  for (const OperationEnd& operation : world.notes().all) {
    (operation.is_free ? freed : made).push_back(operation.start);
  }
  EXPECT_EQ(made.size(), 6u);
  return static_cast<int>(std::lower_bound(freed.begin(), freed.end(), made.at(5)) - freed.begin());
}

TEST(ClosedLoopTest, WhoFoundAQueueFullGoesOnAtItsMark) {
  EXPECT_EQ(TakenWhenSenderGoesOn(std::nullopt), 1);
  EXPECT_EQ(TakenWhenSenderGoesOn(3), 1);
  EXPECT_EQ(TakenWhenSenderGoesOn(1), 3);
  EXPECT_EQ(TakenWhenSenderGoesOn(0), 4);
}

TEST(ClosedLoopTest, ThinkingTakesTheCpuAndSleepingDoesNot) {
  constexpr Cycles kLong = 1'000'000;
  World thinking;
  Script thinkers({{Think(kLong)}, {Think(kLong)}}, {0, 0});
  ASSERT_TRUE(thinking.Run(thinkers).ok());
  World sleeping;
  Script sleepers({{Sleep(kLong)}, {Sleep(kLong)}}, {0, 0});
  ASSERT_TRUE(sleeping.Run(sleepers).ok());
  EXPECT_GE(thinking.loop().closed().end - thinking.loop().start(), 2 * kLong);
  EXPECT_LT(sleeping.loop().closed().end - sleeping.loop().start(), kLong * 3 / 2);
}

TEST(ClosedLoopTest, QueuesPassObjectsInOrderAndHoldNoMoreThanTheyCan) {
  std::vector<Step> sender;
  std::vector<Step> receiver = {Think(1'000'000)};
  for (uint64_t i = 0; i < 6; ++i) {
    sender.push_back(Allocate(0, 8 << i));
    sender.push_back(Send(0, 0));
    receiver.push_back(Receive(0, 1));
    receiver.push_back(Free(1));
  }
  Script script({sender, receiver});
  World world;
  ASSERT_TRUE(world.Run(script).ok());
  EXPECT_EQ(world.loop().result().frees, 6u);
  // Two in the queue and one in hand is all that there is room for.
  uint64_t live = 0;
  uint64_t most = 0;
  for (const OperationEnd& operation : world.notes().all) {
    live = operation.is_free ? live - 1 : live + 1;
    most = std::max(most, live);
  }
  EXPECT_EQ(most, 3u);
}

TEST(ClosedLoopTest, WhoWaitsForEverIsNamed) {
  Script script({{Receive(1, 0)}, {Think(10)}});
  World world;
  const absl::Status status = world.Run(script);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("1 task waits for ever; the first is task 0, which waits to receive from "
                        "queue 1"));
}

TEST(ClosedLoopTest, TasksMeetAtABarrier) {
  const Step barrier = {.kind = Step::Kind::kBarrier};
  Script script({{Think(500'000), barrier, Allocate(1)}, {barrier, Allocate(2)}});
  World world;
  ASSERT_TRUE(world.Run(script).ok());
  for (const OperationEnd& operation : world.notes().all) {
    EXPECT_GE(operation.start, world.loop().start() + 500'000);
  }
}

// Tasks that sleep, wake each other through queues, meet, share CPUs and outlive time slices; in
// the second half nothing more is allocated on the host.
TEST(ClosedLoopTest, NothingIsAllocatedPerStepAfterWarmUp) {
  constexpr uint64_t kRounds = 20'000;
  std::vector<std::vector<Step>> tasks(8);
  for (uint64_t task = 0; task < tasks.size(); ++task) {
    const bool sends = task % 2 == 0;
    const auto queue = static_cast<uint32_t>(task / 2 % 2);
    for (uint64_t i = 0; i < kRounds; ++i) {
      const uint64_t object = 10 * task;
      if (sends) {
        tasks[task].insert(tasks[task].end(),
                           {Allocate(object, 8 << i % 8), Send(queue, object), Think(i % 700)});
      } else {
        tasks[task].insert(tasks[task].end(), {Receive(queue, object), Free(object)});
        if (i % 50 == task) tasks[task].push_back(Sleep(20'000));
      }
    }
  }
  Script script(std::move(tasks), {0, 1, 2, 3, 0, 1, 2, 3});
  World world({.cpus = 4, .nodes = 2, .cpus_per_node = 2, .mib_per_node = 64}, "slub-6.1", false);
  std::vector<std::pair<uint64_t, uint64_t>> seen;  // operations, host allocations
  seen.reserve(1000);
  world.set_progress([&](uint64_t operations, uint64_t steps) {
    EXPECT_GE(steps, operations);
    seen.push_back({operations, HostAllocations()});
  });
  ASSERT_TRUE(world.Run(script).ok());
  const auto warm = std::find_if(seen.begin(), seen.end(),
                                 [](const auto& at) { return at.first >= 2 * kRounds; });
  ASSERT_NE(warm, seen.end());
  const uint64_t operations = seen.back().first - warm->first;
  ASSERT_GT(operations, 4 * kRounds);
  // A sample of the footprint takes one or two; no step does.
  EXPECT_LT(seen.back().second - warm->second, operations / 400);
}

// --- Traces. ---

absl::StatusOr<std::unique_ptr<ClosedTrace>> TryToOpen(const Trace& trace, World& world,
                                                       const ClosedTraceOptions& options) {
  const auto reader =
      TraceReader::FromMemory("t.slt", WriteToString(trace, {.zstd_level = 1}).value(), {}).value();
  const auto caches = FindOrCreateCaches(reader->header(), world.machine(), world.model()).value();
  return ClosedTrace::Create(*reader, world.machine().config(), world.model(), caches, options);
}

std::unique_ptr<ClosedTrace> Open(const Trace& trace, World& world,
                                  const ClosedTraceOptions& options) {
  return TryToOpen(trace, world, options).value();
}

// What each task of the trace does: its allocations' sizes and its frees.
std::map<int32_t, std::vector<bool>> ProgramOrder(const Trace& trace) {
  std::map<int32_t, std::vector<bool>> order;
  std::map<uint64_t, int> seen;
  for (const Event& event : trace.events) {
    const bool allocates =
        event.kind == EventKind::kKmalloc || event.kind == EventKind::kCacheAlloc;
    const bool frees = event.kind == EventKind::kKfree || event.kind == EventKind::kCacheFree;
    if (event.object == kNoTraceObject || event.predates_trace || (!allocates && !frees)) continue;
    if (frees && seen[event.object] == 0) continue;
    seen[event.object] = 1;
    order[event.pid].push_back(frees);
  }
  return order;
}

Trace TwoTasks() {
  Trace trace;
  trace.header.cpu_count = 4;
  trace.header.node_count = 2;
  trace.header.node_of_cpu = {0, 0, 1, 1};
  const auto add = [&](Nanos time, int32_t pid, uint16_t cpu, EventKind kind, uint64_t object) {
    trace.events.push_back({.time = time,
                            .object = object,
                            .address = object * 4096,
                            .bytes_req = 100,
                            .pid = pid,
                            .cpu = cpu,
                            .kind = kind});
  };
  for (uint64_t i = 0; i < 200; ++i) {
    add(1000 + i * 1000, 7, static_cast<uint16_t>(i / 100), EventKind::kKmalloc, i + 1);
    if (i >= 5) add(1500 + i * 1000, 8, 3, EventKind::kKfree, i - 4);
  }
  return trace;
}

TEST(ClosedTraceTest, KeepsEachTasksProgramOrderUnderEveryPlacement) {
  const Trace trace = TwoTasks();
  for (const CpuPlacement placement :
       {CpuPlacement::kRecorded, CpuPlacement::kSpread, CpuPlacement::kPack}) {
    World world;
    const auto steps = Open(trace, world, {.placement = placement});
    ASSERT_TRUE(world.Run(*steps).ok());
    EXPECT_EQ(world.loop().result().allocations, 200u);
    EXPECT_EQ(world.loop().result().frees, 195u);
    const auto expected = ProgramOrder(trace);
    EXPECT_EQ(world.notes().of_task[0], expected.at(7));
    EXPECT_EQ(world.notes().of_task[1], expected.at(8));
  }
}

TEST(ClosedTraceTest, WhatIsTooMuchIsRefusedByTheTracesName) {
  const auto error = [](uint32_t scale) {
    World world;
    return std::string(
        TryToOpen(TwoTasks(), world, {.label = "a.slt", .scale = scale}).status().message());
  };
  EXPECT_EQ(error(2), "");
  EXPECT_EQ(error(600'000),
            "a.slt: closed order takes at most 1048576 tasks; 2 in 600000 copies (--scale) are "
            "1200000");
  EXPECT_EQ(error(4'000'000'000),
            "a.slt: closed order takes at most 4294967296 objects; there are 200 in each of "
            "4000000000 copies (--scale)");
}

TEST(ClosedTraceTest, PlacesTasksAsStated) {
  const auto cpus = [](CpuPlacement placement) {
    World world;
    const auto steps = Open(TwoTasks(), world, {.placement = placement});
    EXPECT_TRUE(world.Run(*steps).ok());
    std::map<int32_t, std::set<int32_t>> used;
    for (const OperationEnd& operation : world.notes().all) {
      used[operation.task].insert(operation.cpu.value());
    }
    return used;
  };
  using Used = std::map<int32_t, std::set<int32_t>>;
  EXPECT_EQ(cpus(CpuPlacement::kRecorded), (Used{{0, {0, 1}}, {1, {3}}}));
  EXPECT_EQ(cpus(CpuPlacement::kSpread), (Used{{0, {0}}, {1, {2}}}));
  EXPECT_EQ(cpus(CpuPlacement::kPack), (Used{{0, {0}}, {1, {1}}}));
}

TEST(ClosedTraceTest, CopiesHaveObjectsOfTheirOwn) {
  World world({.cpus = 8, .nodes = 4, .cpus_per_node = 2, .mib_per_node = 64});
  const auto steps = Open(TwoTasks(), world, {.scale = 3});
  ASSERT_TRUE(world.Run(*steps).ok());
  EXPECT_EQ(world.loop().result().allocations, 600u);
  EXPECT_EQ(world.loop().result().frees, 585u);
  EXPECT_EQ(steps->tasks(), 6u);
}

TEST(ClosedTraceTest, WhatAnInterruptFreesTooEarlyIsFreedOnceItIsThere) {
  Trace trace = TwoTasks();
  for (Event& event : trace.events) {
    if (event.kind != EventKind::kKfree) continue;
    event.context = Context::kSoftirq;
    event.time -= 1400;  // Nearly with the allocation that is five before.
  }
  std::stable_sort(trace.events.begin(), trace.events.end(),
                   [](const Event& a, const Event& b) { return a.time < b.time; });
  World world;
  const auto steps = Open(trace, world, {});
  ASSERT_TRUE(world.Run(*steps).ok());
  EXPECT_EQ(world.loop().result().frees, 195u);
  for (const OperationEnd& operation : world.notes().all) {
    EXPECT_EQ(operation.priority, operation.is_free ? Priority::kSoftirq : Priority::kTask);
  }
}

TEST(ClosedTraceTest, RandomTracesEndWellAndAlike) {
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    const Trace trace = RandomTrace({.seed = seed, .events = 2000});
    std::vector<uint64_t> digests;
    for (int run = 0; run < 2; ++run) {
      World world({.cpus = 4, .nodes = 2, .cpus_per_node = 2, .mib_per_node = 256});
      const auto steps = Open(trace, world, {.placement = CpuPlacement::kSpread, .scale = 2});
      const absl::Status status = world.Run(*steps);
      ASSERT_TRUE(status.ok()) << "seed " << seed << ": " << status;
      digests.push_back(world.loop().result().placements.value());
    }
    EXPECT_EQ(digests[0], digests[1]);
  }
}

// --- Scenarios. ---

ParsedScenario Parse(const std::string& text) {
  absl::StatusOr<ParsedScenario> parsed =
      ParseScenario(text, "s.textproto", {.cpus = 4, .nodes = 2});
  EXPECT_TRUE(parsed.ok()) << parsed.status();
  return parsed.ok() ? *std::move(parsed) : ParsedScenario();
}

TEST(ScenarioTest, TasksLeaveACpuThatGoesOffLineAndReturnWithIt) {
  for (const std::string_view allocator : {"slub-6.1", "slab", "slub-2010", "slubq"}) {
    World world({.cpus = 4, .nodes = 2, .cpus_per_node = 2, .mib_per_node = 64}, allocator);
    std::vector<Step> work;
    for (uint64_t i = 0; i < 2000; ++i) {
      work.insert(work.end(), {Allocate(50, 128), Think(3'000), Free(50)});
    }
    Script script({work}, {3});
    Scenario scenario(Parse("events { at_us: 500 cpu_offline { cpu: 3 } }"
                            "events { at_us: 900 cpu_online { cpu: 3 } }"),
                      world.machine().config(), {});
    ASSERT_TRUE(world.Run(script, &scenario).ok()) << allocator;
    std::vector<int32_t> cpus;
    for (const OperationEnd& operation : world.notes().all) {
      if (cpus.empty() || cpus.back() != operation.cpu.value()) {
        cpus.push_back(operation.cpu.value());
      }
    }
    EXPECT_THAT(cpus, ElementsAre(3, 2, 3)) << allocator;
  }
}

// Each would have to be the other's to take off line; and the last one stays.
TEST(ScenarioTest, CpusThatAllLeaveAtOnceDoNotWaitForEachOther) {
  for (const bool return_too : {false, true}) {
    World world;
    std::vector<Step> work;
    for (uint64_t i = 0; i < 500; ++i) {
      work.insert(work.end(), {Allocate(50, 128), Think(3'000), Free(50)});
    }
    Script script({work}, {2});
    std::string text;
    for (int cpu = 0; cpu < 4; ++cpu) {
      text += "events { at_us: 20 every_us: 70 times: 3 cpu_offline { cpu: " + std::to_string(cpu) +
              " } }";
      if (!return_too) continue;
      text += "events { at_us: 20 every_us: 90 times: 3 cpu_online { cpu: " + std::to_string(cpu) +
              " } }";
    }
    Scenario scenario(Parse(text), world.machine().config(), {});
    ASSERT_TRUE(world.Run(script, &scenario).ok());
    EXPECT_EQ(world.loop().result().frees, 500u);
    int online = 0;
    for (int cpu = 0; cpu < 4; ++cpu) online += world.machine().cpu(CpuId(cpu)).online();
    EXPECT_GE(online, 1);
    if (!return_too) {
      EXPECT_EQ(online, 1);
    }
  }
}

// Nothing but interrupts comes to be done: Ctrl-C ends it all the same.
TEST(ScenarioTest, AStormThatNeverEndsCanBeStopped) {
  World world;
  Script script({{Think(1'000'000), Allocate(1), Free(1)}});
  Scenario scenario(
      Parse("events { every_us: 1 interrupts { count: 100 interval_ns: 1 objects: 2 } }"),
      world.machine().config(), {});
  int asked = 0;
  world.set_stop([&] { return ++asked > 1000; });
  EXPECT_EQ(world.Run(script, &scenario).code(), absl::StatusCode::kCancelled);
}

TEST(ScenarioTest, StormsInterruptAndPressureAsks) {
  World world({.cpus = 4, .nodes = 2, .cpus_per_node = 2, .mib_per_node = 64}, "slubq");
  std::vector<Step> work;
  for (uint64_t i = 0; i < 500; ++i) {
    work.insert(work.end(), {Allocate(50, 128), Think(3'000), Free(50)});
  }
  Script script({work});
  Scenario scenario(
      Parse("events { at_us: 10 interrupts { count: 40 interval_ns: 2000 objects: 3 cpus: 2 } }"
            "events { at_us: 100 every_us: 100 jitter_us: 20 pressure { node: -1 } }"
            "events { at_us: 50 node_offline { node: 1 } }"
            "events { at_us: 300 node_online { node: 1 } }"),
      world.machine().config(), {});
  ASSERT_TRUE(world.Run(script, &scenario).ok());
  // What interrupts make is audited, counted and seen like all else: Run() checks the sums.
  EXPECT_EQ(world.loop().result().allocations, 500u + 40 * 3);
  EXPECT_EQ(world.loop().result().frees, 500u + 40 * 3);
  EXPECT_EQ(world.notes().of_task[-1].size(), 2u * 40 * 3);
  const std::vector<std::string> report = scenario.Report();
  EXPECT_THAT(report, ::testing::Contains("Scenario: interrupts that came in storms: 40."));
  EXPECT_THAT(report, ::testing::Contains(HasSubstr("as memory nodes went off line")));
  EXPECT_GT(scenario.kswapd().runs, 2u);
}

TEST(ScenarioTest, WhatIsWrongIsSaidWithItsLine) {
  const auto error = [](const std::string& text) {
    return std::string(
        ParseScenario(text, "s.textproto", {.cpus = 4, .nodes = 2}).status().message());
  };
  EXPECT_THAT(error("events {\n  at_us: 1\n}\n"), HasSubstr("s.textproto:1:"));
  EXPECT_THAT(error("events { at_us: 1 tune { value: 3 } }"), HasSubstr("tune names a key"));
  EXPECT_THAT(error("\nevents { sometimes: 1 }"), HasSubstr("s.textproto:2:"));
  EXPECT_THAT(error("events { interrupts { interval_ns: 5 } }"), HasSubstr("at least one"));
  EXPECT_THAT(error("events {\n cpu_offline {\n  cpu: 4 } }"),
              HasSubstr("s.textproto:3:3: there is no CPU 4: the machine has 4 CPUs"));
  EXPECT_THAT(error("events { cpu_online { cpu: 9 } }"), HasSubstr("there is no CPU 9"));
  EXPECT_THAT(error("events { node_offline { node: 2 } }"),
              HasSubstr("there is no node 2: the machine has 2 nodes"));
  EXPECT_THAT(error("events { node_online { node: 2 } }"), HasSubstr("there is no node 2"));
  EXPECT_THAT(error("events { pressure { node: 2 } }"), HasSubstr("there is no node 2"));
  EXPECT_THAT(error("events { interrupts { cpu: 2 cpus: 3 count: 1 interval_ns: 1 } }"),
              HasSubstr("there is no CPU 4"));
  EXPECT_THAT(error("events { interrupts { cpu: 2 cpus: 2 count: 1 interval_ns: 1 } }"),
              ::testing::IsEmpty());
}

}  // namespace
}  // namespace slablab
