// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "runs/simulation/simulation.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "allocators/percpu/registry.h"
#include "allocators/switches.h"
#include "runs/attribution/attribution_result.h"
#include "runs/recorded/cache_ways.h"
#include "runs/recorded/recorded_machine.h"
#include "runs/recorded/replayable.h"
#include "runs/simulation/closed_simulation.h"
#include "runs/simulation/kernel_comparison.h"
#include "runs/simulation/kernel_match.h"
#include "runs/simulation/model_choice.h"
#include "runs/simulation/percpu_simulation.h"
#include "runs/simulation/run_config.h"
#include "runs/simulation/run_result.h"
#include "runs/simulation/session.h"
#include "runs/simulation/slowest_result.h"
#include "sim/machine.h"
#include "sim/machine/machine_loader.h"
#include "traces/sidecar/recorded_sidecars.h"
#include "traces/slt/trace.h"
#include "workloads/caches.h"
#include "workloads/observed/operation_names.h"
#include "workloads/replay/warm_start.h"

namespace slablab {

namespace {

void StateAssumptions(const TraceHeader& trace, const MachineConfig& machine,
                      const RecordedTopology& recorded, const SimulationOptions& options,
                      RunResult& result) {
  const auto assume = [&](std::string sentence) {
    *result.add_assumptions() = std::move(sentence);
  };
  if (PlacementOf(options.run) == CpuPlacement::kRecorded) {
    assume(absl::StrCat(RecordedPlaces(recorded, machine).Rule(), "."));
  } else {
    assume("Tasks are placed on the machine's CPUs one after another, in order of first sight.");
  }
  if (IsPercpuAllocator(options.run.allocator())) {
    assume("Areas are not used between allocation and free.");
  } else {
    assume(absl::StrCat("Whoever allocates an object writes its first ", options.run.touch_bytes(),
                        " requested bytes; whoever frees it reads its first line."));
  }
  assume(StartsWarm(options.run)
             ? "Warm start: before the trace the allocator was brought to what the sidecars say it "
               "held, on the nodes that the machine has; which objects of a slab were free is not "
               "known."
             : "Cold start: the allocator has just booted; the recording began in mid-life.");
  if (options.run.spread_slab()) {
    assume("Caches that count as reclaimable are taken to be of SLAB_MEM_SPREAD.");
  }
  for (const std::string& assumption : trace.assumptions) assume(assumption);
  for (const TraceRepair& repair : trace.repairs) {
    if (repair.count > 0) {
      assume(absl::StrCat("On import: ", repair.name, " ", repair.count, " times (",
                          Explain(repair), ")."));
    }
  }
}

// What a warm start restores, as the recording's sidecar has it; null for a cold start.
absl::StatusOr<const SlabSysfs*> WarmStateOf(const SimulationOptions& options,
                                             const RecordedSidecars& sidecars) {
  if (!StartsWarm(options.run)) return nullptr;
  if (absl::Status status = CheckWarmStart(sidecars); !status.ok()) return status;
  return &**sidecars.Sysfs(kWarmSidecar);
}

// A cache with sheaves holds memory of kmalloc's caches, whether it has events or not.
absl::Status MakeOtherCaches(const SlabSysfs& sysfs, Machine& machine, Allocator& allocator) {
  const bool has_sheaves =
      std::any_of(sysfs.caches.begin(), sysfs.caches.end(),
                  [](const auto& each) { return each.second.Total("sheaf_capacity") > 0; });
  return has_sheaves ? CreateRecordedCaches(sysfs, machine, allocator) : absl::OkStatus();
}

// What is known of a run without its having run. `model`: null for a percpu allocator.
void Describe(const SimulationOptions& options, const RecordedSidecars& sidecars,
              const RecordedSetting& setting, const SourcedMachine& machine, const Allocator* model,
              RunResult& result) {
  const TraceHeader& header = sidecars.trace();
  FillConfig(options, machine.config, /*workload=*/"", *result.mutable_config());
  FillMachine(machine, *result.mutable_machine());
  for (const std::string& note : setting.notes) result.mutable_machine()->add_notes(note);
  *result.mutable_kernel_match() = MatchKernels(sidecars, setting.survey, options, model);
  result.mutable_digests()->set_trace(header.events_digest);
  result.mutable_digests()->set_config(DigestOfConfig(result.config()));
  result.mutable_totals()->set_trace_duration_ns(header.time_last - header.time_first);
  result.mutable_totals()->set_trace_lost_events(header.lost_events);
  result.mutable_totals()->set_trace_lost_unknown(header.lost_unknown);
  if (model != nullptr) GatherImport(header, *result.mutable_totals());
  StateAssumptions(header, machine.config, *setting.topology, options, result);
}

// How many CPUs and nodes there are decides how large slabs are, and so every counter.
bool IsLikeRecorded(const MachineConfig& config, const RecordedTopology& recorded) {
  return static_cast<size_t>(config.cpu_count()) == recorded.cpus.size() &&
         static_cast<size_t>(config.node_count()) == std::max<size_t>(1, recorded.nodes.size());
}

// In recorded order, through a slab allocator.
absl::StatusOr<RunResult> SimulateRecorded(const SimulationOptions& options,
                                           const SourcedMachine& sourced,
                                           const RecordedSetting& setting,
                                           const RecordedSidecars& sidecars, TraceReader& reader,
                                           const SimulationHooks& hooks) {
  const MachineConfig& config = sourced.config;
  const TraceHeader& header = reader.header();
  const absl::StatusOr<std::unique_ptr<Session>> session = Session::Boot(options, config);
  if (!session.ok()) return session.status();
  Machine& machine = (*session)->machine();
  Allocator& model = (*session)->model();

  const absl::StatusOr<const SlabSysfs*> warm = WarmStateOf(options, sidecars);
  if (!warm.ok()) return warm.status();
  if (*warm != nullptr) {
    if (absl::Status status = MakeOtherCaches(**warm, machine, model); !status.ok()) {
      return status;
    }
  }
  auto replay =
      std::make_unique<Replay>(reader, machine, model, ReplayOptionsOf(options, setting.topology));
  if (absl::Status status = replay->Prepare(sidecars); !status.ok()) {
    return ErrorOfTrace(options.run.trace(), status);
  }
  replay->set_stop(hooks.stop);
  if (hooks.progress) {
    const uint64_t total = header.event_count;
    replay->set_progress([&hooks, total](uint64_t events) { hooks.progress(events, total); });
  }
  SlowestOperations slowest(hooks.slowest, hooks.observer);
  const std::vector<PathInfo> paths = PathsWithRcu(model);
  CallSites call_sites(machine, &model, paths);
  replay->set_warm_observer(
      [&](CacheId cache, PhysAddr object) { call_sites.AddWarmObject(cache, object); });
  if (*warm != nullptr) {
    if (absl::Status status = WarmStart(**warm, machine, model, *replay); !status.ok()) {
      return status;
    }
  }
  if (absl::Status status = (*session)->WriteTunables(options); !status.ok()) return status;
  machine.scheduler().TallyOperations();
  const OperationNames names(header);
  slowest.OnNames(names);
  slowest.OnBegin(machine, model);
  replay->set_observer(&slowest);
  if (options.run.call_sites()) {
    replay->set_call_sites(&call_sites);
    call_sites.Start();
  }
  const CounterSnapshot before(model);
  (*session)->Run(*replay, hooks,
                  {.interval = options.run.pressure_us() * static_cast<uint64_t>(config.clock_mhz),
                   .progress = [&] { return replay->result().operations(); }});
  if (absl::IsOutOfRange(replay->status())) {
    return absl::InvalidArgumentError(
        absl::StrCat(options.run.trace(), ": ", replay->status().message()));
  }
  if (!replay->status().ok()) return replay->status();

  RunResult result;
  (*session)->Gather(replay->executor(), replay->skipped(), result);
  if (absl::Status s = CheckReplayed(options.run.trace(), result.totals()); !s.ok()) return s;
  GatherSlowest(slowest, names, machine, model, result);
  if (options.run.call_sites()) {
    call_sites.Finish();
    GatherAttribution(machine, &model, call_sites,
                      {"call site", header.call_sites, paths,
                       [&](int32_t pid) { return TaskOfTrace(header.tasks, pid); }},
                      replay->rcu_frees().WaitingObjects(), result);
  }
  Describe(options, sidecars, setting, sourced, &model, result);
  FillPlaces(replay->places(), replay->result().folded_nodes, *result.mutable_places());
  for (std::string& sentence : GeometrySentences(header, replay->caches(), model)) {
    *result.add_assumptions() = std::move(sentence);
  }
  if (std::string sentence = MemoryPolicySentence(options.run); !sentence.empty()) {
    *result.add_assumptions() = std::move(sentence);
  }
  if (*warm != nullptr && replay->rcu_frees().totals().to_batches > 0) {
    *result.add_assumptions() =
        "kvfree_rcu's monitors begin with the first object that no sheaf takes: what they held "
        "when "
        "the recording began, and when they were to look next, it does not tell.";
  }
  (*session)->GatherReclaim((*session)->pressure().kswapd(),
                            machine.scheduler().now() - (*session)->start(), result);
  if (absl::Status status =
          GatherModel(model, replay->auditor(), !options.run.quirks().empty(), result);
      !status.ok()) {
    return status;
  }
  NoteCachesOtherwise(sidecars, model, result);
  if (!IsLikeRecorded(config, *setting.topology)) return result;
  if (absl::Status status = CompareWithKernel(sidecars, model, replay->result(), before, result);
      !status.ok()) {
    return status;
  }
  return result;
}

// What was started warm goes on as the recorded kernel did: with its switches, where the model has
// them.
absl::Status SwitchAsRecorded(const RecordedSidecars& sidecars, SimulationOptions& options) {
  const absl::StatusOr<std::vector<std::string>> recorded = RecordedQuirks(sidecars);
  if (!recorded.ok()) return recorded.status();
  const std::vector<std::string> quirks = WordsOf(options.run.quirks());
  for (const std::string& quirk : *recorded) {
    if (!CheckQuirk(options.run.allocator(), quirk).ok()) continue;
    if (std::find(quirks.begin(), quirks.end(), quirk) != quirks.end()) continue;
    options.run.add_quirks(quirk);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<RunResult> Simulate(const SimulationOptions& options, const SimulationHooks& hooks) {
  if (absl::Status status = CheckSimulationOptions(options); !status.ok()) return status;
  const std::string machine = options.run.machine().empty()
                                  ? DefaultMachine(!options.run.trace().empty())
                                  : options.run.machine();
  const auto load = [&](const RecordedMachine& recorded) -> absl::StatusOr<SourcedMachine> {
    if (!options.machine_config.has_value()) return LoadMachine(machine, recorded);
    return SourcedMachine{.config = *options.machine_config, .sources = options.machine_sources};
  };
  if (!options.run.workload().empty()) {
    const absl::StatusOr<SourcedMachine> sourced =
        load([] { return LoadMachine(kRecordedMachine).status(); });
    if (!sourced.ok()) return sourced.status();
    SimulationOptions here = options;
    ChooseModel(/*release=*/"", &here);
    return SimulateClosed(here, *sourced, RecordedSetting(), hooks);
  }
  absl::StatusOr<std::unique_ptr<TraceReader>> reader =
      TraceReader::Open(options.run.trace(), {.addresses = false});
  if (!reader.ok()) return reader.status();
  const TraceHeader& header = (*reader)->header();
  const RecordedSidecars sidecars(header);
  SimulationOptions here = options;
  ChooseModel(header.kernel_release, &here);
  if (absl::Status s = CheckReplayable(here.run.trace(), header, here.run.allocator()); !s.ok()) {
    return s;
  }
  absl::StatusOr<RecordedSetting> setting =
      ReadRecordedSetting(**reader, {.events_max = options.run.events_max(), .stop = hooks.stop});
  if (!setting.ok()) return setting.status();
  const absl::StatusOr<SourcedMachine> sourced =
      load([&] { return MachineOfRecording(header, &*setting); });
  if (!sourced.ok()) return sourced.status();
  if (here.run.start().empty()) {
    const bool warm =
        IsLikeRecorded(sourced->config, *setting->topology) && StartsWarm(here.run, sidecars);
    here.run.set_start(warm ? "warm" : "cold");
    if (warm) {
      if (absl::Status s = SwitchAsRecorded(sidecars, here); !s.ok()) return s;
    }
  }
  if (options.run.order() == "closed") return SimulateClosed(here, *sourced, *setting, hooks);
  if (!IsPercpuAllocator(here.run.allocator())) {
    return SimulateRecorded(here, *sourced, *setting, sidecars, **reader, hooks);
  }
  absl::StatusOr<RunResult> result =
      SimulatePercpu(here, *setting, sourced->config, **reader, hooks);
  if (!result.ok()) return result;
  if (absl::Status s = CheckReplayed(options.run.trace(), result->totals()); !s.ok()) return s;
  Describe(here, sidecars, *setting, *sourced, /*model=*/nullptr, *result);
  return result;
}

}  // namespace slablab
