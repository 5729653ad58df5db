// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_SIM_CORE_HARDWARE_H_
#define SLABLAB_SIM_CORE_HARDWARE_H_

#include <cstdint>
#include <vector>

#include "base/types.h"
#include "sim/cache/ledger.h"
#include "sim/cache/memory.h"
#include "sim/core/boot_memory.h"
#include "sim/core/scheduler.h"
#include "sim/machine/machine_config.h"

namespace slablab {

// A machine as its kernel finds it: memory system, CPUs, locks, and what is laid out at boot. The
// page allocator is made on it (sim/pages/buddy_allocator.h), and Machine is the two together.
class Hardware {
 public:
  explicit Hardware(const MachineConfig& config);
  Hardware(const Hardware&) = delete;

  const MachineConfig& config() const { return config_; }
  Ledger& ledger() { return ledger_; }
  Memory& memory() { return memory_; }
  Scheduler& scheduler() { return scheduler_; }
  const Scheduler& scheduler() const { return scheduler_; }
  Cpu& cpu(CpuId id) { return scheduler_.cpu(id); }
  BootMemory& boot_memory() { return boot_memory_; }

  // The node whose memory holds `address`.
  NodeId NodeOf(PhysAddr address) const;
  // Whether that is `node`.
  bool IsOn(NodeId node, PhysAddr address) const {
    const uint64_t* const end = &node_end_[node.index()];
    return address.value() < *end && (node.index() == 0 || address.value() >= end[-1]);
  }
  // Where the struct page of a frame lies: 64 bytes, one line each, on the frame's own node
  // (Linux 6.1 x86-64, the vmemmap).
  PhysAddr PageStruct(uint64_t frame) const {
    const NodeId node = NodeOf(PhysAddr::OfFrame(frame));
    return page_structs_[node.index()] + (frame - config_.memory[node.index()].first_frame) * 64;
  }
  // For each node, its allocations' fallback order, itself first (Linux 6.1, zonelists).
  const std::vector<NodeId>& FallbackOf(NodeId node) const { return fallback_[node.index()]; }

 private:
  const MachineConfig config_;
  Ledger ledger_;
  Memory memory_;
  Scheduler scheduler_;
  BootMemory boot_memory_;
  std::vector<std::vector<NodeId>> fallback_;
  std::vector<PhysAddr> page_structs_;  // by node
  std::vector<uint64_t> node_end_;      // by node, ascending: first address behind it
};

}  // namespace slablab

#endif  // SLABLAB_SIM_CORE_HARDWARE_H_
