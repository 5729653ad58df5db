// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_SIM_MACHINE_MACHINE_CONFIG_H_
#define SLABLAB_SIM_MACHINE_MACHINE_CONFIG_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/types.h"

// The machine, as plain validated data: what the simulation core reads, and all that it needs to
// know of hwloc, textprotos and presets. sim/machine/machine_loader.h makes one from what a user
// names.
//
// Integers only. Times are cycles of the machine's one clock; sizes are bytes; matrices are square,
// [from][to], node_count() on a side.

namespace slablab {

// A set-associative cache of 64-byte lines. Any number of sets is allowed, not only powers of two
// (a 38.5 MiB, 11-way LLC is an ordinary one): a line's set is `line % sets()`.
struct CacheGeometry {
  uint64_t size_bytes = 0;  // 0: the machine has no such cache
  int ways = 0;

  bool present() const { return size_bytes != 0; }
  // REQUIRES: present().
  uint64_t sets() const { return size_bytes / (kLineSize * static_cast<uint64_t>(ways)); }
  friend bool operator==(const CacheGeometry&, const CacheGeometry&) = default;
};

// Where a CPU is. A core is on one domain, a domain in one package and on one node.
struct CpuPlace {
  CoreId core;
  DomainId domain;
  int package = 0;
  NodeId node;
  friend bool operator==(const CpuPlace&, const CpuPlace&) = default;
};

// x86-64's zones (Linux 6.1, arch/x86/mm/init.c, zone_sizes_init): by physical address alone.
enum class ZoneKind { kDma, kDma32, kNormal };
inline constexpr int kZoneKinds = 3;

// A run of page frames of one zone on one node. Never empty.
struct ZoneSpan {
  ZoneKind kind = ZoneKind::kNormal;
  uint64_t first_frame = 0;
  uint64_t frames = 0;
  // Of these, at the span's end, held by the kernel itself from boot on (its image, the array of
  // struct page): never free. frames - reserved_frames is what /proc/zoneinfo calls managed.
  uint64_t reserved_frames = 0;

  uint64_t managed_frames() const { return frames - reserved_frames; }
  friend bool operator==(const ZoneSpan&, const ZoneSpan&) = default;
};

// A node's memory: nodes lie one behind the other from physical address 0, without holes.
struct NodeMemory {
  uint64_t first_frame = 0;
  uint64_t frames = 0;          // 0: a memoryless node
  std::vector<ZoneSpan> zones;  // ascending and adjacent; they cover the node exactly

  uint64_t bytes() const { return frames << kPageShift; }
  friend bool operator==(const NodeMemory&, const NodeMemory&) = default;
};

// Where the zones end, as physical addresses. Zero, or an end not above the one before: no such
// zone.
struct ZoneLimits {
  uint64_t dma_end_bytes = uint64_t{16} << 20;
  uint64_t dma32_end_bytes = uint64_t{4} << 30;
  friend bool operator==(const ZoneLimits&, const ZoneLimits&) = default;
};

// A node's memory to be placed: whole pages, no more reserved than there are.
struct NodeSize {
  uint64_t bytes = 0;
  uint64_t reserved_bytes = 0;
};

// What a node must reserve at least, in whole pages: what the kernel lays out at boot there and
// never gives back. A struct page of 64 bytes for each page; the per-CPU areas of its CPUs (of the
// possible ones; 1 MiB each is ample for the first chunk's 256 to 512 KiB units); and 16 MiB for
// the image and the rest.
uint64_t BootBytes(uint64_t node_bytes, int possible_cpus);

// Lays the nodes one behind the other and cuts them into zones. What is reserved comes off the top
// of a node, as early boot takes it (mm/memblock.c allocates top down).
std::vector<NodeMemory> PlaceMemory(const std::vector<NodeSize>& sizes, const ZoneLimits& limits);

struct MachineConfig {
  std::string name;
  int64_t clock_mhz = 0;

  // --- Who is where. ---
  // Indexed by CpuId, in the operating system's order; every CPU that is present. Cores, domains,
  // packages and nodes are numbered densely from 0 in order of their first CPU;
  // nodes as the operating system does, and some may have no CPU.
  std::vector<CpuPlace> cpus;
  int core_count = 0;
  int domain_count = 0;
  int package_count = 0;
  // CPUs that could ever be plugged in, the kernel's nr_cpu_ids: at least cpus.size(). What is
  // allocated "for every possible CPU" is allocated for so many. A CPU beyond cpus.size() has no
  // place and counts as on node 0.
  int possible_cpus = 0;

  int cpu_count() const { return static_cast<int>(cpus.size()); }
  int node_count() const { return static_cast<int>(memory.size()); }

  // --- Caches: L1 and L2 per core, LLC per domain. L1 is always present. ---
  CacheGeometry l1;
  CacheGeometry l2;
  CacheGeometry llc;

  // --- Latencies, in cycles. A touch costs exactly one of these (load to use). ---
  Cycles l1_hit_cycles = 0;
  Cycles l2_hit_cycles = 0;
  Cycles llc_hit_cycles = 0;
  // From another core's cache in the same domain. An upgrade (shared to modified) that has to
  // invalidate elsewhere costs as a transfer from the farthest holder.
  Cycles transfer_domain_cycles = 0;
  // From a cache in another domain: [own node][owner's node]. The diagonal is another domain of the
  // same node.
  std::vector<std::vector<Cycles>> transfer_cycles;
  // From memory: [own node][home node of the line].
  std::vector<std::vector<Cycles>> dram_cycles;
  // How many sequential line misses of one range touch overlap: a range of n missing lines costs
  // as ceil(n / range_overlap) of them one after another. At least 1.
  int range_overlap = 1;

  // --- Costs of instructions and interrupts, in cycles. ---
  Cycles atomic_cycles = 0;         // a locked read-modify-write, on top of the line's cost
  Cycles local_cmpxchg_cycles = 0;  // an unlocked cmpxchg16b (this_cpu_cmpxchg_double), likewise
  Cycles ipi_cycles = 0;            // from send to the target's interrupt entry
  Cycles irq_entry_cycles = 0;
  Cycles irq_exit_cycles = 0;
  int64_t timer_hz = 0;          // ticks per second and CPU; 0: no tick
  Cycles timer_tick_cycles = 0;  // work of one tick, between entry and exit

  // --- NUMA. ---
  std::vector<NodeMemory> memory;  // indexed by NodeId
  ZoneLimits zone_limits;          // by which `memory` is cut into zones
  // The SLIT: 10 on the diagonal, at least 10 elsewhere; symmetric.
  std::vector<std::vector<int>> distance;
  // Fallback order home, home+1, ... modulo nodes, instead of Linux's by distance.
  bool fallback_ring = false;
  // The lists themselves, by node, as NodeFallbackOrder answers them; empty: by a rule.
  std::vector<std::vector<NodeId>> fallback;

  Cycles CyclesPerTick() const {
    return static_cast<Cycles>(clock_mhz) * 1'000'000 / static_cast<Cycles>(timer_hz);
  }
  friend bool operator==(const MachineConfig&, const MachineConfig&) = default;
};

// For each node, the nodes that its allocations fall back to, itself first, each node with memory
// once. Memoryless nodes are in no list: the first entry of their own is the kernel's numa_mem.
//
// Linux 6.1, mm/page_alloc.c, build_zonelists and find_next_best_node: by distance; among equals
// first the nodes behind the home node, a node without CPUs before one with, and the one that has
// least often been the first of its distance group for the nodes before.
std::vector<std::vector<NodeId>> NodeFallbackOrder(const MachineConfig& config);

// The machines that the reference runs of real kernels were recorded on: CPU c is on node
// c / cpus_per_node, a core of its own; fallback goes round the ring; no tick. A sixteenth of the
// memory is reserved (theirs: 28 of 512 MiB on the boot node), or what boot needs if that is more.
struct ReferenceMachineOptions {
  int cpus = 1;
  int nodes = 1;
  int cpus_per_node = 1;
  uint64_t mib_per_node = 512;
  // Where nodes differ: all four, or none.
  std::vector<NodeId> node_of_cpu = {};
  std::vector<uint64_t> mib = {};  // by node; 0: no memory
  std::vector<std::vector<int>> distance = {};
  std::vector<std::vector<NodeId>> fallback = {};

  bool has_own_nodes() const { return !node_of_cpu.empty(); }
  NodeId NodeOf(int cpu) const {
    return has_own_nodes() ? node_of_cpu[static_cast<size_t>(cpu)] : NodeId(cpu / cpus_per_node);
  }
  uint64_t MibOf(int node) const {
    return has_own_nodes() ? mib[static_cast<size_t>(node)] : mib_per_node;
  }
};
// REQUIRES: options within kMaxCpus and kMaxNodes, some memory; unless nodes differ, every node
// given a CPU; if they do, lists and matrices of their sizes, and a fallback for every node.
MachineConfig ReferenceMachine(const ReferenceMachineOptions& options);

}  // namespace slablab

#endif  // SLABLAB_SIM_MACHINE_MACHINE_CONFIG_H_
