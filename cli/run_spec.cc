// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "cli/run_spec.h"

#include <filesystem>
#include <memory>
#include <utility>
#include <vector>

#include "absl/flags/commandlineflag.h"
#include "absl/flags/reflection.h"
#include "cli/simulation_flags.h"
#include "cli/version.h"
#include "fmt/format.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/text_format.h"
#include "sim/check.h"
#include "sim/digest.h"
#include "sim/machine_loader.h"
#include "traces/gz_input.h"
#include "traces/trace.h"
#include "workloads/workload_loader.h"

namespace slablab {
namespace {

namespace fs = std::filesystem;
namespace pb = google::protobuf;

bool EndsWith(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

// "mine.textproto@64x2" is one too.
bool NamesFile(const std::string& name) {
  const std::string_view whole = name;
  const std::string_view base = whole.substr(0, whole.rfind('@'));
  for (const std::string_view end : {".textproto", ".xml"}) {
    if (EndsWith(whole, end) || EndsWith(base, end)) return true;
  }
  return false;
}

std::string ElementText(const pb::Message& message, const pb::FieldDescriptor& field, int index) {
  std::string text;
  if (field.cpp_type() != pb::FieldDescriptor::CPPTYPE_STRING) {
    pb::TextFormat::PrintFieldValueToString(message, &field, index, &text);
    return text;
  }
  const pb::Reflection& reflection = *message.GetReflection();
  return index < 0 ? reflection.GetString(message, &field)
                   : reflection.GetRepeatedString(message, &field, index);
}

// The value as the flag takes it: lists with commas between.
std::string FieldText(const pb::Message& message, const pb::FieldDescriptor& field) {
  if (!field.is_repeated()) return ElementText(message, field, -1);
  std::vector<std::string> elements;
  for (int i = 0; i < message.GetReflection()->FieldSize(message, &field); ++i) {
    elements.push_back(ElementText(message, field, i));
  }
  return fmt::format("{}", fmt::join(elements, ","));
}

std::string_view MessageOf(const absl::Status& status) {
  return {status.message().data(), status.message().size()};
}

}  // namespace

std::string SimulationDefaultMachine() {
  return absl::FindCommandLineFlag("machine")->DefaultValue();
}

absl::Status ReadTextprotoFile(const std::string& path, pb::Message* message, SpecOrigin* origin) {
  const absl::StatusOr<std::string> text = ReadWholeFile(path);
  if (!text.ok()) return text.status();
  return ParseTextproto(*text, message, origin);
}

void ResolvePaths(const std::string& folder, RunSpec* spec) {
  const auto resolve = [&](const std::string& path) { return (fs::path(folder) / path).string(); };
  if (spec->has_trace()) spec->set_trace(resolve(spec->trace()));
  if (!spec->scenario().empty()) spec->set_scenario(resolve(spec->scenario()));
  if (NamesFile(spec->workload())) spec->set_workload(resolve(spec->workload()));
  if (NamesFile(spec->machine())) spec->set_machine(resolve(spec->machine()));
}

RunSpec Overlaid(const RunSpec& under, const RunSpec& over) {
  RunSpec both = under;
  if (over.has_trace()) both.clear_workload();
  if (over.has_workload()) both.clear_trace();
  std::vector<const pb::FieldDescriptor*> fields;
  over.GetReflection()->ListFields(over, &fields);
  for (const pb::FieldDescriptor* field : fields) {
    if (field->is_repeated()) both.GetReflection()->ClearField(&both, field);
  }
  both.MergeFrom(over);
  return both;
}

absl::StatusOr<SimulationOptions> OptionsOf(const RunSpec& spec, const SpecOrigin& origin,
                                            const std::string& prefix) {
  SimulationOptions options;
  options.machine = SimulationDefaultMachine();
  std::vector<const pb::FieldDescriptor*> fields;
  spec.GetReflection()->ListFields(spec, &fields);
  for (const pb::FieldDescriptor* field : fields) {
    const absl::Status status =
        SetSimulationOption(field->name(), FieldText(spec, *field), options);
    if (!status.ok()) return origin.Error(prefix + field->name(), MessageOf(status));
  }
  if (options.trace_path.empty() == options.workload.empty()) {
    return origin.Error(prefix.substr(0, prefix.find_last_of('.')),
                        options.trace_path.empty() ? "neither a trace nor a workload is named"
                                                   : "a trace and a workload: say one of them");
  }
  return options;
}

absl::StatusOr<std::string> RunNamer::NameOf(const RunSpec& spec, std::string_view further) {
  Digest digest;
  digest.AddString(kVersion);
  RunSpec rest = spec;
  if (spec.has_trace()) {
    const absl::StatusOr<uint64_t> trace = TraceDigest(spec.trace());
    if (!trace.ok()) return trace.status();
    digest.Add(*trace);
    // The result echoes it.
    rest.set_trace(fs::path(spec.trace()).filename().string());
  }
  if (spec.has_workload()) {
    const absl::StatusOr<uint64_t> workload = WorkloadDigest(spec.workload());
    if (!workload.ok()) return workload.status();
    digest.AddString(fs::path(spec.workload()).filename().string());
    digest.Add(*workload);
    rest.clear_workload();
  }
  if (!spec.scenario().empty()) {
    const absl::StatusOr<uint64_t> scenario = FileDigest(spec.scenario());
    if (!scenario.ok()) return scenario.status();
    digest.AddString(fs::path(spec.scenario()).filename().string());
    digest.Add(*scenario);
    rest.clear_scenario();
  }
  const std::string machine = spec.has_machine() ? spec.machine() : SimulationDefaultMachine();
  digest.Add(MachineDigest(machine));
  rest.clear_machine();
  std::string text;
  CHECK(pb::TextFormat::PrintToString(rest, &text));
  digest.AddString(text);
  digest.AddString(further);
  return fmt::format("{:016x}", digest.value());
}

absl::StatusOr<uint64_t> RunNamer::TraceDigest(const std::string& path) {
  if (const auto known = traces_.find(path); known != traces_.end()) return known->second;
  const absl::StatusOr<std::unique_ptr<TraceReader>> reader =
      TraceReader::Open(path, TraceReader::Options());
  if (!reader.ok()) return reader.status();
  return traces_[path] = (*reader)->header().events_digest;
}

absl::StatusOr<uint64_t> RunNamer::WorkloadDigest(const std::string& name) {
  if (const auto known = workloads_.find(name); known != workloads_.end()) return known->second;
  const absl::StatusOr<WorkloadText> text = LoadWorkloadText(name);
  if (!text.ok()) return text.status();
  Digest digest;
  digest.AddString(text->textproto);
  return workloads_[name] = digest.value();
}

absl::StatusOr<uint64_t> RunNamer::FileDigest(const std::string& path) {
  if (const auto known = files_.find(path); known != files_.end()) return known->second;
  const absl::StatusOr<std::string> text = ReadWholeFile(path);
  if (!text.ok()) return text.status();
  Digest digest;
  digest.AddString(*text);
  return files_[path] = digest.value();
}

uint64_t RunNamer::MachineDigest(const std::string& machine) {
  if (const auto known = machines_.find(machine); known != machines_.end()) return known->second;
  const absl::StatusOr<MachineConfig> config = LoadMachine(machine);
  std::string text = machine;
  if (config.ok()) CHECK(pb::TextFormat::PrintToString(EffectiveSpec(*config), &text));
  Digest digest;
  digest.AddString(text);
  return machines_[machine] = digest.value();
}

}  // namespace slablab
