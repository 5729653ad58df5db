// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/recorded_places.h"

#include <algorithm>
#include <set>

namespace slablab {

RecordedPlaces::RecordedPlaces(const RecordedTopology& recorded, const MachineConfig& machine)
    : recorded_(recorded), cpu_count_(machine.cpu_count()), node_count_(machine.node_count()) {
  PlaceCpus(machine);
  PlaceNodes(machine);
}

void RecordedPlaces::PlaceCpus(const MachineConfig& machine) {
  cpus_of_node_.resize(static_cast<size_t>(node_count_));
  for (int cpu = 0; cpu < cpu_count_; ++cpu) {
    cpus_of_node_[machine.cpus[static_cast<size_t>(cpu)].node.index()].push_back(CpuId(cpu));
  }
  std::erase_if(cpus_of_node_, [](const std::vector<CpuId>& cpus) { return cpus.empty(); });
  rank_with_cpus_.assign(recorded_.nodes.size(), -1);
  cpus_recorded_.resize(recorded_.nodes.size());
  for (const int32_t node : recorded_.node_of_cpu) {
    index_in_node_.push_back(cpus_recorded_[static_cast<size_t>(node)]++);
  }
  for (size_t node = 0; node < rank_with_cpus_.size(); ++node) {
    if (cpus_recorded_[node] == 0) continue;
    rank_with_cpus_[node] = static_cast<int32_t>(nodes_with_cpus_++);
  }
  number_of_cpu_.assign(static_cast<size_t>(cpu_count_), -1);
  if (recorded_.cpus.empty()) return;
  std::set<CpuId> taken;
  cpu_of_number_.resize(static_cast<size_t>(recorded_.cpus.back()) + 1, CpuId(0));
  for (const int32_t cpu : recorded_.cpus) {
    const CpuId place = CpuFor(static_cast<uint16_t>(cpu), /*copy=*/0);
    cpu_of_number_[static_cast<size_t>(cpu)] = place;
    if (!taken.insert(place).second) {
      ++cpus_folded_;
    } else {
      number_of_cpu_[place.index()] = cpu;
    }
  }
}

CpuId RecordedPlaces::CpuFor(uint16_t cpu, uint32_t copy) const {
  const int32_t rank = recorded_.CpuRank(cpu);
  if (rank < 0) return Elsewhere(cpu);
  if (!by_node()) {
    const uint64_t before = uint64_t{copy} * recorded_.cpus.size();
    return CpuId(static_cast<int32_t>((before + static_cast<uint64_t>(rank)) %
                                      static_cast<uint64_t>(cpu_count_)));
  }
  // The copies fill node by node what the machine has more than the recording.
  const auto node = static_cast<size_t>(recorded_.node_of_cpu[static_cast<size_t>(rank)]);
  const size_t sets = std::max<size_t>(1, cpus_of_node_.size() / nodes_with_cpus_);
  const size_t on = copy % sets * nodes_with_cpus_ + static_cast<size_t>(rank_with_cpus_[node]);
  const std::vector<CpuId>& cpus = cpus_of_node_[on % cpus_of_node_.size()];
  const size_t before = copy / sets * cpus_recorded_[node];
  return cpus[(before + index_in_node_[static_cast<size_t>(rank)]) % cpus.size()];
}

CpuId RecordedPlaces::Elsewhere(uint16_t cpu) const { return CpuId(cpu % cpu_count_); }

void RecordedPlaces::PlaceNodes(const MachineConfig& machine) {
  if (recorded_.nodes.empty()) {
    // It asks for none, or nobody has looked.
    for (int node = 0; node < node_count_; ++node) {
      node_of_number_.push_back(NodeId(node));
      number_of_node_.push_back(node);
    }
    folds_.assign(static_cast<size_t>(node_count_), false);
    return;
  }
  number_of_node_.assign(static_cast<size_t>(node_count_), -1);
  std::vector<NodeId> free;  // for nodes without CPUs: first what has none itself
  std::vector<NodeId> others;
  const size_t used = std::min(nodes_with_cpus_, cpus_of_node_.size());
  std::set<NodeId> taken;
  for (size_t i = 0; i < used; ++i) {
    taken.insert(machine.cpus[cpus_of_node_[i].front().index()].node);
  }
  std::set<NodeId> with_cpus;
  for (const CpuPlace& place : machine.cpus) with_cpus.insert(place.node);
  for (int n = 0; n < node_count_; ++n) {
    const NodeId node(n);
    if (with_cpus.count(node) == 0 && by_node()) {
      free.push_back(node);
    } else if (taken.count(node) == 0) {
      others.push_back(node);
    }
  }
  free.insert(free.end(), others.begin(), others.end());
  node_of_number_.resize(static_cast<size_t>(recorded_.nodes.back()) + 1, NodeId(0));
  folds_.assign(node_of_number_.size(), true);
  size_t next_free = 0;
  for (size_t rank = 0; rank < recorded_.nodes.size(); ++rank) {
    const auto number = static_cast<size_t>(recorded_.nodes[rank]);
    if (const int32_t of_cpus = rank_with_cpus_[rank]; of_cpus >= 0) {
      const size_t on = static_cast<size_t>(of_cpus);
      const std::vector<CpuId>& cpus = cpus_of_node_[on % cpus_of_node_.size()];
      node_of_number_[number] = machine.cpus[cpus.front().index()].node;
      folds_[number] = on >= cpus_of_node_.size();
    } else if (next_free < free.size()) {
      node_of_number_[number] = free[next_free++];
      folds_[number] = false;
    } else {
      node_of_number_[number] = NodeId(static_cast<int32_t>(rank) % node_count_);
    }
    if (folds_[number]) {
      ++nodes_folded_;
    } else {
      number_of_node_[node_of_number_[number].index()] = recorded_.nodes[rank];
    }
  }
  for (size_t number = 0; number < folds_.size(); ++number) {
    if (recorded_.NodeRank(static_cast<int32_t>(number)) >= 0) continue;
    node_of_number_[number] = NodeId(static_cast<int32_t>(number) % node_count_);
  }
}

std::string RecordedPlaces::Rule() const {
  if (by_node()) {
    return "The k-th recorded CPU of the n-th recorded node runs on the k-th CPU of the n-th node";
  }
  std::string rule =
      "The recording does not say which CPU is on which node: the k-th CPU that occurs in it runs "
      "on the k-th of the machine";
  if (recorded_.nodes.size() > 1) {
    rule += ", and of node 0 and the nodes that it asks for the n-th is the machine's n-th";
  }
  return rule;
}

}  // namespace slablab
