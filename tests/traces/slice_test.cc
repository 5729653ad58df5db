// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Cutting a trace out of a trace.

#include "traces/slice.h"

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/test_files.h"
#include "tests/traces/random_trace.h"
#include "traces/slt/trace.h"
#include "traces/validate.h"

namespace slablab {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

class SliceTest : public FolderTest {
 protected:
  void SetUp() override {
    whole_ = RandomTrace({.seed = 21, .events = 3000});
    WriteContents(Path("whole.slt"), *WriteToString(whole_, {.events_per_block = 200}));
  }

  Trace Slice(const TraceReader::Options& selection, SliceSummary* summary) {
    const auto result = SliceTrace(Path("whole.slt"), selection, Path("part.slt"), {});
    EXPECT_TRUE(result.ok()) << result.status();
    if (result.ok()) *summary = *result;
    return *ReadFromString(Contents(Path("part.slt")));
  }

  Trace whole_;
};

std::vector<TraceReader::Options> Selections(const Trace& trace) {
  const Nanos early = trace.events[700].time;
  const Nanos late = trace.events[2100].time;
  return {
      {},
      {.from = early, .to = late},
      {.event_first = 450, .event_end = 1500},
      {.from = early, .event_end = 900},
      {.cpus = {CpuId(1)}},
      {.from = early, .cpus = {CpuId(0), CpuId(3)}},
      {.event_first = 2999},
  };
}

TEST_F(SliceTest, ASliceIsTheSelectionWithItsOwnObjectNumbers) {
  for (const TraceReader::Options& selection : Selections(whole_)) {
    SliceSummary summary;
    const Trace part = Slice(selection, &summary);
    const std::vector<Event> selected =
        ReadFromString(Contents(Path("whole.slt")), selection)->events;
    ASSERT_EQ(part.events.size(), selected.size());
    ASSERT_EQ(summary.events, selected.size());
    std::map<TraceObject, TraceObject> numbers;
    for (size_t i = 0; i < selected.size(); ++i) {
      Event expected = selected[i];
      if (expected.object != kNoTraceObject) {
        const auto [found, added] = numbers.emplace(expected.object, numbers.size() + 1);
        expected.object = found->second;
        if (added && Frees(expected.kind)) expected.predates_trace = true;
      }
      ASSERT_EQ(part.events[i], expected) << i;
    }
  }
}

TEST_F(SliceTest, EverySliceKeepsTheInvariants) {
  for (const TraceReader::Options& selection : Selections(whole_)) {
    SliceSummary summary;
    const Trace part = Slice(selection, &summary);
    TraceValidator validator(part.header, 5);
    for (const Event& event : part.events) validator.Check(event);
    validator.CheckHeader();
    for (const Violation& violation : validator.violations()) {
      ADD_FAILURE() << violation.event << ": " << violation.what;
    }
    EXPECT_EQ(validator.live_count(), summary.live_at_end);
  }
}

TEST_F(SliceTest, WhatIsLiveAtTheStartIsStated) {
  for (const uint64_t first : {0, 1, 199, 200, 201, 1000, 2999}) {
    uint64_t live = 0;
    for (uint64_t i = 0; i < first; ++i) {
      const Event& event = whole_.events[i];
      if (event.object == kNoTraceObject) continue;
      if (Allocates(event.kind)) ++live;
      if (Frees(event.kind) && !event.predates_trace) --live;
    }
    SliceSummary summary;
    const Trace part = Slice({.event_first = first}, &summary);
    EXPECT_EQ(summary.live_at_start, live) << first;
    EXPECT_THAT(
        part.header.assumptions.back(),
        AllOf(HasSubstr("of the 3000 events of t.dat, from event " + std::to_string(first) + " on"),
              HasSubstr(std::to_string(live) + " objects of the whole were live")));
  }
}

// One recording, whatever is cut from it, says one thing of what was lost: CPU 0 lost 34,243 before
// the first event, of which a notice without a number tells too, CPU 1 another 7,617, and any
// CPU 5.
TEST_F(SliceTest, LossesAreThoseOfTheSlicesCpus) {
  Trace trace = RandomTrace({.seed = 22, .events = 300, .cpus = 2});
  std::erase_if(trace.events, [](const Event& event) { return event.kind == EventKind::kLost; });
  const auto lost = [](Nanos time, uint16_t cpu, uint32_t events, bool of_any_cpu) {
    Event event;
    event.kind = EventKind::kLost;
    event.time = time;
    event.cpu = cpu;
    event.bytes_req = events;
    event.inferred = of_any_cpu;
    return event;
  };
  const Nanos first = trace.events.front().time;
  trace.events.insert(trace.events.begin(),
                      {lost(first, 0, 34'243, false), lost(first, 1, 7'617, false)});
  const Nanos later = trace.events[40].time;
  trace.events.insert(trace.events.begin() + 40,
                      {lost(later, 0, 0, false), lost(later, 0, 5, true)});
  trace.header.lost_untimed = 41'860;
  trace.header.lost_covered = 1;
  WriteContents(Path("whole.slt"), *WriteToString(trace, {.events_per_block = 200}));
  SliceSummary summary;
  const auto header = [&](const TraceReader::Options& selection) {
    return Slice(selection, &summary).header;
  };
  const auto said = [&](const TraceReader::Options& selection) {
    const TraceHeader slice = header(selection);
    return std::pair(slice.lost_events, slice.lost_unknown);
  };
  const auto whole = std::pair<uint64_t, uint64_t>(41'865, 0);
  EXPECT_EQ(said({}), whole);
  EXPECT_EQ(said({.cpus = {CpuId(0), CpuId(1)}}), whole);
  EXPECT_EQ(said({.event_end = trace.events.size()}), whole);
  EXPECT_EQ(said({.cpus = {CpuId(0)}}), (std::pair<uint64_t, uint64_t>(34'248, 0)));
  EXPECT_EQ(said({.cpus = {CpuId(1)}}), (std::pair<uint64_t, uint64_t>(7'622, 0)));
  // Behind the beginning nobody knows how many of them were lost.
  EXPECT_EQ(said({.event_first = 100}), (std::pair<uint64_t, uint64_t>(0, 1)));
}

TEST_F(SliceTest, TablesComeAlong) {
  SliceSummary summary;
  const Trace part = Slice({.event_first = 10, .event_end = 20}, &summary);
  EXPECT_EQ(part.header.call_sites, whole_.header.call_sites);
  EXPECT_EQ(part.header.caches, whole_.header.caches);
  EXPECT_EQ(part.header.node_of_cpu, whole_.header.node_of_cpu);
}

// Counters from before or after the whole recording say nothing of a part that begins or ends
// elsewhere; what holds at every moment stays.
TEST_F(SliceTest, SidecarsOfOtherMomentsAreLeftOut) {
  const auto moments = [this](const TraceReader::Options& selection) {
    SliceSummary summary;
    const Trace part = Slice(selection, &summary);
    std::string kept;
    for (const TraceSidecar& sidecar : part.header.sidecars) {
      const size_t dot = sidecar.name.find('.');
      kept += dot == std::string::npos ? "-" : sidecar.name.substr(dot);
    }
    return kept;
  };
  ASSERT_EQ(moments({}), ".before-");
  EXPECT_EQ(moments({.event_end = 20}), ".before-");
  EXPECT_EQ(moments({.event_first = 10}), "-");
  EXPECT_EQ(moments({.cpus = {CpuId(0)}}), "-");
}

TEST_F(SliceTest, ASelectionOfNothingIsAnErrorAndWritesNothing) {
  const auto result = SliceTrace(Path("whole.slt"), {.event_first = 3000}, Path("part.slt"), {});
  EXPECT_TRUE(absl::IsInvalidArgument(result.status()));
  EXPECT_THAT(std::string(result.status().message()), HasSubstr("the selection is of no event"));
  EXPECT_FALSE(fs::exists(Path("part.slt")));
}

TEST_F(SliceTest, ADamagedTraceIsMadeWholeBySalvagingIt) {
  std::string bytes = Contents(Path("whole.slt"));
  const auto blocks = (*TraceReader::FromMemory("t.slt", bytes, {}))->blocks();
  bytes[blocks[3].offset + 100] ^= 4;
  WriteContents(Path("whole.slt"), bytes);
  EXPECT_TRUE(absl::IsDataLoss(SliceTrace(Path("whole.slt"), {}, Path("part.slt"), {}).status()));
  SliceSummary summary;
  const Trace part = Slice({.salvage = true}, &summary);
  EXPECT_EQ(part.events.size(), 2800 + blocks[3].cpus.size());
  TraceValidator validator(part.header, 5);
  for (const Event& event : part.events) validator.Check(event);
  validator.CheckHeader();
  EXPECT_EQ(validator.violation_count(), 0u);
}

}  // namespace
}  // namespace slablab
