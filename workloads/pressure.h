// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_WORKLOADS_PRESSURE_H_
#define SLABLAB_WORKLOADS_PRESSURE_H_

#include <cstdint>
#include <vector>

#include "allocators/allocator.h"
#include "sim/arrival.h"
#include "sim/machine.h"
#include "sim/page_allocator.h"
#include "sim/types.h"

namespace slablab {

// Memory pressure: what the page allocator's own shortage and a workload's asking make of an
// allocator's Reclaim.
//
// As a source it passes on another's arrivals, and in between, once in every interval, has one CPU
// of each node ask the allocator for that node's memory, as kswapd does, one node after another. It
// ends with the other. As a Reclaimer it stands behind the page allocator
// (BuddyAllocator::set_reclaimer) for direct reclaim.
class Pressure : public ArrivalSource, public Reclaimer {
 public:
  // `interval` 0: only real shortage. All must outlive it.
  Pressure(Machine& machine, Allocator& allocator, ArrivalSource& source, Cycles interval);

  bool Next(Arrival* arrival) override;
  Task<void> Start(Cpu& cpu, uint64_t token) override;
  bool MayInterrupt(const Cpu& cpu, uint64_t token) const override;
  Task<uint64_t> Reclaim(Cpu& cpu, NodeId node) override;

  uint64_t calls() const { return calls_; }  // of the knob
  uint64_t bytes() const { return bytes_; }
  uint64_t direct_calls() const { return direct_calls_; }  // of real shortage
  uint64_t direct_bytes() const { return direct_bytes_; }

 private:
  static constexpr uint64_t kOwnToken = uint64_t{1} << 63;  // or'ed with the node
  Task<void> Relieve(Cpu& cpu, NodeId node);

  Machine& machine_;
  Allocator& allocator_;
  ArrivalSource& source_;
  const Cycles interval_;
  std::vector<CpuId> cpus_;  // by node: the first CPU; kNoCpu where there is none
  Arrival pending_;          // of the other source
  bool has_pending_ = false;
  bool begun_ = false;
  Cycles next_time_ = 0;
  size_t next_node_ = 0;
  uint64_t calls_ = 0;
  uint64_t bytes_ = 0;
  uint64_t direct_calls_ = 0;
  uint64_t direct_bytes_ = 0;
};

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_PRESSURE_H_
