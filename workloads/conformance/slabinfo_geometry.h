// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_WORKLOADS_CONFORMANCE_SLABINFO_GEOMETRY_H_
#define SLABLAB_WORKLOADS_CONFORMANCE_SLABINFO_GEOMETRY_H_

#include <string>

#include "absl/status/statusor.h"
#include "traces/sidecar/sidecar.h"
#include "workloads/conformance/conformance.h"

namespace slablab {

struct SlabinfoMachine {
  int cpus = 1;
  int nodes = 1;
};

// Holds SLAB as of Linux 6.1, booted on such a machine, to the /proc/slabinfo of a SLAB kernel: the
// default limit, batchcount and sharedfactor of every cache; objects and pages of a slab exactly
// for the caches of the allocator's own boot, and for the others, whose alignment, constructor and
// flags the file does not tell, that some cache of such objects has them. Each is a figure. `path`
// is for messages. InvalidArgument if it is a SLUB kernel's.
absl::StatusOr<Conformance> CheckSlabinfoGeometry(const Slabinfo& slabinfo, SlabinfoMachine machine,
                                                  const std::string& path);

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_CONFORMANCE_SLABINFO_GEOMETRY_H_
