// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_CLI_REPRODUCE_H_
#define SLABLAB_CLI_REPRODUCE_H_

#include <string>
#include <string_view>
#include <vector>

#include "reports/comparison/comparison.h"

// The commands by which others get the figures of a mail. Files are named without their folders,
// which are nobody else's.

namespace slablab {

using Words = std::vector<std::string>;

// The command that is running, as it was given.
Words CommandAsGiven(std::string_view name, const std::vector<std::string>& arguments);

// `slablab run` for each result of `set` and of its seeds, with a file's name for its result, and
// what then compares these.
std::vector<Words> CommandsOfResults(ResultSet set);

}  // namespace slablab

#endif  // SLABLAB_CLI_REPRODUCE_H_
