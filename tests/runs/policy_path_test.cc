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
#include "base/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace slablab {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::string Message(const absl::Status& status) { return std::string(status.message()); }

PolicySide Side(const std::string& text) {
  const absl::StatusOr<PolicySide> side = ParsePolicySide(text);
  EXPECT_TRUE(side.ok()) << side.status();
  return side.ok() ? *side : PolicySide();
}

std::vector<PolicyStep> Path(const std::string& from, const std::string& to) {
  const absl::StatusOr<std::vector<PolicyStep>> path = PolicyPath(Side(from), Side(to));
  EXPECT_TRUE(path.ok()) << path.status();
  return path.ok() ? *path : std::vector<PolicyStep>();
}

// A step a text: "barns=none of slub-7.3", with a '+' between those that go together.
std::vector<std::string> Texts(const std::vector<PolicyStep>& path) {
  std::vector<std::string> texts;
  for (const PolicyStep& step : path) {
    std::vector<std::string> settings;
    for (const SwitchChange& change : step.switches) {
      settings.push_back(change.since.empty()
                             ? change.Setting()
                             : absl::StrCat(change.Setting(), " of ", change.since));
    }
    texts.push_back(absl::StrJoin(settings, " + "));
  }
  return texts;
}

// Each switch once, and from the value that it has to the one that it has then; each step can be
// run; and behind the last there is nothing left of the difference.
void ExpectLeads(const PolicySide& from, const PolicySide& to) {
  SCOPED_TRACE(absl::StrCat(from.ToString(), " to ", to.ToString()));
  const absl::StatusOr<std::vector<PolicyStep>> path = PolicyPath(from, to);
  ASSERT_TRUE(path.ok()) << path.status();
  std::set<std::string> names;
  PolicySide side = from;
  for (const PolicyStep& step : *path) {
    EXPECT_EQ(step.side.model, from.model);
    EXPECT_TRUE(CheckPolicies(from.model, step.side.policies).ok()) << step.side.ToString();
    EXPECT_EQ(CheckPolicies(from.model, step.alone.policies).ok(), step.not_alone.empty());
    EXPECT_THAT(step.switches, Not(IsEmpty()));
    for (const SwitchChange& change : step.switches) {
      EXPECT_TRUE(names.insert(change.name).second) << change.name;
      EXPECT_NE(change.from, change.to) << change.name;
      const auto value = [&](const PolicySide& of) {
        for (const PolicyInfo& info : PoliciesOf(of.model, of.policies)) {
          if (info.name == change.name) return info.value;
        }
        return std::string();
      };
      EXPECT_EQ(value(side), change.from) << change.name;
      EXPECT_EQ(value(step.side), change.to) << change.name;
    }
    side = step.side;
  }
  const std::vector<PolicyInfo> found = PoliciesOf(side.model, side.policies);
  const std::vector<PolicyInfo> wanted = PoliciesOf(to.model, to.policies);
  for (size_t i = 0; i < wanted.size(); ++i) {
    EXPECT_EQ(found[i].idle.empty(), wanted[i].idle.empty()) << wanted[i].name;
    if (wanted[i].idle.empty()) {
      EXPECT_EQ(found[i].value, wanted[i].value) << wanted[i].name;
    }
  }
}

TEST(PolicyPathTest, LeadsFromEveryEraToEveryOtherOfItsFamily) {
  int paths = 0;
  for (const AllocatorInfo& a : ListAllocators()) {
    for (const AllocatorInfo& b : ListAllocators()) {
      const std::string from(a.name);
      const std::string to(b.name);
      const bool family = AreOneFamily(from, to);
      EXPECT_EQ(PolicyPath({from, {}}, {to, {}}).ok(), family) << from << " to " << to;
      if (!family) continue;
      ++paths;
      ExpectLeads({from, {}}, {to, {}});
    }
  }
  EXPECT_GT(paths, 50);
}

// A model with up to five of its switches set otherwise.
PolicySide SomeSide(const std::vector<std::string>& models, Random& random) {
  PolicySide side = {models[random.Below(models.size())], {}};
  for (uint64_t left = random.Below(6); left > 0; --left) {
    const std::vector<PolicyInfo> infos = PoliciesOf(side.model);
    const PolicyInfo& info = infos[random.Below(infos.size())];
    const std::string value =
        info.words.empty()
            ? absl::StrCat(info.least + random.Below(std::min(info.most - info.least, 20u) + 1))
            : std::string(info.words[random.Below(info.words.size())]);
    std::vector<std::string> policies = side.policies;
    policies.push_back(absl::StrCat(std::string(info.name), "=", value));
    if (!CheckPolicies(side.model, policies).ok()) continue;
    side = Side(absl::StrCat(side.model, ":", absl::StrJoin(policies, ",")));
  }
  return side;
}

TEST(PolicyPathTest, LeadsFromAnySwitchesToAnyOthers) {
  Random random(16, /*stream=*/3);
  for (const char* of : {"slub-7.3", "slab", "slubq"}) {
    std::vector<std::string> models;
    for (const AllocatorInfo& info : ListAllocators()) {
      if (AreOneFamily(std::string(info.name), of)) models.emplace_back(info.name);
    }
    for (int i = 0; i < 100; ++i) {
      const PolicySide from = SomeSide(models, random);
      ExpectLeads(from, SomeSide(models, random));
      EXPECT_THAT(*PolicyPath(from, from), IsEmpty());
    }
  }
}

// No era on the way is behind one that is later on it, and each difference is one's.
TEST(PolicyPathTest, GoesThroughTheErasInTheOrderOfHistory) {
  EXPECT_THAT(Texts(Path("slub-7.2", "slub-7.3")),
              ElementsAre("sheaves.bulk-free=partition of slub-7.3",
                          "sheaves.unneeded-rcu=freed of slub-7.3",
                          "sheaves.free-wakes-kswapd=no of slub-7.3"));
  const std::vector<std::string> histories[] = {
      {"slub-2010", "slub-6.1", "slub-6.12", "slub-6.18", "slub-7.0", "slub-7.1", "slub-7.2",
       "slub-7.3"},
      {"slab-2014", "slab"},
      {"slubq-v2", "slubq", "slubq-v4"}};
  for (std::vector<std::string> eras : histories) {
    for (const bool back : {false, true}) {
      if (back) std::reverse(eras.begin(), eras.end());
      SCOPED_TRACE(absl::StrJoin(eras, ","));
      // What cannot be without a later change comes with that.
      std::ptrdiff_t at = 1;
      for (const PolicyStep& step : Path(eras.front(), eras.back())) {
        std::ptrdiff_t latest = 0;
        for (const SwitchChange& change : step.switches) {
          const auto since = std::find(eras.begin() + 1, eras.end(), change.since);
          EXPECT_NE(since, eras.end()) << change.name << " of " << change.since;
          latest = std::max(latest, since - eras.begin());
        }
        EXPECT_GE(latest, at) << step.switches.front().name;
        at = latest;
      }
    }
  }
}

TEST(PolicyPathTest, PatchedModelsLieBetweenPatchedOnesAlone) {
  for (const std::string& text : Texts(Path("slab-2014", "slab"))) {
    EXPECT_THAT(text, HasSubstr(" of slab"));
    EXPECT_THAT(text, Not(HasSubstr("slab-2014-percpu")));
  }
  EXPECT_THAT(Texts(Path("slab-2014", "slab-2014-percpu")),
              ElementsAre("arrays.percpu=yes of slab-2014-percpu"));
  EXPECT_THAT(Texts(Path("slubq-v2", "slubq-v4")),
              ::testing::Contains("queues-by-node=yes of slubq"));
}

// A switch that a side sets is the last that comes, or is taken back.
TEST(PolicyPathTest, EndsWithWhatASideSets) {
  const std::string small = "slub-7.3:sheaves.capacity=4";
  EXPECT_THAT(Texts(Path("slub-7.3", small)), ElementsAre("sheaves.capacity=4"));
  EXPECT_THAT(Texts(Path(small, "slub-7.3")), ElementsAre("sheaves.capacity=0 of slub-7.3"));
  EXPECT_EQ(Texts(Path("slub-7.2", small)).back(), "sheaves.capacity=4");
  EXPECT_THAT(Path(small, small), IsEmpty());
}

// Barns of all nodes need a pointer in the cache, and neither is anything without barns.
TEST(PolicyPathTest, SetsTogetherWhatCannotBeAlone) {
  EXPECT_THAT(Texts(Path("slub-7.0:barns=none", "slub-7.1")),
              ElementsAre("sheaves.remote-free=past-unless-memoryless of slub-7.1",
                          "barns=all-nodes of slub-7.1 + barns.pointer=in-cache of slub-7.1"));
  // One that can be as soon as another is there comes behind it, and says that it is nothing alone.
  const std::vector<PolicyStep> path = Path("slub-7.0", "slub-7.1");
  EXPECT_THAT(Texts(path),
              ElementsAre("sheaves.remote-free=past-unless-memoryless of slub-7.1",
                          "barns.pointer=in-cache of slub-7.1", "barns=all-nodes of slub-7.1"));
  EXPECT_EQ(path[1].not_alone, "");
  EXPECT_THAT(path[2].not_alone, HasSubstr("barns.pointer"));
}

// What decides nothing where the way ends is set back, or left.
TEST(PolicyPathTest, WhatDecidesNothingIsNoDifference) {
  EXPECT_THAT(Texts(Path("slub-7.2:sheaves.capacity=4", "slub-7.3:sheaves.which=none")),
              ElementsAre("sheaves.capacity=0 of slub-7.2", "sheaves.which=none"));
}

TEST(PolicyPathTest, ASideIsSpeltOneWay) {
  for (const char* text :
       {"slub-7.3", "slub-7.3:barns=none", "slub-7.3:cpu-slabs=yes,barns=none"}) {
    EXPECT_EQ(Side(text).ToString(), text);
  }
  EXPECT_EQ(Side("slub-7.3:barns=none,cpu-slabs=yes").ToString(),
            "slub-7.3:cpu-slabs=yes,barns=none");
  EXPECT_EQ(Side("slub-7.3:sheaves.capacity=4,sheaves.capacity=0").ToString(), "slub-7.3");
  EXPECT_EQ(Side("slub-7.3:slub-7.3:barns=none").ToString(), "slub-7.3:barns=none");
  SimulationOptions run;
  run.run.set_allocator("slab");
  run.run.add_policy("arrays.percpu=no");
  run.run.set_seed(7);
  run = Side("slub-7.3:barns=none").Of(run);
  EXPECT_EQ(run.run.allocator(), "slub-7.3");
  EXPECT_THAT(run.run.policy(), ElementsAre("barns=none"));
  EXPECT_EQ(run.run.seed(), 7u);
}

TEST(PolicyPathTest, WhatIsNoneIsRefused) {
  EXPECT_THAT(Message(PolicyPath({"slub-7.3", {}}, {"slab", {}}).status()),
              HasSubstr("slub-7.3 and slab are not made of the same switches"));
  EXPECT_THAT(Message(PolicyPath({"slub-2010", {}}, {"slubq", {}}).status()),
              HasSubstr("slub-2010 and slubq are not made of the same switches"));
  EXPECT_THAT(Message(PolicyPath({"percpu", {}}, {"slab", {}}).status()),
              HasSubstr("percpu has no policies"));
  EXPECT_THAT(Message(ParsePolicySide("slub-7.4").status()), HasSubstr("did you mean slub-7."));
  EXPECT_THAT(Message(ParsePolicySide("slub-7.3:sheaves.whch=none").status()),
              HasSubstr("did you mean sheaves.which"));
  EXPECT_THAT(Message(ParsePolicySide("slub-7.3:barns=some").status()),
              HasSubstr("slub-7.3:barns=some: "));
  EXPECT_THAT(Message(ParsePolicySide("slub-7.3+barns=none").status()),
              HasSubstr("unknown slab allocator 'slub-7.3+barns=none'"));
}

}  // namespace
}  // namespace slablab
