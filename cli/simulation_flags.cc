// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "cli/simulation_flags.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "cli/flags.h"
#include "runs/recorded/bundled_traces.h"
#include "runs/recorded/recorded_machine.h"

namespace slablab {

absl::StatusOr<RunSpec> RunOfFlags() {
  RunSpec run;
  for (const RunSwitch& each : Switches()) {
    if (!WasGiven(each.name())) continue;
    const absl::Status status = SetRunSwitch(each.name(), GivenText(each), &run);
    if (!status.ok()) return status;
  }
  return run;
}

absl::StatusOr<SimulationOptions> SimulationOptionsFromFlags(
    absl::string_view command, const std::vector<std::string>& arguments) {
  absl::StatusOr<RunSpec> given = RunOfFlags();
  if (!given.ok()) return given.status();
  SimulationOptions options;
  RunSpec& run = options.run;
  run = WithDefaults(*std::move(given));
  if (arguments.size() > 1) {
    return absl::InvalidArgumentError(absl::StrCat(command, " takes one trace: '", arguments[0],
                                                   "' and '", arguments[1], "' are two"));
  }
  if (!arguments.empty()) {
    if (!run.trace().empty()) {
      return absl::InvalidArgumentError(absl::StrCat(command, " takes one trace: '", arguments[0],
                                                     "' and --trace=", run.trace(), " are two"));
    }
    run.set_trace(arguments[0]);
  }
  if (run.trace().empty() == run.workload().empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        command,
        run.trace().empty()
            ? absl::StrCat(" wants to know what to run: a trace, as in 'slablab ", command,
                           " mine.slt' ('slablab list traces' has bundled ones), or a workload, as "
                           "in 'slablab ",
                           command, " --workload=hackbench' ('slablab list workloads')")
            : " takes a trace or a workload, not both"));
  }
  if (run.machine().empty()) run.set_machine(DefaultMachine(!run.trace().empty()));
  if (run.trace().empty()) return options;
  const absl::StatusOr<std::string> path = FindTrace(run.trace());
  if (!path.ok()) return path.status();
  run.set_trace(*path);
  return options;
}

}  // namespace slablab
