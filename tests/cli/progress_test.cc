// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "cli/output/progress.h"

#include <unistd.h>

#include <cstdio>

#include "gtest/gtest.h"

namespace slablab {
namespace {

TEST(ProgressTest, SaysHowFarInRoundNumbers) {
  const Progress::Options known{.what = "replaying a.slt", .unit = "events", .total = 2'980'000};
  EXPECT_EQ(ProgressText(known, 0), "replaying a.slt: 0 %, 0 of 2.9 M events");
  EXPECT_EQ(ProgressText(known, 1'270'000), "replaying a.slt: 42 %, 1.2 M of 2.9 M events");
  EXPECT_EQ(ProgressText(known, 9'000'000), "replaying a.slt: 100 %, 2.9 M of 2.9 M events");
  const Progress::Options unknown{.what = "reading", .unit = "lines"};
  EXPECT_EQ(ProgressText(unknown, 9'999), "reading: 9999 lines");
  EXPECT_EQ(ProgressText(unknown, 54'321), "reading: 54 k lines");
  EXPECT_EQ(ProgressText(ProgressOfSimulation("replay", 500), 250),
            "replay: 50 %, 250 of 500 events");
  EXPECT_EQ(ProgressText(ProgressOfSimulation("replay", 0), 250), "replay: 250 steps");
}

TEST(ProgressTest, NothingIsPrintedWhereThereIsNoTerminal) {
  std::FILE* file = std::tmpfile();
  ASSERT_NE(file, nullptr);
  {
    Progress progress({.what = "reading", .unit = "lines", .stream = file});
    usleep(600'000);  // Past the time of the first drawing.
    progress.Update(1);
  }
  EXPECT_EQ(std::ftell(file), 0);
  std::fclose(file);
}

}  // namespace
}  // namespace slablab
