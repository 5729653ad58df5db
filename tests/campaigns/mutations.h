// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TESTS_CAMPAIGNS_MUTATIONS_H_
#define SLABLAB_TESTS_CAMPAIGNS_MUTATIONS_H_

#include <string>

#include "base/random.h"

namespace slablab {

// One to six changes of those that readers stumble over: bits, bytes, numbers at their ends, lines
// that are missing, twice or elsewhere, control characters, a file cut short.
void Mutate(Random& random, std::string* bytes);

}  // namespace slablab

#endif  // SLABLAB_TESTS_CAMPAIGNS_MUTATIONS_H_
