// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/cli/run_program.h"

namespace slablab {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// The two sums of the patch: "140MB" and "46MB" on 1024 CPUs with pointers of four bytes.
TEST(FootprintTest, ThePatchesSumsComeOut) {
  const Ending large = Stdout(
      "footprint --nomeasure --possible-cpus=1024 --pointer-bytes=4 --caches=300 --entries=120");
  EXPECT_EQ(large.exit_status, 0);
  EXPECT_THAT(large.text, HasSubstr(" 147,456,000  140.6\n"));
  // 16 bytes of header for each of the arrays.
  EXPECT_THAT(large.text, HasSubstr(" 152,371,200  145.3\n"));
  const Ending small = Stdout(
      "footprint --nomeasure --possible-cpus=1024 --pointer-bytes=4 --caches=150 --entries=80");
  EXPECT_THAT(small.text, HasSubstr(" 49,152,000  46.9\n"));
}

// 300 caches on 1024 CPUs, really made: arrays of 16 + 8 * 120 bytes, or objects of 1 KiB.
TEST(FootprintTest, TheModelsThemselvesComeToTheSame) {
  const Ending run = Stdout("footprint --format=json");
  EXPECT_EQ(run.exit_status, 0);
  EXPECT_THAT(run.text,
              AllOf(HasSubstr("\"pointers_bytes\": \"294912000\""),
                    HasSubstr("\"arrays_bytes\": \"299827200\""),
                    HasSubstr("\"allocator\": \"slab\",\n   \"arrays_bytes\": \"299827200\""),
                    HasSubstr("\"allocator\": \"slab-2014\",\n   \"arrays_bytes\": \"314572800\"")))
      << run.text;
}

// Arrays in a size class that others use too, of odd sizes, and beyond the size classes.
TEST(FootprintTest, OnlyArraysAreMeasured) {
  const Ending shared_class = Stdout("footprint --possible-cpus=4 --caches=50 --entries=14");
  EXPECT_THAT(shared_class.text, ContainsRegex("per-CPU areas +25,600 "));
  EXPECT_THAT(shared_class.text, ContainsRegex("kmalloc'ed arrays +25,600 "));
  const Ending odd = Stdout("footprint --possible-cpus=4 --caches=50 --entries=15");
  EXPECT_THAT(odd.text, ContainsRegex("per-CPU areas +27,200 "));
  EXPECT_THAT(odd.text, ContainsRegex("kmalloc'ed arrays +38,400 "));
  const Ending large = Stdout("footprint --possible-cpus=4 --caches=50 --entries=2000");
  EXPECT_THAT(large.text, ContainsRegex("per-CPU areas +3,203,200 "));
  EXPECT_THAT(large.text, ContainsRegex("kmalloc'ed arrays +3,276,800 "));
}

TEST(FootprintTest, WhatCannotBeMeasuredIsOnlyReckoned) {
  const Ending few = Stdout("footprint --caches=10");
  EXPECT_EQ(few.exit_status, 0);
  EXPECT_THAT(few.text, HasSubstr("Not measured: SLAB has 45 caches when it has booted.\n"));
  const Ending much = Stdout("footprint --possible-cpus=4096 --caches=100000 --entries=4000");
  EXPECT_EQ(much.exit_status, 0);
  EXPECT_THAT(much.text, HasSubstr("Not measured: it would be more than 2 GiB.\n"));
}

TEST(FootprintTest, WhatIsOutOfRangeIsStatusTwo) {
  for (const auto& [flag, complaint] : {
           std::pair<std::string, std::string>{"--pointer-bytes=5",
                                               "--pointer-bytes=5: it takes 4 or 8"},
           {"--possible-cpus=0", "--possible-cpus=0: it takes a whole number in 1..4096"},
           {"--possible-cpus=4097", "--possible-cpus=4097: it takes a whole number in 1..4096"},
           {"--caches=0", "--caches=0: it takes a whole number in 1..100000"},
           {"--entries=0", "--entries=0: it takes a whole number in 1..4094"},
           {"--entries=4095", "--entries=4095: it takes a whole number in 1..4094"},
           {"--format=csv", "csv"},
           {"something", "footprint takes flags only"},
       }) {
    const Ending run = Stderr("footprint " + flag);
    EXPECT_EQ(run.exit_status, 2) << flag;
    EXPECT_THAT(run.text, HasSubstr(complaint)) << flag;
    EXPECT_THAT(Stdout("footprint " + flag).text, IsEmpty()) << flag;
  }
}

}  // namespace
}  // namespace slablab
