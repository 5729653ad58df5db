// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/replay/recorded_order.h"

#include "absl/strings/str_cat.h"
#include "sim/core/scheduler.h"

namespace slablab {

RecordedTopology RecordedTopologyFor(const ReplayOptions& options, const TraceReader& reader) {
  if (options.recorded != nullptr) return *options.recorded;
  return TopologyOf(reader.header(), reader.blocks(), /*asked_nodes=*/{});
}

// The last eighth of the clock is for what takes longer here than it was recorded to. A time up to
// time_max_, times MHz, fits 64 bits.
RecordedOrder::RecordedOrder(TraceReader& reader, Machine& machine, const ReplayOptions& options)
    : machine_(machine),
      clock_mhz_(static_cast<uint64_t>(machine.config().clock_mhz)),
      events_max_(options.events_max),
      time_max_(Scheduler::kTimeEnd / 8 * 7 / clock_mhz_ * 1000),
      feed_(reader),
      places_(RecordedTopologyFor(options, reader), machine.config()),
      placer_(places_, reader.header().cpu_count, options.placement) {}

void RecordedOrder::RefuseTooLong() {
  constexpr Nanos kNanosPerDay = Nanos{86'400} * 1'000'000'000;
  status_ = absl::OutOfRangeError(absl::StrCat(
      "event ", events_ - 1, " is ", now_ / kNanosPerDay, " days after the trace's first; at ",
      clock_mhz_, " MHz a replay can be of ", time_max_ / kNanosPerDay, " days"));
}

}  // namespace slablab
