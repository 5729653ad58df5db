// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_RUNS_SIMULATION_RUN_INPUTS_H_
#define SLABLAB_RUNS_SIMULATION_RUN_INPUTS_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "runs/simulation/simulation_options.h"
#include "sim/machine/machine_config.h"

// What stands behind the names in a run's options: files may change between the time when a run is
// planned, and got its name from what is in them, and the time when it is done.

namespace slablab {

// Digests; 0 of what a run has not.
struct RunInputs {
  uint64_t trace = 0;  // of all bytes of the file
  uint64_t workload = 0;
  uint64_t scenario = 0;
  uint64_t machine =
      0;  // of the effective description; of the name, where there is no such machine

  friend bool operator==(const RunInputs&, const RunInputs&) = default;
};

// Reads inputs of many runs, each once.
class RunInputsReader {
 public:
  // Errors are those of reading trace, workload and scenario; they name them.
  absl::StatusOr<RunInputs> Of(const SimulationOptions& options);

 private:
  std::map<std::string, uint64_t, std::less<>> traces_;
  std::map<std::string, uint64_t, std::less<>> workloads_;
  std::map<std::string, uint64_t, std::less<>> scenarios_;
  std::map<std::string, uint64_t, std::less<>> machines_;
};

// Reads the inputs now and keeps the texts and the machine in `options`, so that the run is of the
// very bytes that were looked at. Unavailable if one cannot be read or is not `planned`'s. A trace
// is read again by the run: see CheckTrace.
absl::Status TakeInputs(const RunInputs& planned, SimulationOptions* options);

// Whether the trace is still `planned`'s.
absl::Status CheckTrace(const RunInputs& planned, const SimulationOptions& options);

}  // namespace slablab

#endif  // SLABLAB_RUNS_SIMULATION_RUN_INPUTS_H_
