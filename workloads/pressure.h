// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_WORKLOADS_PRESSURE_H_
#define SLABLAB_WORKLOADS_PRESSURE_H_

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "allocators/allocator.h"
#include "base/types.h"
#include "sim/core/arrival.h"
#include "sim/core/watched_source.h"
#include "sim/machine.h"
#include "sim/pages/page_allocator.h"
#include "workloads/kswapd.h"

namespace slablab {

// Memory pressure: what the page allocator's own shortage and a workload's asking make of an
// allocator's Reclaim.
//
// As a source it passes on another's arrivals, and in between, once in every interval, has one CPU
// of each node ask the allocator for that node's memory, as kswapd does, one node after another. A
// node is not asked again before it is done (workloads/kswapd.h). It ends with the other. As a
// Reclaimer it stands behind the page allocator (BuddyAllocator::set_reclaimer) for direct reclaim.
class Pressure : public WatchedSource, public Reclaimer {
 public:
  // `interval` 0: only real shortage. All must outlive it.
  Pressure(Machine& machine, Allocator& allocator, ArrivalSource& source, Cycles interval);

  bool Next(Arrival* arrival) override;
  void PutBack(const Arrival& arrival) override;
  Task<void> Start(Cpu& cpu, uint64_t token) override;
  bool MayInterrupt(const Cpu& cpu, uint64_t token) const override;
  uint64_t Progress() const override { return done_ ? done_() : 0; }
  Task<uint64_t> Reclaim(Cpu& cpu, NodeId node) override;
  // How much of the other's work is done; without, it is taken to do nothing.
  void set_done(std::function<uint64_t()> done) { done_ = std::move(done); }

  const KswapdTally& kswapd() const { return kswapd_.tally(); }  // of the knob
  uint64_t direct_calls() const { return direct_calls_; }        // of real shortage
  uint64_t direct_bytes() const { return direct_bytes_; }

 private:
  static constexpr uint64_t kOwnToken = uint64_t{1} << 63;  // or'ed with the node
  struct Node {
    CpuId cpu{-1};      // its first; -1: it has none
    Cycles due = 0;     // its next request
    bool busy = false;  // one is on its way or not done yet
  };
  void BeginNodes(Cycles first);
  // Of those that are not busy, the first to be asked; null: all are.
  Node* FirstDue();
  Task<void> Relieve(Cpu& cpu, size_t node);

  Machine& machine_;
  Allocator& allocator_;
  ArrivalSource& source_;
  const Cycles interval_;
  std::function<uint64_t()> done_;
  std::vector<Node> nodes_;
  Kswapd kswapd_;
  Arrival pending_;  // of the other source
  bool has_pending_ = false;
  bool begun_ = false;
  bool over_ = false;  // the other source is
  uint64_t direct_calls_ = 0;
  uint64_t direct_bytes_ = 0;
};

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_PRESSURE_H_
