// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TESTS_ALLOCATORS_GOLDEN_FILE_H_
#define SLABLAB_TESTS_ALLOCATORS_GOLDEN_FILE_H_

#include <string>

namespace slablab {

// main() of a test that compares a text with a golden file: with --write=FILE, writes the text
// there instead of testing.
int GoldenMain(int argc, char** argv, std::string (*text)());

}  // namespace slablab

#endif  // SLABLAB_TESTS_ALLOCATORS_GOLDEN_FILE_H_
