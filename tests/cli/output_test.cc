// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// What the program does with outputs that cannot be: no command replaces what it reads, and where a
// limit of the process is reached, there are words, status 2 and no file.

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/cli/run_program.h"
#include "tests/sanitizers.h"
#include "tests/test_files.h"
#include "workloads/synthetic/workload_loader.h"

namespace slablab {
namespace {

namespace fs = std::filesystem;
using ::testing::AnyOf;
using ::testing::HasSubstr;

class OutputTest : public FolderTest {
 protected:
  void SetUp() override { fs::copy(Sample("net"), Path("in.slt")); }

  // Runs it in the test's folder, behind `before`.
  Ending Do(const std::string& before, const std::string& arguments) const {
    return Collect(absl::StrCat("cd ", folder(), " && ", before, Runfile("cli/slablab"), " ",
                                arguments, " 2>&1 >/dev/null"));
  }
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder())) {
      names.push_back(entry.path().filename());
    }
    return names;
  }
};

TEST_F(OutputTest, NoCommandReplacesWhatItReads) {
  const std::string run = " --machine=vm-c4n2 --events-max=1000";
  Write("recording.txt",
        "cpus=1\n  sh-7  [000]  1.000000001: kmalloc: call_site=f+0x1 ptr=0xffff888100000000 "
        "bytes_req=60 bytes_alloc=64 gfp_flags=GFP_KERNEL node=-1 accounted=false\n");
  fs::create_directory(Path("recording"));
  fs::copy(Path("recording.txt"), Path("recording/trace.txt"));
  Write("recording/nodes", "node0 0\n");
  Write("machine.textproto", "base: \"vm-c4n2\"");
  Write("work.textproto", LoadWorkloadText("slab-batch")->textproto);
  Write("storm.textproto", "events { at_us: 1 pressure { } }");
  Write("suite.textproto",
        "base { trace: \"in.slt\" events_max: 1000 machine: \"vm-c4n2\" } point { name: \"a\" }");
  Write("sweep.textproto", "base { trace: \"in.slt\" events_max: 1000 machine: \"vm-c4n2\" }");
  ASSERT_EQ(Do("", "run --trace=in.slt --format=proto -o a.result" + run).exit_status, 0);
  ASSERT_EQ(Do("", "run --trace=in.slt --operations=a.log -o /dev/null" + run).exit_status, 0);
  ASSERT_EQ(Do("", "sweep run sweep.textproto").exit_status, 0);
  const std::string point = absl::StrCat(
      "sweep.results/", fs::directory_iterator(Path("sweep.results"))->path().filename().string());
  // The arguments, and the input that is to be the output.
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"run --trace=in.slt -o " + run, "in.slt"},
      {"run --trace=in.slt --operations=" + run, "in.slt"},
      {"run --trace=in.slt --machine=machine.textproto -o ", "machine.textproto"},
      {"run --workload=work.textproto --machine=vm-c4n2 -o ", "work.textproto"},
      {"run --workload=slab-batch --scenario=storm.textproto --machine=vm-c4n2 -o ",
       "storm.textproto"},
      {"compare --trace=in.slt --allocators=slub,slab -o " + run, "in.slt"},
      {"timeline --trace=in.slt -o " + run, "in.slt"},
      {"workload write work.textproto --machine=vm-c4n2 -o ", "work.textproto"},
      {"trace slice in.slt --events 1..5 -o ", "in.slt"},
      {"import recording.txt -o ", "recording.txt"},
      {"import recording -o ", "recording/trace.txt"},
      {"import recording -o ", "recording/nodes"},
      {"report a.result -o ", "a.result"},
      {"report a.result a.result -o ", "a.result"},
      {"check suite.textproto --junit=", "suite.textproto"},
      {"sweep merge sweep.textproto -o ", "sweep.textproto"},
      {"sweep merge sweep.textproto -o ", point},
  };
  fs::create_directory(Path("links"));
  int number = 0;
  for (const auto& [arguments, input] : cases) {
    const std::string before = ContentsOf(input);
    const std::string soft = absl::StrCat("links/soft", ++number);
    const std::string hard = absl::StrCat("links/hard", number);
    fs::create_symlink(Path(input), Path(soft));
    fs::create_hard_link(Path(input), Path(hard));
    for (const std::string& output : {input, soft, hard, absl::StrCat("./links/../", input)}) {
      // The output's flag is the last of the case, or the last before the run's.
      std::string words = arguments;
      const size_t at = words.find(run);
      words.insert(at == std::string::npos ? words.size() : at, output);
      const Ending ending = Do("", words);
      EXPECT_EQ(ending.exit_status, 2) << words;
      EXPECT_THAT(ending.text, HasSubstr("is read, so it cannot be the output too")) << words;
      EXPECT_EQ(ContentsOf(input), before) << words;
    }
  }
  EXPECT_EQ(Do("", "run --trace=in.slt --operations=x -o ./x" + run).exit_status, 2);
}

TEST_F(OutputTest, AFileBeyondItsLimitIsSaidAndLeavesNothing) {
  for (const char* arguments :
       {"run --trace=in.slt --machine=vm-c4n2 --events-max=2000 --operations=out -o /dev/null",
        "run --trace=in.slt --machine=vm-c4n2 --events-max=2000 --format=json -o out",
        "trace slice in.slt --events 1.. -o out",
        "timeline --trace=in.slt --machine=vm-c4n2 --events-max=2000 -o out"}) {
    const Ending ending = Do("ulimit -f 4; ", arguments);
    EXPECT_EQ(ending.exit_status, 2) << arguments;
    EXPECT_THAT(ending.text, HasSubstr("out: File too large")) << arguments;
    EXPECT_EQ(Names().size(), 1u) << arguments;
  }
}

// However early it ends.
TEST_F(OutputTest, TheEndOfAddressSpaceIsSaidAndLeavesNothing) {
  if (kUnderAddressSanitizer) {
    GTEST_SKIP() << "the address sanitizer takes terabytes of address space for itself";
  }
  int refused = 0;
  for (int mib = 30; mib < 2'000; mib += mib / 4) {
    const Ending ending =
        Do(absl::StrCat("ulimit -v ", mib * 1024, "; "),
           "run --trace=in.slt --machine=xeon-8380 --events-max=2000 --operations=log -o out");
    // Below what its libraries take, the loader refuses to start it.
    if (ending.exit_status == 127) continue;
    EXPECT_THAT(ending.exit_status, AnyOf(0, 2)) << mib << " MiB: " << ending.text;
    if (ending.exit_status == 0) break;
    ++refused;
    EXPECT_THAT(ending.text, HasSubstr("memory")) << mib;
    EXPECT_EQ(Names().size(), 1u) << mib;
  }
  EXPECT_GT(refused, 0);
}

// Nor is it our fault in a process of ours.
TEST_F(OutputTest, TheEndOfAddressSpaceInAChildIsTheHosts) {
  if (kUnderAddressSanitizer) {
    GTEST_SKIP() << "the address sanitizer takes terabytes of address space for itself";
  }
  Write("a.textproto", "trace: 'in.slt' machine: 'vm-c4n2' events_max: 2000");
  Write("b.textproto", "trace: 'in.slt' machine: 'penryn-2x4' events_max: 2000");
  for (const char* arguments :
       {"explain slub-7.2 slub-7.3 in.slt --machine=vm-c4n2 --events-max=2000",
        "diff a.textproto b.textproto"}) {
    int refused = 0;
    for (int mib = 40; mib < 2'000; mib += mib / 4) {
      const Ending ending = Do(absl::StrCat("ulimit -v ", mib * 1024, "; "), arguments);
      if (ending.exit_status == 127) continue;
      EXPECT_THAT(ending.exit_status, AnyOf(0, 1, 2)) << mib << " MiB: " << ending.text;
      if (ending.exit_status != 2) break;
      ++refused;
      EXPECT_THAT(ending.text, HasSubstr("memory")) << mib;
    }
    EXPECT_GT(refused, 0) << arguments;
  }
}

}  // namespace
}  // namespace slablab
