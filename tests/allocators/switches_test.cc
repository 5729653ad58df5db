// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// The tables of what can be switched and set are what the models themselves ask.

#include "allocators/switches.h"

#include <limits>
#include <string>

#include "absl/strings/str_cat.h"
#include "allocators/registry.h"
#include "base/names.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/allocators/allocator_machine.h"

namespace slablab {
namespace {

using ::testing::HasSubstr;

class SwitchesTest : public ::testing::TestWithParam<std::string> {
 protected:
  SwitchesTest() : machine_(GetParam(), {.nodes = 2}) {}
  absl::Status Tune(std::string_view name, int64_t value) {
    return machine_.Tune(cache_, name, value);
  }

  AllocatorMachine machine_;
  const CacheId cache_ = *machine_.Create({.name = "test", .object_size = 64});
};

TEST_P(SwitchesTest, TunablesTakeTheirRangesEndsAndNothingBeyond) {
  const ModelSwitches switches = SwitchesOf(GetParam());
  ASSERT_FALSE(switches.tunables.empty());
  for (const TunableInfo& tunable : switches.tunables) {
    const std::string range = tunable.least == tunable.most
                                  ? absl::StrCat("it takes ", tunable.least, " alone")
                                  : absl::StrCat("it takes ", tunable.least, "..", tunable.most);
    for (const bool above : {false, true}) {
      if (above ? tunable.most == std::numeric_limits<int64_t>::max()
                : tunable.least == std::numeric_limits<int64_t>::min()) {
        continue;
      }
      const int64_t value = above ? tunable.most + 1 : tunable.least - 1;
      const absl::Status refused = Tune(tunable.name, value);
      EXPECT_TRUE(absl::IsInvalidArgument(refused)) << tunable.name << " " << value;
      EXPECT_EQ(refused.message(),
                absl::StrCat(std::string(tunable.name), " cannot be set to ", value, ": ", range));
    }
    EXPECT_TRUE(Tune(tunable.name, tunable.least).ok()) << tunable.name;
  }
}

TEST_P(SwitchesTest, CountersTakeZeroAlone) {
  for (const std::string& counter : NamesOf(SwitchesOf(GetParam()).counters)) {
    EXPECT_TRUE(Tune(counter, 0).ok()) << counter;
    EXPECT_EQ(machine_.Count(cache_, counter), 0u);
    EXPECT_THAT(std::string(Tune(counter, 1).message()), HasSubstr("takes 0 alone")) << counter;
  }
}

TEST_P(SwitchesTest, AnUnknownTunableIsAnsweredWithTheNearest) {
  const std::string known(SwitchesOf(GetParam()).tunables[0].name);
  const std::string slip = known + "x";
  EXPECT_THAT(std::string(Tune(slip, 1).message()),
              HasSubstr(absl::StrCat("unknown tunable of ", GetParam(), " '", slip,
                                     "' (did you mean ", known)));
}

TEST_P(SwitchesTest, QuirksAndBootsOfTheTableMakeAModelAndNoOtherDoes) {
  const MachineConfig& config = machine_.machine().config();
  const ModelSwitches switches = SwitchesOf(GetParam());
  AllocatorOptions options;
  for (const QuirkInfo& quirk : switches.quirks) options.quirks.emplace_back(quirk.name);
  for (const std::string_view boot : switches.boots) {
    options.boot = std::string(boot);
    EXPECT_TRUE(CheckAllocator(GetParam(), config, options).ok()) << boot;
  }
  options.boot = "warm";
  EXPECT_THAT(std::string(CheckAllocator(GetParam(), config, options).message()),
              HasSubstr(absl::StrCat("unknown boot of ", GetParam(), " 'warm'")));
  options = {.quirks = {"memcg-of"}};
  EXPECT_THAT(std::string(CheckAllocator(GetParam(), config, options).message()),
              HasSubstr(absl::StrCat("unknown quirk of ", GetParam(), " 'memcg-of'")));
}

INSTANTIATE_TEST_SUITE_P(Models, SwitchesTest, ::testing::ValuesIn(AllocatorNames()),
                         [](const auto& model) { return TestName(model.param); });

}  // namespace
}  // namespace slablab
