// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_PERCPU_LAYOUT_H_
#define SLABLAB_ALLOCATORS_PERCPU_LAYOUT_H_

#include <cstdint>
#include <vector>

#include "base/types.h"
#include "sim/machine/machine_config.h"

// How per-CPU memory is shaped: what the kernel decides once, when it sets up the first chunk.
//
// A chunk has a unit for each possible CPU. Units are gathered in groups, one for the CPUs of each
// node; a group's memory is a whole number of allocations of `alloc_bytes`, each of which is cut
// into `units_per_alloc` units, so that a group may have units that no CPU uses. The first chunk's
// unit begins with the kernel's static variables, then the part reserved for modules', then the
// part for dynamic allocation; what is left of the unit is given back.

namespace slablab {

// Linux 6.1, include/linux/percpu.h.
inline constexpr uint32_t kPercpuGranule = 4;                  // PCPU_MIN_ALLOC_SIZE
inline constexpr uint32_t kPercpuUnitBytesMin = 32 << 10;      // PCPU_MIN_UNIT_SIZE, largest area
inline constexpr uint32_t kPercpuUnitBytesMin2010 = 64 << 10;  // 2.6.36
inline constexpr uint32_t kPercpuEarlyBytes = 12 << 10;        // PERCPU_DYNAMIC_EARLY_SIZE
inline constexpr uint32_t kPercpuEarlySlots = 128;             // PERCPU_DYNAMIC_EARLY_SLOTS
inline constexpr uint32_t kPercpuReservedBytes = 8 << 10;      // PERCPU_MODULE_RESERVE
inline constexpr uint32_t kPercpuDynamicBytes = 28 << 10;      // PERCPU_DYNAMIC_RESERVE, 64 bits
// As many times that with CONFIG_RANDOM_KMALLOC_CACHES, whose caches all come early.
inline constexpr int64_t kPercpuCopiesFactor = 4;
inline constexpr uint32_t kPercpuDynamicBytes32 = 20 << 10;    // the same, 32 bits
inline constexpr uint32_t kPercpuDynamicBytes2010 = 20 << 10;  // 2.6.36, 64 bits
inline constexpr uint32_t kPercpuDynamicBytes2010On32 = 12 << 10;
// The static variables of the kernel that the reference runs were recorded on.
inline constexpr uint32_t kPercpuStaticBytes = 166760;

// The vmalloc space of 32-bit x86 (VMALLOC_RESERVE).
inline constexpr uint64_t kPercpuVmallocBytes32 = uint64_t{128} << 20;

// What a dynamic size of the first chunk means.
enum class PercpuDynSize : uint8_t {
  kMinimum,  // at least so much, and never less than early allocation needs (since 2.6.36)
  // Before: -1 whatever fills the last page, 0 none at all, more: a minimum.
  kSigned,
};

// What an architecture asks for. The defaults are x86-64's, arch/x86/kernel/setup_percpu.c.
struct PercpuSetup {
  uint64_t static_bytes = kPercpuStaticBytes;
  uint64_t reserved_bytes = kPercpuReservedBytes;
  int64_t dynamic_bytes = kPercpuDynamicBytes;
  PercpuDynSize dynamic_meaning = PercpuDynSize::kMinimum;
  uint64_t atom_bytes = uint64_t{2} << 20;  // whole pages, a power of two
  uint64_t unit_bytes_min = kPercpuUnitBytesMin;
  // The address space for chunks behind the first (VMALLOC_TOTAL).
  uint64_t vmalloc_bytes = uint64_t{32} << 40;
  bool page_first_chunk = false;     // percpu_alloc=page
  bool has_page_first_chunk = true;  // CONFIG_NEED_PER_CPU_PAGE_FIRST_CHUNK: embed may fall back
  bool by_distance = true;           // CPUs are grouped by node
};

// The CPUs of one node, or all.
struct PercpuGroup {
  std::vector<CpuId> cpus;   // of its units, in order; the units behind them are unused
  int units = 0;             // a multiple of units_per_alloc
  uint64_t base_offset = 0;  // bytes from the lowest group's memory to this one's
};

struct PercpuLayout {
  uint64_t static_bytes = 0;
  uint64_t reserved_bytes = 0;
  uint64_t dynamic_bytes = 0;
  uint64_t unit_bytes = 0;
  uint64_t atom_bytes = 0;
  uint64_t alloc_bytes = 0;
  bool is_embedded = true;  // the first chunk; else mapped page by page
  std::vector<PercpuGroup> groups;
  std::vector<int32_t> unit_of_cpu;  // by CpuId, of all units of all groups in order
  std::vector<NodeId> node_of_cpu;   // by CpuId

  int possible_cpus() const { return static_cast<int>(unit_of_cpu.size()); }
  int units() const;
  int units_per_alloc() const { return static_cast<int>(alloc_bytes / unit_bytes); }
  int unit_pages() const { return static_cast<int>(unit_bytes >> kPageShift); }
  // What the first chunk keeps of each CPU's unit.
  uint64_t first_bytes() const { return static_bytes + reserved_bytes + dynamic_bytes; }
  // Address space from the lowest unit to the end of the highest.
  uint64_t span_bytes() const;
};

// The layout for all possible CPUs of `machine`. Linux 6.1, pcpu_build_alloc_info,
// pcpu_embed_first_chunk, pcpu_page_first_chunk: the first chunk is embedded in boot memory unless
// asked otherwise, or its groups lie further apart than three quarters of the address space for
// chunks.
PercpuLayout BuildPercpuLayout(const PercpuSetup& setup, const MachineConfig& machine);

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_PERCPU_LAYOUT_H_
