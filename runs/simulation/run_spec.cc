// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "runs/simulation/run_spec.h"

#include <filesystem>
#include <memory>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/digest.h"
#include "base/gz_input.h"
#include "fmt/format.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/text_format.h"
#include "runs/recorded/bundled_traces.h"
#include "runs/recorded/recorded_machine.h"
#include "runs/simulation/version.h"
#include "sim/machine/machine_loader.h"
#include "traces/slt/trace.h"
#include "workloads/synthetic/workload_loader.h"

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

std::string_view MessageOf(const absl::Status& status) {
  return {status.message().data(), status.message().size()};
}

}  // namespace

absl::Status ReadTextprotoFile(const std::string& path, pb::Message* message, SpecOrigin* origin) {
  const absl::StatusOr<std::string> text = ReadWholeFile(path);
  if (!text.ok()) return text.status();
  return ParseTextproto(*text, message, origin);
}

void ResolvePaths(const std::string& folder, RunSpec* spec) {
  const auto resolve = [&](const std::string& path) { return (fs::path(folder) / path).string(); };
  if (spec->has_trace()) {
    const std::string beside = resolve(spec->trace());
    std::error_code error;
    const bool there = fs::exists(beside, error);
    spec->set_trace(there || !IsBundledTrace(spec->trace()) ? beside
                                                            : BundledTracePath(spec->trace()));
  }
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
  for (const RunSwitch& each : Switches()) {
    if (!IsSet(spec, each)) continue;
    const absl::Status status = SetRunSwitch(each.name(), SwitchText(spec, each), &options.run);
    if (!status.ok()) return origin.Error(prefix + each.field->name(), MessageOf(status));
  }
  const RunSpec& run = options.run;
  if (run.trace().empty() == run.workload().empty()) {
    return origin.Error(prefix.substr(0, prefix.find_last_of('.')),
                        run.trace().empty() ? "neither a trace nor a workload is named"
                                            : "a trace and a workload: say one of them");
  }
  if (run.machine().empty()) options.run.set_machine(DefaultMachine(!run.trace().empty()));
  return options;
}

std::string NameOfRun(const RunSpec& spec, const RunInputs& inputs, std::string_view further) {
  Digest digest;
  digest.AddString(kVersion);
  RunSpec rest = spec;
  // Files go by what is in them; the result echoes their names, without folders.
  const auto file_name = [](const std::string& path) { return fs::path(path).filename().string(); };
  if (spec.has_trace()) rest.set_trace(file_name(spec.trace()));
  if (spec.has_workload()) rest.set_workload(file_name(spec.workload()));
  if (spec.scenario().empty()) {
    rest.clear_scenario();
  } else {
    rest.set_scenario(file_name(spec.scenario()));
  }
  rest.clear_machine();
  for (const uint64_t input : {inputs.trace, inputs.workload, inputs.scenario, inputs.machine}) {
    digest.Add(input);
  }
  std::string text;
  CHECK(pb::TextFormat::PrintToString(rest, &text));
  digest.AddString(text);
  digest.AddString(further);
  return fmt::format("{:016x}", digest.value());
}

}  // namespace slablab
