// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sim/core/hardware.h"

#include <algorithm>

namespace slablab {

Hardware::Hardware(const MachineConfig& config)
    : config_(config),
      ledger_(config_.l1_hit_cycles),
      memory_(config_),
      scheduler_(config_, memory_, ledger_),
      boot_memory_(config_),
      fallback_(NodeFallbackOrder(config_)) {
  for (int i = 0; i < config_.node_count(); ++i) {
    const NodeMemory& node = config_.memory[static_cast<size_t>(i)];
    node_end_.push_back((node.first_frame + node.frames) << kPageShift);
    page_structs_.push_back(
        node.frames == 0 ? PhysAddr()
                         : boot_memory_.Allocate(node.frames * kLineSize, kPageSize, NodeId(i)));
  }
}

NodeId Hardware::NodeOf(PhysAddr address) const {
  const auto end = std::upper_bound(node_end_.begin(), node_end_.end(), address.value());
  return NodeId(static_cast<int32_t>(end - node_end_.begin()));
}

}  // namespace slablab
