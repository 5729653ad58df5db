// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_BASE_INTERNAL_ERROR_H_
#define SLABLAB_BASE_INTERNAL_ERROR_H_

#include <cstdio>
#include <cstdlib>
#include <string>

namespace slablab {

// Ends the program as CHECK does, for what a condition alone does not tell.
[[noreturn, gnu::cold, gnu::noinline]] inline void InternalError(const std::string& what) {
  std::fprintf(stderr, "slablab: internal error: %s\n", what.c_str());
  std::fflush(nullptr);
  std::_Exit(3);
}

}  // namespace slablab

#endif  // SLABLAB_BASE_INTERNAL_ERROR_H_
