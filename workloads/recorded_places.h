// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_WORKLOADS_RECORDED_PLACES_H_
#define SLABLAB_WORKLOADS_RECORDED_PLACES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/types.h"
#include "sim/machine/machine_config.h"
#include "traces/sidecar/recorded_topology.h"

namespace slablab {

// Which CPU and which node of a machine stand for the recorded ones: one rule for every replay.
//
// Ranks count, not numbers. The CPU of rank k within the recorded node of rank n is the k-th CPU of
// the machine's n-th node that has CPUs. Where the recording does not say which CPU is on which
// node, the CPU of rank k is CPU k. A recorded node with CPUs is the node that these run on; those
// without CPUs are, in order, the machine's nodes without CPUs and then those that stand for no
// other. Where the machine has too few, they begin again from the first: they are folded, and
// counted.
class RecordedPlaces {
 public:
  RecordedPlaces(const RecordedTopology& recorded, const MachineConfig& machine);

  CpuId CpuFor(uint16_t cpu) const {
    return cpu < cpu_of_number_.size() ? cpu_of_number_[cpu] : Elsewhere(cpu);
  }
  // For the copy-th copy of what was recorded: copies fill first the nodes and then the CPUs that
  // the recording did not have, and begin again where there are no more.
  CpuId CpuFor(uint16_t cpu, uint32_t copy) const;

  // kAnyNode for -1.
  NodeId NodeFor(int16_t node) const {
    if (node < 0) return kAnyNode;
    return static_cast<size_t>(node) < node_of_number_.size()
               ? node_of_number_[static_cast<size_t>(node)]
               : NodeId(node % node_count_);
  }
  // Whether another recorded node is already what `node` is put on, or the recording has no such
  // node.
  bool Folds(int16_t node) const {
    if (node < 0) return false;
    return static_cast<size_t>(node) >= folds_.size() || folds_[static_cast<size_t>(node)];
  }

  const RecordedTopology& recorded() const { return recorded_; }
  int machine_cpus() const { return cpu_count_; }
  // CPUs and nodes that share what stands for them with one before.
  int cpus_folded() const { return cpus_folded_; }
  int nodes_folded() const { return nodes_folded_; }
  // The number of the first recorded CPU or node that this one stands for; -1: for none.
  int32_t NumberOf(CpuId cpu) const { return number_of_cpu_[cpu.index()]; }
  int32_t NumberOf(NodeId node) const { return number_of_node_[node.index()]; }
  // The rule, as a sentence for reports.
  std::string Rule() const;

 private:
  void PlaceCpus(const MachineConfig& machine);
  void PlaceNodes(const MachineConfig& machine);
  CpuId Elsewhere(uint16_t cpu) const;
  bool by_node() const { return !recorded_.node_of_cpu.empty(); }

  const RecordedTopology recorded_;
  const int cpu_count_;
  const int node_count_;
  std::vector<std::vector<CpuId>> cpus_of_node_;  // of the machine's nodes with CPUs
  // Of the recorded nodes: rank among those with CPUs, or -1; how many CPUs they have.
  std::vector<int32_t> rank_with_cpus_;
  std::vector<uint32_t> cpus_recorded_;
  std::vector<uint32_t> index_in_node_;  // by rank of the CPU
  size_t nodes_with_cpus_ = 0;           // recorded
  std::vector<CpuId> cpu_of_number_;
  std::vector<NodeId> node_of_number_;
  std::vector<bool> folds_;
  std::vector<int32_t> number_of_cpu_;
  std::vector<int32_t> number_of_node_;
  int cpus_folded_ = 0;
  int nodes_folded_ = 0;
};

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_RECORDED_PLACES_H_
