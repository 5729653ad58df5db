// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "cli/run_check.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/str_split.h"
#include "allocators/percpu_registry.h"
#include "allocators/registry.h"
#include "cli/recorded_machine.h"
#include "cli/replayable.h"
#include "fmt/format.h"
#include "sim/machine_loader.h"
#include "workloads/program.h"
#include "workloads/scenario.h"

namespace slablab {

namespace {

std::string TextOf(const absl::Status& status) { return std::string(status.message()); }

std::optional<RunFault> CheckAllocator(const std::string& name) {
  std::vector<std::string_view> valid;
  for (const AllocatorInfo& info : ListAllocators()) valid.push_back(info.name);
  for (const PercpuInfo& info : ListPercpuAllocators()) valid.push_back(info.name);
  if (std::find(valid.begin(), valid.end(), name) != valid.end()) return std::nullopt;
  return RunFault{.field = "allocator",
                  .parameter = {},
                  .message = fmt::format("unknown allocator '{}'; valid are: {}", name,
                                         fmt::join(valid, ", "))};
}

}  // namespace

const RunChecker::Size& RunChecker::SizeOf(const SimulationOptions& options) {
  const bool recorded = IsOfRecording(options.machine);
  const auto [entry, added] =
      machines_.try_emplace({options.machine, recorded ? options.trace_path : std::string()});
  if (!added) return entry->second;
  const absl::StatusOr<SourcedMachine> whole = LoadMachineFor(options.machine, options.trace_path);
  if (whole.ok()) {
    entry->second = {.refused = {},
                     .of_trace = false,
                     .cpus = whole->config.cpu_count(),
                     .nodes = whole->config.node_count()};
  } else {
    entry->second.refused = TextOf(whole.status());
    // What a recorded machine is refused for is its size, or else the trace's fault.
    entry->second.of_trace = recorded && !options.trace_path.empty() &&
                             !LoadMachineFor(kRecordedMachine, options.trace_path).ok();
  }
  return entry->second;
}

RunChecker::Fault RunChecker::CompileFor(const SimulationOptions& options, const Size& size) {
  const auto loaded = workloads_.try_emplace(options.workload, LoadWorkloadText(options.workload));
  const absl::StatusOr<WorkloadText>& text = loaded.first->second;
  if (!text.ok()) {
    return RunFault{.field = "workload", .parameter = {}, .message = TextOf(text.status())};
  }
  SpecOrigin origin(text->label);
  WorkloadSpec spec;
  if (absl::Status status = ParseTextproto(text->textproto, &spec, &origin); !status.ok()) {
    return RunFault{.field = "workload", .parameter = {}, .message = TextOf(status)};
  }
  for (const auto& [name, value] : options.workload_parameters) {
    const std::string unknown = UnknownParameter(spec, name);
    if (unknown.empty()) continue;
    return RunFault{
        .field = "set", .parameter = name, .message = fmt::format("{}: {}", text->label, unknown)};
  }
  const absl::Status compiled =
      CompileWorkload(text->textproto, text->label, options.workload_parameters,
                      {.cpus = size.cpus, .nodes = size.nodes})
          .status();
  if (compiled.ok()) return std::nullopt;
  return RunFault{
      .field = "workload", .parameter = {}, .message = TextOf(compiled), .elsewhere = true};
}

RunChecker::Fault RunChecker::CheckWorkload(const SimulationOptions& options, const Size& size) {
  const auto key = std::tuple(options.workload, options.workload_parameters, size.cpus, size.nodes);
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

RunChecker::Fault RunChecker::CheckTrace(const std::string& path, const std::string& allocator) {
  const auto [entry, added] = traces_.try_emplace(path);
  if (added) {
    const auto reader = TraceReader::Open(path, {.addresses = false});
    if (reader.ok()) entry->second = (*reader)->header();
  }
  if (!entry->second.has_value()) return std::nullopt;
  const absl::Status status = CheckReplayable(path, *entry->second, allocator);
  if (status.ok()) return std::nullopt;
  // A trace of percpu areas alone is one for the percpu allocators, and the other way round.
  const bool elsewhere = CheckReplayable(path, *entry->second, "slub").ok() ||
                         CheckReplayable(path, *entry->second, "percpu").ok();
  return RunFault{
      .field = "trace", .parameter = {}, .message = TextOf(status), .elsewhere = elsewhere};
}

std::optional<RunFault> RunChecker::Check(const SimulationOptions& options) {
  if (Fault fault = CheckAllocator(options.allocator); fault.has_value()) return fault;
  const Size& size = SizeOf(options);
  if (!size.refused.empty()) {
    return RunFault{.field = size.of_trace ? "trace" : "machine",
                    .parameter = {},
                    .message = size.refused,
                    .elsewhere = !size.of_trace};
  }
  if (!options.workload.empty()) {
    if (Fault fault = CheckWorkload(options, size); fault.has_value()) return fault;
  }
  if (!options.trace_path.empty()) {
    if (Fault fault = CheckTrace(options.trace_path, options.allocator); fault.has_value()) {
      return fault;
    }
  }
  if (!options.scenario_path.empty()) {
    if (Fault fault = CheckScenario(options.scenario_path, size); fault.has_value()) return fault;
  }
  const absl::Status status = CheckSimulationOptions(options);
  if (status.ok()) return std::nullopt;
  return RunFault{.field = {}, .parameter = {}, .message = TextOf(status), .elsewhere = true};
}

absl::Status ErrorOf(const RunFault& fault, const RunSpec& spec, const SpecOrigin& origin,
                     const std::string& prefix) {
  if (fault.field.empty()) {
    return origin.Error(prefix.substr(0, prefix.find_last_of('.')), fault.message);
  }
  if (fault.parameter.empty()) return origin.Error(prefix + fault.field, fault.message);
  for (int i = 0; i < spec.set_size(); ++i) {
    for (const absl::string_view word : absl::StrSplit(spec.set(i), ',')) {
      if (word.substr(0, word.find('=')) != fault.parameter) continue;
      return origin.Error(fmt::format("{}set[{}]", prefix, i), fault.message);
    }
  }
  return origin.Error(prefix + fault.field, fault.message);
}

}  // namespace slablab
