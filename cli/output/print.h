// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_CLI_OUTPUT_PRINT_H_
#define SLABLAB_CLI_OUTPUT_PRINT_H_

#include <cstdio>
#include <string>
#include <utility>

#include "fmt/format.h"

namespace slablab {

// As fmt::print, which throws where a stream cannot be written to. This leaves that to the stream's
// error flag, which main looks at in the end.
template <typename... Args>
void Print(std::FILE* stream, fmt::format_string<Args...> format, Args&&... args) {
  const std::string text = fmt::format(format, std::forward<Args>(args)...);
  std::fwrite(text.data(), 1, text.size(), stream);
}

}  // namespace slablab

#endif  // SLABLAB_CLI_OUTPUT_PRINT_H_
