// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sim/machine.h"

#include "sim/core/tick_rcu.h"
#include "sim/pages/buddy_allocator.h"

namespace slablab {

Machine::Machine(const MachineConfig& config)
    : Hardware(config), buddy_(std::make_unique<BuddyAllocator>(*this)), pages_(buddy_.get()) {}

Machine::~Machine() = default;

Rcu& Machine::rcu() { return rcu_ != nullptr ? *rcu_ : own_rcu(); }

TickRcu& Machine::own_rcu() {
  if (own_rcu_ == nullptr) {
    own_rcu_ = std::make_unique<TickRcu>(scheduler(), boot_memory());
    if (rcu_ == nullptr) rcu_ = own_rcu_.get();
  }
  return *own_rcu_;
}

}  // namespace slablab
