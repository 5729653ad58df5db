// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Every figure of a report against every other: what a run cost is one total and adds up from its
// parts, what it held is one state of memory, whatever table of whatever format tells it; over all
// allocators, in recorded and closed order, with tunables, hotplug, pressure and storms.

#include <cstdlib>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "allocators/switches.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reports/breakdown.h"
#include "reports/comparison/comparison.h"
#include "reports/metrics.h"
#include "reports/text/text.h"
#include "runs/simulation/simulation.h"
#include "tests/allocators/allocator_machine.h"
#include "tests/cli/page_figures.h"
#include "tests/cli/report_numbers.h"
#include "tests/test_files.h"

namespace slablab {
namespace {

constexpr uint64_t kPageBytes = 4096;

// Fills slabs, then frees five objects of seven: much is held at the end, and little of it in use.
constexpr char kFillThenThin[] = R"(
name: "fill-then-thin"
unit: "objects"
parameters { name: "n" value: 7000 description: "objects" }
uses { name: "o" bytes: "1024" why: "to be thinned out" }
tasks {
  name: "t"
  slots { name: "o" count: "n" }
  steps {
    repeat {
      times: "n" as: "i"
      steps { allocate { use: "o" slot: "o" at: "i" touch: "64" } }
    }
  }
  steps {
    repeat {
      times: "n" as: "j"
      steps { when { condition: "j % 7 >= 2" steps { free { slot: "o" at: "j" } } } }
    }
  }
  steps { work { units: "n" } }
}
)";

// Objects of whole pages, of no bytes and of a class, and as many again freed on the other CPU.
constexpr char kLarge[] = R"(
name: "large"
unit: "blocks"
parameters { name: "n" value: 60 description: "blocks" }
uses { name: "l" bytes: "20000" why: "no size class has them" }
uses { name: "s" bytes: "100" why: "one has" }
tasks {
  name: "t"
  slots { name: "l" count: "n" }
  slots { name: "s" count: "n" }
  steps {
    repeat {
      times: "n" as: "i"
      steps { allocate { use: "l" slot: "l" at: "i" touch: "64" } }
      steps { allocate { use: "s" slot: "s" at: "i" touch: "64" } }
    }
  }
  steps { repeat { times: "n / 2" as: "j" steps { free { slot: "l" at: "j" } } } }
  steps { work { units: "n" } }
}
)";

std::string Sample(const std::string& name) {
  return absl::StrCat(std::getenv("TEST_SRCDIR"), "/slablab/traces/samples/linux-6.1-", name,
                      ".slt");
}

struct Trial {
  std::string name;
  SimulationOptions options;
};

SimulationOptions Of(const std::string& allocator, const std::string& machine) {
  SimulationOptions options;
  options.run.set_allocator(allocator);
  options.run.set_machine(machine);
  return options;
}

bool HasTunable(const std::string& allocator, std::string_view name) {
  for (const TunableInfo& tunable : SwitchesOf(allocator).tunables) {
    if (tunable.name == name) return true;
  }
  return false;
}

std::vector<Trial> RunsOf(const std::string& allocator) {
  std::vector<Trial> runs;
  const auto add = [&](const std::string& what, SimulationOptions options) {
    runs.push_back({absl::StrCat(allocator, ", ", what), std::move(options)});
  };
  SimulationOptions recorded = Of(allocator, "vm-c4n2");
  recorded.run.set_trace(Sample("slub-c4n2-net"));
  recorded.run.set_events_max(40'000);
  add("recorded order", recorded);
  SimulationOptions pressed = recorded;
  pressed.run.set_pressure_us(20'000);
  pressed.run.set_merge_caches(true);
  add("recorded order under pressure, merged", pressed);
  SimulationOptions warm = recorded;
  warm.run.set_trace(Sample("slub-c4n2-fs"));
  warm.run.set_start("warm");
  if (allocator == "slub-6.1") add("warm start", warm);
  SimulationOptions closed = Of(allocator, "xeon-8380@16x2");
  closed.run.set_trace(Sample("slub-c4n2-net"));
  closed.run.set_events_max(20'000);
  closed.run.set_order("closed");
  closed.run.set_place("spread");
  add("closed order", closed);
  for (const char* text : {kFillThenThin, kLarge}) {
    SimulationOptions workload = Of(allocator, "vm-c4n2");
    workload.run.set_workload(text == kLarge ? "large" : "fill-then-thin");
    workload.workload_textproto = text;
    add(workload.run.workload(), workload);
  }
  SimulationOptions storm = Of(allocator, "vm-c4n2");
  storm.run.set_workload("larson");
  storm.run.add_set("slots=50");
  storm.run.set_scenario("tests/regression/storm.textproto");
  if (HasTunable(allocator, "limit")) {
    storm.run.add_tune("limit=70");
  }
  add("larson in a storm", storm);
  return runs;
}

RunResult ResultOf(const Trial& run) {
  absl::StatusOr<RunResult> result = Simulate(run.options, {});
  EXPECT_TRUE(result.ok()) << run.name << ": " << result.status();
  return result.ok() ? *std::move(result) : RunResult();
}

// --- What reports say, as numbers. ---

uint64_t MetricOf(const RunResult& result, const std::string& name) {
  return FindMetric(name)->of(result).value_or(0);
}

// --- Cycles. ---

uint64_t OfLedger(const RunResult& result, const std::function<bool(Account)>& wanted) {
  uint64_t cycles = 0;
  for (const TouchCell& cell : result.touches()) {
    if (wanted(AccountOf(cell.site()))) cycles += cell.cycles();
  }
  for (const CauseCell& cell : result.causes()) {
    if (wanted(AccountOf(cell.site()))) cycles += cell.cycles();
  }
  return cycles;
}

void ExpectOneTotalOfCycles(const RunResult& result) {
  const uint64_t all = AllocatorCycles(result);
  EXPECT_GT(all, 0u);
  EXPECT_EQ(all, OfLedger(result, [](Account account) {
              return account == Account::kAllocator || account == Account::kPageAllocator;
            }));
  uint64_t by_cause = 0;
  for (const NamedSum& part : BreakDown(result).allocator) by_cause += part.value;
  EXPECT_EQ(by_cause, all);
  uint64_t by_part = 0;
  for (const PartCycles& part : result.parts()) by_part += part.cycles();
  EXPECT_EQ(by_part, all);
  uint64_t by_site = 0;
  for (const SiteCycles& site : CyclesBySite(result)) {
    const Account account = AccountOf(site.site);
    if (account == Account::kAllocator || account == Account::kPageAllocator) {
      by_site += site.total_cycles();
    }
  }
  EXPECT_EQ(by_site, all);
  EXPECT_EQ(result.totals().use_cycles(),
            OfLedger(result, [](Account account) { return account == Account::kUse; }));
}

void ExpectOperationsAddUp(const RunResult& result) {
  const uint64_t cycles = result.totals().operation_cycles();
  EXPECT_EQ(result.parts(0).part(), "in operations");
  EXPECT_EQ(result.parts(0).cycles(), cycles);
  uint64_t by_path = 0;
  uint64_t operations = 0;
  for (const PathStats& path : result.paths()) {
    if (path.put_off()) continue;
    by_path += path.cycles_total();
    operations += path.operations();
  }
  EXPECT_EQ(by_path, cycles);
  EXPECT_EQ(operations, result.totals().operations());
  EXPECT_EQ(result.all_allocations().cycles_total() + result.all_frees().cycles_total(), cycles);
  EXPECT_EQ(result.all_allocations().operations(), result.totals().allocations());
  EXPECT_EQ(result.all_frees().operations(), result.totals().frees());
  uint64_t by_cpu = 0;
  for (const CpuStats& cpu : result.cpus()) by_cpu += cpu.operation_cycles();
  EXPECT_EQ(by_cpu, cycles);
}

void ExpectReportsTellThatTotal(const RunResult& result) {
  const uint64_t all = AllocatorCycles(result);
  const std::string report = TextReport(result, {.rows_max = 0});
  // A part's numbers: cycles, and thousandths are no whole number.
  const auto blocks = TextSection(report, "Where the cycles went", 26);
  ASSERT_GE(blocks.size(), 3u);
  EXPECT_EQ(SumOf(blocks[1], 0), all) << report;
  ASSERT_EQ(blocks[2][0].name, "all of the allocator");
  EXPECT_EQ(blocks[2][0].numbers[0], all);
  std::vector<TextRow> parts(blocks[2].begin() + 1, blocks[2].end());
  if (!parts.empty()) {
    EXPECT_EQ(SumOf(parts, 0), all);
  }
  const uint64_t operations = result.totals().operations();
  EXPECT_EQ(MetricOf(result, "cycles_per_operation"), (all * 2000 + operations) / 2 / operations);
  EXPECT_NEAR(static_cast<double>(MetricOf(result, "cycles_in_operations") +
                                  MetricOf(result, "cycles_outside_operations")),
              static_cast<double>(MetricOf(result, "cycles_per_operation")), 1.0);
}

// --- Memory. ---

void ExpectAPartition(const FootprintSample& sample) {
  EXPECT_EQ(sample.slab_bytes(), sample.object_bytes() + sample.free_bytes() +
                                     sample.padding_bytes() + sample.tail_bytes());
  EXPECT_LE(sample.own_objects(), sample.objects());
  const MemoryHeld held = HeldBy(sample);
  uint64_t in_slabs = 0;
  for (const NamedSum& part : held.in_slabs) in_slabs += part.value;
  EXPECT_EQ(in_slabs, sample.slab_bytes());
  uint64_t all = in_slabs;
  for (const NamedSum& part : held.besides) all += part.value;
  EXPECT_EQ(all, held.total);
  EXPECT_EQ(all, sample.slab_bytes() + sample.large_bytes() + sample.metadata_bytes() +
                     sample.percpu_bytes());
}

uint64_t OperationsOf(const RunResult& result, const std::string& path) {
  for (const PathStats& stats : result.paths()) {
    if (stats.name() == path) return stats.operations();
  }
  return 0;
}

// Whoever calls an allocator knows what he has of it; all else that is allocated is the allocator's
// own. `warm`: objects from before the run.
void ExpectTheRestIsTheAllocatorsOwn(const RunResult& result) {
  const FootprintSample& end = result.footprint_end();
  const Totals& totals = result.totals();
  const uint64_t of_nothing =
      OperationsOf(result, "alloc of 0 bytes") - OperationsOf(result, "free of null");
  EXPECT_EQ(end.objects() - end.own_objects() + end.large_blocks() - end.own_large_blocks(),
            totals.allocations() - totals.failed_allocations() - totals.frees() - of_nothing);
}

void ExpectOneStateOfMemory(const RunResult& result) {
  const FootprintSample& peak = result.footprint_peak();
  const FootprintSample& end = result.footprint_end();
  ASSERT_GT(result.footprint_size(), 1);
  EXPECT_LE(result.footprint_size(), 202);
  EXPECT_EQ(result.footprint().rbegin()->SerializeAsString(), end.SerializeAsString());
  uint64_t time = 0;
  for (const FootprintSample& sample : result.footprint()) {
    EXPECT_LE(sample.slab_bytes(), peak.slab_bytes());
    EXPECT_GE(sample.time_ns(), time);
    time = sample.time_ns();
    ExpectAPartition(sample);
  }
  ExpectAPartition(peak);
  FootprintSample sum;
  uint64_t slabs = 0;
  for (const CacheStats& cache : result.caches()) {
    ExpectAPartition(cache.footprint());
    sum.set_slabs(sum.slabs() + cache.footprint().slabs());
    sum.set_slab_bytes(sum.slab_bytes() + cache.footprint().slab_bytes());
    sum.set_objects(sum.objects() + cache.footprint().objects());
    sum.set_object_bytes(sum.object_bytes() + cache.footprint().object_bytes());
    sum.set_own_objects(sum.own_objects() + cache.footprint().own_objects());
    sum.set_own_object_bytes(sum.own_object_bytes() + cache.footprint().own_object_bytes());
    sum.set_percpu_bytes(sum.percpu_bytes() + cache.footprint().percpu_bytes());
    slabs += cache.slabinfo().slabs();
    // Slabs that wait for a grace period are in no list, and no page of theirs is free yet.
    EXPECT_LE(cache.slabinfo().slabs(), cache.footprint().slabs()) << cache.name();
    if (!end.has_rcu()) {
      EXPECT_EQ(cache.slabinfo().slabs(), cache.footprint().slabs()) << cache.name();
    }
    EXPECT_GE(cache.slabinfo().active_objects(), cache.footprint().objects()) << cache.name();
    uint64_t occupied = 0;
    uint64_t objects = 0;
    for (const SlabOccupancy& run : cache.occupancy()) {
      occupied += run.slabs();
      objects += run.slabs() * run.objects();
    }
    if (cache.occupancy().empty()) continue;
    EXPECT_EQ(occupied, cache.footprint().slabs()) << cache.name();
    EXPECT_EQ(objects, cache.footprint().objects()) << cache.name();
  }
  EXPECT_EQ(sum.slabs(), end.slabs());
  EXPECT_LE(slabs, end.slabs());
  EXPECT_EQ(sum.slab_bytes(), end.slab_bytes());
  EXPECT_EQ(sum.objects(), end.objects());
  EXPECT_EQ(sum.object_bytes(), end.object_bytes());
  EXPECT_EQ(sum.own_objects(), end.own_objects());
  EXPECT_EQ(sum.own_object_bytes(), end.own_object_bytes());
  EXPECT_EQ(sum.percpu_bytes(), end.percpu_bytes());
  EXPECT_EQ(result.percpu().bytes().areas(), end.percpu_bytes());
}

void ExpectReportsTellThatState(const RunResult& result) {
  const std::string report = TextReport(result, {.rows_max = 0});
  const auto blocks = TextSection(report, "Memory by cause", 28);
  ASSERT_EQ(blocks.size(), 5u) << report;
  const FootprintSample* const moments[] = {&result.footprint_peak(), &result.footprint_end()};
  for (size_t i = 0; i < 2; ++i) {
    const FootprintSample& moment = *moments[i];
    EXPECT_EQ(blocks[1][0].numbers[i], moment.slabs());
    EXPECT_EQ(blocks[1][1].numbers[i] + blocks[1][2].numbers[i], moment.objects());
    EXPECT_EQ(SumOf(blocks[2], i), moment.slab_bytes());
    EXPECT_EQ(blocks[3][0].numbers[i], moment.slab_bytes());
    EXPECT_EQ(SumOf(blocks[3], i), HeldBy(moment).total);
    EXPECT_EQ(blocks[4][0].numbers[i], HeldBy(moment).total);
  }
  EXPECT_EQ(MetricOf(result, "peak_slab_bytes"), result.footprint_peak().slab_bytes());
  EXPECT_EQ(MetricOf(result, "peak_held_bytes"), HeldBy(result.footprint_peak()).total);
  EXPECT_EQ(MetricOf(result, "end_slab_bytes"), result.footprint_end().slab_bytes());
  EXPECT_EQ(MetricOf(result, "end_held_bytes"), HeldBy(result.footprint_end()).total);
  const auto caches = TextSection(report, "Caches at the end, as slabtop has them", 0);
  uint64_t slabs = 0;
  for (const CacheStats& cache : result.caches()) slabs += cache.footprint().slabs();
  EXPECT_EQ(slabs, result.footprint_end().slabs());
  EXPECT_FALSE(caches.empty());
}

class FiguresTest : public ::testing::TestWithParam<std::string> {};

TEST_P(FiguresTest, PartsAddUpToOneTotalInEveryTableOfEveryFormat) {
  for (const Trial& run : RunsOf(GetParam())) {
    SCOPED_TRACE(run.name);
    const RunResult result = ResultOf(run);
    ExpectOneTotalOfCycles(result);
    ExpectOperationsAddUp(result);
    ExpectReportsTellThatTotal(result);
    ExpectOneStateOfMemory(result);
    ExpectReportsTellThatState(result);
    ExpectPageAndTablesAgree(result);
    if (!StartsWarm(run.options.run)) ExpectTheRestIsTheAllocatorsOwn(result);
  }
}

INSTANTIATE_TEST_SUITE_P(EveryModel, FiguresTest, ::testing::ValuesIn(TestedModels()),
                         [](const auto& info) { return TestName(info.param); });

TEST(FootprintTest, TheEndIsWhatIsThereAfterTheLastFree) {
  SimulationOptions options = Of("slub-6.1", "vm-c4n2");
  options.run.set_workload("fill-then-thin");
  options.workload_textproto = kFillThenThin;
  const RunResult result = ResultOf({"thin", options});
  const FootprintSample& end = result.footprint_end();
  EXPECT_EQ(end.objects() - end.own_objects(), 2000u);
  EXPECT_EQ(end.requested_bytes(), 2000u * 1024);
  // The peak is the first moment with the most slabs, whose last was not full yet.
  const FootprintSample& peak = result.footprint_peak();
  EXPECT_GT(peak.objects() - peak.own_objects(), 7000u - 16);
}

TEST(FootprintTest, WholePagesOfKmallocAreHeldToo) {
  SimulationOptions options = Of("slub-6.1", "vm-c4n2");
  options.run.set_workload("large");
  options.workload_textproto = kLarge;
  const RunResult result = ResultOf({"large", options});
  const FootprintSample& end = result.footprint_end();
  EXPECT_EQ(end.large_blocks(), 30u);
  EXPECT_EQ(end.large_bytes(), 30u * 8 * kPageBytes);
  EXPECT_EQ(end.large_requested_bytes(), 30u * 20'000);
  EXPECT_EQ(AskedInSlabs(end), 60u * 100);
  EXPECT_EQ(WasteOf(end).internal, 60u * 28);
}

TEST(FootprintTest, ArraysThatSlabKmallocsAreNoUsers) {
  SimulationOptions options = Of("slab-2014", "xeon-8380");
  options.run.set_trace(Sample("slub-c4n2-net"));
  options.run.set_events_max(200);
  const RunResult result = ResultOf({"arrays", options});
  const FootprintSample& end = result.footprint_end();
  // 160 CPUs' arrays of every cache.
  EXPECT_GT(end.own_object_bytes(), uint64_t{5} << 20);
  EXPECT_LT(AskedInSlabs(end), uint64_t{1} << 20);
}

TEST(PartsTest, ReapingIsInTheTotalAndIsNoOperation) {
  SimulationOptions options = Of("slab", "vm-c4n2");
  options.run.set_trace(Sample("slub-c4n2-fs"));
  const RunResult result = ResultOf({"reaping", options});
  ASSERT_GE(result.parts_size(), 2);
  EXPECT_EQ(result.parts(1).part(), "in timers, put-off work");
  EXPECT_GT(result.parts(1).cycles(), 0u);
  RunResult base = result;
  base.mutable_config()->set_allocator("slub-6.1");
  const std::string words = absl::StrJoin(DifferencesInWords(Labelled({base, result})), "\n");
  EXPECT_THAT(words, ::testing::HasSubstr("in timers, put-off work"));
}

}  // namespace
}  // namespace slablab
