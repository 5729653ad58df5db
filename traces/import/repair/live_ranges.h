// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TRACES_IMPORT_REPAIR_LIVE_RANGES_H_
#define SLABLAB_TRACES_IMPORT_REPAIR_LIVE_RANGES_H_

#include <cstdint>
#include <vector>

#include "absl/container/btree_map.h"

namespace slablab {

struct AddressRange {
  uint64_t start = 0;
  uint64_t size = 0;  // 0 counts as 1; start + size may reach 2^64
};

// What is live in one address space, by where it lies. No two ranges overlap.
class LiveRanges {
 public:
  void Clear() { size_of_.clear(); }
  // REQUIRES: nothing in it overlaps `range`.
  void Begin(const AddressRange& range);
  // Without effect where nothing starts.
  void End(uint64_t start) { size_of_.erase(start); }
  // The starts of the ranges that have a part in `range`, ascending. Valid until the next call.
  const std::vector<uint64_t>& Overlapping(const AddressRange& range);

 private:
  absl::btree_map<uint64_t, uint64_t> size_of_;  // by start
  std::vector<uint64_t> found_;
};

}  // namespace slablab

#endif  // SLABLAB_TRACES_IMPORT_REPAIR_LIVE_RANGES_H_
