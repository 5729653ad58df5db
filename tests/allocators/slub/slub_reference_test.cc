// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// SLUB against real kernels: runs bundled with the tests, and all there are where SLABLAB_SHARED
// names the folder that has them.

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/gz_input.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/allocators/reference_runs.h"
#include "workloads/conformance/conformance.h"
#include "workloads/conformance/reference.h"
#include "workloads/conformance/sysfs_geometry.h"

namespace slablab {
namespace {

namespace fs = std::filesystem;
using ::testing::Each;
using ::testing::Ge;
using ::testing::HasSubstr;

void ExpectGeometriesAgree(const std::string& folder, size_t files_least) {
  const std::vector<std::string> files = ReferenceFiles(folder, "machine-slub-", "slab.sysfs.gz");
  EXPECT_GE(files.size(), files_least);
  for (const std::string& file : files) {
    const std::string nodes_path = fs::path(file).replace_filename("nodes").string();
    const absl::StatusOr<std::vector<int32_t>> nodes =
        ParseNodes(ReadWholeFile(nodes_path).value(), nodes_path);
    ASSERT_TRUE(nodes.ok()) << nodes.status();
    const absl::StatusOr<SlabSysfs> sysfs = ParseSlabSysfs(ReadWholeFile(file).value(), file);
    ASSERT_TRUE(sysfs.ok()) << sysfs.status();
    const int cpus = static_cast<int>(nodes->size());
    const absl::StatusOr<Conformance> result =
        CheckSysfsGeometry(*sysfs, {.present = cpus, .possible = cpus}, file);
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_TRUE(result->agrees()) << result->first_disagreement;
    EXPECT_GE(result->figures.total, 6 * 100u) << file;
  }
}

TEST(SlubReferenceTest, BundledRunsAgreeInEveryPlacementAndCount) {
  EXPECT_THAT(ExpectRunsAgree(kBundledReferences, "slub-", 16), Each(Ge(40u)));
}

TEST(SlubReferenceTest, BundledGeometriesAgree) { ExpectGeometriesAgree(kBundledReferences, 2); }

TEST(SlubReferenceTest, SharedRunsAndGeometriesAgree) {
  const std::optional<std::string> shared = SharedReferences();
  if (!shared.has_value()) GTEST_SKIP() << "SLABLAB_SHARED names no folder with reference runs";
  EXPECT_THAT(ExpectRunsAgree(*shared, "slub-", 100), Each(Ge(40u)));
  ExpectGeometriesAgree(*shared, 5);
}

constexpr std::string_view kSmallRun =
    "slab-reference 1\n"
    "kernel linux-6.1.192 slub\n"
    "machine cpus=2 nodes=2 cpus_per_node=1 mib_per_node=64 page_size=4096 cache_line=64\n"
    "pattern small\n"
    "cache name=x object_size=1024 align=0 hwcache_align=0 ctor=0\n"
    "layout slab_size=1024 align=8 order=2 objs_per_slab=16 object_size=1024\n"
    "tune cpu_partial 5\n"
    "a 0 0 0@0:0\n"
    "n 0 1 1 1@1:0\n"
    "f 1 0\n"
    "a 1 2 2@1:0\n"
    "count alloc_slab 3 C0=2 C1=1\n"
    "state slabs 3 N0=1 N1=2\n"
    "end\n";

Conformance ReplayText(const std::string& text) {
  const absl::StatusOr<ReferenceRun> run = ParseReference(text, "small.ref");
  EXPECT_TRUE(run.ok()) << run.status();
  return ReplayReference(*run).value();
}

TEST(SlubReferenceTest, EveryKindOfDisagreementIsSeen) {
  const std::vector<Change> changes = {
      {"0@0:0", "0@0:1024"},            // another offset
      {"0@0:0", "0@1:0"},               // another node
      {"a 1 2 2@1:0", "a 1 2 1:1024"},  // one slab instead of two
      {"alloc_slab 3 C0=2 C1=1", "alloc_slab 3 C0=1 C1=2"},
      {"slabs 3 N0=1 N1=2", "slabs 4 N0=2 N1=2"},
      {"objs_per_slab=16", "objs_per_slab=15"},
      {"count alloc_slab", "count alloc_unheard_of"},
  };
  ExpectChangesAreSeen(kSmallRun, changes, ReplayText);
}

TEST(SlubReferenceTest, MalformedRunsAreNamedWithTheirLine) {
  const std::vector<Malformed> cases = {
      {"slab-reference 1", "slab-reference 3", 1},
      {"linux-6.1.192 slub", "linux-6.1.192", 2},
      {"cpus=2 ", "cpus=0 ", 3},
      {"cpus=2 ", "cpus=100000 ", 3},
      {"cpus_per_node=1", "cpus_per_node=2", 3},
      {"page_size=4096", "page_size=65536", 3},
      {"mib_per_node=64", "mib_per_node=16", 3},
      {"mib_per_node=64", "mib_per_node=99999999", 3},
      {"cpus=2 nodes=2 cpus_per_node=1", "cpus=4000 nodes=1 cpus_per_node=4000", 3},
      {"nodes=2 ", "", 3},
      {"object_size=1024 align=0", "object_size=x align=0", 5},
      {"cpu_partial 5", "cpu_partial", 7},
      {"a 0 0 0@0:0", "a 2 0 0@0:0", 8},
      {"a 0 0 0@0:0", "a 0 4000000000 0@0:0", 8},
      {"a 0 0 0@0:0", "a 0 0 0:0", 8},
      {"a 0 0 0@0:0", "a 0 0 5@0:0", 8},
      {"a 0 0 0@0:0", "a 0 0 0@7:0", 8},
      {"a 0 0 0@0:0", "a 0 0 0@0", 8},
      {"n 0 1 1 1@1:0", "n 0 1 2 1@1:0", 9},
      {"f 1 0", "f 1 7", 10},
      {"f 1 0", "f 1 0 0", 10},
      {"f 1 0", "offline 0", 10},
      {"f 1 0", "online 1", 10},
      {"f 1 0", "frobnicate", 10},
      {"a 1 2 2@1:0", "f 1 0", 11},
      {"C0=2", "X0=2", 12},
      {"alloc_slab 3", "alloc_slab three", 12},
      {"end\n", "", 13},
      {"end\n", "end\nmore\n", 14},
  };
  ExpectRefusals(kSmallRun, cases, [](const std::string& text, const std::string& path) {
    return ParseReference(text, path).status();
  });
}

TEST(SlubReferenceTest, AnAllocatorWithoutModelIsRefused) {
  const absl::StatusOr<ReferenceRun> run =
      ParseReference(Replaced(kSmallRun, "6.1.192 slub", "6.1.192 slob"), "f");
  ASSERT_TRUE(run.ok());
  const absl::Status status = ReplayReference(*run).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("'slob'"));
}

}  // namespace
}  // namespace slablab
