// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "traces/sidecar/sidecar_text.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"
#include "fmt/format.h"

namespace slablab::internal {

bool ParseInt(std::string_view text, int64_t* value) {
  return absl::SimpleAtoi(absl::string_view(text.data(), text.size()), value);
}

std::vector<std::string_view> Words(std::string_view line) {
  std::vector<std::string_view> words;
  size_t at = 0;
  while (at < line.size()) {
    at = line.find_first_not_of(" \t", at);
    if (at == std::string_view::npos) break;
    const size_t end = std::min(line.find_first_of(" \t", at), line.size());
    words.push_back(line.substr(at, end - at));
    at = end;
  }
  return words;
}

absl::Status Expected(const std::string& path, uint64_t line, std::string_view expected,
                      std::string_view found) {
  constexpr size_t kShown = 60;
  std::string shown;
  for (const char c : found.substr(0, kShown)) shown += c >= ' ' && c <= '~' ? c : '?';
  return absl::InvalidArgumentError(
      fmt::format("{}:{}: expected {}, found '{}'", path, line, expected, shown));
}

}  // namespace slablab::internal
