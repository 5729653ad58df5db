// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "allocators/registry.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "allocators/percpu/registry.h"
#include "allocators/slab/slab.h"
#include "allocators/slub/slub.h"
#include "allocators/slub_2010/slub_2010.h"
#include "allocators/slubq/slubq.h"
#include "allocators/switches.h"
#include "base/names.h"
#include "fmt/format.h"

namespace slablab {
namespace {

struct Entry {
  AllocatorInfo info;
  ModelSwitches (*switches)();
  std::unique_ptr<Allocator> (*make)(Machine& machine, const AllocatorOptions& options);
};

constexpr ModelKernel kLinux612 = {.version = 6, .patchlevel = 12};
constexpr ModelKernel kLinux618 = {.version = 6, .patchlevel = 18};
// The last before the per-CPU arrays of SLAB came from the percpu allocator.
constexpr ModelKernel kLinux317 = {.version = 3, .patchlevel = 17};

constexpr ModelKernel kLinux70 = {.version = 7, .patchlevel = 0};
constexpr ModelKernel kLinux71 = {.version = 7, .patchlevel = 1};
constexpr ModelKernel kLinux72 = {.version = 7, .patchlevel = 2};
constexpr ModelKernel kLinux73 = {.version = 7, .patchlevel = 3};

constexpr ModelKernel Patched(ModelKernel kernel, std::string_view patches) {
  kernel.patches = patches;
  return kernel;
}

template <const SlubPolicy& kPolicy>
ModelSwitches SwitchesOfSlub() {
  return SlubSwitches(kPolicy);
}
template <const SlubPolicy& kPolicy>
std::unique_ptr<Allocator> MakeSlubOf(Machine& machine, const AllocatorOptions& options) {
  return MakeSlub(machine, options, kPolicy);
}

// The table. A further model is one more line here.
constexpr Entry kEntries[] = {
    {{"slub", kLinux61, "SLUB as of Linux 6.1: per-CPU slabs, lockless fast paths, partial lists.",
      "slub"},
     SwitchesOfSlub<kSlub61>,
     MakeSlubOf<kSlub61>},
    {{"slub-6.12", kLinux612, "SLUB as of Linux 6.12: slabs on CPUs' partial lists are not frozen.",
      "slub"},
     SwitchesOfSlub<kSlub612>,
     MakeSlubOf<kSlub612>},
    {{"slub-6.18", kLinux618, "SLUB as of Linux 6.18: sheaves for caches that ask, over CPU slabs.",
      "slub"},
     SwitchesOfSlub<kSlub618>,
     MakeSlubOf<kSlub618>},
    {{"slub-7.0", kLinux70, "SLUB as of Linux 7.0: sheaves and barns, no CPU slabs.", "slub"},
     SwitchesOfSlub<kSlub70>,
     MakeSlubOf<kSlub70>},
    {{"slub-7.1", kLinux71, "SLUB as of Linux 7.1: sheaves for nodes without memory too.", "slub"},
     SwitchesOfSlub<kSlub71>,
     MakeSlubOf<kSlub71>},
    {{"slub-7.2", kLinux72, "SLUB as of Linux 7.2: sheaves are filled in the order of slabs.",
      "slub"},
     SwitchesOfSlub<kSlub72>,
     MakeSlubOf<kSlub72>},
    {{"slub-7.3", kLinux73, "SLUB as of Linux 7.3: bulk frees part remote objects in place.",
      "slub"},
     SwitchesOfSlub<kSlub73>,
     MakeSlubOf<kSlub73>},
    {{"slab", kLinux61, "SLAB as of Linux 6.1: per-CPU, shared and alien arrays of objects.",
      "slab"},
     SlabSwitches,
     [](Machine& machine, const AllocatorOptions& options) -> std::unique_ptr<Allocator> {
       return std::make_unique<SlabAllocator>(machine, options, kSlabPolicy61);
     }},
    {{"slab-2014", kLinux317, "SLAB before its per-CPU arrays came from the percpu allocator.",
      "slab"},
     SlabSwitches,
     [](Machine& machine, const AllocatorOptions& options) -> std::unique_ptr<Allocator> {
       return std::make_unique<SlabAllocator>(machine, options, kSlabPolicy2014);
     }},
    {{"slab-2014-percpu", Patched(kLinux317, "per-CPU arrays from percpu"),
      "slab-2014 with that change alone."},
     SlabSwitches,
     [](Machine& machine, const AllocatorOptions& options) -> std::unique_ptr<Allocator> {
       return std::make_unique<SlabAllocator>(machine, options, kSlabPolicy2014Percpu);
     }},
    {{"slub-2010", kLinux2636,
      "SLUB as of Linux 2.6.36: a slab per CPU, interrupts off, slab locks.", "slub"},
     Slub2010Switches,
     [](Machine& machine, const AllocatorOptions& options) -> std::unique_ptr<Allocator> {
       return std::make_unique<Slub2010>(machine, options);
     }},
    {{"slubq-v2", Patched(kLinux2636, "SLUB+Q V2"),
      "SLUB+Q V2 (July 2010): one queue per CPU, of objects from any node."},
     [] { return SlubQSwitches(QueueVersion::kV2); },
     [](Machine& machine, const AllocatorOptions& options) -> std::unique_ptr<Allocator> {
       return std::make_unique<SlubQ>(machine, options, QueueVersion::kV2);
     }},
    {{"slubq", Patched(kLinux2636, "SLUB+Q V3"),
      "SLUB+Q V3 (August 2010): queues and bitmaps over slabs with locks."},
     [] { return SlubQSwitches(QueueVersion::kV3); },
     [](Machine& machine, const AllocatorOptions& options) -> std::unique_ptr<Allocator> {
       return std::make_unique<SlubQ>(machine, options, QueueVersion::kV3);
     }},
    {{"slubq-v4", Patched(kLinux2636, "SLUB+Q Unified V4"),
      "SLUB+Q as Unified V4 (October 2010): one lock per node instead of slabs'."},
     [] { return SlubQSwitches(QueueVersion::kV4); },
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

const Entry* Find(std::string_view name) {
  for (const Entry& entry : kEntries) {
    if (entry.info.name == name) return &entry;
  }
  return nullptr;
}

// Those of per-CPU memory are named too, though they are no slab allocators and made elsewhere.
absl::Status UnknownAllocator(std::string_view name) {
  std::vector<std::string> names = NamesOf(ListAllocators());
  for (std::string& percpu : NamesOf(ListPercpuAllocators())) names.push_back(std::move(percpu));
  return UnknownName("allocator", name, names);
}

}  // namespace

std::vector<AllocatorInfo> ListAllocators() {
  std::vector<AllocatorInfo> infos;
  for (const Entry& entry : kEntries) infos.push_back(entry.info);
  return infos;
}

absl::StatusOr<ModelKernel> KernelOf(std::string_view name) {
  if (const Entry* const entry = Find(name); entry != nullptr) return entry->info.kernel;
  for (const PercpuKernel& percpu : kPercpuKernels) {
    if (percpu.name == name) return percpu.kernel;
  }
  return UnknownAllocator(name);
}

absl::StatusOr<std::string_view> ModelOfKernel(std::string_view design, std::string_view release) {
  std::string kernels;
  for (const Entry& entry : kEntries) {
    if (entry.info.design.empty() || entry.info.design != design) continue;
    if (IsOfSeries(entry.info.kernel, release)) return entry.info.name;
    if (!kernels.empty()) kernels += ", ";
    kernels += KernelName(entry.info.kernel);
  }
  if (kernels.empty()) return absl::NotFoundError(fmt::format("there is no model of '{}'", design));
  return absl::NotFoundError(fmt::format("there is no model of '{}' as of Linux {}, only of {}",
                                         design, release, kernels));
}

ModelSwitches SwitchesOf(std::string_view name) {
  if (const Entry* const entry = Find(name); entry != nullptr) return entry->switches();
  return {.quirks = PercpuQuirkInfos(name)};
}

absl::Status CheckQuirk(std::string_view name, std::string_view quirk) {
  const std::vector<std::string> names = NamesOf(SwitchesOf(name).quirks);
  if (std::find(names.begin(), names.end(), quirk) != names.end()) return absl::OkStatus();
  return UnknownName(fmt::format("quirk of {}", name), quirk, names);
}

absl::Status CheckBoot(std::string_view name, std::string_view boot) {
  const absl::Span<const std::string_view> boots = SwitchesOf(name).boots;
  if (boot.empty() || std::find(boots.begin(), boots.end(), boot) != boots.end()) {
    return absl::OkStatus();
  }
  return UnknownName(fmt::format("boot of {}", name), boot, NameList(boots));
}

absl::Status CheckAllocator(std::string_view name, const MachineConfig& machine,
                            const AllocatorOptions& options) {
  const bool is_percpu = IsPercpuAllocator(name);
  if (!is_percpu && Find(name) == nullptr) return UnknownAllocator(name);
  for (const std::string& quirk : options.quirks) {
    if (absl::Status status = CheckQuirk(name, quirk); !status.ok()) return status;
  }
  if (absl::Status status = CheckBoot(name, options.boot); !status.ok()) return status;
  if (!is_percpu) return CheckPercpu(machine, PercpuOptionsOf(options));
  return CheckPercpu(machine, {.name = std::string(name), .quirks = options.quirks});
}

absl::StatusOr<std::unique_ptr<Allocator>> MakeAllocator(std::string_view name, Machine& machine,
                                                         const AllocatorOptions& options) {
  const Entry* const entry = Find(name);
  if (entry == nullptr) return UnknownAllocator(name);
  absl::Status checked = CheckAllocator(name, machine.config(), options);
  if (!checked.ok()) return checked;
  return entry->make(machine, options);
}

}  // namespace slablab
