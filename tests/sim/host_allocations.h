// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TESTS_SIM_HOST_ALLOCATIONS_H_
#define SLABLAB_TESTS_SIM_HOST_ALLOCATIONS_H_

#include <cstdint>

namespace slablab {

// What this program has taken from operator new so far. A program that asks is linked with an
// operator new that counts.
uint64_t HostAllocations();
uint64_t HostBytesAllocated();

}  // namespace slablab

#endif  // SLABLAB_TESTS_SIM_HOST_ALLOCATIONS_H_
