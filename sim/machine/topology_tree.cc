// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sim/machine/topology_tree.h"

#include <hwloc.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "base/types.h"
#include "fmt/format.h"

namespace slablab {
namespace {

// Turns hwloc's tree into a Topology.
class TreeReader {
 public:
  TreeReader(hwloc_topology_t topology, Silence silence) : topology_(topology), silence_(silence) {}

  absl::StatusOr<Topology> Read() {
    if (absl::Status status = CollectCpus(); !status.ok()) return status;
    if (absl::Status status = CollectNodes(); !status.ok()) return status;
    if (absl::Status status = PlaceCpus(); !status.ok()) return status;
    if (absl::Status status = ReadCaches(); !status.ok()) return status;
    ReadMemory();
    ReadDistances();
    result_.clock = ReadClock(topology_);
    return std::move(result_);
  }

 private:
  // The objects above a CPU. Null where the tree has none.
  struct Ancestors {
    hwloc_obj_t core = nullptr;
    hwloc_obj_t l1 = nullptr;
    hwloc_obj_t l2 = nullptr;
    hwloc_obj_t l3 = nullptr;
    hwloc_obj_t package = nullptr;
    hwloc_obj_t node = nullptr;
    hwloc_obj_t beyond_l3 = nullptr;  // an L4 or L5
    uint64_t memory_side = 0;         // bytes of a memory-side cache
  };
  using Level = hwloc_obj_t Ancestors::*;

  absl::Status CollectCpus();
  absl::Status CollectNodes();
  absl::Status PlaceCpus();
  absl::Status ReadCaches();
  void NoteLeftOut();
  void ReadMemory();
  void ReadDistances();

  static Ancestors AncestorsOf(hwloc_obj_t pu, Silence silence);
  // The cache of one level, as all CPUs see it. `sharers` names what the simulator has one each
  // for.
  absl::StatusOr<std::optional<CacheFacts>> ReadLevel(Level level, std::string_view name,
                                                      int CpuSharer(const CpuPlace&));
  // The nearest that can be simulated, and a note if it is another.
  CacheFacts Simulated(hwloc_obj_t cache, std::string_view name, uint64_t parts);
  // The largest number of distinct sharers that an object of the level has.
  int SharersOf(Level level, int CpuSharer(const CpuPlace&)) const;
  bool Has(Level level) const {
    return std::any_of(above_.begin(), above_.end(),
                       [level](const Ancestors& above) { return above.*level != nullptr; });
  }

  hwloc_topology_t topology_;
  Silence silence_;
  std::vector<hwloc_obj_t> pus_;    // by OS index
  std::vector<Ancestors> above_;    // likewise
  std::vector<hwloc_obj_t> nodes_;  // by NodeId
  bool l2_is_llc_ = false;
  Topology result_;
};

// Beyond this, cores' caches are not made; the gigabytes of Knights Landing's MCDRAM are found as
// an L3 by hwloc, which marks them in a subtype that not all of its versions write.
constexpr uint64_t kMostCacheBytes = (uint64_t{1} << 30) - 1;
constexpr int kMostWays = 1024;

// Whoever describes a machine in a line, which has no such subtype, means the L3 that he says.
bool IsMemorySide(hwloc_obj_t object, Silence silence) {
  if (object->type != HWLOC_OBJ_L3CACHE) return false;
  const bool marked =
      object->subtype != nullptr &&
      std::string_view(object->subtype).find("MemorySide") != std::string_view::npos;
  return marked || (silence == Silence::kMeansAbsent && object->attr->cache.size > kMostCacheBytes);
}

int CoreOf(const CpuPlace& place) { return place.core.value(); }
int NodeOf(const CpuPlace& place) { return place.node.value(); }

// Numbers keys from 0 in order of first sight.
class Numbering {
 public:
  using Key = std::array<int64_t, 3>;
  int Of(const Key& key) {
    return numbers_.try_emplace(key, static_cast<int>(numbers_.size())).first->second;
  }

 private:
  std::map<Key, int> numbers_;
};

int64_t KeyOf(hwloc_obj_t object) { return object == nullptr ? -1 : object->logical_index; }

absl::Status TreeReader::CollectCpus() {
  const int count = hwloc_get_nbobjs_by_type(topology_, HWLOC_OBJ_PU);
  if (count <= 0) return absl::InvalidArgumentError("the topology has no CPU");
  if (count > kMaxCpus) {
    return absl::InvalidArgumentError(
        fmt::format("the topology has {} CPUs; at most {} can be simulated", count, kMaxCpus));
  }
  for (int i = 0; i < count; ++i) {
    pus_.push_back(hwloc_get_obj_by_type(topology_, HWLOC_OBJ_PU, static_cast<unsigned>(i)));
  }
  std::stable_sort(pus_.begin(), pus_.end(),
                   [](hwloc_obj_t a, hwloc_obj_t b) { return a->os_index < b->os_index; });
  for (size_t cpu = 0; cpu < pus_.size(); ++cpu) {
    if (cpu > 0 && pus_[cpu]->os_index == pus_[cpu - 1]->os_index) {
      return absl::InvalidArgumentError(
          fmt::format("two CPUs have the number {}", pus_[cpu]->os_index));
    }
    result_.cpu_numbers.push_back(static_cast<int32_t>(pus_[cpu]->os_index));
  }
  // Offline ones have no object, and what is allocated for every possible CPU is for them too.
  const int complete = hwloc_bitmap_weight(hwloc_topology_get_complete_cpuset(topology_));
  result_.possible_cpus = std::min(std::max(count, complete), kMaxCpus);
  return absl::OkStatus();
}

absl::Status TreeReader::CollectNodes() {
  hwloc_obj_t node = nullptr;
  while ((node = hwloc_get_next_obj_by_type(topology_, HWLOC_OBJ_NUMANODE, node)) != nullptr) {
    nodes_.push_back(node);
  }
  if (nodes_.size() > static_cast<size_t>(kMaxNodes)) {
    return absl::InvalidArgumentError(fmt::format(
        "the topology has {} NUMA nodes; at most {} can be simulated", nodes_.size(), kMaxNodes));
  }
  std::stable_sort(nodes_.begin(), nodes_.end(),
                   [](hwloc_obj_t a, hwloc_obj_t b) { return a->os_index < b->os_index; });
  result_.node_count = static_cast<int>(nodes_.size());
  for (const hwloc_obj_t numa : nodes_) {
    result_.node_numbers.push_back(static_cast<int32_t>(numa->os_index));
  }
  return absl::OkStatus();
}

TreeReader::Ancestors TreeReader::AncestorsOf(hwloc_obj_t pu, Silence silence) {
  Ancestors above;
  for (hwloc_obj_t object = pu; object != nullptr; object = object->parent) {
    hwloc_obj_t* slot = nullptr;
    if (object->type == HWLOC_OBJ_CORE) slot = &above.core;
    if (object->type == HWLOC_OBJ_L1CACHE) slot = &above.l1;
    if (object->type == HWLOC_OBJ_L2CACHE) slot = &above.l2;
    if (object->type == HWLOC_OBJ_L3CACHE && !IsMemorySide(object, silence)) slot = &above.l3;
    if (object->type == HWLOC_OBJ_PACKAGE) slot = &above.package;
    if (object->type == HWLOC_OBJ_L4CACHE || object->type == HWLOC_OBJ_L5CACHE) {
      slot = &above.beyond_l3;
    }
    if (slot != nullptr && *slot == nullptr) *slot = object;
    if (IsMemorySide(object, silence)) above.memory_side = object->attr->cache.size;
    if (above.node == nullptr && object->memory_arity > 0) {
      // Memory-side caches may stand in between.
      above.node = object->memory_first_child;
      while (above.node != nullptr && above.node->type != HWLOC_OBJ_NUMANODE) {
        if (above.node->type == HWLOC_OBJ_MEMCACHE) {
          above.memory_side = above.node->attr->cache.size;
        }
        above.node = above.node->memory_first_child;
      }
    }
  }
  return above;
}

absl::Status TreeReader::PlaceCpus() {
  Numbering cores;
  Numbering packages;
  for (size_t cpu = 0; cpu < pus_.size(); ++cpu) {
    const Ancestors above = AncestorsOf(pus_[cpu], silence_);
    if (above.node == nullptr) {
      return absl::InvalidArgumentError(fmt::format("CPU {} is on no NUMA node", cpu));
    }
    const auto node = std::find(nodes_.begin(), nodes_.end(), above.node);
    CpuPlace place;
    place.node = NodeId(static_cast<int32_t>(node - nodes_.begin()));
    // Nodes without packages above them are not one package.
    const bool packaged = above.package != nullptr;
    place.package = packages.Of({packaged, packaged ? KeyOf(above.package) : place.node.value()});
    if (above.core != nullptr) {
      place.core = CoreId(cores.Of({0, KeyOf(above.core)}));
    } else if (above.l1 != nullptr) {
      place.core = CoreId(cores.Of({1, KeyOf(above.l1)}));
    } else {
      place.core = CoreId(cores.Of({2, static_cast<int64_t>(cpu)}));
    }
    above_.push_back(above);
    result_.cpus.push_back(place);
  }
  l2_is_llc_ = !Has(&Ancestors::l3) && SharersOf(&Ancestors::l2, CoreOf) > 1;
  Numbering domains;
  for (size_t cpu = 0; cpu < pus_.size(); ++cpu) {
    CpuPlace& place = result_.cpus[cpu];
    const Ancestors& above = above_[cpu];
    const hwloc_obj_t llc = l2_is_llc_ ? above.l2 : above.l3;
    // Without an LLC the CPUs of a package stand in for its sharers.
    const int64_t sharer = llc != nullptr ? KeyOf(llc) : place.package;
    place.domain = DomainId(domains.Of({llc != nullptr, sharer, place.node.value()}));
  }
  return absl::OkStatus();
}

int TreeReader::SharersOf(Level level, int CpuSharer(const CpuPlace&)) const {
  std::map<int64_t, std::set<int>> sharers;
  size_t most = 0;
  for (size_t cpu = 0; cpu < above_.size(); ++cpu) {
    const hwloc_obj_t cache = above_[cpu].*level;
    if (cache == nullptr) continue;
    std::set<int>& set = sharers[KeyOf(cache)];
    set.insert(CpuSharer(result_.cpus[cpu]));
    most = std::max(most, set.size());
  }
  return static_cast<int>(most);
}

absl::StatusOr<std::optional<CacheFacts>> TreeReader::ReadLevel(Level level, std::string_view name,
                                                                int CpuSharer(const CpuPlace&)) {
  for (size_t cpu = 0; cpu < above_.size(); ++cpu) {
    const hwloc_obj_t cache = above_[cpu].*level;
    const hwloc_obj_t first = above_[0].*level;
    const uint64_t size = cache == nullptr ? 0 : cache->attr->cache.size;
    const uint64_t first_size = first == nullptr ? 0 : first->attr->cache.size;
    if (size != first_size) {
      return absl::InvalidArgumentError(
          fmt::format("the {} of CPU {} has {} bytes and that of CPU 0 has {}; the simulator's "
                      "cores are all alike",
                      name, cpu, size, first_size));
    }
  }
  const hwloc_obj_t cache = above_[0].*level;
  if (cache == nullptr || cache->attr->cache.size == 0) return std::nullopt;
  return Simulated(cache, name, static_cast<uint64_t>(SharersOf(level, CpuSharer)));
}

CacheFacts TreeReader::Simulated(hwloc_obj_t cache, std::string_view name, uint64_t parts) {
  const hwloc_obj_attr_u::hwloc_cache_attr_s& said = cache->attr->cache;
  const uint64_t size = said.size / parts;
  CacheFacts facts = {.size_bytes = size, .ways = std::max(0, said.associativity)};
  const uint64_t lines = std::max<uint64_t>(size / kLineSize, 1);
  // hwloc's -1: any line anywhere.
  if (said.associativity < 0) facts.ways = static_cast<int>(std::min<uint64_t>(lines, kMostWays));
  facts.ways = static_cast<int>(std::min<uint64_t>(static_cast<uint64_t>(facts.ways), lines));
  facts.ways = std::min(facts.ways, kMostWays);
  if (facts.ways > 0) {
    const auto ways = static_cast<uint64_t>(facts.ways);
    facts.size_bytes = lines / ways * ways * kLineSize;
  } else if (parts > 1) {
    facts.size_bytes = lines * kLineSize;
  }
  const bool other_lines = said.linesize != 0 && said.linesize != kLineSize;
  if (other_lines) {
    result_.cache_notes.push_back(
        fmt::format("{} lines of {} bytes taken as {}", name, said.linesize, kLineSize));
  }
  if (facts.size_bytes != size) {
    result_.cache_notes.push_back(
        fmt::format("{} of {} bytes taken as {}", name, size, facts.size_bytes));
  }
  return facts;
}

absl::Status TreeReader::ReadCaches() {
  absl::StatusOr<std::optional<CacheFacts>> l1 = ReadLevel(&Ancestors::l1, "L1", CoreOf);
  if (!l1.ok()) return l1.status();
  absl::StatusOr<std::optional<CacheFacts>> l2 =
      ReadLevel(&Ancestors::l2, "L2", l2_is_llc_ ? NodeOf : CoreOf);
  if (!l2.ok()) return l2.status();
  absl::StatusOr<std::optional<CacheFacts>> l3 = ReadLevel(&Ancestors::l3, "L3", NodeOf);
  if (!l3.ok()) return l3.status();
  NoteLeftOut();
  result_.l1 = *l1;
  result_.l2 = l2_is_llc_ ? CacheFacts{} : *l2;
  result_.llc = l2_is_llc_ ? *l2 : *l3;
  const bool shows_caches = l1->has_value() || l2->has_value() || l3->has_value();
  if (silence_ == Silence::kMeansAbsent && shows_caches) {
    if (!result_.l2.has_value()) result_.l2 = CacheFacts{};
    if (!result_.llc.has_value()) result_.llc = CacheFacts{};
  }
  return absl::OkStatus();
}

// The first of each kind that no simulated machine has.
void TreeReader::NoteLeftOut() {
  const auto has_l4 = [](const Ancestors& above) { return above.beyond_l3 != nullptr; };
  const auto l4 = std::find_if(above_.begin(), above_.end(), has_l4);
  if (l4 != above_.end()) {
    const hwloc_obj_t cache = l4->beyond_l3;
    result_.cache_notes.push_back(fmt::format("L{} of {} MiB left out", cache->attr->cache.depth,
                                              cache->attr->cache.size >> 20));
  }
  const auto has_memory_side = [](const Ancestors& above) { return above.memory_side > 0; };
  const auto memory_side = std::find_if(above_.begin(), above_.end(), has_memory_side);
  if (memory_side != above_.end()) {
    result_.cache_notes.push_back(
        fmt::format("memory-side cache of {} MiB left out", memory_side->memory_side >> 20));
  }
}

void TreeReader::ReadMemory() {
  bool known = false;
  for (const hwloc_obj_t node : nodes_) {
    const uint64_t bytes = node->attr->numanode.local_memory;
    known = known || bytes != 0;
    result_.node_bytes.push_back(bytes & ~(kPageSize - 1));
  }
  if (!known) result_.node_bytes.clear();
}

void TreeReader::ReadDistances() {
  constexpr unsigned long kSlit = HWLOC_DISTANCES_KIND_FROM_OS | HWLOC_DISTANCES_KIND_MEANS_LATENCY;
  hwloc_distances_s* slit = nullptr;
  unsigned found = 1;
  if (hwloc_distances_get_by_type(topology_, HWLOC_OBJ_NUMANODE, &found, &slit, kSlit, 0) != 0 ||
      found == 0) {
    return;
  }
  const size_t count = nodes_.size();
  if (slit->nbobjs == count) {
    result_.distance.assign(count, std::vector<int>(count));
    std::vector<size_t> id(count);
    for (size_t i = 0; i < count; ++i) {
      id[i] = static_cast<size_t>(std::find(nodes_.begin(), nodes_.end(), slit->objs[i]) -
                                  nodes_.begin());
    }
    for (size_t i = 0; i < count; ++i) {
      for (size_t j = 0; j < count; ++j) {
        const uint64_t value = slit->values[i * count + j];
        result_.distance[id[i]][id[j]] =
            static_cast<int>(std::min<uint64_t>(value, std::numeric_limits<int>::max()));
      }
    }
  }
  hwloc_distances_release(topology_, slit);
}

}  // namespace

absl::StatusOr<Topology> ReadTree(hwloc_topology* topology, Silence silence) {
  return TreeReader(topology, silence).Read();
}

}  // namespace slablab
