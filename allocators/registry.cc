// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "allocators/registry.h"

#include <algorithm>

#include "absl/status/status.h"
#include "allocators/slab.h"
#include "allocators/slub.h"
#include "fmt/format.h"

namespace slablab {
namespace {

struct Entry {
  AllocatorInfo info;
  absl::Span<const std::string_view> (*quirks)();
  std::unique_ptr<Allocator> (*make)(Machine& machine, const AllocatorOptions& options);
};

// The table. A further model is one more line here.
constexpr Entry kEntries[] = {
    {{"slub", "SLUB as of Linux 6.1: per-CPU slabs, lockless fast paths, partial lists."},
     SlubQuirks,
     [](Machine& machine, const AllocatorOptions& options) -> std::unique_ptr<Allocator> {
       return std::make_unique<Slub>(machine, options);
     }},
    {{"slab", "SLAB as of Linux 6.1: per-CPU, shared and alien arrays of objects."},
     SlabQuirks,
     [](Machine& machine, const AllocatorOptions& options) -> std::unique_ptr<Allocator> {
       return std::make_unique<SlabAllocator>(machine, options);
     }},
};

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
    return entry.make(machine, options);
  }
  return Unknown("allocator", name, names);
}

}  // namespace slablab
