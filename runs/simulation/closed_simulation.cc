// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "runs/simulation/closed_simulation.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "google/protobuf/text_format.h"
#include "runs/attribution/attribution_result.h"
#include "runs/recorded/cache_ways.h"
#include "runs/recorded/replayable.h"
#include "runs/simulation/kernel_match.h"
#include "runs/simulation/model_choice.h"
#include "runs/simulation/run_config.h"
#include "runs/simulation/run_result.h"
#include "runs/simulation/session.h"
#include "runs/simulation/slowest_result.h"
#include "sim/machine.h"
#include "sim/machine/machine_loader.h"
#include "traces/sidecar/recorded_sidecars.h"
#include "traces/slt/trace.h"
#include "workloads/caches.h"
#include "workloads/closed/closed_loop.h"
#include "workloads/closed/closed_trace.h"
#include "workloads/closed/scenario.h"
#include "workloads/observed/operation_names.h"
#include "workloads/synthetic/program.h"
#include "workloads/synthetic/synthetic.h"
#include "workloads/synthetic/trace_recorder.h"
#include "workloads/synthetic/workload_loader.h"

namespace slablab {

namespace {

// A machine with an allocator that has booted, and what is to run on it.
struct Stage {
  std::unique_ptr<Session> session;
  std::unique_ptr<ClosedTrace> trace;
  TraceHeader header;                           // of the trace
  std::optional<RecordedSidecars> sidecars;     // its
  std::unique_ptr<SyntheticWorkload> workload;  // instead of the trace
  ParsedScenario scenario;
  uint64_t operations = 0;            // 0: not known beforehand, as of a workload
  std::vector<std::string> geometry;  // GeometrySentences() of the trace's caches

  StepSource& steps() {
    if (workload != nullptr) return *workload;
    return *trace;
  }
};

absl::Status OpenTrace(const SimulationOptions& options, const RecordedSetting& setting,
                       Stage& stage) {
  const absl::StatusOr<std::unique_ptr<TraceReader>> reader =
      TraceReader::Open(options.run.trace(), {.addresses = false});
  if (!reader.ok()) return reader.status();
  stage.header = (*reader)->header();
  if (absl::Status s = CheckReplayable(options.run.trace(), stage.header, options.run.allocator());
      !s.ok()) {
    return s;
  }
  stage.sidecars.emplace(stage.header);
  const absl::StatusOr<std::vector<CacheId>> caches =
      FindOrCreateCaches(*stage.sidecars, stage.session->machine(), stage.session->model());
  if (!caches.ok()) return ErrorOfTrace(options.run.trace(), caches.status());
  stage.geometry = GeometrySentences(stage.header, *caches, stage.session->model());
  if (std::string sentence = MemoryPolicySentence(options.run); !sentence.empty()) {
    stage.geometry.push_back(std::move(sentence));
  }
  absl::StatusOr<std::unique_ptr<ClosedTrace>> trace = ClosedTrace::Create(
      **reader, stage.session->machine().config(), stage.session->model(), *caches,
      {.label = options.run.trace(),
       .placement = PlacementOf(options.run),
       .scale = options.run.scale(),
       .events_max = options.run.events_max(),
       .seed = options.run.seed(),
       .balance = TasksMove(options.run),
       .recorded = setting.topology});
  if (!trace.ok()) return trace.status();
  stage.trace = *std::move(trace);
  stage.operations = stage.trace->operations() * options.run.scale();
  return absl::OkStatus();
}

absl::Status OpenWorkload(const SimulationOptions& options, Stage& stage) {
  absl::StatusOr<WorkloadText> text =
      options.workload_textproto.has_value()
          ? WorkloadText{.label = options.run.workload(), .textproto = *options.workload_textproto}
          : LoadWorkloadText(options.run.workload());
  if (!text.ok()) return text.status();
  const MachineConfig& machine = stage.session->machine().config();
  absl::StatusOr<Program> program =
      CompileWorkload(text->textproto, text->label, ParametersOf(options.run),
                      {.cpus = machine.cpu_count(), .nodes = machine.node_count()});
  if (!program.ok()) return program.status();
  absl::StatusOr<std::unique_ptr<SyntheticWorkload>> workload = SyntheticWorkload::Create(
      *std::move(program), stage.session->machine(), stage.session->model(),
      {.placement = PlacementOf(options.run),
       .scale = options.run.scale(),
       .seed = options.run.seed(),
       .balance = TasksMove(options.run)});
  if (!workload.ok()) return workload.status();
  stage.workload = *std::move(workload);
  return absl::OkStatus();
}

std::string SchedulingSentence(const SimulationOptions& options, const ClosedLoopOptions& loop) {
  return absl::StrCat(
      "Each CPU's tasks share it as Linux 6.1's fair scheduler lets them, with its tunables; "
      "changing to another takes ",
      loop.switch_ns, " ns. ",
      TasksMove(options.run)
          ? "Tasks move as there: when they wake, when a CPU falls idle, and now "
            "and then to a shorter queue."
          : "Tasks stay on the CPU where they were placed.");
}

void StateWorkload(const SimulationOptions& options, const ClosedLoopOptions& loop,
                   const Stage& stage, RunResult& result) {
  const auto assume = [&](std::string sentence) {
    *result.add_assumptions() = std::move(sentence);
  };
  assume(absl::StrCat("A synthetic workload of ", stage.workload->task_count(),
                      " tasks, each taking its steps one after another."));
  assume(PlacementOf(options.run) == CpuPlacement::kPack
             ? "Tasks that do not say where they run are placed on as few nodes as have CPUs for "
               "them; where they outnumber CPUs, equal blocks of neighbours share one."
             : "Tasks that do not say where they run are placed one after another over all nodes.");
  assume(SchedulingSentence(options, loop));
  if (options.run.scale() > 1) {
    assume(
        absl::StrCat("There are ", options.run.scale(), " copies, each with objects of its own."));
  }
  assume(
      absl::StrCat("Of an object its user touches what the workload says, when it is made at "
                   "most ",
                   options.run.touch_bytes(), " bytes."));
  for (const WorkloadUse& use : stage.workload->program().spec.uses()) {
    assume(absl::StrCat("Uses ", use.cache().empty() ? "kmalloc" : use.cache(), " for ", use.name(),
                        ": ", use.why(), "."));
  }
}

std::string PlacementSentence(const SimulationOptions& options, const RecordedPlaces& places) {
  switch (PlacementOf(options.run)) {
    case CpuPlacement::kRecorded:
      return absl::StrCat(
          places.Rule(), options.run.scale() == 1
                             ? "."
                             : "; copies fill first the nodes and then the CPUs that the recording "
                               "did not have, and begin again where there are no more.");
    case CpuPlacement::kSpread:
      return "Tasks are placed one after another, in order of first sight, over all nodes.";
    case CpuPlacement::kPack:
      return "Tasks are placed, in order of first sight, on as few nodes as have CPUs for them; "
             "where tasks outnumber CPUs, equal blocks of neighbours share one.";
  }
  CHECK(false);
}

void StateAssumptions(const SimulationOptions& options, const ClosedLoopOptions& loop,
                      const Stage& stage, RunResult& result) {
  const auto assume = [&](std::string sentence) {
    *result.add_assumptions() = std::move(sentence);
  };
  assume(absl::StrCat("Closed order: each of ", stage.trace->tasks(),
                      " tasks keeps its program order; a free waits for its own allocation."));
  assume(PlacementSentence(options, stage.trace->places()));
  assume(SchedulingSentence(options, loop));
  assume(
      "A gap between two of a task's operations is time on its CPU if no other task had an "
      "operation there in between, else sleep; it includes what the operation before it took "
      "when it was recorded. A task begins when it was first seen.");
  if (stage.trace->interrupt_streams() > 0) {
    assume(absl::StrCat("What ran in interrupts comes at the recorded times, ",
                        PlacementOf(options.run) == CpuPlacement::kRecorded
                            ? "on the CPU that stands for the recorded one."
                            : "dealt out evenly to the CPUs that have tasks."));
  }
  if (options.run.scale() > 1) {
    assume(absl::StrCat("There are ", options.run.scale(),
                        " copies, each with objects of its own; each but the first begins by a "
                        "seeded part of a millisecond later."));
  }
  assume(absl::StrCat("Whoever allocates an object writes its first ", options.run.touch_bytes(),
                      " requested bytes; whoever frees it reads its first line."));
  assume("Cold start: the allocator has just booted.");
  for (const std::string& sentence : stage.geometry) assume(sentence);
  for (const std::string& assumption : stage.header.assumptions) assume(assumption);
  for (const TraceRepair& repair : stage.header.repairs) {
    if (repair.count == 0) continue;
    assume(absl::StrCat("On import: ", repair.name, " ", repair.count, " times (", Explain(repair),
                        ")."));
  }
}

void GatherClosed(const ClosedLoop& loop, const Stage& stage, Totals& totals) {
  const ClosedLoopResult& closed = loop.closed();
  totals.set_end_time_cycles(closed.end);
  totals.set_order_inversions(closed.free_waits + closed.late_interrupts);
  totals.set_work(closed.work);
  totals.set_switches(closed.switches);
  totals.set_migrations(loop.migrations());
  totals.set_free_waits(closed.free_waits);
  totals.set_think_cycles(closed.think_cycles);
  totals.set_run_queue_wait_cycles(closed.run_queue_wait_cycles);
  if (stage.workload != nullptr) {
    totals.set_tasks(stage.workload->task_count());
    totals.set_work_unit(stage.workload->program().spec.unit());
    totals.set_events(totals.operations());
  } else {
    totals.set_tasks(stage.trace->tasks());
    totals.set_events(stage.trace->events());
    totals.set_trace_duration_ns(stage.header.time_last - stage.header.time_first);
    totals.set_trace_lost_events(stage.header.lost_events);
    totals.set_trace_lost_unknown(stage.header.lost_unknown);
    GatherImport(stage.header, totals);
  }
  if (closed.frees_of_nothing == 0) return;
  NamedCount& count = *totals.add_skipped();
  count.set_name("free of an object whose allocation failed here");
  count.set_count(closed.frees_of_nothing);
}

// What only closed order has.
void Describe(const SimulationOptions& options, const Stage& stage, RunConfig& config) {
  std::string textproto;
  if (!options.run.scenario().empty()) {
    google::protobuf::TextFormat::PrintToString(stage.scenario.spec, &textproto);
    config.set_scenario_textproto(textproto);
  }
  if (stage.workload == nullptr) return;
  const WorkloadSpec& spec = stage.workload->program().spec;
  google::protobuf::TextFormat::PrintToString(spec, &textproto);
  config.set_workload_textproto(textproto);
  if (PlacementOf(options.run) == CpuPlacement::kRecorded) config.set_placement("stated");
}

absl::Status SetUp(const SimulationOptions& options, const MachineConfig& config,
                   const RecordedSetting& setting, Stage& stage) {
  absl::StatusOr<std::unique_ptr<Session>> session = Session::Boot(options, config);
  if (!session.ok()) return session.status();
  stage.session = *std::move(session);
  const absl::Status opened = options.run.workload().empty() ? OpenTrace(options, setting, stage)
                                                             : OpenWorkload(options, stage);
  if (!opened.ok()) return opened;
  if (!options.run.scenario().empty()) {
    const absl::StatusOr<std::string> text = options.scenario_textproto.has_value()
                                                 ? *options.scenario_textproto
                                                 : ReadTextFile(options.run.scenario());
    if (!text.ok()) return text.status();
    absl::StatusOr<ParsedScenario> scenario = ParseScenario(
        *text, options.run.scenario(), {.cpus = config.cpu_count(), .nodes = config.node_count()});
    if (!scenario.ok()) return scenario.status();
    stage.scenario = *std::move(scenario);
  }
  return stage.session->WriteTunables(options);
}

// The head's part of the result.
void DescribeSetting(const SimulationOptions& options, const RecordedSetting& setting,
                     const Stage& stage, RunResult& result) {
  if (stage.trace == nullptr) {
    *result.mutable_kernel_match() = KernelOfModel(options);
    return;
  }
  for (const std::string& note : setting.notes) result.mutable_machine()->add_notes(note);
  FillPlaces(stage.trace->places(), stage.trace->folded_nodes(), *result.mutable_places());
  *result.mutable_kernel_match() =
      MatchKernels(*stage.sidecars, setting.survey, options, &stage.session->model());
}

OperationNames NamesOf(Stage& stage) {
  return OperationNames(stage.steps(), stage.workload != nullptr ? stage.workload->Callers()
                                                                 : stage.header.call_sites);
}

AttributionNames CallersOf(Stage& stage, absl::Span<const PathInfo> paths) {
  if (stage.workload != nullptr) {
    return {"step", stage.workload->Callers(), paths, [&](int32_t task) {
              const bool is_task = task >= 0;
              return TaskTold{
                  .pid = task,
                  .comm = is_task ? stage.workload->TaskName(static_cast<TaskIndex>(task)) : ""};
            }};
  }
  return {"call site", stage.header.call_sites, paths, [&](int32_t task) {
            if (task < 0) return TaskTold{.pid = task};
            return TaskOfTrace(stage.header.tasks,
                               stage.trace->TaskId(static_cast<TaskIndex>(task)));
          }};
}

absl::StatusOr<RunResult> RunStage(const SimulationOptions& options, const RecordedSetting& setting,
                                   const SimulationHooks& hooks, Stage& stage) {
  Session& session = *stage.session;
  Machine& machine = session.machine();
  Allocator& model = session.model();
  const ClosedLoopOptions loop_options = {.object_touch_bytes_max = options.run.touch_bytes()};
  auto loop = std::make_unique<ClosedLoop>(stage.steps(), machine, model, loop_options);
  Scenario scenario(
      stage.scenario, machine.config(),
      {.seed = options.run.seed(), .pressure_interval_us = options.run.pressure_us()});
  if (!scenario.empty()) loop->set_disturbance(&scenario);
  machine.scheduler().TallyOperations();
  SlowestOperations slowest(hooks.slowest, hooks.observer);
  const OperationNames names = NamesOf(stage);
  const std::vector<PathInfo> paths = PathsWithRcu(model);
  CallSites call_sites(machine, &model, paths);
  slowest.OnNames(names);
  loop->set_observer(&slowest);
  if (options.run.call_sites()) {
    loop->set_call_sites(&call_sites);
    call_sites.Start();
  }
  loop->set_stop(hooks.stop);
  if (hooks.progress) {
    const uint64_t total = stage.operations;
    loop->set_progress([&hooks, total](uint64_t operations, uint64_t steps) {
      hooks.progress(total > 0 ? operations : steps, total);
    });
  }
  session.Run(*loop, hooks);
  if (absl::Status status = loop->status(); !status.ok()) return status;
  if (!scenario.status().ok()) return scenario.status();

  RunResult result;
  const std::vector<SkippedEvents> skipped =
      stage.trace == nullptr ? std::vector<SkippedEvents>() : stage.trace->skipped();
  session.Gather(loop->executor(), skipped, result);
  GatherSlowest(slowest, names, machine, model, result);
  if (options.run.call_sites()) {
    call_sites.Finish();
    GatherAttribution(machine, &model, call_sites, CallersOf(stage, paths),
                      loop->rcu_frees().WaitingObjects(), result);
  }
  GatherClosed(*loop, stage, *result.mutable_totals());
  if (stage.trace != nullptr) {
    const absl::Status replayed = CheckReplayed(options.run.trace(), result.totals());
    if (!replayed.ok()) return replayed;
  }
  FillConfig(options, machine.config(),
             stage.workload == nullptr ? "" : stage.workload->program().spec.name(),
             *result.mutable_config());
  Describe(options, stage, *result.mutable_config());
  DescribeSetting(options, setting, stage, result);
  result.mutable_digests()->set_trace(stage.header.events_digest);
  result.mutable_digests()->set_config(DigestOfConfig(result.config()));
  if (stage.workload != nullptr) {
    StateWorkload(options, loop_options, stage, result);
  } else {
    StateAssumptions(options, loop_options, stage, result);
  }
  session.GatherReclaim(scenario.kswapd(), loop->closed().end - loop->start(), result);
  for (const std::string& sentence : scenario.Report()) *result.add_assumptions() = sentence;
  if (absl::Status status =
          GatherModel(model, loop->auditor(), !options.run.quirks().empty(), result);
      !status.ok()) {
    return status;
  }
  if (stage.trace != nullptr) NoteCachesOtherwise(*stage.sidecars, model, result);
  return result;
}

}  // namespace

absl::StatusOr<RunResult> SimulateClosed(const SimulationOptions& options,
                                         const SourcedMachine& machine,
                                         const RecordedSetting& setting,
                                         const SimulationHooks& hooks) {
  Stage stage;
  if (absl::Status status = SetUp(options, machine.config, setting, stage); !status.ok())
    return status;
  absl::StatusOr<RunResult> result = RunStage(options, setting, hooks, stage);
  if (result.ok()) FillMachine(machine, *result->mutable_machine());
  return result;
}

absl::StatusOr<RunResult> WriteWorkloadTrace(const SimulationOptions& asked,
                                             const SimulationHooks& hooks,
                                             const std::string& path) {
  if (absl::Status status = CheckSimulationOptions(asked); !status.ok()) return status;
  SimulationOptions options = asked;
  ChooseModel(/*release=*/"", &options);
  const absl::StatusOr<MachineConfig> config = LoadMachine(
      options.run.machine().empty() ? DefaultMachine(/*has_trace=*/false) : options.run.machine());
  if (!config.ok()) return config.status();
  Stage stage;
  if (absl::Status status = SetUp(options, *config, {}, stage); !status.ok()) return status;
  absl::StatusOr<std::unique_ptr<TraceWriter>> writer = TraceWriter::Create(path, {});
  if (!writer.ok()) return writer.status();
  TraceRecorder recorder;
  SimulationHooks recording = hooks;
  recording.observer = &recorder;
  absl::StatusOr<RunResult> result = RunStage(options, {}, recording, stage);
  if (!result.ok()) return result;
  std::vector<std::string> names;
  for (TaskIndex i = 0; i < stage.workload->task_count(); ++i) {
    names.push_back(stage.workload->TaskName(i));
  }
  absl::Status status = recorder.WriteTo(stage.workload->program(), names, **writer);
  if (status.ok()) status = (*writer)->Finish();
  if (!status.ok()) return status;
  return result;
}

}  // namespace slablab
