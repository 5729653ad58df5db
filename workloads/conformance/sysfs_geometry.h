// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_WORKLOADS_CONFORMANCE_SYSFS_GEOMETRY_H_
#define SLABLAB_WORKLOADS_CONFORMANCE_SYSFS_GEOMETRY_H_

#include <string>

#include "absl/status/statusor.h"
#include "allocators/common/slub_geometry.h"
#include "traces/sidecar/sidecar.h"
#include "workloads/conformance/conformance.h"

namespace slablab {

// Computes slab_size, align, order, objs_per_slab, cpu_partial, min_partial and sheaf_capacity of
// every cache of a SLUB kernel from its object_size, align and flags alone, and holds them to its
// /sys/kernel/slab. Each is a figure. Which kernel's rules they are is told by what is there. Not
// there is what cache asks for a capacity (two are known to), and whether one with a constructor or
// of RCU's asks for its free pointer to lie within the object: its size says so. `path` is for
// messages. InvalidArgument if a cache's object_size is missing or none that a kernel has.
absl::StatusOr<Conformance> CheckSysfsGeometry(const SlabSysfs& sysfs, SlubCpus cpus,
                                               const std::string& path);

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_CONFORMANCE_SYSFS_GEOMETRY_H_
