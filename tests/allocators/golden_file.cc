// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/allocators/golden_file.h"

#include <fstream>
#include <string_view>

#include "gtest/gtest.h"

namespace slablab {

int GoldenMain(int argc, char** argv, std::string (*text)()) {
  testing::InitGoogleTest(&argc, argv);
  constexpr std::string_view kWrite = "--write=";
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument(argv[i]);
    if (!argument.starts_with(kWrite)) continue;
    std::ofstream(std::string(argument.substr(kWrite.size()))) << text();
    return testing::Test::HasFailure() ? 1 : 0;
  }
  return RUN_ALL_TESTS();
}

}  // namespace slablab
