// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TESTS_REPORTS_EXAMPLE_RESULT_H_
#define SLABLAB_TESTS_REPORTS_EXAMPLE_RESULT_H_

#include <string>

#include "base/random.h"
#include "reports/result.pb.h"

namespace slablab {

// A file of tests/reports/testdata.
std::string TestData(const std::string& name);

// testdata/example.textproto: a small result, written by hand.
RunResult ExampleResult();

// A result with every field set by chance: numbers of every magnitude, names of every kind (known,
// empty, very long, not ASCII, with control characters), lists of up to 30.
RunResult AnyResult(Random& random);

}  // namespace slablab

#endif  // SLABLAB_TESTS_REPORTS_EXAMPLE_RESULT_H_
