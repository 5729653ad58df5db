// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "cli/result_output.h"

#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_split.h"
#include "base/names.h"
#include "base/whole_file.h"
#include "cli/command.h"
#include "cli/output/terminal.h"
#include "cli/symbol_flags.h"
#include "fmt/format.h"
#include "reports/comparison/headline.h"
#include "reports/html/html_report.h"
#include "reports/message_json.h"
#include "reports/numbers.h"
#include "reports/percpu_stats.h"
#include "reports/result_io.h"
#include "reports/slabinfo.h"
#include "reports/sqlite/sqlite_file.h"
#include "reports/tables.h"
#include "reports/text/mail.h"
#include "reports/text/text.h"

ABSL_FLAG(std::string, table, "",
          "NAME: with --format=csv or tsv, this table alone, a column for each field, instead of "
          "all tables with a value a line.");

ABSL_FLAG(slablab::CommaList, queues, {},
          "LIST,...: lists to show in the text of what each cache's queues hold at the end: slabs, "
          "queue, shared, alien, or all.");

ABSL_FLAG(std::string, base, "",
          "LABEL: the run that the others are measured against, by the name that the report has "
          "for it; by default the first.");

namespace slablab {
namespace {

// What --queues asks for.
absl::StatusOr<std::vector<std::string>> QueueLists() {
  const std::string flag = absl::GetFlag(FLAGS_queues).text;
  if (flag == "all") return std::vector<std::string>(kQueueLists.begin(), kQueueLists.end());
  std::vector<std::string> lists = absl::StrSplit(flag, ',', absl::SkipEmpty());
  for (const std::string& list : lists) {
    if (std::find(kQueueLists.begin(), kQueueLists.end(), list) != kQueueLists.end()) continue;
    std::vector<std::string> names = NameList(kQueueLists);
    names.emplace_back("all");
    return BadFlag("queues", flag, UnknownNameText("list of queues", list, names));
  }
  return lists;
}

absl::StatusOr<std::string> TableText(const RunResult& result, Delimiter delimiter) {
  const std::string name = absl::GetFlag(FLAGS_table);
  if (name.empty()) return LongText(DataTables(result), delimiter);
  const absl::StatusOr<DataTable> table = FindTable(DataTables(result), name);
  if (!table.ok()) return table.status();
  return WideText(*table, delimiter);
}

absl::StatusOr<std::string> SetTableText(ResultSet set, Delimiter delimiter) {
  const std::string name = absl::GetFlag(FLAGS_table);
  const std::vector<DataTable> tables = ComparisonTables(set);
  if (name.empty()) return LongText(tables, delimiter);
  const absl::StatusOr<DataTable> table = FindTable(tables, name);
  if (!table.ok()) return table.status();
  return WideText(*table, delimiter);
}

TextOptions TextOptionsOfFlags() {
  TextOptions options;
  const std::string output = absl::GetFlag(FLAGS_output);
  options.colour = (output.empty() || output == "-") && ColourWanted(stdout);
  options.rows_max = absl::GetFlag(FLAGS_limit).value_or(options.rows_max);
  if (absl::StatusOr<std::vector<std::string>> lists = QueueLists(); lists.ok()) {
    options.queue_lists = *std::move(lists);
  }
  return options;
}

// A line a run, those with further seeds behind the first.
std::string JsonLines(ResultSet set) {
  std::string lines;
  for (const LabelledResult& run : set) {
    size_t repeat = 0;
    const auto add = [&](const RunResult& result) {
      lines += fmt::format("{{\"label\":{},\"repeat\":{},\"result\":{}}}\n", JsonString(run.label),
                           repeat++, MessageToJsonLine(result));
    };
    add(run.result);
    for (const RunResult& further : run.further) add(further);
  }
  return lines;
}

absl::StatusOr<std::string> SetText(ResultSet set, Format format,
                                    const std::vector<Words>& commands) {
  switch (format) {
    case Format::kText:
      return ComparisonText(set, TextOptionsOfFlags());
    case Format::kMail:
      return MailText(SidesOf(set), ShortTitle(set, kMailColumns), commands);
    case Format::kCsv:
      return SetTableText(set, Delimiter::kComma);
    case Format::kTsv:
      return SetTableText(set, Delimiter::kTab);
    case Format::kHtml:
      return HtmlReport(set, ComparisonTitle(set));
    case Format::kJsonLines:
      return JsonLines(set);
    case Format::kSqlite:
      return SqliteFile(set);
    case Format::kJson:
    case Format::kProto: {
      RunResults results;
      for (const LabelledResult& run : set) {
        LabelledRun& labelled = *results.add_runs();
        labelled.set_label(run.label);
        *labelled.mutable_result() = run.result;
        for (const RunResult& further : run.further) *labelled.add_further() = further;
      }
      return format == Format::kJson ? ToJson(results) : Serialize(results);
    }
    case Format::kSlabinfo:
    case Format::kPercpuStats:
      break;
  }
  return absl::InternalError("no such format");
}

// For forms that are the kernel's and have no place for it.
void WarnOfLosses(const RunResult& result) {
  const Totals& totals = result.totals();
  const std::string loss = LossSentence(totals.trace_lost_events(), totals.trace_lost_unknown());
  if (!loss.empty()) Warn(loss);
}

absl::StatusOr<std::string> ResultText(const RunResult& result, Format format,
                                       const std::vector<Words>& commands) {
  switch (format) {
    case Format::kText:
      return TextReport(result, TextOptionsOfFlags());
    case Format::kMail:
      return RunMailText(result, commands);
    case Format::kJson:
      return ToJson(result);
    case Format::kCsv:
      return TableText(result, Delimiter::kComma);
    case Format::kTsv:
      return TableText(result, Delimiter::kTab);
    case Format::kSlabinfo:
      WarnOfLosses(result);
      return SlabInfoText(result);
    case Format::kPercpuStats:
      if (!result.has_percpu()) {
        return absl::InvalidArgumentError("--format=percpu_stats: the run has no percpu allocator");
      }
      WarnOfLosses(result);
      return PercpuStatsText(result);
    case Format::kProto:
      return Serialize(result);
    case Format::kHtml:
    case Format::kJsonLines:
    case Format::kSqlite:
      return SetText(Labelled({result}), format, commands);
  }
  return absl::InternalError("no such format");
}

// --table goes with tables alone, and names one of `tables`.
absl::Status CheckTable(Format format, const std::vector<DataTable>& tables) {
  const std::string table = absl::GetFlag(FLAGS_table);
  if (table.empty()) return absl::OkStatus();
  if (format != Format::kCsv && format != Format::kTsv) {
    return absl::InvalidArgumentError("--table is for --format=csv and --format=tsv");
  }
  return FindTable(tables, table).status();
}

}  // namespace

absl::Status CheckDestination(Format format) {
  const std::string output = absl::GetFlag(FLAGS_output);
  const bool is_terminal = (output.empty() || output == "-") && isatty(STDOUT_FILENO) != 0;
  if (format != Format::kSqlite || !is_terminal) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "--format=sqlite is nothing for a terminal: name a file with -o FILE");
}

absl::Status CheckResultFlags() {
  if (absl::Status status = CheckSymbolFlags(); !status.ok()) return status;
  const absl::StatusOr<Format> format = FormatAmong(kResultFormats);
  if (!format.ok()) return format.status();
  const absl::StatusOr<std::vector<std::string>> lists = QueueLists();
  if (!lists.ok()) return lists.status();
  if (!lists->empty() && *format != Format::kText) {
    return absl::InvalidArgumentError("--queues is for --format=text; the others have all states");
  }
  if (absl::Status status = CheckDestination(*format); !status.ok()) return status;
  return CheckTable(*format, DataTables(RunResult()));
}

absl::Status CheckSetFlags() {
  if (absl::Status status = CheckSymbolFlags(); !status.ok()) return status;
  const absl::StatusOr<Format> format = FormatAmong(kSetFormats);
  if (!format.ok()) return format.status();
  if (absl::Status status = CheckDestination(*format); !status.ok()) return status;
  const LabelledResult none;
  return CheckTable(*format, ComparisonTables({&none, 1}));
}

absl::Status WriteResult(const RunResult& result, const std::vector<Words>& commands) {
  if (absl::Status status = CheckResultFlags(); !status.ok()) return status;
  RunResult named = result;
  if (absl::Status status = NameCallersByFlags(&named); !status.ok()) return status;
  const absl::StatusOr<std::string> text =
      ResultText(named, absl::GetFlag(FLAGS_format), commands);
  if (!text.ok()) return text.status();
  return WriteOutput(absl::GetFlag(FLAGS_output), *text);
}

absl::Status CheckBase(const std::vector<std::string>& labels) {
  const std::string base = absl::GetFlag(FLAGS_base);
  if (base.empty() || std::find(labels.begin(), labels.end(), base) != labels.end()) {
    return absl::OkStatus();
  }
  return BadFlag("base", base, UnknownNameText("run", base, labels));
}

absl::Status ApplyBase(std::vector<LabelledResult>* set) {
  const std::string base = absl::GetFlag(FLAGS_base);
  if (base.empty()) return absl::OkStatus();
  std::vector<std::string> labels;
  for (const LabelledResult& run : *set) labels.push_back(run.label);
  if (absl::Status status = CheckBase(labels); !status.ok()) return status;
  const auto at = std::find(labels.begin(), labels.end(), base) - labels.begin();
  std::rotate(set->begin(), set->begin() + at, set->begin() + at + 1);
  return absl::OkStatus();
}

absl::Status WriteSet(ResultSet set, const std::vector<Words>& commands) {
  if (absl::Status status = CheckSetFlags(); !status.ok()) return status;
  std::vector<LabelledResult> named(set.begin(), set.end());
  for (LabelledResult& run : named) {
    if (absl::Status status = NameCallersByFlags(&run.result); !status.ok()) return status;
  }
  const absl::StatusOr<std::string> text = SetText(named, absl::GetFlag(FLAGS_format), commands);
  if (!text.ok()) return text.status();
  return WriteOutput(absl::GetFlag(FLAGS_output), *text);
}

absl::Status WriteHtml(ResultSet set, const std::string& path) {
  return WriteOutput(path, HtmlReport(set, ComparisonTitle(set)));
}

}  // namespace slablab
