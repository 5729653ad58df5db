// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <array>
#include <limits>
#include <memory>

#include "absl/flags/flag.h"
#include "absl/status/statusor.h"
#include "cli/command.h"
#include "cli/flags.h"
#include "cli/output/print.h"
#include "cli/output/progress.h"
#include "cli/trace_selection.h"
#include "fmt/format.h"
#include "runs/experiments/printable.h"
#include "runs/recorded/bundled_traces.h"
#include "traces/slt/trace.h"
#include "traces/validate.h"

namespace slablab {
namespace {

constexpr std::string_view kFlags[] = {"limit", "salvage"};

constexpr uint64_t kViolationsShown = 20;

// Answers whether the trace keeps every invariant.
absl::StatusOr<bool> Validate(const std::string& path, uint64_t violations_max) {
  absl::StatusOr<std::unique_ptr<TraceReader>> reader =
      OpenTrace(path, {.salvage = absl::GetFlag(FLAGS_salvage)});
  if (!reader.ok()) return reader.status();
  const TraceHeader& header = (*reader)->header();
  TraceValidator validator(header, violations_max);
  Progress progress({.what = "validating " + path, .unit = "events", .total = header.event_count});
  std::array<Event, 1024> events;
  for (;;) {
    const absl::StatusOr<size_t> count = (*reader)->Read(absl::MakeSpan(events));
    if (!count.ok()) return count.status();
    if (*count == 0) break;
    for (size_t i = 0; i < *count; ++i) validator.Check(events[i]);
    progress.Update(validator.events());
  }
  validator.CheckHeader();
  progress.Erase();
  const std::string name = Printable(path);
  for (const Violation& violation : validator.violations()) {
    Print(stdout, "{}: event {}: {}\n", name, violation.event, violation.what);
  }
  if (const size_t shown = validator.violations().size(); validator.violation_count() > shown) {
    Print(stdout, "{}: and {} more; --limit=0 shows all\n", name,
          validator.violation_count() - shown);
  }
  std::string explained;
  if (validator.explained_by_loss() > 0) {
    explained =
        fmt::format(" ({} more that missing events explain)", validator.explained_by_loss());
  }
  Print(stdout, "{}: {} events, {} live at the end, {} violations{}\n", name, validator.events(),
        validator.live_count(), validator.violation_count(), explained);
  return validator.violation_count() == 0;
}

int RunTraceValidate(const std::vector<std::string>& arguments) {
  if (arguments.empty()) {
    return Fail(absl::InvalidArgumentError("trace validate takes traces: TRACE.slt..."));
  }
  uint64_t limit = absl::GetFlag(FLAGS_limit).value_or(kViolationsShown);
  if (limit == 0) limit = std::numeric_limits<uint64_t>::max();
  int exit_status = kExitOk;
  for (const std::string& name : arguments) {
    const absl::StatusOr<std::string> path = FindTrace(name);
    if (!path.ok()) return Fail(path.status());
    const absl::StatusOr<bool> valid = Validate(*path, limit);
    if (!valid.ok()) return Fail(valid.status());
    if (!*valid) exit_status = kExitDifference;
  }
  return exit_status;
}

}  // namespace

extern const Command kTraceValidateCommand = {
    .name = "trace validate",
    .synopsis = "TRACE...",
    .summary = "Checks the invariants of traces: order, objects, addresses, tables, counts.",
    .flags = kFlags,
    .run = RunTraceValidate,
};

}  // namespace slablab
