// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_WORKLOADS_CONFORMANCE_REFERENCE_BOUNDS_H_
#define SLABLAB_WORKLOADS_CONFORMANCE_REFERENCE_BOUNDS_H_

#include <cstdint>

namespace slablab {

// Bounds on what one file may ask for.
inline constexpr uint64_t kReferenceMibMax = uint64_t{1} << 20;  // of all nodes

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_CONFORMANCE_REFERENCE_BOUNDS_H_
