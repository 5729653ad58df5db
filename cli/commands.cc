// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "cli/commands.h"

#include <cstdio>
#include <iterator>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/names.h"
#include "cli/cmd_capture.h"
#include "cli/cmd_check.h"
#include "cli/cmd_compare.h"
#include "cli/cmd_diff.h"
#include "cli/cmd_footprint.h"
#include "cli/cmd_import.h"
#include "cli/cmd_list.h"
#include "cli/cmd_report.h"
#include "cli/cmd_run.h"
#include "cli/cmd_sweep.h"
#include "cli/cmd_timeline.h"
#include "cli/cmd_trace.h"
#include "cli/cmd_trace_stat.h"
#include "cli/cmd_verify.h"
#include "cli/cmd_workload.h"
#include "cli/completion.h"
#include "cli/help.h"
#include "cli/man_page.h"
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

int RunCompletion(const std::vector<std::string>& arguments) {
  if (arguments != std::vector<std::string>{"bash"}) {
    return Fail(arguments.size() == 1
                    ? UnknownName("shell", arguments[0], {"bash"})
                    : absl::InvalidArgumentError("completion for what shell? there is: bash"));
  }
  Print(stdout, "{}", BashCompletion(Commands()));
  return kExitOk;
}

int RunMan(const std::vector<std::string>& arguments) {
  if (!arguments.empty()) return Fail(absl::InvalidArgumentError("man takes no arguments"));
  Print(stdout, "{}", ManPage(Commands()));
  return kExitOk;
}

int RunVersion(const std::vector<std::string>& arguments) {
  if (!arguments.empty()) return Fail(absl::InvalidArgumentError("version takes no arguments"));
  Print(stdout, "slablab {}\n", kVersion);
  return kExitOk;
}

std::vector<std::string_view> RunFlags() {
  std::vector<std::string_view> flags(std::begin(kSimulationFlags), std::end(kSimulationFlags));
  flags.emplace_back("operations");
  flags.insert(flags.end(), std::begin(kResultFlags), std::end(kResultFlags));
  return flags;
}

std::vector<std::string_view> CompareFlags() {
  std::vector<std::string_view> flags = RunFlags();
  flags.insert(flags.begin(), std::begin(kCompareFlags), std::end(kCompareFlags));
  return flags;
}

std::vector<std::string_view> TimelineFlags() {
  std::vector<std::string_view> flags(std::begin(kSimulationFlags), std::end(kSimulationFlags));
  flags.push_back("output");
  return flags;
}

std::vector<std::string_view> DemoFlags() {
  std::vector<std::string_view> flags(std::begin(kDemoFlags), std::end(kDemoFlags));
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
      {"diff",
       "A B",
       "Finds the first operation at which two runs part, and shows it, what came before, and the "
       "state of its cache in both. Each is a result, a run as a .textproto, or a log of "
       "run --operations. Exit status 1 if they part.",
       {std::begin(kDiffFlags), std::end(kDiffFlags)},
       RunDiffCommand,
       "slablab diff before.textproto after.textproto\n"
       "slablab diff --trace=fork.slt before.pb after.pb"},
      {"import",
       "RECORDING",
       "Makes a trace of a recording: of a folder with trace.dat and its sidecars, of a trace.dat "
       "or perf.data, or of text of trace-cmd report, tracefs or perf script; - is standard input.",
       {std::begin(kImportFlags), std::end(kImportFlags)},
       RunImport},
      {"check",
       "SUITE.textproto [POINT...]",
       "Runs a suite and holds each run to its baseline: the end state exactly, and metrics within "
       "their tolerances. Exit status 1 if any moved.",
       {std::begin(kCheckFlags), std::end(kCheckFlags)},
       RunCheck,
       "slablab check tests/regression/suite.textproto --junit=check.xml\n"
       "slablab check tests/regression/suite.textproto --update"},
      {"compare",
       "TRACE | --workload=WORKLOAD | RESULT...",
       "Runs one workload through several allocators, on several machines or with several values "
       "of "
       "something, or takes results that "
       "were kept, and says what differs and why: in words, A/B tables, or charts (--format=html).",
       CompareFlags(),
       RunCompare,
       "",
       {std::begin(kSetFormats), std::end(kSetFormats)}},
      {"completion",
       "bash",
       "Prints a script that completes slablab's command line in bash.",
       {},
       RunCompletion,
       "source <(slablab completion bash)"},
      {"demo",
       "",
       "Compares every allocator on a bundled trace of a real kernel, and leaves an HTML report.",
       DemoFlags(),
       RunDemo,
       "",
       {std::begin(kSetFormats), std::end(kSetFormats)}},
      {"footprint",
       "",
       "Shows what the arrays of SLAB's CPUs cost in memory, for any number of CPUs and caches.",
       {std::begin(kFootprintFlags), std::end(kFootprintFlags)},
       RunFootprint,
       "",
       {std::begin(kFootprintFormats), std::end(kFootprintFormats)}},
      {"list",
       ListTopics(),
       "Lists what there is to name, each with what it means: models, their quirks and tunables "
       "with "
       "ranges, presets of machines, bundled traces, workloads with their parameters and what they "
       "use and why, metrics, and the tables of --table with their columns.",
       {std::begin(kListFlags), std::end(kListFlags)},
       RunList,
       "slablab list tunables",
       {std::begin(kListFormats), std::end(kListFormats)}},
      {"man", "", "Prints the manual page.", {}, RunMan, "slablab man | man -l -"},
      {"report",
       "RESULT...",
       "Prints the report of a run whose result was kept with --format=proto or json; of several, "
       "the comparison.",
       {std::begin(kResultFlags), std::end(kResultFlags)},
       RunReport,
       "",
       {std::begin(kResultFormats), std::end(kResultFormats)}},
      {"run",
       "TRACE | --workload=WORKLOAD",
       "Runs a trace or a synthetic workload through an allocator on a machine and reports where "
       "the cycles, misses, lock waits and bytes went.",
       RunFlags(),
       RunRun,
       "",
       {std::begin(kResultFormats), std::end(kResultFormats)}},
      {"sweep merge",
       "SWEEP.textproto",
       "Prints one report of all points of a sweep; the same bytes however they were done.",
       {std::begin(kSweepMergeFlags), std::end(kSweepMergeFlags)},
       RunSweepMerge,
       "slablab sweep merge scaling.textproto --metrics=cycles_per_operation",
       {std::begin(kSweepMergeFormats), std::end(kSweepMergeFormats)}},
      {"sweep plan",
       "SWEEP.textproto",
       "Lists the points of a sweep: allocators, machines, sizes and what else it varies.",
       {std::begin(kSweepPlanFlags), std::end(kSweepPlanFlags)},
       RunSweepPlan,
       "slablab sweep plan scaling.textproto --shard=1/8"},
      {"sweep run",
       "SWEEP.textproto",
       "Does the points of a sweep that are not done yet, over this machine's CPUs; stopped by "
       "whatever means, it goes on where it was.",
       {std::begin(kSweepRunFlags), std::end(kSweepRunFlags)},
       RunSweepRun,
       "slablab sweep run scaling.textproto\n"
       "sbatch --array=1-8 --wrap \\\n"
       "  'slablab sweep run scaling.textproto --shard=$SLURM_ARRAY_TASK_ID/8'"},
      {"timeline", "TRACE | --workload=WORKLOAD -o FILE",
       "Runs a trace or workload and writes what each CPU did when, for Perfetto's trace viewer.",
       TimelineFlags(), RunTimeline},
      {"trace dump",
       "TRACE",
       "Prints events, one a line, as tracefs does.",
       {std::begin(kTraceDumpFlags), std::end(kTraceDumpFlags)},
       RunTraceDump},
      {"trace info",
       "TRACE",
       "Shows what a trace holds: machine, events, repairs, sidecars, size.",
       {std::begin(kTraceInfoFlags), std::end(kTraceInfoFlags)},
       RunTraceInfo,
       "",
       {std::begin(kTraceInfoFormats), std::end(kTraceInfoFormats)}},
      {"trace slice",
       "TRACE",
       "Cuts a trace out of a trace: by time, CPU or number.",
       {std::begin(kTraceSliceFlags), std::end(kTraceSliceFlags)},
       RunTraceSlice},
      {"trace stat",
       "TRACE",
       "Shows what was allocated, as perf kmem stat does: totals, by call site, address and cache.",
       {std::begin(kTraceStatFlags), std::end(kTraceStatFlags)},
       RunTraceStat,
       "",
       {std::begin(kTraceStatFormats), std::end(kTraceStatFormats)}},
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
       RunVerify,
       "",
       {std::begin(kVerifyFormats), std::end(kVerifyFormats)}},
      {"version", "", "Prints the version.", {}, RunVersion},
      {"workload show",
       "WORKLOAD",
       "Shows a workload's textproto: what it does, what it uses and why, its parameters.",
       {},
       RunWorkloadShow},
      {"workload write",
       "WORKLOAD",
       "Runs a synthetic workload and writes what it did as a trace.",
       {std::begin(kWorkloadWriteFlags), std::end(kWorkloadWriteFlags)},
       RunWorkloadWrite},
  };
  return commands;
}

}  // namespace slablab
