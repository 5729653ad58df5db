// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sim/machine/machine_compiler.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "base/types.h"
#include "fmt/format.h"

namespace slablab {
namespace {

constexpr int kLocalDistance = 10;
constexpr int kFarthestDistance = 254;  // 255 is ACPI's "unreachable"
constexpr int64_t kMaxCycles = 10'000'000;
constexpr int64_t kMaxRemoteCycles = 1'000'000'000;
constexpr uint64_t kMaxMemoryBytes = uint64_t{64} << 40;  // x86-64's MAX_PHYSMEM_BITS of 46

// Collects the first error, so that a list of fields reads as a list.
class Compiler {
 public:
  Compiler(const MachineSpec& spec, const Topology& topology, const SpecOrigin& origin)
      : spec_(spec), topology_(topology), origin_(origin) {}

  absl::StatusOr<MachineConfig> Compile() {
    config_.name = spec_.name();
    PlaceCpus();
    if (status_.ok()) ReadScalars();
    if (status_.ok()) ReadCaches();
    if (status_.ok()) ReadDistances();
    if (status_.ok()) ReadNodeCosts();
    if (status_.ok()) ReadMemory();
    if (!status_.ok()) return status_;
    return std::move(config_);
  }

 private:
  struct Range {
    int64_t least = 0;
    int64_t most = kMaxCycles;
  };

  void Fail(std::string_view path, std::string_view message) {
    if (status_.ok()) status_ = origin_.Error(path, message);
  }
  // `value`, which must be in `range`.
  uint64_t Checked(std::string_view path, int64_t value, Range range) {
    if (value < range.least || value > range.most) {
      Fail(path,
           fmt::format("{} is {}; it must be {} to {}", path, value, range.least, range.most));
      return 0;
    }
    return static_cast<uint64_t>(value);
  }

  void PlaceCpus();
  void ReadScalars();
  void ReadCaches();
  CacheGeometry ReadCache(const std::string& name, const CacheGeometrySpec& cache);
  void ReadDistances();
  void CheckDistances();
  void ReadNodeCosts();
  void ReadMemory();
  // `entry`: of the node's own entry in memory.node; -1: it has none.
  const NodeMemorySpec& NodeEntry(int entry) const {
    return entry < 0 ? NodeMemorySpec::default_instance() : spec_.memory().node(entry);
  }
  uint64_t ReadNodeBytes(int node, int entry);
  uint64_t ReadReservedBytes(int node, int entry, uint64_t bytes, int possible_cpus);
  void ReadZoneLimits();

  const MachineSpec& spec_;
  const Topology& topology_;
  const SpecOrigin& origin_;
  absl::Status status_;
  MachineConfig config_;
};

// Numbers whatever numbers there are from 0 in order of first sight.
class Renumbering {
 public:
  int Of(int number) {
    return numbers_.try_emplace(number, static_cast<int>(numbers_.size())).first->second;
  }
  int count() const { return static_cast<int>(numbers_.size()); }

 private:
  std::map<int, int> numbers_;
};

void Compiler::PlaceCpus() {
  Renumbering cores;
  Renumbering domains;
  Renumbering packages;
  for (const CpuPlace& place : topology_.cpus) {
    config_.cpus.push_back({.core = CoreId(cores.Of(place.core.value())),
                            .domain = DomainId(domains.Of(place.domain.value())),
                            .package = packages.Of(place.package),
                            .node = place.node});
  }
  config_.core_count = cores.count();
  config_.domain_count = domains.count();
  config_.package_count = packages.count();
  std::vector<size_t> first_of_core(config_.cpus.size(), config_.cpus.size());
  std::vector<size_t> first_of_domain(config_.cpus.size(), config_.cpus.size());
  for (size_t cpu = 0; cpu < config_.cpus.size(); ++cpu) {
    const CpuPlace& place = config_.cpus[cpu];
    size_t& core_mate = first_of_core[place.core.index()];
    size_t& domain_mate = first_of_domain[place.domain.index()];
    core_mate = std::min(core_mate, cpu);
    domain_mate = std::min(domain_mate, cpu);
    if (config_.cpus[core_mate].domain != place.domain) {
      Fail("cpus",
           fmt::format("CPUs {} and {} share a core but not a cache domain", core_mate, cpu));
    }
    const CpuPlace& mate = config_.cpus[domain_mate];
    if (mate.node != place.node || mate.package != place.package) {
      Fail("cpus", fmt::format("CPUs {} and {} share a cache domain but not a package and a node",
                               domain_mate, cpu));
    }
  }
}

void Compiler::ReadScalars() {
  const int64_t cpus = config_.cpu_count();
  if (spec_.has_possible_cpus() && spec_.possible_cpus() < cpus) {
    Fail("possible_cpus",
         fmt::format("possible_cpus is {}, but {} CPUs are present", spec_.possible_cpus(), cpus));
  }
  const int64_t possible = spec_.has_possible_cpus() ? spec_.possible_cpus() : cpus;
  config_.possible_cpus = static_cast<int>(Checked("possible_cpus", possible, {1, kMaxCpus}));
  config_.clock_mhz = static_cast<int64_t>(Checked("clock_mhz", spec_.clock_mhz(), {1, 100'000}));
  config_.l1_hit_cycles = Checked("l1_hit_cycles", spec_.l1_hit_cycles(), {.least = 1});
  config_.l2_hit_cycles = Checked("l2_hit_cycles", spec_.l2_hit_cycles(), {});
  config_.llc_hit_cycles = Checked("llc_hit_cycles", spec_.llc_hit_cycles(), {});
  config_.transfer_domain_cycles =
      Checked("transfer_domain_cycles", spec_.transfer_domain_cycles(), {.least = 1});
  config_.range_overlap =
      static_cast<int>(Checked("range_overlap", spec_.range_overlap(), {1, 64}));
  config_.atomic_cycles = Checked("atomic_cycles", spec_.atomic_cycles(), {});
  config_.local_cmpxchg_cycles = Checked("local_cmpxchg_cycles", spec_.local_cmpxchg_cycles(), {});
  config_.ipi_cycles = Checked("ipi_cycles", spec_.ipi_cycles(), {});
  config_.irq_entry_cycles = Checked("irq_entry_cycles", spec_.irq_entry_cycles(), {});
  config_.irq_exit_cycles = Checked("irq_exit_cycles", spec_.irq_exit_cycles(), {});
  config_.timer_hz = static_cast<int64_t>(Checked("timer_hz", spec_.timer_hz(), {0, 10'000}));
  config_.timer_tick_cycles = Checked("timer_tick_cycles", spec_.timer_tick_cycles(), {});
  config_.fallback_ring = spec_.fallback() == MachineSpec::FALLBACK_RING;
  if (!MachineSpec::Fallback_IsValid(spec_.fallback())) {
    Fail("fallback", fmt::format("fallback is {}, which is none of its values",
                                 static_cast<int>(spec_.fallback())));
  }
}

CacheGeometry Compiler::ReadCache(const std::string& name, const CacheGeometrySpec& cache) {
  if (cache.size_bytes() == 0) return {};
  const std::string size_path = name + ".size_bytes";
  const uint64_t size = Checked(size_path, cache.size_bytes(), {1, int64_t{1} << 40});
  const uint64_t ways = Checked(name + ".ways", cache.ways(), {1, 1024});
  if (!status_.ok()) return {};
  if (size % (ways * kLineSize) != 0) {
    Fail(cache.has_size_bytes() ? size_path : name,
         fmt::format("{} is {} bytes, which is not a multiple of {} ways of {}-byte lines ({}); "
                     "say {} {{ size_bytes: ... ways: ... }}, and in a synthetic topology write "
                     "MiB (MB are millions of bytes)",
                     name, size, ways, kLineSize, ways * kLineSize, name));
  }
  return {.size_bytes = size, .ways = static_cast<int>(ways)};
}

void Compiler::ReadCaches() {
  config_.l1 = ReadCache("l1", spec_.l1());
  config_.l2 = ReadCache("l2", spec_.l2());
  config_.llc = ReadCache("llc", spec_.llc());
  if (!config_.l1.present()) Fail("l1", "l1.size_bytes is 0; every core has an L1");
}

void Compiler::ReadDistances() {
  const int count = topology_.node_count;
  if (spec_.distance_size() > 0) {
    if (spec_.distance_size() != count) {
      Fail(fmt::format("distance[{}]", spec_.distance_size() - 1),
           fmt::format("distance has {} rows, but there are {} nodes", spec_.distance_size(),
                       count));
      return;
    }
    for (int from = 0; from < count; ++from) {
      const DistanceRow& row = spec_.distance(from);
      if (row.to_size() != count) {
        Fail(fmt::format("distance[{}]", from),
             fmt::format("row {} of distance has {} entries, but there are {} nodes", from,
                         row.to_size(), count));
        return;
      }
      config_.distance.emplace_back(row.to().begin(), row.to().end());
    }
  } else {
    const Range range = {kLocalDistance, kFarthestDistance};
    const int package =
        static_cast<int>(Checked("package_distance", spec_.package_distance(), range));
    const int remote = static_cast<int>(Checked("remote_distance", spec_.remote_distance(), range));
    // A node without CPUs is in no package that we know of.
    std::vector<int> package_of(static_cast<size_t>(count), -1);
    for (const CpuPlace& place : config_.cpus) package_of[place.node.index()] = place.package;
    config_.distance.assign(package_of.size(), std::vector<int>(package_of.size(), remote));
    for (size_t from = 0; from < package_of.size(); ++from) {
      for (size_t to = 0; to < package_of.size(); ++to) {
        const bool together = package_of[from] >= 0 && package_of[from] == package_of[to];
        if (together) config_.distance[from][to] = package;
        if (from == to) config_.distance[from][to] = kLocalDistance;
      }
    }
  }
  CheckDistances();
}

// As Linux 6.1 does before it trusts a SLIT (drivers/acpi/numa/srat.c, slit_valid), and symmetry.
void Compiler::CheckDistances() {
  const size_t count = config_.distance.size();
  for (size_t from = 0; from < count; ++from) {
    for (size_t to = 0; to < count; ++to) {
      const int distance = config_.distance[from][to];
      const std::string path = fmt::format("distance[{}].to[{}]", from, to);
      if (from == to && distance != kLocalDistance) {
        Fail(path, fmt::format("the distance of node {} to itself is {}; it must be {}", from,
                               distance, kLocalDistance));
      }
      if (distance < kLocalDistance || distance > kFarthestDistance) {
        Fail(path, fmt::format("the distance from node {} to node {} is {}; it must be {} to {}",
                               from, to, distance, kLocalDistance, kFarthestDistance));
      }
      if (distance != config_.distance[to][from]) {
        Fail(path, fmt::format("the distance from node {} to node {} is {}, but {} the other way",
                               from, to, distance, config_.distance[to][from]));
      }
    }
  }
}

void Compiler::ReadNodeCosts() {
  const uint64_t dram_local = Checked("dram_local_cycles", spec_.dram_local_cycles(), {.least = 1});
  const uint64_t transfer_node =
      Checked("transfer_node_cycles", spec_.transfer_node_cycles(), {.least = 1});
  std::map<int, const RemoteSpec*> remote_at;
  for (int i = 0; i < spec_.remote_size(); ++i) {
    const RemoteSpec& remote = spec_.remote(i);
    const std::string path = fmt::format("remote[{}]", i);
    Checked(path + ".distance", remote.distance(), {kLocalDistance, kFarthestDistance});
    if (remote.has_dram_cycles()) {
      Checked(path + ".dram_cycles", remote.dram_cycles(), {1, kMaxRemoteCycles});
    }
    if (remote.has_transfer_cycles()) {
      Checked(path + ".transfer_cycles", remote.transfer_cycles(), {1, kMaxRemoteCycles});
    }
    remote_at[remote.distance()] = &remote;
  }
  const size_t count = config_.distance.size();
  config_.dram_cycles.assign(count, std::vector<Cycles>(count, dram_local));
  config_.transfer_cycles.assign(count, std::vector<Cycles>(count, transfer_node));
  for (size_t from = 0; from < count; ++from) {
    for (size_t to = 0; to < count; ++to) {
      if (from == to) continue;
      const int distance = config_.distance[from][to];
      const auto entry = remote_at.find(distance);
      const RemoteSpec& remote =
          entry == remote_at.end() ? RemoteSpec::default_instance() : *entry->second;
      const auto scaled = [distance](uint64_t local) {
        return local * static_cast<uint64_t>(distance) / kLocalDistance;
      };
      config_.dram_cycles[from][to] =
          remote.has_dram_cycles() ? static_cast<Cycles>(remote.dram_cycles()) : scaled(dram_local);
      config_.transfer_cycles[from][to] = remote.has_transfer_cycles()
                                              ? static_cast<Cycles>(remote.transfer_cycles())
                                              : scaled(transfer_node);
    }
  }
}

uint64_t Compiler::ReadNodeBytes(int node, int entry) {
  const NodeMemorySpec& own = NodeEntry(entry);
  const std::string path =
      own.has_bytes() ? fmt::format("memory.node[{}].bytes", entry) : "memory.bytes_per_node";
  const int64_t bytes = own.has_bytes() ? own.bytes() : spec_.memory().bytes_per_node();
  const int64_t most = static_cast<int64_t>(kMaxMemoryBytes);
  if (bytes < 0 || bytes > most || bytes % static_cast<int64_t>(kPageSize) != 0) {
    Fail(path, fmt::format("node {} has {} bytes of memory; it must be a multiple of {}, 0 to {}",
                           node, bytes, kPageSize, most));
    return 0;
  }
  return static_cast<uint64_t>(bytes);
}

uint64_t Compiler::ReadReservedBytes(int node, int entry, uint64_t bytes, int possible_cpus) {
  const uint64_t least = bytes == 0 ? 0 : BootBytes(bytes, possible_cpus);
  if (least > bytes) {
    Fail(NodeEntry(entry).has_bytes() ? fmt::format("memory.node[{}].bytes", entry)
                                      : "memory.bytes_per_node",
         fmt::format("node {} has {} bytes of memory, but the kernel needs {} for itself there (64 "
                     "a page, 16 MiB, and 1 MiB for each of {} possible CPUs)",
                     node, bytes, least, possible_cpus));
    return 0;
  }
  if (!NodeEntry(entry).has_reserved_bytes()) return least;
  const int64_t reserved = NodeEntry(entry).reserved_bytes();
  if (reserved < static_cast<int64_t>(least) || reserved > static_cast<int64_t>(bytes) ||
      reserved % static_cast<int64_t>(kPageSize) != 0) {
    Fail(fmt::format("memory.node[{}].reserved_bytes", entry),
         fmt::format("{} of the {} bytes of node {} are reserved; it must be a multiple of {}, and "
                     "{} at least (64 a page, 16 MiB, and 1 MiB for each of {} possible CPUs)",
                     reserved, bytes, node, kPageSize, least, possible_cpus));
    return 0;
  }
  return static_cast<uint64_t>(reserved);
}

void Compiler::ReadZoneLimits() {
  const MemorySpec& memory = spec_.memory();
  const Range range = {0, static_cast<int64_t>(kMaxMemoryBytes)};
  config_.zone_limits = {
      .dma_end_bytes = Checked("memory.dma_end_bytes", memory.dma_end_bytes(), range),
      .dma32_end_bytes = Checked("memory.dma32_end_bytes", memory.dma32_end_bytes(), range)};
  const ZoneLimits& limits = config_.zone_limits;
  if (limits.dma_end_bytes % kPageSize != 0 || limits.dma32_end_bytes % kPageSize != 0) {
    Fail("memory", fmt::format("a zone ends in the middle of a page: dma_end_bytes {} and "
                               "dma32_end_bytes {} must be multiples of {}",
                               limits.dma_end_bytes, limits.dma32_end_bytes, kPageSize));
  }
}

void Compiler::ReadMemory() {
  const MemorySpec& memory = spec_.memory();
  std::map<int, int> entry_of;
  for (int i = 0; i < memory.node_size(); ++i) {
    const int node = memory.node(i).node();
    Checked(fmt::format("memory.node[{}].node", i), node, {0, topology_.node_count - 1});
    entry_of[node] = i;
  }
  const auto entry_for = [&entry_of](int node) {
    const auto entry = entry_of.find(node);
    return entry == entry_of.end() ? -1 : entry->second;
  };
  std::vector<NodeSize> sizes;
  uint64_t total = 0;
  for (int node = 0; node < topology_.node_count; ++node) {
    sizes.push_back({.bytes = ReadNodeBytes(node, entry_for(node))});
    total += sizes.back().bytes;
  }
  if (total == 0) Fail("memory", "no node has any memory");
  if (total > kMaxMemoryBytes) {
    Fail("memory",
         fmt::format("the nodes have {} bytes of memory in all; at most {} can be simulated", total,
                     kMaxMemoryBytes));
  }
  ReadZoneLimits();
  if (!status_.ok()) return;
  config_.memory = PlaceMemory(sizes, config_.zone_limits);
  const std::vector<int> cpus = PossibleCpusServed(config_);
  uint64_t reserved = 0;
  for (int node = 0; node < topology_.node_count; ++node) {
    NodeSize& size = sizes[static_cast<size_t>(node)];
    size.reserved_bytes =
        ReadReservedBytes(node, entry_for(node), size.bytes, cpus[static_cast<size_t>(node)]);
    reserved += size.reserved_bytes;
  }
  if (reserved == total) Fail("memory", "no node has any memory that is not reserved");
  config_.memory = PlaceMemory(sizes, config_.zone_limits);
}

}  // namespace

std::vector<int> PossibleCpusServed(const MachineConfig& config) {
  std::vector<int> served(config.memory.size());
  const std::vector<std::vector<NodeId>> fallback = NodeFallbackOrder(config);
  for (int cpu = 0; cpu < config.possible_cpus; ++cpu) {
    const size_t index = static_cast<size_t>(cpu);
    const NodeId own = index < config.cpus.size() ? config.cpus[index].node : NodeId(0);
    ++served[fallback[own.index()].front().index()];
  }
  return served;
}

absl::StatusOr<MachineConfig> CompileMachine(const MachineSpec& spec, const Topology& topology,
                                             const SpecOrigin& origin) {
  return Compiler(spec, topology, origin).Compile();
}

}  // namespace slablab
