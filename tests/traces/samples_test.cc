// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// The bundled traces are whole, valid and small.

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "traces/sidecar/kernel_counters.h"
#include "traces/sidecar/sidecar.h"
#include "traces/slt/trace.h"
#include "traces/validate.h"

namespace slablab {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> Samples() {
  std::vector<std::string> paths;
  for (const auto& entry :
       fs::directory_iterator(fs::path(std::getenv("TEST_SRCDIR")) / "slablab/traces/samples")) {
    if (entry.path().extension() == ".slt") paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

class SamplesTest : public ::testing::TestWithParam<std::string> {};

TEST_P(SamplesTest, KeepsEveryInvariantInFourBytesAnEvent) {
  const auto reader = TraceReader::Open(GetParam(), {});
  ASSERT_TRUE(reader.ok()) << reader.status();
  const TraceHeader& header = (*reader)->header();
  TraceValidator validator(header, 5);
  std::vector<Event> events(4096);
  for (;;) {
    const auto count = (*reader)->Read(absl::MakeSpan(events));
    ASSERT_TRUE(count.ok()) << count.status();
    if (*count == 0) break;
    for (size_t i = 0; i < *count; ++i) validator.Check(events[i]);
  }
  validator.CheckHeader();
  for (const Violation& violation : validator.violations()) {
    ADD_FAILURE() << violation.event << ": " << violation.what;
  }
  // The percpu sample is a reference run, which has neither CPUs nor sidecars.
  if (GetParam().find("percpu") == std::string::npos) {
    EXPECT_EQ(header.cpu_count, 4);
    EXPECT_EQ(header.node_count, 2);
    EXPECT_NE(header.FindSidecar("slabinfo.before"), nullptr);
  }
  uint64_t block_bytes = 0;
  for (const TraceBlock& block : (*reader)->blocks()) block_bytes += block.bytes;
  EXPECT_LE(block_bytes, 4 * header.event_count);
}

// What the kernel's counters since boot tell of every CPU's sheaves can be, and is what they tell
// in all. maple_node's users have prefilled sheaves, which give without counting.
TEST_P(SamplesTest, CountersTellWhatSheavesHold) {
  const auto reader = TraceReader::Open(GetParam(), {});
  ASSERT_TRUE(reader.ok()) << reader.status();
  const TraceHeader& header = (*reader)->header();
  int caches = 0;
  for (const TraceSidecar& sidecar : header.sidecars) {
    if (!sidecar.name.starts_with("sys-kernel-slab")) continue;
    const absl::StatusOr<SlabSysfs> sysfs = ParseSlabSysfs(sidecar.contents, sidecar.name);
    ASSERT_TRUE(sysfs.ok()) << sysfs.status();
    for (const auto& [name, cache] : sysfs->caches) {
      const int64_t capacity = cache.Total("sheaf_capacity");
      if (capacity == 0 || name == "maple_node") continue;
      SCOPED_TRACE(sidecar.name + " " + name);
      ++caches;
      int64_t objects = 0;
      int64_t full = 0;
      for (int32_t cpu = 0; cpu < header.cpu_count; ++cpu) {
        const SheafContents sheaves = SheafContentsOf(cache, cpu);
        EXPECT_GE(sheaves.objects, 0);
        EXPECT_LE(sheaves.objects, 2 * capacity);
        objects += sheaves.objects;
        full += sheaves.full_given;
      }
      EXPECT_GE(full, 0);
      EXPECT_EQ(objects + full * capacity,
                cache.Total("sheaf_refill") + cache.Total("free_fastpath") +
                    cache.Total("free_rcu_sheaf") - cache.Total("alloc_fastpath") -
                    cache.Total("sheaf_flush"));
      // They are in use, as the slabs know it.
      EXPECT_LE(objects + full * capacity, cache.Total("objects"));
    }
  }
  const bool has_sheaves = header.kernel_release.starts_with("7.");
  EXPECT_EQ(caches > 200, has_sheaves);
}

std::string NameOf(const ::testing::TestParamInfo<std::string>& info) {
  std::string name = fs::path(info.param).stem();
  std::replace_if(
      name.begin(), name.end(), [](char c) { return !std::isalnum(c); }, '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Samples, SamplesTest, ::testing::ValuesIn(Samples()), NameOf);

}  // namespace
}  // namespace slablab
