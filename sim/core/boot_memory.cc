// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sim/core/boot_memory.h"

#include "base/check.h"

namespace slablab {

BootMemory::BootMemory(const MachineConfig& config) : fallback_(NodeFallbackOrder(config)) {
  for (const NodeMemory& memory : config.memory) {
    Region region;
    for (const ZoneSpan& zone : memory.zones) {
      if (zone.reserved_frames == 0) continue;
      const uint64_t first = zone.first_frame + zone.managed_frames();
      if (region.end == 0) region.next = first << kPageShift;
      region.end = (zone.first_frame + zone.frames) << kPageShift;
    }
    regions_.push_back(region);
  }
}

uint64_t BootMemory::BytesLeft(NodeId node) const {
  return regions_[node.index()].end - regions_[node.index()].next;
}

PhysAddr BootMemory::Allocate(uint64_t bytes, uint64_t align, NodeId node) {
  CHECK_GT(align, 0u);
  for (NodeId candidate : fallback_[node.index()]) {
    Region& region = regions_[candidate.index()];
    const uint64_t start = (region.next + align - 1) / align * align;
    if (start + bytes > region.end) continue;
    region.next = start + bytes;
    return PhysAddr(start);
  }
  CHECK(false);
  return PhysAddr();
}

}  // namespace slablab
