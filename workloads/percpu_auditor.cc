// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/percpu_auditor.h"

#include <algorithm>

#include "fmt/format.h"

namespace slablab {
namespace {

bool Get(const std::vector<uint64_t>& bits, uint32_t bit) { return bits[bit / 64] >> bit % 64 & 1; }
void Put(std::vector<uint64_t>& bits, uint32_t bit, bool value) {
  const uint64_t mask = uint64_t{1} << bit % 64;
  bits[bit / 64] = value ? bits[bit / 64] | mask : bits[bit / 64] & ~mask;
}

}  // namespace

void PercpuAuditor::Violate(std::string_view what, PercpuArea area) {
  ++violations_;
  if (!first_violation_.empty()) return;
  first_violation_ =
      fmt::format("{}: {} bytes at {} of chunk {}", what, area.bytes, area.offset, area.chunk);
}

PercpuAuditor::Chunk& PercpuAuditor::ChunkOf(PercpuArea area) {
  const auto index = static_cast<size_t>(area.chunk);
  if (index >= chunks_.size()) chunks_.resize(index + 1);
  Chunk& chunk = chunks_[index];
  const size_t words = (size_t{area.offset} + area.bytes) / 64 + 1;
  if (chunk.live.size() < words) {
    chunk.live.resize(words);
    chunk.first.resize(words);
  }
  return chunk;
}

void PercpuAuditor::OnAlloc(const PercpuRequest& request, PercpuArea area) {
  if (area.bytes < request.bytes) Violate("smaller than asked for", area);
  if (area.offset % std::max(request.align, 1u) != 0) Violate("misaligned", area);
  const auto last_page = static_cast<int>((area.offset + area.bytes - 1) / kPageSize);
  for (auto page = static_cast<int>(area.offset / kPageSize); page <= last_page; ++page) {
    if (!areas_.IsPopulated(area.chunk, page)) Violate("on a page that is not populated", area);
  }
  Chunk& chunk = ChunkOf(area);
  const uint32_t begin = area.offset;
  const uint32_t end = area.offset + area.bytes;
  bool overlaps = false;
  for (uint32_t bit = begin; bit < end; ++bit) {
    overlaps |= Get(chunk.live, bit);
    Put(chunk.live, bit, true);
  }
  Put(chunk.first, begin, true);
  if (overlaps) Violate("overlaps a live area", area);
  ++live_areas_;
  live_bytes_ += area.bytes;
}

void PercpuAuditor::OnFree(PercpuArea area) {
  Chunk& chunk = ChunkOf(area);
  const uint32_t begin = area.offset;
  const uint32_t end = area.offset + area.bytes;
  bool is_whole = Get(chunk.first, begin);
  for (uint32_t bit = begin; bit < end; ++bit) {
    is_whole = is_whole && Get(chunk.live, bit) && (bit == begin || !Get(chunk.first, bit));
    Put(chunk.live, bit, false);
  }
  Put(chunk.first, begin, false);
  if (!is_whole) Violate("freed, but not a live area", area);
  --live_areas_;
  live_bytes_ -= area.bytes;
}

void PercpuAuditor::CheckBytes() {
  const auto cpus = static_cast<uint64_t>(areas_.layout().possible_cpus());
  if (areas_.usage().area_bytes == live_bytes_ * cpus) return;
  ++violations_;
  if (!first_violation_.empty()) return;
  first_violation_ = fmt::format("{} bytes are allocated by the allocator's count, {} are live",
                                 areas_.usage().area_bytes, live_bytes_ * cpus);
}

}  // namespace slablab
