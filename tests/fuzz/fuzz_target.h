// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TESTS_FUZZ_FUZZ_TARGET_H_
#define SLABLAB_TESTS_FUZZ_FUZZ_TARGET_H_

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

// What a fuzz target defines. It is linked twice: with libFuzzer, to search for as long as one
// likes, and with driver.cc, to be one of the tests.

// Feeds one input to a parser. Answers 0; anything wrong ends the process (Require, CHECK, or a
// sanitizer).
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace slablab {

// For what a target asserts of a parser's output. Unlike CHECK it aborts, upon which libFuzzer
// keeps the input.
inline void Require(bool condition) {
  if (!condition) std::abort();
}

// Valid inputs, from which mutations start.
std::vector<std::string> FuzzSeeds();

}  // namespace slablab

#endif  // SLABLAB_TESTS_FUZZ_FUZZ_TARGET_H_
