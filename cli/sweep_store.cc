// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "cli/sweep_store.h"

#include <filesystem>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "base/whole_file.h"
#include "fmt/format.h"
#include "reports/result_io.h"
#include "traces/gz_input.h"

namespace slablab {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kResult = ".result";
constexpr std::string_view kRefused = ".refused";

}  // namespace

absl::Status SweepStore::Create() const {
  std::error_code error;
  fs::create_directories(folder_, error);
  if (!error) return absl::OkStatus();
  return absl::UnavailableError(
      fmt::format("cannot make the folder {}: {}", folder_, error.message()));
}

std::string SweepStore::PathOf(const std::string& point, std::string_view ending) const {
  return (fs::path(folder_) / (point + std::string(ending))).string();
}

absl::Status SweepStore::PutResult(const std::string& point, const RunResult& result) const {
  return WriteOutput(PathOf(point, kResult), Serialize(result));
}

absl::Status SweepStore::PutRefusal(const std::string& point, std::string_view reason) const {
  return WriteOutput(PathOf(point, kRefused), fmt::format("{}\n", reason));
}

std::optional<SweepStore::Outcome> SweepStore::Get(const std::string& point) const {
  Outcome outcome;
  absl::StatusOr<RunResult> result = ReadResult(PathOf(point, kResult));
  if (result.ok()) {
    outcome.result = *std::move(result);
    return outcome;
  }
  const absl::StatusOr<std::string> reason = ReadWholeFile(PathOf(point, kRefused));
  if (!reason.ok() || !absl::EndsWith(*reason, "\n")) return std::nullopt;
  outcome.refused = std::string(absl::StripSuffix(*reason, "\n"));
  return outcome;
}

void SweepStore::Sweep(const std::string& point) const {
  std::error_code error;
  const std::string result = fmt::format("{}{}.tmp-", point, kResult);
  const std::string refused = fmt::format("{}{}.tmp-", point, kRefused);
  for (const fs::directory_entry& entry : fs::directory_iterator(folder_, error)) {
    const std::string name = entry.path().filename().string();
    if (absl::StartsWith(name, result) || absl::StartsWith(name, refused)) {
      fs::remove(entry.path(), error);
    }
  }
}

absl::StatusOr<SweepReport> MergeSweep(const SweepPlan& plan, const SweepStore& store) {
  SweepReport report;
  report.set_name(plan.name);
  for (const std::string& axis : plan.axes) report.add_axes(axis);
  size_t missing = 0;
  for (const SweepPoint& point : plan.points) {
    SweepPointReport& merged = *report.add_points();
    merged.set_name(point.name);
    for (const std::string& value : point.values) merged.add_values(value);
    merged.set_refused(point.refused);
    if (!point.refused.empty()) continue;
    std::optional<SweepStore::Outcome> outcome = store.Get(point.name);
    if (!outcome.has_value()) {
      ++missing;
      continue;
    }
    merged.set_refused(outcome->refused);
    if (outcome->refused.empty()) *merged.mutable_result() = std::move(outcome->result);
  }
  if (missing == 0) return report;
  return absl::FailedPreconditionError(
      fmt::format("{}: {} of {} points are not done; 'slablab sweep run' does them", store.folder(),
                  missing, plan.points.size()));
}

}  // namespace slablab
