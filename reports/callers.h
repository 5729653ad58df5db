// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_REPORTS_CALLERS_H_
#define SLABLAB_REPORTS_CALLERS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "reports/attribution.pb.h"

namespace slablab {

// The names that an attribution's indices stand for. What is not known is "(unknown)", of no cache
// "(none)"; an index that the list does not have is "?".
std::string CallerName(const Attribution& attribution, uint32_t caller);
std::string CacheName(const Attribution& attribution, uint32_t cache);
std::string NameAt(const google::protobuf::RepeatedPtrField<std::string>& names, uint32_t index);

// "fs/dcache.c:1612", and whom it was inlined into: "fs/dcache.c:1612 in __d_alloc, d_alloc"; empty
// if the source is not known.
std::string SourceOf(const Attribution& attribution, uint32_t caller);

// What a caller did with a cache, over all paths, and what it has there.
struct CallerSum {
  uint32_t caller = 0;
  uint32_t cache = 0;
  uint64_t operations = 0;
  uint64_t allocations = 0;
  uint64_t cycles = 0;
  uint64_t slow_operations = 0;
  uint64_t remote_operations = 0;
  uint64_t cycles_max = 0;
  uint64_t lock_wait_cycles = 0;
  uint64_t miss_cycles = 0;  // of touches that L1 did not answer
  uint64_t code_cycles = 0;  // of code and L1, and the other causes
  uint64_t bytes = 0;        // ever
  uint64_t live_bytes = 0;   // at the end
  uint64_t peak_bytes = 0;
  uint64_t pinned_bytes = 0;  // CallerMemory.pinned_share_bytes
};
// Most cycles first.
std::vector<CallerSum> SumsByCaller(const Attribution& attribution);

}  // namespace slablab

#endif  // SLABLAB_REPORTS_CALLERS_H_
