// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sim/core/cpu.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "sim/core/fields.h"
#include "tests/sim/core/core_fixture.h"
#include "tests/sim/script.h"
#include "tests/sim/test_machine.h"

namespace slablab {
namespace {

struct TouchLog : TouchObserver {
  void OnTouch(const Cpu& cpu, Place place, Access access, Outcome outcome) override {
    lines.push_back((access == Access::kRead ? "r" : "w") +
                    std::to_string(place.address.line() - kLinesPerPage) + " " +
                    std::string(OutcomeName(outcome)) + " @" + std::to_string(cpu.now()));
  }
  Log lines;
};

TEST_F(OneCoreTest, RacyFieldsCostWhatTheyTouch) {
  Racy<uint64_t> word(DataPlace(0), 10);
  TouchLog touches;
  cpu(0).set_observer(&touches);
  cpu(0).CountTouches();
  script_.At(0, 0, [&](Cpu& cpu) -> Task<void> {
    const uint64_t first = co_await cpu.Load(word);  // 130
    EXPECT_EQ(first, 10u);
    co_await cpu.Store(word, 11);                          // 134
    const uint64_t sum = co_await cpu.AddReturn(word, 5);  // 158
    const bool lost = co_await cpu.Cmpxchg(word, 11, 1);   // 182
    const bool won = co_await cpu.Cmpxchg(word, 16, 2);    // 206
    EXPECT_EQ(sum, 16u);
    EXPECT_FALSE(lost);
    EXPECT_TRUE(won);
    EXPECT_EQ(cpu.now(), 206u);
  });
  script_.Run(core_.scheduler);
  EXPECT_EQ(word.Peek(), 2u);
  EXPECT_EQ(touches.lines,
            (Log{"r0 DRAM local @130", "w0 L1 @134", "w0 L1 @138", "w0 L1 @162", "w0 L1 @186"}));
  EXPECT_EQ(cpu(0).counts().atomics, 3u);
  EXPECT_EQ(cpu(0).counts().loads, 1u);
  EXPECT_EQ(cpu(0).counts().stores, 1u);
  EXPECT_EQ(core_.ledger.cycles(Site::kUse, Cause::kAtomic), 60u);
}

TEST(TouchRangeTest, LinesAfterTheFirstOverlap) {
  for (const auto& [overlap, cycles] : {std::pair<int, Cycles>{1, 5 * 130},
                                        {2, 130 + 4 * 65},
                                        {3, 130 + 4 * 130 / 3},
                                        {100, 130 + 5}}) {
    MachineConfig config = TestMachine({});
    config.range_overlap = overlap;
    Core core(config);
    Script script;
    TouchLog touches;
    script.At(0, 0, [&, want = cycles](Cpu& cpu) -> Task<void> {
      cpu.set_observer(&touches);
      // Bytes 10 .. 266 of the page lie on five lines; those behind a page's end on the next.
      cpu.TouchRange(DataPlace(0) + 10, 0, Access::kWrite);
      EXPECT_EQ(cpu.now(), 0u);
      cpu.TouchRange(DataPlace(0) + 10, 256, Access::kWrite);
      EXPECT_EQ(cpu.now(), want);
      EXPECT_EQ(touches.lines.size(), 5u);
      touches.lines.clear();
      cpu.TouchRange(DataPlace(62), 4 * kLineSize, Access::kRead);
      cpu.set_observer(nullptr);
      co_return;
    });
    script.Run(core.scheduler);
    ASSERT_EQ(touches.lines.size(), 4u);
    EXPECT_EQ(touches.lines[0].substr(0, 15), "r62 DRAM local ");
    EXPECT_EQ(touches.lines[3].substr(0, 15), "r65 DRAM local ");
    // What the clock advanced by is what was charged.
    Cycles charged = 0;
    for (uint64_t each : core.ledger.cell(Site::kUse, Structure::kPerCpuArea).cycles) {
      charged += each;
    }
    EXPECT_EQ(charged, core.scheduler.cpu(CpuId(0)).now());
  }
}

}  // namespace
}  // namespace slablab
