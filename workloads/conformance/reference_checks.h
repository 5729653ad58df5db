// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_WORKLOADS_CONFORMANCE_REFERENCE_CHECKS_H_
#define SLABLAB_WORKLOADS_CONFORMANCE_REFERENCE_CHECKS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "allocators/allocator.h"
#include "allocators/cache_contents.h"
#include "sim/machine/machine_config.h"
#include "workloads/conformance/reference_text.h"

// The lines of a reference run that say what stands where in the cache.

namespace slablab {

// Of 'check WHAT ...', what stands behind `what`: a word for each CPU or node, ascending, in the
// shape that such a line has.
absl::Status CheckCheckLine(std::string_view what, ReferenceLine line,
                            const ReferenceMachineOptions& machine);

// The same line, of a model. `gated` by CPU: RCU sheaves whose grace period has not ended.
// REQUIRES: CheckCheckLine knows `what`.
std::string CheckLine(std::string_view what, const CacheContents& contents,
                      const std::vector<uint64_t>& gated);

// The cache's line of /proc/slabinfo, as SLUB prints it.
std::string SlabInfoLine(const SlabInfoRow& row);

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_CONFORMANCE_REFERENCE_CHECKS_H_
