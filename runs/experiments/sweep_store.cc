// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "runs/experiments/sweep_store.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>

#include "base/digest.h"
#include "base/whole_file.h"
#include "fmt/format.h"
#include "reports/result_io.h"
#include "workloads/synthetic/workload_loader.h"

namespace slablab {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kResult = ".result";
constexpr std::string_view kRefused = ".refused";
constexpr std::string_view kShard = ".shard";

// Kinds of records in a shard.
constexpr uint32_t kResultRecord = 1;   // as a file of the point would hold
constexpr uint32_t kRefusedRecord = 2;  // the reason
constexpr uint32_t kCostRecord = 3;     // a SweepCost

// Whether something is there that is no file: a pipe would be waited for, by who reads and by who
// writes.
bool IsNoFile(const std::string& path) {
  std::error_code error;
  return fs::exists(path, error) && !fs::is_regular_file(path, error);
}

std::string RefusalText(const std::string& point, std::string_view reason) {
  Digest digest;
  digest.AddString(point);
  digest.AddString(reason);
  return fmt::format("point {}, checksum {:016x}\n{}\n", point, digest.value(), reason);
}

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

absl::Status SweepStore::Put(const std::string& point, std::string_view ending,
                             std::string_view bytes) const {
  std::error_code error;
  if (IsNoFile(PathOf(point, ending))) fs::remove(PathOf(point, ending), error);
  if (absl::Status status = WriteOutput(PathOf(point, ending), bytes); !status.ok()) return status;
  fs::remove(PathOf(point, ending == kResult ? kRefused : kResult), error);
  return absl::OkStatus();
}

absl::Status SweepStore::OpenShard(const std::string& stem) {
  absl::StatusOr<std::unique_ptr<RecordWriter>> writer = RecordWriter::Open(folder_, stem, kShard);
  if (!writer.ok()) return writer.status();
  writer_ = *std::move(writer);
  return absl::OkStatus();
}

absl::Status SweepStore::AddRecord(uint32_t kind, const std::string& point,
                                   std::string bytes) const {
  shards_.reset();
  return writer_->Add({.kind = kind, .name = point, .bytes = std::move(bytes)});
}

absl::Status SweepStore::PutResult(const std::string& point, RunResult result) const {
  result.set_point(point);
  if (writer_ != nullptr) return AddRecord(kResultRecord, point, Serialize(result));
  return Put(point, kResult, Serialize(result));
}

absl::Status SweepStore::PutRefusal(const std::string& point, std::string_view reason) const {
  if (writer_ != nullptr) return AddRecord(kRefusedRecord, point, std::string(reason));
  return Put(point, kRefused, RefusalText(point, reason));
}

absl::Status SweepStore::PutOutcome(const std::string& point, const SweepOutcome& outcome) const {
  const absl::Status status = outcome.refused().empty() ? PutResult(point, outcome.result())
                                                        : PutRefusal(point, outcome.refused());
  if (!status.ok() || writer_ == nullptr) return status;
  return AddRecord(kCostRecord, point, outcome.cost().SerializeAsString());
}

const SweepStore::Shards& SweepStore::shards() const {
  if (shards_.has_value()) return *shards_;
  Shards& shards = shards_.emplace();
  std::set<std::string> paths;  // in an order that is no file system's
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder_, error)) {
    if (entry.path().extension() == kShard) paths.insert(entry.path().string());
  }
  for (const std::string& path : paths) {
    const absl::StatusOr<RecordIndex> index = ReadRecordIndex(path);
    if (!index.ok()) {
      shards.faults.emplace_back(index.status().message());
      continue;
    }
    for (const RecordPlace& place : index->places) {
      if (place.kind == kCostRecord) {
        shards.costs.push_back({path, place});
      } else {
        shards.points.insert({place.name, {path, place}});
      }
    }
    for (const uint64_t offset : index->damaged) {
      shards.faults.push_back(
          fmt::format("{}: damaged at {}; what was there is lost", path, offset));
    }
  }
  return shards;
}

std::map<std::string, SweepCost> SweepStore::Costs() const {
  std::map<std::string, SweepCost> costs;
  for (const ShardPlace& from : shards().costs) {
    const absl::StatusOr<Record> record = ReadRecord(from.path, from.place);
    SweepCost cost;
    // What is damaged is not needed.
    if (record.ok() && cost.ParseFromString(record->bytes)) costs[from.place.name] = cost;
  }
  return costs;
}

absl::StatusOr<std::optional<SweepStore::Outcome>> SweepStore::GetFromShards(
    const std::string& point) const {
  absl::Status damaged;
  const auto [begin, end] = shards().points.equal_range(point);
  for (auto i = begin; i != end; ++i) {
    const auto& [path, place] = i->second;
    Outcome outcome;
    const absl::StatusOr<Record> record = ReadRecord(path, place);
    if (!record.ok()) {
      damaged = absl::DataLossError(record.status().message());
      continue;
    }
    if (record->kind == kRefusedRecord) {
      outcome.refused = record->bytes;
      return outcome;
    }
    absl::StatusOr<RunResult> result =
        ParseResult(record->bytes, fmt::format("{} at {}", path, place.offset));
    if (result.ok() && result->point() == point) {
      outcome.result = *std::move(result);
      outcome.result.clear_point();
      return outcome;
    }
    damaged = absl::DataLossError(result.ok() ? path + ": a result under another point's name"
                                              : std::string(result.status().message()));
  }
  if (!damaged.ok()) return damaged;
  return std::nullopt;
}

absl::StatusOr<std::optional<SweepStore::Outcome>> SweepStore::Get(const std::string& point) const {
  absl::StatusOr<std::optional<Outcome>> of_shard = GetFromShards(point);
  if (of_shard.ok() && of_shard->has_value()) return of_shard;
  absl::StatusOr<std::optional<Outcome>> of_file = GetFromFiles(point);
  if (!of_file.ok() || of_file->has_value()) return of_file;
  return of_shard;
}

absl::StatusOr<std::optional<SweepStore::Outcome>> SweepStore::GetFromFiles(
    const std::string& point) const {
  Outcome outcome;
  const auto damaged = [&](std::string_view ending, std::string_view why) {
    return absl::DataLossError(fmt::format("{}: {}", PathOf(point, ending), why));
  };
  if (IsNoFile(PathOf(point, kResult))) return damaged(kResult, "is no file");
  absl::StatusOr<RunResult> result = ReadResult(PathOf(point, kResult));
  if (result.ok()) {
    if (result->point() != point) {
      return damaged(kResult, result->point().empty()
                                  ? "is not of a sweep's point"
                                  : fmt::format("is of the point {}", result->point()));
    }
    outcome.result = *std::move(result);
    outcome.result.clear_point();
    return outcome;
  }
  if (!absl::IsNotFound(result.status())) return absl::DataLossError(result.status().message());
  if (IsNoFile(PathOf(point, kRefused))) return damaged(kRefused, "is no file");
  const absl::StatusOr<std::string> text = ReadTextFile(PathOf(point, kRefused));
  if (absl::IsNotFound(text.status())) return std::nullopt;
  if (!text.ok()) return absl::DataLossError(text.status().message());
  const size_t first_end = std::min(text->find('\n'), text->size());
  const std::string_view rest = std::string_view(*text).substr(first_end);
  if (rest.size() < 2) return damaged(kRefused, "not a refusal, or a damaged one");
  outcome.refused = std::string(rest.substr(1, rest.size() - 2));
  if (*text != RefusalText(point, outcome.refused)) {
    return damaged(kRefused, "damaged, or of another point: its checksum is of something else");
  }
  return outcome;
}

absl::StatusOr<SweepReport> MergeSweep(const SweepPlan& plan, const SweepStore& store) {
  SweepReport report;
  report.set_name(plan.name);
  for (const std::string& axis : plan.axes) report.add_axes(axis);
  size_t missing = 0;
  size_t damaged = 0;
  std::string first_damaged;
  for (const SweepPoint& point : plan.points) {
    SweepPointReport& merged = *report.add_points();
    merged.set_name(point.name);
    for (const std::string& value : point.values) merged.add_values(value);
    merged.set_refused(point.refused);
    if (!point.refused.empty()) continue;
    absl::StatusOr<std::optional<SweepStore::Outcome>> outcome = store.Get(point.name);
    if (!outcome.ok()) {
      if (damaged++ == 0) first_damaged = std::string(outcome.status().message());
      continue;
    }
    if (!outcome->has_value()) {
      ++missing;
      continue;
    }
    merged.set_refused((*outcome)->refused);
    if ((*outcome)->refused.empty()) *merged.mutable_result() = std::move((*outcome)->result);
  }
  if (damaged > 0) {
    return absl::DataLossError(
        fmt::format("{}; {} of {} points are such, and 'slablab sweep run' does them again",
                    first_damaged, damaged, plan.points.size()));
  }
  if (missing == 0) return report;
  return absl::FailedPreconditionError(
      fmt::format("{}: {} of {} points are not done; 'slablab sweep run' does them", store.folder(),
                  missing, plan.points.size()));
}

}  // namespace slablab
