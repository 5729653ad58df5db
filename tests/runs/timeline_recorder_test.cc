// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// A run's timeline, read back from its file beside the run's operations and its result.

#include "runs/experiments/timeline_recorder.h"

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reports/breakdown.h"
#include "reports/perfetto.pb.h"
#include "runs/simulation/simulation.h"
#include "tests/test_files.h"

namespace slablab {
namespace {

using perfetto::TrackEvent;

struct File {
  std::map<uint64_t, std::string> names;  // of events
  std::map<uint64_t, std::string> arguments;
  std::map<uint64_t, std::string> strings;
  std::map<uint64_t, perfetto::TrackDescriptor> tracks;
  struct Event {
    uint64_t time = 0;
    TrackEvent event;
  };
  std::vector<Event> events;

  const std::string& TrackName(uint64_t track) { return tracks[track].name(); }
  bool IsOfCpu(const TrackEvent& event) {
    return TrackName(event.track_uuid()).starts_with("CPU ");
  }
};

// Keeps what the recorder was told.
class Told : public OperationObserver {
 public:
  explicit Told(TimelineRecorder& recorder) : recorder_(recorder) {}
  void OnNames(const OperationNames& names) override { recorder_.OnNames(names); }
  void OnBegin(const Machine& machine, const Allocator& allocator) override {
    recorder_.OnBegin(machine, allocator);
  }
  void OnOperation(const OperationEnd& operation) override {
    recorder_.OnOperation(operation);
    operations.push_back(operation);
  }
  std::vector<OperationEnd> operations;

 private:
  TimelineRecorder& recorder_;
};

struct Recorded {
  RunResult result;
  File file;
  std::vector<OperationEnd> operations;
  size_t slices = 0;
};

Recorded Record(const std::string& trace, const std::string& allocator,
                const TimelineRecorder::Options& window) {
  SimulationOptions options;
  options.run.set_trace(Runfile("traces/samples/" + trace));
  options.run.set_allocator(allocator);
  options.run.set_events_max(40'000);
  TimelineRecorder recorder(window);
  Told told(recorder);
  SimulationHooks hooks;
  hooks.observer = &told;
  hooks.machine_observer = &recorder;
  const absl::StatusOr<RunResult> result = Simulate(options, hooks);
  EXPECT_TRUE(result.ok()) << result.status();
  Recorded run;
  run.result = *result;
  run.operations = std::move(told.operations);
  recorder.AddResult(*result);
  run.slices = recorder.timeline()->slices();
  std::string bytes;
  EXPECT_TRUE(recorder.timeline()
                  ->Write([&](const std::string& piece) {
                    bytes += piece;
                    return absl::OkStatus();
                  })
                  .ok());
  perfetto::Trace parsed;
  EXPECT_TRUE(parsed.ParseFromString(bytes));
  for (const perfetto::TracePacket& packet : parsed.packet()) {
    const perfetto::InternedData& interned = packet.interned_data();
    for (const auto& each : interned.event_names()) run.file.names[each.iid()] = each.name();
    for (const auto& each : interned.debug_annotation_names()) {
      run.file.arguments[each.iid()] = each.name();
    }
    for (const auto& each : interned.debug_annotation_string_values()) {
      run.file.strings[each.iid()] = each.name();
    }
    if (packet.has_track_descriptor()) {
      run.file.tracks[packet.track_descriptor().uuid()] = packet.track_descriptor();
    }
    if (packet.has_track_event()) {
      EXPECT_TRUE(run.file.tracks.contains(packet.track_event().track_uuid()));
      run.file.events.push_back({packet.timestamp(), packet.track_event()});
    }
  }
  return run;
}

class TimelineRecorderTest : public ::testing::TestWithParam<const char*> {};

TEST_P(TimelineRecorderTest, FlowsAreObjectsFromAllocationToFree) {
  Recorded run = Record("linux-7.3-slub-c4n2-hackbench.slt", GetParam(), {});
  std::map<uint64_t, uint64_t> begun;  // flow, object
  std::set<uint64_t> ended;
  uint64_t frees_of_known = 0;
  const auto object_of = [&](const TrackEvent& event) {
    EXPECT_EQ(run.file.arguments[event.debug_annotations(0).name_iid()], "object");
    return event.debug_annotations(0).pointer_value();
  };
  for (const auto& [time, event] : run.file.events) {
    for (const uint64_t flow : event.flow_ids()) {
      EXPECT_TRUE(begun.emplace(flow, object_of(event)).second) << flow;
    }
  }
  for (const auto& [time, event] : run.file.events) {
    for (const uint64_t flow : event.terminating_flow_ids()) {
      EXPECT_TRUE(ended.insert(flow).second) << flow;
      ASSERT_TRUE(begun.contains(flow));
      EXPECT_EQ(begun[flow], object_of(event));
      ++frees_of_known;
    }
  }
  // Those without an end are alive.
  std::set<uint64_t> alive;
  uint64_t frees = 0;
  for (const OperationEnd& operation : run.operations) {
    if (operation.object.is_null()) continue;
    if (!operation.is_free) alive.insert(operation.object.value());
    if (operation.is_free && alive.erase(operation.object.value()) > 0) ++frees;
  }
  std::multiset<uint64_t> unended;
  for (const auto& [flow, object] : begun) {
    if (!ended.contains(flow)) unended.insert(object);
  }
  EXPECT_EQ(unended, std::multiset<uint64_t>(alive.begin(), alive.end()));
  EXPECT_EQ(frees_of_known, frees);
  EXPECT_GT(frees, 1000u);
}

TEST_P(TimelineRecorderTest, ArgumentsSayWhatASliceWasAndSpent) {
  Recorded run = Record("linux-6.1-slub-c4n2-net.slt", GetParam(), {});
  std::map<uint64_t, const OperationEnd*> operations;
  for (const OperationEnd& operation : run.operations) operations[operation.event] = &operation;
  size_t checked = 0;
  std::set<std::string> callers;
  for (const auto& [time, event] : run.file.events) {
    if (event.type() != TrackEvent::TYPE_SLICE_BEGIN || !run.file.IsOfCpu(event)) continue;
    std::map<std::string, const perfetto::DebugAnnotation*> arguments;
    for (const auto& argument : event.debug_annotations()) {
      arguments[run.file.arguments[argument.name_iid()]] = &argument;
    }
    if (!arguments.contains("event")) continue;
    const OperationEnd& operation = *operations.at(arguments["event"]->uint_value());
    EXPECT_EQ(arguments["object"]->pointer_value(), operation.object.value());
    if (!operation.is_free) {
      EXPECT_EQ(arguments["bytes asked for"]->uint_value(), operation.bytes);
    }
    ASSERT_TRUE(arguments.contains("cache") || operation.object.is_null() ||
                operation.bytes > 8192 || operation.is_free);
    if (arguments.contains("caller")) {
      callers.insert(run.file.strings[arguments["caller"]->string_value_iid()]);
    }
    uint64_t sum = 0;
    if (arguments.contains("cycles")) {
      for (const auto& cause : arguments["cycles"]->dict_entries()) sum += cause.uint_value();
    }
    EXPECT_EQ(sum, operation.end - operation.start);
    ++checked;
  }
  EXPECT_EQ(checked, run.operations.size());
  EXPECT_GT(callers.size(), 10u);
  EXPECT_FALSE(callers.contains(""));
}

TEST_P(TimelineRecorderTest, TasksHaveTracksAndWaitsSayWhoHadTheLock) {
  Recorded run = Record("linux-7.3-slub-c4n2-hackbench.slt", GetParam(), {});
  size_t of_tasks = 0;
  size_t waits = 0;
  for (const auto& [time, event] : run.file.events) {
    if (event.type() != TrackEvent::TYPE_SLICE_BEGIN) continue;
    const perfetto::TrackDescriptor& track = run.file.tracks[event.track_uuid()];
    if (run.file.TrackName(track.parent_uuid()) == "tasks") {
      ++of_tasks;
      EXPECT_NE(track.name(), "");
    }
    if (!run.file.names[event.name_iid()].starts_with("wait for ")) continue;
    ++waits;
    ASSERT_EQ(event.debug_annotations_size(), 2);
    EXPECT_EQ(run.file.arguments[event.debug_annotations(0).name_iid()], "held by CPU");
    EXPECT_NE(track.name().substr(0, 5 + 1),
              "CPU " + std::to_string(event.debug_annotations(0).uint_value()) + " ");
    EXPECT_NE(run.file.strings[event.debug_annotations(1).string_value_iid()], "");
  }
  EXPECT_EQ(of_tasks,
            static_cast<size_t>(std::count_if(
                run.operations.begin(), run.operations.end(),
                [](const OperationEnd& each) { return each.priority == Priority::kTask; })));
  uint64_t contentions = 0;
  for (const LockStats& lock : run.result.locks()) contentions += lock.contentions();
  EXPECT_LE(waits, contentions);
  EXPECT_GT(waits, 0u);
}

TEST_P(TimelineRecorderTest, CountersAreTheReportsSamples) {
  Recorded run = Record("linux-7.3-slub-c4n2-fs.slt", GetParam(), {});
  std::map<std::string, std::map<uint64_t, int64_t>> counters;
  for (const auto& [time, event] : run.file.events) {
    if (event.type() != TrackEvent::TYPE_COUNTER) continue;
    counters[run.file.TrackName(event.track_uuid())][time] = event.counter_value();
  }
  for (const FootprintSample& sample : run.result.footprint()) {
    const uint64_t at = sample.time_ns();
    EXPECT_EQ(counters["slabs"][at], static_cast<int64_t>(sample.slab_bytes()));
    EXPECT_EQ(counters["slabs: how many"][at], static_cast<int64_t>(sample.slabs()));
    EXPECT_EQ(counters["asked for"][at], static_cast<int64_t>(AskedInSlabs(sample)));
    EXPECT_EQ(counters["free slots"][at], static_cast<int64_t>(sample.free_bytes()));
    EXPECT_GT(sample.layers_size(), 0);
    for (const LayerSample& layer : sample.layers()) {
      EXPECT_EQ(counters[layer.layer() + ": how many"][at], static_cast<int64_t>(layer.holders()));
      EXPECT_EQ(counters[layer.layer() + ": objects"][at], static_cast<int64_t>(layer.objects()));
    }
  }
  EXPECT_EQ(counters["slabs"].size(), static_cast<size_t>(run.result.footprint_size()));
}

TEST_P(TimelineRecorderTest, AWindowHasWhatBeginsInIt) {
  const Recorded whole = Record("linux-7.3-slub-c4n2-fs.slt", GetParam(), {});
  const Nanos middle = whole.result.totals().trace_duration_ns() / 16;
  const Recorded early =
      Record("linux-7.3-slub-c4n2-fs.slt", GetParam(), {.from = 0, .to = middle});
  const Recorded late = Record("linux-7.3-slub-c4n2-fs.slt", GetParam(),
                               {.from = middle, .to = std::numeric_limits<Nanos>::max()});
  EXPECT_EQ(early.slices + late.slices, whole.slices);
  EXPECT_GT(early.slices, 0u);
  EXPECT_GT(late.slices, 0u);
}

INSTANTIATE_TEST_SUITE_P(Models, TimelineRecorderTest,
                         ::testing::Values("slub-6.12", "slub-7.3", "slab"), [](const auto& info) {
                           std::string name = info.param;
                           std::replace_if(
                               name.begin(), name.end(), [](char c) { return !isalnum(c); }, '_');
                           return name;
                         });

}  // namespace
}  // namespace slablab
