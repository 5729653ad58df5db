// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_CLI_OUTPUT_WRAP_H_
#define SLABLAB_CLI_OUTPUT_WRAP_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace slablab {

// Appends a row of two columns to `out`, at most 80 columns wide: `left` from column 2, or nothing
// if it is empty, and `text` wrapped from column `indent` on. A `left` that reaches there has a
// line of its own. A single word that does not fit is not broken.
void AppendRow(std::string* out, std::string_view left, std::string_view text, size_t indent);

}  // namespace slablab

#endif  // SLABLAB_CLI_OUTPUT_WRAP_H_
