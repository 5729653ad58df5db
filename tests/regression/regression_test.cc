// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/cli/run_program.h"

namespace slablab {
namespace {

TEST(RegressionTest, NoNumberMovedUnnoticed) {
  const Ending check = Slablab(absl::StrCat("check ", std::getenv("TEST_SRCDIR"),
                                            "/slablab/tests/regression/suite.textproto"),
                               "2>&1");
  EXPECT_EQ(check.exit_status, 0)
      << check.text
      << "If that is meant: ./slablab check tests/regression/suite.textproto --update";
}

}  // namespace
}  // namespace slablab
