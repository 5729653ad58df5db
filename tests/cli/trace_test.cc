// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// The commands on traces: what they accept, print, and answer.

#include "traces/slt/trace.h"

#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "cli/output/event_text.h"
#include "cli/trace_selection.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/test_files.h"
#include "tests/traces/random_trace.h"

namespace slablab {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr Nanos kForever = std::numeric_limits<Nanos>::max();

TEST(SelectionTest, TimesAreExact) {
  EXPECT_EQ(*ParseTime("8.037901335"), 8037901335u);
  EXPECT_EQ(*ParseTime("8"), 8000000000u);
  EXPECT_EQ(*ParseTime("0.1s"), 100000000u);
  EXPECT_EQ(*ParseTime("18446744073.709551615"), kForever);
  EXPECT_EQ(*ParseTime("8037901335ns"), 8037901335u);
  for (const std::string bad : {"", "s", "ns", ".5", "-1", "+1", "1e3", "0.1234567891", " 1",
                                "1.5ns", "18446744073.709551616", "99999999999999999999ns"}) {
    EXPECT_FALSE(ParseTime(bad).ok()) << bad;
  }
}

TEST(SelectionTest, EitherEndOfATimeRangeMayBeLeftOut) {
  EXPECT_EQ(ParseTimeRange("1,2")->from, 1000000000u);
  EXPECT_EQ(ParseTimeRange("1,2")->to, 2000000000u);
  EXPECT_EQ(ParseTimeRange(",2")->from, 0u);
  EXPECT_EQ(ParseTimeRange("1,")->to, kForever);
  for (const std::string bad : {"1", "2,1", "1,1", "1,2,3", "a,b"}) {
    EXPECT_FALSE(ParseTimeRange(bad).ok()) << bad;
  }
}

TEST(SelectionTest, CpuListsAreAscendingAndEachOnce) {
  EXPECT_THAT(*ParseCpuList("8,0-2,1"), ElementsAre(CpuId(0), CpuId(1), CpuId(2), CpuId(8)));
  EXPECT_THAT(*ParseCpuList("4095"), ElementsAre(CpuId(4095)));
  for (const std::string bad : {"", "a", "3-1", "1-", "-1", "0-4096", "1,,2"}) {
    EXPECT_FALSE(ParseCpuList(bad).ok()) << bad;
  }
}

TEST(EventTextTest, ANameHoldsFromItsTimeOn) {
  TraceHeader header;
  header.tasks = {{7, 0, "sh"}, {7, 5000, "mkdir"}, {9, 100, "late"}};
  EXPECT_EQ(CommAt(header, 7, 4999), "sh");
  EXPECT_EQ(CommAt(header, 7, 5000), "mkdir");
  EXPECT_EQ(CommAt(header, 8, 5000), "<...>");
  EXPECT_EQ(CommAt(header, 9, 99), "<...>");
}

TEST(EventTextTest, EventsReadAsTracefsPrintsThem) {
  TraceHeader header;
  header.call_sites.push_back("getname_flags+0x2b");
  header.gfp_flags.push_back("GFP_KERNEL");
  header.caches.resize(2);
  header.caches[1].name = "names_cache";
  header.tasks = {{74, 0, "workload"}};
  Event event;
  event.kind = EventKind::kCacheAlloc;
  event.time = 8044563985;
  event.object = 2;
  event.address = 0xff110000201e0000;
  event.bytes_req = event.bytes_alloc = 4096;
  event.pid = 74;
  event.cpu = 2;
  event.call_site = event.gfp = event.cache = 1;
  event.context = Context::kHardirq;
  event.irqs_off = event.inferred = true;
  fmt::memory_buffer text;
  AppendEventText(header, event, &text);
  EXPECT_EQ(fmt::to_string(text),
            "        workload-74      [002] d.h..     8.044563985: kmem_cache_alloc: object=2 "
            "inferred call_site=getname_flags+0x2b ptr=0xff110000201e0000 name=names_cache "
            "bytes_req=4096 bytes_alloc=4096 gfp_flags=GFP_KERNEL node=-1\n");
  event = Event();
  event.kind = EventKind::kLost;
  event.cpu = 3;
  event.bytes_req = 12;
  text.clear();
  AppendEventText(header, event, &text);
  EXPECT_EQ(fmt::to_string(text), "CPU:3 [LOST 12 EVENTS]\n");
}

struct Ending {
  int exit_status = -1;
  std::string text;  // of stdout and stderr
};

class TraceCommandTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = NewFolder();
    trace_ = RandomTrace({.seed = 8, .events = 500});
    bytes_ = *WriteToString(trace_, {.events_per_block = 50, .zstd_level = 1});
    WriteContents(Path("t.slt"), bytes_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string Path(const std::string& name) const { return folder_ + "/" + name; }

  // Runs `slablab trace ARGUMENTS` in the folder.
  Ending Run(const std::string& arguments) const {
    const std::string program = absl::StrCat(std::getenv("TEST_SRCDIR"), "/slablab/cli/slablab");
    Ending run;
    std::FILE* pipe = popen(
        absl::StrCat("cd ", folder_, " && ", program, " trace ", arguments, " 2>&1").c_str(), "r");
    if (pipe == nullptr) return run;
    char buffer[4096];
    while (const size_t bytes = std::fread(buffer, 1, sizeof(buffer), pipe)) {
      run.text.append(buffer, bytes);
    }
    const int status = pclose(pipe);
    if (WIFEXITED(status)) run.exit_status = WEXITSTATUS(status);
    return run;
  }
  std::vector<std::string> Lines(const std::string& arguments) const {
    const Ending run = Run(arguments);
    EXPECT_EQ(run.exit_status, 0) << run.text;
    return absl::StrSplit(run.text, '\n', absl::SkipEmpty());
  }

  std::string folder_;
  Trace trace_;
  std::string bytes_;
};

TEST_F(TraceCommandTest, InfoFitsEightyColumns) {
  const std::vector<std::string> lines = Lines("info t.slt");
  EXPECT_THAT(lines, Each(SizeIs(::testing::Le(80u))));
  EXPECT_THAT(lines[0], StartsWith("t.slt: 500 events of "));
  const std::string text = Run("info t.slt").text;
  EXPECT_THAT(text, HasSubstr("4 CPUs on 2 nodes; node 0: 0,2, node 1: 1,3"));
  EXPECT_THAT(text, HasSubstr("three frees were not recorded"));
  EXPECT_THAT(text, HasSubstr("slabinfo.before"));
  EXPECT_THAT(Run("info t.slt --format=json").text, HasSubstr("\"event_count\": \"500\""));
}

TEST_F(TraceCommandTest, WhatTheKernelCountedIsShown) {
  const auto sidecar = [](const std::string& when, int times) {
    std::string text;
    for (const auto& [counter, growth] :
         {std::pair{"alloc_fastpath", 20081}, std::pair{"free_fastpath", 13446},
          std::pair{"free_slowpath", 6635}, std::pair{"free_rcu_sheaf", 36}}) {
      absl::StrAppend(&text, "/sys/kernel/slab/skbuff_head_cache/", counter, ":",
                      5 + growth * times, "\n/sys/kernel/slab/idle/", counter, ":7\n");
    }
    absl::StrAppend(&text, "/sys/kernel/slab/skbuff_head_cache/slabs:290 N0=290\n");
    return TraceSidecar{"sys-kernel-slab." + when, text};
  };
  trace_.header.sidecars = {sidecar("before", 0), sidecar("after", 1)};
  trace_.header.repairs = {{"inferred-free-by-rcu", 36, "by RCU", {{"maple_node", 36}}}};
  WriteContents(Path("t.slt"), *WriteToString(trace_, {}));
  EXPECT_THAT(Lines("info t.slt"), Each(SizeIs(::testing::Le(80u))));
  const std::string text = Run("info t.slt").text;
  EXPECT_THAT(text, HasSubstr("by RCU: maple_node 36\n"));
  EXPECT_THAT(text, HasSubstr("     20081  alloc_fastpath\n"));
  EXPECT_THAT(text, HasSubstr("\nskbuff_head_cache               20081        0     13446     6635"
                              "      36    290\n"));
  EXPECT_THAT(text, Not(HasSubstr("idle")));
  const std::string json = Run("info t.slt --format=json").text;
  EXPECT_THAT(json, HasSubstr("\"cache\": \"skbuff_head_cache\""));
  EXPECT_THAT(json, HasSubstr("\"counter\": \"free_rcu_sheaf\""));
  EXPECT_THAT(Run("stat t.slt").text,
              HasSubstr("Counted by the kernel itself: 20081 allocations and 20081 frees,\n"
                        "and 36 frees by kvfree_rcu, which have no event\n"));
}

TEST_F(TraceCommandTest, DumpPrintsTheSelection) {
  EXPECT_THAT(Lines("dump t.slt"), SizeIs(500));
  EXPECT_THAT(Lines("dump t.slt --events 10..19"), SizeIs(10));
  EXPECT_THAT(Lines("dump t.slt --limit 3"), SizeIs(3));
  for (const std::string& line : Lines("dump t.slt --cpus 2")) {
    EXPECT_THAT(line, ::testing::AnyOf(HasSubstr("[002]"), StartsWith("CPU:2 ")));
  }
}

TEST_F(TraceCommandTest, ASliceIsATrace) {
  const Ending run = Run("slice t.slt --events 100..299 -o part.slt");
  EXPECT_EQ(run.exit_status, 0) << run.text;
  EXPECT_THAT(run.text, HasSubstr("200  events"));
  EXPECT_THAT(Lines("dump part.slt"), SizeIs(200));
  EXPECT_EQ(Run("validate part.slt t.slt").exit_status, 0);
  EXPECT_THAT(Run("slice t.slt").text, HasSubstr("say which with -o"));
}

TEST_F(TraceCommandTest, ABrokenInvariantIsStatusOne) {
  for (Event& event : trace_.events) {
    if (event.kind == EventKind::kCacheAlloc) event.address = 0xff11000000001000;
  }
  WriteContents(Path("broken.slt"), *WriteToString(trace_, {}));
  const Ending run = Run("validate t.slt broken.slt");
  EXPECT_EQ(run.exit_status, 1);
  EXPECT_THAT(run.text, AllOf(HasSubstr("t.slt: 500 events"), HasSubstr("0 violations"),
                              HasSubstr("broken.slt: event ")));
}

TEST_F(TraceCommandTest, DamageIsStatusTwoUnlessSalvaged) {
  bytes_[bytes_.size() / 3] ^= 1;
  WriteContents(Path("t.slt"), bytes_);
  for (const std::string command : {"dump t.slt", "validate t.slt", "slice t.slt -o part.slt"}) {
    const Ending run = Run(command);
    EXPECT_EQ(run.exit_status, 2) << command;
    EXPECT_THAT(run.text, HasSubstr("slablab: t.slt: block "));
  }
  EXPECT_FALSE(fs::exists(Path("part.slt")));
  for (const std::string command :
       {"dump t.slt", "validate t.slt", "slice t.slt -o part.slt", "info t.slt"}) {
    const Ending run = Run(command + " --salvage");
    EXPECT_EQ(run.exit_status, 0) << command << run.text;
    EXPECT_THAT(run.text, HasSubstr(" events salvaged, 50 lost"));
  }
}

TEST_F(TraceCommandTest, WhatIsNoTraceIsStatusTwo) {
  WriteContents(Path("text.slt"), "hello");
  for (const std::string name : {"text.slt", "none.slt", ".", "/dev/null"}) {
    const Ending run = Run("info " + name);
    EXPECT_EQ(run.exit_status, 2) << name;
    EXPECT_THAT(run.text, StartsWith("slablab: " + name + ": "));
  }
  EXPECT_EQ(Run("dump t.slt --events 5").exit_status, 2);
  EXPECT_EQ(Run("dump t.slt --time 2,1").exit_status, 2);
  EXPECT_EQ(Run("dump t.slt --cpus x").exit_status, 2);
  EXPECT_EQ(Run("dump").exit_status, 2);
}

}  // namespace
}  // namespace slablab
