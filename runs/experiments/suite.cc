// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "runs/experiments/suite.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <utility>

#include "base/check.h"
#include "base/digest.h"
#include "base/gz_input.h"
#include "base/names.h"
#include "fmt/format.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/text_format.h"
#include "runs/simulation/model_choice.h"
#include "runs/simulation/run_check.h"
#include "runs/simulation/run_spec.h"
#include "sim/machine/spec_text.h"

namespace slablab {
namespace {

namespace pb = google::protobuf;

constexpr std::string_view kNameCharacters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.@";

absl::Status AddTolerances(const pb::RepeatedPtrField<Tolerance>& tolerances,
                           const SpecOrigin& origin, const std::string& field, SuiteEntry* entry) {
  std::set<std::string> seen;
  for (int i = 0; i < tolerances.size(); ++i) {
    const Tolerance& tolerance = tolerances[i];
    const std::string where = fmt::format("{}[{}]", field, i);
    if (FindMetric(tolerance.metric()) == nullptr) {
      return origin.Error(where + ".metric",
                          UnknownNameText("metric", tolerance.metric(), NamesOf(Metrics())));
    }
    if (!seen.insert(tolerance.metric()).second) {
      return origin.Error(where, fmt::format("a second tolerance of {}", tolerance.metric()));
    }
    entry->tolerances[tolerance.metric()] = tolerance;
  }
  return absl::OkStatus();
}

// What a point has from the base stands there.
void NoteInherited(const RunSpec& base, const RunSpec& over, const std::string& prefix,
                   SpecOrigin* origin) {
  std::vector<const pb::FieldDescriptor*> fields;
  base.GetReflection()->ListFields(base, &fields);
  for (const pb::FieldDescriptor* field : fields) {
    const pb::Reflection& reflection = *over.GetReflection();
    const bool is_over = field->is_repeated() ? reflection.FieldSize(over, field) > 0
                                              : reflection.HasField(over, field);
    if (is_over) continue;
    origin->SetPositionOf(prefix + field->name(), "base." + field->name());
    if (!field->is_repeated()) continue;
    for (int i = 0; i < base.GetReflection()->FieldSize(base, field); ++i) {
      const std::string element = fmt::format("{}[{}]", field->name(), i);
      origin->SetPositionOf(prefix + element, "base." + element);
    }
  }
}

bool Within(const Tolerance& tolerance, const Metric& metric, uint64_t base, uint64_t now) {
  using Wide = unsigned __int128;
  Wide allowed = Wide{base} * tolerance.per_mille() / 1000;
  Wide unit = 1;
  for (int i = 0; i < metric.decimals; ++i) unit *= 10;
  allowed = std::max(allowed, Wide{tolerance.absolute()} * unit);
  return Wide{base > now ? base - now : now - base} <= allowed;
}

std::string Hex(uint64_t digest) { return fmt::format("{:016x}", digest); }

std::string ChecksumOf(Baseline baseline) {
  baseline.clear_checksum();
  std::string text;
  CHECK(pb::TextFormat::PrintToString(baseline, &text));
  Digest digest;
  digest.AddString(text);
  return Hex(digest.value());
}

}  // namespace

absl::StatusOr<Suite> SuiteFromText(std::string_view text, const std::string& path) {
  SuiteSpec spec;
  SpecOrigin origin(path);
  if (absl::Status status = ParseTextproto(text, &spec, &origin); !status.ok()) return status;
  const std::filesystem::path file(path);
  Suite suite{.name = file.stem().string(), .entries = {}};
  std::set<std::string> names;
  RunChecker checker;
  ModelChooser chooser;
  for (int i = 0; i < spec.point_size(); ++i) {
    const SuitePoint& point = spec.point(i);
    const std::string where = fmt::format("point[{}]", i);
    if (point.name().empty() ||
        point.name().find_first_not_of(kNameCharacters) != std::string::npos) {
      return origin.Error(where + ".name",
                          "a point wants a name of letters, digits and - _ . @ alone");
    }
    if (!names.insert(point.name()).second) {
      return origin.Error(where + ".name", fmt::format("a second point \"{}\"", point.name()));
    }
    SuiteEntry entry;
    entry.name = point.name();
    entry.exact = !point.has_exact() || point.exact();
    for (const auto& [tolerances, field] : {std::pair{&spec.tolerance(), std::string("tolerance")},
                                            std::pair{&point.tolerance(), where + ".tolerance"}}) {
      absl::Status status = AddTolerances(*tolerances, origin, field, &entry);
      if (!status.ok()) return status;
    }
    RunSpec run = Overlaid(spec.base(), point.run());
    NoteInherited(spec.base(), point.run(), where + ".run.", &origin);
    ResolvePaths(file.parent_path().string(), &run);
    absl::StatusOr<SimulationOptions> options = OptionsOf(run, origin, where + ".run.");
    if (!options.ok()) return options.status();
    chooser.Choose(&*options);
    if (const std::optional<RunFault> fault = checker.Check(*options); fault.has_value()) {
      entry.fault = ErrorOf(*fault, run, origin, where + ".run.");
    }
    entry.options = *std::move(options);
    suite.entries.push_back(std::move(entry));
  }
  if (suite.entries.empty()) return origin.Error("point", "a suite of no points checks nothing");
  return suite;
}

absl::StatusOr<Suite> ReadSuite(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadWholeFile(path);
  if (!text.ok()) return text.status();
  return SuiteFromText(*text, path);
}

std::string BaselinesPath(const std::string& path) {
  return std::filesystem::path(path).replace_extension(".baselines.textproto").string();
}

absl::StatusOr<Baselines> ReadBaselines(const std::string& path) {
  Baselines baselines;
  SpecOrigin origin(path);
  const absl::Status status = ReadTextprotoFile(path, &baselines, &origin);
  if (absl::IsNotFound(status)) return Baselines();
  if (!status.ok()) return status;
  return baselines;
}

std::string BaselinesText(const Baselines& baselines) {
  std::string text;
  CHECK(pb::TextFormat::PrintToString(baselines, &text));
  return "# proto-file: runs/experiments/suite.proto\n# proto-message: slablab.Baselines\n"
         "# Written by `slablab check --update`. Values are in the metrics' smallest units.\n" +
         text;
}

Baseline BaselineOf(const std::string& name, const RunResult& result) {
  Baseline baseline;
  baseline.set_name(name);
  baseline.set_trace_digest(Hex(result.digests().trace()));
  baseline.set_config_digest(Hex(result.digests().config()));
  baseline.set_end_state_digest(Hex(result.digests().end_state()));
  for (const Metric& metric : Metrics()) {
    const std::optional<uint64_t> value = metric.of(result);
    if (!value.has_value()) continue;
    BaselineMetric& stored = *baseline.add_metric();
    stored.set_name(std::string(metric.name));
    stored.set_value(*value);
  }
  baseline.set_checksum(ChecksumOf(baseline));
  return baseline;
}

std::vector<std::string> DamagedBaselines(const Baselines& baselines) {
  std::vector<std::string> names;
  for (const Baseline& baseline : baselines.point()) {
    if (baseline.checksum().empty() || baseline.checksum() == ChecksumOf(baseline)) continue;
    names.push_back(baseline.name());
  }
  return names;
}

Verdict Judge(const SuiteEntry& entry, const Baseline* baseline, const RunResult& result) {
  Verdict verdict;
  if (baseline == nullptr) return verdict;
  verdict.has_baseline = true;
  const Baseline now = BaselineOf(entry.name, result);
  verdict.same_trace = now.trace_digest() == baseline->trace_digest();
  verdict.same_config = now.config_digest() == baseline->config_digest();
  verdict.same_end_state = now.end_state_digest() == baseline->end_state_digest();
  verdict.passed = !entry.exact || verdict.same_end_state;
  std::map<std::string_view, uint64_t> stored;
  for (const BaselineMetric& metric : baseline->metric()) stored[metric.name()] = metric.value();
  for (const Metric& metric : Metrics()) {
    MovedMetric moved{.metric = &metric, .base = {}, .now = metric.of(result)};
    if (const auto base = stored.find(metric.name); base != stored.end()) moved.base = base->second;
    // One that this program has and the one that made the baseline had not says nothing.
    if (moved.base == moved.now || !moved.base.has_value()) continue;
    const auto tolerance = entry.tolerances.find(std::string(metric.name));
    if (tolerance != entry.tolerances.end()) {
      moved.within =
          moved.now.has_value() && Within(tolerance->second, metric, *moved.base, *moved.now);
    } else {
      moved.within = !entry.exact;
    }
    verdict.passed &= moved.within;
    verdict.moved.push_back(moved);
  }
  return verdict;
}

}  // namespace slablab
