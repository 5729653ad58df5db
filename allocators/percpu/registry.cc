// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "allocators/percpu/registry.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "allocators/percpu/backend.h"
#include "allocators/percpu/percpu.h"
#include "allocators/percpu/percpu_2010.h"
#include "allocators/switches.h"
#include "base/names.h"
#include "fmt/format.h"

namespace slablab {
namespace {

constexpr QuirkInfo k32Bit = {"32-bit",
                              "128 MiB of vmalloc space, and what else 32-bit x86 asks for."};
constexpr QuirkInfo kPageFirstChunk = {"page-first-chunk", "Booted with percpu_alloc=page."};
constexpr QuirkInfo kExactFreeHints = {
    "exact-free-hints", "A free within a page tells the chunk's hints, wherever the page is."};
constexpr QuirkInfo kUnzeroedKm = {"unzeroed-km", "Areas are not cleared."};
constexpr QuirkInfo kZeroedKm = {"zeroed-km", "Areas are cleared, as of 2.6.37."};
constexpr QuirkInfo kSignedDynSize = {
    "signed-dyn-size", "As before dyn_size always meant a minimum, and before early allocation."};
constexpr QuirkInfo kDynSizeAuto = {
    "dyn-size-auto", "As signed-dyn-size, and -1 asked for: what is left of the last page."};
constexpr QuirkInfo kDynSizeNone = {
    "dyn-size-none", "As signed-dyn-size, and 0 asked for: the first chunk has no dynamic part."};

constexpr QuirkInfo kQuirks[] = {k32Bit, kPageFirstChunk, kExactFreeHints};
constexpr QuirkInfo kKmQuirks[] = {kExactFreeHints, kUnzeroedKm};
constexpr QuirkInfo kQuirks2010[] = {k32Bit, kPageFirstChunk, kSignedDynSize, kDynSizeAuto,
                                     kDynSizeNone};
constexpr QuirkInfo kKmQuirks2010[] = {kSignedDynSize, kDynSizeAuto, kDynSizeNone, kZeroedKm};

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
    setup.vmalloc_bytes = kPercpuVmallocBytes32;
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

// What a dynamic size was before it meant a minimum: 0 could be forced, -1 was for what is left of
// the last page, and what x86 asked for a minimum too.
bool HasSignedDynSize(const PercpuOptions& options) {
  return HasQuirk(options, "signed-dyn-size") || HasQuirk(options, "dyn-size-auto") ||
         HasQuirk(options, "dyn-size-none");
}

PercpuSetup In2010(PercpuSetup setup, const PercpuOptions& options) {
  setup.unit_bytes_min = kPercpuUnitBytesMin2010;
  setup.dynamic_bytes =
      HasQuirk(options, "32-bit") ? kPercpuDynamicBytes2010On32 : kPercpuDynamicBytes2010;
  if (HasSignedDynSize(options)) setup.dynamic_meaning = PercpuDynSize::kSigned;
  if (HasQuirk(options, "dyn-size-auto")) setup.dynamic_bytes = -1;
  if (HasQuirk(options, "dyn-size-none")) setup.dynamic_bytes = 0;
  return setup;
}
PercpuSetup VmSetup2010(const PercpuOptions& options) { return In2010(VmSetup(options), options); }
PercpuSetup KmSetup2010(const PercpuOptions& options) { return In2010(KmSetup(options), options); }

using Made = std::unique_ptr<PercpuAreas>;

Percpu::Options ModelOptions(const PercpuOptions& options, std::string_view name) {
  return {.core = {.name = name,
                   .balance_at_once = options.balance_at_once,
                   .clears_areas = !HasQuirk(options, "unzeroed-km")},
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

// Early allocation came right after the dynamic size's new meaning. Before, the first chunk's
// arrays had two entries.
size_t EarlySlots(const PercpuOptions& options) {
  return HasSignedDynSize(options) ? 2 : kPercpuEarlySlots;
}

Made MakeVm2010(Machine& machine, const PercpuSetup& setup, const PercpuOptions& options) {
  const auto make_backend = [&](const PercpuLayout& layout, PercpuUsage& usage) {
    return MakePercpuVm(machine, layout, setup.vmalloc_bytes, usage);
  };
  return std::make_unique<Percpu2010>(
      machine, BuildPercpuLayout(setup, machine.config()), make_backend,
      Percpu2010::Options{
          .core = {.name = "percpu-2010", .balance_at_once = options.balance_at_once},
          .early_slots = EarlySlots(options)});
}

Made MakeKm2010(Machine& machine, const PercpuSetup& setup, const PercpuOptions& options) {
  const auto make_backend = [&](const PercpuLayout& layout, PercpuUsage& usage) {
    return MakePercpuKm(machine, layout, usage);
  };
  return std::make_unique<Percpu2010>(
      machine, BuildPercpuLayout(setup, machine.config()), make_backend,
      Percpu2010::Options{.core = {.name = "percpu-2010-km",
                                   .balance_at_once = options.balance_at_once,
                                   .clears_areas = HasQuirk(options, "zeroed-km")},
                          .early_slots = EarlySlots(options)});
}

absl::Status AnyLayout(const PercpuLayout&) { return absl::OkStatus(); }

struct Entry {
  PercpuInfo info;
  absl::Span<const QuirkInfo> quirks;
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
    {{"percpu-2010", "percpu as of Linux 2.6.36: arrays of lengths, first fit, pages stay."},
     kQuirks2010,
     VmSetup2010,
     AnyLayout,
     MakeVm2010},
    {{"percpu-2010-km", "the same on contiguous kernel memory, which nobody clears."},
     kKmQuirks2010,
     KmSetup2010,
     VerifyPercpuKm,
     MakeKm2010},
};

const Entry* Find(std::string_view name) {
  for (const Entry& entry : kEntries) {
    if (entry.info.name == name) return &entry;
  }
  return nullptr;
}

PercpuSetup SetupOf(const Entry& entry, const PercpuOptions& options) {
  PercpuSetup setup = options.setup.has_value() ? *options.setup : entry.setup(options);
  if (options.serves_copies) setup.dynamic_bytes *= kPercpuCopiesFactor;
  return setup;
}

}  // namespace

std::vector<PercpuInfo> ListPercpuAllocators() {
  std::vector<PercpuInfo> infos;
  for (const Entry& entry : kEntries) infos.push_back(entry.info);
  return infos;
}

bool IsPercpuAllocator(std::string_view name) { return Find(name) != nullptr; }

PercpuOptions PercpuOptionsOf(const AllocatorOptions& options) {
  const bool has_copies = std::find(options.quirks.begin(), options.quirks.end(),
                                    "kmalloc-copies") != options.quirks.end();
  return {.name = options.percpu,
          .quirks = options.percpu_quirks,
          .serves_slab = true,
          .serves_copies = has_copies};
}

absl::Span<const QuirkInfo> PercpuQuirkInfos(std::string_view name) {
  const Entry* const entry = Find(name);
  return entry == nullptr ? absl::Span<const QuirkInfo>() : entry->quirks;
}

absl::Status CheckPercpu(const MachineConfig& machine, const PercpuOptions& options) {
  const Entry* const entry = Find(options.name);
  if (entry == nullptr) {
    return UnknownName("percpu allocator", options.name, NamesOf(ListPercpuAllocators()));
  }
  const std::vector<std::string> quirks = NamesOf(entry->quirks);
  for (const std::string& quirk : options.quirks) {
    if (std::find(quirks.begin(), quirks.end(), quirk) != quirks.end()) continue;
    return UnknownName(fmt::format("quirk of {}", options.name), quirk, quirks);
  }
  if (options.serves_slab && HasSignedDynSize(options)) {
    return absl::InvalidArgumentError(fmt::format(
        "{} before early allocation (a signed dynamic size) cannot give a slab allocator its "
        "per-CPU structures: it needs a slab allocator itself to extend the first chunk's map; "
        "such "
        "kernels had those of the first caches in static per-CPU memory",
        options.name));
  }
  return entry->verify(BuildPercpuLayout(SetupOf(*entry, options), machine));
}

absl::Status BootPanic(std::string_view what, const PercpuAreas& areas) {
  const PercpuUsage& usage = areas.usage();
  std::string_view reason = "the first chunk is full, and without a slab allocator none can follow";
  if (usage.page_failures > 0) reason = "there are no pages for a further chunk";
  if (usage.address_failures > 0) reason = "vmalloc space has no room for a further chunk";
  return absl::InvalidArgumentError(
      fmt::format("the kernel panics while it boots: {}, since {} has no area for it: {}", what,
                  areas.name(), reason));
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
