// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_BASE_CLAIMED_OUTPUT_H_
#define SLABLAB_BASE_CLAIMED_OUTPUT_H_

#include <string>

#include "absl/status/status.h"

// Which files the program will replace once it is done. Main says so from the flags before a
// command begins; whoever opens an input asks whether it is one of them. So no command can replace
// what it reads, by whatever name or link that goes, and the user learns of it before hours of
// work.

namespace slablab {

// `flag` is for messages: "-o", "--operations". Standard output ("" and "-"), devices and pipes are
// nothing to claim. InvalidArgument if another flag has claimed the same file, Unavailable if there
// cannot be a file in its folder.
absl::Status ClaimOutput(const std::string& path, const std::string& flag);

// InvalidArgument if `path`, or what is open as `descriptor`, is a file that was claimed.
absl::Status CheckInput(const std::string& path);
absl::Status CheckInput(int descriptor, const std::string& path);

// InvalidArgument if CheckInput has found `path` among the inputs: a command that goes on after
// that, to report what it could not do, does not replace it either. Who writes a file asks.
absl::Status CheckOutput(const std::string& path);

}  // namespace slablab

#endif  // SLABLAB_BASE_CLAIMED_OUTPUT_H_
