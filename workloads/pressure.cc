// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/pressure.h"

#include "sim/scheduler.h"

namespace slablab {
namespace {

constexpr CpuId kNoCpu{-1};

}  // namespace

Pressure::Pressure(Machine& machine, Allocator& allocator, ArrivalSource& source, Cycles interval)
    : machine_(machine),
      allocator_(allocator),
      source_(source),
      interval_(interval),
      cpus_(static_cast<size_t>(machine.config().node_count()), kNoCpu) {
  for (int i = 0; i < machine.config().cpu_count(); ++i) {
    CpuId& first = cpus_[machine.config().cpus[static_cast<size_t>(i)].node.index()];
    if (first == kNoCpu) first = CpuId(i);
  }
}

bool Pressure::Next(Arrival* arrival) {
  if (!has_pending_) {
    has_pending_ = source_.Next(&pending_);
    if (!has_pending_) return false;
    if (!begun_) next_time_ = pending_.time + interval_;
    begun_ = true;
  }
  while (interval_ > 0) {
    // Nodes come one after another within the interval.
    const Cycles time = next_time_ + interval_ * next_node_ / cpus_.size();
    if (time > pending_.time) break;
    const size_t node = next_node_++;
    if (next_node_ == cpus_.size()) {
      next_node_ = 0;
      next_time_ += interval_;
    }
    if (cpus_[node] == kNoCpu || !machine_.cpu(cpus_[node]).online()) continue;
    *arrival = {
        .time = time, .token = kOwnToken | node, .cpu = cpus_[node], .priority = Priority::kTask};
    return true;
  }
  *arrival = pending_;
  has_pending_ = false;
  return true;
}

Task<void> Pressure::Start(Cpu& cpu, uint64_t token) {
  if ((token & kOwnToken) == 0) return source_.Start(cpu, token);
  return Relieve(cpu, NodeId(static_cast<int32_t>(token & ~kOwnToken)));
}

bool Pressure::MayInterrupt(const Cpu& cpu, uint64_t token) const {
  return (token & kOwnToken) == 0 && source_.MayInterrupt(cpu, token);
}

Task<void> Pressure::Relieve(Cpu& cpu, NodeId node) {
  ++calls_;
  bytes_ += co_await allocator_.Reclaim(cpu, node);
}

Task<uint64_t> Pressure::Reclaim(Cpu& cpu, NodeId node) {
  ++direct_calls_;
  const uint64_t bytes = co_await allocator_.Reclaim(cpu, node);
  direct_bytes_ += bytes;
  co_return bytes;
}

}  // namespace slablab
