// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_CLI_CMD_CAPTURE_H_
#define SLABLAB_CLI_CMD_CAPTURE_H_

#include <string>
#include <string_view>
#include <vector>

namespace slablab {

inline constexpr std::string_view kCaptureFlags[] = {"output", "recording", "method", "buffer_kib",
                                                     "pages"};

// slablab capture -o TRACE.slt [-- COMMAND...]
int RunCapture(const std::vector<std::string>& arguments);

}  // namespace slablab

#endif  // SLABLAB_CLI_CMD_CAPTURE_H_
