// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// SLAB against real kernels: runs bundled with the tests, and all there are where SLABLAB_SHARED
// names the folder that has them.

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/gz_input.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/allocators/reference_runs.h"
#include "traces/sidecar/sidecar.h"
#include "workloads/conformance/conformance.h"
#include "workloads/conformance/reference.h"
#include "workloads/conformance/slabinfo_geometry.h"

namespace slablab {
namespace {

namespace fs = std::filesystem;
using ::testing::Each;
using ::testing::HasSubstr;

TEST(SlabReferenceTest, BundledRunsAgreeInEveryPlacementAndCount) {
  EXPECT_THAT(ExpectRunsAgree(kBundledReferences, "slab-", 16), Each(23u));
}

TEST(SlabReferenceTest, SharedRunsAgree) {
  const std::optional<std::string> shared = SharedReferences();
  if (!shared.has_value()) GTEST_SKIP() << "SLABLAB_SHARED names no folder with reference runs";
  EXPECT_THAT(ExpectRunsAgree(*shared, "slab-", 100), Each(23u));
}

void ExpectMachinesAgree(const std::string& folder, size_t files_least) {
  const std::pair<std::string, SlabinfoMachine> machines[] = {
      {"c1n1", {1, 1}}, {"c2n1", {2, 1}}, {"c4n2", {4, 2}}, {"c8n2", {8, 2}}, {"c16n4", {16, 4}}};
  size_t files = 0;
  for (const auto& [name, machine] : machines) {
    const std::string file = folder + "/machine-slab-" + name + "/slabinfo.boot";
    if (!fs::exists(file)) continue;
    ++files;
    const absl::StatusOr<Slabinfo> slabinfo = ParseSlabinfo(ReadWholeFile(file).value(), file);
    ASSERT_TRUE(slabinfo.ok()) << slabinfo.status();
    const Conformance result = CheckSlabinfoGeometry(*slabinfo, machine, file).value();
    EXPECT_TRUE(result.agrees()) << result.first_disagreement;
    EXPECT_GT(result.figures.total, 500u);
  }
  EXPECT_GE(files, files_least);
}

TEST(SlabReferenceTest, EveryCacheOfTheBootedMachinesHasTheKernelsSlabs) {
  ExpectMachinesAgree(kBundledReferences, 3);
}

TEST(SlabReferenceTest, SharedMachinesAgree) {
  const std::optional<std::string> shared = SharedReferences();
  if (!shared.has_value()) GTEST_SKIP() << "SLABLAB_SHARED names no folder with reference runs";
  ExpectMachinesAgree(*shared, 5);
}

TEST(SlabReferenceTest, OtherSlabsThanTheKernelsAreSeen) {
  const std::string file = "tests/reference/machine-slab-c4n2/slabinfo.boot";
  const Slabinfo kernel = ParseSlabinfo(ReadWholeFile(file).value(), file).value();
  const auto agrees = [&](auto change) {
    Slabinfo changed = kernel;
    for (SlabinfoCache& cache : changed.caches) change(cache);
    return CheckSlabinfoGeometry(changed, {.cpus = 4, .nodes = 2}, file)->agrees();
  };
  EXPECT_TRUE(agrees([](SlabinfoCache&) {}));
  const auto only = [&agrees](std::string name, auto change) {
    return agrees([&](SlabinfoCache& cache) {
      if (cache.name == name) change(cache);
    });
  };
  EXPECT_FALSE(only("TCP", [](SlabinfoCache& c) { c.objects_per_slab -= 1; }));
  EXPECT_FALSE(only("UDP", [](SlabinfoCache& c) { c.pages_per_slab *= 2; }));
  EXPECT_FALSE(only("kmalloc-1k", [](SlabinfoCache& c) { c.objects_per_slab += 1; }));
  EXPECT_FALSE(only("kmem_cache", [](SlabinfoCache& c) { c.object_bytes += 64; }));
  EXPECT_FALSE(only("dio", [](SlabinfoCache& c) { c.limit = 120; }));
}

// Three tunables of one line are written at once: one by one, a batch above the limit would be
// passed over, and so would what came with it.
constexpr std::string_view kSmallRun =
    "slab-reference 1\n"
    "kernel linux-6.1.192 slab\n"
    "machine cpus=2 nodes=2 cpus_per_node=1 mib_per_node=64 page_size=4096 cache_line=64\n"
    "pattern small\n"
    "cache name=x object_size=1024 align=0 hwcache_align=0 ctor=0\n"
    "layout slab_size=1024 pages_per_slab=1 objs_per_slab=4\n"
    "tune limit=2 batchcount=2 shared=0\n"
    "a 0 0 0@0:1024\n"
    "n 0 1 1 1@1:0\n"
    "f 0 1\n"
    "a 0 2 0:0\n"
    "count nodeallocs 0\n"
    "count remotefrees 1\n"
    "state limit 2\n"
    "end\n";

Conformance ReplayText(const std::string& text) {
  const absl::StatusOr<ReferenceRun> run = ParseReference(text, "small.ref");
  EXPECT_TRUE(run.ok()) << run.status();
  return ReplayReference(*run).value();
}

TEST(SlabReferenceTest, EveryKindOfDisagreementIsSeen) {
  const std::vector<Change> changes = {
      {"0@0:1024", "0@0:0"},
      {"1@1:0", "1@0:0"},
      {"remotefrees 1", "remotefrees 2"},
      {"limit 2", "limit 120"},
      {"objs_per_slab=4", "objs_per_slab=3"},
      {"tune limit=2 batchcount=2", "tune limit=4 batchcount=4"},
  };
  ExpectChangesAreSeen(kSmallRun, changes, ReplayText);
}

TEST(SlabReferenceTest, AnUnknownTunableIsNamedWithItsLine) {
  const absl::StatusOr<ReferenceRun> run =
      ParseReference(Replaced(kSmallRun, "shared=0", "colour=0"), "small.ref");
  ASSERT_TRUE(run.ok());
  const std::string message(ReplayReference(*run).status().message());
  EXPECT_THAT(message, HasSubstr("small.ref:7: "));
  EXPECT_THAT(message, HasSubstr("colour"));
}

}  // namespace
}  // namespace slablab
