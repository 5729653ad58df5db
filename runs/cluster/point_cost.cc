// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "runs/cluster/point_cost.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_join.h"
#include "allocators/registry.h"
#include "fmt/format.h"
#include "runs/recorded/recorded_machine.h"
#include "sim/machine.h"
#include "traces/slt/trace.h"
#include "workloads/synthetic/program.h"
#include "workloads/synthetic/synthetic.h"
#include "workloads/synthetic/workload_loader.h"

namespace slablab {
namespace {

// Measured with two bundled traces and four workloads under slub-6.1, slab and slubq, on machines
// of 4 to 1024 CPUs, on a host whose two cores others kept busy too.
constexpr uint64_t kStartMs = 60;
constexpr uint64_t kCpusPerMs = 2;
constexpr uint64_t kOperationsPerMs = 400;
constexpr uint64_t kStartMib = 48;
constexpr uint64_t kCpusPerMib = 4;
constexpr uint64_t kOperationsPerMib = 16'000;

// A workload of more steps is taken to be of that many: counting is not to take longer than that.
constexpr uint64_t kStepsMax = 50'000'000;

// Corrections beyond this are of a machine that was busy or asleep.
constexpr uint64_t kPerMilleLeast = 100;
constexpr uint64_t kPerMilleMost = 20'000;

// What a workload has its tasks do does not depend on who allocates or on what happens; one small
// machine will do for counting.
absl::StatusOr<uint64_t> CountSteps(const RunSpec& run, int cpus, int nodes) {
  const absl::StatusOr<WorkloadText> text = LoadWorkloadText(run.workload());
  if (!text.ok()) return text.status();
  absl::StatusOr<Program> program = CompileWorkload(text->textproto, text->label, ParametersOf(run),
                                                    {.cpus = cpus, .nodes = nodes});
  if (!program.ok()) return program.status();
  const absl::StatusOr<MachineConfig> config = LoadMachine("vm-c4n2");
  if (!config.ok()) return config.status();
  Machine machine(*config);
  absl::StatusOr<std::unique_ptr<Allocator>> allocator = MakeAllocator("slub-6.1", machine, {});
  if (!allocator.ok()) return allocator.status();
  machine.scheduler().RunOn(CpuId(0), [&](Cpu& cpu) { return (*allocator)->Boot(cpu); });
  absl::StatusOr<std::unique_ptr<SyntheticWorkload>> workload =
      SyntheticWorkload::Create(*std::move(program), machine, **allocator,
                                {.placement = PlacementOf(run), .scale = run.scale()});
  if (!workload.ok()) return workload.status();
  uint64_t steps = 0;
  for (TaskIndex task = 0; task < (*workload)->task_count(); ++task) {
    for (Step step; steps < kStepsMax; ++steps) {
      (*workload)->NextStep(task, &step);
      if (step.kind == Step::Kind::kEnd) break;
    }
  }
  return steps;
}

uint64_t PerMille(uint64_t is, uint64_t was) {
  return std::clamp(is * 1000 / std::max<uint64_t>(was, 1), kPerMilleLeast, kPerMilleMost);
}

}  // namespace

CostModel::CostModel(const SweepPlan& plan, const std::map<std::string, SweepCost>& measured) {
  std::map<std::string, std::vector<uint64_t>> times;
  for (const SweepPoint& point : plan.points) {
    const auto found = measured.find(point.name);
    if (found == measured.end()) continue;
    const absl::StatusOr<PointCost> predicted = Uncorrected(point);
    if (!predicted.ok()) continue;
    for (const std::string& key : {std::string(), point.options.run.allocator()}) {
      times[key].push_back(PerMille(found->second.milliseconds(), predicted->milliseconds));
      uint64_t& memory = corrections_[key].memory_per_mille;
      memory = std::max(memory, PerMille(found->second.mebibytes(), predicted->mebibytes));
    }
  }
  for (auto& [key, all] : times) {
    std::sort(all.begin(), all.end());
    corrections_[key].time_per_mille = all[all.size() / 2];
  }
}

absl::StatusOr<PointCost> CostModel::Of(const SweepPoint& point) {
  absl::StatusOr<PointCost> cost = Uncorrected(point);
  if (!cost.ok() || corrections_.empty()) return cost;
  auto found = corrections_.find(point.options.run.allocator());
  if (found == corrections_.end()) found = corrections_.find("");
  cost->milliseconds = cost->milliseconds * found->second.time_per_mille / 1000;
  cost->mebibytes = cost->mebibytes * found->second.memory_per_mille / 1000;
  return cost;
}

absl::StatusOr<PointCost> CostModel::Uncorrected(const SweepPoint& point) {
  const RunSpec& run = point.options.run;
  const std::string key = fmt::format("{}\n{}", run.machine(),
                                      IsOfRecording(run.machine()) ? run.trace() : std::string());
  auto machine = machines_.find(key);
  if (machine == machines_.end()) {
    const absl::StatusOr<SourcedMachine> whole = LoadMachineFor(run.machine(), run.trace());
    // A machine that cannot be is refused by the run.
    const std::pair<int, int> size =
        whole.ok() ? std::pair(whole->config.cpu_count(), whole->config.node_count())
                   : std::pair(1, 1);
    machine = machines_.emplace(key, size).first;
  }
  const auto [cpus, nodes] = machine->second;
  const absl::StatusOr<uint64_t> operations = OperationsOf(point, cpus, nodes);
  if (!operations.ok()) return operations.status();
  const auto width = static_cast<uint64_t>(cpus);
  return PointCost{.milliseconds = kStartMs + width / kCpusPerMs + *operations / kOperationsPerMs,
                   .mebibytes = kStartMib + width / kCpusPerMib + *operations / kOperationsPerMib};
}

absl::StatusOr<uint64_t> CostModel::OperationsOf(const SweepPoint& point, int cpus, int nodes) {
  const RunSpec& run = point.options.run;
  if (!run.trace().empty()) {
    const absl::StatusOr<uint64_t> events = EventsOf(run.trace());
    if (!events.ok()) return events.status();
    const uint64_t most = run.events_max() == 0 ? *events : run.events_max();
    return std::min(*events, most) * run.scale();
  }
  const std::string key = fmt::format("{}\n{}\n{}\n{}x{}", run.workload(),
                                      absl::StrJoin(run.set(), ","), run.scale(), cpus, nodes);
  if (const auto found = operations_.find(key); found != operations_.end()) return found->second;
  const absl::StatusOr<uint64_t> steps = CountSteps(run, cpus, nodes);
  if (steps.ok()) operations_[key] = *steps;
  return steps;
}

absl::StatusOr<uint64_t> CostModel::EventsOf(const std::string& trace) {
  if (const auto found = events_.find(trace); found != events_.end()) return found->second;
  const absl::StatusOr<std::unique_ptr<TraceReader>> reader =
      TraceReader::Open(trace, TraceReader::Options());
  if (!reader.ok()) return reader.status();
  return events_[trace] = (*reader)->header().event_count;
}

}  // namespace slablab
