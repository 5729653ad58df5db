// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "reports/timeline.h"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "base/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reports/perfetto.pb.h"

namespace slablab {
namespace {

using ::testing::ElementsAre;

perfetto::Trace Written(Timeline& timeline) {
  std::string bytes;
  EXPECT_TRUE(timeline
                  .Write([&](const std::string& piece) {
                    bytes += piece;
                    return absl::OkStatus();
                  })
                  .ok());
  perfetto::Trace trace;
  EXPECT_TRUE(trace.ParseFromString(bytes));
  return trace;
}

// Slices as a viewer builds them: "NAME from-to depth", in the order in which they begin.
std::vector<std::string> Slices(const perfetto::Trace& trace) {
  std::map<uint64_t, std::string> names;
  std::map<uint64_t, std::vector<size_t>> open;
  std::map<uint64_t, uint64_t> last;
  struct Slice {
    std::string name;
    uint64_t from = 0;
    uint64_t to = 0;
    size_t depth = 0;
  };
  std::vector<Slice> slices;
  for (const perfetto::TracePacket& packet : trace.packet()) {
    for (const auto& name : packet.interned_data().event_names()) names[name.iid()] = name.name();
    if (!packet.has_track_event()) continue;
    const perfetto::TrackEvent& event = packet.track_event();
    const uint64_t track = event.track_uuid();
    EXPECT_GE(packet.timestamp(), last[track]);
    last[track] = packet.timestamp();
    if (event.type() == perfetto::TrackEvent::TYPE_SLICE_BEGIN) {
      EXPECT_TRUE(names.count(event.name_iid()));
      open[track].push_back(slices.size());
      slices.push_back({names[event.name_iid()], packet.timestamp(), 0, open[track].size()});
    } else if (event.type() == perfetto::TrackEvent::TYPE_SLICE_END) {
      if (open[track].empty()) {
        ADD_FAILURE() << "an end without a beginning";
        continue;
      }
      slices[open[track].back()].to = packet.timestamp();
      open[track].pop_back();
    }
  }
  for (const auto& [track, rest] : open) EXPECT_TRUE(rest.empty()) << track;
  std::vector<std::string> texts;
  for (const Slice& slice : slices) {
    texts.push_back(slice.name + " " + std::to_string(slice.from) + "-" + std::to_string(slice.to) +
                    " " + std::to_string(slice.depth));
  }
  return texts;
}

// An operation with an interrupt in it, one with a wait, and an empty one where the other ends.
//
//   cycles 1000    1100 1200      1300   1400     1500
//   CPU 0  [alloc ------[tick]---------][free [wait]--][empty]
TEST(TimelineTest, SlicesNestAsTheyWere) {
  Timeline timeline({.name = "slub on m", .clock_mhz = 2000, .tracks = {"CPU 0", "CPU 1"}});
  timeline.set_start(1000);
  using Category = Timeline::Category;
  timeline.AddSlice(Category::kInterrupt, timeline.Intern("before"),
                    {.cpu = 0, .from = 900, .to = 950});
  timeline.AddSlice(Category::kInterrupt, timeline.Intern("tick"),
                    {.cpu = 0, .from = 1100, .to = 1200});
  timeline.AddSlice(Category::kAllocation, timeline.Intern("alloc"),
                    {.cpu = 0, .from = 1000, .to = 1300});
  timeline.AddSlice(Category::kLockWait, timeline.Intern("wait"),
                    {.cpu = 0, .from = 1400, .to = 1450});
  timeline.AddSlice(Category::kFree, timeline.Intern("free"), {.cpu = 0, .from = 1300, .to = 1500});
  timeline.AddSlice(Category::kFree, timeline.Intern("empty"),
                    {.cpu = 0, .from = 1500, .to = 1500});
  timeline.AddSlice(Category::kAllocation, timeline.Intern("alloc"),
                    {.cpu = 1, .from = 1002, .to = 1004});
  EXPECT_THAT(Slices(Written(timeline)),
              ElementsAre("alloc 0-150 1", "tick 50-100 2", "free 150-250 1", "wait 200-225 2",
                          "empty 250-250 1", "alloc 1-2 1"));
}

TEST(TimelineTest, TracksCountersAndInstantsAreThere) {
  Timeline timeline({.name = "slub on m", .clock_mhz = 1000, .tracks = {"CPU 0", "CPU 1"}});
  timeline.AddInstant(Timeline::Category::kHotplug, timeline.Intern("off line"), 1, 500);
  timeline.AddNote("LOST: 5 events");
  timeline.AddSample("slabs", "bytes", {.time_ns = 0, .value = 4096});
  timeline.AddSample("slabs", "bytes", {.time_ns = 10, .value = 8192});
  const perfetto::Trace trace = Written(timeline);
  std::vector<std::string> tracks;
  std::vector<int64_t> bytes;
  int instants = 0;
  for (const perfetto::TracePacket& packet : trace.packet()) {
    if (packet.has_track_descriptor()) {
      const perfetto::TrackDescriptor& track = packet.track_descriptor();
      tracks.push_back(track.has_process() ? track.process().process_name() : track.name());
    }
    const perfetto::TrackEvent& event = packet.track_event();
    if (event.type() == perfetto::TrackEvent::TYPE_COUNTER) bytes.push_back(event.counter_value());
    instants += event.type() == perfetto::TrackEvent::TYPE_INSTANT ? 1 : 0;
  }
  EXPECT_THAT(tracks, ElementsAre("slub on m", "about this run", "slabs", "CPU 1"));
  EXPECT_THAT(bytes, ElementsAre(4096, 8192));
  EXPECT_EQ(instants, 2);  // one of them the note
}

// Random nests, handed over in random order: as many slices come out, at the depths they had.
TEST(TimelineTest, AnyNestComesBackWhole) {
  Random random(3);
  for (int round = 0; round < 50; ++round) {
    Timeline timeline({.name = "n", .clock_mhz = 3000, .tracks = {"CPU 0"}});
    std::vector<Timeline::Span> spans;
    std::vector<Cycles> ends;
    Cycles now = 0;
    for (int i = 0; i < 200; ++i) {
      now += random.Below(20);
      while (!ends.empty() && ends.back() <= now) ends.pop_back();
      const Cycles room = ends.empty() ? 300 : ends.back() - now;
      if (room == 0) continue;
      const Cycles to = now + random.Below(room + 1);
      if (!spans.empty() && spans.back().from == now) continue;
      spans.push_back({.cpu = 0, .from = now, .to = to});
      ends.push_back(to);
    }
    for (size_t i = spans.size(); i > 1; --i) std::swap(spans[i - 1], spans[random.Below(i)]);
    for (const Timeline::Span& span : spans) {
      timeline.AddSlice(Timeline::Category::kFree, timeline.Intern("s"), span);
    }
    EXPECT_EQ(Slices(Written(timeline)).size(), spans.size());
  }
}

// A task that seems to be on two CPUs at once has two tracks of its name; each is a row of slices.
TEST(TimelineTest, ATaskHasATrackWhereverItRuns) {
  Timeline timeline({.name = "n", .clock_mhz = 1000, .tracks = {"CPU 0", "CPU 1"}});
  const Timeline::Text slice = timeline.Intern("s");
  timeline.AddTaskSlice(7, "7 cat", slice, {.cpu = 0, .from = 10, .to = 30});
  timeline.AddTaskSlice(7, "7 cat", slice, {.cpu = 1, .from = 20, .to = 40});
  timeline.AddTaskSlice(7, "7 cat", slice, {.cpu = 0, .from = 30, .to = 50});
  timeline.AddTaskSlice(5, "5 ls", slice, {.cpu = 1, .from = 40, .to = 45});
  const perfetto::Trace trace = Written(timeline);
  EXPECT_THAT(Slices(trace), ElementsAre("s 40-45 1", "s 10-30 1", "s 30-50 1", "s 20-40 1"));
  std::vector<std::string> tracks;
  for (const perfetto::TracePacket& packet : trace.packet()) {
    if (packet.track_descriptor().has_name()) tracks.push_back(packet.track_descriptor().name());
  }
  EXPECT_THAT(tracks, ElementsAre("tasks", "5 ls", "7 cat", "7 cat"));
}

TEST(TimelineTest, ArgumentsAndFlowsAreTheSlices) {
  Timeline timeline({.name = "n", .clock_mhz = 1000, .tracks = {"CPU 0"}});
  using Kind = Timeline::Argument::Kind;
  const std::vector<Timeline::Argument> arguments = {
      {.kind = Kind::kAddress, .name = timeline.Intern("object"), .value = 64},
      {.kind = Kind::kText,
       .name = timeline.Intern("cache"),
       .value = static_cast<uint64_t>(timeline.Intern("dentry"))},
      {.kind = Kind::kCycles, .name = timeline.Intern("code"), .value = 3},
      {.kind = Kind::kCycles, .name = timeline.Intern("DRAM"), .value = 4}};
  timeline.AddSlice(Timeline::Category::kAllocation, timeline.Intern("alloc"),
                    {.cpu = 0, .from = 0, .to = 7}, arguments, {.id = 9, .ends = false});
  timeline.AddSlice(Timeline::Category::kFree, timeline.Intern("free"),
                    {.cpu = 0, .from = 8, .to = 9}, {}, {.id = 9, .ends = true});
  const perfetto::Trace trace = Written(timeline);
  std::map<uint64_t, std::string> names;
  std::map<uint64_t, std::string> strings;
  std::vector<perfetto::TrackEvent> begins;
  for (const perfetto::TracePacket& packet : trace.packet()) {
    for (const auto& name : packet.interned_data().debug_annotation_names()) {
      names[name.iid()] = name.name();
    }
    for (const auto& value : packet.interned_data().debug_annotation_string_values()) {
      strings[value.iid()] = value.name();
    }
    if (packet.track_event().type() == perfetto::TrackEvent::TYPE_SLICE_BEGIN) {
      begins.push_back(packet.track_event());
    }
  }
  ASSERT_EQ(begins.size(), 2u);
  EXPECT_THAT(begins[0].flow_ids(), ElementsAre(9));
  EXPECT_THAT(begins[1].terminating_flow_ids(), ElementsAre(9));
  ASSERT_EQ(begins[0].debug_annotations_size(), 3);
  EXPECT_EQ(names[begins[0].debug_annotations(0).name_iid()], "object");
  EXPECT_EQ(begins[0].debug_annotations(0).pointer_value(), 64u);
  EXPECT_EQ(strings[begins[0].debug_annotations(1).string_value_iid()], "dentry");
  const perfetto::DebugAnnotation& cycles = begins[0].debug_annotations(2);
  EXPECT_EQ(names[cycles.name_iid()], "cycles");
  ASSERT_EQ(cycles.dict_entries_size(), 2);
  EXPECT_EQ(names[cycles.dict_entries(1).name_iid()], "DRAM");
  EXPECT_EQ(cycles.dict_entries(1).uint_value(), 4u);
}

TEST(TimelineTest, AnErrorOfTheSinkIsTheAnswer) {
  Timeline timeline({.name = "n", .clock_mhz = 1, .tracks = {"CPU 0"}});
  EXPECT_EQ(timeline.Write([](const std::string&) { return absl::UnavailableError("full"); }),
            absl::UnavailableError("full"));
}

}  // namespace
}  // namespace slablab
