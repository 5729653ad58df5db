// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_CLI_JUNIT_H_
#define SLABLAB_CLI_JUNIT_H_

#include <string>
#include <string_view>
#include <vector>

namespace slablab {

// One case of a suite, as build systems show it.
struct JunitCase {
  std::string name;
  std::string failure;  // a line; empty: it passed
  std::string details;  // lines that explain the failure
};

// A JUnit report in XML 1.0, of the form that GoogleTest writes. It says nothing of times, so that
// the same run is the same bytes.
std::string JunitXml(std::string_view suite, const std::vector<JunitCase>& cases);

}  // namespace slablab

#endif  // SLABLAB_CLI_JUNIT_H_
