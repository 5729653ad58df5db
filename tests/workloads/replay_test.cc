// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/replay/replay.h"

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "allocators/registry.h"
#include "base/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sim/machine.h"
#include "tests/sim/host_allocations.h"
#include "tests/sim/pages/faulty_page_allocator.h"
#include "tests/traces/random_trace.h"
#include "tests/workloads/noting_slub.h"

namespace slablab {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

constexpr std::string_view kContradicts =
    "allocation of an object that is live, or second free of one: the trace contradicts itself";

// A trace, written line by line. Times are nanoseconds.
class Script {
 public:
  explicit Script(std::vector<int32_t> node_of_cpu = {0, 0, 1, 1}) {
    trace_.header.cpu_count = static_cast<int32_t>(node_of_cpu.size());
    trace_.header.node_count = 1 + *std::max_element(node_of_cpu.begin(), node_of_cpu.end());
    trace_.header.node_of_cpu = std::move(node_of_cpu);
    trace_.header.gfp_flags.push_back("GFP_KERNEL");
    trace_.header.caches.push_back({.name = "known", .object_size = 500});
    trace_.header.caches.push_back({.name = "of_unknown_size"});
  }

  struct Where {
    Nanos time = 0;
    int cpu = 0;
    Context context = Context::kTask;
    int32_t pid = 1;
  };
  // Answers the object's number.
  uint64_t Kmalloc(const Where& where, uint32_t bytes) {
    Event& event = Add(where, EventKind::kKmalloc, ++objects_);
    event.bytes_req = bytes;
    return objects_;
  }
  uint64_t CacheAlloc(const Where& where, uint16_t cache) {
    Event& event = Add(where, EventKind::kCacheAlloc, ++objects_);
    event.cache = cache;
    event.bytes_req = 500;
    return objects_;
  }
  void Kfree(const Where& where, uint64_t object) { Add(where, EventKind::kKfree, object); }
  void CacheFree(const Where& where, uint16_t cache, uint64_t object) {
    Add(where, EventKind::kCacheFree, object).cache = cache;
  }
  Event& Add(const Where& where, EventKind kind, uint64_t object) {
    objects_ = std::max(objects_, object);
    Event event;
    event.time = 1'000'000 + where.time;
    event.object = object;
    event.address = object * 4096;
    event.cpu = static_cast<uint16_t>(where.cpu);
    event.context = where.context;
    event.pid = where.pid;
    event.kind = kind;
    event.gfp = Allocates(kind) ? 1 : 0;
    trace_.events.push_back(event);
    return trace_.events.back();
  }

  const Trace& trace() const { return trace_; }
  uint64_t objects() const { return objects_; }

 private:
  Trace trace_;
  uint64_t objects_ = 0;
};

struct WorldOptions {
  ReferenceMachineOptions machine = {.cpus = 4, .nodes = 2, .cpus_per_node = 2, .mib_per_node = 64};
  ReplayOptions replay = {};
  bool notes = true;
};

// A booted machine before a trace.
class World {
 public:
  explicit World(const Trace& trace, const WorldOptions& options = {})
      : reader_(TraceReader::FromMemory("script.slt", WriteToString(trace, kQuick).value(), {})
                    .value()),
        machine_(std::make_unique<Machine>(ReferenceMachine(options.machine))),
        model_(options.notes ? MakeNotingSlub(*machine_, &notes_)
                             : MakeAllocator("slub-6.1", *machine_, {}).value()) {
    machine_->scheduler().RunOn(CpuId(0), [this](Cpu& cpu) { return model_->Boot(cpu); });
    replay_ = std::make_unique<Replay>(*reader_, *machine_, *model_, options.replay);
    EXPECT_TRUE(replay_->Prepare().ok());
  }

  const RunAccount& Run() {
    machine_->scheduler().Run(*replay_);
    EXPECT_TRUE(replay_->status().ok()) << replay_->status();
    model_->CheckInvariants();
    const RunAccount& result = replay_->result();
    Auditor& auditor = replay_->auditor();
    EXPECT_EQ(auditor.violations(), 0u) << auditor.first_violation();
    EXPECT_EQ(auditor.live_objects(),
              result.allocations - result.failed_allocations - result.frees);
    return result;
  }
  std::map<std::string, uint64_t> Skipped() const {
    std::map<std::string, uint64_t> skipped;
    for (const SkippedEvents& reason : replay_->skipped()) {
      skipped[std::string(reason.reason)] = reason.events;
    }
    return skipped;
  }
  // Operations by CPU.
  std::vector<uint64_t> OperationsOfCpus() const {
    std::vector<uint64_t> operations;
    for (const OperationTotals& cpu : replay_->result().cpus) operations.push_back(cpu.operations);
    return operations;
  }
  Machine& machine() { return *machine_; }
  KmallocNotes& notes() { return notes_; }
  Replay& replay() { return *replay_; }

 private:
  static constexpr TraceWriter::Options kQuick = {.zstd_level = 1};
  std::unique_ptr<TraceReader> reader_;
  std::unique_ptr<Machine> machine_;
  KmallocNotes notes_;
  std::unique_ptr<Allocator> model_;
  std::unique_ptr<Replay> replay_;
};

// Objects of sizes of their own, allocated and freed on any CPU; `gap` is the time between events.
Script RandomScript(uint64_t seed, int events, Nanos gap, bool interrupts) {
  Random random(seed);
  Script script;
  std::vector<uint64_t> live;
  Nanos time = 0;
  for (int i = 0; i < events; ++i, time += random.Below(gap + 1)) {
    Script::Where where = {.time = time, .cpu = static_cast<int>(random.Below(4))};
    if (interrupts) where.context = static_cast<Context>(random.Below(3));
    if (live.size() < 2 || (live.size() < 60 && random.Chance(1, 2))) {
      // Object n is n bytes, to twice the largest size class.
      live.push_back(script.Kmalloc(where, static_cast<uint32_t>(script.objects() + 1)));
    } else {
      const size_t index = random.Chance(1, 2) ? live.size() - 1 : random.Below(live.size());
      script.Kfree(where, live[index]);
      live.erase(live.begin() + static_cast<ptrdiff_t>(index));
    }
  }
  return script;
}

KmallocNotes NotesOf(const Trace& trace) {
  KmallocNotes notes;
  for (const Event& event : trace.events) {
    const auto bytes = static_cast<int64_t>(event.object);
    notes[event.cpu].push_back(event.kind == EventKind::kKmalloc ? bytes : -bytes);
  }
  return notes;
}

TEST(ReplayTest, EachCpuDoesItsOperationsOnceAndInOrder) {
  uint64_t inversions = 0;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    const Script script = RandomScript(seed, 3000, seed % 2 == 0 ? 3000 : 20, false);
    World world(script.trace());
    const RunAccount& result = world.Run();
    EXPECT_EQ(world.notes(), NotesOf(script.trace()));
    EXPECT_EQ(result.allocations, script.objects());
    EXPECT_EQ(result.allocations + result.frees, 3000u);
    EXPECT_THAT(world.Skipped(), IsEmpty());
    inversions += result.order_inversions;
  }
  EXPECT_GT(inversions, 0u);
}

// What runs in interrupts may come before what it interrupts has ended, so that only the operations
// of a CPU, not their order, are those of the trace.
TEST(ReplayTest, InterruptsLoseAndRepeatNothing) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    const Script script = RandomScript(seed, 3000, seed % 2 == 0 ? 2000 : 20, true);
    World world(script.trace());
    world.Run();
    KmallocNotes expected = NotesOf(script.trace());
    for (auto* notes : {&expected, &world.notes()}) {
      for (auto& [cpu, list] : *notes) std::sort(list.begin(), list.end());
    }
    EXPECT_EQ(world.notes(), expected);
  }
}

//  CPU 0   alloc alloc … alloc X
//  CPU 2                            (free X at 1 ns)  free X
TEST(ReplayTest, AFreeWaitsForItsAllocationOnASlowerCpu) {
  Script script;
  uint64_t last = 0;
  for (uint32_t i = 0; i < 30; ++i) last = script.Kmalloc({.time = 0, .cpu = 0}, 4000 + i);
  script.Kfree({.time = 1, .cpu = 2}, last);
  script.Kmalloc({.time = 2, .cpu = 2}, 77);  // After the free, which holds it up.
  World world(script.trace());
  const RunAccount& result = world.Run();
  EXPECT_EQ(result.order_inversions, 1u);
  EXPECT_GT(result.order_inversion_wait_cycles, 0u);
  EXPECT_EQ(result.frees, 1u);
  EXPECT_EQ(result.remote_frees, 1u);
  EXPECT_THAT(world.notes()[2], ElementsAre(-4029, 77));
}

TEST(ReplayTest, AFreeAfterItsAllocationIsNoInversion) {
  Script script;
  script.Kfree({.time = 1'000'000, .cpu = 2}, script.Kmalloc({.time = 0, .cpu = 0}, 4000));
  World world(script.trace());
  const RunAccount& result = world.Run();
  EXPECT_EQ(result.order_inversions, 0u);
  EXPECT_EQ(result.order_inversion_wait_cycles, 0u);
}

// The first allocation of a size makes a slab, which takes microseconds; the interrupt comes
// within.
TEST(ReplayTest, AnInterruptDoesNotFreeWhatItsOwnCpuStillAllocates) {
  for (const Context context : {Context::kSoftirq, Context::kHardirq, Context::kNmi}) {
    for (Nanos delay = 0; delay < 2000; delay += 50) {
      Script script;
      const uint64_t object = script.Kmalloc({.time = 0}, 3000);
      script.Kfree({.time = delay, .context = context}, object);
      World world(script.trace());
      const RunAccount& result = world.Run();
      EXPECT_THAT(world.notes()[0], ElementsAre(3000, -3000));
      EXPECT_EQ(result.order_inversions, 0u);
    }
  }
}

//  CPU 0   alloc … alloc X                          CPU 2   alloc (interrupted?) free X in an irq
TEST(ReplayTest, AnInterruptThatFreesWhatAnotherCpuAllocatesWaitsOutsideOfOperations) {
  for (Nanos delay = 0; delay < 2000; delay += 100) {
    Script script;
    uint64_t last = 0;
    for (uint32_t i = 0; i < 30; ++i) last = script.Kmalloc({.time = 0, .cpu = 0}, 4000 + i);
    script.Kmalloc({.time = 0, .cpu = 2}, 300);
    script.Kfree({.time = delay, .cpu = 2, .context = Context::kHardirq}, last);
    World world(script.trace());
    const RunAccount& result = world.Run();
    EXPECT_EQ(result.order_inversions, 1u);
    EXPECT_EQ(result.frees, 1u);
  }
}

TEST(ReplayTest, WhatIsNotReplayedIsCountedByReason) {
  Script script;
  script.Add({}, EventKind::kLost, 0).bytes_req = 5;
  script.Add({}, EventKind::kLost, 0).bytes_req = 50;
  script.Kfree({}, kNoTraceObject);
  script.Kmalloc({}, 100);
  for (int i = 0; i < 3; ++i) {
    script.Add({}, EventKind::kKfree, script.objects() + 1).predates_trace = true;
  }
  script.Add({}, EventKind::kPageAlloc, script.objects() + 1);
  script.Add({}, EventKind::kPageFree, script.objects());
  script.Add({}, EventKind::kPercpuAlloc, script.objects() + 1);
  script.Add({}, EventKind::kPercpuFree, script.objects());
  script.Add({}, EventKind::kPercpuChunkCreated, 0);
  script.CacheFree({}, 2, script.CacheAlloc({}, 2));  // Of unknown size; its free follows it.
  script.CacheAlloc({}, 0);
  script.Add({}, EventKind::kKmalloc, kNoTraceObject).bytes_req = 10;
  World world(script.trace());
  const RunAccount& result = world.Run();
  EXPECT_EQ(result.allocations, 1u);
  EXPECT_EQ(result.frees, 0u);
  EXPECT_EQ(result.events, script.trace().events.size());
  EXPECT_THAT(
      world.Skipped(),
      UnorderedElementsAre(Pair("mark of events lost in recording", 2u), Pair("free of NULL", 1u),
                           Pair("free of an object older than the trace", 3u),
                           Pair("page event (the model asks for its own pages)", 2u),
                           Pair("percpu event (this allocator gives no percpu areas)", 3u),
                           Pair("of a cache whose name or size the trace does not tell", 3u),
                           Pair("allocation that failed when it was recorded", 1u)));
}

// A file may be whole and yet no trace of any kernel.
TEST(ReplayTest, ATraceThatContradictsItselfIsSurvived) {
  Script script;
  script.Kmalloc({.time = 0, .cpu = 0}, 100);
  script.Add({.time = 0, .cpu = 1}, EventKind::kKmalloc, 1).bytes_req = 200;  // Still pending.
  script.Kfree({.time = 0, .cpu = 1}, 1);
  script.Kfree({.time = 0, .cpu = 2}, 1);  // While the first free waits.
  script.Add({.time = 0, .cpu = 1}, EventKind::kKmalloc, 1).bytes_req = 300;
  script.Kfree({.time = 0, .cpu = 0}, 1);
  // Events are announced one ahead, so that two others let the free end before it is repeated.
  script.Kmalloc({.time = 800'000, .cpu = 3}, 50);
  script.Kmalloc({.time = 900'000, .cpu = 3}, 50);
  script.Kfree({.time = 900'000, .cpu = 0}, 1);
  script.Kfree({.time = 900'000, .cpu = 0}, script.objects() + 1);  // Never allocated.
  // Now that it is free, the number may name another object.
  script.Add({.time = 900'000, .cpu = 1}, EventKind::kKmalloc, 1).bytes_req = 300;
  World world(script.trace());
  const RunAccount& result = world.Run();
  EXPECT_EQ(result.allocations, 4u);
  EXPECT_EQ(result.frees, 1u);
  EXPECT_THAT(
      world.Skipped(),
      UnorderedElementsAre(Pair(std::string(kContradicts), 4u),
                           Pair("of a cache whose name or size the trace does not tell", 2u)));
}

TEST(ReplayTest, FailedAllocationsAreCountedAndNotFreed) {
  for (const uint64_t pages_that_come : {0u, 1u, 3u}) {
    Script script;
    std::vector<uint64_t> objects;
    // Larger than any size class, so that each asks for pages.
    for (uint32_t i = 0; i < 10; ++i) {
      objects.push_back(script.Kmalloc({.time = i * 10'000, .cpu = 1}, 9000 + i));
    }
    for (uint64_t object : objects) script.Kfree({.time = 200'000, .cpu = 3}, object);
    World world(script.trace());
    FaultyPageAllocator pages(world.machine().pages(), {.fail_from_call = pages_that_come + 1});
    world.machine().set_pages(&pages);
    const RunAccount& result = world.Run();
    EXPECT_EQ(result.allocations, 10u);
    EXPECT_EQ(result.failed_allocations, 10 - pages_that_come);
    EXPECT_EQ(result.frees, pages_that_come);
    EXPECT_THAT(world.Skipped(), ElementsAre(Pair("free of an object whose allocation failed here",
                                                  10 - pages_that_come)));
  }
}

// A free that waits for an allocation which then fails must not wait for ever.
TEST(ReplayTest, AFreeThatWaitsForAFailingAllocationGoesOn) {
  Script script;
  uint64_t last = 0;
  for (uint32_t i = 0; i < 30; ++i) last = script.Kmalloc({.time = 0, .cpu = 0}, 9000 + i);
  script.Kfree({.time = 0, .cpu = 2}, last);
  World world(script.trace());
  FaultyPageAllocator pages(world.machine().pages(), {.fail_from_call = 1});
  world.machine().set_pages(&pages);
  const RunAccount& result = world.Run();
  EXPECT_EQ(result.failed_allocations, 30u);
  EXPECT_EQ(result.frees, 0u);
}

TEST(ReplayTest, SpreadTasksTakeCpusInOrderOfFirstSight) {
  Script script;
  uint32_t bytes = 0;
  const auto allocate = [&](int32_t pid, int times) {
    for (int i = 0; i < times; ++i) script.Kmalloc({.cpu = 3, .pid = pid}, ++bytes);
  };
  allocate(500, 1);
  allocate(7, 10);
  allocate(500, 1);
  allocate(90, 100);
  allocate(7, 10);
  allocate(3, 1000);
  allocate(44, 5);  // The fifth task shares the first one's CPU.
  World world(script.trace(), {.replay = {.placement = CpuPlacement::kSpread}});
  world.Run();
  EXPECT_THAT(world.OperationsOfCpus(), ElementsAre(1 + 1 + 5, 20, 100, 1000));
}

struct PlacementCase {
  std::vector<int32_t> node_of_cpu;
  ReferenceMachineOptions machine;
  std::vector<uint64_t> operations;
};

// Recorded CPU k does 10^k operations, so that the sums tell who went where.
TEST(ReplayTest, RecordedCpusKeepTheirPlaceWithinTheirNode) {
  for (const PlacementCase& each : std::vector<PlacementCase>{
           // The nodes' CPUs numbered alternately there, in blocks here.
           {{0, 1, 0, 1}, {.cpus = 4, .nodes = 2, .cpus_per_node = 2}, {1, 100, 10, 1000}},
           {{0, 1, 0, 1},
            {.cpus = 8, .nodes = 2, .cpus_per_node = 4},
            {1, 100, 0, 0, 10, 1000, 0, 0}},
           {{0, 1, 0, 1}, {.cpus = 2, .nodes = 2, .cpus_per_node = 1}, {101, 1010}},
           {{0, 0, 1, 1}, {.cpus = 1, .nodes = 1, .cpus_per_node = 1}, {1111}},
           {{0, 1, 2, 3}, {.cpus = 4, .nodes = 2, .cpus_per_node = 2}, {101, 0, 1010, 0}},
           {{}, {.cpus = 3, .nodes = 1, .cpus_per_node = 3}, {1001, 10, 100}},
       }) {
    Script script(each.node_of_cpu.empty() ? std::vector<int32_t>(4) : each.node_of_cpu);
    uint32_t times = 1;
    for (int cpu = 0; cpu < 4; ++cpu, times *= 10) {
      for (uint32_t i = 0; i < times; ++i) script.Kmalloc({.cpu = cpu}, 64);
    }
    Trace trace = script.trace();
    trace.header.node_of_cpu = each.node_of_cpu;
    WorldOptions options;
    options.machine = each.machine;
    options.machine.mib_per_node = 64;
    World world(trace, options);
    world.Run();
    EXPECT_THAT(world.OperationsOfCpus(), ElementsAreArray(each.operations));
  }
}

TEST(ReplayTest, FootprintSamplesAscendAndStayUnderThePeak) {
  for (const Nanos gap : {10u, 3000u}) {
    const Script script = RandomScript(9, 5000, gap, true);
    World world(script.trace(), {.replay = {.footprint_samples = 50}});
    const RunAccount& result = world.Run();
    EXPECT_GT(result.footprint.size(), 30u);
    EXPECT_LE(result.footprint.size(), 51u);
    for (size_t i = 0; i < result.footprint.size(); ++i) {
      const FootprintAt& at = result.footprint[i];
      if (i > 0) {
        EXPECT_GT(at.time, result.footprint[i - 1].time);
      }
      EXPECT_LE(at.footprint.slab_bytes, result.footprint_peak.footprint.slab_bytes);
      EXPECT_EQ(at.footprint.slab_bytes, at.footprint.object_bytes + at.footprint.free_bytes +
                                             at.footprint.padding_bytes + at.footprint.tail_bytes);
    }
  }
}

TEST(ReplayTest, TwoRunsAreTheSameAndAnotherTraceIsNot) {
  const auto digest = [](uint64_t seed) {
    const Script script = RandomScript(seed, 5000, 20, true);
    World world(script.trace());
    return world.Run().placements.value();
  };
  EXPECT_EQ(digest(1), digest(1));
  EXPECT_NE(digest(1), digest(2));
}

TEST(ReplayTest, EventsMaxEndsItEarly) {
  const Script script = RandomScript(4, 1000, 100, false);
  World world(script.trace(), {.replay = {.events_max = 300}});
  const RunAccount& result = world.Run();
  EXPECT_EQ(result.events, 300u);
  EXPECT_EQ(result.allocations + result.frees, 300u);
}

TEST(ReplayTest, StopsWhenToldTo) {
  const Script script = RandomScript(4, 20'000, 100, false);
  World world(script.trace());
  int asked = 0;
  world.replay().set_stop([&] { return ++asked > 2; });
  world.machine().scheduler().Run(world.replay());
  EXPECT_TRUE(absl::IsCancelled(world.replay().status()));
  EXPECT_LT(world.replay().result().events, 20'000u);
}

// At 1000 MHz a nanosecond is a cycle, and the clock counts 2^52.
TEST(ReplayTest, RecordingsMayBeAsLongAsTheClockCounts) {
  for (const Nanos time : {Nanos{7} << 49, Nanos{1} << 52, Nanos{1} << 63}) {
    Script script;
    script.Kmalloc({.time = 0}, 8);
    script.Kmalloc({.time = time - 1'000'000, .cpu = 1}, 8);
    World world(script.trace());
    world.machine().scheduler().Run(world.replay());
    if (time < Nanos{1} << 52) {
      EXPECT_NEAR(static_cast<double>(world.machine().cpu(CpuId(1)).now()), 0x1.cp51, 2e6);
      EXPECT_TRUE(world.replay().status().ok());
    } else {
      EXPECT_THAT(std::string(world.replay().status().message()),
                  ::testing::ContainsRegex("^event 1 is [0-9]+ days .* MHz a replay can be of 45"));
    }
  }
}

TEST(ReplayTest, NothingIsAllocatedPerEventAfterWarmUp) {
  constexpr int kEvents = 150'000;
  const Script script = RandomScript(5, kEvents, 1000, true);
  World world(script.trace(), {.notes = false});
  std::vector<std::pair<uint64_t, uint64_t>> seen;  // events, host allocations
  seen.reserve(1000);
  world.replay().set_progress([&](uint64_t events) {
    seen.push_back({events, HostAllocations()});
  });
  world.Run();
  const auto warm =
      std::find_if(seen.begin(), seen.end(), [](const auto& at) { return at.first >= 70'000; });
  ASSERT_NE(warm, seen.end());
  ASSERT_EQ(seen.back().first, static_cast<uint64_t>(kEvents));
  // A block of the file may take some, the samples of the footprint too; no event does.
  EXPECT_LT(seen.back().second - warm->second, 1000u);
}

}  // namespace
}  // namespace slablab
