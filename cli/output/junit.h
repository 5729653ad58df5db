// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_CLI_OUTPUT_JUNIT_H_
#define SLABLAB_CLI_OUTPUT_JUNIT_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace slablab {

// One case of a suite, as build systems show it.
struct JunitCase {
  enum class Outcome { kPassed, kFailed, kError, kSkipped };
  std::string name;
  Outcome outcome = Outcome::kPassed;
  std::string message;        // a line that says why; of one that passed, nothing
  std::string details;        // lines that explain it
  uint64_t milliseconds = 0;  // that it took
};

// A JUnit report in XML 1.0, of the form that GoogleTest writes.
std::string JunitXml(std::string_view suite, const std::vector<JunitCase>& cases);

}  // namespace slablab

#endif  // SLABLAB_CLI_OUTPUT_JUNIT_H_
