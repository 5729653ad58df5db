// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_WORKLOADS_CONFORMANCE_REFERENCE_TEXT_H_
#define SLABLAB_WORKLOADS_CONFORMANCE_REFERENCE_TEXT_H_

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "fmt/format.h"

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

// One line of a file: its words, and what is wrong with it.
class ReferenceLine {
 public:
  ReferenceLine(const std::string& path, uint64_t number, std::string_view text)
      : path_(&path), number_(number), rest_(text) {}

  uint64_t number() const { return number_; }
  bool done() const { return rest_.empty(); }
  std::string_view rest() const { return rest_; }
  std::string_view Word() { return TakeUntil(&rest_, ' '); }
  std::string_view TakeRest() { return std::exchange(rest_, {}); }
  std::optional<uint64_t> Number() { return ParseNumber(Word()); }

  absl::Status Bad(std::string_view what) const {
    return absl::InvalidArgumentError(fmt::format("{}:{}: {}", *path_, number_, what));
  }

 private:
  const std::string* path_;
  uint64_t number_;
  std::string_view rest_;
};

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_CONFORMANCE_REFERENCE_TEXT_H_
