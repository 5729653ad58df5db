// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// What `slablab why` is made of: costs add up, a change is what a run with it is, and what was made
// dear on purpose is found.

#include "runs/why/why.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reports/why/why_text.h"
#include "runs/explain/explain.h"
#include "runs/simulation/simulation.h"
#include "tests/test_files.h"

namespace slablab {
namespace {

using ::testing::HasSubstr;

SimulationOptions Replayed(const std::string& trace) {
  SimulationOptions options;
  options.run.set_trace(Runfile(absl::StrCat("traces/samples/", trace, ".slt")));
  options.run.set_machine("recorded");
  options.run.set_events_max(6'000);
  return options;
}

WhyReport WhyOf(const SimulationOptions& base, const std::string& further = "") {
  const absl::StatusOr<WhyReport> report = Why(base, {.workers = 2, .further = further});
  EXPECT_TRUE(report.ok()) << report.status();
  return report.ok() ? *report : WhyReport();
}

const WhyCandidate* Find(const WhyReport& report, const std::string& setting) {
  for (const WhyCandidate& candidate : report.candidates()) {
    if (candidate.setting() == setting) return &candidate;
  }
  return nullptr;
}

TEST(WhySpreadTest, IsThatOfTheSignTest) {
  const std::vector<uint64_t> before(9, 1'000);
  const auto less = WhySpreadOf(before, {900, 890, 910, 905, 895, 850, 950, 900, 990});
  ASSERT_TRUE(less.has_value());
  EXPECT_EQ(less->median(), -1'000);
  // Of nine, the second from either end: 2 * (1 + 9) of 512 are outside.
  EXPECT_EQ(less->low(), -1'100);
  EXPECT_EQ(less->high(), -500);
  EXPECT_EQ(less->confidence_per_mille(), 960u);
  EXPECT_EQ(less->less(), 9u);
  EXPECT_TRUE(less->is_sure());
  const auto mixed = WhySpreadOf(before, {900, 1100, 910, 1005, 895, 1050, 950, 1001, 990});
  ASSERT_TRUE(mixed.has_value());
  EXPECT_FALSE(mixed->is_sure());
}

TEST(WhySpreadTest, SaysNothingOfTooLittle) {
  EXPECT_FALSE(WhySpreadOf({}, {}).has_value());
  EXPECT_FALSE(WhySpreadOf({1, 2, 3, 4}, {1, 2, 3, 4}).has_value());
  EXPECT_FALSE(WhySpreadOf(std::vector<uint64_t>(9), std::vector<uint64_t>(9, 7)).has_value());
}

template <typename Costs, typename Of>
uint64_t Sum(const Costs& costs, Of of) {
  uint64_t sum = 0;
  for (const WhyCost& cost : costs) sum += of(cost);
  return sum;
}

TEST(WhyTest, CostsAddUp) {
  for (const char* trace : {"linux-6.1-slub-c4n2-fs", "linux-7.3-slub-c4n2-hackbench"}) {
    SCOPED_TRACE(trace);
    const WhyReport report = WhyOf(Replayed(trace));
    const auto cycles = [](const WhyCost& cost) { return uint64_t{cost.cycles()}; };
    const auto slow = [](const WhyCost& cost) { return uint64_t{cost.slow_cycles()}; };
    const auto operations = [](const WhyCost& cost) { return uint64_t{cost.operations()}; };
    EXPECT_GT(report.slow_cycles(), 0u);
    EXPECT_EQ(Sum(report.causes(), cycles), static_cast<uint64_t>(report.figures().cycles()));
    EXPECT_EQ(Sum(report.slow_paths(), cycles), report.slow_cycles());
    EXPECT_EQ(Sum(report.slow_paths(), operations), report.slow_operations());
    EXPECT_EQ(Sum(report.caches(), cycles), report.operation_cycles());
    EXPECT_EQ(Sum(report.caches(), slow), report.slow_cycles());
    EXPECT_EQ(Sum(report.caches(), operations), report.operations());
    EXPECT_LE(Sum(report.callers(), slow), report.slow_cycles());
    EXPECT_LT(report.slow_cycles(), report.cpu_cycles());
    EXPECT_TRUE(std::is_sorted(report.caches().begin(), report.caches().end(),
                               [&](const auto& a, const auto& b) { return slow(a) > slow(b); }));
  }
}

TEST(WhyTest, AChangeIsWhatARunWithItIs) {
  const SimulationOptions base = Replayed("linux-6.1-slub-c4n2-hackbench");
  const WhyReport report = WhyOf(base, "min_partial=7");
  EXPECT_EQ(report.allocator(), "slub-6.1");
  SimulationOptions tuned = base;
  tuned.run.add_tune("min_partial=7");
  SimulationOptions booted = base;
  booted.run.add_tune("slub_max_order=0");
  SimulationOptions newer = base;
  newer.run.set_allocator("slub-7.3");
  for (const auto& [setting, options] : std::vector<std::pair<std::string, SimulationOptions>>{
           {"min_partial=7", tuned}, {"slub_max_order=0", booted}, {"slub-7.3", newer}}) {
    const absl::StatusOr<RunResult> run = Simulate(options, {});
    ASSERT_TRUE(run.ok()) << run.status();
    const WhyCandidate* const candidate = Find(report, setting);
    ASSERT_NE(candidate, nullptr) << setting;
    const ExplainFigures change = Less(FiguresOf(*run), report.figures());
    EXPECT_EQ(candidate->change().SerializeAsString(), change.SerializeAsString()) << setting;
  }
  EXPECT_EQ(Find(report, "min_partial=7")->how(), "sysfs");
  EXPECT_EQ(Find(report, "slub_max_order=0")->how(), "boot");
  EXPECT_EQ(Find(report, "slub-7.3")->how(), "kernel");
}

// Sheaves of one object are dear: other capacities save, in all of the recording.
TEST(WhyTest, FindsWhatWasMadeDear) {
  SimulationOptions base = Replayed("linux-7.3-slub-c4n2-hackbench");
  base.run.set_allocator("slub-7.3");
  base.run.add_policy("sheaves.capacity=1");
  const WhyReport report = WhyOf(base);
  ASSERT_GE(report.candidates_size(), 5);
  const WhyCandidate* best = nullptr;
  for (const WhyCandidate& candidate : report.candidates()) {
    if (best == nullptr && candidate.how() == "build") best = &candidate;
  }
  ASSERT_NE(best, nullptr);
  EXPECT_THAT(best->setting(), HasSubstr("sheaves.capacity="));
  EXPECT_LT(best->change().cycles(), 0);
  EXPECT_TRUE(best->cycles().is_sure());
  EXPECT_EQ(best->cycles().parts(), kWhyParts);
  EXPECT_THAT(WhyWords(report), ::testing::Contains(HasSubstr(best->setting())));
}

TEST(WhyTest, ARecordingOfSlabIsReplayedThroughSlab) {
  const WhyReport slab = WhyOf(Replayed("linux-6.1-slab-c4n2-fs"));
  EXPECT_EQ(slab.allocator(), "slab");
  EXPECT_NE(Find(slab, "shared=0"), nullptr);
  EXPECT_EQ(Find(slab, "cpu_partial=0"), nullptr);
  SimulationOptions asked = Replayed("linux-6.1-slab-c4n2-fs");
  asked.run.set_allocator("slub-6.12");
  EXPECT_EQ(WhyOf(asked).allocator(), "slub-6.12");
}

TEST(WhyTest, RanksByCyclesAndTriesEachOnce) {
  const WhyReport report =
      WhyOf(Replayed("linux-7.3-slub-c4n2-fork"), "min_partial=20;sheaves.capacity=16");
  std::vector<std::string> settings;
  for (int i = 0; i < report.candidates_size(); ++i) {
    const WhyCandidate& candidate = report.candidates(i);
    settings.push_back(candidate.setting());
    EXPECT_FALSE(candidate.meaning().empty()) << candidate.setting();
    if (i > 0 && candidate.refused().empty()) {
      EXPECT_LE(report.candidates(i - 1).change().cycles(), candidate.change().cycles());
    }
  }
  std::sort(settings.begin(), settings.end());
  EXPECT_EQ(std::adjacent_find(settings.begin(), settings.end()), settings.end());
  for (const char* setting : {"slub-6.12", "slub-7.2", "sheaves.capacity=16", "sheaves.which=none",
                              "slab_min_objects=32", "min_partial=20"}) {
    EXPECT_NE(Find(report, setting), nullptr) << setting;
  }
  // What it is already is no change.
  EXPECT_EQ(Find(report, "sheaves.which=default"), nullptr);
  EXPECT_EQ(Find(report, "slub-7.3"), nullptr);
}

TEST(WhyTest, TextTableAndPageSayTheSame) {
  const WhyReport report = WhyOf(Replayed("linux-7.3-slub-c4n2-hackbench"));
  const std::string text = WhyText(report, 0, false);
  const std::string page = WhyPage(report, 0);
  const DataTable table = WhyTable(report);
  ASSERT_EQ(table.rows.size(), static_cast<size_t>(report.candidates_size()));
  for (size_t i = 0; i < table.rows.size(); ++i) {
    const WhyCandidate& candidate = report.candidates(static_cast<int>(i));
    EXPECT_EQ(table.rows[i].size(), table.columns.size());
    EXPECT_EQ(table.rows[i][3], absl::StrCat(candidate.change().cycles()));
    EXPECT_EQ(table.rows[i][4], absl::StrCat(candidate.change().bytes()));
    EXPECT_THAT(page, HasSubstr(candidate.setting()));
    EXPECT_THAT(text, HasSubstr(candidate.setting().substr(0, 27)));
  }
  for (const std::string& sentence : WhyWords(report)) EXPECT_THAT(page, HasSubstr(sentence));
  for (const absl::string_view line : absl::StrSplit(text, '\n')) EXPECT_LE(line.size(), 80u);
  // A page of text, with few rows.
  const std::vector<std::string> few = absl::StrSplit(WhyText(report, 5, false), '\n');
  EXPECT_LE(few.size(), 110u);
}

TEST(WhyTest, AnEndThatIsAskedForIsCancelled) {
  const absl::StatusOr<WhyReport> report =
      Why(Replayed("linux-7.3-slub-c4n2-fork"), {.workers = 2, .stop = [] { return true; }});
  EXPECT_TRUE(absl::IsCancelled(report.status())) << report.status();
}

TEST(WhyTest, WhatNoModelTakesIsRefused) {
  const absl::StatusOr<WhyReport> report =
      Why(Replayed("linux-7.3-slub-c4n2-fork"), {.workers = 2, .further = "cpu_partials=3"});
  EXPECT_TRUE(absl::IsInvalidArgument(report.status()));
  EXPECT_THAT(std::string(report.status().message()), HasSubstr("cpu_partials"));
}

}  // namespace
}  // namespace slablab
