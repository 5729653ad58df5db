// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_PERCPU_REGISTRY_H_
#define SLABLAB_ALLOCATORS_PERCPU_REGISTRY_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "allocators/percpu_areas.h"
#include "allocators/percpu_layout.h"
#include "sim/machine.h"

namespace slablab {

struct PercpuInfo {
  std::string_view name;
  std::string_view summary;  // one line
};

// The percpu allocators there are, in the order of the table in percpu_registry.cc.
std::vector<PercpuInfo> ListPercpuAllocators();
bool IsPercpuAllocator(std::string_view name);

struct PercpuOptions {
  std::string name = "percpu";
  // What the architecture asks for; none: what suits the model.
  std::optional<PercpuSetup> setup = {};
  bool balance_at_once = true;  // else whoever drives the model calls Balance
};

// Sets up the first chunk on `machine`. InvalidArgument for an unknown name, with the valid ones,
// and for a machine that the model's backend cannot serve, with the kernel's reason.
absl::StatusOr<std::unique_ptr<PercpuAreas>> MakePercpuAreas(Machine& machine,
                                                             const PercpuOptions& options);

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_PERCPU_REGISTRY_H_
