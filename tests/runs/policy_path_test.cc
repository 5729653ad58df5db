// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "runs/experiments/policy_path.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "allocators/registry.h"
#include "allocators/switches.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace slablab {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string Message(const absl::Status& status) { return std::string(status.message()); }

std::vector<std::string> Moved(const std::vector<PolicyStep>& path) {
  std::vector<std::string> moved;
  for (const PolicyStep& step : path) {
    for (const std::string& setting : step.moved) {
      moved.push_back(absl::StrCat(setting, " of ", step.era));
    }
  }
  return moved;
}

// What `to` decides otherwise than `from`.
std::set<std::string> Differences(const std::string& from, const std::string& to) {
  std::set<std::string> settings;
  const std::vector<PolicyInfo> before = PoliciesOf(from);
  const std::vector<PolicyInfo> after = PoliciesOf(to);
  for (size_t i = 0; i < before.size(); ++i) {
    if (!after[i].idle.empty() || before[i].value == after[i].value) continue;
    settings.insert(absl::StrCat(std::string(after[i].name), "=", after[i].value));
  }
  return settings;
}

// Each step can be run, and at the end of the way there is nothing of the difference left.
TEST(PolicyPathTest, LeadsFromEveryEraToEveryOtherOfItsFamily) {
  int paths = 0;
  for (const AllocatorInfo& a : ListAllocators()) {
    for (const AllocatorInfo& b : ListAllocators()) {
      const std::string from(a.name);
      const std::string to(b.name);
      SCOPED_TRACE(absl::StrCat(from, " to ", to));
      const absl::StatusOr<std::vector<PolicyStep>> path = PolicyPath({from, {}}, {to, {}});
      const bool family = PoliciesOf(from).size() == PoliciesOf(to).size() &&
                          !PoliciesOf(from).empty() &&
                          PoliciesOf(from)[0].name == PoliciesOf(to)[0].name;
      ASSERT_EQ(path.ok(), family) << path.status();
      if (!family) continue;
      ++paths;
      for (const PolicyStep& step : *path) {
        EXPECT_EQ(step.side.model, from);
        EXPECT_THAT(step.moved, ::testing::Not(IsEmpty()));
        EXPECT_TRUE(CheckPolicies(from, step.side.policies).ok());
      }
      const std::set<std::string> wanted = Differences(from, to);
      if (path->empty()) {
        EXPECT_THAT(wanted, IsEmpty());
        continue;
      }
      const std::vector<std::string>& last = path->back().side.policies;
      const std::set<std::string> found(last.begin(), last.end());
      EXPECT_TRUE(std::includes(found.begin(), found.end(), wanted.begin(), wanted.end()))
          << absl::StrJoin(found, ",");
    }
  }
  EXPECT_GT(paths, 50);
}

TEST(PolicyPathTest, GoesThroughTheErasInTheOrderOfHistory) {
  EXPECT_THAT(Moved(*PolicyPath({"slub-7.2", {}}, {"slub-7.3", {}})),
              ElementsAre("sheaves.bulk-free=partition of slub-7.3",
                          "sheaves.unneeded-rcu=freed of slub-7.3",
                          "sheaves.free-wakes-kswapd=no of slub-7.3"));
  std::vector<std::string> eras;
  const std::vector<PolicyStep> path = *PolicyPath({"slub-6.12", {}}, {"slub-7.3", {}});
  for (const PolicyStep& step : path) {
    if (eras.empty() || eras.back() != step.era) eras.push_back(step.era);
  }
  EXPECT_THAT(eras, ElementsAre("slub-6.18", "slub-7.0", "slub-7.1", "slub-7.2", "slub-7.3"));
}

// A switch that a side sets is the last that comes, or is taken back.
TEST(PolicyPathTest, EndsWithWhatASideSets) {
  const PolicySide own = {"slub-7.3", {}};
  const PolicySide small = {"slub-7.3", {"sheaves.capacity=4"}};
  EXPECT_THAT(Moved(*PolicyPath(own, small)), ElementsAre("sheaves.capacity=4 of slub-7.3"));
  EXPECT_THAT(Moved(*PolicyPath(small, own)), ElementsAre("sheaves.capacity=0 of slub-7.3"));
  EXPECT_EQ(Moved(*PolicyPath({"slub-7.2", {}}, small)).back(), "sheaves.capacity=4 of slub-7.3");
  EXPECT_THAT(*PolicyPath(small, small), IsEmpty());
}

TEST(PolicyPathTest, WhatIsNoneIsRefused) {
  EXPECT_THAT(Message(PolicyPath({"slub-7.3", {}}, {"slab", {}}).status()),
              HasSubstr("slub-7.3 and slab are not made of the same switches"));
  EXPECT_THAT(Message(PolicyPath({"slub-2010", {}}, {"slab", {}}).status()),
              HasSubstr("slub-2010 has no policies"));
  EXPECT_THAT(Message(ParsePolicySide("slub-7.4").status()), HasSubstr("did you mean slub-7."));
  EXPECT_THAT(Message(ParsePolicySide("slub-7.3:sheaves.whch=none").status()),
              HasSubstr("did you mean sheaves.which"));
}

}  // namespace
}  // namespace slablab
