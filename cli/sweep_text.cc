// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "cli/sweep_text.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "base/check.h"
#include "base/names.h"
#include "cli/reproduce.h"
#include "cli/sweep_sides.h"
#include "fmt/format.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "reports/comparison/headline.h"
#include "reports/comparison/setting.h"
#include "reports/delta.h"
#include "reports/message_json.h"
#include "reports/metrics.h"
#include "reports/numbers.h"
#include "reports/sqlite/sqlite_file.h"
#include "reports/tables.h"
#include "reports/text/fitted_table.h"
#include "reports/text/text_page.h"

namespace slablab {
namespace {

namespace pb = google::protobuf;

constexpr std::string_view kUsualMetrics[] = {"cycles_per_operation", "alloc_cycles_mean",
                                              "free_cycles_mean",     "transfers_remote",
                                              "lock_wait_cycles",     "peak_slab_bytes"};

// Before them, where workloads count what they do.
constexpr std::string_view kWorkMetric = "work_per_second";

bool HasWork(const SweepReport& report) {
  const Metric& metric = *FindMetric(kWorkMetric);
  return std::any_of(report.points().begin(), report.points().end(), [&](const auto& point) {
    return point.has_result() && metric.of(point.result()).has_value();
  });
}

FittedTable::Column::Side SideOf(bool left) {
  return left ? FittedTable::Column::kLeft : FittedTable::Column::kRight;
}

bool IsNumber(const std::string& text) {
  return !text.empty() && text.find_first_not_of("-0123456789") == std::string::npos;
}

// One value of an axis in a table; a file without its folder.
std::string Shown(const std::string& axis, const std::string& value) {
  const size_t slash = value.rfind('/');
  const bool is_file = axis == "workload" || axis == "machine";
  return is_file && slash != std::string::npos ? value.substr(slash + 1) : value;
}

// Which axes are of numbers only.
std::vector<bool> LeftAxes(const SweepReport& report) {
  std::vector<bool> left(static_cast<size_t>(report.axes_size()));
  for (const SweepPointReport& point : report.points()) {
    for (int i = 0; i < point.values_size(); ++i) {
      if (!IsNumber(point.values(i))) left[static_cast<size_t>(i)] = true;
    }
  }
  return left;
}

std::vector<std::string> ValuesOf(const SweepReport& report, const SweepPointReport& point) {
  std::vector<std::string> values;
  for (int i = 0; i < point.values_size(); ++i) {
    values.push_back(Shown(report.axes(i), point.values(i)));
  }
  return values;
}

// What the traces of the points lack, each once.
void AppendLosses(const SweepReport& report, TextPage& page) {
  std::set<std::string> said;
  for (const SweepPointReport& point : report.points()) {
    const Totals& totals = point.result().totals();
    const std::string loss = LossSentence(totals.trace_lost_events(), totals.trace_lost_unknown());
    if (loss.empty()) continue;
    const std::string sentence = fmt::format("{}: {}", point.result().config().trace(), loss);
    if (said.insert(sentence).second) page.Labelled("LOST", sentence);
  }
}

// Machines, kernels, rounding and what was folded: what every report's head says.
void AppendSetting(const SweepReport& report, TextPage& page) {
  std::vector<RunNamed> runs;
  for (const SweepPointReport& point : report.points()) {
    if (!point.has_result()) continue;
    runs.push_back({fmt::format("{}", fmt::join(ValuesOf(report, point), " ")), &point.result()});
  }
  for (const std::string& sentence : SettingInWords(runs)) page.Item(sentence);
}

std::string HeadText(const SweepReport& report) {
  TextPage page(false);
  const auto is_result = [](const SweepPointReport& point) { return point.has_result(); };
  const auto first = std::find_if(report.points().begin(), report.points().end(), is_result);
  const auto results = std::count_if(report.points().begin(), report.points().end(), is_result);
  page.Heading(fmt::format("{}: {} points, {} refused", report.name(), report.points_size(),
                           report.points_size() - results));
  if (first == report.points().end()) return page.Take();
  AppendLosses(report, page);
  const auto varies = [&](std::string_view axis) {
    return std::find(report.axes().begin(), report.axes().end(), axis) != report.axes().end();
  };
  const RunConfig& config = first->result().config();
  if (!varies("workload")) {
    if (!config.trace().empty()) page.Labelled("trace", config.trace());
    if (!config.workload().empty()) {
      const std::string& unit = first->result().totals().work_unit();
      page.Labelled("workload", unit.empty() ? config.workload()
                                             : fmt::format("{}; its work is counted in {}",
                                                           config.workload(), unit));
    }
  }
  if (!varies("allocator")) page.Labelled("allocator", config.allocator());
  if (!varies("machine")) {
    page.Labelled("machine", config.machine().substr(0, config.machine().rfind('@')));
  }
  page.Labelled("replay", fmt::format("{} order, {} placement, {} start", config.order(),
                                      config.placement(), config.start()));
  AppendSetting(report, page);
  page.Blank();
  return page.Take();
}

// Who of those that the sweep compares is best; nothing where it compares nothing.
std::string HeadlineOfSweep(const SweepReport& report, const std::string& base) {
  const SweepSides compared = SidesOfSweep(report, base);
  if (compared.sides.sides.size() < 2) return "";
  const std::string title = fmt::format("{}, by {}", report.name(), compared.axis);
  return HeadlineText(compared.sides, title, /*colour=*/false) + "\n";
}

std::string MailOfSweep(const SweepReport& report, const std::string& base) {
  const SweepSides compared = SidesOfSweep(report, base);
  if (compared.sides.sides.size() < 2) return "The sweep compares nothing.\n";
  const std::string file = report.name() + ".textproto";
  Words merge = CommandAsGiven("sweep merge", {file});
  return MailText(compared.sides, fmt::format("{}, by {}", report.name(), compared.axis),
                  {{"slablab", "sweep", "run", file}, std::move(merge)});
}

FittedTable PointsTable(const SweepReport& report, const std::vector<std::string>& metrics) {
  FittedTable table;
  const std::vector<bool> left = LeftAxes(report);
  for (int i = 0; i < report.axes_size(); ++i) {
    table.AddColumn({{report.axes(i)}, SideOf(left[static_cast<size_t>(i)])});
  }
  for (const std::string& name : metrics) table.AddColumn({absl::StrSplit(name, '_')});
  for (const SweepPointReport& point : report.points()) {
    if (!point.has_result()) continue;
    std::vector<std::string> cells = ValuesOf(report, point);
    for (const std::string& name : metrics) {
      const Metric& metric = *FindMetric(name);
      cells.push_back(ShortMetricText(metric, metric.of(point.result())));
    }
    table.AddRow(std::move(cells));
  }
  return table;
}

std::string RefusedText(const SweepReport& report) {
  std::map<std::string, std::vector<std::string>> refused;
  for (const SweepPointReport& point : report.points()) {
    if (point.has_result()) continue;
    refused[point.refused()].push_back(fmt::format("{}", fmt::join(ValuesOf(report, point), " ")));
  }
  if (refused.empty()) return "";
  TextPage page(false);
  page.Heading(fmt::format("Refused ({})", fmt::join(report.axes(), " ")));
  for (const auto& [reason, points] : refused) {
    page.Item(fmt::format("{}: {}", reason, fmt::join(points, "; ")));
  }
  return "\n" + page.Take();
}

std::string JsonLines(const SweepReport& report) {
  std::string lines;
  for (const SweepPointReport& point : report.points()) {
    std::vector<std::string> values;
    for (const std::string& value : ValuesOf(report, point)) {
      const std::string& axis = report.axes(static_cast<int>(values.size()));
      values.push_back(fmt::format("{}:{}", JsonString(axis), JsonString(value)));
    }
    lines += fmt::format(
        "{{\"point\":{},\"values\":{{{}}},\"refused\":{},\"result\":{}}}\n",
        JsonString(point.name()), fmt::join(values, ","), JsonString(point.refused()),
        point.has_result() ? MessageToJsonLine(point.result()) : std::string("null"));
  }
  return lines;
}

StoredSweep Stored(const SweepReport& report) {
  StoredSweep sweep{.name = report.name(),
                    .axes = {report.axes().begin(), report.axes().end()},
                    .points = {}};
  for (const SweepPointReport& point : report.points()) {
    sweep.points.push_back({.name = point.name(),
                            .values = ValuesOf(report, point),
                            .refused = point.refused(),
                            .result = point.has_result() ? &point.result() : nullptr});
  }
  return sweep;
}

std::string Bytes(const SweepReport& report) {
  std::string bytes;
  {
    pb::io::StringOutputStream stream(&bytes);
    pb::io::CodedOutputStream output(&stream);
    output.SetSerializationDeterministic(true);
    CHECK(report.SerializeToCodedStream(&output));
  }
  return bytes;
}

}  // namespace

DataTable SweepPointsTable(const SweepReport& report) {
  DataTable table{.name = "points", .keys = 1, .columns = {"point"}, .rows = {}};
  for (const std::string& axis : report.axes()) table.columns.push_back(axis);
  table.columns.push_back("refused");
  table.columns.push_back("end_state");
  for (const Metric& metric : Metrics()) table.columns.emplace_back(metric.name);
  for (const char* column : {"trace_lost_events", "trace_lost_unknown", "cpus_folded",
                             "nodes_folded", "allocations_folded", "kmallocs_rounded_otherwise"}) {
    table.columns.emplace_back(column);
  }
  for (const SweepPointReport& point : report.points()) {
    std::vector<std::string>& row = table.rows.emplace_back();
    row.push_back(point.name());
    for (const std::string& value : ValuesOf(report, point)) row.push_back(value);
    row.push_back(point.refused());
    row.push_back(point.has_result() ? fmt::format("{:016x}", point.result().digests().end_state())
                                     : "");
    for (const Metric& metric : Metrics()) {
      const std::string text =
          point.has_result() ? MetricText(metric, metric.of(point.result())) : "";
      row.push_back(absl::StrReplaceAll(text, {{",", ""}}));
    }
    const RunResult& result = point.result();
    for (const uint64_t value :
         {result.totals().trace_lost_events(), result.totals().trace_lost_unknown(),
          uint64_t{result.places().cpus_folded()}, uint64_t{result.places().nodes_folded()},
          result.places().allocations_folded(), result.kernel_match().rounded_otherwise()}) {
      row.push_back(point.has_result() ? fmt::format("{}", value) : "");
    }
  }
  return table;
}

std::string SweepPlanText(const SweepPlan& plan, const SweepPlanView& view) {
  FittedTable table;
  table.AddColumn({{"point"}, FittedTable::Column::kLeft});
  for (size_t i = 0; i < plan.axes.size(); ++i) {
    const bool left = std::any_of(plan.points.begin(), plan.points.end(),
                                  [&](const auto& point) { return !IsNumber(point.values[i]); });
    table.AddColumn({{plan.axes[i]}, SideOf(left)});
  }
  table.AddColumn({{"state"}, FittedTable::Column::kLeft});
  size_t refused = 0;
  for (size_t i = 0; i < plan.points.size(); ++i) {
    const SweepPoint& point = plan.points[i];
    refused += point.refused.empty() ? 0 : 1;
    if (view.rows_max != 0 && i >= view.rows_max) continue;
    std::vector<std::string> cells = {point.name};
    for (size_t axis = 0; axis < plan.axes.size(); ++axis) {
      cells.push_back(Shown(plan.axes[axis], point.values[axis]));
    }
    cells.push_back(!point.refused.empty()      ? "refused: " + point.refused
                    : view.done.count(i) != 0   ? "done"
                    : view.chosen.count(i) != 0 ? "to do"
                                                : "other shard");
    table.AddRow(std::move(cells));
  }
  return table.Text() + fmt::format("\n{}: {} to do, {} done, {} refused\n",
                                    Counted(plan.points.size(), "point", "points"),
                                    view.chosen.size() - view.done.size(), view.done.size(),
                                    refused);
}

absl::Status CheckSweepMetrics(const std::vector<std::string>& metrics) {
  for (const std::string& name : metrics) {
    if (FindMetric(name) != nullptr) continue;
    return BadFlag("metrics", name, UnknownNameText("metric", name, NamesOf(Metrics())));
  }
  return absl::OkStatus();
}

std::string SweepReportText(const SweepReport& report, Format format,
                            const std::vector<std::string>& metrics, const std::string& base) {
  switch (format) {
    case Format::kTsv:
      return WideText(SweepPointsTable(report), Delimiter::kTab);
    case Format::kCsv:
      return WideText(SweepPointsTable(report), Delimiter::kComma);
    case Format::kJson:
      return MessageToJson(report);
    case Format::kJsonLines:
      return JsonLines(report);
    case Format::kProto:
      return Bytes(report);
    case Format::kSqlite:
      return SqliteFile(Stored(report));
    case Format::kMail:
      return MailOfSweep(report, base);
    default:
      break;
  }
  std::vector<std::string> shown = metrics;
  if (metrics.empty()) {
    if (HasWork(report)) shown.emplace_back(kWorkMetric);
    shown.insert(shown.end(), std::begin(kUsualMetrics), std::end(kUsualMetrics));
    // Those that a line has room for, beside many axes.
    while (shown.size() > 1 && PointsTable(report, shown).width() > kTextColumns) shown.pop_back();
  }
  return HeadlineOfSweep(report, base) + HeadText(report) + PointsTable(report, shown).Text() +
         RefusedText(report);
}

}  // namespace slablab
