// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// An .slt file gives back what was put in, for any selection; and the writer keeps its contract.

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/test_files.h"
#include "tests/traces/random_trace.h"
#include "traces/slt/trace.h"

namespace slablab {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

// What a caller does not set.
TraceHeader WithoutCounts(TraceHeader header) {
  const TraceHeader none;
  header.event_count = none.event_count;
  header.events_by_kind = none.events_by_kind;
  header.lost_events = none.lost_events;
  header.lost_unknown = none.lost_unknown;
  header.object_count = none.object_count;
  header.time_first = none.time_first;
  header.time_last = none.time_last;
  header.events_digest = none.events_digest;
  return header;
}

TEST(SltTest, EveryEventAndTheHeaderComeBack) {
  for (const bool wild : {false, true}) {
    for (const int events : {0, 1, 2, 63, 64, 65, 5000}) {
      for (const int events_per_block : {1, 64, 1000, 65536}) {
        if (events == 5000 && events_per_block == 1) continue;
        const auto seed = static_cast<uint64_t>(events + events_per_block);
        const Trace trace = RandomTrace({.seed = seed, .events = events, .wild = wild});
        const auto bytes =
            WriteToString(trace, {.events_per_block = events_per_block, .zstd_level = 3});
        ASSERT_TRUE(bytes.ok()) << bytes.status();
        const auto back = ReadFromString(*bytes);
        ASSERT_TRUE(back.ok()) << back.status();
        ASSERT_EQ(back->events, trace.events);
        ASSERT_EQ(WithoutCounts(back->header), trace.header);
      }
    }
  }
}

TEST(SltTest, ThousandsOfCpusAndOfShapesComeBack) {
  const Trace trace = RandomTrace({.seed = 5, .events = 70000, .cpus = kMaxCpus, .wild = true});
  const auto bytes = WriteToString(trace, {.events_per_block = 65536, .zstd_level = 1});
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  const auto back = ReadFromString(*bytes);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->events, trace.events);
}

TEST(SltTest, TheHeaderCountsTheEvents) {
  const Trace trace = RandomTrace({.seed = 2, .events = 700});
  const auto back = ReadFromString(*WriteToString(trace, {.events_per_block = 100}));
  ASSERT_TRUE(back.ok()) << back.status();
  std::array<uint64_t, kEventKinds> by_kind = {};
  uint64_t lost = 0;
  uint64_t unnumbered = 0;
  uint64_t objects = 0;
  EventsDigest digest;
  for (const Event& event : trace.events) {
    ++by_kind[static_cast<size_t>(event.kind)];
    if (event.kind == EventKind::kLost) lost += event.bytes_req;
    if (event.kind == EventKind::kLost && event.bytes_req == 0) ++unnumbered;
    objects = std::max(objects, event.object);
    digest.Add(event);
  }
  EXPECT_GT(lost, 0u);
  EXPECT_EQ(back->header.event_count, 700u);
  EXPECT_EQ(back->header.events_by_kind, by_kind);
  EXPECT_EQ(back->header.lost_events, lost);
  EXPECT_EQ(back->header.lost_unknown, unnumbered);
  EXPECT_EQ(back->header.object_count, objects);
  EXPECT_EQ(back->header.time_first, trace.events.front().time);
  EXPECT_EQ(back->header.time_last, trace.events.back().time);
  EXPECT_EQ(back->header.events_digest, digest.value());
}

// A loss without a number is one whose size is not known, but for those that a recorder's own count
// covers.
TEST(SltTest, LossesWithoutANumberAreCountedApart) {
  Trace trace = RandomTrace({.seed = 2, .events = 0});
  for (const uint32_t lost : {0u, 12u, 0u, 0u}) {
    Event event;
    event.kind = EventKind::kLost;
    event.bytes_req = lost;
    trace.events.push_back(event);
  }
  trace.header.cpu_count = std::max(trace.header.cpu_count, 1);
  for (const uint64_t covered : {0u, 2u, 5u}) {
    trace.header.lost_covered = covered;
    const auto back = ReadFromString(*WriteToString(trace, {}));
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(back->header.lost_events, 12u);
    EXPECT_EQ(back->header.lost_unknown, covered == 0 ? 3u : covered == 2 ? 1u : 0u);
    EXPECT_TRUE(back->header.lost_any());
  }
}

TEST(SltTest, TheSameEventsMakeTheSameBytes) {
  const Trace trace = RandomTrace({.seed = 3, .events = 900});
  EXPECT_EQ(*WriteToString(trace, {}), *WriteToString(trace, {}));
}

TEST(SltTest, TheDigestIsOfTheEventsNotOfTheBlocking) {
  Trace trace = RandomTrace({.seed = 3, .events = 900});
  const uint64_t digest = ReadFromString(*WriteToString(trace, {}))->header.events_digest;
  const auto other = WriteToString(trace, {.events_per_block = 10, .zstd_level = 1});
  EXPECT_EQ(ReadFromString(*other)->header.events_digest, digest);
  trace.events[450].migratetype ^= 1;
  EXPECT_NE(ReadFromString(*WriteToString(trace, {}))->header.events_digest, digest);
}

TEST(SltTest, AnySelectionIsWhatFilteringEverythingGives) {
  Trace trace = RandomTrace({.seed = 4, .events = 2000, .cpus = 6});
  // What any CPU may have lost is of every selection, in whichever block it is.
  size_t of_any_cpu = 0;
  for (size_t i = 0; i < trace.events.size(); ++i) {
    Event& event = trace.events[i];
    if (event.kind != EventKind::kLost || i % 2 != 0) continue;
    event.inferred = true;
    of_any_cpu += i > 1000;
  }
  ASSERT_GT(of_any_cpu, 0u);
  const std::string bytes = *WriteToString(trace, {.events_per_block = 8, .zstd_level = 1});
  const Nanos first = trace.events.front().time;
  const Nanos last = trace.events.back().time;
  const Nanos middle = trace.events[1000].time;
  const std::vector<std::pair<Nanos, Nanos>> ranges = {
      {0, ~Nanos{0}},       {first, last},    {middle, last + 1},    {0, middle},
      {middle, middle + 1}, {middle, middle}, {last + 1, ~Nanos{0}}, {last, first}};
  const std::vector<std::vector<CpuId>> cpu_lists = {
      {}, {CpuId(0)}, {CpuId(5), CpuId(2)}, {CpuId(6)}, {CpuId(-1)}};
  for (const auto& [from, to] : ranges) {
    for (const std::vector<CpuId>& cpus : cpu_lists) {
      std::vector<Event> expected;
      for (const Event& event : trace.events) {
        const bool on_cpu = cpus.empty() || IsOfUnknownCpu(event) ||
                            std::count(cpus.begin(), cpus.end(), CpuId(event.cpu)) > 0;
        if (event.time >= from && event.time < to && on_cpu) expected.push_back(event);
      }
      const auto back = ReadFromString(bytes, {.from = from, .to = to, .cpus = cpus});
      ASSERT_TRUE(back.ok()) << back.status();
      ASSERT_EQ(back->events, expected) << from << " " << to << " " << cpus.size();
      ASSERT_EQ(back->header.event_count, trace.events.size());
    }
  }
}

TEST(SltTest, BlocksAreCountedAsTheirEventsAre) {
  for (const bool wild : {false, true}) {
    const Trace trace = RandomTrace({.seed = 5, .events = 700, .cpus = 5, .wild = wild});
    const std::string bytes = *WriteToString(trace, {.events_per_block = 128, .zstd_level = 1});
    const auto reader = TraceReader::FromMemory("counted.slt", bytes, {});
    ASSERT_TRUE(reader.ok()) << reader.status();
    for (size_t number = 0; number < (*reader)->blocks().size(); ++number) {
      const TraceBlock& block = (*reader)->blocks()[number];
      for (const uint64_t events_max : {uint64_t{0}, uint64_t{1}, uint64_t{50}, ~uint64_t{0}}) {
        const auto alike = (*reader)->CountBlock(number, events_max);
        ASSERT_TRUE(alike.ok()) << alike.status();
        const auto begin = trace.events.begin() + static_cast<int64_t>(block.event_first);
        const auto end =
            begin + static_cast<int64_t>(std::min<uint64_t>(block.event_count, events_max));
        uint64_t counted = 0;
        for (const AlikeEvents& some : *alike) {
          counted += some.count;
          const auto is_alike = [&some](Event event) {
            const bool has_object = event.object != kNoTraceObject;
            event.time = 0;
            event.cpu = 0;
            event.pid = 0;
            event.object = kNoTraceObject;
            event.address = 0;
            return event == some.event && has_object == some.has_object;
          };
          // Other shapes may differ in how their object or address is found alone.
          ASSERT_LE(some.count, static_cast<uint64_t>(std::count_if(begin, end, is_alike)));
          ASSERT_GT(some.count, 0u);
        }
        ASSERT_EQ(counted, static_cast<uint64_t>(end - begin));
      }
    }
  }
}

TEST(SltTest, ASelectionDoesNotReadBlocksWithoutIt) {
  const Trace trace = RandomTrace({.seed = 4, .events = 1000});
  std::string bytes = *WriteToString(trace, {.events_per_block = 100, .zstd_level = 1});
  const auto blocks = (*TraceReader::FromMemory("t.slt", bytes, {}))->blocks();
  ASSERT_EQ(blocks.size(), 10u);
  bytes[blocks[2].offset + 30] ^= 1;
  EXPECT_FALSE(ReadFromString(bytes).ok());
  EXPECT_TRUE(ReadFromString(bytes, {.from = blocks[2].time_last + 1}).ok());
  EXPECT_TRUE(ReadFromString(bytes, {.to = blocks[2].time_first}).ok());
}

TEST(SltTest, RewindStartsAgain) {
  const Trace trace = RandomTrace({.seed = 6, .events = 300});
  auto reader = *TraceReader::FromMemory(
      "t.slt", *WriteToString(trace, {.events_per_block = 100, .zstd_level = 1}), {});
  std::vector<Event> events(300);
  ASSERT_EQ(*reader->Read(absl::MakeSpan(events).subspan(0, 150)), 150u);
  reader->Rewind();
  ASSERT_EQ(*reader->Read(absl::MakeSpan(events)), 300u);
  EXPECT_EQ(events, trace.events);
  EXPECT_EQ(*reader->Read(absl::MakeSpan(events)), 0u);
}

// Folder, writer with a header for `cpus` CPUs, and what is in the folder.
class WriterTest : public FolderTest {
 protected:
  std::unique_ptr<TraceWriter> NewWriter() {
    auto writer = TraceWriter::Create(path_, {.events_per_block = 2, .zstd_level = 1});
    EXPECT_TRUE(writer.ok()) << writer.status();
    (*writer)->header().cpu_count = 2;
    return *std::move(writer);
  }
  int FilesInFolder() const {
    return static_cast<int>(
        std::distance(fs::directory_iterator(folder()), fs::directory_iterator()));
  }

  const std::string path_ = Path("t.slt");
};

TEST_F(WriterTest, NothingAppearsBeforeFinish) {
  WriteContents(path_, "as it was");
  auto writer = NewWriter();
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(writer->Append(Event()).ok());
  EXPECT_EQ(Contents(path_), "as it was");
  ASSERT_TRUE(writer->Finish().ok());
  EXPECT_NE(Contents(path_), "as it was");
  EXPECT_EQ(FilesInFolder(), 1);
}

TEST_F(WriterTest, AWriterThatIsDroppedLeavesNothing) {
  { ASSERT_TRUE(NewWriter()->Append(Event()).ok()); }
  EXPECT_EQ(FilesInFolder(), 0);
}

TEST_F(WriterTest, ALinkIsFollowedAndPermissionsStay) {
  WriteContents(Path("real.slt"), "as it was");
  chmod(Path("real.slt").c_str(), 0640);
  fs::create_symlink("real.slt", path_);
  ASSERT_TRUE(NewWriter()->Finish().ok());
  EXPECT_TRUE(fs::is_symlink(path_));
  struct stat status;
  ASSERT_EQ(stat(Path("real.slt").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0640u);
  EXPECT_TRUE(TraceReader::Open(path_, {}).ok());
}

TEST_F(WriterTest, PlacesThatCannotBeWrittenAreNamed) {
  EXPECT_THAT(std::string(TraceWriter::Create(Path("none/t.slt"), {}).status().message()),
              AllOf(HasSubstr("cannot create "), HasSubstr("/none/t.slt: No such file")));
  EXPECT_THAT(std::string(TraceWriter::Create(folder(), {}).status().message()),
              HasSubstr("Is a directory"));
}

TEST_F(WriterTest, EventsOutOfOrderAreRefusedByNumber) {
  Event event;
  event.time = 10;
  auto writer = NewWriter();
  ASSERT_TRUE(writer->Append(event).ok());
  event.time = 9;
  EXPECT_THAT(std::string(writer->Append(event).message()), HasSubstr("event 1: time 9 is before"));
}

TEST_F(WriterTest, ObjectsThatSkipANumberAreRefused) {
  Event event;
  event.object = 2;
  EXPECT_THAT(std::string(NewWriter()->Append(event).message()),
              HasSubstr("event 0: object 2 is new, but the next new object is 1"));
}

TEST_F(WriterTest, IndicesThatTheHeaderDoesNotHaveAreRefused) {
  Event event;
  event.cpu = 2;
  auto writer = NewWriter();
  ASSERT_TRUE(writer->Append(event).ok());
  EXPECT_THAT(std::string(writer->Finish().message()), HasSubstr("CPU 2 is not among the 2"));
  event = Event();
  event.call_site = 1;
  writer = NewWriter();
  ASSERT_TRUE(writer->Append(event).ok());
  EXPECT_THAT(std::string(writer->Finish().message()), HasSubstr("call site 1 is not in"));
  EXPECT_EQ(FilesInFolder(), 0);
}

TEST_F(WriterTest, SidecarsAndTablesMayComeWhileStreaming) {
  auto writer = NewWriter();
  writer->header().sidecars.push_back({"nodes", "0-1 0\n"});
  for (int i = 0; i < 5; ++i) {
    Event event;
    event.call_site = static_cast<uint32_t>(i);
    ASSERT_TRUE(writer->Append(event).ok());
    writer->header().call_sites.push_back("site" + std::to_string(i + 1));
  }
  writer->header().sidecars.push_back({"slabinfo.after", "much"});
  ASSERT_TRUE(writer->Finish().ok());
  const auto reader = TraceReader::Open(path_, {});
  ASSERT_TRUE(reader.ok()) << reader.status();
  const TraceHeader& header = (*reader)->header();
  EXPECT_EQ(header.call_sites[5], "site5");
  ASSERT_NE(header.FindSidecar("slabinfo.after"), nullptr);
  EXPECT_EQ(header.FindSidecar("slabinfo.after")->contents, "much");
  EXPECT_EQ(header.FindSidecar("nodes")->contents, "0-1 0\n");
  EXPECT_EQ(header.FindSidecar("lstopo.xml"), nullptr);
}

}  // namespace
}  // namespace slablab
