// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// What `slablab explain` is made of: every switch that differs is found, and what is attributed to
// them adds up to the whole change, to the cycle.

#include "runs/explain/explain.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "allocators/policies.h"
#include "allocators/registry.h"
#include "allocators/switches.h"
#include "base/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reports/comparison/comparison.h"
#include "reports/explain/explain_text.h"
#include "reports/html/html_report.h"
#include "tests/test_files.h"

namespace slablab {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr uint64_t kEvents = 6'000;

SimulationOptions Replayed(const std::string& trace) {
  SimulationOptions options;
  options.run.set_trace(Runfile(absl::StrCat("traces/samples/", trace, ".slt")));
  options.run.set_events_max(kEvents);
  return options;
}

ExplainReport Explained(const std::string& a, const std::string& b, const std::string& trace,
                        const ExplainOptions& options = {.workers = 2}) {
  const absl::StatusOr<PolicySide> from = ParsePolicySide(a);
  const absl::StatusOr<PolicySide> to = ParsePolicySide(b);
  EXPECT_TRUE(from.ok() && to.ok()) << from.status() << to.status();
  if (!from.ok() || !to.ok()) return {};
  const absl::StatusOr<ExplainReport> report = Explain(*from, *to, Replayed(trace), options);
  EXPECT_TRUE(report.ok()) << report.status();
  return report.ok() ? *report : ExplainReport();
}

std::vector<int64_t> Parts(const ExplainFigures& figures) {
  return {figures.cycles(), figures.bytes(), figures.wait_cycles()};
}

void Add(std::vector<int64_t>& sum, const ExplainFigures& figures) {
  const std::vector<int64_t> parts = Parts(figures);
  for (size_t i = 0; i < sum.size(); ++i) sum[i] += parts[i];
}

// Both attributions, of all three figures.
void ExpectAddsUp(const ExplainReport& report) {
  std::vector<int64_t> history(3);
  std::vector<int64_t> alone(3);
  for (const ExplainStep& step : report.steps()) {
    Add(history, step.change());
    if (step.not_alone().empty()) Add(alone, step.alone());
  }
  Add(history, report.left_over());
  Add(alone, report.interaction());
  EXPECT_EQ(history, Parts(WholeChange(report)));
  EXPECT_EQ(alone, Parts(WholeChange(report)));
  int64_t causes = 0;
  for (const ExplainCause& cause : report.causes()) {
    causes += static_cast<int64_t>(cause.cycles_b()) - static_cast<int64_t>(cause.cycles_a());
  }
  EXPECT_EQ(causes, WholeChange(report).cycles());
}

std::set<std::string> Found(const ExplainReport& report) {
  std::set<std::string> settings;
  for (const ExplainStep& step : report.steps()) {
    for (const ExplainSwitch& change : step.switches()) {
      settings.insert(absl::StrCat(change.name(), "=", change.to()));
    }
  }
  return settings;
}

// Another value of the switch.
std::string Flipped(const PolicyInfo& info, Random& random) {
  if (info.words.empty()) {
    const uint32_t span = std::min<uint32_t>(info.most - info.least, 20);
    for (;;) {
      const std::string value = absl::StrCat(info.least + random.Below(span + 1));
      if (value != info.value) return absl::StrCat(std::string(info.name), "=", value);
    }
  }
  for (;;) {
    const std::string value(info.words[random.Below(info.words.size())]);
    if (value != info.value) return absl::StrCat(std::string(info.name), "=", value);
  }
}

// Ten times one switch, which only the run knows of, and once ten at once.
TEST(ExplainTest, FindsSwitchesThatWereFlippedInSecret) {
  Random random(16, /*stream=*/1);
  std::set<std::string> tried;
  while (tried.size() < 10) {
    const std::string era = random.Below(2) == 0 ? "slub-7.3" : "slub-6.12";
    const std::vector<PolicyInfo> infos = PoliciesOf(era);
    const std::string secret = Flipped(infos[random.Below(infos.size())], random);
    if (!CheckPolicies(era, {{secret}}).ok() || !tried.insert(secret).second) continue;
    SCOPED_TRACE(absl::StrCat(era, ":", secret));
    const ExplainReport report =
        Explained(era, absl::StrCat(era, ":", secret), "linux-7.3-slub-c4n2-hackbench");
    EXPECT_THAT(Found(report), ElementsAre(secret));
    EXPECT_THAT(Parts(report.left_over()), ElementsAre(0, 0, 0));
    ExpectAddsUp(report);
    // Where anything moves, it says where first.
    const bool moves = Parts(WholeChange(report)) != std::vector<int64_t>(3);
    ASSERT_EQ(report.steps_size(), 1);
    EXPECT_TRUE(report.steps(0).has_first() || !moves);
    EXPECT_EQ(report.steps(0).first().event(), report.first().event());
  }
}

TEST(ExplainTest, FindsTenSwitchesAtOnce) {
  Random random(16, /*stream=*/2);
  std::vector<std::string> secret;
  const std::vector<PolicyInfo> infos = PoliciesOf("slub-7.3");
  std::set<std::string> names;
  while (secret.size() < 10) {
    const PolicyInfo& info = infos[random.Below(infos.size())];
    std::vector<std::string> with = secret;
    with.push_back(Flipped(info, random));
    if (names.contains(std::string(info.name)) || !CheckPolicies("slub-7.3", with).ok()) continue;
    names.emplace(info.name);
    secret = with;
  }
  const ExplainReport report = Explained(
      "slub-7.3", absl::StrCat("slub-7.3:", absl::StrJoin(secret, ",")), "linux-7.3-slub-c4n2-fs");
  EXPECT_EQ(Found(report), std::set<std::string>(secret.begin(), secret.end()));
  EXPECT_THAT(Parts(report.left_over()), ElementsAre(0, 0, 0));
  ExpectAddsUp(report);
}

// Those of slab objects, by name.
std::vector<std::string> SlabTraces() {
  const std::filesystem::path folder =
      std::filesystem::path(Runfile("traces/samples/linux-6.1-slub-c4n2-fs.slt")).parent_path();
  std::vector<std::string> names;
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    const std::string name = file.path().stem();
    if (file.path().extension() == ".slt" && name.find("percpu") == std::string::npos) {
      names.push_back(name);
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

TEST(ExplainTest, AddsUpOnEveryBundledTrace) {
  EXPECT_GE(SlabTraces().size(), 8u);
  for (const std::string& trace : SlabTraces()) {
    SCOPED_TRACE(trace);
    const ExplainReport report = Explained("slub-6.12", "slub-7.3", trace);
    EXPECT_TRUE(report.one_family());
    EXPECT_GT(report.steps_size(), 5);
    ExpectAddsUp(report);
  }
}

TEST(ExplainTest, OfTwoFamiliesItTellsCauses) {
  const ExplainReport report = Explained("slab", "slub-7.3", "linux-6.1-slub-c4n2-net");
  EXPECT_FALSE(report.one_family());
  EXPECT_EQ(report.steps_size(), 0);
  EXPECT_GT(report.causes_size(), 3);
  EXPECT_THAT(ExplainText(report, false),
              HasSubstr("No named differences lead from slab to slub-7.3"));
}

TEST(ExplainTest, GoesOnWhereItWasInterruptedAndIsTheSame) {
  const std::string folder = NewFolder();
  ExplainOptions options = {.workers = 2};
  options.store.emplace(folder);
  const ExplainReport whole = Explained("slub-7.0", "slub-7.2", "linux-7.3-slub-c4n2-fork");
  const ExplainReport first =
      Explained("slub-7.0", "slub-7.2", "linux-7.3-slub-c4n2-fork", options);
  // Some of it is lost.
  int left = 0;
  std::vector<std::filesystem::path> files;
  for (const auto& file : std::filesystem::directory_iterator(folder)) files.push_back(file.path());
  std::sort(files.begin(), files.end());
  for (size_t i = 0; i < files.size(); i += 2) std::filesystem::remove(files[i]), ++left;
  EXPECT_GT(left, 0);
  const ExplainReport again =
      Explained("slub-7.0", "slub-7.2", "linux-7.3-slub-c4n2-fork", options);
  EXPECT_EQ(whole.SerializeAsString(), first.SerializeAsString());
  EXPECT_EQ(whole.SerializeAsString(), again.SerializeAsString());
  std::filesystem::remove_all(folder);
}

TEST(ExplainTest, TextTableAndPageSayTheSame) {
  std::vector<LabelledResult> ends;
  const ExplainReport report =
      Explained("slub-7.1", "slub-7.3", "linux-7.3-slub-c4n2-hackbench",
                {.workers = 2, .on_ends = [&](const RunResult& a, const RunResult& b) {
                   ends = {{.label = "slub-7.1", .result = a}, {.label = "slub-7.3", .result = b}};
                 }});
  const std::string text = ExplainText(report, false);
  ASSERT_EQ(ends.size(), 2u);
  EXPECT_EQ(FiguresOf(ends[1].result).cycles() - FiguresOf(ends[0].result).cycles(),
            WholeChange(report).cycles());
  const HtmlPage page = HtmlPageOf(HtmlReport(ends, "7.1 and 7.3", &report));
  const std::vector<std::string> names(page.names().begin(), page.names().end());
  const auto since = std::find_if(page.views().begin(), page.views().end(),
                                  [](const HtmlView& view) { return view.id() == "since"; });
  ASSERT_NE(since, page.views().end());
  EXPECT_EQ(since->table().rows(), static_cast<uint32_t>(report.steps_size()) + 1);
  const DataTable table = ExplainTable(report);
  ASSERT_EQ(table.rows.size(), static_cast<size_t>(report.steps_size()) + 2);
  for (int i = 0; i < report.steps_size(); ++i) {
    const ExplainStep& step = report.steps(i);
    for (const ExplainSwitch& change : step.switches()) {
      EXPECT_THAT(text, HasSubstr(change.name()));
    }
    EXPECT_THAT(names, Contains(StepName(step)));
    if (step.has_first()) {
      EXPECT_THAT(names, Contains(FirstWords(step.first())));
    }
    EXPECT_EQ(table.rows[static_cast<size_t>(i)][3], absl::StrCat(step.change().cycles()));
  }
  for (const char* word : {"left over", "B less A"}) EXPECT_THAT(text, HasSubstr(word));
  size_t line_start = 0;
  for (size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', end + 1)) {
    EXPECT_LE(end - line_start, 80u);
    line_start = end + 1;
  }
}

}  // namespace
}  // namespace slablab
