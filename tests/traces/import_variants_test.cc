// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// One recording as kernels of many versions, tracefs' options and the tools print it: the events
// are the same whatever the form, and what cannot be read is refused in words that name the option.

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/traces/recording_text.h"

namespace slablab {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// An event as it was, before anyone prints it.
struct Happened {
  std::string comm;
  int pid, cpu;
  uint64_t micros;
  bool irqs_off;
  std::string event, fields;
};

std::vector<Happened> Recording() {
  const std::string alloc =
      "call_site=load_elf_phdrs+0x5c/0xa0 ptr=ffff888012345{}00 bytes_req=616 bytes_alloc=1024 "
      "gfp_flags=GFP_KERNEL node=-1 accounted=false";
  const std::string free = "call_site=load_elf_binary+0x5c/0xa0 ptr=ffff888012345{}00";
  const auto with = [](const std::string& text, int digit) {
    return fmt::format(fmt::runtime(text), digit);
  };
  return {{"bash", 853, 2, 4582696626, false, "kmalloc", with(alloc, 0)},
          {"kworker/u8:1-ev", 11, 0, 4582696627, true, "kmalloc", with(alloc, 4)},
          {"my [prog] 7", 990, 1, 4582696629, false, "kmalloc", with(alloc, 8)},
          {"bash", 853, 2, 4582696630, false, "kfree", with(free, 0)},
          {"rcu-tasks-1", 12, 3, 4582696631, true, "kfree", with(free, 4)},
          {"bash", 853, 2, 4582696640, false, "kfree", "call_site=f+0x1/0x2 ptr=          (null)"},
          {"my [prog] 7", 990, 1, 4582696641, false, "kfree", with(free, 8)}};
}

std::string Seconds(const Happened& at) {
  return fmt::format("{}.{:06}", at.micros / 1'000'000, at.micros % 1'000'000);
}

using Printer = std::function<std::string(const Happened&)>;

std::string Printed(const Printer& printer, const std::string& head = "",
                    const std::string& between = "") {
  std::string text = head;
  for (const Happened& event : Recording()) text += printer(event) + "\n" + between;
  return text;
}

std::string Tracefs(const Happened& at) {
  return fmt::format("{:>16}-{:<7} [{:03}] {} {:>12}: {}: {}", at.comm, at.pid, at.cpu,
                     at.irqs_off ? "d..1." : ".....", Seconds(at), at.event, at.fields);
}

// Everything of the events that each form tells.
std::vector<std::string> EssenceOf(const std::string& text, const ImportOptions& options = {}) {
  const Imported trace = ImportPath(WriteTestFile("form.txt", text), options);
  EXPECT_TRUE(trace.status.ok()) << trace.status.message() << "\n" << text;
  std::vector<std::string> lines = trace.Lines();
  for (size_t i = 0; i < lines.size(); ++i) {
    lines[i] += fmt::format(" pid {} by {}", trace.events[i].pid,
                            trace.header.call_sites[trace.events[i].call_site]);
  }
  std::string tasks;
  for (const TraceTask& task : trace.header.tasks) {
    tasks += fmt::format("{} {};", task.pid, task.comm);
  }
  lines.push_back(tasks);
  return lines;
}

TEST(ImportVariantsTest, TheSameEventsHoweverTheyArePrinted) {
  const std::vector<std::string> want = EssenceOf(Printed(Tracefs, "# tracer: nop\n#\n"));
  ASSERT_EQ(want.size(), 8u);
  EXPECT_THAT(want[1], HasSubstr("4582696627000 cpu0 alloc #2 kmalloc 616/1024 pid 11"));
  EXPECT_THAT(want[5], HasSubstr("kfree #0 pid 853"));
  EXPECT_THAT(want[7], HasSubstr("990 my [prog] 7;"));

  const Printer trace_cmd = [](const Happened& at) {
    return fmt::format("{:>16}-{:<5} [{:03}] {:>12}: {}: {:14} {}", at.comm, at.pid, at.cpu,
                       Seconds(at), at.event, "(f+0x1)", at.fields);
  };
  const Printer perf = [](const Happened& at) {
    return fmt::format("{:>16} {:5} [{:03}] {:>12}: {:>20}: {}", at.comm, at.pid, at.cpu,
                       Seconds(at), "kmem:" + at.event, at.fields);
  };
  const Printer tgid = [](const Happened& at) {
    return fmt::format("{:>16}-{:<7} {} [{:03}] {} {:>12}: {}: {}", at.comm, at.pid,
                       at.pid == 11 ? "(-------)" : fmt::format("({:7})", at.pid), at.cpu,
                       at.irqs_off ? "d..1" : "....", Seconds(at), at.event, at.fields);
  };
  const Printer verbose = [](const Happened& at) {
    return fmt::format("{:>16} {:7} {:3} {} {:08x} {:08x} [{:016x}] {}.{:03}ms (+0.003ms): {}: {}",
                       at.comm, at.pid, at.cpu, at.irqs_off ? 1 : 0, 0, 42, at.micros,
                       at.micros / 1000, at.micros % 1000, at.event, at.fields);
  };
  const Printer console = [](const Happened& at) {
    return fmt::format("[ 4600.000001] {}", Tracefs(at));
  };
  const Printer crlf = [](const Happened& at) { return Tracefs(at) + "\r"; };
  const auto latency = [](std::string_view mark) -> Printer {
    return [mark](const Happened& at) {
      return fmt::format("{:>16}-{:<7} {:3}{} {:4}us{}: {}: {}", at.comm, at.pid, at.cpu,
                         at.irqs_off ? "d..1." : ".....", at.micros, mark, at.event, at.fields);
    };
  };
  const std::vector<std::pair<std::string, std::string>> forms = {
      {"trace-cmd", Printed(trace_cmd, "version = 6\ncpus=4\nCPU 3 is empty\n")},
      {"perf", Printed(perf, "# ========\n# captured on    : Mon\n#\n")},
      {"perf, call chains",
       Printed(perf, "", "\tffffffff81 kfree+0x1 ([kernel.kallsyms])\n\t        f (inlined)\n\n")},
      {"record-tgid", Printed(tgid, "# tracer: nop\n")},
      {"latency-format", Printed(latency(" "), "# tracer: nop\n# latency: 0 us, #7/7, CPU#0\n")},
      {"latency-format, marks", Printed(latency("+"), "# tracer: nop\n")},
      {"latency-format, verbose", Printed(verbose, "# tracer: nop\n")},
      {"of a console", Printed(console)},
      {"a paste",
       Printed([](const Happened& at) { return "    " + Tracefs(at); },
               "    # tracer: nop\n    #\n    # entries-in-buffer/entries-written: 7/7\n")},
      {"with CR and LF", Printed(crlf, "# tracer: nop\r\n")},
      {"a byte order mark", "\xef\xbb\xbf" + Printed(Tracefs, "# tracer: nop\n")},
      {"a prompt around", Printed(Tracefs, "root@dut:/sys/kernel/tracing# cat trace\n") +
                              "root@dut:/sys/kernel/tracing# \n"},
      {"stacktrace", Printed(Tracefs, "# tracer: nop\n",
                             "            bash-853     [002] .....  4582.696641: <stack trace>\n"
                             " => trace_event_raw_event_kmalloc\n => __kmalloc\n")},
      {"userstacktrace",
       Printed(Tracefs, "# tracer: nop\n",
               "            bash-853     [002] .....  4582.696641: <user stack trace>\n"
               " =>  <00007f1234567890>\n => /usr/lib/libc.so.6[+0x1234]\n")},
      {"the function tracer",
       Printed(Tracefs, "# tracer: function\n",
               "            bash-853     [002] .....  4582.696641: __kmalloc <-load_elf_phdrs\n")},
  };
  for (const auto& [name, text] : forms) {
    // Lines put between the events would be out of order by their times; they are no events.
    std::vector<std::string> got = EssenceOf(text);
    EXPECT_EQ(got, want) << name;
  }
}

TEST(ImportVariantsTest, WhatStandsBetweenTheEventsIsCounted) {
  const Imported trace = ImportPath(WriteTestFile(
      "trace.txt",
      "$ cat trace\n# tracer: nop\n" + Tracefs(Recording()[0]) +
          "\n  bash-853  [002] .....  4582.696628: <stack trace>\n => __kmalloc\n => f\n"
          "  bash-853  [002] .....  4582.696628: __kmalloc <-load_elf_phdrs\n"
          "  bash-853  [002] .....  4582.696628: #1 inner/outer(us): 12/13\n"));
  ASSERT_TRUE(trace.status.ok()) << trace.status.message();
  EXPECT_EQ(trace.Repaired("prompt-lines"), 1);
  EXPECT_EQ(trace.Repaired("skipped-stack-trace"), 1);
  EXPECT_EQ(trace.Repaired("stack-lines"), 2);
  EXPECT_EQ(trace.Repaired("skipped-function"), 1);
  EXPECT_EQ(trace.Repaired("skipped-entries-of-a-tracer"), 1);
}

TEST(ImportVariantsTest, TheOptionFieldsPrintsRawNumbers) {
  const Imported trace = ImportPath(WriteTestFile(
      "trace.txt",
      "# tracer: nop\n"
      "  bash-853 [002] .....  4582.696626: kmem_cache_alloc: call_site=0xffffffff92d10d97 "
      "(-1831793257) ptr=0xffff9e0e8571e000 (-107689771147264) bytes_req=0x1000 (4096) "
      "bytes_alloc=0x1000 (4096) gfp_flags=0xcc0 (3264) node=0xffffffff (-1) accounted=(0)\n"
      "  bash-853 [002] .....  4582.696627: kmem_cache_alloc: call_site=f+0x1/0x2 (-1) "
      "ptr=0xffff9e0e8577f800 (-1) bytes_req=0x168 (360) bytes_alloc=0x180 (384) gfp_flags=0xcc0 "
      "(3264) node=0x1 (1) accounted=(0)\n"
      "  bash-853 [002] .....  4582.696653: kmem_cache_free: call_site=0xffffffff92cfbea7 "
      "(-1831879001) ptr=0xffff9e0e8571e000 (-107689771147264) name=names_cache\n"));
  ASSERT_TRUE(trace.status.ok()) << trace.status.message();
  EXPECT_THAT(trace.Lines(), ElementsAre("4582696626000 cpu2 alloc #1 names_cache 4096/4096",
                                         "4582696627000 cpu2 alloc #2 unnamed-360-384 360/384",
                                         "4582696653000 cpu2 free #1 names_cache"));
  EXPECT_EQ(trace.events[0].node, -1);
  EXPECT_EQ(trace.events[1].node, 1);
}

TEST(ImportVariantsTest, WhatAnOptionMakesUnreadableIsRefusedByName) {
  const auto message = [](const std::string& lines, bool behind) {
    const std::string before = behind ? "# tracer: nop\n" + Tracefs(Recording()[0]) + "\n" : "";
    const Imported trace = ImportPath(WriteTestFile("trace.txt", before + lines));
    EXPECT_TRUE(absl::IsInvalidArgument(trace.status)) << lines;
    return std::string(trace.status.message());
  };
  const std::string fields = " call_site=f+0x1/0x2 ptr=ffff888012345600\n";
  for (const bool behind : {false, true}) {
    const auto expect = [&](const std::string& lines, const std::string& words) {
      EXPECT_THAT(message(lines, behind), AllOf(HasSubstr(words), HasSubstr("--lenient"),
                                                HasSubstr(behind ? "trace.txt:3: " : ":1: ")));
    };
    expect("kfree:" + fields, "option context-info off");
    expect("853 2 4582696626123 type: 478\n", "option raw");
    expect("00000355 00000002 000010b8f2a1b2c3 type: 478\n", "option hex");
    expect(std::string("\xc7i\0\x01\x02 type: 658\n", 16), "option bin");
    expect(" 2)               |  /* kfree:" + fields, "function_graph tracer");
    expect("  bash  853  4582.696626: kmem:kfree:" + fields, "perf script prints them with -F");
  }
  EXPECT_THAT(message("  bash  853 [002] kmem:kfree:" + fields, true), HasSubstr("has no time"));
  EXPECT_THAT(message("<!DOCTYPE html>\n<pre>" + Tracefs(Recording()[0]) + "\n", false),
              HasSubstr("HTML"));
  EXPECT_THAT(message("Hi all, the trace:\n<div class=\"highlight\"><pre>\n" +
                          Tracefs(Recording()[0]) + "\n</pre></div>\n",
                      false),
              AllOf(HasSubstr(":2: "), HasSubstr("this is HTML")));
  EXPECT_THAT(message("{\"linux-perf-json-version\": 1}\n", false), HasSubstr("JSON"));
  EXPECT_THAT(message(std::string("\xff\xfe#\0 \0", 6), false), HasSubstr("UTF-16"));
  EXPECT_THAT(message("\x89SLT\r\n", false), HasSubstr("a trace already"));
}

// --- Addresses ---

TEST(ImportVariantsTest, AddressesOf32BitsAreNoHashes) {
  const auto import = [](const std::vector<std::string>& addresses) {
    std::string text;
    uint64_t micros = 1;
    for (const std::string& address : addresses) {
      text += fmt::format(
          "  sh-1  [000] .... 4.{:06}: kmalloc: call_site=c0123456 ptr={} bytes_req=60 "
          "bytes_alloc=64 gfp_flags=GFP_KERNEL\n",
          micros++, address);
    }
    const Imported trace = ImportPath(WriteTestFile("trace.txt", text));
    EXPECT_TRUE(trace.status.ok()) << trace.status.message();
    return trace.header;
  };
  const TraceHeader real = import({"c7a0e040", "c7a0e080", "0xc7a0e0c4"});
  EXPECT_EQ(real.addresses, AddressKind::kReal);
  EXPECT_THAT(fmt::format("{}", fmt::join(real.assumptions, " ")), HasSubstr("have 32 bits"));
  // Linux 4.15 and later, of 32 bits: three hashes in four are at no multiple of four.
  EXPECT_EQ(import({"c7a0e040", "8a3b11e1", "19fe0c02"}).addresses, AddressKind::kHashed);
  // Of 64 bits, hashed, whatever it is a multiple of; and not hashed, of two kinds of kernels.
  EXPECT_EQ(import({"00000000a1b2c3d4", "00000000a1b2c3d8"}).addresses, AddressKind::kHashed);
  EXPECT_EQ(import({"ffff8800729c3000"}).addresses, AddressKind::kReal);
  EXPECT_EQ(import({"0xc000000000100000"}).addresses, AddressKind::kReal);
}

TEST(ImportVariantsTest, NeighboursOf32BitsOverlapAndHashesDoNot) {
  const std::string text =
      "  sh-1 [000] .... 4.000001: kmalloc: call_site=c0123456 ptr={}c7a0e000 bytes_req=60 "
      "bytes_alloc=64 gfp_flags=GFP_KERNEL\n"
      "  sh-1 [000] .... 4.000002: kmalloc: call_site=c0123456 ptr={}c7a0e020 bytes_req=30 "
      "bytes_alloc=32 gfp_flags=GFP_KERNEL\n";
  const auto inferred = [&](const char* zeros) {
    return ImportPath(WriteTestFile("trace.txt", fmt::format(fmt::runtime(text), zeros, zeros)))
        .Repaired("inferred-free-overlapped");
  };
  EXPECT_EQ(inferred(""), 1);
  EXPECT_EQ(inferred("00000000"), 0);
}

TEST(ImportVariantsTest, AddressesThatWereNotPrintedAreLeftOutAndCounted) {
  const std::string unknown =
      "  sh-1 [000] .... 4.000001: kmalloc: call_site=f+0x1 ptr=        (ptrval) bytes_req=60 "
      "bytes_alloc=64 gfp_flags=GFP_KERNEL\n"
      "  sh-1 [000] .... 4.000002: kfree: call_site=f+0x1 ptr=(____ptrval____)\n";
  const Imported some = ImportPath(WriteTestFile(
      "trace.txt",
      unknown + "  sh-1 [000] .... 4.000003: kfree: call_site=f+0x1 ptr=00000000a1b2c3d4\n"));
  ASSERT_TRUE(some.status.ok()) << some.status.message();
  EXPECT_EQ(some.events.size(), 1u);
  EXPECT_EQ(some.Repaired("unknown-pointers"), 2);
  const Imported none = ImportPath(WriteTestFile("trace.txt", unknown));
  EXPECT_THAT(std::string(none.status.message()),
              AllOf(HasSubstr("nothing to replay"), HasSubstr("(ptrval)")));
}

// --- Texts that are cut short ---

TEST(ImportVariantsTest, ATextCutAnywhereIsReadToItsLastWholeLineOrRefused) {
  std::string text = Printed(Tracefs, "# tracer: nop\n");
  text.pop_back();  // without a line end it is whole all the same
  const size_t whole = ImportPath(WriteTestFile("whole.txt", text)).events.size();
  ASSERT_EQ(whole, Recording().size());
  const size_t line_last = text.rfind('\n') + 1;
  for (size_t length = line_last; length < text.size(); ++length) {
    const Imported cut = ImportPath(WriteTestFile("cut.txt", text.substr(0, length)));
    if (length == line_last) {
      EXPECT_EQ(cut.events.size(), whole - 1);
      continue;
    }
    ASSERT_FALSE(cut.status.ok()) << text.substr(line_last, length - line_last);
    EXPECT_THAT(std::string(cut.status.message()),
                HasSubstr("the text ends in the middle of this line"));
    const Imported lenient =
        ImportPath(WriteTestFile("cut.txt", text.substr(0, length)), {.read = {.lenient = true}});
    EXPECT_EQ(lenient.events.size(), whole - 1);
    EXPECT_EQ(lenient.Repaired("malformed-line"), 1);
  }
  EXPECT_EQ(ImportPath(WriteTestFile("whole.txt", text)).Repaired("unfinished-line"), 1);
}

// --- Order ---

TEST(ImportVariantsTest, OneCpuAfterTheOtherIsSortedByTime) {
  // What each CPU frees, another allocated: in any other order, frees and allocations are invented.
  const auto line = [](int cpu, uint64_t micros, const std::string& what) {
    return fmt::format("  sh-{}  [{:03}] ..... 1.{:06}: {}\n", 100 + cpu, cpu, micros, what);
  };
  std::vector<std::string> merged;
  std::vector<std::string> of_cpu(4);
  uint64_t micros = 10;
  for (int round = 0; round < 5; ++round) {
    for (const bool frees : {false, true}) {
      for (int cpu = 0; cpu < 4; ++cpu, micros += 2) {
        const int object = round * 4 + (frees ? (cpu + 2) % 4 : cpu);
        const std::string address = fmt::format("ffff8880100{:03x}00", object * 4);
        merged.push_back(line(cpu, micros,
                              frees ? "kfree: call_site=use ptr=" + address
                                    : "kmalloc: call_site=make ptr=" + address +
                                          " bytes_req=1000 bytes_alloc=1024 gfp_flags=GFP_KERNEL"));
        of_cpu[static_cast<size_t>(cpu)] += merged.back();
      }
    }
  }
  const Imported want =
      ImportPath(WriteTestFile("merged.txt", fmt::format("{}", fmt::join(merged, ""))));
  ASSERT_EQ(want.events.size(), 40u);
  EXPECT_EQ(want.Repaired("sorted-by-time"), 0);
  const std::string head = "# tracer: nop\n# entries-in-buffer/entries-written: 10/10   #P:4\n";
  std::string parts;
  for (const std::string& text : of_cpu) parts += head + text;
  const Imported got = ImportPath(WriteTestFile("parts.txt", parts));
  EXPECT_EQ(got.Lines(), want.Lines());
  EXPECT_EQ(got.Repaired("sorted-by-time"), 27);
  for (const std::string_view repair : {"inferred-free", "inferred-allocation", "clamped-time"}) {
    EXPECT_EQ(got.Repaired(repair), 0) << repair;
  }
}

TEST(ImportVariantsTest, AStepBackWithinTheJitterOfClocksKeepsTheOrderOfTheFile) {
  const auto import = [](uint64_t nanos_of_free) {
    return ImportPath(WriteTestFile(
        "trace.txt",
        fmt::format("  sh-7  [000]  1.000005000: kmalloc: call_site=f ptr=ffff888010000000 "
                    "bytes_req=60 bytes_alloc=64 gfp_flags=GFP_KERNEL\n"
                    "  sh-8  [001]  1.{:09}: kfree: call_site=f ptr=ffff888010000000\n",
                    nanos_of_free)));
  };
  const Imported jitter = import(4000);
  EXPECT_EQ(jitter.Repaired("clamped-time"), 1);
  EXPECT_THAT(jitter.Lines(),
              ElementsAre("1000005000 cpu0 alloc #1 kmalloc 60/64", "1000005000 cpu1 kfree #1"));
  const Imported unsorted = import(3999);
  EXPECT_EQ(unsorted.Repaired("sorted-by-time"), 1);
  EXPECT_THAT(unsorted.Lines(), ElementsAre("1000003999 cpu1 kfree #1 predates",
                                            "1000005000 cpu0 alloc #2 kmalloc 60/64"));
}

// --- Losses ---

TEST(ImportVariantsTest, TheHeadsOfEachCpusFileCountTheSameLossesOnce) {
  const auto lost = [](const std::string& first, const std::string& second) {
    const std::string head = "# tracer: nop\n# entries-in-buffer/entries-written: ";
    const Imported trace = ImportPath(WriteTestFile(
        "trace.txt", head + first + "   #P:2\n" + Tracefs(Recording()[0]) + "\n" + head + second +
                         "   #P:2\n" + Tracefs(Recording()[1]) + "\n"));
    uint64_t count = 0;
    for (const Event& event : trace.events) {
      if (event.kind == EventKind::kLost) count += event.bytes_req;
    }
    return count;
  };
  EXPECT_EQ(lost("5/1338", "5/1338"), 1333u);
  EXPECT_EQ(lost("5/1338", "7/10"), 1336u);
  EXPECT_EQ(lost("5/5", "5/5"), 0u);
}

TEST(ImportVariantsTest, LossesThatDoNotSayHowManyAreKept) {
  const std::string line = Tracefs(Recording()[0]) + "\n";
  const std::string other = Tracefs(Recording()[2]) + "\n";
  const auto import = [&](const std::string& notice) {
    return ImportPath(WriteTestFile("lost.txt", "# tracer: nop\n" + line + notice + other));
  };
  // Counted by the writer in the same way: see slt_test.
  const auto unnumbered = [](const Imported& trace) {
    uint64_t count = 0;
    for (const Event& event : trace.events) {
      if (event.kind == EventKind::kLost && event.bytes_req == 0) ++count;
    }
    return count;
  };
  EXPECT_EQ(unnumbered(import("CPU:3 [LOST EVENTS]\n")), 1);
  EXPECT_EQ(unnumbered(import("CPU:3 [LOST 12 EVENTS]\n")), 0);
  EXPECT_EQ(import("CPU:3 [LOST 12 EVENTS]\n").Lines().at(1), "4582696629000 cpu3 lost 12");
}

TEST(ImportVariantsTest, WhatTraceDumpSaysIsCountedStaysSo) {
  const auto import = [](const std::string& head) {
    return ImportPath(WriteTestFile("dump.txt", head + Tracefs(Recording()[0]) +
                                                    "\nCPU:3 [LOST EVENTS]\nCPU:1 [LOST EVENTS]\n" +
                                                    Tracefs(Recording()[2]) + "\n"));
  };
  EXPECT_EQ(import("# tracer: nop\n").header.lost_covered, 0u);
  EXPECT_EQ(import("# lost-covered: 1\n").header.lost_covered, 1u);
}

TEST(ImportVariantsTest, WhatStandsBehindTheTraceIsCalledThat) {
  const std::string trace = "# tracer: nop\n" + Tracefs(Recording()[0]) + "\n";
  const auto message = [&](const std::string& rest) {
    return std::string(ImportPath(WriteTestFile("behind.txt", trace + rest)).status.message());
  };
  EXPECT_THAT(message("real 0m1.2s\nuser 0m0.1s\n"),
              AllOf(HasSubstr("behind.txt:3: expected an event line"), HasSubstr("'real 0m1.2s'"),
                    HasSubstr("no event follows: what stands behind the end of the trace")));
  EXPECT_THAT(message("real 0m1.2s\n" + Tracefs(Recording()[2]) + "\n"),
              AllOf(HasSubstr("behind.txt:3: expected"), Not(HasSubstr("no event follows"))));
}

TEST(ImportVariantsTest, ARecordersCountAddsWhatNoticesDoNotTell) {
  const std::string folder = MakeTestFolder("recording");
  const auto import = [&](const std::string& notice, const std::string& counts) {
    WriteTestFile("recording/trace.txt", "# tracer: nop\n" + Tracefs(Recording()[0]) + "\n" +
                                             notice + Tracefs(Recording()[2]) + "\n");
    WriteTestFile("recording/lost-events", counts);
    Imported trace = ImportPath(folder);
    EXPECT_TRUE(trace.status.ok()) << trace.status.message();
    return trace;
  };
  const Imported both = import("CPU:1 [LOST 100 EVENTS]\n", "cpu1 849163\n");
  EXPECT_EQ(both.Lines().at(0), "4582696626000 cpu1 lost 849063");
  EXPECT_EQ(both.Lines().at(2), "4582696629000 cpu1 lost 100");
  EXPECT_EQ(both.header.lost_untimed, 849063u);
  const Imported unnumbered = import("CPU:1 [LOST EVENTS]\n", "cpu1 849163\n");
  EXPECT_EQ(unnumbered.Lines().at(0), "4582696626000 cpu1 lost 849163");
  EXPECT_EQ(unnumbered.header.lost_covered, 1u);
  EXPECT_EQ(import("", "cpu0 0\n").header.lost_untimed, 0u);
  EXPECT_EQ(import("", "cpu0 5000000000\n").Lines().at(0), "4582696626000 cpu0 lost 4294967295");
}

}  // namespace
}  // namespace slablab
