// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_WORKLOADS_CONFORMANCE_REFERENCE_BOUNDS_H_
#define SLABLAB_WORKLOADS_CONFORMANCE_REFERENCE_BOUNDS_H_

#include <cstdint>

namespace slablab {

// Bounds on what one file may ask for.
inline constexpr uint64_t kReferenceMibMax = uint64_t{1} << 20;  // of all nodes
// Objects in a sheaf: its pointers and its head of 32 bytes are one kmalloc, of 4 MiB at most.
inline constexpr uint64_t kReferenceSheafMax = ((uint64_t{1} << 22) - 32) / 8;

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_CONFORMANCE_REFERENCE_BOUNDS_H_
