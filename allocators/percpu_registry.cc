// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "allocators/percpu_registry.h"

#include <utility>

#include "absl/status/status.h"
#include "allocators/percpu.h"
#include "allocators/percpu_backend.h"
#include "fmt/format.h"

namespace slablab {
namespace {

// x86-64's.
PercpuSetup VmSetup() { return {}; }

// A machine without memory management sets up by pages, and has no fall-back (Linux 6.1, the
// generic setup_per_cpu_areas). It is told who is near whom, so that nodes are seen and refused.
PercpuSetup KmSetup() {
  PercpuSetup setup;
  setup.atom_bytes = kPageSize;
  setup.has_page_first_chunk = false;
  return setup;
}

using Answer = absl::StatusOr<std::unique_ptr<PercpuAreas>>;

Answer MakeVm(Machine& machine, const PercpuSetup& setup, const Percpu::Options& options) {
  const auto make_backend = [&](const PercpuLayout& layout, PercpuUsage& usage) {
    return MakePercpuVm(machine, layout, setup.vmalloc_bytes, usage);
  };
  const PercpuLayout layout = BuildPercpuLayout(setup, machine.config());
  return std::make_unique<Percpu>(machine, layout, make_backend, options);
}

Answer MakeKm(Machine& machine, const PercpuSetup& setup, const Percpu::Options& options) {
  const auto make_backend = [&](const PercpuLayout& layout, PercpuUsage& usage) {
    return MakePercpuKm(machine, layout, usage);
  };
  const PercpuLayout layout = BuildPercpuLayout(setup, machine.config());
  PercpuUsage unused;
  const absl::Status status = make_backend(layout, unused)->Verify(layout);
  if (!status.ok()) return status;
  return std::make_unique<Percpu>(machine, layout, make_backend, options);
}

struct Entry {
  PercpuInfo info;
  PercpuSetup (*setup)();
  Answer (*make)(Machine& machine, const PercpuSetup& setup, const Percpu::Options& options);
};

// The table. A further model is one more line here.
constexpr Entry kEntries[] = {
    {{"percpu", "percpu as of Linux 6.1: bitmaps with hints, pages on demand in vmalloc space."},
     VmSetup,
     MakeVm},
    {{"percpu-km", "the same on contiguous kernel memory, for machines without an MMU."},
     KmSetup,
     MakeKm},
};

}  // namespace

std::vector<PercpuInfo> ListPercpuAllocators() {
  std::vector<PercpuInfo> infos;
  for (const Entry& entry : kEntries) infos.push_back(entry.info);
  return infos;
}

bool IsPercpuAllocator(std::string_view name) {
  for (const Entry& entry : kEntries) {
    if (entry.info.name == name) return true;
  }
  return false;
}

Answer MakePercpuAreas(Machine& machine, const PercpuOptions& options) {
  std::vector<std::string_view> names;
  for (const Entry& entry : kEntries) {
    names.push_back(entry.info.name);
    if (entry.info.name != options.name) continue;
    return entry.make(machine, options.setup.value_or(entry.setup()),
                      {.name = entry.info.name, .balance_at_once = options.balance_at_once});
  }
  return absl::InvalidArgumentError(fmt::format("unknown percpu allocator '{}'; valid are: {}",
                                                options.name, fmt::join(names, ", ")));
}

}  // namespace slablab
