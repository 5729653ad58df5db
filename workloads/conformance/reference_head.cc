// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/conformance/reference_head.h"

#include <algorithm>
#include <initializer_list>
#include <limits>
#include <numeric>
#include <optional>
#include <utility>

#include "workloads/conformance/reference_bounds.h"

namespace slablab {
namespace {

// The values of KEY=VALUE for each of `keys`, in any order in the line, each once.
absl::StatusOr<std::vector<std::string_view>> ValuesOf(
    ReferenceLine line, std::initializer_list<std::string_view> keys) {
  std::vector<std::string_view> values(keys.size());
  std::vector<bool> found(keys.size());
  while (!line.done()) {
    std::string_view pair = line.Word();
    const std::string_view name = TakeUntil(&pair, '=');
    const auto key = std::find(keys.begin(), keys.end(), name);
    const auto index = static_cast<size_t>(key - keys.begin());
    if (key == keys.end() || found[index] || pair.empty()) {
      return line.Bad(fmt::format("unexpected '{}={}'", name, pair));
    }
    found[index] = true;
    values[index] = pair;
  }
  for (size_t i = 0; i < found.size(); ++i) {
    if (!found[i]) return line.Bad(fmt::format("{} is missing", keys.begin()[i]));
  }
  return values;
}

std::optional<std::vector<uint64_t>> NumbersIn(std::string_view text) {
  std::vector<uint64_t> numbers;
  while (!text.empty()) {
    const std::optional<uint64_t> number = ParseNumber(TakeUntil(&text, ','));
    if (!number) return std::nullopt;
    numbers.push_back(*number);
  }
  return numbers;
}

// "N0=1,2 N1=3,4": numbers for every node, in order.
absl::StatusOr<std::vector<std::vector<uint64_t>>> NumbersByNode(ReferenceLine line, int nodes) {
  std::vector<std::vector<uint64_t>> by_node;
  while (!line.done()) {
    std::string_view pair = line.Word();
    const std::string_view name = TakeUntil(&pair, '=');
    const std::optional<std::vector<uint64_t>> numbers = NumbersIn(pair);
    if (name != fmt::format("N{}", by_node.size()) || !numbers || numbers->empty()) {
      return line.Bad(fmt::format("expected 'N{}=NUMBER,...'", by_node.size()));
    }
    by_node.push_back(*numbers);
  }
  if (by_node.size() != static_cast<size_t>(nodes)) {
    return line.Bad(fmt::format("expected numbers for {} nodes", nodes));
  }
  return by_node;
}

absl::Status CheckMemory(const ReferenceLine& line, const std::vector<uint64_t>& mib,
                         uint64_t least, bool may_lack) {
  const uint64_t most = kReferenceMibMax / mib.size();
  for (const uint64_t node : mib) {
    if (node == 0 && may_lack) continue;
    if (node < least || node > most) {
      return line.Bad(fmt::format("mib_per_node is not in {}..{}", least, most));
    }
  }
  if (std::all_of(mib.begin(), mib.end(), [](uint64_t m) { return m == 0; })) {
    return line.Bad("no node has memory");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ParseReferenceKernel(ReferenceLine line, ReferenceRun* run) {
  run->kernel = std::string(line.Word());
  run->design = std::string(line.rest());
  if (run->kernel.empty() || run->design.empty()) return line.Bad("expected 'kernel RELEASE NAME'");
  return absl::OkStatus();
}

absl::Status ParseReferenceMachine(ReferenceLine line, ReferenceRun* run) {
  const absl::StatusOr<std::vector<std::string_view>> texts =
      ValuesOf(line, {"cpus", "nodes", "cpus_per_node", "page_size", "cache_line", "mib_per_node"});
  if (!texts.ok()) return texts.status();
  std::vector<uint64_t> numbers;
  for (size_t i = 0; i + 1 < texts->size(); ++i) {
    const std::optional<uint64_t> number = ParseNumber((*texts)[i]);
    if (!number) return line.Bad(fmt::format("'{}' is not a number", (*texts)[i]));
    numbers.push_back(*number);
  }
  const std::optional<std::vector<uint64_t>> mib = NumbersIn(texts->back());
  if (!mib || mib->empty()) return line.Bad("mib_per_node is not a number");
  const uint64_t cpus = numbers[0], nodes = numbers[1], cpus_per_node = numbers[2];
  if (cpus < 1 || cpus > kMaxCpus) return line.Bad(fmt::format("cpus is not in 1..{}", kMaxCpus));
  if (nodes < 1 || nodes > kMaxNodes) {
    return line.Bad(fmt::format("nodes is not in 1..{}", kMaxNodes));
  }
  const bool by_node = mib->size() > 1 && run->format > 1;
  if (cpus_per_node < 1 || (!by_node && (cpus - 1) / cpus_per_node != nodes - 1) ||
      mib->size() != (by_node ? nodes : 1)) {
    return line.Bad("cpus, nodes, cpus_per_node and mib_per_node do not fit together");
  }
  if (numbers[3] != kPageSize || numbers[4] != kLineSize) {
    return line.Bad(
        fmt::format("only pages of {} and lines of {} bytes are simulated", kPageSize, kLineSize));
  }
  // The kernel's own structures must fit; a node without memory has them elsewhere.
  const uint64_t least = 16 + (by_node ? cpus : std::min(cpus_per_node, cpus));
  const std::vector<uint64_t> all = by_node ? *mib : std::vector<uint64_t>(nodes, mib->front());
  if (const absl::Status status = CheckMemory(line, all, least, by_node); !status.ok()) {
    return status;
  }
  run->machine = {.cpus = static_cast<int>(cpus),
                  .nodes = static_cast<int>(nodes),
                  .cpus_per_node = static_cast<int>(std::min<uint64_t>(cpus_per_node, kMaxCpus)),
                  .mib_per_node = *std::max_element(mib->begin(), mib->end())};
  if (by_node) run->machine.mib = *mib;
  return absl::OkStatus();
}

absl::Status ParseNodeOfCpu(ReferenceLine line, ReferenceRun* run) {
  run->machine.node_of_cpu.clear();
  while (!line.done()) {
    const std::optional<uint64_t> node = line.Number();
    if (!node || *node >= static_cast<uint64_t>(run->machine.nodes)) {
      return line.Bad("no such node");
    }
    run->machine.node_of_cpu.push_back(NodeId(static_cast<int32_t>(*node)));
  }
  if (run->machine.node_of_cpu.size() != static_cast<size_t>(run->machine.cpus)) {
    return line.Bad(fmt::format("expected the nodes of {} CPUs", run->machine.cpus));
  }
  return absl::OkStatus();
}

absl::Status ParseDistance(ReferenceLine line, ReferenceRun* run) {
  constexpr uint64_t kLocal = 10, kMost = 254;  // include/linux/topology.h; 255: unreachable
  const auto rows = NumbersByNode(line, run->machine.nodes);
  if (!rows.ok()) return rows.status();
  const size_t nodes = rows->size();
  run->machine.distance.assign(nodes, std::vector<int>(nodes));
  for (size_t from = 0; from < nodes; ++from) {
    if ((*rows)[from].size() != nodes) return line.Bad("a distance to each node is expected");
    for (size_t to = 0; to < nodes; ++to) {
      const uint64_t distance = (*rows)[from][to];
      if (distance < kLocal || distance > kMost || (from == to && distance != kLocal)) {
        return line.Bad("distances are 10 of a node to itself, and 10..254");
      }
      run->machine.distance[from][to] = static_cast<int>(distance);
    }
  }
  return absl::OkStatus();
}

absl::Status ParseFallback(ReferenceLine line, ReferenceRun* run) {
  const auto lists = NumbersByNode(line, run->machine.nodes);
  if (!lists.ok()) return lists.status();
  const std::vector<uint64_t>& mib = run->machine.mib;
  std::vector<uint64_t> with_memory;
  for (size_t node = 0; node < mib.size(); ++node) {
    if (mib[node] > 0) with_memory.push_back(node);
  }
  run->machine.fallback.clear();
  for (size_t node = 0; node < lists->size(); ++node) {
    const std::vector<uint64_t>& list = (*lists)[node];
    std::vector<uint64_t> sorted = list;
    std::sort(sorted.begin(), sorted.end());
    if (sorted != with_memory || (mib[node] > 0 && list.front() != node)) {
      return line.Bad("a fallback list has each node with memory once, its own first");
    }
    std::vector<NodeId>& order = run->machine.fallback.emplace_back();
    for (const uint64_t next : list) order.push_back(NodeId(static_cast<int32_t>(next)));
  }
  return absl::OkStatus();
}

absl::Status CheckReferenceNodes(const ReferenceLine& line, const ReferenceRun& run) {
  const ReferenceMachineOptions& machine = run.machine;
  if (machine.mib.empty()) return absl::OkStatus();
  if (machine.node_of_cpu.empty() || machine.distance.empty() || machine.fallback.empty()) {
    return line.Bad("node_of_cpu, distance and fallback must stand behind 'machine'");
  }
  return absl::OkStatus();
}

absl::Status ParseReferenceCache(ReferenceLine line, ReferenceRun* run) {
  run->cache_line = line.number();
  std::string_view name = line.Word();
  if (TakeUntil(&name, '=') != "name" || name.empty()) return line.Bad("expected 'cache name=...'");
  absl::StatusOr<std::vector<std::string_view>> texts =
      run->format == 1
          ? ValuesOf(line, {"object_size", "align", "hwcache_align", "ctor"})
          : ValuesOf(line, {"object_size", "align", "hwcache_align", "ctor", "sheaf_capacity",
                            "typesafe_by_rcu", "noleaktrace", "red_zone", "poison", "store_user",
                            "reclaim_account", "consistency_checks", "freeptr_offset"});
  if (!texts.ok()) return texts.status();
  constexpr size_t kFreePointer = 12;  // the one that may be -1
  std::vector<uint64_t> values(kFreePointer + 1);
  for (size_t i = 0; i < texts->size(); ++i) {
    const std::optional<uint64_t> value = ParseNumber((*texts)[i]);
    if (value) values[i] = *value;
    if (!value && (i != kFreePointer || (*texts)[i] != "-1")) {
      return line.Bad(fmt::format("'{}' is not a number", (*texts)[i]));
    }
  }
  if (values[0] < 1 || values[0] > std::numeric_limits<uint32_t>::max() ||
      values[1] > std::numeric_limits<uint32_t>::max()) {
    return line.Bad("object_size or align out of range");
  }
  if (values[4] > kSheafCapacityMax) return line.Bad("sheaf_capacity out of range");
  const bool has_free_pointer = texts->size() > kFreePointer && (*texts)[kFreePointer] != "-1";
  if (has_free_pointer && values[kFreePointer] > values[0]) {
    return line.Bad("freeptr_offset is outside of the object");
  }
  run->cache = {
      .name = std::string(name),
      .object_size = static_cast<uint32_t>(values[0]),
      .align = static_cast<uint32_t>(values[1]),
      .hwcache_align = values[2] != 0,
      .has_constructor = values[3] != 0,
      .typesafe_by_rcu = values[5] != 0,
      .reclaim_account = values[10] != 0,
      .no_merge = true,
      .no_leak_trace = values[6] != 0,
      .free_pointer_offset = has_free_pointer ? static_cast<int64_t>(values[kFreePointer]) : -1,
      .sheaf_capacity = static_cast<uint32_t>(values[4]),
      .consistency_checks = values[11] != 0,
      .red_zone = values[7] != 0,
      .poison = values[8] != 0,
      .store_user = values[9] != 0};
  return absl::OkStatus();
}

absl::Status ParseReferenceLayout(ReferenceLine line, ReferenceRun* run) {
  run->layout_line = line.number();
  while (!line.done()) {
    std::string_view pair = line.Word();
    const std::string_view key = TakeUntil(&pair, '=');
    const std::optional<uint64_t> value = ParseNumber(pair);
    if (!value) return line.Bad(fmt::format("layout's {} is not a number", key));
    run->layout.emplace_back(key, *value);
  }
  return absl::OkStatus();
}

absl::Status ParseReferenceTune(ReferenceLine line, ReferenceRun* run) {
  const bool in_pairs = line.rest().find('=') != std::string_view::npos;
  do {
    std::string_view setting = in_pairs ? line.Word() : line.TakeRest();
    const std::string_view key = TakeUntil(&setting, in_pairs ? '=' : ' ');
    const std::optional<uint64_t> value = ParseNumber(setting);
    if (key.empty() || !value || *value > std::numeric_limits<int64_t>::max()) {
      return line.Bad("expected 'tune KEY VALUE' or 'tune KEY=VALUE ...'");
    }
    run->tunes.push_back(
        {.key = std::string(key), .value = static_cast<int64_t>(*value), .line = line.number()});
  } while (!line.done());
  return absl::OkStatus();
}

}  // namespace slablab
