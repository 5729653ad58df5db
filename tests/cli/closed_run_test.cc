// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Workloads, scenarios and closed order as a user starts them: a workload that was written out as a
// trace is that workload, timelines and reports show what took place, and what is wrong is said
// with file and line.

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reports/breakdown.h"
#include "reports/html/html_report.h"
#include "reports/perfetto.pb.h"
#include "reports/result_io.h"
#include "tests/cli/run_program.h"
#include "tests/reports/page_cells.h"
#include "tests/test_files.h"
#include "tests/traces/random_trace.h"
#include "workloads/synthetic/workload_loader.h"

namespace slablab {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

class ClosedRunTest : public FolderTest {
 protected:
  RunResult ResultOf(const std::string& arguments) const {
    const Ending run = Stdout(absl::StrCat("run --format=proto ", arguments));
    EXPECT_EQ(run.exit_status, 0) << arguments;
    absl::StatusOr<RunResult> result = ParseResult(run.text, arguments);
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? *std::move(result) : RunResult();
  }
  void ExpectRefusal(const std::string& arguments, const std::string& culprit) const {
    SCOPED_TRACE(arguments);
    const Ending end = Stderr(arguments);
    EXPECT_EQ(end.exit_status, 2);
    EXPECT_THAT(end.text, AllOf(StartsWith("slablab: "), HasSubstr(culprit)));
    EXPECT_EQ(end.text.find('\n'), end.text.size() - 1) << end.text;
    EXPECT_THAT(Stdout(arguments).text, IsEmpty());
  }
  // How many operations of each kind each cache saw.
  std::map<std::string, int> OperationsOf(const std::string& run) const {
    EXPECT_EQ(Stdout(absl::StrCat("run --machine=vm-c4n2 ", run, " --operations=", Path("log")))
                  .exit_status,
              0);
    std::map<std::string, int> operations;
    for (const std::string& line :
         std::vector<std::string>(absl::StrSplit(ContentsOf("log"), '\n', absl::SkipEmpty()))) {
      const std::vector<std::string> words = absl::StrSplit(line, '\t');
      if (words.size() == 12) ++operations[absl::StrCat(words[7], " ", words[9])];
    }
    return operations;
  }
};

TEST_F(ClosedRunTest, AWorkloadWrittenOutIsATraceThatDoesTheSame) {
  for (const WorkloadInfo& workload : ListWorkloads()) {
    const std::string name(workload.name);
    SCOPED_TRACE(name);
    const std::string trace = Path(name + ".slt");
    ASSERT_EQ(
        Stdout(absl::StrCat("workload write ", name, " --machine=vm-c4n2 -o ", trace)).exit_status,
        0);
    const Ending validated = Stdout(absl::StrCat("trace validate ", trace));
    EXPECT_EQ(validated.exit_status, 0);
    EXPECT_THAT(validated.text, HasSubstr("0 live at the end, 0 violations"));
    const std::map<std::string, int> done = OperationsOf(absl::StrCat("--workload=", name));
    EXPECT_FALSE(done.empty());
    EXPECT_EQ(OperationsOf(absl::StrCat("--order=closed --trace=", trace)), done);
    EXPECT_EQ(OperationsOf(absl::StrCat("--trace=", trace)), done);
  }
}

TEST_F(ClosedRunTest, TheSameCommandGivesTheSameBytes) {
  const std::string scenario = Write("storm.textproto", R"(
      events { at_us: 20 every_us: 100 jitter_us: 60 pressure { node: -1 } }
      events { at_us: 10 interrupts { cpus: 4 count: 50 interval_ns: 700 objects: 2 } }
      events { at_us: 30 cpu_offline { cpu: 2 } }
      events { at_us: 90 cpu_online { cpu: 2 } })");
  for (const std::string arguments :
       {"--workload=larson --set=slots=50 --allocator=slubq --place=pack --scale=3",
        "--workload=hackbench --allocator=slab --pressure-us=40",
        "--order=closed --events-max=5000"}) {
    const std::string command =
        absl::StrCat("run --format=proto --machine=vm-c4n2 --scenario=", scenario, " ", arguments,
                     arguments[2] == 'o' ? absl::StrCat(" --trace=", Sample("net")) : "");
    const Ending first = Stdout(command);
    EXPECT_EQ(first.exit_status, 0) << command;
    EXPECT_EQ(first.text, Stdout(command).text) << command;
  }
}

// Objects that were freed by kvfree_rcu: how they went, what waits over time, at its most and at
// the end, and as a cause of its own.
TEST_F(ClosedRunTest, WhatWaitsForAGracePeriodIsReported) {
  for (const std::string allocator : {"slub-6.1", "slub-7.3", "slab", "slub-2010"}) {
    SCOPED_TRACE(allocator);
    const std::string run = absl::StrCat("--workload=rename-storm --set=renames=900",
                                         " --machine=vm-c4n2 --allocator=", allocator);
    const RunResult result = ResultOf(run);
    ASSERT_TRUE(result.has_rcu());
    const RcuReport& rcu = result.rcu();
    EXPECT_EQ(rcu.to_sheaves() + rcu.to_batches(), 8u * (900 + 40));
    EXPECT_EQ(rcu.to_sheaves() > 0, allocator == "slub-7.3");
    EXPECT_GT(rcu.grace_periods(), 0u);
    EXPECT_GT(rcu.end_objects(), 0u);
    EXPECT_GE(rcu.peak_bytes(), rcu.end_bytes());
    EXPECT_LE(rcu.peak_objects(), 8u * (900 + 40));
    bool any = false;
    for (const FootprintSample& sample : result.footprint()) {
      any = any || sample.rcu().objects() > 0;
      const MemoryHeld held = HeldBy(sample);
      uint64_t sum = 0;
      for (const NamedSum& part : held.in_slabs) sum += part.value;
      EXPECT_EQ(sum, sample.slab_bytes());
      EXPECT_LE(WaitingBytes(sample), rcu.peak_bytes());
    }
    EXPECT_TRUE(any);
    EXPECT_EQ(WaitingBytes(result.footprint_end()), rcu.end_bytes());
    const std::string text = Stdout(absl::StrCat("run ", run)).text;
    EXPECT_THAT(text, AllOf(HasSubstr("RCU          7,520 objects freed by kvfree_rcu"),
                            HasSubstr("\nwaiting for a grace period ")));
    const std::string csv =
        Stdout(absl::StrCat("run ", run, " --format=csv --table=rcu_waiting")).text;
    EXPECT_THAT(csv, StartsWith("time_ns,objects,object_bytes,"));
    EXPECT_GT(std::vector<std::string>(absl::StrSplit(csv, '\n')).size(), 5u);
    EXPECT_NE(FindView(HtmlPageOf(Stdout(absl::StrCat("run ", run, " --format=html")).text), "rcu"),
              nullptr);
  }
  const Ending without = Stdout("run --workload=hackbench --machine=vm-c4n2");
  EXPECT_THAT(without.text, AllOf(Not(HasSubstr("\nRCU")), Not(HasSubstr("grace period"))));
}

// What import inferred to have been freed so is freed so, whatever the model.
TEST_F(ClosedRunTest, RecordedFreesByRcuAreSuch) {
  for (const std::string order : {"recorded", "closed"}) {
    for (const std::string allocator : {"slub-6.1", "slub-7.3"}) {
      const std::string run = absl::StrCat("--trace=linux-7.3-slub-c4n2-fork --events-max=40000",
                                           " --order=", order, " --allocator=", allocator);
      const RunResult result = ResultOf(run);
      EXPECT_GT(result.rcu().to_sheaves() + result.rcu().to_batches(), 100u) << run;
      EXPECT_EQ(result.rcu().to_sheaves() > 0, allocator == "slub-7.3") << run;
      EXPECT_EQ(ResultOf(run).digests().end_state(), result.digests().end_state()) << run;
    }
  }
}

TEST_F(ClosedRunTest, StormsFreeByRcuToo) {
  const std::string storm =
      Write("storm",
            "events { at_us: 10 interrupts { cpus: 4 count: 80 interval_ns: 900 objects: 3 "
            "free_rcu: true "
            "} }\nevents { at_us: 50 every_us: 30 times: 2 rcu_barrier { cpu: 1 } }");
  const std::string run =
      "--workload=hackbench --set=loops=400 --machine=vm-c4n2 --allocator=slub-7.3";
  const RunResult result = ResultOf(absl::StrCat(run, " --scenario=", storm));
  EXPECT_EQ(result.rcu().to_sheaves() + result.rcu().to_batches(), 80u * 3);
  EXPECT_EQ(result.rcu().barriers(), 2u);
  ExpectRefusal(
      absl::StrCat("run ", run, " --scenario=", Write("far", "events { rcu_barrier { cpu: 4 } }")),
      "there is no CPU 4: the machine has 4 CPUs");
}

// What a storm's interrupts do is among the operations, and memory pressure is counted.
TEST_F(ClosedRunTest, WhatAScenarioDoesIsCounted) {
  const std::string run = "--workload=hackbench --machine=vm-c4n2 --allocator=slubq";
  const RunResult calm = ResultOf(run);
  EXPECT_FALSE(calm.has_reclaim());
  const std::string storm = Write(
      "storm", "events { at_us: 10 interrupts { cpus: 4 count: 80 interval_ns: 900 objects: 3 } }");
  const RunResult stormy = ResultOf(absl::StrCat(run, " --scenario=", storm));
  EXPECT_EQ(stormy.totals().allocations(), calm.totals().allocations() + 80 * 3);
  EXPECT_EQ(stormy.totals().frees(), calm.totals().frees() + 80 * 3);
  EXPECT_EQ(stormy.totals().work(), calm.totals().work());
  const RunResult pressed = ResultOf(run + " --pressure-us=400");
  const uint64_t cycles = pressed.totals().end_time_cycles() - pressed.totals().start_time_cycles();
  const auto rounds =
      static_cast<double>(cycles / (400 * static_cast<uint64_t>(pressed.config().clock_mhz())));
  EXPECT_NEAR(static_cast<double>(pressed.reclaim().calls()), 2 * rounds, 2);
  EXPECT_GT(pressed.reclaim().bytes(), 0u);
}

// Free pages of a node that leaves are gone: what was local before is from elsewhere.
TEST_F(ClosedRunTest, AMemoryNodeThatLeavesGivesNoMoreSlabs) {
  const std::string run =
      "--workload=slab-batch --set=tasks=4 --machine=vm-c4n2 --allocator=slub-6.1";
  const auto slabs_on = [](const RunResult& result, int node) {
    uint64_t slabs = 0;
    for (const CacheStats& cache : result.caches()) {
      if (cache.name() != "kmalloc-64") continue;
      for (const SlabOccupancy& occupancy : cache.occupancy()) {
        if (occupancy.node() == node) slabs += occupancy.slabs();
      }
    }
    return slabs;
  };
  const RunResult whole = ResultOf(run);
  EXPECT_GT(slabs_on(whole, 1), 10u);
  const std::string gone = Write("gone", "events { at_us: 0 node_offline { node: 1 } }");
  const RunResult without = ResultOf(absl::StrCat(run, " --scenario=", gone));
  EXPECT_LT(slabs_on(without, 1), slabs_on(whole, 1) / 2);
  EXPECT_EQ(without.totals().failed_allocations(), 0u);
  EXPECT_EQ(without.totals().work(), whole.totals().work());
}

// On the CPUs' tracks: operations, lock waits, interrupts, and CPUs that leave and come.
TEST_F(ClosedRunTest, TimelinesShowWhatTookPlace) {
  const std::string scenario = Write("storm.textproto", R"(
      events { at_us: 10 interrupts { cpus: 4 count: 50 interval_ns: 700 objects: 2 } }
      events { at_us: 100 cpu_offline { cpu: 2 } }
      events { at_us: 400 cpu_online { cpu: 2 } })");
  for (const std::string& what :
       {std::string("--workload=hackbench"),
        absl::StrCat("--events-max=20000 --order=closed --place=spread --trace=", Sample("net"))}) {
    SCOPED_TRACE(what);
    const std::string run =
        absl::StrCat(what, " --machine=vm-c4n2 --allocator=slab --scenario=", scenario);
    const RunResult result = ResultOf(run);
    ASSERT_EQ(Stdout(absl::StrCat("timeline ", run, " -o ", Path("t.pf"))).exit_status, 0);
    perfetto::Trace trace;
    ASSERT_TRUE(trace.ParseFromString(ContentsOf("t.pf")));
    std::map<uint64_t, std::string> categories;
    std::map<std::string, uint64_t> seen;
    uint64_t counters = 0;
    for (const perfetto::TracePacket& packet : trace.packet()) {
      for (const auto& category : packet.interned_data().event_categories()) {
        categories[category.iid()] = category.name();
      }
      const perfetto::TrackEvent& event = packet.track_event();
      if (event.category_iids_size() > 0) ++seen[categories[event.category_iids(0)]];
      counters += event.type() == perfetto::TrackEvent::TYPE_COUNTER;
    }
    EXPECT_EQ(seen["alloc"], result.totals().allocations());
    EXPECT_EQ(seen["free"], result.totals().frees());
    EXPECT_GE(seen["irq"], 50u);
    EXPECT_GT(seen["lock"], 0u);
    EXPECT_EQ(seen["hotplug"], 2u);
    EXPECT_GT(counters, 50u);
  }
}

TEST_F(ClosedRunTest, FiguresOfTheWorkloadAreInEveryFormat) {
  const std::string run = "run --workload=hackbench --machine=vm-c4n2 ";
  const std::string text = Stdout(run).text;
  EXPECT_THAT(text, AllOf(HasSubstr("hackbench: 40 tasks, 4,000 messages"),
                          HasSubstr("messages a second"), HasSubstr("into the run")));
  for (const std::string format : {"csv", "tsv"}) {
    const std::string totals = Stdout(absl::StrCat(run, "--table=totals --format=", format)).text;
    for (const char* name : {"tasks", "work", "work_unit", "switches", "free_waits", "think_cycles",
                             "run_queue_wait_cycles"}) {
      EXPECT_THAT(totals, HasSubstr(absl::StrCat("\n", name, format == "csv" ? "," : "\t")));
    }
  }
  const std::string compared =
      Stdout("compare --workload=hackbench --machine=vm-c4n2 --allocators=slub,slab").text;
  EXPECT_THAT(compared, AllOf(HasSubstr("- Messages a second, most first: "),
                              HasSubstr("work done a second"), HasSubstr("waiting for a CPU")));
  const std::string page =
      Stdout("compare --workload=hackbench --machines=vm-c4n2,vm-c4n2@8x2 --format=html").text;
  EXPECT_NE(FindView(HtmlPageOf(page), "scaling-work"), nullptr);
  EXPECT_THAT(page, HasSubstr("Messages a second"));
}

TEST_F(ClosedRunTest, WhatIsWrongIsSaidWithFileAndLine) {
  const std::string bad = Write("bad.textproto", "name: 'w'\ntasks {\n steps {\n  thnk {} } }");
  ExpectRefusal(absl::StrCat("run --workload=", bad), absl::StrCat(bad, ":4:"));
  const std::string slot = Write("slot.textproto", "tasks {\n steps { free { slot: 'x' } } }");
  ExpectRefusal(absl::StrCat("run --workload=", slot), absl::StrCat(slot, ":2:"));
  for (const std::string command : {"run", "timeline -o x", "compare", "workload write -o x"}) {
    const std::string names = command.starts_with("workload") ? " " : " --workload=";
    ExpectRefusal(absl::StrCat(command, names, "hakbench"),
                  "unknown workload 'hakbench' (did you mean hackbench?); valid");
    ExpectRefusal(absl::StrCat(command, names, "larson --set=slot=3"),
                  "larson: unknown parameter of the workload 'slot' (did you mean slots?); valid "
                  "are: threads");
    ExpectRefusal(absl::StrCat(command, names, "larson --set=slots=many"), "is not NAME=N");
  }
  const std::string larson = "run --workload=larson --machine=vm-c4n2 --scenario=";
  const std::string five = Write("five.textproto", "events {\n cpu_offline {\n  cpu: 4 } }");
  ExpectRefusal(larson + five,
                absl::StrCat(five, ":3:3: there is no CPU 4: the machine has 4 CPUs"));
  const std::string malformed = Write("malformed.textproto", "\nevents { sometimes: 1 }");
  ExpectRefusal(larson + malformed, absl::StrCat(malformed, ":2:"));
  const std::string tune =
      Write("tune.textproto", "events { at_us: 1 }\nevents {\n at_us: 1 tune { key: 'no' } }");
  ExpectRefusal(larson + tune, absl::StrCat(tune, ":1:1: an event says what happens"));
  Write("tune.textproto", "events {\n at_us: 1\n tune { key: 'nosuch' } }");
  ExpectRefusal(larson + tune, absl::StrCat(tune, ":3:2: "));
  ExpectRefusal(larson + Path("nosuch"), "nosuch: cannot be opened");
}

// Nothing that a user says is quietly left out.
TEST_F(ClosedRunTest, WhatDoesNotGoTogetherIsRefused) {
  const std::string trace = absl::StrCat("run --trace=", Sample("net"));
  const std::string storm = Write("storm", "events { at_us: 1 pressure {} }");
  ExpectRefusal(absl::StrCat(trace, " --scenario=", storm), "--scenario needs --order=closed");
  ExpectRefusal(trace + " --scale=2", "need --order=closed");
  ExpectRefusal(trace + " --place=pack", "need --order=closed");
  ExpectRefusal(trace + " --set=groups=2", "--set is of a workload");
  ExpectRefusal(trace + " --workload=larson", "a trace or a workload, not both");
  ExpectRefusal(trace + " --order=closed --start=warm", "--start=warm needs a trace in recorded");
  ExpectRefusal(trace + " --order=closed --allocator=percpu", "runs in recorded order only");
  ExpectRefusal("run --workload=larson --order=recorded", "a workload was not recorded");
  ExpectRefusal("run --workload=larson --start=warm", "--start=warm needs a trace in recorded");
  ExpectRefusal("run --workload=larson --events-max=10", "--events-max is of a trace");
  ExpectRefusal("run --workload=larson --allocator=percpu-km", "has no workloads");
}

}  // namespace
}  // namespace slablab
