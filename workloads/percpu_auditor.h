// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_WORKLOADS_PERCPU_AUDITOR_H_
#define SLABLAB_WORKLOADS_PERCPU_AUDITOR_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "allocators/percpu/areas.h"

namespace slablab {

// Watches what a percpu allocator hands out and takes back, knowing nothing of how it works: no two
// live areas overlap, areas are aligned and as large as asked for, pages under them are populated,
// what is freed was live and whole, and the bytes that the allocator says are allocated are those
// of the live areas.
//
// Violations are collected, not fatal.
class PercpuAuditor {
 public:
  explicit PercpuAuditor(const PercpuAreas& areas) : areas_(areas) {}

  // The answer to `request`, which was not null.
  void OnAlloc(const PercpuRequest& request, PercpuArea area);
  void OnFree(PercpuArea area);
  // REQUIRES: every CPU is between operations.
  void CheckBytes();

  uint64_t live_areas() const { return live_areas_; }
  uint64_t violations() const { return violations_; }
  const std::string& first_violation() const { return first_violation_; }

 private:
  // A bit a byte.
  struct Chunk {
    std::vector<uint64_t> live;
    std::vector<uint64_t> first;  // of an area
  };
  Chunk& ChunkOf(PercpuArea area);
  void Violate(std::string_view what, PercpuArea area);

  const PercpuAreas& areas_;
  std::vector<Chunk> chunks_;  // by id
  uint64_t live_areas_ = 0;
  uint64_t live_bytes_ = 0;
  uint64_t violations_ = 0;
  std::string first_violation_;
};

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_PERCPU_AUDITOR_H_
