// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// `slablab verify` as a user or a build runs it.

#include <filesystem>
#include <string>
#include <utility>

#include "base/whole_file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/cli/run_program.h"

namespace slablab {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr char kRun[] =
    "slab-reference 1\n"
    "kernel linux-6.1.192 slub\n"
    "machine cpus=1 nodes=1 cpus_per_node=1 mib_per_node=64 page_size=4096 cache_line=64\n"
    "pattern small\n"
    "cache name=x object_size=1024 align=0 hwcache_align=0 ctor=0\n"
    "a 0 0 0@0:0\n"
    "a 0 1 0:1024\n"
    "count alloc_slab 1 C0=1\n"
    "end\n";

// Writes a file that the test may hand to the program.
std::string Write(const std::string& name, const std::string& text) {
  const std::string path = ::testing::TempDir() + "/" + name;
  EXPECT_TRUE(WriteOutput(path, text).ok());
  return path;
}

std::string Changed(const std::string& from, const std::string& to) {
  std::string text = kRun;
  return text.replace(text.find(from), from.size(), to);
}

TEST(VerifyTest, AgreementIsStatusZeroAndCounted) {
  const std::string path = Write("good.ref", kRun);
  const Ending run = Stdout("verify " + path + " tests/reference/slub-c1n1-x009-shrink.ref.gz");
  EXPECT_EQ(run.exit_status, 0);
  EXPECT_THAT(run.text, HasSubstr("2 of 2"));
  EXPECT_THAT(run.text, HasSubstr("2 files in total"));
  EXPECT_EQ(run.text.find("DISAGREES"), std::string::npos);
}

TEST(VerifyTest, TheFirstDisagreementIsShownWithItsContextAndStatusOne) {
  const std::string bad = Write("bad.ref", Changed("0:1024", "0:2048"));
  const Ending run = Stdout("verify " + Write("good.ref", kRun) + " " + bad);
  EXPECT_EQ(run.exit_status, 1);
  EXPECT_THAT(run.text, AllOf(HasSubstr("DISAGREES"), HasSubstr("1 of 2"),
                              HasSubstr(bad + ":7: CPU 0 allocates object 1\n"),
                              HasSubstr("kernel: slab 0 on node 0 at 2048\n"),
                              HasSubstr("on node 0 at 1024, by \"alloc fast\"\n"),
                              HasSubstr("line 6: CPU 0 allocates object 0 in slab 0 at 0\n"),
                              HasSubstr("slabs 1 N0=1\n")));
  const Ending count = Stdout("verify " + Write("count.ref", Changed("1 C0=1", "2 C0=2")));
  EXPECT_EQ(count.exit_status, 1);
  EXPECT_THAT(count.text, HasSubstr("alloc_slab at the end\n  kernel: 2 C0=2\n  model:  1 C0=1\n"));
}

TEST(VerifyTest, JsonSaysTheSame) {
  const Ending run = Stdout("verify --format=json " + Write("good.ref", kRun));
  EXPECT_EQ(run.exit_status, 0);
  EXPECT_THAT(run.text, AllOf(HasSubstr("\"agrees\": true"), HasSubstr("\"agreeing\": \"2\"")));
}

TEST(VerifyTest, GeometryIsComputedForTheCpusBesideItOrGiven) {
  const std::string sysfs = "tests/reference/machine-slub-c16n4/slab.sysfs.gz";
  const Ending run = Stdout("verify " + sysfs);
  EXPECT_EQ(run.exit_status, 0);
  EXPECT_THAT(run.text, HasSubstr("852 of 852"));
  // Slabs of a machine of one CPU are smaller.
  const Ending other = Stdout("verify --cpu-count=1 " + sysfs);
  EXPECT_EQ(other.exit_status, 1);
  EXPECT_THAT(other.text, HasSubstr("order of cache "));
  const std::string alone = Write("alone.sysfs", "/sys/kernel/slab/x/object_size:8\n");
  EXPECT_THAT(Stderr("verify " + alone).text, HasSubstr("give --cpu-count=N"));
}

TEST(VerifyTest, AFolderIsVerifiedByTheGeometryInIt) {
  const Ending run = Stdout(
      "verify tests/reference/machine-slab-c4n2 tests/reference/machine-slub-c16n4 "
      "tests/reference/machine-slab-c1n1/slabinfo.boot");
  EXPECT_EQ(run.exit_status, 0);
  EXPECT_THAT(run.text, AllOf(HasSubstr("594 of 594 tests/reference/machine-slab-c4n2/"),
                              HasSubstr("852 of 852 tests/reference/machine-slub-c16n4/"),
                              HasSubstr("594 of 594 tests/reference/machine-slab-c1n1/")));
  // With one CPU nothing is shared.
  const Ending other = Stdout("verify --cpu-count=1 tests/reference/machine-slab-c4n2");
  EXPECT_EQ(other.exit_status, 1);
  EXPECT_THAT(other.text, HasSubstr("sharedfactor of cache "));
  const std::string slub = Write("slub.slabinfo",
                                 "slabinfo - version: 2.1\n"
                                 "# name <active_objs> <num_objs> <objsize> <objperslab> "
                                 "<pagesperslab> : tunables <limit> <batchcount> <sharedfactor> : "
                                 "slabdata <active_slabs> <num_slabs> <sharedavail>\n"
                                 "x 0 0 8 512 1 : tunables 0 0 0 : slabdata 0 0 0\n");
  const Ending refused = Stderr("verify --cpu-count=1 " + slub);
  EXPECT_EQ(refused.exit_status, 2);
  EXPECT_THAT(refused.text, HasSubstr("cache x has no arrays, so this is a SLUB kernel's"));
}

TEST(VerifyTest, AFolderOfRunsIsVerifiedWhole) {
  const std::string folder = ::testing::TempDir() + "/runs";
  std::filesystem::create_directories(folder);
  Write("runs/b.ref", kRun);
  Write("runs/a.ref", kRun);
  const Ending run = Stdout("verify " + folder);
  EXPECT_EQ(run.exit_status, 0);
  EXPECT_THAT(run.text, AllOf(HasSubstr("2 files in total"), HasSubstr(folder + "/a.ref"),
                              HasSubstr(folder + "/b.ref")));
  EXPECT_LT(run.text.find("/a.ref"), run.text.find("/b.ref"));
}

TEST(VerifyTest, WhatHasNoModelIsSaidAndTheRestIsVerified) {
  const std::string old = Write("old.ref", Changed("linux-6.1.192", "linux-4.9.1"));
  const std::string files = "verify " + old + " " + Write("good.ref", kRun);
  const Ending run = Stdout(files);
  EXPECT_EQ(run.exit_status, 2);
  EXPECT_THAT(run.text, AllOf(HasSubstr("no model "), HasSubstr("2 of 2")));
  EXPECT_THAT(Stderr(files).text,
              HasSubstr(old + ": there is no model of 'slub' as of Linux 4.9.1, only of Linux "));
}

TEST(VerifyTest, WhatCannotBeVerifiedIsStatusTwo) {
  for (const auto& [file, complaint] : {
           std::pair<std::string, std::string>{"no/such/file", "no/such/file: "},
           {"tests", "tests: the folder holds no "},
           {Write("slob.ref", Changed("192 slub", "192 slob")), "there is no model of 'slob'"},
           {Write("percpu.ref", "percpu-reference 1\n"), "percpu.ref:1: the file ends before"},
           {Write("noise.ref",
                  "\x7f"
                  "ELF\x02\x01"),
            "noise.ref:1: "},
           {Write("cut.ref", Changed("end\n", "")), "cut.ref:8: the file ends before its 'end'"},
           {Write("cpu.ref", Changed("a 0 1", "a 7 1")), "cpu.ref:7: no such CPU"},
       }) {
    const Ending run = Stderr("verify " + file);
    EXPECT_EQ(run.exit_status, 2) << file;
    EXPECT_THAT(run.text, AllOf(StartsWith("slablab: "), HasSubstr(complaint))) << file;
    EXPECT_THAT(Stdout("verify " + file).text, IsEmpty()) << file;
  }
  EXPECT_EQ(Stderr("verify").exit_status, 2);
}

}  // namespace
}  // namespace slablab
