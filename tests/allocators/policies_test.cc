// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// The switches of the models' policies: what is listed is what decides, and whatever is set either
// works or is refused with the reason.

#include "allocators/policies.h"

#include <algorithm>
#include <map>
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
#include "tests/allocators/allocator_machine.h"
#include "tests/allocators/policy_program.h"

namespace slablab {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> ModelsWithPolicies() {
  std::vector<std::string> models;
  for (const std::string& model : TestedModels()) {
    if (!PoliciesOf(model).empty()) models.push_back(model);
  }
  return models;
}

// All words, or some numbers of a range.
std::vector<std::string> ValuesOf(const PolicyInfo& info) {
  std::vector<std::string> values;
  for (const std::string_view word : info.words) values.emplace_back(word);
  if (!values.empty()) return values;
  // A sheaf of the most objects holds all of a small machine.
  constexpr uint32_t kReasonable = 500;
  const std::set<uint32_t> numbers = {info.least, info.least + 1, info.least + 3,
                                      std::min(info.most, info.least + kReasonable)};
  for (const uint32_t number : numbers) values.push_back(absl::StrCat(number));
  return values;
}

std::string Setting(std::string_view name, std::string_view value) {
  return absl::StrCat(std::string(name), "=", std::string(value));
}

std::string Message(const absl::Status& status) { return std::string(status.message()); }

// Words enough to know what to change.
void ExpectReason(const std::string& refused, std::string_view model) {
  EXPECT_THAT(refused, ::testing::AnyOf(HasSubstr(std::string(model)), HasSubstr("panic")));
  EXPECT_GT(refused.size(), 30u) << refused;
}

class PoliciesTest : public ::testing::TestWithParam<std::string> {};

TEST_P(PoliciesTest, EveryValueOfEverySwitchRunsOrIsRefusedWithAReason) {
  for (const PolicyInfo& info : PoliciesOf(GetParam())) {
    for (const std::string& value : ValuesOf(info)) {
      const std::string setting = Setting(info.name, value);
      SCOPED_TRACE(setting);
      const PolicyProgramResult result = RunPolicyProgram(GetParam(), {setting});
      EXPECT_THAT(result.wrong, IsEmpty());
      if (result.refused.empty()) continue;
      ExpectReason(result.refused, GetParam());
      EXPECT_NE(value, info.value);
    }
  }
}

TEST_P(PoliciesTest, SwitchesTogetherRunOrAreRefusedWithAReason) {
  constexpr int kRounds = 60;
  constexpr uint64_t kStream = 3;
  const std::vector<PolicyInfo> infos = PoliciesOf(GetParam());
  Random random(1, kStream);
  int ran = 0;
  for (int round = 0; round < kRounds; ++round) {
    std::map<std::string_view, std::string> chosen;
    const uint64_t count = 2 + random.Below(5);
    while (chosen.size() < count) {
      const PolicyInfo& info = infos[random.Below(infos.size())];
      const std::vector<std::string> values = ValuesOf(info);
      chosen[info.name] = values[random.Below(values.size())];
    }
    std::vector<std::string> settings;
    for (const auto& [name, value] : chosen) settings.push_back(Setting(name, value));
    SCOPED_TRACE(absl::StrJoin(settings, ","));
    const PolicyProgramResult result = RunPolicyProgram(GetParam(), settings, 600);
    EXPECT_THAT(result.wrong, IsEmpty());
    if (result.refused.empty()) {
      ++ran;
    } else {
      ExpectReason(result.refused, GetParam());
    }
  }
  EXPECT_GT(ran, 0);
}

TEST_P(PoliciesTest, ItsOwnValuesChangeNothing) {
  std::vector<std::string> own;
  for (const PolicyInfo& info : PoliciesOf(GetParam())) {
    own.push_back(Setting(info.name, info.value));
  }
  const PolicyProgramResult as_it_is = RunPolicyProgram(GetParam(), {});
  const PolicyProgramResult set = RunPolicyProgram(GetParam(), own);
  EXPECT_THAT(as_it_is.refused, IsEmpty());
  EXPECT_THAT(set.refused, IsEmpty());
  EXPECT_EQ(set.digest, as_it_is.digest);
}

TEST_P(PoliciesTest, WhatThereIsNotIsAnsweredWithWhatThereIs) {
  const PolicyInfo first = PoliciesOf(GetParam())[0];
  const std::string slip = absl::StrCat(std::string(first.name), "x");
  EXPECT_THAT(Message(CheckPolicy(GetParam(), slip + "=no")),
              HasSubstr(absl::StrCat("unknown policy of ", GetParam(), " '", slip,
                                     "' (did you mean ", std::string(first.name))));
  const std::string value = Setting(first.name, "maybe");
  EXPECT_THAT(
      Message(CheckPolicy(GetParam(), value)),
      HasSubstr(absl::StrCat("unknown value of ", GetParam(), "'s ", std::string(first.name),
                             " 'maybe'; valid are: ", std::string(first.words[0]))));
  EXPECT_THAT(Message(CheckPolicy(GetParam(), std::string(first.name))),
              HasSubstr("is not NAME=VALUE"));
  const std::string own = absl::StrCat(GetParam(), ":", Setting(first.name, first.value));
  EXPECT_TRUE(CheckPolicy(GetParam(), own).ok());
  EXPECT_THAT(Message(CheckPolicy(GetParam(), "percpu:cpu-slabs=no")),
              HasSubstr("is of an allocator that does not run here"));
}

TEST_P(PoliciesTest, ASwitchHasItsOwnNameAndValueInWords) {
  std::set<std::string_view> names;
  for (const PolicyInfo& info : PoliciesOf(GetParam())) {
    EXPECT_TRUE(names.insert(info.name).second) << info.name;
    EXPECT_TRUE(info.meaning.ends_with(".")) << info.name;
    EXPECT_EQ(info.name.find_first_of(":=, "), std::string_view::npos) << info.name;
    const std::vector<std::string> values = ValuesOf(info);
    EXPECT_EQ(std::set<std::string>(values.begin(), values.end()).size(), values.size());
    EXPECT_TRUE(CheckPolicy(GetParam(), Setting(info.name, info.value)).ok()) << info.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Models, PoliciesTest, ::testing::ValuesIn(ModelsWithPolicies()),
                         [](const auto& model) { return TestName(model.param); });

// What `to` decides otherwise than `from`, as settings.
std::vector<std::string> Differences(const std::string& from, const std::string& to) {
  std::vector<std::string> settings;
  const std::vector<PolicyInfo> before = PoliciesOf(from);
  const std::vector<PolicyInfo> after = PoliciesOf(to);
  for (size_t i = 0; i < before.size(); ++i) {
    EXPECT_EQ(before[i].name, after[i].name);
    if (!after[i].idle.empty() || before[i].value == after[i].value) continue;
    settings.push_back(Setting(after[i].name, after[i].value));
  }
  return settings;
}

struct Step {
  const char* from;
  const char* to;
};

// An era is the one beside it with other values of its switches, and nothing else.
TEST(ErasTest, AnEraIsItsNeighbourWithItsSwitchesSet) {
  const Step steps[] = {{"slub-6.1", "slub-6.12"},  {"slub-6.12", "slub-6.1"},
                        {"slub-6.12", "slub-6.18"}, {"slub-6.18", "slub-7.0"},
                        {"slub-7.0", "slub-7.1"},   {"slub-7.1", "slub-7.2"},
                        {"slub-7.2", "slub-7.3"},   {"slub-7.3", "slub-7.2"},
                        {"slub-7.2", "slub-7.1"},   {"slub-7.1", "slub-7.0"},
                        {"slub-7.0", "slub-6.18"},  {"slub-6.1", "slub-7.3"},
                        {"slub-7.3", "slub-6.18"},  {"slab", "slab-2014"},
                        {"slab-2014", "slab"},      {"slab-2014", "slab-2014-percpu"},
                        {"slubq-v2", "slubq"},      {"slubq", "slubq-v4"},
                        {"slubq-v4", "slubq"},      {"slubq-v2", "slubq-v4"},
                        {"slub-2010", "slub-6.1"},  {"slub-6.1", "slub-2010"}};
  for (const auto& [from, to] : steps) {
    const std::vector<std::string> settings = Differences(from, to);
    SCOPED_TRACE(absl::StrCat(from, " to ", to, ": ", absl::StrJoin(settings, ",")));
    const auto run = [](const char* model, const std::vector<std::string>& policies) {
      return RunPolicyProgram(model, policies, 1200, ProgramQuirks::kNone);
    };
    const PolicyProgramResult made = run(from, settings);
    EXPECT_THAT(made.refused, IsEmpty());
    EXPECT_EQ(made.digest, run(to, {}).digest);
  }
}

TEST(ErasTest, ThreeSwitchesMakeLinux72Of73) {
  EXPECT_EQ(Differences("slub-7.2", "slub-7.3"),
            (std::vector<std::string>{"sheaves.bulk-free=partition", "sheaves.unneeded-rcu=freed",
                                      "sheaves.free-wakes-kswapd=no"}));
}

TEST(PolicyRefusalTest, ReasonsSayWhatWouldDo) {
  const auto refusal = [](const char* model, const std::vector<std::string>& policies) {
    return Message(CheckPolicies(model, policies));
  };
  EXPECT_THAT(refusal("slub-6.1", {"cpu-slabs=no"}), HasSubstr("slabs.marked-listed is no"));
  EXPECT_EQ(refusal("slub-6.1", {"cpu-slabs=no", "slabs.marked-listed=yes"}), "");
  EXPECT_THAT(refusal("slub-6.12", {"slabs.marked-listed=no"}),
              HasSubstr("could not be told from one in its node's list"));
  EXPECT_THAT(refusal("slub-7.3", {"barns.pointer=in-node"}),
              HasSubstr("barns=all-nodes needs barns.pointer=in-cache"));
  EXPECT_THAT(refusal("slub-6.1", {"sheaves.capacity=8"}),
              HasSubstr("sheaves.capacity of slub-6.1 decides nothing: there are no sheaves"));
  EXPECT_THAT(refusal("slub-7.3", {"cpu-partials=no"}), HasSubstr("there are no CPU slabs"));
  EXPECT_THAT(refusal("slub-6.18", {"sheaves.which=default"}),
              HasSubstr("sheaves.capacity-rule=by-class"));
  EXPECT_THAT(refusal("slub-7.3", {"sheaves.capacity=-1"}),
              HasSubstr("sheaves.capacity cannot be set to '-1': it takes 0..524284"));
  EXPECT_THAT(refusal("slubq-v2", {"shared-queues=yes"}), HasSubstr("needs queues-by-node=yes"));
  EXPECT_THAT(refusal("slub-2010", {"cpu-slabs=no"}), HasSubstr("needs cpu-slabs=yes"));
  EXPECT_THAT(refusal("slub-2010", {"cpu-partials=yes"}), HasSubstr("(slabs.guard)"));
  EXPECT_THAT(refusal("slub-2010", {"boot.as-2010=no"}), HasSubstr("go together"));
  EXPECT_EQ(refusal("slub-2010", {"boot.as-2010=no", "caches.descriptors-kmalloced=no"}), "");
  EXPECT_THAT(refusal("slub-2010", {"kmalloc.cgroup-caches=yes"}),
              HasSubstr("needs kmalloc.cgroup-caches=no"));
  EXPECT_THAT(refusal("slub-6.12", {"slabs.guard=slab-lock"}),
              HasSubstr("needs slabs.marked-listed=no"));
  EXPECT_THAT(refusal("slub-6.18", {"boot.as-2010=yes", "caches.descriptors-kmalloced=yes",
                                    "kmalloc.cgroup-caches=no", "kmalloc.reclaim-caches=no"}),
              HasSubstr("needs sheaves.which=none"));
  EXPECT_THAT(refusal("slubq", {"caches.slub-lock=no", "caches.slub-lock-to-tune=no"}),
              HasSubstr("nobody holds it"));
  EXPECT_THAT(refusal("percpu", {"cpu-slabs=no"}), HasSubstr("percpu has no policies"));
  // A later one counts.
  EXPECT_EQ(refusal("slub-7.3", {"barns.pointer=in-node", "barns.pointer=in-cache"}), "");
}

TEST(PolicyRefusalTest, AKernelThatRunsOutOfMemoryDoesNotBoot) {
  EXPECT_THAT(
      RunPolicyProgram("slub-7.3", {"sheaves.capacity=524284"}).refused,
      HasSubstr("the kernel panics while it boots: Out of memory when creating kmem_cache"));
}

TEST(PolicyTunablesTest, AndSoDoesTheWayToBoot) {
  AllocatorMachine m("slub-2010");
  AllocatorOptions options = {.boot = "static"};
  const auto check = [&] { return CheckAllocator("slub-2010", m.machine().config(), options); };
  EXPECT_TRUE(check().ok());
  options.policies = {"boot.as-2010=no", "caches.descriptors-kmalloced=no"};
  EXPECT_THAT(Message(check()), HasSubstr("boot of slub-2010"));
}

TEST(PolicyTunablesTest, FollowFromTheSwitches) {
  const auto names = [](const char* model, const std::vector<std::string>& policies) {
    std::vector<std::string> tunables;
    for (const TunableInfo& tunable : SwitchesOf(model, policies).tunables) {
      tunables.emplace_back(tunable.name);
    }
    return tunables;
  };
  EXPECT_THAT(names("slub-6.18", {}), ::testing::Contains("cpu_partial"));
  EXPECT_THAT(names("slub-6.18", {"cpu-slabs=no"}),
              ::testing::Not(::testing::Contains("cpu_partial")));
  EXPECT_THAT(names("slub-7.3", {"cpu-slabs=yes"}), ::testing::Contains("cpu_partial"));
}

}  // namespace
}  // namespace slablab
