// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_RUNS_SIMULATION_RUN_CHECK_H_
#define SLABLAB_RUNS_SIMULATION_RUN_CHECK_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "runs/run_spec.pb.h"
#include "runs/simulation/simulation_options.h"
#include "sim/machine/machine_config.h"
#include "sim/machine/spec_text.h"
#include "traces/slt/trace.h"
#include "workloads/synthetic/workload_loader.h"

// What is wrong with a run, as far as that is known before it begins: so that a sweep of a night or
// a suite of a hundred points says at once what would stop one of them.

namespace slablab {

struct RunFault {
  std::string field;      // of RunSpec; empty: of none in particular
  std::string parameter;  // where the field is a list: the NAME, or NAME=N, that is wrong
  std::string message;    // for the user
  // Another machine or allocator might do: it is a matter of how values meet.
  bool elsewhere = false;
};

// A value that is for the allocator to know: a quirk, a policy, a boot, a tunable. Some other may
// know it.
struct ModelValue {
  std::string field;  // of RunSpec
  std::string name;   // as the field has it: "memcg-off", "kmalloc-64:cpu_partial=0"
  absl::Status status;
};
// Those of a run, each with what its allocator says of it.
std::vector<ModelValue> ModelValues(const SimulationOptions& options);

// Looks at many runs, and at each file, workload and machine once.
class RunChecker {
 public:
  // The first fault there is. What only a run finds out (a trace that is damaged behind its header,
  // a cache that there is not, memory that runs out) is none.
  std::optional<RunFault> Check(const SimulationOptions& options);

 private:
  struct Size {
    std::string refused;    // why there is no such machine; empty: there is
    bool of_trace = false;  // it is the trace that cannot be read
    int cpus = 0;
    int nodes = 0;
    MachineConfig config;
  };
  using Fault = std::optional<RunFault>;

  const Size& SizeOf(const SimulationOptions& options);
  Fault CheckWorkload(const SimulationOptions& options, const Size& size);
  Fault CompileFor(const SimulationOptions& options, const Size& size);
  Fault CheckTrace(const SimulationOptions& options);
  Fault CheckScenario(const std::string& path, const Size& size);
  Fault CheckBoot(const SimulationOptions& options, const MachineConfig& machine);

  std::map<std::pair<std::string, std::string>, Size> machines_;  // by name and recording
  std::map<std::string, absl::StatusOr<WorkloadText>> workloads_;
  std::map<std::string, absl::StatusOr<std::string>> scenarios_;
  std::map<std::string, absl::StatusOr<TraceHeader>> traces_;  // by path
  // By what decides them; a sweep has many points of each.
  std::map<std::tuple<std::string, std::vector<std::pair<std::string, int64_t>>, int, int>, Fault>
      compiled_;
  std::map<std::tuple<std::string, int, int>, Fault> staged_;
  std::map<std::string, absl::Status> boots_;
};

// The error that the fault is, said where `spec`, whose fields stand at `prefix` in `origin`, has
// what is wrong.
absl::Status ErrorOf(const RunFault& fault, const RunSpec& spec, const SpecOrigin& origin,
                     const std::string& prefix);

}  // namespace slablab

#endif  // SLABLAB_RUNS_SIMULATION_RUN_CHECK_H_
