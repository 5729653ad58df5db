// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/pressure.h"

#include "base/check.h"
#include "sim/core/scheduler.h"

namespace slablab {

Pressure::Pressure(Machine& machine, Allocator& allocator, ArrivalSource& source, Cycles interval)
    : machine_(machine),
      allocator_(allocator),
      source_(source),
      interval_(interval),
      nodes_(static_cast<size_t>(machine.config().node_count())),
      kswapd_(nodes_.size()) {
  for (int i = machine.config().cpu_count() - 1; i >= 0; --i) {
    nodes_[machine.config().cpus[static_cast<size_t>(i)].node.index()].cpu = CpuId(i);
  }
}

// Nodes come one after another within the interval.
void Pressure::BeginNodes(Cycles first) {
  begun_ = true;
  for (size_t i = 0; i < nodes_.size(); ++i) {
    nodes_[i].due = first + interval_ + interval_ * i / nodes_.size();
    nodes_[i].busy = interval_ == 0 || nodes_[i].cpu.value() < 0;
  }
}

Pressure::Node* Pressure::FirstDue() {
  Node* first = nullptr;
  for (Node& node : nodes_) {
    if (!node.busy && (first == nullptr || node.due < first->due)) first = &node;
  }
  return first;
}

bool Pressure::Next(Arrival* arrival) {
  if (over_) return false;
  if (interval_ == 0 && !has_pending_) {  // Nothing of its own comes in between.
    over_ = !source_.Next(arrival);
    return !over_;
  }
  if (!has_pending_) {
    has_pending_ = source_.Next(&pending_);
    over_ = !has_pending_;
    if (over_) return false;
    if (!begun_) BeginNodes(pending_.time);
  }
  if (Node* const node = interval_ == 0 ? nullptr : FirstDue();
      node != nullptr && node->due <= pending_.time) {
    node->busy = true;
    *arrival = {.time = node->due,
                .token = kOwnToken | static_cast<uint64_t>(node - nodes_.data()),
                .cpu = node->cpu,
                .priority = Priority::kTask};
    return true;
  }
  *arrival = pending_;
  has_pending_ = false;
  return true;
}

void Pressure::PutBack(const Arrival& arrival) {
  if ((arrival.token & kOwnToken) != 0) {
    nodes_[arrival.token & ~kOwnToken].busy = false;
    return;
  }
  CHECK(!has_pending_);
  pending_ = arrival;
  has_pending_ = true;
}

Task<void> Pressure::Start(Cpu& cpu, uint64_t token) {
  if ((token & kOwnToken) == 0) return source_.Start(cpu, token);
  return Relieve(cpu, token & ~kOwnToken);
}

bool Pressure::MayInterrupt(const Cpu& cpu, uint64_t token) const {
  return (token & kOwnToken) == 0 && source_.MayInterrupt(cpu, token);
}

// Not inlined: every arrival of the other source comes through Start().
[[gnu::noinline]] Task<void> Pressure::Relieve(Cpu& cpu, size_t index) {
  Node& node = nodes_[index];
  CHECK(kswapd_.Begin(index, node.due, cpu.now()));
  const PartScope part(cpu, Part::kReclaim);
  const uint64_t bytes = co_await allocator_.Reclaim(cpu, NodeId(static_cast<int32_t>(index)));
  const Cycles took = kswapd_.End(index, cpu.now(), bytes);
  node.due += interval_;
  if (node.due <= cpu.now()) {
    const Cycles requests = (cpu.now() + took - node.due) / interval_ + 1;
    kswapd_.Coalesce(requests);
    node.due += requests * interval_;
  }
  node.busy = false;
  // It comes before what the source has for the same time.
  machine_.scheduler().Announce(node.due - 1);
}

Task<uint64_t> Pressure::Reclaim(Cpu& cpu, NodeId node) {
  ++direct_calls_;
  const uint64_t bytes = co_await allocator_.Reclaim(cpu, node);
  direct_bytes_ += bytes;
  co_return bytes;
}

}  // namespace slablab
