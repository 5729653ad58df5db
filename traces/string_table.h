// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TRACES_STRING_TABLE_H_
#define SLABLAB_TRACES_STRING_TABLE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"

namespace slablab {

// Strings by number, numbered as they are first seen. Number 0 is the empty string.
class StringTable {
 public:
  StringTable() { numbers_.emplace("", 0); }

  uint32_t Number(std::string_view text) {
    const absl::string_view key(text.data(), text.size());
    const auto found = numbers_.find(key);
    if (found != numbers_.end()) return found->second;
    const auto number = static_cast<uint32_t>(strings_.size());
    strings_.emplace_back(text);
    numbers_.emplace(strings_.back(), number);
    return number;
  }

  const std::vector<std::string>& strings() const { return strings_; }
  size_t size() const { return strings_.size(); }

 private:
  std::vector<std::string> strings_ = {""};
  absl::flat_hash_map<std::string, uint32_t> numbers_;
};

}  // namespace slablab

#endif  // SLABLAB_TRACES_STRING_TABLE_H_
