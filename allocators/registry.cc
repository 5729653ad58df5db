// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "allocators/registry.h"

#include <algorithm>

#include "absl/status/status.h"
#include "allocators/percpu_registry.h"
#include "allocators/slab.h"
#include "allocators/slub.h"
#include "allocators/slub_2010.h"
#include "allocators/slubq.h"
#include "fmt/format.h"

namespace slablab {
namespace {

struct Entry {
  AllocatorInfo info;
  absl::Span<const std::string_view> (*quirks)();
  absl::Span<const std::string_view> (*boots)();
  std::unique_ptr<Allocator> (*make)(Machine& machine, const AllocatorOptions& options);
};

absl::Span<const std::string_view> OneBoot() { return {}; }

// The last before the per-CPU arrays of SLAB came from the percpu allocator.
constexpr ModelKernel kLinux317 = {.version = 3, .patchlevel = 17};

constexpr ModelKernel Patched(ModelKernel kernel, std::string_view patches) {
  kernel.patches = patches;
  return kernel;
}

// The table. A further model is one more line here.
constexpr Entry kEntries[] = {
    {{"slub", kLinux61, "SLUB as of Linux 6.1: per-CPU slabs, lockless fast paths, partial lists."},
     SlubQuirks,
     OneBoot,
     [](Machine& machine, const AllocatorOptions& options) -> std::unique_ptr<Allocator> {
       return std::make_unique<Slub>(machine, options);
     }},
    {{"slab", kLinux61, "SLAB as of Linux 6.1: per-CPU, shared and alien arrays of objects."},
     SlabQuirks,
     OneBoot,
     [](Machine& machine, const AllocatorOptions& options) -> std::unique_ptr<Allocator> {
       return std::make_unique<SlabAllocator>(machine, options, kSlabPolicy61);
     }},
    {{"slab-2014", kLinux317, "SLAB before its per-CPU arrays came from the percpu allocator."},
     SlabQuirks,
     OneBoot,
     [](Machine& machine, const AllocatorOptions& options) -> std::unique_ptr<Allocator> {
       return std::make_unique<SlabAllocator>(machine, options, kSlabPolicy2014);
     }},
    {{"slab-2014-percpu", Patched(kLinux317, "per-CPU arrays from percpu"),
      "slab-2014 with that change alone."},
     SlabQuirks,
     OneBoot,
     [](Machine& machine, const AllocatorOptions& options) -> std::unique_ptr<Allocator> {
       return std::make_unique<SlabAllocator>(machine, options, kSlabPolicy2014Percpu);
     }},
    {{"slub-2010", kLinux2636,
      "SLUB as of Linux 2.6.36: a slab per CPU, interrupts off, slab locks."},
     Slub2010Quirks,
     Slub2010Boots,
     [](Machine& machine, const AllocatorOptions& options) -> std::unique_ptr<Allocator> {
       return std::make_unique<Slub2010>(machine, options);
     }},
    {{"slubq-v2", Patched(kLinux2636, "SLUB+Q V2"),
      "SLUB+Q V2 (July 2010): one queue per CPU, of objects from any node."},
     SlubQQuirks,
     Slub2010Boots,
     [](Machine& machine, const AllocatorOptions& options) -> std::unique_ptr<Allocator> {
       return std::make_unique<SlubQ>(machine, options, QueueVersion::kV2);
     }},
    {{"slubq", Patched(kLinux2636, "SLUB+Q V3"),
      "SLUB+Q V3 (August 2010): queues and bitmaps over slabs with locks."},
     SlubQQuirks,
     Slub2010Boots,
     [](Machine& machine, const AllocatorOptions& options) -> std::unique_ptr<Allocator> {
       return std::make_unique<SlubQ>(machine, options, QueueVersion::kV3);
     }},
    {{"slubq-v4", Patched(kLinux2636, "SLUB+Q Unified V4"),
      "SLUB+Q as Unified V4 (October 2010): one lock per node instead of slabs'."},
     SlubQQuirks,
     Slub2010Boots,
     [](Machine& machine, const AllocatorOptions& options) -> std::unique_ptr<Allocator> {
       return std::make_unique<SlubQ>(machine, options, QueueVersion::kV4);
     }},
};

// Percpu allocators have a registry of their own; what a kernel is, is known here.
struct PercpuKernel {
  std::string_view name;
  ModelKernel kernel;
};
constexpr PercpuKernel kPercpuKernels[] = {{"percpu", kLinux61},
                                           {"percpu-km", kLinux61},
                                           {"percpu-2010", kLinux2636},
                                           {"percpu-2010-km", kLinux2636}};

absl::Status Unknown(std::string_view what, std::string_view name,
                     const std::vector<std::string_view>& valid) {
  return absl::InvalidArgumentError(
      fmt::format("unknown {} '{}'; valid are: {}", what, name, fmt::join(valid, ", ")));
}

}  // namespace

std::vector<AllocatorInfo> ListAllocators() {
  std::vector<AllocatorInfo> infos;
  for (const Entry& entry : kEntries) infos.push_back(entry.info);
  return infos;
}

absl::StatusOr<ModelKernel> KernelOf(std::string_view name) {
  std::vector<std::string_view> names;
  for (const Entry& entry : kEntries) {
    if (entry.info.name == name) return entry.info.kernel;
    names.push_back(entry.info.name);
  }
  for (const PercpuKernel& percpu : kPercpuKernels) {
    if (percpu.name == name) return percpu.kernel;
    names.push_back(percpu.name);
  }
  return Unknown("allocator", name, names);
}

absl::StatusOr<std::unique_ptr<Allocator>> MakeAllocator(std::string_view name, Machine& machine,
                                                         const AllocatorOptions& options) {
  std::vector<std::string_view> names;
  for (const Entry& entry : kEntries) {
    names.push_back(entry.info.name);
    if (entry.info.name != name) continue;
    const absl::Span<const std::string_view> quirks = entry.quirks();
    for (const std::string& quirk : options.quirks) {
      if (std::find(quirks.begin(), quirks.end(), quirk) != quirks.end()) continue;
      return Unknown(fmt::format("quirk of {}", name), quirk, {quirks.begin(), quirks.end()});
    }
    const absl::Span<const std::string_view> boots = entry.boots();
    if (!options.boot.empty() &&
        std::find(boots.begin(), boots.end(), options.boot) == boots.end()) {
      return Unknown(fmt::format("boot of {}", name), options.boot, {boots.begin(), boots.end()});
    }
    const absl::Status percpu = CheckPercpu(machine.config(), PercpuOptionsOf(options));
    if (!percpu.ok()) return percpu;
    return entry.make(machine, options);
  }
  // Those are named too, though they are no slab allocators and made elsewhere.
  for (const PercpuInfo& percpu : ListPercpuAllocators()) names.push_back(percpu.name);
  return Unknown("allocator", name, names);
}

}  // namespace slablab
