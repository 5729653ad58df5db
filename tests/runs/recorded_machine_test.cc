// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// The machine that a trace was recorded on, as `slablab run` takes it by default, and what the head
// of the report says of it and of the recorded kernel.

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reports/result_io.h"
#include "tests/cli/run_program.h"
#include "tests/test_files.h"

namespace slablab {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// A folder of its own for each test.
std::string Folder() {
  const fs::path folder = fs::path(::testing::TempDir()) /
                          ::testing::UnitTest::GetInstance()->current_test_info()->name();
  fs::create_directories(folder);
  return folder.string();
}

void Write(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

struct Request {
  int cpu = 0;
  int bytes_req = 1000;
  int bytes_alloc = 1024;
  int node = -1;
};

// As trace-cmd report prints it: each object is freed on the CPU of the request before.
std::string Report(const std::vector<Request>& requests) {
  std::string text = "cpus=160\n";
  int microsecond = 1;
  const auto line = [&](int cpu, const std::string& event) {
    absl::StrAppendFormat(&text, "  task%d-%d    [%03d]   10.%06d000: %s\n", cpu, 100 + cpu, cpu,
                          microsecond, event);
    microsecond += 50;
  };
  for (int round = 0; round < 50; ++round) {
    for (size_t i = 0; i < requests.size(); ++i) {
      const Request& request = requests[i];
      const Request& before = requests[(i + requests.size() - 1) % requests.size()];
      const std::string ptr = absl::StrFormat("0xffff8880%08x", 0x10000000 + microsecond * 4096);
      line(request.cpu,
           absl::StrFormat("kmalloc_node: call_site=make ptr=%s bytes_req=%d bytes_alloc=%d "
                           "gfp_flags=GFP_KERNEL node=%d",
                           ptr, request.bytes_req, request.bytes_alloc, request.node));
      line(before.cpu, absl::StrCat("kfree: call_site=use ptr=", ptr));
    }
  }
  return text;
}

std::string Imported(const std::string& recording, const std::string& flags = "") {
  const std::string trace = absl::StrCat(Folder(), "/imported.slt");
  const Ending run = Slablab(absl::StrCat("import ", recording, " -o ", trace, " ", flags), "2>&1");
  EXPECT_EQ(run.exit_status, 0) << run.text;
  return trace;
}

RunResult ResultOf(const std::string& arguments) {
  const Ending run = Stdout(absl::StrCat("run --format=proto ", arguments));
  EXPECT_EQ(run.exit_status, 0) << arguments << Stderr("run " + arguments).text;
  absl::StatusOr<RunResult> result = ParseResult(run.text, "the run");
  EXPECT_TRUE(result.ok()) << result.status();
  return result.ok() ? *std::move(result) : RunResult();
}

std::vector<uint64_t> OperationsOfCpus(const RunResult& result) {
  std::vector<uint64_t> operations(static_cast<size_t>(result.config().cpus()));
  for (const CpuStats& cpu : result.cpus()) {
    operations[static_cast<size_t>(cpu.cpu())] = cpu.operations();
  }
  return operations;
}

TEST(RecordedMachineTest, BothOrdersPutCpusOfARecordingWithoutNodesInTheSamePlaces) {
  const std::string text = absl::StrCat(Folder(), "/trace.txt");
  Write(text, Report({{.cpu = 0}, {.cpu = 1}, {.cpu = 2}, {.cpu = 3}}));
  const std::string trace = Imported(text);
  const std::string run = absl::StrCat("--machine=vm-c4n2 --trace=", trace, " --order=");
  const RunResult recorded = ResultOf(run + "recorded");
  const RunResult closed = ResultOf(run + "closed");
  EXPECT_THAT(OperationsOfCpus(recorded), ElementsAre(100, 100, 100, 100));
  EXPECT_EQ(OperationsOfCpus(closed), OperationsOfCpus(recorded));
  // CPUs 0 and 2 have what CPUs 3 and 1 free.
  EXPECT_EQ(recorded.totals().remote_frees(), 100);
  EXPECT_EQ(closed.totals().remote_frees(), 100);
  EXPECT_THAT(Stdout("run " + run + "closed").text,
              HasSubstr("does not say which CPU is on which node"));
}

TEST(RecordedMachineTest, ATraceWithoutSidecarsIsOfTheCpusAndNodesThatOccur) {
  const std::string text = absl::StrCat(Folder(), "/trace.txt");
  Write(
      text,
      Report(
          {{.cpu = 0}, {.cpu = 8}, {.cpu = 16}, {.cpu = 128, .node = 8}, {.cpu = 152, .node = 0}}));
  const std::string trace = Imported(text);
  const RunResult result = ResultOf("--trace=" + trace);
  EXPECT_EQ(result.config().machine(), "recorded");
  EXPECT_EQ(result.config().cpus(), 5);
  EXPECT_EQ(result.config().nodes(), 2);
  EXPECT_THAT(OperationsOfCpus(result), ElementsAre(100, 100, 100, 100, 100));
  EXPECT_EQ(result.machine().latencies_source(), "assumed");
  EXPECT_EQ(result.places().cpus_folded(), 0);
  EXPECT_EQ(result.places().allocations_folded(), 0);
  // What must be folded is counted.
  const RunResult small = ResultOf("--machine=uma-1 --trace=" + trace);
  EXPECT_EQ(small.places().cpus_folded(), 4);
  EXPECT_EQ(small.places().nodes_folded(), 1);
  EXPECT_EQ(small.places().allocations_folded(), 50);
  EXPECT_THAT(Stdout("run --machine=uma-1 --trace=" + trace).text,
              HasSubstr("4 of 5 recorded CPUs share a simulated CPU with another"));
  EXPECT_EQ(ResultOf("--machine=recorded@8x4 --trace=" + trace).config().nodes(), 4);
}

TEST(RecordedMachineTest, CpusAreCountedAlikeByAllThatCountThem) {
  const std::string folder = Folder();
  const std::string trace = folder + "/t.slt";
  const auto expect = [&](const std::string& import, const std::string& info, int run) {
    const std::string words = absl::StrCat("import ", folder, "/trace.txt -o ", trace);
    EXPECT_THAT(Stdout(words).text, HasSubstr(import));
    EXPECT_THAT(Stdout("trace info " + trace).text, HasSubstr(info));
    EXPECT_THAT(Stdout("trace info --format=json " + trace).text,
                HasSubstr(absl::StrCat("\"cpu_count\": ", run)));
    EXPECT_EQ(ResultOf("--trace=" + trace).config().cpus(), run);
  };
  Write(folder + "/trace.txt", Report({{.cpu = 0}, {.cpu = 8}, {.cpu = 152}}));
  expect("objects, 3 CPUs, ", " 3 CPUs\n", 3);
  // CPU 8 has events and is on no line.
  Write(folder + "/nodes", "node0 0-1\nnode1 152\n");
  expect("objects, 4 CPUs on 2 nodes", " 4 CPUs on 2 nodes", 4);
}

TEST(RecordedMachineTest, ACpuinfoWithoutAClockIsNamed) {
  const std::string folder = Folder();
  Write(folder + "/trace.txt", Report({{.cpu = 0}}));
  const std::string note = "not used: cpuinfo, which has no clock of a CPU";
  for (const char* cpuinfo : {"cpu MHz : 0.000\n", "cpu MHz : 99999999\n", "garbage\n"}) {
    Write(folder + "/cpuinfo", cpuinfo);
    const std::string trace = Imported(folder + "/trace.txt");
    EXPECT_THAT(ResultOf("--trace=" + trace).machine().notes(), ElementsAre(note)) << cpuinfo;
    EXPECT_THAT(Stdout("run --trace=" + trace).text, HasSubstr("cpuinfo, which has no clock"));
  }
  Write(folder + "/cpuinfo", "cpu MHz : 2400.000\n");
  EXPECT_THAT(ResultOf("--trace=" + Imported(folder + "/trace.txt")).machine().notes(), IsEmpty());
}

TEST(RecordedMachineTest, SidecarsBesideARecordingAreTakenAndSaid) {
  const std::string folder = Folder();
  Write(folder + "/trace.txt", Report({{.cpu = 0}, {.cpu = 1}, {.cpu = 2, .node = 8}, {.cpu = 3}}));
  Write(folder + "/nodes", "node0 0-1\nnode8 2-3\nnode255 \n");
  Write(folder + "/uname", "6.18.3-arm64\n");
  const Ending import =
      Stdout(absl::StrCat("import ", folder, "/trace.txt -o ", folder, "/beside.slt"));
  EXPECT_THAT(import.text, HasSubstr("4 CPUs on 3 nodes"));
  EXPECT_THAT(import.text, HasSubstr("with        nodes, uname of"));
  EXPECT_THAT(Stdout(absl::StrCat("trace info ", folder, "/beside.slt")).text,
              HasSubstr("node 0: 0-1, node 8: 2-3, node 255: none"));
  const RunResult result = ResultOf(absl::StrCat("--trace=", folder, "/beside.slt"));
  EXPECT_EQ(result.config().cpus(), 4);
  EXPECT_EQ(result.config().nodes(), 3);
  EXPECT_EQ(result.totals().remote_frees(), 100);
  EXPECT_EQ(result.places().nodes_folded(), 0);
  EXPECT_EQ(result.kernel_match().recorded(), "6.18.3-arm64");
  EXPECT_EQ(result.config().allocator(), "slub-6.18");
  EXPECT_TRUE(result.kernel_match().same_series());
  const RunResult named =
      ResultOf(absl::StrCat("--allocator=slub-6.1 --trace=", folder, "/beside.slt"));
  EXPECT_FALSE(named.kernel_match().same_series());
  EXPECT_EQ(named.kernel_match().asked(), "");
  const RunResult without =
      ResultOf("--trace=" + Imported(folder + "/trace.txt", "--sidecars=none"));
  EXPECT_EQ(without.config().nodes(), 2);  // node 8 is asked for, and so there is a node 0
  EXPECT_EQ(without.kernel_match().recorded(), "");
  EXPECT_EQ(without.config().allocator(), "slub-7.3");
}

TEST(RecordedMachineTest, KmallocsRoundedOtherwiseWhenRecordedAreCounted) {
  const std::string text = absl::StrCat(Folder(), "/trace.txt");
  // arm64 has no class below 128 bytes.
  Write(text, Report({{.cpu = 0, .bytes_req = 20, .bytes_alloc = 128},
                      {.cpu = 0, .bytes_req = 24, .bytes_alloc = 128},
                      {.cpu = 0, .bytes_req = 100, .bytes_alloc = 128},
                      {.cpu = 0, .bytes_req = 16344, .bytes_alloc = 16384},
                      {.cpu = 0, .bytes_req = 200, .bytes_alloc = 1024}}));
  const std::string trace = Imported(text, "--kernel=6.1.55");
  const RunResult result = ResultOf("--trace=" + trace);
  const KernelMatch& match = result.kernel_match();
  EXPECT_EQ(match.model(), "Linux 6.1");
  EXPECT_TRUE(match.same_series());
  EXPECT_EQ(match.kmallocs(), 250);
  EXPECT_EQ(match.rounded_otherwise(), 150);
  ASSERT_EQ(match.worst_size(), 2);
  EXPECT_EQ(match.worst(0).asked_least(), 20);
  EXPECT_EQ(match.worst(0).asked_most(), 24);
  EXPECT_EQ(match.worst(0).simulated(), 32);
  EXPECT_EQ(match.worst(0).kmallocs(), 100);
  EXPECT_EQ(match.worst(1).recorded(), 1024);
  EXPECT_THAT(Stdout("run --trace=" + trace).text,
              HasSubstr("150 of 250 kmallocs (60.0%) were rounded otherwise when recorded"));
  EXPECT_EQ(ResultOf("--allocator=slubq --trace=" + trace).kernel_match().model(),
            "Linux 2.6.36 + SLUB+Q V3");
  EXPECT_EQ(ResultOf("--order=closed --trace=" + trace).kernel_match().rounded_otherwise(), 150);
}

TEST(RecordedMachineTest, ThatItHasNoMemoryPoliciesIsSaidWhereThatMatters) {
  const std::string text = absl::StrCat(Folder(), "/trace.txt");
  Write(text, Report({{.cpu = 0}}));
  const std::string run =
      absl::StrCat("run --machine=vm-c4n2 --allocator=slub-7.3 --trace=", Imported(text));
  const char said[] = "slab_strict_numa changes nothing here";
  EXPECT_THAT(Stdout(run + " --tune=slab_strict_numa=1").text, HasSubstr(said));
  EXPECT_THAT(Stdout(run + " --tune=slab_strict_numa=1 --order=closed").text, HasSubstr(said));
  EXPECT_THAT(Stdout(run).text, Not(HasSubstr(said)));
}

TEST(RecordedMachineTest, ANodeWithoutMemoryIsInTheHead) {
  const std::string machine = absl::StrCat(Folder(), "/machine.textproto");
  Write(machine, "base: \"vm-c4n2\" memory { node { node: 1 bytes: 0 } }");
  const Ending run =
      Stdout(absl::StrCat("run --events-max=100 --machine=", machine,
                          " --trace=", Runfile("traces/samples/linux-6.1-slub-c4n2-net.slt")));
  EXPECT_EQ(run.exit_status, 0);
  EXPECT_THAT(run.text, HasSubstr("; 0 to 512M a node\n"));
}

TEST(RecordedMachineTest, BundledTracesSayTheirs) {
  const std::string arguments = "run --events-max=2000 --trace=" + Sample("fs");
  const RunResult result = ResultOf("--events-max=2000 --trace=" + Sample("fs"));
  EXPECT_EQ(result.config().machine(), "recorded");
  EXPECT_EQ(result.config().cpus(), 4);
  EXPECT_EQ(result.config().nodes(), 2);
  // Pages that the larger node has present.
  EXPECT_EQ(result.machine().memory_bytes_most(), 131037u * 4096);
  EXPECT_EQ(result.machine().memory_source(), "trace's zoneinfo");
  EXPECT_EQ(result.kernel_match().recorded_allocator(), "SLUB");
  EXPECT_TRUE(result.kernel_match().same_series());
  EXPECT_EQ(result.kernel_match().rounded_otherwise(), 0);
  EXPECT_GT(result.kernel_match().kmallocs(), 0);
  const std::string text = Stdout(arguments).text;
  EXPECT_THAT(text, HasSubstr("\nmachine      recorded: 4 CPUs on 2 nodes, "));
  EXPECT_THAT(text, HasSubstr("4 CPUs on 2 nodes, 3,000 MHz; LLC 32M; 512M a node\n"));
  EXPECT_THAT(text, HasSubstr("caches, clock, latencies:\n             assumed\n"));
  EXPECT_THAT(
      text,
      HasSubstr("\nkernels      recorded on Linux 6.1.192 with SLUB; the model is of Linux 6.1\n"));
  EXPECT_THAT(text, HasSubstr("\n             slub: the model of the recorded kernel 6.1.192 -> "
                              "slub-6.1\n"));
  EXPECT_THAT(text, Not(HasSubstr("rounding")));
  EXPECT_THAT(text, Not(HasSubstr("otherwise")));
  // All of them, those of a boot that only one CPU did, too.
  for (const std::string name : {"fork", "hackbench", "net"}) {
    const RunConfig config = ResultOf("--events-max=100 --trace=" + Sample(name)).config();
    EXPECT_EQ(config.cpus(), 4) << name;
    EXPECT_EQ(config.nodes(), 2) << name;
  }
  const RunConfig percpu = ResultOf("--events-max=100 --allocator=percpu --trace=" +
                                    Runfile("traces/samples/linux-6.1-percpu-c8n2.slt"))
                               .config();
  EXPECT_EQ(percpu.cpus(), 8);
  EXPECT_EQ(percpu.nodes(), 2);
}

TEST(RecordedMachineTest, CachesThatWorkedOtherwiseWhenRecordedAreCounted) {
  const std::string trace =
      "--events-max=20000 --trace=" + Runfile("traces/samples/linux-7.3-slub-c4n2-fs.slt");
  const RunResult own = ResultOf(trace);
  EXPECT_EQ(own.config().allocator(), "slub-7.3");
  EXPECT_EQ(own.kernel_match().asked(), "slub");
  // Of its own kernel only how much a sheaf holds may differ.
  for (const CachesOtherwise& group : own.kernel_match().otherwise()) {
    EXPECT_EQ(group.simulated(), "sheaves");
    EXPECT_LT(group.cycles(), own.kernel_match().cache_cycles() / 10);
  }
  for (const auto& [model, way] :
       std::vector<std::pair<std::string, std::string>>{{"slub-6.1", "CPU slabs"},
                                                        {"slub-6.12", "CPU slabs"},
                                                        {"slub-2010", "CPU slabs"},
                                                        {"slab", "CPU arrays"},
                                                        {"slubq", "CPU queues"}}) {
    const RunResult result = ResultOf("--allocator=" + model + " " + trace);
    const KernelMatch& match = result.kernel_match();
    ASSERT_GT(match.otherwise_size(), 0) << model;
    EXPECT_EQ(match.otherwise(0).recorded(), "sheaves") << model;
    EXPECT_EQ(match.otherwise(0).simulated(), way) << model;
    // All but caches that the recorded kernel did not have.
    uint64_t cycles = 0;
    for (const CachesOtherwise& group : match.otherwise()) cycles += group.cycles();
    EXPECT_GT(cycles, match.cache_cycles() / 10 * 9) << model;
    EXPECT_LE(cycles, match.cache_cycles()) << model;
  }
  // Closed order has the same head, and a SLAB kernel's caches had arrays.
  EXPECT_GT(ResultOf("--order=closed --allocator=slab " + trace).kernel_match().otherwise_size(),
            0);
  const RunResult slab = ResultOf("--events-max=20000 --trace=" +
                                  Runfile("traces/samples/linux-6.1-slab-c4n2-fs.slt"));
  EXPECT_EQ(slab.config().allocator(), "slub-6.1");
  ASSERT_EQ(slab.kernel_match().otherwise_size(), 1);
  EXPECT_EQ(slab.kernel_match().otherwise(0).recorded(), "CPU arrays");
}

TEST(RecordedMachineTest, AWorkloadHasNone) {
  const Ending refused = Stderr("run --workload=hackbench --machine=recorded");
  EXPECT_EQ(refused.exit_status, 2);
  EXPECT_THAT(refused.text, HasSubstr("there is no trace; say which machine"));
  EXPECT_THAT(Stdout("run --workload=hackbench --machine=recorded").text, IsEmpty());
}

}  // namespace
}  // namespace slablab
