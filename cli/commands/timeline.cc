// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "reports/timeline.h"

#include <cstdio>
#include <memory>
#include <utility>

#include "absl/flags/declare.h"
#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/interrupt.h"
#include "base/printable.h"
#include "base/whole_file.h"
#include "cli/command.h"
#include "cli/flags.h"
#include "cli/output/print.h"
#include "cli/output/progress.h"
#include "cli/simulation_flags.h"
#include "cli/trace_selection.h"
#include "reports/comparison/setting.h"
#include "reports/numbers.h"
#include "runs/experiments/timeline_recorder.h"
#include "runs/simulation/simulation.h"

ABSL_DECLARE_FLAG(std::string, window);

namespace slablab {

namespace {

constexpr std::string_view kOwnFlags[] = {"window", "output"};
constexpr auto kFlags = Joined(kEverySwitch, kOwnFlags);

// Counters are drawn as lines: more points than a screen is wide are of no use.
constexpr int kFootprintSamples = 1000;

// What heads a report, for who is given the file alone.
void AddNotes(const RunResult& result, Timeline& timeline) {
  const Totals& totals = result.totals();
  const std::string loss = LossSentence(totals.trace_lost_events(), totals.trace_lost_unknown());
  if (!loss.empty()) Warn(loss);
  const std::vector<RunNamed> run = {{.label = "", .result = &result}};
  for (const std::string& sentence : HeadInWords(run)) timeline.AddNote(Printable(sentence));
  for (const std::string& assumption : result.assumptions())
    timeline.AddNote(Printable(assumption));
}

absl::Status SimulateAndWrite(SimulationOptions options, const TimeRange& window,
                              const std::string& path) {
  options.footprint_samples = kFootprintSamples;
  TimelineRecorder recorder({.from = window.from, .to = window.to});
  const InterruptScope interrupts;
  SimulationHooks hooks;
  hooks.progress = SimulationProgress("replay");
  hooks.stop = InterruptRequested;
  hooks.observer = &recorder;
  hooks.machine_observer = &recorder;
  const absl::StatusOr<RunResult> result = Simulate(options, hooks);
  hooks.progress = nullptr;  // The line goes.
  if (!result.ok()) return result.status();
  if (recorder.timeline() == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("there is no timeline of ", options.run.allocator(), ": it has no slabs"));
  }
  AddNotes(*result, *recorder.timeline());
  recorder.AddResult(*result);
  absl::StatusOr<std::unique_ptr<WholeFile>> file = WholeFile::Open(path);
  if (!file.ok()) return file.status();
  const absl::Status written =
      recorder.timeline()->Write([&](const std::string& piece) { return (*file)->Write(piece); });
  if (!written.ok()) return written;
  if (absl::Status status = (*file)->Commit(); !status.ok()) return status;
  Print(stderr, "slablab: {} for Perfetto's trace viewer in {}\n",
        Counted(recorder.timeline()->slices(), "slice", "slices"),
        path == "-" ? "standard output" : Printable(path));
  return absl::OkStatus();
}

int RunTimeline(const std::vector<std::string>& arguments) {
  const std::string path = absl::GetFlag(FLAGS_output);
  if (path.empty()) {
    return Fail(absl::InvalidArgumentError(
        "timeline writes a binary file: name it with -o FILE, or - for standard output"));
  }
  const absl::StatusOr<SimulationOptions> options =
      SimulationOptionsFromFlags("timeline", arguments);
  if (!options.ok()) return Fail(options.status());
  const std::string text = absl::GetFlag(FLAGS_window);
  const absl::StatusOr<TimeRange> window = ParseTimeRange(text.empty() ? "," : text, "window");
  if (!window.ok()) return Fail(window.status());
  const absl::Status status = SimulateAndWrite(*options, *window, path);
  if (absl::IsCancelled(status)) return kExitInterrupted;
  return status.ok() ? kExitOk : Fail(status);
}

}  // namespace

extern const Command kTimelineCommand = {
    .name = "timeline",
    .synopsis = "TRACE | --workload=WORKLOAD -o FILE",
    .summary =
        "Runs a trace or workload and writes what CPUs and tasks did when, for Perfetto's viewer.",
    .flags = kFlags,
    .run = RunTimeline,
};

}  // namespace slablab
