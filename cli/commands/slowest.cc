// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "reports/text/slowest.h"

#include <filesystem>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/interrupt.h"
#include "base/whole_file.h"
#include "cli/command.h"
#include "cli/flags.h"
#include "cli/output/print.h"
#include "cli/output/progress.h"
#include "cli/output/terminal.h"
#include "cli/simulation_flags.h"
#include "cli/trace_selection.h"
#include "fmt/format.h"
#include "reports/message_json.h"
#include "reports/numbers.h"
#include "reports/result_io.h"
#include "reports/tables.h"
#include "runs/experiments/printable.h"
#include "runs/simulation/simulation.h"
#include "traces/slt/trace.h"

ABSL_FLAG(std::string, window, "",
          "FROM,TO: only what begins in this time of the run, FROM included and TO not: seconds "
          "(1.2) or nanoseconds (1200000000ns). Either may be left out.");

namespace slablab {
namespace {

constexpr std::string_view kOwnFlags[] = {"window", "limit", "format", "output"};
constexpr auto kFlags = Joined(kEverySwitch, kOwnFlags);
constexpr Format kFormats[] = {Format::kText, Format::kJson, Format::kCsv, Format::kTsv};

constexpr size_t kShown = 20;
constexpr size_t kKeptMax = 10'000;

// A file that is there and no trace is taken for a result.
bool NamesResult(const std::vector<std::string>& arguments) {
  std::error_code error;  // a name too long for the system is no file's
  return arguments.size() == 1 && std::filesystem::is_regular_file(arguments[0], error) &&
         !TraceReader::Open(arguments[0], TraceReader::Options()).ok();
}

absl::StatusOr<RunResult> OfStored(const std::string& path, const TimeRange& window) {
  for (const std::string& flag : SwitchNames()) {
    if (!WasGiven(flag)) continue;
    return absl::InvalidArgumentError(
        fmt::format("--{}: {} is no trace, and a result is read as it was run", flag, path));
  }
  absl::StatusOr<RunResult> result = ReadResult(path);
  if (!result.ok()) return result.status();
  if (result->slowest().empty()) {
    return absl::InvalidArgumentError(fmt::format(
        "{}: it has no slowest operations: it is of a percpu allocator, or of a slablab before "
        "results had them",
        path));
  }
  google::protobuf::RepeatedPtrField<SlowOperation> inside;
  for (SlowOperation& operation : *result->mutable_slowest()) {
    if (operation.time_ns() < window.from || operation.time_ns() >= window.to) continue;
    operation.set_rank(static_cast<uint64_t>(inside.size() + 1));
    *inside.Add() = std::move(operation);
  }
  result->mutable_slowest()->Swap(&inside);
  return result;
}

absl::StatusOr<RunResult> OfRun(const std::vector<std::string>& arguments, const TimeRange& window,
                                size_t count) {
  const absl::StatusOr<SimulationOptions> options =
      SimulationOptionsFromFlags("slowest", arguments);
  if (!options.ok()) return options.status();
  const InterruptScope interrupts;
  SimulationHooks hooks;
  hooks.progress = SimulationProgress("replay");
  hooks.stop = InterruptRequested;
  hooks.slowest = {.count = count, .from = window.from, .to = window.to};
  absl::StatusOr<RunResult> result = Simulate(*options, hooks);
  if (!result.ok()) return result;
  if (result->slowest().empty() && result->has_percpu() && result->caches().empty()) {
    return absl::InvalidArgumentError(
        fmt::format("{}: it has no slabs; the slowest are of slab allocators' operations",
                    options->run.allocator()));
  }
  MakePrintable(&*result);
  return result;
}

std::string TextOf(const RunResult& result, Format format, size_t limit) {
  if (format == Format::kText) {
    const std::string output = absl::GetFlag(FLAGS_output);
    TextOptions options;
    options.colour = (output.empty() || output == "-") && ColourWanted(stdout);
    options.rows_max = limit;
    return SlowestText(result, options);
  }
  // These are lists of operations, and have no place for it.
  const Totals& totals = result.totals();
  const std::string loss = LossSentence(totals.trace_lost_events(), totals.trace_lost_unknown());
  if (!loss.empty()) Warn(loss);
  RunResult shown;
  for (const SlowOperation& operation : result.slowest()) {
    if (limit != 0 && static_cast<size_t>(shown.slowest_size()) == limit) break;
    *shown.add_slowest() = operation;
  }
  if (format == Format::kJson) {
    std::string text = "[";
    for (const SlowOperation& operation : shown.slowest()) {
      text += (text.size() == 1 ? "\n" : ",\n") + MessageToJson(operation);
    }
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return text + "\n]\n";
  }
  for (DataTable& table : DataTables(shown)) {
    if (table.name != "slowest") continue;
    return WideText(table, format == Format::kCsv ? Delimiter::kComma : Delimiter::kTab);
  }
  return "";
}

int RunSlowest(const std::vector<std::string>& arguments) {
  const absl::StatusOr<Format> format = FormatAmong(kFormats);
  if (!format.ok()) return Fail(format.status());
  const std::string text = absl::GetFlag(FLAGS_window);
  const absl::StatusOr<TimeRange> window = ParseTimeRange(text.empty() ? "," : text, "window");
  if (!window.ok()) return Fail(window.status());
  const size_t limit = absl::GetFlag(FLAGS_limit).value_or(kShown);
  if (limit > kKeptMax) {
    return Fail(
        BadFlag("limit", fmt::format("{}", limit), fmt::format("at most {} are kept", kKeptMax)));
  }
  const absl::StatusOr<RunResult> result =
      NamesResult(arguments) ? OfStored(arguments[0], *window)
                             : OfRun(arguments, *window, std::max(limit, size_t{100}));
  if (absl::IsCancelled(result.status())) return kExitInterrupted;
  if (!result.ok()) return Fail(result.status());
  const absl::Status written =
      WriteOutput(absl::GetFlag(FLAGS_output), TextOf(*result, *format, limit));
  return written.ok() ? kExitOk : Fail(written);
}

}  // namespace

extern const Command kSlowestCommand = {
    .name = "slowest",
    .synopsis = "TRACE | RESULT | --workload=WORKLOAD",
    .summary =
        "Lists the slowest operations of a run: when, where, whose, and what each waited for.",
    .flags = kFlags,
    .formats = kFormats,
    .run = RunSlowest,
};

}  // namespace slablab
