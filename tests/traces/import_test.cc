// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// The importers: one recording in every form gives the same events, and what is malformed is told
// with file and line.

#include "traces/import/readers/read_recording.h"

#include <algorithm>
#include <string>
#include <vector>

#include "base/gz_input.h"
#include "base/random.h"
#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/traces/recording_text.h"
#include "traces/import/repair/repair.h"
#include "traces/sidecar/sidecar.h"

namespace slablab {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Keeps what a reader delivers, with strings of its own.
class RawKeeper : public RawEventSink {
 public:
  absl::Status Append(const RawEvent& event) override {
    events.push_back(event);
    comms.emplace_back(event.comm);
    call_sites.emplace_back(event.call_site);
    gfps.emplace_back(event.gfp);
    caches.emplace_back(event.cache);
    return absl::OkStatus();
  }
  std::vector<RawEvent> events;
  std::vector<std::string> comms, call_sites, gfps, caches;
};

RawEvent WithoutStrings(RawEvent event) {
  event.comm = event.call_site = event.gfp = event.cache = {};
  return event;
}

RawKeeper ReadLine(const std::string& line, RecordingFormat format) {
  RawKeeper keeper;
  const absl::StatusOr<RecordingInfo> info =
      internal::ReadTextFrom(line, "text", format, /*lenient=*/false, keeper);
  EXPECT_TRUE(info.ok()) << info.status().message();
  EXPECT_EQ(keeper.events.size(), 1);
  return keeper;
}

TEST(ImportTest, ALineOfTraceCmdReport) {
  const RawKeeper got = ReadLine(
      "  kworker/2:0H-24    [002]     8.072849275: kmalloc:              (create_worker+0x63) "
      "call_site=create_worker+0x63 ptr=0xff11000020180780 bytes_req=160 bytes_alloc=192 "
      "gfp_flags=GFP_KERNEL|__GFP_ZERO node=1 accounted=false\n",
      RecordingFormat::kTraceCmdReport);
  RawEvent want;
  want.kind = EventKind::kKmalloc;
  want.cpu = 2;
  want.pid = 24;
  want.node = 1;
  want.time = 8072849275;
  want.address = 0xff11000020180780;
  want.bytes_req = 160;
  want.bytes_alloc = 192;
  EXPECT_EQ(WithoutStrings(got.events[0]), want);
  EXPECT_EQ(got.comms[0], "kworker/2:0H");
  EXPECT_EQ(got.call_sites[0], "create_worker+0x63");
  EXPECT_EQ(got.gfps[0], "GFP_KERNEL|__GFP_ZERO");
}

TEST(ImportTest, ALineOfTracefsTellsTheContext) {
  const auto context = [](const std::string& flags) {
    const RawKeeper got =
        ReadLine(fmt::format("   bash-7340    [001] {}   668.064179: kfree: "
                             "call_site=ida_alloc_range+0x39b/0x400 [ext4] ptr=00000000a9b3c1d2\n",
                             flags),
                 RecordingFormat::kTracefs);
    EXPECT_EQ(got.call_sites[0], "ida_alloc_range+0x39b");
    EXPECT_EQ(got.events[0].address, 0xa9b3c1d2);
    return std::pair(got.events[0].context, got.events[0].irqs_off);
  };
  EXPECT_EQ(context("....."), std::pair(Context::kTask, false));
  EXPECT_EQ(context("d..1."), std::pair(Context::kTask, true));
  EXPECT_EQ(context("b..1."), std::pair(Context::kTask, false));
  EXPECT_EQ(context(".Ns.."), std::pair(Context::kSoftirq, false));
  EXPECT_EQ(context("d.h1."), std::pair(Context::kHardirq, true));
  EXPECT_EQ(context("D.H1."), std::pair(Context::kHardirq, true));
  EXPECT_EQ(context("d.Z2."), std::pair(Context::kNmi, true));
}

TEST(ImportTest, ALineOfPerfScript) {
  for (const char* tail : {"", " ffffffff81635137 kmem_cache_alloc_noprof",
                           " ffffffff81635137 kmem_cache_alloc_noprof+0x7 ([kernel.kallsyms])"}) {
    const RawKeeper got = ReadLine(
        fmt::format("Web Content 14152/14153 [001]   748.993203456:      kmem:kmem_cache_alloc: "
                    "call_site=getname_flags.part.0+0x24 ptr=0xffff88810087a000 name=names cache "
                    "bytes_req=4096 bytes_alloc=4096 gfp_flags=GFP_KERNEL node=-1 "
                    "accounted=false{}\n",
                    tail),
        RecordingFormat::kPerfScript);
    EXPECT_EQ(got.comms[0], "Web Content");
    EXPECT_EQ(got.events[0].pid, 14153);
    EXPECT_EQ(got.events[0].time, 748993203456);
    EXPECT_EQ(got.caches[0], "names cache");
    EXPECT_EQ(got.events[0].bytes_req, 4096);
  }
  const RawKeeper free = ReadLine(
      "  sh     7 [000]     1.5: kmem:kmem_cache_free: call_site=f+0x2 ptr=0xffff888100879000 "
      "name=filp ffffffff8162d49f kmem_cache_free\n",
      RecordingFormat::kPerfScript);
  EXPECT_EQ(free.caches[0], "filp");
  EXPECT_EQ(free.events[0].time, 1'500'000'000);
}

TEST(ImportTest, OlderKernelsNodeEventsAreAllocations) {
  const RawKeeper got = ReadLine(
      "  sh-7  [000]  1.000001: kmem_cache_alloc_node: call_site=f+0x1 ptr=0xffff888100000040 "
      "bytes_req=184 bytes_alloc=192 gfp_flags=GFP_KERNEL node=3\n",
      RecordingFormat::kTraceCmdReport);
  EXPECT_EQ(got.events[0].kind, EventKind::kCacheAlloc);
  EXPECT_EQ(got.events[0].node, 3);
}

// --- One recording in five forms ---

// What survives in every form, one line an event.
std::vector<std::string> EssenceOf(const Imported& trace) {
  std::vector<std::string> lines = trace.Lines();
  for (size_t i = 0; i < lines.size(); ++i) {
    const Event& event = trace.events[i];
    // Without the time, which is in microseconds in some.
    lines[i] = fmt::format("{} pid {} node {} by {}", lines[i].substr(lines[i].find(' ')),
                           event.pid, event.node, trace.header.call_sites[event.call_site]);
  }
  return lines;
}

void ExpectSameEssence(const Imported& trace, const Imported& reference) {
  ASSERT_TRUE(trace.status.ok()) << trace.status.message();
  const std::vector<std::string> got = EssenceOf(trace);
  const std::vector<std::string> want = EssenceOf(reference);
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < want.size(); ++i) ASSERT_EQ(got[i], want[i]) << "event " << i;
}

TEST(ImportTest, OneRecordingGivesTheSameEventsInEveryForm) {
  const Imported dat = ImportPath(DataPath("recording-6.18.dat"));
  ASSERT_TRUE(dat.status.ok()) << dat.status.message();
  ASSERT_GT(dat.events.size(), 1400);
  EXPECT_EQ(dat.header.source_format, "trace.dat");
  EXPECT_EQ(dat.header.cpu_count, 2);
  EXPECT_EQ(dat.header.addresses, AddressKind::kReal);
  EXPECT_EQ(dat.header.direct_map_base, 0xffff888000000000);
  EXPECT_THAT(dat.header.kernel_release, HasSubstr("6.18"));
  EXPECT_GT(dat.Repaired("skipped-rss_stat"), 0);

  const Imported report = ImportPath(DataPath("recording-6.18.report-t.txt.gz"));
  ASSERT_TRUE(report.status.ok()) << report.status.message();
  ExpectSameEssence(report, dat);
  // Nanoseconds, addresses and gfp flags are the same too; only the context is missing.
  for (size_t i = 0; i < dat.events.size(); ++i) {
    ASSERT_EQ(report.events[i].time, dat.events[i].time) << i;
    ASSERT_EQ(report.events[i].address, dat.events[i].address) << i;
    ASSERT_EQ(report.header.gfp_flags[report.events[i].gfp],
              dat.header.gfp_flags[dat.events[i].gfp]);
  }
  EXPECT_TRUE(report.HasAssumption("does not tell interrupt context"));
  EXPECT_EQ(report.header.tasks.size(), dat.header.tasks.size());

  ExpectSameEssence(ImportPath(DataPath("recording-6.18.report.txt.gz")), dat);
  ExpectSameEssence(ImportPath(DataPath("recording-6.18.report-raw.txt.gz")), dat);

  const Imported tracefs = ImportPath(DataPath("recording-6.18.tracefs.txt.gz"));
  ASSERT_TRUE(tracefs.status.ok()) << tracefs.status.message();
  ExpectSameEssence(tracefs, dat);
  EXPECT_EQ(tracefs.header.addresses, AddressKind::kHashed);
  EXPECT_EQ(tracefs.header.direct_map_base, 0);
  EXPECT_TRUE(tracefs.HasAssumption("hashed"));
  EXPECT_TRUE(tracefs.HasAssumption("microseconds"));
  for (size_t i = 0; i < dat.events.size(); ++i) {
    ASSERT_EQ(tracefs.events[i].context, dat.events[i].context) << i;
    ASSERT_EQ(tracefs.events[i].irqs_off, dat.events[i].irqs_off) << i;
  }
}

TEST(ImportTest, EverySampleOfItsFormatIsDetectedAndRead) {
  const struct {
    const char* file;
    const char* format;
    size_t events;  // after repairs
  } kSamples[] = {
      {"trace-cmd-report-3.1.6-6.18.txt", "trace-cmd", 16},
      {"trace-cmd-report-raw-R.txt", "trace-cmd", 8},
      {"ftrace-tracefs-trace-6.18.txt", "tracefs", 16},
      {"perf-script-6.1-on-6.18.txt", "perf", 16},
      {"perf-script-F-ip-sym.txt", "perf", 4},
  };
  for (const auto& sample : kSamples) {
    const Imported trace = ImportPath(DataPath(sample.file));
    ASSERT_TRUE(trace.status.ok()) << trace.status.message();
    EXPECT_EQ(trace.header.source_format, sample.format) << sample.file;
    EXPECT_EQ(trace.events.size(), sample.events) << sample.file;
  }
}

TEST(ImportTest, EventsOfOtherKindsAreSkippedAndCountedByName) {
  const Imported trace = ImportPath(DataPath("ftrace-tracefs-trace-6.18.txt"));
  EXPECT_EQ(trace.Repaired("skipped-rss_stat"), 2);
  EXPECT_EQ(trace.Repaired("skipped-mm_page_pcpu_drain"), 2);
  EXPECT_EQ(trace.Repaired("skipped-mm_page_alloc_zone_locked"), 2);
}

// --- Loss is never silent ---

TEST(ImportTest, EveryNoticeOfLostEventsBecomesAnEvent) {
  const std::string line =
      "  sh-7  [001]  1.000001: kfree: call_site=f+0x1 ptr=0xffff888100000040\n";
  const auto lost = [&](const std::string& notice) {
    const Imported trace = ImportPath(WriteTestFile("lost.txt", line + notice + "\n" + line));
    EXPECT_TRUE(trace.status.ok()) << trace.status.message();
    EXPECT_EQ(trace.Repaired("lost-events"), 1) << notice;
    return trace.Lines().at(1);
  };
  EXPECT_EQ(lost("CPU:1 [LOST 12 EVENTS]"), "1000001000 cpu1 lost 12");
  EXPECT_EQ(lost("CPU:1 [LOST EVENTS]"), "1000001000 cpu1 lost 0");
  EXPECT_EQ(lost("CPU:0 [34 EVENTS DROPPED]"), "1000001000 cpu0 lost 34");
  EXPECT_EQ(lost("CPU:0 [EVENTS DROPPED]"), "1000001000 cpu0 lost 0");
  EXPECT_EQ(lost("mine: CPU:0 [34243 EVENTS DROPPED]"), "1000001000 cpu0 lost 34243");
  EXPECT_EQ(lost("CPU:0 [MISSED EVENTS]"), "1000001000 cpu0 lost 0");
  EXPECT_EQ(lost("  sh  7 [001]  1.000002: PERF_RECORD_LOST lost 56"), "1000002000 cpu1 lost 56");
  EXPECT_EQ(lost("Warning:\nProcessed 1000 events and lost 12 chunks!\n\nCheck IO/CPU overload!\n"),
            "1000001000 cpu1 lost 0 inferred");
}

TEST(ImportTest, ARecordingOfYearsIsDamaged) {
  const std::string free = ": kfree: call_site=f+0x1 ptr=0xffff888100000040\n";
  const std::string begin = "  sh-7  [001] .....  1.000001" + free;
  EXPECT_THAT(
      std::string(
          ImportPath(WriteTestFile("years.txt", begin + "  sh-7  [001] .....  63072000.5" + free))
              .status.message()),
      HasSubstr("are 729 days apart"));
  EXPECT_TRUE(ImportPath(WriteTestFile("days.txt", begin + "  sh-7  [001] .....  864000.5" + free))
                  .status.ok());
}

TEST(ImportTest, DifferencesOfTimesAreNoTimes) {
  std::string text;
  for (const char* time : {"0.000000", "0.003085", "0.000003", "0.000001", "0.000012", "0.000004",
                           "0.000200", "0.000003", "0.000009"}) {
    text += std::string("  sh 7 [000] ") + time +
            ": kmem:kfree: call_site=f+0x1 ptr=0xffff888100000040\n";
  }
  EXPECT_THAT(std::string(ImportPath(WriteTestFile("delta.txt", text)).status.message()),
              HasSubstr("--deltatime"));
  // Two texts that each begin at 0, one after the other.
  std::string two;
  for (int i = 0; i < 20; ++i) {
    two += "  sh 7 [000] 0.00000" + std::to_string(i % 10) +
           ": kmem:kfree: call_site=f+0x1 ptr=0xffff888100000040\n";
  }
  EXPECT_TRUE(ImportPath(WriteTestFile("two.txt", two)).status.ok());
  // What trace-cmd report --ts-diff has between a time and its event.
  const Imported diff = ImportPath(
      WriteTestFile("diff.txt",
                    "  sh-7  [001]  24.174766390: (+588160) kfree: (f+0x1) call_site=f+0x1 "
                    "ptr=0xffff888100000040\n"));
  EXPECT_EQ(diff.events.size(), 1u) << diff.status.message();
}

TEST(ImportTest, TheKernelIsWhatTheTextsHeadNames) {
  const std::string line =
      "  sh-7  [001]  1.000001: kfree: call_site=f+0x1 ptr=0xffff888100000040\n";
  const Imported perf = ImportPath(
      WriteTestFile("perf.txt",
                    "# ========\n# hostname : vm\n# os release : 6.18.5\n# arch : aarch64\n"
                    "# nrcpus online : 4\n# nrcpus avail : 8\n# ========\n#\n" +
                        line));
  ASSERT_TRUE(perf.status.ok()) << perf.status.message();
  EXPECT_EQ(perf.header.kernel_release, "6.18.5");
  EXPECT_EQ(perf.header.cpu_count, 4);
  const Imported latency = ImportPath(WriteTestFile(
      "latency.txt", "# tracer: nop\n#\n# nop latency trace v1.1.5 on 6.18.0\n" + line));
  ASSERT_TRUE(latency.status.ok()) << latency.status.message();
  EXPECT_EQ(latency.header.kernel_release, "6.18.0");
}

TEST(ImportTest, ANoticeThatIsNotUnderstoodIsNoSilence) {
  const std::string line =
      "  sh-7  [001]  1.000001: kfree: call_site=f+0x1 ptr=0xffff888100000040\n";
  for (const std::string notice : {"CPU:0 [FOO]", "CPU:0 hello", "CPU 0 hello"}) {
    const Imported trace = ImportPath(WriteTestFile("notice.txt", line + notice + "\n" + line));
    EXPECT_THAT(std::string(trace.status.message()), HasSubstr("notice.txt:2: expected")) << notice;
  }
  EXPECT_TRUE(ImportPath(WriteTestFile("cpu.txt", "CPU 0 is empty\n" + line)).status.ok());
}

TEST(ImportTest, MoreLostEventsThanCanBeAreRefusedAtOnce) {
  const std::string line =
      "  sh-7  [001]  1.000001: kfree: call_site=f+0x1 ptr=0xffff888100000040\n";
  for (const std::string notice :
       {"CPU:1 [LOST 18446744073709551615 EVENTS]", "CPU:1 [281474976710657 EVENTS DROPPED]",
        "  sh  7 [001]  1.000002: PERF_RECORD_LOST lost 281474976710657",
        "# entries-in-buffer/entries-written: 1/281474976710658   #P:4"}) {
    const std::string path = WriteTestFile("lost.txt", line + notice + "\n" + line);
    EXPECT_THAT(std::string(ImportPath(path).status.message()),
                HasSubstr("lost.txt:2: expected at most 281474976710656 lost events"))
        << notice;
    const Imported lenient = ImportPath(path, {.read = {.lenient = true}});
    ASSERT_TRUE(lenient.status.ok()) << lenient.status.message();
    EXPECT_EQ(lenient.Repaired("malformed-line"), 1) << notice;
    EXPECT_EQ(lenient.events.size(), 2u) << notice;
  }
  // Beside the recording, and in one that another process reads.
  EXPECT_EQ(ParseLostEvents("cpu1 281474976710656\n", "lost-events")->at(1), kLostMax);
  EXPECT_THAT(
      std::string(ParseLostEvents("cpu1 281474976710656\ncpu1 1\n", "f").status().message()),
      HasSubstr("f:2: expected at most 281474976710656 lost events of a CPU"));
  EXPECT_THAT(std::string(ParseRingStats("overrun: 281474976710657\n", "f").status().message()),
              HasSubstr("f:1: expected at most 281474976710656 lost events of a CPU"));
  Repairer repairer({});
  RawEvent lost;
  lost.kind = EventKind::kLost;
  lost.bytes_req = kLostMax;
  EXPECT_TRUE(repairer.Append(lost).ok());
  ++lost.bytes_req;
  EXPECT_THAT(std::string(repairer.Append(lost).message()),
              HasSubstr("281474976710657 events lost at once on CPU 0"));
}

TEST(ImportTest, ARingThatOverwroteItsStartSaysSo) {
  const Imported trace = ImportPath(WriteTestFile(
      "trace.txt",
      "# tracer: nop\n# entries-in-buffer/entries-written: 1/43   #P:4\n"
      "  sh-7  [001] .....  1.000001: kfree: call_site=f+0x1 ptr=0000000012345678\n"));
  EXPECT_THAT(trace.Lines(),
              ElementsAre("1000001000 cpu1 lost 42 inferred", "1000001000 cpu1 kfree #1 predates"));
  EXPECT_EQ(trace.header.cpu_count, 4);
}

// --- Malformed input ---

TEST(ImportTest, AMalformedLineIsToldWithFileLineAndWhatWasExpected) {
  const std::string good =
      "  sh-7  [001]  1.000001: kfree: call_site=f+0x1 ptr=0xffff888100000040\n";
  const struct {
    const char* line;
    const char* message;
  } kCases[] = {
      {"  sh-7  [001]  1.000001: kfree: call_site=f+0x1", "expected kfree with a field 'ptr='"},
      {"  sh-7  [001]  1.000001: kfree: ptr=0xnothex",
       "expected a field 'key=value' of its kind, "
       "found 'ptr=0xnothex'"},
      {"  sh-7  [001]  1.x: kfree: ptr=0x10", "expected a time like '668.063789:', found '1.x:'"},
      {"  sh-7  [001]  1.000001: kfree ptr=0x10", "expected an event's name like 'kmalloc:'"},
      {"hello", "expected an event line like 'comm-pid [cpu] time: event: fields', found 'hello'"},
      {"  sh-7  [001]  1.000001: kmalloc: ptr=0x40 bytes_req=-1 bytes_alloc=8",
       "found 'bytes_req=-1'"},
      {"  sh-7  [001]  1.000001: mm_page_alloc: pfn=0x5 order=64", "found 'order=64'"},
      {"  sh-7  [001]  1.000001: kmalloc: ptr=0x40 bytes_req=4294967296 bytes_alloc=8",
       "expected sizes below 4 GiB"},
      {"  sh-7  [001]  1.000001: kmalloc: ptr=0x40 bytes_req=4096 bytes_alloc=4092",
       "expected as many bytes given as were asked for"},
  };
  for (const auto& test : kCases) {
    const std::string path = WriteTestFile("bad.txt", good + test.line + "\n" + good);
    const Imported strict = ImportPath(path);
    ASSERT_FALSE(strict.status.ok()) << test.line;
    EXPECT_TRUE(absl::IsInvalidArgument(strict.status));
    EXPECT_THAT(std::string(strict.status.message()), HasSubstr("bad.txt:2: "));
    EXPECT_THAT(std::string(strict.status.message()), HasSubstr(test.message));

    const Imported lenient = ImportPath(path, {.read = {.lenient = true}});
    ASSERT_TRUE(lenient.status.ok()) << lenient.status.message();
    EXPECT_EQ(lenient.Repaired("malformed-line"), 1);
    EXPECT_EQ(lenient.events.size(), 2);
  }
}

TEST(ImportTest, WhatIsNoRecordingIsRefused) {
  const auto message = [](const std::string& contents) {
    const Imported trace = ImportPath(WriteTestFile("input", contents));
    EXPECT_TRUE(absl::IsInvalidArgument(trace.status)) << trace.status.ToString();
    return std::string(trace.status.message());
  };
  EXPECT_THAT(message(""), HasSubstr("the file is empty"));
  EXPECT_THAT(message("hello\nworld\n"), HasSubstr("not a recording that is known"));
  EXPECT_THAT(message("PERFILE2 and so on"), HasSubstr("perf"));
  EXPECT_THAT(message("\x1f\x8b\x08 no gzip"), HasSubstr("gzip"));
  EXPECT_TRUE(absl::IsNotFound(ImportPath("/nonexistent/file").status));
  EXPECT_TRUE(absl::IsNotFound(ImportPath(MakeTestFolder("empty")).status));
}

TEST(ImportTest, FourKibibytesOfNoiseUnderEveryImporterAreAnError) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    Random random(seed, /*stream=*/0);
    std::string noise(4096, '\0');
    for (char& c : noise) c = static_cast<char>(random.Next());
    const std::string path = WriteTestFile("noise", noise);
    EXPECT_FALSE(ImportPath(path).status.ok());
    for (const RecordingFormat format :
         {RecordingFormat::kTraceDat, RecordingFormat::kTraceCmdReport, RecordingFormat::kTracefs,
          RecordingFormat::kPerfScript}) {
      const absl::Status status = ImportPath(path, {.read = {.format = format}}).status;
      EXPECT_TRUE(absl::IsInvalidArgument(status)) << status.ToString();
      EXPECT_THAT(std::string(status.message()), HasSubstr(path));
    }
  }
}

TEST(ImportTest, ATruncatedOrDamagedTraceDatIsAnErrorAndNoCrash) {
  const absl::StatusOr<std::string> whole = ReadWholeFile(DataPath("recording-6.18.dat"));
  ASSERT_TRUE(whole.ok());
  const size_t events = ImportPath(DataPath("recording-6.18.dat")).events.size();
  for (size_t length = 1; length < whole->size(); length += whole->size() / 25) {
    const Imported trace = ImportPath(WriteTestFile("trace.dat", whole->substr(0, length)));
    if (trace.status.ok()) {
      // Behind the last event stand only the names of sections.
      EXPECT_EQ(trace.events.size(), events);
      EXPECT_GT(length, whole->size() - 200);
      continue;
    }
    EXPECT_TRUE(absl::IsInvalidArgument(trace.status)) << length << trace.status.ToString();
    EXPECT_THAT(std::string(trace.status.message()), HasSubstr("trace.dat"));
  }
  Random random(/*seed=*/1, /*stream=*/0);
  for (int i = 0; i < 40; ++i) {
    std::string damaged = *whole;
    // Up to the data the file is its own description, where damage hurts most.
    for (int k = 0; k < 8; ++k) {
      damaged[10 + random.Below(damaged.size() / 2)] = static_cast<char>(random.Next());
    }
    const Imported trace = ImportPath(WriteTestFile("trace.dat", damaged));
    EXPECT_TRUE(trace.status.ok() || absl::IsInvalidArgument(trace.status));
  }
}

TEST(ImportTest, ASinkThatRefusesEndsTheImportWithItsError) {
  class Refuser : public RawEventSink {
   public:
    absl::Status Append(const RawEvent&) override {
      return ++events_ == 100 ? absl::ResourceExhaustedError("enough") : absl::OkStatus();
    }

   private:
    int events_ = 0;
  };
  for (const char* name : {"recording-6.18.dat", "recording-6.18.report.txt.gz"}) {
    Refuser refuser;
    const absl::StatusOr<RecordingInfo> info = ReadRecording(DataPath(name), name, {}, refuser);
    EXPECT_TRUE(absl::IsResourceExhausted(info.status())) << info.status().ToString();
  }
}

}  // namespace
}  // namespace slablab
