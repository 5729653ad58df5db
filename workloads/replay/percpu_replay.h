// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_WORKLOADS_REPLAY_PERCPU_REPLAY_H_
#define SLABLAB_WORKLOADS_REPLAY_PERCPU_REPLAY_H_

#include <array>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/types/span.h"
#include "allocators/percpu/areas.h"
#include "sim/core/arrival.h"
#include "sim/core/watched_source.h"
#include "sim/machine.h"
#include "traces/slt/trace.h"
#include "workloads/operations/account.h"
#include "workloads/operations/operation_meter.h"
#include "workloads/percpu_auditor.h"
#include "workloads/recorded_places.h"
#include "workloads/replay/recorded_order.h"
#include "workloads/skip_tally.h"

// Replays the percpu events of a trace in recorded order through a percpu allocator: each at its
// recorded time or when its CPU is ready, whichever is later. Balance work runs on the CPU that
// asked for it, right behind the operation, where that may wait; else behind the next that may.
//
// An allocation that failed when it was recorded is tried here too, since failing has effects; what
// it is given here, if anything, is freed at once.

namespace slablab {

struct PercpuReplayResult : OperationAccount {
  uint64_t events = 0;
  uint64_t balances = 0;
  uint64_t order_inversions = 0;
  Cycles order_inversion_wait_cycles = 0;
  PercpuUsage peak;     // most bytes held
  Nanos peak_time = 0;  // since the trace's first event
};

// Call order: make, then Scheduler::Run with this as the source, then result(). `reader`, `machine`
// and `areas` must outlive it; `areas` must not balance at once.
class PercpuReplay : public WatchedSource {
 public:
  // Of the options only placement, recorded and events_max are used.
  PercpuReplay(TraceReader& reader, Machine& machine, PercpuAreas& areas,
               const ReplayOptions& options);

  // The names that the ledger's sites have, from Site kFirstModelSite on, and the ways operations
  // go.
  static absl::Span<const std::string_view> sites();
  static absl::Span<const PathInfo> paths();

  void set_progress(std::function<void(uint64_t)> progress) {
    order_.set_progress(std::move(progress));
  }
  void set_stop(std::function<bool()> stop) { order_.set_stop(std::move(stop)); }

  // Sees every operation from now on, areas by numbers in place of addresses; null: nobody does.
  void set_observer(OperationObserver* observer) { meter_.set_observer(observer); }
  void set_call_sites(CallSites* call_sites) { meter_.set_call_sites(call_sites); }

  bool Next(Arrival* arrival) override;
  Task<void> Start(Cpu& cpu, uint64_t token) override;
  bool MayInterrupt(const Cpu& cpu, uint64_t token) const override;
  uint64_t Progress() const override { return result_.operations(); }
  std::string WorkOf(const Cpu& cpu) const override;

  std::vector<SkippedEvents> skipped() const { return skips_.Skipped(); }
  const absl::Status& status() const { return order_.status(); }
  const PercpuReplayResult& result() const { return result_; }
  const RecordedPlaces& places() const { return order_.places(); }
  PercpuAuditor& auditor() { return auditor_; }

 private:
  // Why an event is not replayed.
  enum class Skip : uint8_t { kNotPercpu, kLost, kPredates, kFailedHere, kContradicts };
  using Skips = ReasonTally<Skip, static_cast<size_t>(Skip::kContradicts) + 1>;
  static const Skips::Names kSkipNames;

  struct Record {
    enum class State : uint8_t { kPending, kLive, kFailed };
    State state = State::kPending;
    bool free_announced = false;
    CpuId waiter{-1};
    PercpuArea area;
  };

  bool Replayable(const Event& event);
  uint64_t Keep(const Event& event);
  Event Take(uint64_t token);
  Task<void> Allocate(Cpu& cpu, uint64_t token);
  Task<void> Release(Cpu& cpu, uint64_t token);
  Task<void> Balance(Cpu& cpu);
  void NotePeak();

  Machine& machine_;
  PercpuAreas& areas_;
  RecordedOrder order_;
  std::vector<Event> pending_;  // announced and not begun, by token
  std::vector<uint32_t> pending_free_;
  absl::flat_hash_map<TraceObject, Record> records_;  // never iterated
  std::vector<TraceObject> awaited_;  // by CPU: what it is to free and is still being allocated
  PercpuAuditor auditor_;
  PercpuReplayResult result_;
  OperationMeter meter_{result_};
  Skips skips_{kSkipNames};
};

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_REPLAY_PERCPU_REPLAY_H_
