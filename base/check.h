// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_BASE_CHECK_H_
#define SLABLAB_BASE_CHECK_H_

#include <cstdio>
#include <cstdlib>

// CHECK is for our own bugs: it is on in every build, says where, and exits with status 3 ("our
// fault"). What a user got wrong is an absl::Status instead. (Debian's Abseil has no absl/log.)

namespace slablab::internal {

[[noreturn, gnu::cold, gnu::noinline]] inline void CheckFailed(const char* file, int line,
                                                               const char* condition) {
  std::fprintf(stderr, "slablab: internal error at %s:%d: CHECK(%s) failed\n", file, line,
               condition);
  std::fflush(nullptr);
  // Not _Exit: unfinished outputs may have temporary names (base/interrupt.h).
  std::quick_exit(3);
}

}  // namespace slablab::internal

#define CHECK(condition)              \
  (__builtin_expect(!!(condition), 1) \
       ? static_cast<void>(0)         \
       : ::slablab::internal::CheckFailed(__FILE__, __LINE__, #condition))
#define CHECK_EQ(a, b) CHECK((a) == (b))
#define CHECK_NE(a, b) CHECK((a) != (b))
#define CHECK_LT(a, b) CHECK((a) < (b))
#define CHECK_LE(a, b) CHECK((a) <= (b))
#define CHECK_GT(a, b) CHECK((a) > (b))
#define CHECK_GE(a, b) CHECK((a) >= (b))

#endif  // SLABLAB_BASE_CHECK_H_
