// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_WORKLOADS_REPLAY_RECORDED_ORDER_H_
#define SLABLAB_WORKLOADS_REPLAY_RECORDED_ORDER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "sim/core/arrival.h"
#include "sim/machine.h"
#include "traces/slt/trace.h"
#include "workloads/cpu_placer.h"
#include "workloads/recorded_places.h"
#include "workloads/trace_feed.h"

namespace slablab {

struct ReplayOptions {
  CpuPlacement placement = CpuPlacement::kRecorded;
  // Null: what the trace's header and index say by themselves.
  std::shared_ptr<const RecordedTopology> recorded = nullptr;
  // The task that allocates writes the requested bytes, at most so many; the one that frees reads
  // the first line.
  uint32_t object_touch_bytes_max = 512;
  uint64_t events_max = 0;  // 0: all
  int footprint_samples = 100;
};

// What a replay of `reader` is told of where it was recorded, or finds out.
RecordedTopology RecordedTopologyFor(const ReplayOptions& options, const TraceReader& reader);

// The events of a trace as they are to come to a machine: each at its recorded time, on the CPU
// that stands for the recorded one or that its task was placed on, with the priority of its
// context. `reader` and `machine` must outlive it.
class RecordedOrder {
 public:
  // Of the options, placement, recorded and events_max.
  RecordedOrder(TraceReader& reader, Machine& machine, const ReplayOptions& options);

  // As of TraceFeed.
  void set_progress(std::function<void(uint64_t)> progress) {
    feed_.set_progress(std::move(progress));
  }
  void set_stop(std::function<bool()> stop) { feed_.set_stop(std::move(stop)); }

  // The next; null: there is no more, or status() says why not.
  const Event* Next() {
    if (events_max_ != 0 && events_ >= events_max_) return nullptr;
    const Event* const next = feed_.Next();
    if (next == nullptr) {
      status_.Update(feed_.status());
      return nullptr;
    }
    if (events_++ == 0) {
      start_cycles_ = machine_.scheduler().now();
      time_first_ = next->time;
    }
    now_ = next->time - time_first_;
    if (now_ <= time_max_) [[likely]] {
      return next;
    }
    RefuseTooLong();
    return nullptr;
  }
  // How that one comes, the operation's token being `token`.
  void Announce(const Event& event, uint64_t token, Arrival* arrival) {
    arrival->time = start_cycles_ + now_ * clock_mhz_ / 1000;
    arrival->token = token;
    arrival->cpu = placer_.Place(event);
    arrival->priority = PriorityOf(event.context);
  }

  uint64_t events() const { return events_; }
  Nanos now() const { return now_; }  // recorded time of the latest, since the first
  Cycles start() const { return start_cycles_; }
  // What went wrong in reading the trace, if anything; it ended there. OutOfRange: an event is
  // later than the machine's clock can count.
  const absl::Status& status() const { return status_; }
  const RecordedPlaces& places() const { return places_; }

 private:
  void RefuseTooLong();

  Machine& machine_;
  const uint64_t clock_mhz_;
  const uint64_t events_max_;
  const Nanos time_max_;  // since time_first_
  TraceFeed feed_;
  const RecordedPlaces places_;
  CpuPlacer placer_;
  absl::Status status_;
  uint64_t events_ = 0;
  Nanos time_first_ = 0;
  Nanos now_ = 0;
  Cycles start_cycles_ = 0;
};

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_REPLAY_RECORDED_ORDER_H_
