// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "traces/import/event_order.h"

#include <algorithm>
#include <string>

namespace slablab {

absl::Status SortedEvents::Append(const RawEvent& event) {
  const auto cpu = static_cast<size_t>(std::clamp(event.cpu, 0, kMaxCpus - 1));
  if (cpu >= last_of_cpu_.size()) last_of_cpu_.resize(cpu + 1);
  Nanos& last = last_of_cpu_[cpu];
  Stored stored = {.event = event,
                   .key = event.time,
                   .call_site = strings_.Number(event.call_site),
                   .gfp = strings_.Number(event.gfp),
                   .cache = strings_.Number(event.cache),
                   .comm = strings_.Number(event.comm)};
  if (event.time < last && last - event.time <= kClockJitter) stored.key = last;
  last = stored.key;
  if (latest_ > kClockJitter && event.time < latest_ - kClockJitter) ++moved_;
  latest_ = std::max(latest_, event.time);
  events_.push_back(stored);
  return absl::OkStatus();
}

void SortedEvents::Sort() {
  std::stable_sort(events_.begin(), events_.end(),
                   [](const Stored& a, const Stored& b) { return a.key < b.key; });
}

absl::Status SortedEvents::Deliver(RawEventSink& sink) const {
  const std::vector<std::string>& strings = strings_.strings();
  for (const Stored& stored : events_) {
    RawEvent event = stored.event;
    event.call_site = strings[stored.call_site];
    event.gfp = strings[stored.gfp];
    event.cache = strings[stored.cache];
    event.comm = strings[stored.comm];
    const absl::Status status = sink.Append(event);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace slablab
