// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// From a recording to a report, with the program: where a recording may come from, what is said of
// what it lacks, and that nothing in it reaches a terminal but as text.

#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/campaigns/child.h"
#include "tests/cli/run_program.h"

namespace slablab {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

// Two objects of kmalloc, allocated on one CPU and freed on another; what `name` is called differs.
std::string Recording(const std::string& comm = "bash", const std::string& cache = "filp") {
  return fmt::format(
      "# tracer: nop\n#\n# entries-in-buffer/entries-written: 4/4   #P:2\n"
      "{0:>16}-853     [000] .....    10.000001: kmem_cache_alloc: call_site=alloc_file+0x1/0x20 "
      "ptr=ffff888012345600 name={1} bytes_req=232 bytes_alloc=256 gfp_flags=GFP_KERNEL node=-1\n"
      "{0:>16}-853     [001] .....    10.000003: kmalloc: call_site=f+0x1/0x20 "
      "ptr=ffff888012346000 bytes_req=60 bytes_alloc=64 gfp_flags=GFP_KERNEL node=-1\n"
      "{0:>16}-853     [001] .....    10.000005: kmem_cache_free: call_site=file_free+0x1/0x20 "
      "ptr=ffff888012345600 name={1}\n"
      "{0:>16}-853     [000] .....    10.000007: kfree: call_site=g+0x1/0x20 "
      "ptr=ffff888012346000\n",
      comm, cache);
}

class ImportProgramTest : public FolderTest {
 protected:
  // Imports `text` and answers the trace's path.
  std::string Import(const std::string& text, const std::string& flags = "") const {
    const std::string path = Write("recording.txt", text);
    const Ending run =
        Slablab(absl::StrCat("import ", flags, " ", path, " -o ", Path("trace.slt")), "2>&1");
    EXPECT_EQ(run.exit_status, 0) << run.text;
    return Path("trace.slt");
  }
  std::string Run(const std::string& words) const {
    const Ending run = Slablab(words, "2>&1");
    EXPECT_EQ(run.exit_status, 0) << words << "\n" << run.text;
    return run.text;
  }
  // What `words` says as it refuses.
  std::string Refused(const std::string& words) const {
    const Ending run = Slablab(words, "2>&1");
    EXPECT_EQ(run.exit_status, 2) << words << "\n" << run.text;
    return run.text;
  }
  std::string DigestOf(const std::string& trace) const {
    const std::string info = Run("trace info " + trace);
    return info.substr(info.find("digest"), 40);
  }
};

// --- Where a recording may come from ---

TEST_F(ImportProgramTest, AnyWayOfReadingARecordingGivesTheSameTrace) {
  const std::string want = DigestOf(Import(Recording()));
  const std::string text = Write("trace", Recording());
  const std::string out = Path("out.slt");
  const std::string program = Runfile("cli/slablab");
  std::vector<std::string> ways = {
      absl::StrCat("cat ", text, " | ", program, " import - -o ", out),
      absl::StrCat(program, " import - -o ", out, " <", text),
      absl::StrCat("cat ", text, " | ", program, " import /dev/stdin -o ", out),
      absl::StrCat("bash -c '", program, " import <(cat ", text, ") -o ", out, "'"),
      absl::StrCat("gzip -c ", text, " | ", program, " import - -o ", out),
  };
  for (const std::string tool : {"xz", "zstd", "bzip2"}) {
    if (Collect("command -v " + tool).exit_status != 0) continue;
    ways.push_back(absl::StrCat(tool, " -c ", text, " >", text, ".packed 2>/dev/null; ", program,
                                " import ", text, ".packed -o ", out));
  }
  ASSERT_EQ(mkfifo(Path("fifo").c_str(), 0600), 0);
  ways.push_back(absl::StrCat("cat ", text, " >", Path("fifo"), " & ", program, " import ",
                              Path("fifo"), " -o ", out));
  for (const std::string& way : ways) {
    fs::remove(out);
    const Ending run = Collect(absl::StrCat("exec 2>&1; ", way));
    EXPECT_EQ(run.exit_status, 0) << way << "\n" << run.text;
    EXPECT_EQ(DigestOf(out), want) << way;
  }
  EXPECT_THAT(Collect(absl::StrCat("cat ", text, " | ", program, " trace stat -")).text,
              HasSubstr("Total bytes requested: 292"));
}

TEST_F(ImportProgramTest, OfAPerfDataPerfScriptMakesText) {
  Write("perf.data", "PERFILE2 and what follows");
  // A perf that prints what perf script would.
  fs::create_directory(Path("bin"));
  Write(
      "bin/perf",
      "#!/bin/sh\n"
      "case \"$*\" in *script*--ns*--show-lost-events*-i*) ;; *) exit 9 ;; esac\n"
      "echo '  sh  7 [000] 1.000000001: kmem:kmalloc: call_site=f+0x1 ptr=0xffff888100879000 '\\\n"
      "'bytes_req=8 bytes_alloc=8 gfp_flags=GFP_KERNEL'\n"
      "echo '  sh  7 [000] 1.000000002: PERF_RECORD_LOST lost 56'\n");
  fs::permissions(Path("bin/perf"), fs::perms::owner_all);
  const std::string import =
      absl::StrCat(Runfile("cli/slablab"), " import ", Path("perf.data"), " -o ", Path("out.slt"));
  const Ending run = Collect(absl::StrCat("PATH=", Path("bin"), " ", import, " 2>&1"));
  EXPECT_EQ(run.exit_status, 0) << run.text;
  EXPECT_THAT(run.text, AllOf(HasSubstr("from perf.data (perf)"),
                              HasSubstr("LOST: 56 events were lost in recording")));
  Write("bin/perf", "#!/bin/sh\necho 'incompatible file format' >&2\nexit 1\n");
  const Ending failed = Collect(absl::StrCat("PATH=", Path("bin"), " ", import, " 2>&1"));
  EXPECT_EQ(failed.exit_status, 2);
  EXPECT_THAT(failed.text, HasSubstr("perf.data: perf failed: incompatible file format"));
  const Ending none = Collect(absl::StrCat("PATH=", folder(), " ", import, " 2>&1"));
  EXPECT_EQ(none.exit_status, 2);
  EXPECT_THAT(none.text, AllOf(HasSubstr("apt install linux-perf"),
                               HasSubstr("perf script --header --ns --show-lost-events -F")));
}

TEST_F(ImportProgramTest, NoSidecarIsReplacedByTheTraceThatItIsReadFor) {
  fs::create_directory(Path("recording"));
  Write("recording/trace.txt", Recording());
  Write("recording/nodes", "node0 0-1\n");
  EXPECT_THAT(Refused(absl::StrCat("import ", Path("recording"), " -o ", Path("recording/nodes"))),
              HasSubstr("nodes: is read, so it cannot be the output too"));
  EXPECT_THAT(Collect("cat " + Path("recording/nodes")).text, "node0 0-1\n");
}

TEST_F(ImportProgramTest, ADumpThatIsImportedLostWhatTheTraceLost) {
  fs::create_directory(Path("recording"));
  std::string text = Recording();
  text.insert(text.find("            bash-853     [001] .....    10.000003"),
              "CPU:1 [LOST EVENTS]\nCPU:0 [LOST EVENTS]\n");
  Write("recording/trace.txt", text);
  Write("recording/lost-events", "cpu1 12\n");
  Run(absl::StrCat("import ", Path("recording"), " -o ", Path("first.slt")));
  const std::string loss = "12 events were lost in recording";
  EXPECT_THAT(Run("trace info " + Path("first.slt")), HasSubstr(loss));
  const Ending run =
      Collect(absl::StrCat(Runfile("cli/slablab"), " trace dump ", Path("first.slt"), " | ",
                           Runfile("cli/slablab"), " import - -o ", Path("second.slt"), " 2>&1"));
  EXPECT_EQ(run.exit_status, 0) << run.text;
  const auto lost_of = [&](const std::string& trace) {
    const std::string info = Run("trace info " + Path(trace));
    const size_t at = info.find("lost ");
    return info.substr(at, info.find("digest") - at);
  };
  EXPECT_EQ(lost_of("second.slt"), lost_of("first.slt"));
}

TEST_F(ImportProgramTest, WhatCannotBeARecordingIsRefusedInWords) {
  EXPECT_THAT(Refused(absl::StrCat("import /dev/zero -o ", Path("x.slt"))),
              HasSubstr("/dev/zero: a device, not a recording"));
  EXPECT_THAT(Refused(absl::StrCat("import /dev/null -o ", Path("x.slt"))),
              HasSubstr("/dev/null: the file is empty"));
  EXPECT_THAT(Refused(absl::StrCat("import ", Path("absent"), " -o ", Path("x.slt"))),
              HasSubstr("absent: no such file"));
  EXPECT_THAT(Refused(absl::StrCat("import - -o ", Path("x.slt"), " </dev/null")),
              HasSubstr("standard input: the file is empty"));
}

// --- Nothing to replay ---

TEST_F(ImportProgramTest, ARecordingWithoutAllocatorEventsSaysWhatToRecord) {
  const std::string path = Write("sched.txt",
                                 "cpus=2\n"
                                 "  a-1 [000] 10.000001: sched_switch: prev_comm=a next_comm=b\n"
                                 "  b-2 [001] 10.000009: sched_wakeup: comm=a pid=1\n"
                                 "  b-2 [001] 10.000010: sched_wakeup: comm=a pid=1\n");
  const std::string error = Refused(absl::StrCat("import ", path, " -o ", Path("x.slt")));
  EXPECT_THAT(error,
              AllOf(HasSubstr("sched.txt: nothing to replay"), HasSubstr("2 of sched_wakeup"),
                    HasSubstr("record kmem:kmalloc"), HasSubstr("slablab capture")));
  EXPECT_FALSE(fs::exists(Path("x.slt")));
  EXPECT_THAT(Refused("trace stat " + path), HasSubstr("nothing to replay"));
}

TEST_F(ImportProgramTest, WhatTheRingsCountedAsLostHeadsTheReport) {
  const std::string folder = Path("recorded");
  fs::create_directory(folder);
  Write("recorded/trace.txt", Recording());
  for (const std::string name : {"lost", "stats", "stats.after"}) {
    Write("recorded/" + name, "overrun: 849063\ndropped events: 2\noverrun: 100\n");
    const std::string report = Run(absl::StrCat("import ", folder, " -o ", Path("t.slt")));
    EXPECT_THAT(report, AllOf(HasSubstr("LOST: "), HasSubstr("849,165"))) << name;
    EXPECT_THAT(Run("run --machine=vm-c4n2 --trace=" + Path("t.slt")), HasSubstr("849,165"));
    fs::remove(Path("recorded/" + name));
  }
  fs::create_directories(Path("recorded/per_cpu/cpu0"));
  Write("recorded/per_cpu/cpu0/stats", "overrun: 849063\ndropped events: 102\n");
  EXPECT_THAT(Run(absl::StrCat("import ", folder, " -o ", Path("t.slt"))), HasSubstr("849,165"));
  fs::remove_all(Path("recorded/per_cpu"));
  Write("recorded/stats", "garbage\n");
  EXPECT_THAT(Refused(absl::StrCat("import ", folder, " -o ", Path("x.slt"))),
              HasSubstr("recorded/stats:1: expected 'overrun: COUNT'"));
}

TEST_F(ImportProgramTest, WhatALineIsIsSaid) {
  const auto refused = [&](const std::string& text) {
    return Refused(absl::StrCat("import ", Write("odd.txt", text), " -o ", Path("x.slt")));
  };
  EXPECT_THAT(refused("853 2 4582696626123 # type: 312\n"), HasSubstr("echo 0 > options/raw"));
  EXPECT_THAT(refused(" a-1 [4096] ..... 10.000001: kfree: call_site=f+0x1 ptr=0xffff888100000040"
                      "\n"),
              HasSubstr("CPU 4096 is too large a number"));
  EXPECT_THAT(refused(Recording() + " a-1 [000] ..... 10.000009: kfree: "),
              HasSubstr("the text ends in the middle of this line: expected "));
}

TEST_F(ImportProgramTest, OneCpuIsNotCountedAsSeveral) {
  const std::string path = Write("one.txt", absl::StrReplaceAll(Recording(), {{"[001]", "[000]"}}));
  EXPECT_THAT(Run(absl::StrCat("import ", path, " -o ", Path("t.slt"))), HasSubstr(", 1 CPU, "));
  EXPECT_THAT(Run(absl::StrCat("trace info ", Path("t.slt"))), HasSubstr(" 1 CPU\n"));
}

TEST_F(ImportProgramTest, NamesOfNoKernelAndNoClockAreRefused) {
  const std::string path = Write("named.txt", Recording());
  const auto refused = [&](const std::string& flag) {
    return Refused(absl::StrCat("import ", path, " -o ", Path("x.slt"), " ", flag));
  };
  for (const std::string kernel : {"nonsense", "-1", "6.x"}) {
    EXPECT_THAT(refused("--kernel=" + kernel), HasSubstr("expected a release")) << kernel;
  }
  EXPECT_THAT(refused("--clock=mon"), HasSubstr("did you mean mono,"));
}

TEST_F(ImportProgramTest, EventsThatNoModelReplaysAreNothingToReplay) {
  for (const std::string event :
       {"mm_page_alloc: page=0x29 pfn=0x29 order=0 migratetype=1 gfp_flags=GFP_KERNEL",
        "kfree: call_site=f+0x1 ptr=0x0", "kfree: call_site=f+0x1 ptr=0xffff888100000040"}) {
    const std::string path = Write("frees.txt", "  a-1 [000] 10.000001: " + event + "\n");
    EXPECT_THAT(Refused(absl::StrCat("import ", path, " -o ", Path("x.slt"))),
                AllOf(HasSubstr("frees.txt: nothing to replay"), HasSubstr("1 of "),
                      HasSubstr("record kmem:kmalloc")))
        << event;
  }
}

TEST_F(ImportProgramTest, ATraceWithoutEventsOfTheModelIsRefusedByEveryCommand) {
  const std::string kmalloc =
      "kmalloc: call_site=f+0x1 ptr=0xffff888100000040 bytes_req=8 bytes_alloc=8 "
      "gfp_flags=GFP_KERNEL\n";
  const auto first_of = [&](const std::string& event, const std::string& name) {
    const std::string path =
        Import(absl::StrCat("  a-1 [000] 1.000001: ", event, "  a-1 [000] 2.000001: ", kmalloc));
    Run(absl::StrCat("trace slice --events=0..0 ", path, " -o ", Path(name)));
    return Path(name);
  };
  const std::string pages =
      first_of("mm_page_alloc: page=0x29 pfn=0x29 order=0 migratetype=1 gfp_flags=GFP_KERNEL\n",
               "pages.slt");
  for (const std::string& words : std::vector<std::string>{
           "run --machine=vm-c4n2 --trace=" + pages,
           "run --order=closed --machine=vm-c4n2 --trace=" + pages,
           "run --allocator=percpu --machine=vm-c4n2 --trace=" + pages,
           "compare --allocators=slub,slab --machine=vm-c4n2 --trace=" + pages,
           absl::StrCat("timeline --machine=vm-c4n2 --trace=", pages, " -o ", Path("t.pft")),
           absl::StrCat("sweep plan ",
                        Write("sweep.textproto",
                              absl::StrCat("base { trace: \"", pages,
                                           "\" machine: \"vm-c4n2\" }\nallocator: [\"slub\"]"))),
       }) {
    EXPECT_THAT(Refused(words), AllOf(HasSubstr("nothing to replay"), HasSubstr("record ")))
        << words;
  }
  EXPECT_FALSE(fs::exists(Path("t.pft")));
  // What is wrong in a trace is told with its name.
  const std::string huge = Import(
      "  a-1 [000] 1.000001: kmem_cache_alloc: call_site=f+0x1 ptr=0xffff888100000040 name=huge "
      "bytes_req=2147483648 bytes_alloc=2147483648 gfp_flags=GFP_KERNEL\n");
  for (const std::string order : {"recorded", "closed"}) {
    EXPECT_THAT(Refused(absl::StrCat("run --order=", order, " --machine=vm-c4n2 --trace=", huge)),
                HasSubstr("trace.slt: object size 2147483648 is not in"));
  }
  // Objects older than the trace are no more to replay than none.
  const std::string older =
      first_of("kfree: call_site=f+0x1 ptr=0xffff888100000080\n", "older.slt");
  EXPECT_THAT(Refused("run --machine=vm-c4n2 --trace=" + older),
              HasSubstr("nothing to replay: none of 1 events"));
  // Where another model could, the message says so, and a sweep's other points are done.
  const std::string slab = Import(Recording());
  EXPECT_THAT(Refused("run --allocator=percpu --machine=vm-c4n2 --trace=" + slab),
              HasSubstr("take an allocator of objects (--allocator=slub)"));
  const std::string sweep =
      Write("both.textproto",
            absl::StrCat("base { trace: \"", slab,
                         "\" machine: \"vm-c4n2\" }\nallocator: [\"slub\", \"percpu\"]"));
  EXPECT_THAT(Run("sweep plan " + sweep), AllOf(HasSubstr("refused: "), HasSubstr("1 refused")));
}

// --- Losses ---

TEST_F(ImportProgramTest, LossesHeadEveryReportOfTheTrace) {
  std::string text = Recording();
  text.replace(text.find("4/4"), 3, "4/849167");
  const std::string second = text.substr(text.rfind('\n', text.size() - 2) + 1);
  text.insert(text.size() - second.size(), "CPU:1 [LOST EVENTS]\n");
  const std::string trace = Import(text);
  const std::string loss = "849,163 events were lost in recording, and in one place more";
  EXPECT_THAT(Run("trace info " + trace), HasSubstr(loss));
  EXPECT_THAT(
      Run("trace info --format=json " + trace),
      AllOf(HasSubstr("\"lost_events\": \"849163\""), HasSubstr("\"lost_unknown\": \"1\"")));
  EXPECT_THAT(Run("trace stat " + trace), StartsWith("LOST: " + loss));
  const std::string run = "run --machine=vm-c4n2 --trace=" + trace;
  const std::vector<std::string> lines = absl::StrSplit(Run(run), '\n');
  ASSERT_GT(lines.size(), 3u);
  EXPECT_THAT(lines[2], StartsWith("LOST: 849,163 events were lost"));
  EXPECT_THAT(Run("run --order=closed --machine=vm-c4n2 --trace=" + trace),
              HasSubstr("\nLOST         849,163 events were lost"));
  EXPECT_THAT(Run(run + " --format=csv"), AllOf(HasSubstr("totals,trace_lost_events,value,849163"),
                                                HasSubstr("totals,trace_lost_unknown,value,1")));
  EXPECT_THAT(Run(run + " --format=json"), HasSubstr("\"trace_lost_events\": \"849163\""));
  EXPECT_THAT(Run(run + " --format=html"), HasSubstr("<li>LOST: trace.slt: " + loss));
  const std::string compare =
      "compare --allocators=slub,slab --machine=vm-c4n2 --trace=" + trace + " 2>/dev/null";
  const std::string words = Stdout(compare).text;
  EXPECT_THAT(words.substr(0, 400), HasSubstr("LOST: 849,163 events were lost"));
  // A copy and a slice have not forgotten.
  Run(absl::StrCat("trace slice --events=1..4 ", trace, " -o ", Path("slice.slt")));
  EXPECT_THAT(Run("trace info " + Path("slice.slt")),
              HasSubstr("events were lost in recording in"));
}

TEST_F(ImportProgramTest, ATraceThatLostNothingSaysNothing) {
  const std::string trace = Import(Recording());
  EXPECT_THAT(Run("trace info " + trace), HasSubstr("no event, as far as the recording tells"));
  EXPECT_THAT(Run("run --machine=vm-c4n2 --trace=" + trace), Not(HasSubstr("LOST")));
}

// --- What a recording calls things ---

TEST_F(ImportProgramTest, NamesReachNoTerminalButAsText) {
  const std::string colour = "\x1b[31mRED\x1b]0;title\x07";
  for (const std::string& name : {colour,
                                  std::string("\xe2\x80\xae"
                                              "txt.exe"),
                                  std::string("\xff\xfe"),
                                  std::string("\xc2\x9b"
                                              "31m"),
                                  std::string("a\x7f"
                                              "b"),
                                  std::string("a\rb")}) {
    const std::string trace = Import(Recording(name, name));
    const std::string run = "run --machine=vm-c4n2 --trace=" + trace;
    for (const std::string& words : std::vector<std::string>{
             "import " + Path("recording.txt") + " -o " + Path("again.slt"), "trace info " + trace,
             "trace info --format=json " + trace, "trace dump " + trace,
             "trace stat --caller --cache --alloc " + trace, "trace stat --format=csv " + trace,
             "trace stat --format=json " + trace, "trace validate " + trace, run,
             run + " --format=csv", run + " --format=tsv", run + " --format=json",
             run + " --format=html", run + " --format=slabinfo",
             run + " --operations=" + Path("log") + "; cat " + Path("log")}) {
      const std::string text = Run(words);
      EXPECT_FALSE(HasControlBytes(text)) << words;
      EXPECT_EQ(text.find(name), std::string::npos) << words;
    }
  }
  const std::string text =
      Write("bad.txt", "# tracer: nop\n  sh-1 [000] ..... 1.000001: kfree: ptr=" + colour + "\n");
  const std::string error = Refused(absl::StrCat("import ", text, " -o ", Path("x.slt")));
  EXPECT_FALSE(HasControlBytes(error));
  EXPECT_THAT(error, HasSubstr("bad.txt:2: "));
}

TEST_F(ImportProgramTest, AWorkloadIsShownAsTextToo) {
  EXPECT_EQ(Run("workload show " + Write("w.textproto", "\n# a\x1b[31m\xff\n")),
            "# a\\x1b[31m\\xff\n");
  EXPECT_EQ(Run("workload show " + Write("empty.textproto", "")), "");
}

TEST_F(ImportProgramTest, NoCellOfATableIsAFormula) {
  for (const std::string name : {"=cmd()", "+1+cmd()", "-1+cmd()", "@SUM(A1)"}) {
    const std::string trace = Import(Recording("sh", name));
    EXPECT_THAT(Run("trace stat --cache --format=csv " + trace), HasSubstr(",'" + name + ","));
    for (const std::string format : {"csv", "tsv"}) {
      const std::string text =
          Run(absl::StrCat("run --machine=vm-c4n2 --trace=", trace, " --format=", format));
      for (const absl::string_view line : absl::StrSplit(text, '\n')) {
        for (const absl::string_view cell : absl::StrSplit(line, absl::ByAnyChar(",\t"))) {
          EXPECT_NE(cell, name);
        }
      }
    }
  }
}

TEST_F(ImportProgramTest, TraceInfoReadsTheChecksumsOfBlocks) {
  std::string bytes = Contents(Import(Recording()));
  int refused = 0;
  for (size_t at = 0; at < bytes.size(); at += 7) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    const Ending run = Slablab("trace info " + Write("damaged.slt", damaged), "2>&1");
    EXPECT_EQ(run.exit_status, 2) << "offset " << at;
    if (run.exit_status == 2) ++refused;
    EXPECT_THAT(run.text, HasSubstr("damaged.slt: "));
  }
  EXPECT_EQ(refused, static_cast<int>((bytes.size() + 6) / 7));
}

TEST_F(ImportProgramTest, AReaderThatGoesAwayEndsADumpQuietly) {
  const std::string sample = Sample("fork");
  const Ending run = Collect(absl::StrCat("{ ", Runfile("cli/slablab"), " trace dump ", sample,
                                          " | head -1 >/dev/null; } 2>&1"));
  EXPECT_EQ(run.exit_status, 0);
  EXPECT_THAT(run.text, IsEmpty());
}

}  // namespace
}  // namespace slablab
