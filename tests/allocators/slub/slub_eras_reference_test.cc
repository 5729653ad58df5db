// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// SLUB of 6.12 and later against real kernels: runs bundled with the tests, and all there are where
// SLABLAB_SHARED names the folder that has them.

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
#include "workloads/conformance/sysfs_geometry.h"

namespace slablab {
namespace {

namespace fs = std::filesystem;
using ::testing::Each;
using ::testing::Ge;
using ::testing::HasSubstr;

// Each kernel's: how many are bundled, and how many there are at least.
struct Runs {
  std::string_view prefix;
  size_t bundled;
  size_t shared;
};
constexpr Runs kRuns[] = {
    {"slub612-", 10, 75}, {"slub72-", 8, 70}, {"slub73-", 14, 120}, {"slub73m-", 7, 20}};

// With cpu_partial and, from 6.18 on, sheaf_capacity.
void ExpectGeometriesAgree(const std::string& folder, size_t files_least) {
  const std::vector<std::string> files = ReferenceFiles(folder, "machine-slub", "slab.sysfs.gz");
  size_t seen = 0;
  for (const std::string& file : files) {
    if (file.find("machine-slub-") != std::string::npos) continue;  // Of 6.1.
    ++seen;
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
    EXPECT_GE(result->figures.total, 6 * 85u) << file;
  }
  EXPECT_GE(seen, files_least);
}

TEST(SlubErasReferenceTest, BundledRunsAgreeInEveryPlacementAndCount) {
  for (const Runs& runs : kRuns) {
    EXPECT_THAT(ExpectRunsAgree(kBundledReferences, runs.prefix, runs.bundled), Each(Ge(40u)));
  }
}

TEST(SlubErasReferenceTest, BundledGeometriesAgree) {
  ExpectGeometriesAgree(kBundledReferences, 4);
}

TEST(SlubErasReferenceTest, SharedRunsAndGeometriesAgree) {
  const std::optional<std::string> shared = SharedReferences("reference-7");
  if (!shared.has_value()) GTEST_SKIP() << "SLABLAB_SHARED names no folder with reference runs";
  for (const Runs& runs : kRuns) {
    EXPECT_THAT(ExpectRunsAgree(*shared, runs.prefix, runs.shared), Each(Ge(40u)));
  }
  ExpectGeometriesAgree(*shared, 15);
}

// On CPU 0 an object, freed by kvfree_rcu; on CPU 1 two in bulk, freed in bulk, and a prefilled
// sheaf.
constexpr std::string_view kSmallRun =
    "slab-reference 2\n"
    "kernel linux-7.3.4 slub\n"
    "machine cpus=2 nodes=1 cpus_per_node=2 mib_per_node=64 page_size=4096 cache_line=64\n"
    "pattern small\n"
    "cache name=x object_size=1024 align=0 ctor=0 freeptr_offset=-1 sheaf_capacity=0 "
    "hwcache_align=0 typesafe_by_rcu=0 noleaktrace=0 red_zone=0 poison=0 store_user=0 "
    "reclaim_account=0 consistency_checks=0\n"
    "layout slab_size=1024 align=8 order=2 objs_per_slab=16 object_size=1024 sheaf_capacity=12 "
    "min_partial=5\n"
    "create 0\n"
    "a 0 0 0@0:11264\n"
    "A 1 1 2 0:12288 0:13312\n"
    "r 0 0\n"
    "F 1 2 1 2\n"
    "P 1 0 3 12\n"
    "p 1 0 3 1@0:9216\n"
    "U 1 0\n"
    "g 0 1\n"
    "G\n"
    "R 0 0 1 flush\n"
    "Gend\n"
    "check sheaves C0=11/-1/-1 C1=2/11/-1\n"
    "check barn N0=0/0:-\n"
    "check partiallist N0=10,15\n"
    "check gated\n"
    "shrink 1 1\n"
    "count alloc_slab 2 C0=1 C1=1\n"
    "count sheaf_prefill_slow 1 C1=1\n"
    "state slabs 1 N0=1\n"
    "slabinfo x 1 16 1024 16 4 : tunables 0 0 0 : slabdata 1 1 0\n"
    "end\n";

Conformance ReplayText(const std::string& text) {
  const absl::StatusOr<ReferenceRun> run = ParseReference(text, "small.ref");
  EXPECT_TRUE(run.ok()) << run.status();
  if (!run.ok()) return {};
  const absl::StatusOr<Conformance> result = ReplayReference(*run);
  EXPECT_TRUE(result.ok()) << result.status();
  return result.ok() ? *result : Conformance();
}

TEST(SlubErasReferenceTest, EveryKindOfDisagreementIsSeen) {
  const std::vector<Change> changes = {
      {"0@0:11264", "0@0:10240"},
      {"0:12288 0:13312", "0:13312 0:12288"},
      {"0:12288 0:13312", "0:12288 1@0:13312"},
      {"r 0 0\n", "f 0 0\n"},              // then no sheaf waits
      {"F 1 2 1 2\n", "K 1 2 1 2\n"},      // past the sheaf
      {"P 1 0 3 12", "P 1 0 3 11"},        // how many are in it
      {"1@0:9216", "-"},                   // an empty one
      {"R 0 0 1 flush", "R 0 0 1 barn"},   // a full one
      {"R 0 0 1 flush", "R 0 0 2 flush"},  // a larger one
      {"R 0 0 1 flush", "R 0 1 1 flush"},  // another CPU's
      {"R 0 0 1 flush\n", ""},
      {"C1=2/11/-1", "C1=11/2/-1"},
      {"N0=0/0:-", "N0=0/1:-"},
      {"N0=10,15", "N0=15,10"},
      {"check gated", "check gated C1=1"},
      {"shrink 1 1", "shrink 1 0"},
      {"sheaf_capacity=12", "sheaf_capacity=11"},
      {"min_partial=5", "min_partial=6"},
      {"C0=1 C1=1", "C1=2"},
      {"slabinfo x 1 16", "slabinfo x 2 16"},
  };
  ExpectChangesAreSeen(kSmallRun, changes, ReplayText);
}

TEST(SlubErasReferenceTest, MalformedRunsAreNamedWithTheirLine) {
  const std::vector<Malformed> cases = {
      {"mib_per_node=64", "mib_per_node=64,64", 3},
      {"nodes=1 cpus_per_node=2 mib_per_node=64", "nodes=2 cpus_per_node=1 mib_per_node=64,0", 5},
      {"pattern small\n", "node_of_cpu 0 1\n", 4},
      {"pattern small\n", "node_of_cpu 0\n", 4},
      {"pattern small\n", "distance N0=11\n", 4},
      {"pattern small\n", "fallback N0=1\n", 4},
      {"freeptr_offset=-1 ", "", 5},
      {"freeptr_offset=-1", "freeptr_offset=-2", 5},
      {"freeptr_offset=-1", "freeptr_offset=2000", 5},
      {"sheaf_capacity=0", "sheaf_capacity=4000000", 5},
      {"create 0\n", "", 7},
      {"create 0\n", "create 2\n", 7},
      {"a 0 0 0@0:11264\n", "create 0\n", 8},
      {"A 1 1 2 ", "A 1 1 3 ", 9},
      {"A 1 1 2 ", "A 1 0 2 ", 9},
      {"A 1 1 2 ", "A 1 90 2 ", 9},
      {"r 0 0", "r 0 7", 10},
      {"F 1 2 1 2", "F 1 2 1 1", 11},
      {"F 1 2 1 2", "F 1 3 1 2", 11},
      {"F 1 2 1 2", "F 1 1 0", 11},
      {"P 1 0 3 12", "P 1 0 0 12", 12},
      {"P 1 0 3 12", "P 1 0 9999999 12", 12},
      {"p 1 0 3 1@0:9216", "p 1 1 3 1@0:9216", 13},
      {"p 1 0 3 1@0:9216", "p 1 0 3", 13},
      {"U 1 0", "U 1 9", 14},
      {"U 1 0", "dead 0 1", 14},
      {"g 0 1", "g 2 1", 15},
      {"G\n", "", 17},
      {"R 0 0 1 flush", "R 0 0 1 away", 17},
      {"R 0 0 1 flush", "KL 0 1 1", 17},
      {"R 0 0 1 flush", "a 0 4 0:0", 17},
      {"Gend\n", "", 18},
      {"C1=2/11/-1", "C1=2/11/-2", 19},
      {"C1=2/11/-1", "C0=2/11/-1", 19},
      {"C1=2/11/-1", "C2=2/11/-1", 19},
      {"barn N0=0/0:-", "barn N0=0/0", 20},
      {"partiallist N0=10,15", "partiallist N0=10,x", 21},
      {"check gated", "check gate", 22},
      {"shrink 1 1", "shrink", 23},
      {"slabs 1 N0=1\n", "slabs 1 N0=1\nslabinfo\n", 28},
  };
  ExpectRefusals(kSmallRun, cases, [](const std::string& text, const std::string& path) {
    return ParseReference(text, path).status();
  });
}

TEST(SlubErasReferenceTest, WhatThereIsNoModelOfIsSaid) {
  const std::vector<std::pair<std::string_view, std::string_view>> cases = {
      {"linux-7.3.4", "linux-5.10.1"}, {"7.3.4 slub", "7.3.4 slob"}};
  for (const auto& [from, to] : cases) {
    const absl::StatusOr<ReferenceRun> run = ParseReference(Replaced(kSmallRun, from, to), "f");
    ASSERT_TRUE(run.ok()) << run.status();
    const absl::Status status = ReplayReference(*run).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
    EXPECT_THAT(std::string(status.message()), HasSubstr("there is no model of"));
  }
}

TEST(SlubErasReferenceTest, WhatAModelDoesNotOfferIsRefused) {
  const std::string old = Replaced(kSmallRun, "linux-7.3.4", "linux-6.1.192");
  const std::vector<std::pair<std::string_view, std::string_view>> cases = {
      {"red_zone=0", "red_zone=1"},
      {"freeptr_offset=-1", "freeptr_offset=8"},
      {"pattern small", "pattern of prefilled sheaves"}};
  for (const auto& [from, to] : cases) {
    const absl::StatusOr<ReferenceRun> run = ParseReference(Replaced(old, from, to), "f");
    ASSERT_TRUE(run.ok()) << run.status();
    const absl::Status status = ReplayReference(*run).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << to;
    EXPECT_THAT(std::string(status.message()), HasSubstr("has no ")) << to;
  }
}

}  // namespace
}  // namespace slablab
