// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_WORKLOADS_CONFORMANCE_REFERENCE_WORDS_H_
#define SLABLAB_WORKLOADS_CONFORMANCE_REFERENCE_WORDS_H_

#include <string>

#include "workloads/conformance/reference.h"

namespace slablab {

// "CPU 0 allocates object 1 on node 1 in slab 2 at 64".
std::string DescribeOp(const ReferenceRun& run, const ReferenceOp& op);

// What led up to an operation of the run: the last few, one a line.
std::string DescribeBefore(const ReferenceRun& run, const ReferenceOp& op);

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_CONFORMANCE_REFERENCE_WORDS_H_
