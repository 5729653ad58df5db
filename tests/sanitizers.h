// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// What tests do otherwise under the address sanitizer.

#ifndef SLABLAB_TESTS_SANITIZERS_H_
#define SLABLAB_TESTS_SANITIZERS_H_

#include "absl/base/config.h"

namespace slablab {

#ifdef ABSL_HAVE_ADDRESS_SANITIZER
inline constexpr bool kUnderAddressSanitizer = true;
#else
inline constexpr bool kUnderAddressSanitizer = false;
#endif

// How many times as long a program takes as it does without: what a test waits, or tries less.
inline constexpr unsigned kSlowness = kUnderAddressSanitizer ? 10 : 1;

}  // namespace slablab

#endif  // SLABLAB_TESTS_SANITIZERS_H_
