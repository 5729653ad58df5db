// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_WORKLOADS_REFERENCE_TEXT_H_
#define SLABLAB_WORKLOADS_REFERENCE_TEXT_H_

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>
#include <system_error>

// Words and numbers of reference runs, whose lines are many.

namespace slablab {

// Decimal digits and nothing else.
inline std::optional<uint64_t> ParseNumber(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Cuts the text up to `separator` (or all of it) off the front.
inline std::string_view TakeUntil(std::string_view* text, char separator) {
  const size_t at = text->find(separator);
  const std::string_view taken = text->substr(0, at);
  text->remove_prefix(at == std::string_view::npos ? text->size() : at + 1);
  return taken;
}

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_REFERENCE_TEXT_H_
