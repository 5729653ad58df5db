// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TRACES_SIDECAR_SIDECAR_H_
#define SLABLAB_TRACES_SIDECAR_SIDECAR_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/types.h"

// What the kernel says of its allocators beside the events: /proc/slabinfo, /sys/kernel/slab,
// percpu_stats, zoneinfo and the CPUs of each node, as typed values. Parsers take a file's whole
// text (ReadWholeFile) and the name to use in messages; what they do not understand is
// InvalidArgument with file and line.

namespace slablab {

// A number as /sys/kernel/slab prints it: "12 C0=5 C3=7" or "12 N0=12". Shares that it leaves out
// are 0, so the vectors are as long as the highest CPU or node it names.
struct SysfsCount {
  int64_t total = 0;
  std::vector<int64_t> per_cpu;   // by CPU; empty if the file names none
  std::vector<int64_t> per_node;  // by node; empty if the file names none

  friend bool operator==(const SysfsCount&, const SysfsCount&) = default;
};

// One folder of /sys/kernel/slab: a cache.
struct CacheSysfs {
  // Every number by its file's name, the SLUB_STATS counters among them. slabs_cpu_partial is
  // "objects(slabs)": its slabs are here as "slabs_cpu_partial.slabs".
  std::map<std::string, SysfsCount, std::less<>> counts;
  std::string ctor;  // "init_once+0x0/0x10", empty without

  // The total of that name, `fallback` if there is none.
  int64_t Total(std::string_view name, int64_t fallback = 0) const;
  const SysfsCount* Find(std::string_view name) const;
  bool Flag(std::string_view name) const { return Total(name) != 0; }

  friend bool operator==(const CacheSysfs&, const CacheSysfs&) = default;
};

struct SlabSysfs {
  std::map<std::string, CacheSysfs, std::less<>> caches;
  // Names that are links to merged caches: "PING" -> ":A-0001024".
  std::map<std::string, std::string, std::less<>> aliases;

  // The cache of that name, through its alias if it is one; nullptr if unknown.
  const CacheSysfs* Find(std::string_view name) const;
};

// "…/CACHE/FILE:VALUE" lines (what `grep -r . /sys/kernel/slab` prints), and "NAME -> CACHE" lines
// for links.
absl::StatusOr<SlabSysfs> ParseSlabSysfs(std::string_view text, const std::string& path);

// The same text, made from /sys/kernel/slab itself or a copy of that tree. Files that cannot be
// read are left out, as some of the kernel's can only be written.
absl::StatusOr<std::string> SlabSysfsTextOfTree(const std::string& folder);

struct SlabinfoCache {
  std::string name;
  uint64_t active_objects = 0;
  uint64_t objects = 0;
  uint64_t object_bytes = 0;  // with metadata and padding, as the kernel prints it
  uint64_t objects_per_slab = 0;
  uint64_t pages_per_slab = 0;
  uint64_t limit = 0;
  uint64_t batchcount = 0;
  uint64_t shared_factor = 0;
  uint64_t active_slabs = 0;
  uint64_t slabs = 0;
  uint64_t shared_available = 0;
  // "globalstat" and "cpustat" of a SLAB kernel with statistics, in the order of the file's header
  // (listallocs maxobjs grown reaped error maxfreeable nodeallocs remotefrees alienoverflow;
  // allochit allocmiss freehit freemiss); empty without.
  std::vector<uint64_t> global_statistics;
  std::vector<uint64_t> cpu_statistics;

  friend bool operator==(const SlabinfoCache&, const SlabinfoCache&) = default;
};

struct Slabinfo {
  bool has_statistics = false;
  std::vector<SlabinfoCache> caches;  // in the order of the file

  const SlabinfoCache* Find(std::string_view name) const;
};

// /proc/slabinfo, version 2.1.
absl::StatusOr<Slabinfo> ParseSlabinfo(std::string_view text, const std::string& path);

struct PercpuChunkStats {
  bool is_first = false;
  bool is_reserved = false;
  std::map<std::string, int64_t, std::less<>> values;
};

struct PercpuStats {
  std::map<std::string, int64_t, std::less<>> values;  // unit_size … empty_pop_pages
  std::vector<PercpuChunkStats> chunks;                // in the order of the file
};

// debugfs' percpu_stats.
absl::StatusOr<PercpuStats> ParsePercpuStats(std::string_view text, const std::string& path);

struct ZonePageset {
  int32_t cpu = 0;
  int64_t count = 0;
  int64_t high = 0;
  int64_t batch = 0;
};

struct ZoneInfo {
  int32_t node = 0;
  std::string name;                                    // "DMA32"
  std::map<std::string, int64_t, std::less<>> values;  // free min low high managed nr_… start_pfn
  std::vector<ZonePageset> pagesets;
};

// /proc/zoneinfo. The node's own figures ("per-node stats") stand in its first zone's values.
absl::StatusOr<std::vector<ZoneInfo>> ParseZoneinfo(std::string_view text, const std::string& path);

// Numbers of nodes are below: the kernel's largest MAX_NUMNODES. They may have gaps (0 and 8 on
// POWER9, 255 for a GPU's memory); traces/sidecar/recorded_topology.h ranks them.
inline constexpr int32_t kRecordedNodesMax = 1024;

// "node0 0-1,4" lines. A node without CPUs is one too.
struct NodesFile {
  std::vector<int32_t> nodes;        // ascending
  std::vector<int32_t> node_of_cpu;  // by CPU; -1 for a CPU that no line names
};
absl::StatusOr<NodesFile> ParseNodesFile(std::string_view text, const std::string& path);
// Its CPUs alone.
absl::StatusOr<std::vector<int32_t>> ParseNodes(std::string_view text, const std::string& path);

// What tracefs has in per_cpu/cpu0/stats, cpu1/stats, ... one after another: events lost by CPU. A
// line that names its file, as of grep, head or tail, is that CPU's; else they come in that order,
// and a CPU begins where a name comes again. InvalidArgument too if there is no count.
absl::StatusOr<std::map<int32_t, uint64_t>> ParseRingStats(std::string_view text,
                                                           const std::string& path);

// The same text, made from a copy of per_cpu.
absl::StatusOr<std::string> RingStatsTextOfTree(const std::string& folder);

// The events that a recorder counted as lost, by CPU, from "cpu0 849163" lines.
absl::StatusOr<std::map<int32_t, uint64_t>> ParseLostEvents(std::string_view text,
                                                            const std::string& path);

}  // namespace slablab

#endif  // SLABLAB_TRACES_SIDECAR_SIDECAR_H_
