// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_CLI_CAPTURE_FLAGS_H_
#define SLABLAB_CLI_CAPTURE_FLAGS_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/flags/declare.h"
#include "absl/status/statusor.h"
#include "traces/capture/capture.h"

ABSL_DECLARE_FLAG(std::string, recording);  // a folder to keep the recording in

// The flags of commands that record this machine.

namespace slablab {

inline constexpr std::string_view kCaptureFlags[] = {"recording", "method", "buffer_kib", "pages"};

// What they say, of recording `command`, interrupted by signals; without a folder or a record of
// what is to be undone. InvalidArgument names the flag.
absl::StatusOr<CaptureOptions> CaptureOptionsFromFlags(const std::vector<std::string>& command);

}  // namespace slablab

#endif  // SLABLAB_CLI_CAPTURE_FLAGS_H_
