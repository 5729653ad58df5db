// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_RUNS_RECORDED_RECORDED_MACHINE_H_
#define SLABLAB_RUNS_RECORDED_RECORDED_MACHINE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "sim/machine/machine_loader.h"
#include "sim/machine/topology.h"
#include "traces/sidecar/recorded_sidecars.h"
#include "traces/sidecar/recorded_topology.h"
#include "traces/sidecar/survey.h"
#include "traces/slt/trace.h"

// The machine that a trace was recorded on, as far as it tells.

namespace slablab {

// What a trace is of, read once before it is replayed.
struct RecordedSetting {
  // As lstopo.xml, nodes or the events have it, the first of these that there is.
  std::shared_ptr<const RecordedTopology> topology;
  std::shared_ptr<const Topology> lstopo;  // null: there is none, or none that can be used
  TraceSurvey survey;
  std::vector<std::string> notes;  // what cannot be used, and why
};
struct RecordedSettingOptions {
  uint64_t events_max = 0;     // that are replayed; 0: all
  std::function<bool()> stop;  // true once to end early: the answer is Cancelled
};
// What `reader` would deliver next is what it was.
absl::StatusOr<RecordedSetting> ReadRecordedSetting(TraceReader& reader,
                                                    const RecordedSettingOptions& options);

// The machine "recorded". CPUs, nodes and caches are lstopo.xml's, else CPUs and nodes the trace's;
// memory is zoneinfo's, else lstopo.xml's; the clock is lstopo.xml's, else cpuinfo's. Everything
// else is the preset "generic"'s, and its `sources` say so. What cannot be used is noted in
// `setting`.
absl::StatusOr<SourcedMachine> MachineOfRecording(const TraceHeader& header,
                                                  RecordedSetting* setting);

// The machine that a run is on if it does not say: the recorded one of a trace, else a preset.
std::string DefaultMachine(bool has_trace);

// LoadMachine, where `machine` may be the one that the trace was recorded on; `trace_path` empty:
// there is none. Opens the trace only if need be.
absl::StatusOr<SourcedMachine> LoadMachineFor(std::string_view machine,
                                              const std::string& trace_path);

// Whether the trace has a part in what machine that is.
bool IsOfRecording(std::string_view machine);

// How the recorded kernel was built and booted otherwise than the models are by default, as quirks,
// as far as its /sys/kernel/slab tells. InvalidArgument if that cannot be read.
absl::StatusOr<std::vector<std::string>> RecordedQuirks(const RecordedSidecars& sidecars);

}  // namespace slablab

#endif  // SLABLAB_RUNS_RECORDED_RECORDED_MACHINE_H_
