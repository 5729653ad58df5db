// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_WORKLOADS_CONFORMANCE_PERCPU_CONFORMANCE_H_
#define SLABLAB_WORKLOADS_CONFORMANCE_PERCPU_CONFORMANCE_H_

#include "absl/status/statusor.h"
#include "allocators/percpu/areas.h"
#include "workloads/conformance/conformance.h"
#include "workloads/conformance/percpu_reference.h"

namespace slablab {

// Replays a reference run of the percpu allocator in its order on a machine like the one it was
// recorded on, each operation on CPU 0. What others did while an operation had let go of the lock
// is done there.
//
// A placement, that is an allocation, agrees if it fails where the kernel's did, and else if offset
// and, up to renaming of the chunks alive at that moment, chunk are the recorded ones. The figures
// are the layout of the first chunk and every creation, destruction, population and depopulation:
// chunk, pages, and its place in the order. `at_end`, if not null, is given percpu_stats then.
absl::StatusOr<Conformance> ReplayPercpuReference(const PercpuReferenceRun& run,
                                                  PercpuFigures* at_end = nullptr);

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_CONFORMANCE_PERCPU_CONFORMANCE_H_
