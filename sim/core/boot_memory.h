// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_SIM_CORE_BOOT_MEMORY_H_
#define SLABLAB_SIM_CORE_BOOT_MEMORY_H_

#include <cstdint>
#include <vector>

#include "base/types.h"
#include "sim/machine/machine_config.h"

namespace slablab {

// Hands out the memory that the kernel itself keeps from boot on (each node's reserved frames, at
// its top): the array of struct page, zones, boot-time structures, the first percpu chunk. Nothing
// is ever given back (mm/memblock.c).
class BootMemory {
 public:
  explicit BootMemory(const MachineConfig& config);

  // `bytes` on `node` (a memoryless or full node is served by the next in fallback order), aligned.
  // Aborts when no node has room: the machine's configuration reserves enough.
  PhysAddr Allocate(uint64_t bytes, uint64_t align, NodeId node);
  uint64_t BytesLeft(NodeId node) const;

 private:
  struct Region {
    uint64_t next = 0;
    uint64_t end = 0;
  };
  std::vector<Region> regions_;  // by node: its reserved bytes
  std::vector<std::vector<NodeId>> fallback_;
};

}  // namespace slablab

#endif  // SLABLAB_SIM_CORE_BOOT_MEMORY_H_
