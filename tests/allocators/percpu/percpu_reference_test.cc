// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// The percpu allocator against real kernels: runs bundled with the tests, and all there are where
// SLABLAB_SHARED names the folder that has them.

#include "workloads/conformance/percpu_reference.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/gz_input.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/allocators/reference_runs.h"
#include "traces/sidecar/sidecar.h"
#include "workloads/conformance/percpu_conformance.h"

namespace slablab {
namespace {

void ExpectPercpuRunsAgree(const std::string& folder, size_t files_least) {
  const std::vector<std::string> files = ReferenceFiles(folder, "percpu-", ".ref.gz");
  EXPECT_GE(files.size(), files_least);
  for (const std::string& file : files) {
    const absl::StatusOr<PercpuReferenceRun> run =
        ParsePercpuReference(ReadWholeFile(file).value(), file);
    ASSERT_TRUE(run.ok()) << run.status();
    const absl::StatusOr<Conformance> result = ReplayPercpuReference(*run);
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_TRUE(result->agrees()) << result->first_disagreement;
    EXPECT_GT(result->placements.total, 5000u);
    EXPECT_GT(result->figures.total, 50u);
  }
}

TEST(PercpuReferenceTest, BundledRunsAgreeInEveryDecision) {
  ExpectPercpuRunsAgree(kBundledReferences, 4);
}

TEST(PercpuReferenceTest, SharedRunsAgree) {
  const std::optional<std::string> shared = SharedReferences();
  if (!shared.has_value()) GTEST_SKIP() << "SLABLAB_SHARED names no folder with reference runs";
  ExpectPercpuRunsAgree(*shared, 5);
}

// The first lines of a run, up to when a machine that booted the same way printed its percpu_stats.
std::string Boot(const std::string& path, const PercpuStats& stats) {
  const std::string all = ReadWholeFile(path).value();
  int64_t allocations = stats.values.at("nr_alloc");
  int64_t frees = stats.values.at("nr_dealloc");
  size_t at = 0;
  while (allocations > 0 || frees > 0) {
    if (all[at] == 'a') --allocations;
    if (all[at] == 'f' && all[at + 1] == ' ') --frees;
    at = all.find('\n', at) + 1;
  }
  return all.substr(0, at) + "end\n";
}

TEST(PercpuReferenceTest, FiguresAreThoseOfPercpuStatsAfterBoot) {
  const std::pair<std::string, std::string> machines[] = {
      {"c1n1", "c1n1-s1"}, {"c2n1", "c2n1-s2"}, {"c16n4", "c16n4-s5"}};
  for (const auto& [machine, run_name] : machines) {
    const std::string stats_path = "tests/reference/machine-slub-" + machine + "/percpu_stats";
    const PercpuStats stats =
        ParsePercpuStats(ReadWholeFile(stats_path).value(), stats_path).value();
    const std::string run_path = "tests/reference/percpu-" + run_name + ".ref.gz";
    PercpuFigures figures;
    const PercpuReferenceRun run = ParsePercpuReference(Boot(run_path, stats), run_path).value();
    ASSERT_TRUE(ReplayPercpuReference(run, &figures)->agrees());
    const auto kernel = [&](const char* name) { return stats.values.at(name); };
    EXPECT_EQ(kernel("nr_cur_alloc"), static_cast<int64_t>(figures.nr_cur_alloc));
    EXPECT_EQ(kernel("nr_max_alloc"), static_cast<int64_t>(figures.nr_max_alloc));
    EXPECT_EQ(kernel("nr_chunks"), figures.nr_chunks);
    EXPECT_EQ(kernel("nr_max_chunks"), figures.nr_max_chunks);
    EXPECT_EQ(kernel("min_alloc_size"), static_cast<int64_t>(figures.min_alloc_size));
    EXPECT_EQ(kernel("max_alloc_size"), static_cast<int64_t>(figures.max_alloc_size));
    EXPECT_EQ(kernel("empty_pop_pages"), figures.empty_pop_pages);
    ASSERT_EQ(stats.chunks.size(), figures.chunks.size());
    for (size_t i = 0; i < stats.chunks.size(); ++i) {
      const PercpuChunkStats& theirs = stats.chunks[i];
      const PercpuChunkFigures& ours = figures.chunks[i];
      SCOPED_TRACE(machine + " chunk " + std::to_string(i));
      EXPECT_EQ(theirs.is_first, ours.kind == PercpuChunkFigures::Kind::kFirst);
      EXPECT_EQ(theirs.is_reserved, ours.kind == PercpuChunkFigures::Kind::kReserved);
      EXPECT_EQ(theirs.values.at("nr_alloc"), ours.nr_alloc);
      EXPECT_EQ(theirs.values.at("max_alloc_size"), static_cast<int64_t>(ours.max_alloc_size));
      EXPECT_EQ(theirs.values.at("empty_pop_pages"), ours.empty_pop_pages);
      EXPECT_EQ(theirs.values.at("first_bit"), ours.first_bit);
      EXPECT_EQ(theirs.values.at("free_bytes"), static_cast<int64_t>(ours.free_bytes));
      EXPECT_EQ(theirs.values.at("contig_bytes"), static_cast<int64_t>(ours.contig_bytes));
      EXPECT_EQ(theirs.values.at("sum_frag"), static_cast<int64_t>(ours.sum_frag));
      EXPECT_EQ(theirs.values.at("max_frag"), static_cast<int64_t>(ours.max_frag));
      EXPECT_EQ(theirs.values.at("cur_min_alloc"), ours.cur_min_alloc);
      EXPECT_EQ(theirs.values.at("cur_med_alloc"), ours.cur_med_alloc);
      EXPECT_EQ(theirs.values.at("cur_max_alloc"), ours.cur_max_alloc);
    }
  }
}

// Of the 32 KiB of the dynamic part the hidden start leaves 29848: 28 KiB and what fills the page.
constexpr std::string_view kSmallRun =
    "percpu-reference 1\n"
    "kernel linux-6.1.192\n"
    "machine cpus=2 nodes=1 page_size=4096\n"
    "first static=166760 reserved=8192 dyn=29848 unit=1048576 atom=2097152 alloc=2097152\n"
    "a 0 136 16 0 0 2928\n"
    "a 0 24576 8 0 0 3064\n"
    "C 1\n"
    "a 1 8192 8 0 0 0\n"
    "P 1 0 2\n"
    "f 0 3064 24576\n"
    "x 32764 4 0 1\n"
    "B\n"
    "P 1 2 6\n"
    "E\n"
    "a 2 4096 4096 1 0 4096\n"
    "end\n";

Conformance ReplayText(const std::string& text) {
  const absl::StatusOr<PercpuReferenceRun> run = ParsePercpuReference(text, "small.ref");
  EXPECT_TRUE(run.ok()) << run.status();
  return ReplayPercpuReference(*run).value();
}

TEST(PercpuReferenceTest, EveryKindOfDisagreementIsSeen) {
  const std::vector<Change> changes = {
      {"0 0 2928", "0 0 2932"},
      {"unit=1048576", "unit=2097152"},
      {"dyn=29848", "dyn=29844"},
      {"a 1 8192 8 0 0 0", "a 0 8192 8 0 0 0"},
      {"C 1\n", ""},
      {"P 1 0 2\n", ""},
      {"P 1 0 2", "P 1 0 3"},
      {"P 1 0 2", "Q 1 0 2"},
      {"x 32764 4 0 1", "x 16384 4 0 1"},
      {"x 32764 4 0 1", "a 1 32764 4 0 1 8192"},
      {"P 1 2 6", "P 1 2 5"},
      {"P 1 2 6", "D 1"},
      {"E\n", "E\nC 2\n"},
      {"B\n", "B\nP 1 9 10\n"},
  };
  ExpectChangesAreSeen(kSmallRun, changes, ReplayText);
}

// A free that comes while a chunk is populated does not confuse who made it.
TEST(PercpuReferenceTest, OthersOperationsFitInWhereTheLockIsFree) {
  const Conformance result =
      ReplayText(Replaced(kSmallRun, "P 1 0 2\nf 0 3064 24576\nx 32764 4 0 1\n",
                          "f 0 3064 24576\nx 32764 4 0 1\nP 1 0 2\n"));
  EXPECT_TRUE(result.agrees()) << result.first_disagreement;
}

TEST(PercpuReferenceTest, MalformedRunsAreNamedWithTheirLine) {
  const std::vector<Malformed> cases = {
      {"percpu-reference 1", "percpu-reference 2", 1},
      {"kernel linux-6.1.192", "kernel", 2},
      {"cpus=2 ", "cpus=0 ", 3},
      {"cpus=2 ", "cpus=100000 ", 3},
      {"nodes=1", "nodes=0", 3},
      {"nodes=1", "nodes=3", 3},
      {"page_size=4096", "page_size=65536", 3},
      {"nodes=1 ", "", 3},
      {"static=166760", "static=0", 4},
      {"static=166760", "static=99999999", 4},
      {"reserved=8192", "reserved=8190", 4},
      {"atom=2097152", "atom=0", 4},
      {"atom=2097152", "atom=12288", 4},
      {"a 0 136 16 0 0 2928", "a 1 136 16 0 0 2928", 5},
      {"a 0 136 16 0 0 2928", "a 0 0 16 0 0 2928", 5},
      {"a 0 136 16 0 0 2928", "a 0 40000 16 0 0 2928", 5},
      {"a 0 136 16 0 0 2928", "a 0 136 12 0 0 2928", 5},
      {"a 0 136 16 0 0 2928", "a 0 136 16 0 2 2928", 5},
      {"a 0 136 16 0 0 2928", "a 0 136 16 0 0", 5},
      {"a 0 136 16 0 0 2928", "a 0 136 16 0 0 2928 1", 5},
      {"a 0 24576 8 0 0 3064", "a 0 24576 8 0 0 2928", 6},
      {"P 1 0 2", "P 1 2 2", 9},
      {"f 0 3064 24576", "f 0 3068 24576", 10},
      {"f 0 3064 24576", "f 0 3064 24580", 10},
      {"x 32764 4 0 1", "frobnicate", 11},
      {"end\n", "", 15},
      {"end\n", "end\nmore\n", 16},
  };
  ExpectRefusals(kSmallRun, cases, [](const std::string& text, const std::string& path) {
    return ParsePercpuReference(text, path).status();
  });
}

}  // namespace
}  // namespace slablab
