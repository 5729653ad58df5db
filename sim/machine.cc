// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sim/machine.h"

#include "sim/buddy_allocator.h"

namespace slablab {

Machine::Machine(const MachineConfig& config)
    : Hardware(config), buddy_(std::make_unique<BuddyAllocator>(*this)), pages_(buddy_.get()) {}

Machine::~Machine() = default;

}  // namespace slablab
