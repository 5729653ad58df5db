// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/observed/slowest.h"

#include <algorithm>
#include <tuple>

#include "base/check.h"

namespace slablab {

SlowestOperations::SlowestOperations(const Options& options, OperationObserver* next)
    : options_(options), next_(next) {
  CHECK_GT(options_.count, 0u);
  heap_.reserve(options_.count);
  entries_.reserve(options_.count);
}

bool SlowestOperations::Key::IsSlowerThan(const Key& other) const {
  if (cycles != other.cycles) return cycles > other.cycles;
  return std::tie(start, cpu, event) < std::tie(other.start, other.cpu, other.event);
}

void SlowestOperations::OnBegin(const Machine& machine, const Allocator& allocator) {
  machine_ = &machine;
  allocator_ = &allocator;
  begin_ = machine.scheduler().now();
  clock_mhz_ = static_cast<uint64_t>(machine.config().clock_mhz);
  if (next_ != nullptr) next_->OnBegin(machine, allocator);
}

void SlowestOperations::OnOperation(const OperationEnd& operation) {
  if (next_ != nullptr) next_->OnOperation(operation);
  if (heap_.size() == options_.count && operation.cycles < heap_.front().cycles) return;
  const Nanos since = StartOf(operation);
  if (since < options_.from || since >= options_.to) return;
  Keep(operation, {.cycles = operation.cycles,
                   .start = operation.start,
                   .cpu = operation.cpu.value(),
                   .event = operation.event,
                   .entry = static_cast<uint32_t>(entries_.size())});
}

void SlowestOperations::Keep(const OperationEnd& operation, Key key) {
  const auto is_slower = [](const Key& a, const Key& b) { return a.IsSlowerThan(b); };
  if (heap_.size() == options_.count) {
    if (!key.IsSlowerThan(heap_.front())) return;
    std::pop_heap(heap_.begin(), heap_.end(), is_slower);
    key.entry = heap_.back().entry;
    heap_.pop_back();
  } else {
    entries_.emplace_back();
  }
  heap_.push_back(key);
  std::push_heap(heap_.begin(), heap_.end(), is_slower);
  if (heap_.size() == options_.count && next_ == nullptr) {
    cycles_shown_from_ = heap_.front().cycles;
  }
  Entry& entry = entries_[key.entry];
  entry.operation = operation;
  entry.cache = operation.cache;
  if (entry.cache == kNoCache && !operation.object.is_null()) {
    entry.cache = allocator_->Locate(operation.object).cache;
  }
  entry.tally = machine_->scheduler().cpu(operation.cpu).tally();
}

std::vector<const SlowestOperations::Entry*> SlowestOperations::InOrder() const {
  std::vector<Key> keys = heap_;
  std::sort(keys.begin(), keys.end(), [](const Key& a, const Key& b) { return a.IsSlowerThan(b); });
  std::vector<const Entry*> entries;
  for (const Key& key : keys) entries.push_back(&entries_[key.entry]);
  return entries;
}

}  // namespace slablab
