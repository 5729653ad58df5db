// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Statistics as perf kmem stat makes them: of one recording, every row that perf printed.

#include "traces/stat.h"

#include <map>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "base/gz_input.h"
#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/traces/recording_text.h"

namespace slablab {
namespace {

using ::testing::ElementsAre;

// Allocated, requested, hits, ping-pongs.
using Figures = std::vector<uint64_t>;
using Table = std::multimap<std::string, Figures>;

// What `perf kmem --caller --alloc stat` printed of the recording.
struct PerfOutput {
  Table by_caller, by_pointer;
  std::map<std::string, std::string> summary;
};

PerfOutput ReadPerfOutput() {
  PerfOutput output;
  const absl::StatusOr<std::string> text = ReadWholeFile(DataPath("perf-kmem-stat-6.18.txt.gz"));
  EXPECT_TRUE(text.ok());
  Table* table = nullptr;
  for (const absl::string_view line : absl::StrSplit(*text, '\n')) {
    const std::vector<std::string> columns = absl::StrSplit(line, '|');
    if (columns.size() != 6) {
      const std::vector<std::string> pair = absl::StrSplit(line, absl::MaxSplits(':', 1));
      if (pair.size() == 2) {
        output.summary[pair[0]] = std::string(absl::StripAsciiWhitespace(pair[1]));
      }
      continue;
    }
    std::string label(absl::StripAsciiWhitespace(columns[0]));
    if (label == "Callsite" || label == "Alloc Ptr") {
      table = label == "Callsite" ? &output.by_caller : &output.by_pointer;
      continue;
    }
    // perf writes func+1f where we write func+0x1f.
    const size_t plus = label.rfind('+');
    if (plus != std::string::npos) label.insert(plus + 1, "0x");
    Figures figures;
    for (const int column : {1, 2, 3, 4}) {
      const std::vector<std::string> parts = absl::StrSplit(columns[column], '/');
      uint64_t number = 0;
      EXPECT_TRUE(absl::SimpleAtoi(parts[0], &number)) << line;
      figures.push_back(number);
    }
    table->emplace(label, figures);
  }
  return output;
}

Table TableOf(const std::vector<StatRow>& rows) {
  Table table;
  for (const StatRow& row : rows) {
    table.emplace(row.label,
                  Figures{row.bytes_allocated, row.bytes_requested, row.hits, row.pingpongs});
  }
  return table;
}

TEST(StatTest, EveryFigureOfPerfKmemStatAgrees) {
  const PerfOutput perf = ReadPerfOutput();
  const Imported trace =
      ImportPath(DataPath("perf-script-6.18.txt.gz"), {.keep_allocator_internal = true});
  ASSERT_TRUE(trace.status.ok()) << trace.status.message();
  ASSERT_GT(trace.Repaired("inferred-free"), 0);  // which must not count
  AllocationStat stat({});
  for (const Event& event : trace.events) stat.Add(event);
  const StatTotals& totals = stat.totals();
  EXPECT_EQ(std::to_string(totals.bytes_requested), perf.summary.at("Total bytes requested"));
  EXPECT_EQ(std::to_string(totals.bytes_allocated), perf.summary.at("Total bytes allocated"));
  EXPECT_EQ(std::to_string(totals.bytes_freed), perf.summary.at("Total bytes freed"));
  EXPECT_EQ(fmt::format("{}/{}", totals.cross_node_allocations, totals.allocations),
            perf.summary.at("Cross CPU allocations"));
  StatRow all;
  all.bytes_allocated = totals.bytes_allocated;
  all.bytes_requested = totals.bytes_requested;
  EXPECT_EQ(fmt::format("{:.6f}%", all.FragmentationPercent()),
            perf.summary.at("Internal fragmentation"));
  const StatOrder order = *ParseStatOrder("frag,hit,bytes");
  ASSERT_GT(perf.by_caller.size(), 70);
  ASSERT_GT(perf.by_pointer.size(), 1500);
  EXPECT_EQ(TableOf(stat.ByCaller(trace.header, order)), perf.by_caller);
  EXPECT_EQ(TableOf(stat.ByPointer(order)), perf.by_pointer);
}

TEST(StatTest, WhatImportLeftOutIsInTheTotals) {
  const Imported trace = ImportPath(DataPath("perf-script-6.18.txt.gz"));
  AllocationStat stat({});
  for (const Event& event : trace.events) stat.Add(event);
  const StatTotals left_out = LeftOutTotals(trace.header);
  const PerfOutput perf = ReadPerfOutput();
  EXPECT_GT(left_out.allocations, 0);
  EXPECT_EQ(std::to_string(stat.totals().bytes_requested + left_out.bytes_requested),
            perf.summary.at("Total bytes requested"));
  EXPECT_EQ(std::to_string(stat.totals().bytes_allocated + left_out.bytes_allocated),
            perf.summary.at("Total bytes allocated"));
  EXPECT_EQ(std::to_string(stat.totals().bytes_freed + left_out.bytes_freed),
            perf.summary.at("Total bytes freed"));
}

Event Alloc(uint64_t address, int cpu, int node = -1) {
  Event event;
  event.kind = EventKind::kKmalloc;
  event.object = 1;
  event.address = address;
  event.bytes_req = 60;
  event.bytes_alloc = 64;
  event.cpu = static_cast<uint16_t>(cpu);
  event.node = static_cast<int16_t>(node);
  return event;
}

Event Free(uint64_t address, int cpu) {
  Event event;
  event.kind = EventKind::kKfree;
  event.object = 1;
  event.address = address;
  event.cpu = static_cast<uint16_t>(cpu);
  return event;
}

TEST(StatTest, CrossNodeAllocationsAskForAnotherNodeThanTheirCpus) {
  AllocationStat stat({0, 0, 1, 1});
  stat.Add(Alloc(0x1000, 0));
  stat.Add(Alloc(0x2000, 0, 0));
  stat.Add(Alloc(0x3000, 0, 1));
  stat.Add(Alloc(0x4000, 3, 1));
  stat.Add(Alloc(0x5000, 3, 0));
  EXPECT_EQ(stat.totals().allocations, 5);
  EXPECT_EQ(stat.totals().cross_node_allocations, 2);
}

TEST(StatTest, PingPongIsAFreeElsewhereOrOfTheFreed) {
  AllocationStat stat({});
  stat.Add(Alloc(0x1000, 0));
  stat.Add(Free(0x1000, 0));  // at home
  stat.Add(Free(0x1000, 0));  // freed already, as perf counts
  stat.Add(Alloc(0x1000, 0));
  stat.Add(Free(0x1000, 1));  // elsewhere
  stat.Add(Free(0x9000, 1));  // never allocated: nothing
  const std::vector<StatRow> rows = stat.ByPointer({StatKey::kHits});
  ASSERT_EQ(rows.size(), 1);
  EXPECT_EQ(rows[0].pingpongs, 2);
  EXPECT_EQ(stat.totals().bytes_freed, 3 * 64);
  EXPECT_EQ(stat.totals().remote_frees, 1);
  EXPECT_EQ(stat.totals().known_frees, 2);
}

TEST(StatTest, RowsAreSortedByTheKeysInTurn) {
  AllocationStat stat({});
  stat.Add(Alloc(0x1000, 0));
  stat.Add(Alloc(0x2000, 0));
  stat.Add(Alloc(0x2000, 0));
  Event wasteful = Alloc(0x3000, 0);
  wasteful.bytes_req = 30;
  stat.Add(wasteful);
  const auto labels = [&](std::string_view keys) {
    std::vector<std::string> names;
    for (const StatRow& row : stat.ByPointer(*ParseStatOrder(keys))) names.push_back(row.label);
    return names;
  };
  EXPECT_THAT(labels("frag,hit,bytes"), ElementsAre("0x3000", "0x2000", "0x1000"));
  EXPECT_THAT(labels("hit,frag"), ElementsAre("0x2000", "0x3000", "0x1000"));
  EXPECT_THAT(labels("ptr"), ElementsAre("0x3000", "0x2000", "0x1000"));
  EXPECT_THAT(labels("pingpong"), ElementsAre("0x1000", "0x2000", "0x3000"));
  EXPECT_FALSE(ParseStatOrder("frag,size").ok());
}

}  // namespace
}  // namespace slablab
