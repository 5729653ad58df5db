// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// `slablab run` and `demo` as a user starts them: on the bundled traces, on odd machines, on what
// is not a trace or a machine at all, and interrupted.

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reports/result_io.h"
#include "tests/cli/run_program.h"
#include "tests/test_files.h"
#include "tests/traces/random_trace.h"

namespace slablab {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

// The command ends with status 2 and one line that has all of `culprits`; nothing is on standard
// output.
void ExpectRefusal(const std::string& arguments, const std::vector<std::string>& culprits) {
  SCOPED_TRACE(arguments);
  const std::string program = Runfile("cli/slablab");
  const Ending run = Collect(absl::StrCat(program, " ", arguments, " 2>&1 >/dev/null"));
  EXPECT_EQ(run.exit_status, 2) << run.text;
  EXPECT_THAT(run.text, StartsWith("slablab: "));
  EXPECT_EQ(run.text.find('\n'), run.text.size() - 1) << run.text;
  for (const std::string& culprit : culprits) EXPECT_THAT(run.text, HasSubstr(culprit));
  EXPECT_THAT(Stdout(arguments).text, IsEmpty());
}

RunResult ResultOf(const std::string& arguments) {
  const Ending run = Stdout(absl::StrCat("run --format=proto ", arguments));
  EXPECT_EQ(run.exit_status, 0) << arguments;
  absl::StatusOr<RunResult> result = ParseResult(run.text, "the run");
  EXPECT_TRUE(result.ok()) << result.status();
  return result.ok() ? *std::move(result) : RunResult();
}

std::string RandomBytes(uint64_t seed, size_t bytes) {
  Random random(seed);
  std::string text;
  while (text.size() < bytes) text += static_cast<char>(random.Below(256));
  return text;
}

class RunTest : public FolderTest {};

TEST_F(RunTest, FastPathsAreWithinTwoPointsOfTheKernels) {
  for (const char* name : {"fs", "hackbench"}) {
    SCOPED_TRACE(name);
    const RunResult result = ResultOf(absl::StrCat("--trace=", Sample(name), " --machine=vm-c4n2"));
    ASSERT_EQ(result.kernel().fast_paths_size(), 2);
    for (const FastPathComparison& path : result.kernel().fast_paths()) {
      SCOPED_TRACE(path.operation());
      ASSERT_GT(path.operations(), 10'000u);
      const auto share = [&](uint64_t fast) {
        return static_cast<int64_t>(fast * 10'000 / path.operations());
      };
      EXPECT_NEAR(share(path.simulated_fast()), share(path.kernel_fast()), 200);
    }
  }
}

TEST_F(RunTest, JsonSaysWhatProtobufSays) {
  const std::string arguments = absl::StrCat("--trace=", Sample("fs"), " --machine=vm-c4n2");
  const Ending json = Stdout(absl::StrCat("run --format=json ", arguments));
  const absl::StatusOr<RunResult> parsed = ParseResult(json.text, "json");
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(Serialize(*parsed), Serialize(ResultOf(arguments)));
}

std::string PercpuSample() { return Runfile("traces/samples/linux-6.1-percpu-c8n2.slt"); }

TEST_F(RunTest, PercpuAllocatorsReplayPercpuEvents) {
  for (const std::string allocator : {"percpu", "percpu-2010"}) {
    SCOPED_TRACE(allocator);
    const std::string arguments = absl::StrCat("--trace=", PercpuSample(), " --machine=vm-c4n2");
    const RunResult result = ResultOf(absl::StrCat(arguments, " --allocator=", allocator));
    EXPECT_EQ(result.totals().allocations(), 5'986u);
    const PercpuReport& percpu = result.percpu();
    EXPECT_EQ(percpu.nr_alloc() - percpu.nr_dealloc(), percpu.nr_cur_alloc());
    uint64_t areas = 0;
    for (const PercpuChunkReport& chunk : percpu.chunks()) {
      areas += static_cast<uint64_t>(chunk.nr_alloc());
      EXPECT_LE(chunk.empty_pop_pages(), chunk.populated_pages());
      EXPECT_LE(chunk.max_frag(), chunk.sum_frag());
    }
    EXPECT_EQ(areas, percpu.nr_cur_alloc());
    EXPECT_GT(percpu.nr_max_chunks(), 2u);
    EXPECT_GE(percpu.peak().populated(), percpu.bytes().populated());
    EXPECT_EQ(percpu.projections_size(), 13);
    const Ending stats =
        Stdout(absl::StrCat("run --format=percpu_stats --allocator=", allocator, " ", arguments));
    EXPECT_THAT(stats.text, StartsWith("Percpu Memory Statistics\nAllocation Info:\n"));
    EXPECT_THAT(stats.text, HasSubstr("\nChunk: <- First Chunk\n"));
  }
}

TEST_F(RunTest, WhatAPercpuAllocatorCannotServeIsRefusedWithItsReason) {
  ExpectRefusal(
      absl::StrCat("run --allocator=percpu-km --machine=vm-c4n2 --trace=", PercpuSample()),
      {"can't handle more than one groups", "has 2"});
  ExpectRefusal(absl::StrCat("run --allocator=slub-2010 --percpu=percpu-2010 --machine=vm-c4n2 "
                             "--percpu-quirks=dyn-size-none --trace=",
                             Sample("fs")),
                {"percpu-2010 before early allocation"});
  ExpectRefusal(absl::StrCat("run --allocator=slab --percpu-quirks=32-bit --machine=big-1024 "
                             "--trace=",
                             Sample("fs")),
                {"panics while it boots", "vmalloc space has no room"});
}

TEST_F(RunTest, DemoComparesEveryAllocatorAndLeavesAPage) {
  const std::string page = Path("page.html");
  const Ending run = Collect(absl::StrCat("SLABLAB_ROOT=", Runfile(""), " ", Runfile("cli/slablab"),
                                          " demo --html=", page, " 2>/dev/null"));
  EXPECT_EQ(run.exit_status, 0);
  EXPECT_THAT(run.text, AllOf(StartsWith("8 allocators on xeon-8380: "),
                              HasSubstr("fewest first: "), HasSubstr("slub-7.3 against slub-6.12"),
                              HasSubstr("slubq-v4 against slub-6.12")));
  std::ifstream file(page);
  const std::string html((std::istreambuf_iterator<char>(file)), {});
  EXPECT_THAT(html, AllOf(StartsWith("<!DOCTYPE html>"), HasSubstr("slub-2010")));
  EXPECT_LT(html.size(), 1'500'000u);
  ExpectRefusal("demo more", {"demo takes no arguments"});
}

TEST_F(RunTest, TheSameCommandGivesTheSameBytes) {
  for (const std::string arguments :
       {"--machine=vm-c4n2", "--machine=epyc-7763 --place=spread --seed=3",
        "--machine=vm-c4n2 --start=warm --merge-caches"}) {
    const std::string command =
        absl::StrCat("run --format=proto --trace=", Sample("fs"), " ", arguments);
    const Ending first = Stdout(command);
    EXPECT_EQ(first.exit_status, 0) << arguments;
    EXPECT_EQ(first.text, Stdout(command).text) << arguments;
  }
}

TEST_F(RunTest, OneCpuTakesAllRecordedOnes) {
  const RunResult result = ResultOf(absl::StrCat("--trace=", Sample("fs"), " --machine=uma-1"));
  EXPECT_EQ(result.config().cpus(), 1u);
  EXPECT_EQ(result.config().nodes(), 1u);
  ASSERT_EQ(result.cpus_size(), 1);
  EXPECT_EQ(result.cpus(0).operations(), result.totals().operations());
  EXPECT_EQ(result.places().cpus(), 4u);
  EXPECT_EQ(result.places().cpus_folded(), 3u);
  EXPECT_EQ(result.places().nodes_folded(), 1u);
}

TEST_F(RunTest, AThousandCpusWork) {
  const RunResult result =
      ResultOf(absl::StrCat("--trace=", Sample("fs"), " --machine=big-1024 --place=spread"));
  EXPECT_EQ(result.config().cpus(), 1024u);
  EXPECT_GT(result.cpus_size(), 100);  // One for each task.
}

TEST_F(RunTest, ATraceIsTakenWithoutItsFlagAndABundledOneByItsName) {
  setenv("SLABLAB_ROOT", Sample("fs").substr(0, Sample("fs").find("/traces/samples/")).c_str(), 1);
  const std::string flags = " --events-max=3000 --machine=vm-c4n2";
  const std::string expected = Stdout(absl::StrCat("run --trace=", Sample("fs"), flags)).text;
  ASSERT_THAT(expected, HasSubstr("linux-6.1-slub-c4n2-fs.slt"));
  EXPECT_EQ(Stdout(absl::StrCat("run ", Sample("fs"), flags)).text, expected);
  EXPECT_EQ(Stdout("run linux-6.1-slub-c4n2-fs" + flags).text, expected);
  EXPECT_EQ(Stdout("run --trace=linux-6.1-slub-c4n2-fs.slt" + flags).text, expected);
  EXPECT_EQ(Stdout("trace info linux-6.1-slub-c4n2-fs").exit_status, 0);
  ExpectRefusal("run linux-6.1-slub-c4n2-fsk",
                {"did you mean linux-6.1-slub-c4n2-fs", "list traces"});
  ExpectRefusal("run hackbench", {"'hackbench' is a workload, not a trace: --workload=hackbench"});
  ExpectRefusal("run linux-6.1-slub-c4n2-fs --trace=x.slt", {"takes one trace", "are two"});
  ExpectRefusal("run a b", {"takes one trace: 'a' and 'b' are two"});
  ExpectRefusal("run", {"run wants to know what to run", "slablab list traces"});
}

TEST_F(RunTest, WrongNamesAreAnsweredWithTheRightOnes) {
  const std::string trace = absl::StrCat("run --trace=", Sample("fs"), " ");
  ExpectRefusal(trace + "--allocator=slob", {"unknown allocator 'slob'", "valid are: slub"});
  ExpectRefusal(trace + "--machine=xeon-9999", {"xeon-9999", "xeon-8380", "vm-c4n2", "uma-1"});
  ExpectRefusal(trace + "--order=loose", {"--order=loose", "valid are: recorded, closed"});
  ExpectRefusal(trace + "--place=near", {"--place=near", "valid are: recorded, spread"});
  ExpectRefusal(trace + "--start=hot", {"--start=hot", "valid are: cold, warm"});
  ExpectRefusal(trace + "--quirks=quark", {"quirk of slub-6.1 'quark'", "valid are: "});
  ExpectRefusal(trace + "--events-max=-1", {"--events-max"});
  ExpectRefusal(trace + "stray", {"'stray'"});
  ExpectRefusal("run", {"run wants to know what to run"});
}

TEST_F(RunTest, ImpossibleMachinesAreRefused) {
  const std::string run = absl::StrCat("run --trace=", Sample("fs"), " --machine=");
  const std::string preset = Contents(Runfile("sim/machine/presets/vm-c4n2.textproto"));
  const auto edited = [&](const std::string& name, const std::string& from, const std::string& to) {
    EXPECT_THAT(preset, HasSubstr(from));
    return Write(name, absl::StrReplaceAll(preset, {{from, to}}));
  };
  const std::string broken = edited("broken.textproto", "\ntopology: ", "\ntopology: : ");
  ExpectRefusal(run + broken, {broken + ":9:11: "});
  ExpectRefusal(run + "'pack:100 core:100 pu:1'", {"10000", "4096"});
  ExpectRefusal(run + "'numa:65 core:1 pu:1'", {"65", "64"});
  const std::string noise = Write("noise.textproto", RandomBytes(1, 4096));
  ExpectRefusal(run + noise, {noise});
  ExpectRefusal(run + Path("none.textproto"), {"none.textproto"});
}

TEST_F(RunTest, WhatIsNoTraceIsRefused) {
  const std::string noise = Write("noise.slt", RandomBytes(2, 4096));
  ExpectRefusal("run --trace=" + noise, {noise});
  ExpectRefusal("run --trace=no/such.slt", {"no/such.slt", "there is no such file"});
  ExpectRefusal("run --trace=" + folder(), {folder()});
  ExpectRefusal("report " + noise, {noise});
  ExpectRefusal("verify " + noise, {noise});
  const std::string imported = Path("imported.slt");
  for (const char* format :
       {"", "--from=trace.dat", "--from=trace-cmd", "--from=tracefs", "--from=perf"}) {
    ExpectRefusal(absl::StrCat("import ", noise, " ", format, " -o ", imported), {noise});
    EXPECT_FALSE(fs::exists(imported));
  }
}

TEST_F(RunTest, ATruncatedTraceIsRefusedWhereverItEnds) {
  const std::string whole = WriteToString(RandomTrace({.events = 300}), {}).value();
  constexpr size_t kLengths = 50;
  for (size_t i = 0; i < kLengths; ++i) {
    const std::string cut = Write("cut.slt", whole.substr(0, whole.size() * i / kLengths));
    const Ending run = Collect(absl::StrCat(
        Runfile("cli/slablab"), " run --machine=uma-1 --trace=", cut, " 2>&1 >/dev/null"));
    EXPECT_EQ(run.exit_status, 2) << i << ": " << run.text;
    EXPECT_THAT(run.text, StartsWith("slablab: " + cut));
    EXPECT_EQ(run.text.find('\n'), run.text.size() - 1) << run.text;
  }
}

TEST_F(RunTest, AnyWholeTraceRuns) {
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    // With `wild`, events as no kernel records them: frees before allocations, sizes of gigabytes.
    const Trace trace = RandomTrace({.seed = seed, .events = 3000, .wild = seed % 2 == 0});
    const std::string path = Write("random.slt", WriteToString(trace, {}).value());
    const RunResult result = ResultOf(absl::StrCat("--machine=vm-c4n2 --trace=", path));
    EXPECT_GT(result.totals().operations(), 0u);
  }
}

TEST_F(RunTest, TheModelsOf2010RunEveryBundledTrace) {
  for (const char* name : {"fs", "fork", "hackbench", "net"}) {
    const std::string trace = absl::StrCat("--machine=xeon-8380 --trace=", Sample(name));
    const RunResult slub = ResultOf(trace);
    for (const char* model : {"slub-2010", "slubq-v2", "slubq", "slubq-v4"}) {
      const RunResult result = ResultOf(absl::StrCat(trace, " --allocator=", model));
      EXPECT_EQ(result.totals().operations(), slub.totals().operations()) << model << name;
      EXPECT_EQ(result.totals().failed_allocations(), 0u) << model << name;
      EXPECT_FALSE(result.has_reclaim());
    }
  }
}

TEST_F(RunTest, QueuesAreListedIfAskedFor) {
  const std::string run =
      absl::StrCat("run --machine=vm-c4n2 --allocator=slubq-v4 --trace=", Sample("fs"), " ");
  EXPECT_THAT(Stdout(run).text, Not(HasSubstr("What the queues hold")));
  const std::string all = Stdout(run + "--queues=all --limit=0").text;
  EXPECT_THAT(all, HasSubstr("What the queues hold"));
  for (const char* list : {"\n  slabs ", "\n  queue ", "\n  shared ", "\n  alien "}) {
    EXPECT_THAT(all, HasSubstr(list));
  }
  const std::string shared = Stdout(run + "--queues=shared --limit=0").text;
  EXPECT_THAT(shared, AllOf(HasSubstr("\n  shared "), Not(HasSubstr("\n  queue "))));
  ExpectRefusal(run + "--queues=array",
                {"unknown list of queues 'array'", "slabs, queue, shared, alien, all"});
  ExpectRefusal(run + "--queues=all --format=json", {"--queues is for --format=text"});
}

TEST_F(RunTest, PressureEmptiesQueuesAndIsReported) {
  const std::string run = absl::StrCat("--machine=vm-c4n2 --trace=", Sample("fs"), " --allocator=");
  for (const char* model : {"slubq", "slubq-v4"}) {
    const RunResult result = ResultOf(absl::StrCat(run, model, " --pressure-us=100000"));
    // Each of two nodes, ten times a second for six seconds.
    EXPECT_NEAR(static_cast<double>(result.reclaim().calls()), 126, 2);
    EXPECT_GT(result.reclaim().bytes(), 100'000u);
    EXPECT_EQ(result.reclaim().direct_calls(), 0u);
  }
  // None of these has a shrinker.
  for (const char* model : {"slub", "slab", "slubq-v2"}) {
    EXPECT_EQ(ResultOf(absl::StrCat(run, model, " --pressure-us=100000")).reclaim().bytes(), 0u);
  }
  const std::string text = Stdout(absl::StrCat("run ", run, "slubq --pressure-us=100000")).text;
  EXPECT_THAT(text, HasSubstr("memory short every 100"));
  EXPECT_THAT(text, HasSubstr("the allocator gave back"));
}

// A quirk that damages the allocator's own structures is for the auditor to find.
TEST_F(RunTest, TheAuditorNamesWhatABootQuirkLeftBehind) {
  const std::string run =
      absl::StrCat("run --machine=vm-c4n2 --allocator=slub-2010 --trace=", Sample("net"));
  EXPECT_THAT(Stdout(run).text, Not(HasSubstr("auditor")));
  EXPECT_THAT(Stdout(run + " --quirks=bootstrap-cpu-slab").text,
              HasSubstr("QUIRK: the auditor saw"));
}

TEST_F(RunTest, AWarmStartWantsSidecars) {
  const std::string path =
      Write("bare.slt", WriteToString(RandomTrace({.events = 100}), {}).value());
  ExpectRefusal("run --start=warm --machine=uma-1 --trace=" + path, {"sys-kernel-slab.before"});
}

TEST_F(RunTest, NamesNeedNotBeText) {
  const std::string trace = Write("\xff.slt", WriteToString(RandomTrace({}), {}).value());
  const std::string result = Path("result.pb");
  const std::string arguments = "--machine=vm-c4n2 --trace=" + trace;
  EXPECT_EQ(Stdout("run --format=proto -o " + result + " " + arguments).exit_status, 0);
  EXPECT_EQ(Stdout("report " + result).text, Stdout("run " + arguments).text);
  for (const std::string& command :
       {"run --format=json " + arguments, "trace info --format=json " + trace,
        "trace stat --format=json " + trace}) {
    EXPECT_THAT(Stdout(command).text, HasSubstr("\\\\xff.slt")) << command;
  }
}

TEST_F(RunTest, AReportThatDoesNotArriveIsAnError) {
  for (const std::string command : {"run --machine=vm-c4n2 --trace=", "verify ", "trace dump "}) {
    const Ending run = Collect(
        absl::StrCat(Runfile("cli/slablab"), " ", command, Sample("fs"), " 2>&1 >/dev/full"));
    EXPECT_EQ(run.exit_status, 2) << command;
    EXPECT_THAT(run.text, AllOf(StartsWith("slablab: cannot write "), HasSubstr("No space left")));
  }
}

TEST_F(RunTest, AFreeOfAnUnknownPointerIsCountedAndLeftOut) {
  const std::string text =
      Write("text.txt",
            "  sh-7  [000] .....  10.000001: kmalloc: call_site=f+0x1/0x2 ptr=ffff888000001000 "
            "bytes_req=100 bytes_alloc=128 gfp_flags=GFP_KERNEL node=-1 accounted=false\n"
            "  sh-7  [001] .....  10.000002: kfree: call_site=g+0x1/0x2 ptr=ffff888000abc000\n"
            "  sh-7  [000] .....  10.000003: kfree: call_site=g+0x1/0x2 ptr=ffff888000001000\n");
  const std::string trace = Path("text.slt");
  ASSERT_EQ(Stdout(absl::StrCat("import ", text, " -o ", trace)).exit_status, 0);
  const RunResult result = ResultOf("--machine=vm-c4n2 --trace=" + trace);
  EXPECT_EQ(result.totals().operations(), 2u);
  ASSERT_EQ(result.totals().skipped_size(), 1);
  EXPECT_EQ(result.totals().skipped(0).name(), "free of an object older than the trace");
  EXPECT_EQ(result.totals().skipped(0).count(), 1u);
}

// Ctrl-C, at several moments of a run that takes a while.
TEST_F(RunTest, AnInterruptedRunLeavesNothing) {
  const std::string program = Runfile("cli/slablab");
  const std::string trace = "--trace=" + Sample("hackbench");
  const std::string output = Path("result.pb");
  for (const useconds_t delay : {30'000, 100'000, 200'000}) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      const int nowhere = open("/dev/null", O_WRONLY);
      dup2(nowhere, STDERR_FILENO);
      execl(program.c_str(), program.c_str(), "run", trace.c_str(), "--machine=big-1024",
            "--place=spread", "-o", output.c_str(), nullptr);
      _exit(99);
    }
    usleep(delay);
    kill(child, SIGINT);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    // Before the replay has begun the signal ends the program as it would any other; a shell calls
    // either 130.
    EXPECT_TRUE((WIFEXITED(status) && WEXITSTATUS(status) == 130) ||
                (WIFSIGNALED(status) && WTERMSIG(status) == SIGINT))
        << status;
    EXPECT_TRUE(fs::is_empty(folder())) << delay;
  }
}

}  // namespace
}  // namespace slablab
