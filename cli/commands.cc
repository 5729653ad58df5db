// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "cli/commands.h"

#include <cstdio>
#include <iterator>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/cmd_capture.h"
#include "cli/cmd_footprint.h"
#include "cli/cmd_import.h"
#include "cli/cmd_list.h"
#include "cli/cmd_report.h"
#include "cli/cmd_run.h"
#include "cli/cmd_trace.h"
#include "cli/cmd_trace_stat.h"
#include "cli/cmd_verify.h"
#include "cli/help.h"
#include "cli/print.h"
#include "cli/result_output.h"
#include "cli/simulation_flags.h"
#include "cli/version.h"
#include "fmt/format.h"

namespace slablab {
namespace {

int RunHelp(const std::vector<std::string>& arguments) {
  const absl::StatusOr<std::string> text = HelpText(Commands(), arguments);
  if (!text.ok()) return Fail(text.status());
  Print(stdout, "{}", *text);
  return kExitOk;
}

int RunVersion(const std::vector<std::string>& arguments) {
  if (!arguments.empty()) return Fail(absl::InvalidArgumentError("version takes no arguments"));
  Print(stdout, "slablab {}\n", kVersion);
  return kExitOk;
}

std::vector<std::string_view> RunFlags() {
  std::vector<std::string_view> flags(std::begin(kSimulationFlags), std::end(kSimulationFlags));
  flags.insert(flags.end(), std::begin(kResultFlags), std::end(kResultFlags));
  return flags;
}

}  // namespace

absl::Span<const Command> Commands() {
  // The table. A command's flags are the names of ABSL_FLAGs; those of cli/flags.h are shared.
  static const std::vector<Command>& commands = *new std::vector<Command>{
      {"help", "[COMMAND]", "Shows what the commands are, or one command's flags.", {}, RunHelp},
      {"capture",
       "[-- COMMAND...]",
       "Records this machine's allocators while a command runs, or until Ctrl-C; needs root.",
       {std::begin(kCaptureFlags), std::end(kCaptureFlags)},
       RunCapture},
      {"import",
       "RECORDING",
       "Makes a trace of a recording: of a folder with trace.dat and its sidecars, of a trace.dat, "
       "or "
       "of text of trace-cmd report, tracefs or perf script.",
       {std::begin(kImportFlags), std::end(kImportFlags)},
       RunImport},
      {"demo",
       "",
       "Replays a bundled trace of a real kernel through SLUB on a two-node machine.",
       {std::begin(kResultFlags), std::end(kResultFlags)},
       RunDemo},
      {"footprint",
       "",
       "Shows what the arrays of SLAB's CPUs cost in memory, for any number of CPUs and caches.",
       {std::begin(kFootprintFlags), std::end(kFootprintFlags)},
       RunFootprint},
      {"list",
       "allocators|machines|metrics",
       "Lists what there is to name, a line each.",
       {},
       RunList},
      {"report",
       "RESULT",
       "Prints the report of a run whose result was kept with --format=proto or json.",
       {std::begin(kResultFlags), std::end(kResultFlags)},
       RunReport},
      {"run", "--trace=TRACE|--workload=WORKLOAD",
       "Runs a trace or a synthetic workload through an allocator on a machine and reports where "
       "the cycles, misses, lock waits and bytes went.",
       RunFlags(), RunRun},
      {"trace dump",
       "TRACE",
       "Prints events, one a line, as tracefs does.",
       {std::begin(kTraceDumpFlags), std::end(kTraceDumpFlags)},
       RunTraceDump},
      {"trace info",
       "TRACE",
       "Shows what a trace holds: machine, events, repairs, sidecars, size.",
       {std::begin(kTraceInfoFlags), std::end(kTraceInfoFlags)},
       RunTraceInfo},
      {"trace slice",
       "TRACE",
       "Cuts a trace out of a trace: by time, CPU or number.",
       {std::begin(kTraceSliceFlags), std::end(kTraceSliceFlags)},
       RunTraceSlice},
      {"trace stat",
       "TRACE",
       "Shows what was allocated, as perf kmem stat does: totals, by call site, address and cache.",
       {std::begin(kTraceStatFlags), std::end(kTraceStatFlags)},
       RunTraceStat},
      {"trace validate",
       "TRACE...",
       "Checks the invariants of traces: order, objects, addresses, tables, counts.",
       {std::begin(kTraceValidateFlags), std::end(kTraceValidateFlags)},
       RunTraceValidate},
      {"verify",
       "FILE...",
       "Holds the models to what real kernels did: reference runs, recordings, /sys/kernel/slab, "
       "/proc/slabinfo.",
       {std::begin(kVerifyFlags), std::end(kVerifyFlags)},
       RunVerify},
      {"version", "", "Prints the version.", {}, RunVersion},
  };
  return commands;
}

}  // namespace slablab
