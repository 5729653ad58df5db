// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_PERCPU_REGISTRY_H_
#define SLABLAB_ALLOCATORS_PERCPU_REGISTRY_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "allocators/options.h"
#include "allocators/percpu/areas.h"
#include "allocators/percpu/layout.h"
#include "sim/machine.h"
#include "sim/machine/machine_config.h"

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
  std::vector<std::string> quirks = {};  // of PercpuQuirkInfos(name)
  // What the architecture asks for; none: what suits model and quirks.
  std::optional<PercpuSetup> setup = {};
  bool balance_at_once = true;  // else whoever drives the model calls Balance
  bool serves_slab = false;     // a slab allocator boots on it, so that it needs early allocation
  bool serves_copies = false;   // and has CONFIG_RANDOM_KMALLOC_CACHES
};

// What a slab allocator's options say of its per-CPU structures.
PercpuOptions PercpuOptionsOf(const AllocatorOptions& options);

// InvalidArgument for an unknown name or quirk, with the valid ones; for a machine that the model's
// backend cannot serve, with the kernel's reason; and for one that a slab allocator cannot boot on.
absl::Status CheckPercpu(const MachineConfig& machine, const PercpuOptions& options);

// What a slab allocator's kernel stops with if `what` could not be done, when it boots, for want of
// an area: the reason with it.
absl::Status BootPanic(std::string_view what, const PercpuAreas& areas);

// Sets up the first chunk on `machine`; fails as CheckPercpu does.
absl::StatusOr<std::unique_ptr<PercpuAreas>> MakePercpuAreas(Machine& machine,
                                                             const PercpuOptions& options);

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_PERCPU_REGISTRY_H_
