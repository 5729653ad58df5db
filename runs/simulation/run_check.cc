// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "runs/simulation/run_check.h"

#include <algorithm>
#include <memory>
#include <string_view>
#include <utility>

#include "absl/strings/str_split.h"
#include "allocators/percpu/registry.h"
#include "allocators/registry.h"
#include "allocators/switches.h"
#include "base/names.h"
#include "fmt/format.h"
#include "google/protobuf/descriptor.h"
#include "runs/recorded/recorded_machine.h"
#include "runs/recorded/replayable.h"
#include "sim/machine.h"
#include "sim/machine/machine_loader.h"
#include "workloads/closed/scenario.h"
#include "workloads/synthetic/program.h"

namespace slablab {

namespace {

std::string TextOf(const absl::Status& status) { return std::string(status.message()); }

std::optional<RunFault> FaultOf(std::string_view field, const absl::Status& status,
                                bool elsewhere) {
  if (status.ok()) return std::nullopt;
  return RunFault{.field = std::string(field),
                  .parameter = {},
                  .message = TextOf(status),
                  .elsewhere = elsewhere};
}

std::optional<RunFault> CheckName(const std::string& name) {
  const std::vector<std::string> valid = AllocatorNames();
  if (std::find(valid.begin(), valid.end(), name) != valid.end()) return std::nullopt;
  return FaultOf("allocator", UnknownName("allocator", name, valid), false);
}

std::string TunableText(const TunableSetting& tunable) {
  return fmt::format("{}{}{}={}", tunable.cache, tunable.cache.empty() ? "" : ":", tunable.key,
                     tunable.value);
}

std::string BootText(const AllocatorOptions& options) {
  std::string text;
  for (const BootParameter& parameter : options.boot_parameters) {
    text += fmt::format("{}={},", parameter.name, parameter.value);
  }
  return text;
}

}  // namespace

std::vector<ModelValue> ModelValues(const SimulationOptions& options) {
  const std::string& model = options.run.allocator();
  const AllocatorOptions switches = ModelOptions(options.run);
  std::vector<ModelValue> values;
  for (const std::string& quirk : switches.quirks) {
    values.push_back({.field = "quirks", .name = quirk, .status = CheckQuirk(model, quirk)});
  }
  for (const std::string& policy : switches.policies) {
    values.push_back({.field = "policy", .name = policy, .status = CheckPolicy(model, policy)});
  }
  if (!switches.boot.empty()) {
    values.push_back(
        {.field = "boot", .name = switches.boot, .status = CheckBoot(model, switches.boot)});
  }
  for (const TunableSetting& tunable : TunablesOf(options.run)) {
    absl::Status status = CheckTunable(model, SwitchesOf(model, switches.policies),
                                       switches.statistics, tunable.key, tunable.value);
    if (status.ok() && !tunable.cache.empty() && IsBootParameter(model, tunable.key)) {
      status = absl::InvalidArgumentError(fmt::format(
          "{} is a boot parameter, of all caches and not of {}", tunable.key, tunable.cache));
    }
    values.push_back({.field = "tune", .name = TunableText(tunable), .status = std::move(status)});
  }
  if (IsPercpuAllocator(model)) return values;
  for (const std::string& quirk : switches.percpu_quirks) {
    values.push_back(
        {.field = "percpu_quirks", .name = quirk, .status = CheckQuirk(switches.percpu, quirk)});
  }
  return values;
}

const RunChecker::Size& RunChecker::SizeOf(const SimulationOptions& options) {
  const bool recorded = IsOfRecording(options.run.machine());
  const auto [entry, added] =
      machines_.try_emplace({options.run.machine(), recorded ? options.run.trace() : ""});
  if (!added) return entry->second;
  const absl::StatusOr<SourcedMachine> whole =
      LoadMachineFor(options.run.machine(), options.run.trace());
  if (whole.ok()) {
    entry->second = {.refused = {},
                     .of_trace = false,
                     .cpus = whole->config.cpu_count(),
                     .nodes = whole->config.node_count(),
                     .config = whole->config};
  } else {
    entry->second.refused = TextOf(whole.status());
    // What a recorded machine is refused for is its size, or else the trace's fault.
    entry->second.of_trace = recorded && !options.run.trace().empty() &&
                             !LoadMachineFor(kRecordedMachine, options.run.trace()).ok();
  }
  return entry->second;
}

RunChecker::Fault RunChecker::CompileFor(const SimulationOptions& options, const Size& size) {
  const std::string& name_of_workload = options.run.workload();
  const auto loaded = workloads_.try_emplace(name_of_workload, LoadWorkloadText(name_of_workload));
  const absl::StatusOr<WorkloadText>& text = loaded.first->second;
  if (!text.ok()) {
    return RunFault{.field = "workload", .parameter = {}, .message = TextOf(text.status())};
  }
  SpecOrigin origin(text->label);
  WorkloadSpec spec;
  if (absl::Status status = ParseTextproto(text->textproto, &spec, &origin); !status.ok()) {
    return RunFault{.field = "workload", .parameter = {}, .message = TextOf(status)};
  }
  for (const auto& [name, value] : ParametersOf(options.run)) {
    const std::string unknown = UnknownParameter(spec, name);
    if (unknown.empty()) continue;
    return RunFault{
        .field = "set", .parameter = name, .message = fmt::format("{}: {}", text->label, unknown)};
  }
  const absl::Status compiled =
      CompileWorkload(text->textproto, text->label, ParametersOf(options.run),
                      {.cpus = size.cpus, .nodes = size.nodes})
          .status();
  if (compiled.ok()) return std::nullopt;
  return RunFault{
      .field = "workload", .parameter = {}, .message = TextOf(compiled), .elsewhere = true};
}

RunChecker::Fault RunChecker::CheckWorkload(const SimulationOptions& options, const Size& size) {
  const auto key =
      std::tuple(options.run.workload(), ParametersOf(options.run), size.cpus, size.nodes);
  const auto known = compiled_.find(key);
  return known != compiled_.end() ? known->second : compiled_[key] = CompileFor(options, size);
}

RunChecker::Fault RunChecker::CheckScenario(const std::string& path, const Size& size) {
  const auto key = std::tuple(path, size.cpus, size.nodes);
  if (const auto known = staged_.find(key); known != staged_.end()) return known->second;
  const absl::StatusOr<std::string>& text =
      scenarios_.try_emplace(path, ReadTextFile(path)).first->second;
  Fault& fault = staged_[key];
  if (!text.ok()) {
    fault = {.field = "scenario", .parameter = {}, .message = TextOf(text.status())};
    return fault;
  }
  absl::Status status = ParseScenario(*text, path, ScenarioMachine()).status();
  const bool elsewhere = status.ok();
  if (elsewhere) {
    status = ParseScenario(*text, path, {.cpus = size.cpus, .nodes = size.nodes}).status();
  }
  if (status.ok()) return fault;
  fault = {.field = "scenario", .parameter = {}, .message = TextOf(status), .elsewhere = elsewhere};
  return fault;
}

RunChecker::Fault RunChecker::CheckTrace(const SimulationOptions& options) {
  const auto [entry, added] = traces_.try_emplace(options.run.trace(), TraceHeader());
  if (added) {
    const absl::StatusOr<std::unique_ptr<TraceReader>> reader =
        TraceReader::Open(options.run.trace(), TraceReader::Options());
    entry->second = reader.ok() ? absl::StatusOr<TraceHeader>((*reader)->header())
                                : absl::StatusOr<TraceHeader>(reader.status());
  }
  const absl::StatusOr<TraceHeader>& header = entry->second;
  if (!header.ok()) return FaultOf("trace", header.status(), false);
  const auto replayable = [&](const std::string& allocator) {
    return CheckReplayable(options.run.trace(), *header, allocator);
  };
  if (const absl::Status status = replayable(options.run.allocator()); !status.ok()) {
    // A trace of percpu areas alone is one for the percpu allocators, and the other way round.
    return FaultOf("trace", status,
                   replayable(std::string(kSlubOfKernel)).ok() || replayable("percpu").ok());
  }
  if (!StartsWarm(options.run)) return std::nullopt;
  return FaultOf("start", CheckWarmStart(RecordedSidecars(*header)), false);
}

// Booting is quick, but not so quick as to be done for each of many points, and only percpu memory
// or rules that were asked to be otherwise let a kernel fail.
RunChecker::Fault RunChecker::CheckBoot(const SimulationOptions& options,
                                        const MachineConfig& machine) {
  const AllocatorOptions switches = BootOptions(options.run);
  if (!switches.boot_parameters.empty()) {
    const absl::Status status = CheckAllocator(options.run.allocator(), machine, switches);
    if (!status.ok()) return FaultOf("tune", status, true);
  }
  if (IsPercpuAllocator(options.run.allocator()) ||
      (switches.percpu_quirks.empty() && switches.percpu == AllocatorOptions().percpu &&
       switches.policies.empty())) {
    return std::nullopt;
  }
  const std::string key = fmt::format(
      "{} {} {} {} {} {} {} {} {} {} {}", options.run.allocator(), options.run.machine(),
      IsOfRecording(options.run.machine()) ? options.run.trace() : "", switches.boot,
      switches.possible_nodes, switches.statistics, fmt::join(switches.quirks, ","),
      switches.percpu, fmt::join(switches.percpu_quirks, ","), fmt::join(switches.policies, ","),
      BootText(switches));
  const auto [entry, added] = boots_.try_emplace(key);
  if (added) {
    Machine booted(machine);
    const absl::StatusOr<std::unique_ptr<Allocator>> allocator =
        MakeAllocator(options.run.allocator(), booted, switches);
    entry->second = allocator.status();
    if (allocator.ok()) {
      booted.scheduler().RunOn(CpuId(0), [&](Cpu& cpu) { return (*allocator)->Boot(cpu); });
      entry->second = (*allocator)->boot_status();
    }
  }
  return FaultOf("", entry->second, true);
}

std::optional<RunFault> RunChecker::Check(const SimulationOptions& options) {
  if (Fault fault = CheckName(options.run.allocator()); fault.has_value()) return fault;
  for (const ModelValue& value : ModelValues(options)) {
    if (value.status.ok()) continue;
    return RunFault{.field = value.field,
                    .parameter = value.name,
                    .message = TextOf(value.status),
                    .elsewhere = true};
  }
  const Size& size = SizeOf(options);
  if (!size.refused.empty()) {
    return RunFault{.field = size.of_trace ? "trace" : "machine",
                    .parameter = {},
                    .message = size.refused,
                    .elsewhere = !size.of_trace};
  }
  if (!options.run.workload().empty()) {
    if (Fault fault = CheckWorkload(options, size); fault.has_value()) return fault;
  } else if (Fault fault = CheckTrace(options); fault.has_value()) {
    return fault;
  }
  if (!options.run.scenario().empty()) {
    if (Fault fault = CheckScenario(options.run.scenario(), size); fault.has_value()) return fault;
  }
  for (const absl::Status& status :
       {CheckSimulationOptions(options),
        CheckAllocator(options.run.allocator(), size.config, ModelOptions(options.run))}) {
    if (Fault fault = FaultOf("", status, true); fault.has_value()) return fault;
  }
  return CheckBoot(options, size.config);
}

absl::Status ErrorOf(const RunFault& fault, const RunSpec& spec, const SpecOrigin& origin,
                     const std::string& prefix) {
  if (fault.field.empty()) {
    return origin.Error(prefix.substr(0, prefix.find_last_of('.')), fault.message);
  }
  if (fault.parameter.empty()) return origin.Error(prefix + fault.field, fault.message);
  const google::protobuf::FieldDescriptor* const field =
      RunSpec::descriptor()->FindFieldByName(fault.field);
  const int elements = field->is_repeated() ? spec.GetReflection()->FieldSize(spec, field) : 0;
  for (int i = 0; i < elements; ++i) {
    const std::string element = spec.GetReflection()->GetRepeatedString(spec, field, i);
    for (const absl::string_view word : absl::StrSplit(element, ',')) {
      if (word != fault.parameter && word.substr(0, word.find('=')) != fault.parameter) continue;
      return origin.Error(fmt::format("{}{}[{}]", prefix, fault.field, i), fault.message);
    }
  }
  return origin.Error(prefix + fault.field, fault.message);
}

}  // namespace slablab
