// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "allocators/percpu_registry.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "allocators/percpu.h"
#include "allocators/percpu_backend.h"
#include "fmt/format.h"

namespace slablab {
namespace {

constexpr std::string_view kQuirks[] = {"32-bit", "page-first-chunk", "exact-free-hints"};
constexpr std::string_view kKmQuirks[] = {"exact-free-hints"};

bool HasQuirk(const PercpuOptions& options, std::string_view quirk) {
  return std::find(options.quirks.begin(), options.quirks.end(), quirk) != options.quirks.end();
}

// x86's, arch/x86/kernel/setup_percpu.c: on 32 bits, where vmalloc space is scarce, chunks are no
// larger than they must be.
PercpuSetup VmSetup(const PercpuOptions& options) {
  PercpuSetup setup;
  setup.page_first_chunk = HasQuirk(options, "page-first-chunk");
  if (HasQuirk(options, "32-bit")) {
    setup.dynamic_bytes = kPercpuDynamicBytes32;
    setup.atom_bytes = kPageSize;
    setup.vmalloc_bytes = uint64_t{128} << 20;
  }
  return setup;
}

// A machine without memory management sets up by pages, and has no fall-back (Linux 6.1, the
// generic setup_per_cpu_areas). It is told who is near whom, so that nodes are seen and refused.
PercpuSetup KmSetup(const PercpuOptions&) {
  PercpuSetup setup;
  setup.atom_bytes = kPageSize;
  setup.has_page_first_chunk = false;
  return setup;
}

using Made = std::unique_ptr<PercpuAreas>;

Percpu::Options ModelOptions(const PercpuOptions& options, std::string_view name) {
  return {.name = name,
          .balance_at_once = options.balance_at_once,
          .exact_free_hints = HasQuirk(options, "exact-free-hints")};
}

Made MakeVm(Machine& machine, const PercpuSetup& setup, const PercpuOptions& options) {
  const auto make_backend = [&](const PercpuLayout& layout, PercpuUsage& usage) {
    return MakePercpuVm(machine, layout, setup.vmalloc_bytes, usage);
  };
  return std::make_unique<Percpu>(machine, BuildPercpuLayout(setup, machine.config()), make_backend,
                                  ModelOptions(options, "percpu"));
}

Made MakeKm(Machine& machine, const PercpuSetup& setup, const PercpuOptions& options) {
  const auto make_backend = [&](const PercpuLayout& layout, PercpuUsage& usage) {
    return MakePercpuKm(machine, layout, usage);
  };
  return std::make_unique<Percpu>(machine, BuildPercpuLayout(setup, machine.config()), make_backend,
                                  ModelOptions(options, "percpu-km"));
}

absl::Status AnyLayout(const PercpuLayout&) { return absl::OkStatus(); }

struct Entry {
  PercpuInfo info;
  absl::Span<const std::string_view> quirks;
  PercpuSetup (*setup)(const PercpuOptions& options);
  absl::Status (*verify)(const PercpuLayout& layout);
  Made (*make)(Machine& machine, const PercpuSetup& setup, const PercpuOptions& options);
};

// The table. A further model is one more line here.
constexpr Entry kEntries[] = {
    {{"percpu", "percpu as of Linux 6.1: bitmaps with hints, pages on demand in vmalloc space."},
     kQuirks,
     VmSetup,
     AnyLayout,
     MakeVm},
    {{"percpu-km", "the same on contiguous kernel memory, for machines without an MMU."},
     kKmQuirks,
     KmSetup,
     VerifyPercpuKm,
     MakeKm},
};

const Entry* Find(std::string_view name) {
  for (const Entry& entry : kEntries) {
    if (entry.info.name == name) return &entry;
  }
  return nullptr;
}

template <typename Names>
absl::Status Unknown(std::string_view what, std::string_view name, const Names& valid) {
  return absl::InvalidArgumentError(
      fmt::format("unknown {} '{}'; valid are: {}", what, name, fmt::join(valid, ", ")));
}

PercpuSetup SetupOf(const Entry& entry, const PercpuOptions& options) {
  return options.setup.has_value() ? *options.setup : entry.setup(options);
}

}  // namespace

std::vector<PercpuInfo> ListPercpuAllocators() {
  std::vector<PercpuInfo> infos;
  for (const Entry& entry : kEntries) infos.push_back(entry.info);
  return infos;
}

bool IsPercpuAllocator(std::string_view name) { return Find(name) != nullptr; }

PercpuOptions PercpuOptionsOf(const AllocatorOptions& options) {
  return {.name = options.percpu, .quirks = options.percpu_quirks};
}

absl::Span<const std::string_view> PercpuQuirks(std::string_view name) {
  const Entry* const entry = Find(name);
  return entry == nullptr ? absl::Span<const std::string_view>() : entry->quirks;
}

absl::Status CheckPercpu(const MachineConfig& machine, const PercpuOptions& options) {
  const Entry* const entry = Find(options.name);
  if (entry == nullptr) {
    std::vector<std::string_view> names;
    for (const Entry& each : kEntries) names.push_back(each.info.name);
    return Unknown("percpu allocator", options.name, names);
  }
  for (const std::string& quirk : options.quirks) {
    if (std::find(entry->quirks.begin(), entry->quirks.end(), quirk) != entry->quirks.end()) {
      continue;
    }
    return Unknown(fmt::format("quirk of {}", options.name), quirk, entry->quirks);
  }
  return entry->verify(BuildPercpuLayout(SetupOf(*entry, options), machine));
}

absl::StatusOr<std::unique_ptr<PercpuAreas>> MakePercpuAreas(Machine& machine,
                                                             const PercpuOptions& options) {
  if (const absl::Status status = CheckPercpu(machine.config(), options); !status.ok()) {
    return status;
  }
  const Entry& entry = *Find(options.name);
  return entry.make(machine, SetupOf(entry, options), options);
}

}  // namespace slablab
