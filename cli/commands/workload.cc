// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "base/interrupt.h"
#include "base/printable.h"
#include "cli/command.h"
#include "cli/flags.h"
#include "cli/output/print.h"
#include "cli/simulation_flags.h"
#include "runs/simulation/simulation.h"
#include "workloads/synthetic/workload_loader.h"

namespace slablab {
namespace {

constexpr std::string_view kWriteFlags[] = {"output",  "set",   "machine", "allocator",  "place",
                                            "balance", "scale", "seed",    "touch_bytes"};

int RunWorkloadShow(const std::vector<std::string>& arguments) {
  if (arguments.size() != 1) {
    return Fail(absl::InvalidArgumentError("workload show takes one workload"));
  }
  const absl::StatusOr<WorkloadText> text = LoadWorkloadText(arguments[0]);
  if (!text.ok()) return Fail(text.status());
  const size_t first = std::min(text->textproto.find_first_not_of('\n'), text->textproto.size());
  Print(stdout, "{}", PrintableLines(text->textproto.substr(first)));
  return kExitOk;
}

int RunWorkloadWrite(const std::vector<std::string>& arguments) {
  if (arguments.size() != 1) {
    return Fail(absl::InvalidArgumentError("workload write takes one workload"));
  }
  const std::string output = absl::GetFlag(FLAGS_output);
  if (output.empty() || output == "-") {
    return Fail(
        absl::InvalidArgumentError("workload write writes a file: say which with -o OUT.slt"));
  }
  const absl::StatusOr<RunSpec> given = RunOfFlags();
  if (!given.ok()) return Fail(given.status());
  SimulationOptions options;
  options.run = WithDefaults(*given);
  options.run.set_workload(arguments[0]);
  const InterruptScope interrupts;
  SimulationHooks hooks;
  hooks.stop = InterruptRequested;
  const absl::StatusOr<RunResult> result = WriteWorkloadTrace(options, hooks, output);
  if (absl::IsCancelled(result.status())) return kExitInterrupted;
  if (!result.ok()) return Fail(result.status());
  Print(stdout, "{}: {} allocations and {} frees of {} tasks\n", Printable(output),
        result->totals().allocations(), result->totals().frees(), result->totals().tasks());
  return kExitOk;
}

}  // namespace

extern const Command kWorkloadShowCommand = {
    .name = "workload show",
    .synopsis = "WORKLOAD",
    .summary = "Shows a workload's textproto: what it does, what it uses and why, its parameters.",
    .run = RunWorkloadShow,
};

extern const Command kWorkloadWriteCommand = {
    .name = "workload write",
    .synopsis = "WORKLOAD",
    .summary = "Runs a synthetic workload and writes what it did as a trace.",
    .flags = kWriteFlags,
    .run = RunWorkloadWrite,
};

}  // namespace slablab
