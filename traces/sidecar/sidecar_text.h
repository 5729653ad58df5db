// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TRACES_SIDECAR_SIDECAR_TEXT_H_
#define SLABLAB_TRACES_SIDECAR_SIDECAR_TEXT_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

// What the parsers of sidecars have in common.

namespace slablab::internal {

bool ParseInt(std::string_view text, int64_t* value);

// The words of a line, split at blanks.
std::vector<std::string_view> Words(std::string_view line);

// InvalidArgument: "PATH:LINE: expected ..., found '...'".
absl::Status Expected(const std::string& path, uint64_t line, std::string_view expected,
                      std::string_view found);

}  // namespace slablab::internal

#endif  // SLABLAB_TRACES_SIDECAR_SIDECAR_TEXT_H_
