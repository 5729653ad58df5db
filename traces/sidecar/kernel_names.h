// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TRACES_SIDECAR_KERNEL_NAMES_H_
#define SLABLAB_TRACES_SIDECAR_KERNEL_NAMES_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace slablab {

// Whether it is a kernel's release as uname -r prints it: VERSION.PATCHLEVEL, and what its makers
// put behind.
bool IsKernelRelease(std::string_view text);

// The release that "uname" has: what uname -r, uname -sr or uname -a prints, or /proc/version.
// InvalidArgument names `path`.
absl::StatusOr<std::string> ParseUname(std::string_view text, const std::string& path);

// InvalidArgument with the names that there are: `text` is none of a clock of tracefs' trace_clock.
absl::Status CheckTraceClock(std::string_view text);

}  // namespace slablab

#endif  // SLABLAB_TRACES_SIDECAR_KERNEL_NAMES_H_
