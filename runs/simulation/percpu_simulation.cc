// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "runs/simulation/percpu_simulation.h"

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "allocators/percpu/registry.h"
#include "runs/attribution/attribution_result.h"
#include "runs/simulation/percpu_result.h"
#include "runs/simulation/run_config.h"
#include "runs/simulation/run_result.h"
#include "runs/simulation/session.h"
#include "sim/machine.h"
#include "workloads/replay/percpu_replay.h"

namespace slablab {
namespace {

void GatherTotals(Machine& machine, const PercpuReplay& replay, Totals& totals) {
  const PercpuReplayResult& replayed = replay.result();
  totals.set_events(replayed.events);
  totals.set_operations(replayed.allocations + replayed.frees);
  totals.set_allocations(replayed.allocations);
  totals.set_frees(replayed.frees);
  totals.set_failed_allocations(replayed.failed_allocations);
  totals.set_order_inversions(replayed.order_inversions);
  totals.set_order_inversion_wait_cycles(replayed.order_inversion_wait_cycles);
  for (const OperationTotals& cpu : replayed.cpus) {
    totals.set_operation_cycles(totals.operation_cycles() + cpu.cycles);
  }
  totals.set_end_time_cycles(machine.scheduler().now());
  totals.set_writebacks(machine.memory().writebacks());
  for (const SkippedEvents& skipped : replay.skipped()) {
    NamedCount& count = *totals.add_skipped();
    count.set_name(std::string(skipped.reason));
    count.set_count(skipped.events);
  }
}

void GatherPaths(const PercpuReplayResult& replayed, RunResult& result) {
  for (size_t i = 0; i < replayed.paths.size(); ++i) {
    if (replayed.paths[i].cycles.count() == 0) continue;
    PathStats& path = *result.add_paths();
    FillPath(PercpuReplay::paths()[i], path);
    FillTimes(replayed.paths[i].cycles, path);
  }
  FillTimes(replayed.AllocationCycles(), *result.mutable_all_allocations());
  FillTimes(replayed.FreeCycles(), *result.mutable_all_frees());
  result.mutable_all_frees()->set_is_free(true);
}

uint64_t EndStateDigest(const Scheduler& scheduler, const PercpuReplayResult& replayed,
                        const PercpuReport& stats) {
  Digest digest = replayed.placements;
  for (const uint64_t figure :
       {stats.nr_alloc(), stats.nr_dealloc(), stats.nr_chunks(), stats.nr_max_chunks(),
        stats.bytes().populated(), stats.bytes().areas(), replayed.balances}) {
    digest.Add(figure);
  }
  for (const PercpuChunkReport& chunk : stats.chunks()) {
    digest.Add(chunk.free_bytes());
    digest.Add(chunk.populated_pages());
    digest.Add(chunk.sum_frag());
  }
  for (int i = 0; i < scheduler.cpu_count(); ++i) digest.Add(scheduler.cpu(CpuId(i)).now());
  return digest.value();
}

}  // namespace

absl::StatusOr<RunResult> SimulatePercpu(const SimulationOptions& options,
                                         const RecordedSetting& setting,
                                         const MachineConfig& config, TraceReader& reader,
                                         const SimulationHooks& hooks) {
  if (StartsWarm(options.run)) {
    return absl::InvalidArgumentError(
        "a percpu allocator starts cold: sidecars do not say where its areas are");
  }
  Session session(config);
  Machine& machine = session.machine();
  const absl::StatusOr<std::unique_ptr<PercpuAreas>> areas =
      MakePercpuAreas(machine, {.name = options.run.allocator(),
                                .quirks = WordsOf(options.run.quirks()),
                                .balance_at_once = false});
  if (!areas.ok()) return areas.status();
  auto replay = std::make_unique<PercpuReplay>(reader, machine, **areas,
                                               ReplayOptionsOf(options, setting.topology));
  replay->set_stop(hooks.stop);
  if (hooks.progress) {
    const uint64_t total = reader.header().event_count;
    replay->set_progress([&hooks, total](uint64_t events) { hooks.progress(events, total); });
  }
  CallSites call_sites(machine, /*allocator=*/nullptr, PercpuReplay::paths());
  if (options.run.call_sites()) {
    replay->set_call_sites(&call_sites);
    call_sites.Start();
  }
  session.Run(*replay, SimulationHooks());  // Nobody else can observe it.
  if (absl::IsOutOfRange(replay->status())) {
    return absl::InvalidArgumentError(
        absl::StrCat(options.run.trace(), ": ", replay->status().message()));
  }
  if (!replay->status().ok()) return replay->status();
  (*areas)->CheckInvariants();
  replay->auditor().CheckBytes();
  if (replay->auditor().violations() > 0) {
    return absl::InternalError(
        absl::StrCat("the auditor saw ", replay->auditor().violations(),
                     " violations, first: ", replay->auditor().first_violation()));
  }

  RunResult result;
  GatherTotals(machine, *replay, *result.mutable_totals());
  GatherPaths(replay->result(), result);
  GatherMachine(machine, PercpuReplay::sites(), replay->result().cpus, result);
  FillPlaces(replay->places(), /*allocations_folded=*/0, *result.mutable_places());
  if (options.run.call_sites()) {
    call_sites.Finish();
    const TraceHeader& header = reader.header();
    GatherAttribution(machine, /*allocator=*/nullptr, call_sites,
                      {"call site", header.call_sites, PercpuReplay::paths(),
                       [&](int32_t pid) { return TaskOfTrace(header.tasks, pid); }},
                      /*waiting=*/{}, result);
  }
  PercpuReport& stats = *result.mutable_percpu();
  GatherPercpu(**areas, stats);
  stats.set_balances(replay->result().balances);
  FillPercpuBytes(replay->result().peak, *stats.mutable_peak());
  stats.set_peak_time_ns(replay->result().peak_time);
  result.mutable_digests()->set_end_state(
      EndStateDigest(machine.scheduler(), replay->result(), stats));
  return result;
}

}  // namespace slablab
