// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_REGISTRY_H_
#define SLABLAB_ALLOCATORS_REGISTRY_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "allocators/allocator.h"
#include "allocators/model_kernel.h"
#include "allocators/options.h"
#include "allocators/switches.h"
#include "sim/machine.h"

namespace slablab {

// No model's name: the one of SLUB as the recorded kernel has it.
inline constexpr std::string_view kSlubOfKernel = "slub";

struct AllocatorInfo {
  std::string_view name;
  ModelKernel kernel;
  std::string_view summary;  // one line
  // What that kernel calls its allocator, "slub"; empty: no released kernel has it.
  std::string_view design = {};
};

// The models there are, in the order of the table in registry.cc.
std::vector<AllocatorInfo> ListAllocators();

// Their names, those of percpu allocators, and kSlubOfKernel first: what a user may say.
std::vector<std::string> AllocatorNames();

// What kSlubOfKernel is for a recording of that release: the newest model of SLUB that is not
// newer, else the oldest. Where the release names no kernel ("") the newest there is.
std::string_view SlubOfKernel(std::string_view release);

// The kernel that the model of that name, a percpu allocator's too, is of. InvalidArgument as of
// MakeAllocator.
absl::StatusOr<ModelKernel> KernelOf(std::string_view name);

// The model of `design` as the kernel of that release has it ("6.1.192"): the first one in the
// table that says so. NotFound, with the kernels there are models of, if there is none.
absl::StatusOr<std::string_view> ModelOfKernel(std::string_view design, std::string_view release);

// Makes a model on `machine`, not yet booted. InvalidArgument with the valid names for an unknown
// name or quirk.
absl::StatusOr<std::unique_ptr<Allocator>> MakeAllocator(std::string_view name, Machine& machine,
                                                         const AllocatorOptions& options);

// Puts a further row behind the table, once a name: what tests of all models are to be held to
// besides. Only tests call it, before any thread but theirs runs; nothing registers itself.
void RegisterForTests(const AllocatorInfo& info,
                      ModelSwitches (*switches)(absl::Span<const std::string> policies),
                      std::unique_ptr<Allocator> (*make)(Machine& machine,
                                                         const AllocatorOptions& options));

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_REGISTRY_H_
