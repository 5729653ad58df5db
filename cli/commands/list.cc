// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <string_view>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/names.h"
#include "base/whole_file.h"
#include "cli/command.h"
#include "cli/flags.h"
#include "cli/listings.h"
#include "cli/output/wrap.h"
#include "fmt/format.h"
#include "reports/message_json.h"
#include "reports/tables.h"

namespace slablab {
namespace {

constexpr std::string_view kFlags[] = {"format", "output"};
constexpr Format kFormats[] = {Format::kText, Format::kTsv, Format::kCsv, Format::kJson};

constexpr std::string_view kTopics =
    "allocators|machines|metrics|policies|quirks|schema|tables|traces|tunables|workloads";

std::string Text(const Listing& listing) {
  std::string text;
  for (const Listing::Paragraph& paragraph : listing.text) {
    if (paragraph.is_heading) {
      if (!text.empty()) text += '\n';
      AppendRow(&text, "", paragraph.left, 0);
    } else {
      AppendRow(&text, paragraph.left, paragraph.right, listing.indent + paragraph.further);
    }
  }
  return text;
}

// An array of objects, each value under its column's name.
std::string Json(const DataTable& table) {
  std::string text = "[";
  for (const std::vector<std::string>& row : table.rows) {
    text += text == "[" ? "\n" : ",\n";
    text += " {";
    for (size_t i = 0; i < row.size(); ++i) {
      text += fmt::format("{}{}: {}", i == 0 ? "" : ", ", JsonString(table.columns[i]),
                          JsonString(row[i]));
    }
    text += "}";
  }
  return text + "\n]\n";
}

absl::StatusOr<Listing> ListingOf(const std::string& topic) {
  if (topic == "allocators") return ListOfAllocators();
  if (topic == "machines") return ListOfMachines();
  if (topic == "metrics") return ListOfMetrics();
  if (topic == "policies") return ListOfPolicies();
  if (topic == "quirks") return ListOfQuirks();
  if (topic == "schema") return ListOfSchema();
  if (topic == "tables") return ListOfTables();
  if (topic == "traces") return ListOfTraces();
  if (topic == "tunables") return ListOfTunables();
  if (topic == "workloads") return ListOfWorkloads();
  const std::string topics(kTopics);
  const std::vector<std::string> names = absl::StrSplit(topics, '|');
  if (!topic.empty()) return UnknownName("list", topic, names);
  return absl::InvalidArgumentError(
      fmt::format("list what? There are: {}", absl::StrJoin(names, ", ")));
}

int RunList(const std::vector<std::string>& arguments) {
  if (arguments.size() > 1) {
    return Fail(absl::InvalidArgumentError(
        fmt::format("list takes one thing at a time, not '{}'", absl::StrJoin(arguments, " "))));
  }
  const absl::StatusOr<Format> format = FormatAmong(kFormats);
  if (!format.ok()) return Fail(format.status());
  const absl::StatusOr<Listing> listing = ListingOf(arguments.empty() ? "" : arguments[0]);
  if (!listing.ok()) return Fail(listing.status());
  std::string text;
  if (*format == Format::kText) text = Text(*listing);
  if (*format == Format::kTsv) text = WideText(listing->data, Delimiter::kTab);
  if (*format == Format::kCsv) text = WideText(listing->data, Delimiter::kComma);
  if (*format == Format::kJson) text = Json(listing->data);
  const absl::Status written = WriteOutput(absl::GetFlag(FLAGS_output), text);
  return written.ok() ? kExitOk : Fail(written);
}

}  // namespace

extern const Command kListCommand = {
    .name = "list",
    .synopsis = kTopics,
    .summary =
        "Lists what there is to name, each with what it means: models, their policies, quirks "
        "and tunables with ranges, presets of machines, bundled traces, workloads with their "
        "parameters and "
        "what they use and why, metrics, the tables of --table with their columns, and those of "
        "--format=sqlite with their columns' units and meanings.",
    .flags = kFlags,
    .formats = kFormats,
    .example = "slablab list tunables",
    .run = RunList,
};

}  // namespace slablab
