// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_WORKLOADS_CONFORMANCE_REFERENCE_HEAD_H_
#define SLABLAB_WORKLOADS_CONFORMANCE_REFERENCE_HEAD_H_

#include "absl/status/status.h"
#include "workloads/conformance/reference.h"
#include "workloads/conformance/reference_text.h"

// The lines of a reference run that say what it was recorded on: each takes what stands behind its
// word. Their order is the caller's to check.

namespace slablab {

absl::Status ParseReferenceKernel(ReferenceLine line, ReferenceRun* run);
absl::Status ParseReferenceMachine(ReferenceLine line, ReferenceRun* run);
// node_of_cpu, distance, fallback: behind the machine that has a number of MiB by node.
absl::Status ParseNodeOfCpu(ReferenceLine line, ReferenceRun* run);
absl::Status ParseDistance(ReferenceLine line, ReferenceRun* run);
absl::Status ParseFallback(ReferenceLine line, ReferenceRun* run);
// What of these three is missing, as an error.
absl::Status CheckReferenceNodes(const ReferenceLine& line, const ReferenceRun& run);
absl::Status ParseReferenceCache(ReferenceLine line, ReferenceRun* run);
absl::Status ParseReferenceLayout(ReferenceLine line, ReferenceRun* run);
absl::Status ParseReferenceTune(ReferenceLine line, ReferenceRun* run);

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_CONFORMANCE_REFERENCE_HEAD_H_
