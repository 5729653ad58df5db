// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// The tables of what can be switched and set are what the models themselves ask.

#include "allocators/switches.h"

#include <algorithm>
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
  const CacheId cache_ = *machine_.Create({.name = "test", .object_size = 64, .sheaf_capacity = 8});
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
      const absl::Status refused =
          tunable.at_boot ? CheckTunable(GetParam(), switches, true, tunable.name, value)
                          : Tune(tunable.name, value);
      EXPECT_TRUE(absl::IsInvalidArgument(refused)) << tunable.name << " " << value;
      EXPECT_EQ(refused.message(),
                absl::StrCat(std::string(tunable.name), " cannot be set to ", value, ": ", range));
    }
    const absl::Status taken = Tune(tunable.name, tunable.least);
    EXPECT_EQ(taken.ok(), !tunable.at_boot) << tunable.name << ": " << taken;
    if (tunable.at_boot) {
      EXPECT_THAT(std::string(taken.message()), HasSubstr("boot parameter"));
    }
  }
}

// Each end of a boot parameter's range boots, unless a slab would have more objects than can be
// counted; and what every one of its caches has agrees with what is said of it.
TEST_P(SwitchesTest, BootParametersAreTakenBeforeTheBoot) {
  const MachineConfig& config = machine_.machine().config();
  int booted = 0;
  bool any = false;
  for (const TunableInfo& tunable : SwitchesOf(GetParam()).tunables) {
    EXPECT_EQ(IsBootParameter(GetParam(), tunable.name), tunable.at_boot);
    any = any || tunable.at_boot;
    for (const int64_t value : {tunable.least, tunable.most}) {
      AllocatorOptions options;
      options.boot_parameters = {{.name = std::string(tunable.name), .value = value}};
      const absl::Status checked = CheckAllocator(GetParam(), config, options);
      if (!tunable.at_boot) {
        EXPECT_TRUE(absl::IsInvalidArgument(checked)) << tunable.name;
        continue;
      }
      if (!checked.ok()) {
        EXPECT_THAT(std::string(checked.message()), HasSubstr("more than the 32767"));
        continue;
      }
      ++booted;
      AllocatorMachine m(GetParam(), {.nodes = 2, .allocator = options});
      const CacheId cache = *m.Create({.name = "test", .object_size = 256, .no_merge = true});
      const CacheLayout layout = m.allocator().Layout(cache);
      if (tunable.name == "slab_max_order") {
        EXPECT_LE(layout.order, std::max<int64_t>(0, value));
      }
      if (tunable.name == "slab_min_order") {
        EXPECT_GE(layout.order, value);
      }
      m.Free(0, cache, m.Alloc(0, cache));
      m.allocator().CheckInvariants();
    }
  }
  EXPECT_EQ(booted > 0, any);
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

INSTANTIATE_TEST_SUITE_P(Models, SwitchesTest, ::testing::ValuesIn(TestedModels()),
                         [](const auto& model) { return TestName(model.param); });

}  // namespace
}  // namespace slablab
