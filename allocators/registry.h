// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_REGISTRY_H_
#define SLABLAB_ALLOCATORS_REGISTRY_H_

#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "allocators/allocator.h"
#include "allocators/model_kernel.h"
#include "allocators/options.h"
#include "sim/machine.h"

namespace slablab {

struct AllocatorInfo {
  std::string_view name;
  ModelKernel kernel;
  std::string_view summary;  // one line
};

// The models there are, in the order of the table in registry.cc.
std::vector<AllocatorInfo> ListAllocators();

// The kernel that the model of that name, a percpu allocator's too, is of. InvalidArgument as of
// MakeAllocator.
absl::StatusOr<ModelKernel> KernelOf(std::string_view name);

// Makes a model on `machine`, not yet booted. InvalidArgument with the valid names for an unknown
// name or quirk.
absl::StatusOr<std::unique_ptr<Allocator>> MakeAllocator(std::string_view name, Machine& machine,
                                                         const AllocatorOptions& options);

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_REGISTRY_H_
