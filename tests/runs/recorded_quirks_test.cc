// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// How a recorded kernel was built, as its sidecars tell.

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runs/recorded/recorded_machine.h"
#include "traces/sidecar/recorded_sidecars.h"
#include "traces/slt/trace.h"

namespace slablab {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr char kPlain[] =
    "/sys/kernel/slab/kmalloc-64/align:64\n"
    "/sys/kernel/slab/kmalloc-cg-64/align:64\n"
    "/sys/kernel/slab/dma-kmalloc-64/align:64\n";

TraceHeader WithSysfs(const std::string& more = "") {
  TraceHeader trace;
  trace.sidecars = {{.name = "sys-kernel-slab.before", .contents = kPlain + more}};
  return trace;
}

std::vector<std::string> QuirksOf(const TraceHeader& trace) {
  const RecordedSidecars sidecars(trace);
  return RecordedQuirks(sidecars).value();
}

TEST(RecordedQuirksTest, WithAllCachesThereIsNone) {
  EXPECT_THAT(QuirksOf(TraceHeader()), IsEmpty());
  EXPECT_THAT(QuirksOf(WithSysfs()), IsEmpty());
}

TEST(RecordedQuirksTest, CopiesOfKmallocsCachesAreSeen) {
  EXPECT_THAT(QuirksOf(WithSysfs("/sys/kernel/slab/kmalloc-rnd-03-64/align:64\n")),
              ElementsAre("kmalloc-copies"));
  EXPECT_THAT(QuirksOf(WithSysfs("/sys/kernel/slab/kmalloc-part-03-64/align:64\n")),
              ElementsAre("kmalloc-copies"));
}

TEST(RecordedQuirksTest, WhoHadObjExtsHadCgroups) {
  TraceHeader trace = WithSysfs();
  trace.repairs = {
      {.name = "allocator-internal", .count = 3, .explanation = "", .parts = {{"sheaves", 3}}}};
  EXPECT_THAT(QuirksOf(trace), Not(Contains("memcg-charges")));
  trace.repairs.front().parts.push_back({"obj_exts", 1});
  EXPECT_THAT(QuirksOf(trace), ElementsAre("memcg-charges"));
}

}  // namespace
}  // namespace slablab
