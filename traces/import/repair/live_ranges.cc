// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "traces/import/repair/live_ranges.h"

#include <algorithm>
#include <iterator>

#include "base/check.h"

namespace slablab {

void LiveRanges::Begin(const AddressRange& range) {
  const bool is_new = size_of_.emplace(range.start, std::max<uint64_t>(range.size, 1)).second;
  CHECK(is_new);
}

const std::vector<uint64_t>& LiveRanges::Overlapping(const AddressRange& range) {
  found_.clear();
  const uint64_t size = std::max<uint64_t>(range.size, 1);
  auto next = size_of_.lower_bound(range.start);
  if (next != size_of_.begin()) {
    const auto before = std::prev(next);
    if (range.start - before->first < before->second) found_.push_back(before->first);
  }
  for (; next != size_of_.end() && next->first - range.start < size; ++next) {
    found_.push_back(next->first);
  }
  return found_;
}

}  // namespace slablab
