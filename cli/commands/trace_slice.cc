// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "absl/flags/flag.h"
#include "absl/status/statusor.h"
#include "base/interrupt.h"
#include "base/printable.h"
#include "cli/command.h"
#include "cli/flags.h"
#include "cli/output/print.h"
#include "cli/output/wrap.h"
#include "cli/trace_selection.h"
#include "fmt/format.h"
#include "traces/slice.h"
#include "traces/slt/trace.h"

namespace slablab {
namespace {

constexpr std::string_view kFlags[] = {"output", "time", "cpus", "events", "salvage"};

int RunTraceSlice(const std::vector<std::string>& arguments) {
  const absl::StatusOr<std::string> path = OnlyTrace("trace slice", arguments);
  if (!path.ok()) return Fail(path.status());
  const std::string output = absl::GetFlag(FLAGS_output);
  if (output.empty() || output == "-") {
    return Fail(absl::InvalidArgumentError("trace slice writes a file: say which with -o OUT.slt"));
  }
  const absl::StatusOr<TraceReader::Options> selection = SelectionFromFlags();
  if (!selection.ok()) return Fail(selection.status());
  const InterruptScope scope;
  // Opened for what salvaging has to say.
  if (selection->salvage) {
    const auto reader = OpenTrace(*path, *selection);
    if (!reader.ok()) return Fail(reader.status());
  }
  const absl::StatusOr<SliceSummary> summary =
      SliceTrace(*path, *selection, output, {.interrupted = InterruptRequested});
  if (absl::IsCancelled(summary.status())) return kExitInterrupted;
  if (!summary.ok()) return Fail(summary.status());
  std::string text;
  AppendRow(&text, fmt::format("{:>10}", summary->events), "events", 14);
  AppendRow(&text, fmt::format("{:>10}", summary->live_at_start),
            "objects were live in the whole trace when the slice begins", 14);
  AppendRow(&text, fmt::format("{:>10}", summary->frees_predating),
            "frees are of objects allocated outside of the slice", 14);
  AppendRow(&text, fmt::format("{:>10}", summary->live_at_end),
            "objects allocated in the slice are not freed in it", 14);
  Print(stdout, "{}: a slice of {}\n{}", Printable(output), Printable(*path), text);
  return kExitOk;
}

}  // namespace

extern const Command kTraceSliceCommand = {
    .name = "trace slice",
    .synopsis = "TRACE",
    .summary = "Cuts a trace out of a trace: by time, CPU or number.",
    .flags = kFlags,
    .run = RunTraceSlice,
};

}  // namespace slablab
