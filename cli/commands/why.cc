// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "runs/why/why.h"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "base/interrupt.h"
#include "base/left_behind.h"
#include "base/whole_file.h"
#include "cli/capture_flags.h"
#include "cli/command.h"
#include "cli/flags.h"
#include "cli/output/print.h"
#include "cli/output/progress.h"
#include "cli/output/terminal.h"
#include "cli/simulation_flags.h"
#include "cli/worker_flags.h"
#include "fmt/format.h"
#include "reports/message_json.h"
#include "reports/why/why_text.h"
#include "runs/recorded/bundled_traces.h"
#include "traces/capture/capture_trace.h"
#include "traces/import/import_trace.h"

ABSL_FLAG(uint64_t, seconds, 10,
          "N: without a COMMAND, record this machine for so many seconds; 0: until Ctrl-C.");
ABSL_FLAG(slablab::SemicolonList, try, {},
          "NAME=V,...: changes to try besides, as --vary of `compare` takes them; several NAMEs "
          "with ';' between them.");

namespace slablab {
namespace {

// It is a recording that is replayed, for what is done on whose behalf.
constexpr std::string_view kOwnFlags[] = {"seconds", "try",       "-trace",  "-workload",
                                          "-set",    "-scenario", "workers", "-call_sites",
                                          "limit",   "format",    "output"};
constexpr auto kFlags = Joined(kOwnFlags, kCaptureFlags, kEverySwitch);
constexpr Format kFormats[] = {Format::kText, Format::kJson, Format::kCsv, Format::kTsv,
                               Format::kHtml};
constexpr size_t kRowsShown = 5;

// A trace to look into.
struct Subject {
  std::string trace;
  std::string words;   // empty: the trace's name says it
  int interrupts = 0;  // those that came by now are no request to stop
};

// Counts as an interrupt, once the time is over, beside those of the user.
std::function<int()> InterruptsWithin(uint64_t seconds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  return [seconds, end] {
    return InterruptRequests() + (seconds > 0 && std::chrono::steady_clock::now() >= end ? 1 : 0);
  };
}

absl::StatusOr<Subject> Captured(const std::vector<std::string>& command, UndoRecord& record,
                                 RecordingFolder& folder, const std::string& trace) {
  absl::StatusOr<CaptureOptions> options = CaptureOptionsFromFlags(command);
  if (!options.ok()) return options.status();
  absl::StatusOr<std::unique_ptr<TraceWriter>> writer = TraceWriter::Create(trace, {});
  if (!writer.ok()) return writer.status();
  options->record = &record;
  Subject subject = {.trace = trace, .words = {}};
  if (command.empty()) {
    const uint64_t seconds = absl::GetFlag(FLAGS_seconds);
    options->interrupts = InterruptsWithin(seconds);
    Print(stderr, "slablab: recording{}; Ctrl-C ends it\n",
          seconds == 0 ? "" : fmt::format(" for {} s", seconds));
    subject.words = "this machine";
  } else {
    subject.words = absl::StrCat("this machine while '", absl::StrJoin(command, " "), "' ran");
  }
  const absl::StatusOr<CaptureResult> captured = CaptureTrace(*options, folder, **writer);
  if (!captured.ok()) return captured.status();
  for (const std::string& warning : captured->warnings) Warn(warning);
  subject.interrupts = InterruptRequests();
  return subject;
}

absl::StatusOr<Subject> Imported(const std::string& path, const std::string& trace) {
  absl::StatusOr<std::unique_ptr<TraceWriter>> writer = TraceWriter::Create(trace, {});
  if (!writer.ok()) return writer.status();
  const absl::StatusOr<Recording> recording = FindRecording(path);
  if (!recording.ok()) return recording.status();
  const ImportOptions options = {
      .to_replay = true, .interrupted = InterruptRequested, .progress = ImportProgress(path)};
  const absl::StatusOr<ImportSummary> summary =
      ImportTrace(*recording, options, **writer, (*writer)->header());
  if (!summary.ok()) return summary.status();
  if (absl::Status status = (*writer)->Finish(); !status.ok()) return status;
  return Subject{.trace = trace, .words = path};
}

// Whether it is a trace already; else it is a recording to be imported. REQUIRES: it is there.
bool IsTrace(const std::string& argument) {
  const absl::StatusOr<std::string> path = FindTrace(argument);
  return *path != argument || absl::EndsWith(argument, ".slt") ||
         TraceReader::Open(*path, TraceReader::Options()).ok();
}

absl::Status CheckNothingToCapture() {
  for (const std::string_view name : kCaptureFlags) {
    if (!WasGiven(name)) continue;
    return absl::InvalidArgumentError(
        fmt::format("--{} says how to record, and that has been done",
                    absl::StrReplaceAll(std::string(name), {{"_", "-"}})));
  }
  return WasGiven("seconds")
             ? absl::InvalidArgumentError("--seconds says how to record, and that has been done")
             : absl::OkStatus();
}

absl::StatusOr<WhyReport> WhyOf(const Subject& subject) {
  const absl::StatusOr<SimulationOptions> base = SimulationOptionsFromFlags("why", {subject.trace});
  if (!base.ok()) return base.status();
  const absl::StatusOr<int> workers = WorkersOfFlag();
  if (!workers.ok()) return workers.status();
  WhyOptions options;
  options.workers = *workers;
  options.stop = [&subject] { return InterruptRequests() > subject.interrupts; };
  options.progress = RunsProgress("why");
  options.subject = subject.words;
  options.further = absl::GetFlag(FLAGS_try).text;
  absl::StatusOr<WhyReport> report = Why(*base, options);
  constexpr size_t kVary = std::string_view("--vary=").size();
  if (absl::IsInvalidArgument(report.status()) &&
      absl::StartsWith(report.status().message(), "--vary=")) {
    // It is read as that flag of `compare`.
    return absl::InvalidArgumentError(
        absl::StrCat("--try=", report.status().message().substr(kVary)));
  }
  return report;
}

absl::StatusOr<WhyReport> WhyOfArguments(const std::vector<std::string>& arguments) {
  const std::optional<size_t> before = ArgumentsBeforeDashes();
  const bool captures = arguments.empty() || before == 0;
  if (!captures) {
    if (arguments.size() > 1 || before.has_value()) {
      return absl::InvalidArgumentError(
          "why takes one recording, or a command to record behind --, as in 'slablab why -- make "
          "-j8'");
    }
    if (absl::Status status = CheckNothingToCapture(); !status.ok()) return status;
    if (const auto found = FindTrace(arguments[0]); !found.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(found.status().message(), "; a command to record comes behind --"));
    }
    if (IsTrace(arguments[0])) return WhyOf({.trace = arguments[0], .words = {}});
  }
  const absl::StatusOr<std::unique_ptr<UndoRecord>> record = UndoRecord::Begin();
  if (!record.ok()) return record.status();
  // The trace has a folder of its own, as the recording's may be the user's.
  const auto own = RecordingFolder::Make("", **record);
  if (!own.ok()) return own.status();
  const std::string trace = (*own)->path() + "/recording.slt";
  if (!captures) {
    const absl::StatusOr<Subject> subject = Imported(arguments[0], trace);
    return subject.ok() ? WhyOf(*subject) : subject.status();
  }
  const auto folder = RecordingFolder::Make(absl::GetFlag(FLAGS_recording), **record);
  if (!folder.ok()) return folder.status();
  const absl::StatusOr<Subject> subject = Captured(arguments, **record, **folder, trace);
  return subject.ok() ? WhyOf(*subject) : subject.status();
}

std::string TextOf(const WhyReport& report, Format format) {
  const size_t rows = absl::GetFlag(FLAGS_limit).value_or(kRowsShown);
  switch (format) {
    case Format::kJson:
      return MessageToJson(report);
    case Format::kCsv:
      return WideText(WhyTable(report), Delimiter::kComma);
    case Format::kTsv:
      return WideText(WhyTable(report), Delimiter::kTab);
    case Format::kHtml:
      return WhyPage(report, rows);
    default:
      break;
  }
  const std::string output = absl::GetFlag(FLAGS_output);
  return WhyText(report, rows, (output.empty() || output == "-") && ColourWanted(stdout));
}

int RunWhy(const std::vector<std::string>& arguments) {
  const absl::StatusOr<Format> format = FormatAmong(kFormats);
  if (!format.ok()) return Fail(format.status());
  // One request ends the recording, one kills a command that goes on, one ends the replays.
  const InterruptScope scope(/*requests_max=*/3);
  const absl::StatusOr<WhyReport> report = WhyOfArguments(arguments);
  if (absl::IsCancelled(report.status())) return kExitInterrupted;
  if (!report.ok()) return Fail(report.status());
  const absl::Status written = WriteOutput(absl::GetFlag(FLAGS_output), TextOf(*report, *format));
  return written.ok() ? kExitOk : Fail(written);
}

}  // namespace

extern const Command kWhyCommand = {
    .name = "why",
    .synopsis = "[-- COMMAND...] | RECORDING | TRACE",
    .summary =
        "Says what this machine's allocator spends its time on, and what would change it: records "
        "while a command runs or for a time (needs root), or takes what was recorded; replays that "
        "through the recorded kernel's model, and once for each tunable, capacity and kernel that "
        "might do better.",
    .flags = kFlags,
    .formats = kFormats,
    .example =
        "slablab why -- make -j8\n"
        "slablab why linux-7.3-slub-c4n2-fork",
    .run = RunWhy,
};

}  // namespace slablab
