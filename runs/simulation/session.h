// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_RUNS_SIMULATION_SESSION_H_
#define SLABLAB_RUNS_SIMULATION_SESSION_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "allocators/allocator.h"
#include "reports/result.pb.h"
#include "runs/simulation/simulation.h"
#include "sim/machine.h"
#include "workloads/operations/executor.h"
#include "workloads/pressure.h"
#include "workloads/skip_tally.h"

namespace slablab {

// Memory pressure as a knob: an interval of 0 is none. It stands between the source and the
// machine, so `progress` says how far the source is.
struct PressureKnob {
  Cycles interval = 0;
  std::function<uint64_t()> progress;
};

// The set-up of a run, whatever is run: a machine, an allocator that has booted on it, and what is
// to be gathered when it has ended. Call order: Boot; what the driver sets up; WriteTunables; Run;
// Gather, GatherReclaim.
class Session {
 public:
  // For an allocator that is none of the registry's: a machine alone.
  explicit Session(const MachineConfig& config) : machine_(std::make_unique<Machine>(config)) {}
  // With the allocator that the options name. Errors are its own.
  static absl::StatusOr<std::unique_ptr<Session>> Boot(const SimulationOptions& options,
                                                       const MachineConfig& config);
  Session(const Session&) = delete;

  Machine& machine() { return *machine_; }
  Allocator& model() { return *model_; }

  // The options' tunables, as the boot left off.
  absl::Status WriteTunables(const SimulationOptions& options);

  // Runs the source to its end, with all accounts at zero when it begins. Where there is a model,
  // it is asked for memory when pages are short.
  void Run(ArrivalSource& source, const SimulationHooks& hooks, const PressureKnob& knob = {});
  Cycles start() const { return start_; }  // of that
  const Pressure& pressure() const { return *pressure_; }

  // What any run of operations leaves behind: what the executor and the machine know.
  void Gather(Executor& executor, absl::Span<const SkippedEvents> skipped, RunResult& result);
  // What came of pressure, `kswapd` having been asked over `ran` cycles.
  void GatherReclaim(const KswapdTally& kswapd, Cycles ran, RunResult& result) const;

 private:
  std::unique_ptr<Machine> machine_;
  std::unique_ptr<Allocator> model_;
  std::optional<Pressure> pressure_;
  Cycles start_ = 0;
};

}  // namespace slablab

#endif  // SLABLAB_RUNS_SIMULATION_SESSION_H_
