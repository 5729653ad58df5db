// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "runs/simulation/run_result.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "runs/simulation/percpu_result.h"
#include "sim/core/tick_rcu.h"
#include "workloads/operations/footprint_watch.h"

namespace slablab {

namespace {

using SiteNames = absl::Span<const std::string_view>;

void GatherLedger(SiteNames sites, const Ledger& ledger, RunResult& result) {
  for (int site = 0; site < kMaxSites; ++site) {
    for (int structure = 0; structure < kStructures; ++structure) {
      const Ledger::Cell& cell =
          ledger.cell(static_cast<Site>(site), static_cast<Structure>(structure));
      for (int outcome = 0; outcome < kOutcomes; ++outcome) {
        const auto i = static_cast<size_t>(outcome);
        if (cell.count[i] == 0) continue;
        TouchCell& touch = *result.add_touches();
        touch.set_site(SiteName(sites, site));
        touch.set_structure(std::string(StructureName(static_cast<Structure>(structure))));
        touch.set_outcome(std::string(OutcomeName(static_cast<Outcome>(outcome))));
        touch.set_count(cell.count[i]);
        touch.set_cycles(cell.cycles[i]);
      }
    }
    for (int cause = 0; cause < kCauses; ++cause) {
      const uint64_t cycles = ledger.cycles(static_cast<Site>(site), static_cast<Cause>(cause));
      if (cycles == 0) continue;
      CauseCell& cell = *result.add_causes();
      cell.set_site(SiteName(sites, site));
      cell.set_cause(std::string(CauseName(static_cast<Cause>(cause))));
      cell.set_cycles(cycles);
    }
  }
}

// The allocator's and the page allocator's cycles by part. Operations come first, and are there
// even if they took none.
void GatherParts(const Ledger& ledger, RunResult& result) {
  const auto cycles_of = [&](Part part) {
    uint64_t cycles =
        ledger.cycles(part, Site::kPageAllocator) + ledger.cycles(part, Site::kKvfreeRcu);
    for (int site = kFirstModelSite; site < kMaxSites; ++site) {
      cycles += ledger.cycles(part, static_cast<Site>(site));
    }
    return cycles;
  };
  const auto add = [&](Part part, uint64_t cycles) {
    PartCycles& filled = *result.add_parts();
    filled.set_part(std::string(PartName(part)));
    filled.set_cycles(cycles);
  };
  add(Part::kOperation, cycles_of(Part::kOperation));
  for (const Part part :
       {Part::kTimer, Part::kReclaim, Part::kHotplug, Part::kTuning, Part::kRemoteCall}) {
    if (const uint64_t cycles = cycles_of(part); cycles > 0) add(part, cycles);
  }
}

void GatherPaths(const Allocator& allocator, const RunAccount& replay, RunResult& result) {
  for (size_t i = 0; i < replay.paths.size(); ++i) {
    const PathTimes& times = replay.paths[i];
    if (times.cycles.count() == 0) continue;
    PathStats& path = *result.add_paths();
    FillPath(PathOf(allocator, static_cast<PathId>(i)), path);
    FillTimes(times.cycles, path);
  }
  FillTimes(replay.AllocationCycles(), *result.mutable_all_allocations());
  FillTimes(replay.FreeCycles(), *result.mutable_all_frees());
  result.mutable_all_frees()->set_is_free(true);
}

void GatherLocks(const Scheduler& scheduler, RunResult& result) {
  for (const LockClass& lock_class : scheduler.lock_classes()) {
    LockStats& lock = *result.add_locks();
    lock.set_name(lock_class.name);
    lock.set_contention_bounces(lock_class.contention_bounces);
    lock.set_contentions(lock_class.contentions);
    lock.set_wait_min_cycles(lock_class.wait_min_cycles);
    lock.set_wait_max_cycles(lock_class.wait_max_cycles);
    lock.set_wait_total_cycles(lock_class.wait_total_cycles);
    lock.set_acquisition_bounces(lock_class.acquisition_bounces);
    lock.set_acquisitions(lock_class.acquisitions);
    lock.set_hold_min_cycles(lock_class.hold_min_cycles);
    lock.set_hold_max_cycles(lock_class.hold_max_cycles);
    lock.set_hold_total_cycles(lock_class.hold_total_cycles);
  }
}

void GatherCpus(SiteNames sites, Scheduler& scheduler, const std::vector<OperationTotals>& cpus,
                RunResult& result) {
  for (int i = 0; i < scheduler.cpu_count(); ++i) {
    const Cpu& cpu = scheduler.cpu(CpuId(i));
    const OperationTotals& totals = cpus[static_cast<size_t>(i)];
    if (totals.operations == 0) continue;
    CpuStats& stats = *result.add_cpus();
    stats.set_cpu(i);
    stats.set_node(cpu.node().value());
    stats.set_operations(totals.operations);
    stats.set_operation_cycles(totals.cycles);
    stats.set_irq_off_windows(cpu.irq_off().windows);
    stats.set_irq_off_cycles(cpu.irq_off().total_cycles);
    stats.set_irq_off_longest_cycles(cpu.irq_off().longest_cycles);
    stats.set_irq_off_longest_site(SiteName(sites, static_cast<int>(cpu.irq_off().longest_site)));
    stats.set_irq_deferral_longest_cycles(cpu.irq_off().longest_deferral_cycles);
  }
}

void FillFootprint(const FootprintAt& at, FootprintSample& sample) {
  sample.set_time_ns(at.time);
  sample.set_slabs(at.footprint.slabs);
  sample.set_slab_bytes(at.footprint.slab_bytes);
  sample.set_objects(at.footprint.objects);
  sample.set_object_bytes(at.footprint.object_bytes);
  sample.set_free_bytes(at.footprint.free_bytes);
  sample.set_padding_bytes(at.footprint.padding_bytes);
  sample.set_tail_bytes(at.footprint.tail_bytes);
  sample.set_metadata_bytes(at.footprint.metadata_bytes);
  sample.set_percpu_bytes(at.footprint.percpu_bytes);
  sample.set_requested_bytes(at.requested_bytes);
  sample.set_own_objects(at.footprint.own_objects);
  sample.set_own_object_bytes(at.footprint.own_object_bytes);
  sample.set_large_blocks(at.footprint.large_blocks);
  sample.set_large_bytes(at.footprint.large_bytes);
  sample.set_large_requested_bytes(at.footprint.large_requested_bytes -
                                   at.footprint.own_large_requested_bytes);
  sample.set_own_large_bytes(at.footprint.own_large_bytes);
  sample.set_own_large_blocks(at.footprint.own_large_blocks);
  for (const CacheLayer& layer : at.layers) {
    LayerSample& filled = *sample.add_layers();
    filled.set_layer(std::string(layer.name));
    filled.set_holders(layer.count());
    filled.set_objects(layer.objects);
    filled.set_object_bytes(layer.object_bytes);
    filled.set_own_bytes(layer.own_bytes);
  }
  for (const LockWaits& wait : at.waits) {
    LockWaitSample& filled = *sample.add_lock_waits();
    filled.set_lock(std::string(wait.lock));
    filled.set_contentions(wait.contentions);
    filled.set_wait_cycles(wait.cycles);
  }
  if (at.footprint.rcu_free_bytes + at.rcu.objects == 0) return;
  WaitingForRcu& waiting = *sample.mutable_rcu();
  waiting.set_objects(at.footprint.rcu_objects + at.rcu.objects);
  waiting.set_slab_objects(at.rcu.objects - at.rcu.large_objects);
  waiting.set_object_bytes(at.rcu.object_bytes);
  waiting.set_padding_bytes(at.rcu.padding_bytes);
  waiting.set_free_bytes(at.footprint.rcu_free_bytes);
  waiting.set_large_bytes(at.rcu.large_bytes);
}

// The samples that were taken on the way, and one more of the end.
void GatherFootprint(Machine& machine, const Allocator& allocator, const RunAccount& replayed,
                     const RcuFrees& rcu, Cycles end, RunResult& result) {
  for (const FootprintAt& sample : replayed.footprint) {
    FillFootprint(sample, *result.add_footprint());
  }
  const Cycles ran = end - std::min(end, replayed.start);
  FootprintAt last{.time = ran * 1000 / static_cast<uint64_t>(machine.config().clock_mhz),
                   .footprint = allocator.TotalFootprint(),
                   .requested_bytes = replayed.requested_bytes,
                   .rcu = rcu.waiting(),
                   .layers = LayerWatch().Sample(allocator),
                   .waits = LockWaitsOf(machine.scheduler())};
  if (!replayed.footprint.empty()) {
    last.time = std::max(last.time, replayed.footprint.back().time);
    if (last.time == replayed.footprint.back().time) result.mutable_footprint()->RemoveLast();
  }
  FillFootprint(last, *result.add_footprint());
  FillFootprint(last, *result.mutable_footprint_end());
  const bool is_peak = last.footprint.slab_bytes > replayed.footprint_peak.footprint.slab_bytes;
  FillFootprint(is_peak ? last : replayed.footprint_peak, *result.mutable_footprint_peak());
}

// After GatherFootprint.
void GatherRcu(Machine& machine, const RunAccount& replayed, const RcuFrees& frees,
               RunResult& result) {
  const RcuTotals& totals = frees.totals();
  RcuReport& rcu = *result.mutable_rcu();
  rcu.set_to_sheaves(totals.to_sheaves);
  rcu.set_to_batches(totals.to_batches);
  rcu.set_drains(frees.drains());
  rcu.set_grace_periods(machine.own_rcu().grace_periods());
  rcu.set_barriers(totals.barriers);
  rcu.set_peak_objects(totals.peak_objects);
  rcu.set_peak_bytes(totals.peak_bytes);
  const Cycles until_peak = totals.peak_at - std::min(totals.peak_at, replayed.start);
  rcu.set_peak_time_ns(until_peak * 1000 / static_cast<uint64_t>(machine.config().clock_mhz));
  const WaitingForRcu& waiting = result.footprint_end().rcu();
  rcu.set_end_objects(waiting.objects());
  rcu.set_end_bytes(waiting.object_bytes() + waiting.padding_bytes() + waiting.free_bytes() +
                    waiting.large_bytes());
}

void FillFigure(const Figure& figure, FigureValue& value) {
  value.set_name(figure.name);
  if (figure.role != FigureRole::kOther) value.set_role(RoleInResult(figure.role));
  value.set_value(figure.value);
  value.set_has_parentheses(figure.has_parentheses);
  value.set_in_parentheses(figure.in_parentheses);
  if (figure.per == Figure::Per::kCpu) value.set_per("cpu");
  if (figure.per == Figure::Per::kNode) value.set_per("node");
  for (const Figure::Part& part : figure.parts) {
    FigurePart& filled = *value.add_parts();
    filled.set_index(part.index);
    filled.set_value(part.value);
    filled.set_in_parentheses(part.in_parentheses);
  }
}

void FillSlabInfo(const SlabInfoRow& row, SlabInfo& info) {
  info.set_active_objects(row.active_objects);
  info.set_objects(row.objects);
  info.set_object_size(row.object_size);
  info.set_objects_per_slab(row.objects_per_slab);
  info.set_pages_per_slab(row.pages_per_slab);
  info.set_limit(row.limit);
  info.set_batch_count(row.batch_count);
  info.set_shared_factor(row.shared_factor);
  info.set_active_slabs(row.active_slabs);
  info.set_slabs(row.slabs);
  info.set_shared_available(row.shared_available);
}

void FillLayer(const CacheLayer& layer, CachingLayer& filled) {
  filled.set_layer(std::string(layer.name));
  filled.set_holders(std::string(layer.holders));
  filled.set_full(layer.full);
  filled.set_partial(layer.partial);
  filled.set_empty(layer.empty);
  filled.set_objects(layer.objects);
  filled.set_object_bytes(layer.object_bytes);
  filled.set_own_bytes(layer.own_bytes);
  for (size_t node = 0; node < layer.nodes.size(); ++node) {
    if (layer.nodes[node].holders == 0) continue;
    LayerOfNode& row = *filled.add_nodes();
    row.set_node(static_cast<int32_t>(node));
    row.set_holders(layer.nodes[node].holders);
    row.set_objects(layer.nodes[node].objects);
  }
}

// By cache and in total; over time as the samples have it, with the end as the last of them.
void GatherLayers(const Allocator& allocator, const RunAccount& replay, RunResult& result) {
  LayerWatch watch = replay.layers;
  for (const CacheLayer& layer : watch.Sample(allocator)) {
    CachingLayer& total = *result.add_layers();
    FillLayer(layer, total);
    uint64_t objects = 0;
    uint64_t peak = 0;
    for (const FootprintSample& sample : result.footprint()) {
      for (const LayerSample& at : sample.layers()) {
        if (at.layer() != layer.name) continue;
        objects += at.objects();
        peak = std::max<uint64_t>(peak, at.objects());
      }
    }
    total.set_objects_mean(objects / std::max(1, result.footprint_size()));
    total.set_objects_peak(peak);
  }
  for (size_t i = 0; i < watch.caches().size(); ++i) {
    std::vector<CacheLayer> layers;
    allocator.AddLayers(CacheId(static_cast<int32_t>(i)), &layers);
    CacheStats& cache = *result.mutable_caches(static_cast<int>(i));
    for (size_t layer = 0; layer < layers.size(); ++layer) {
      const LayerOverTime& over_time = watch.caches()[i][layer];
      CachingLayer& filled = *cache.add_layers();
      FillLayer(layers[layer], filled);
      filled.set_objects_mean(over_time.mean());
      filled.set_objects_peak(over_time.objects_peak);
    }
  }
}

void GatherCaches(const Allocator& allocator, const RunAccount& replay, RunResult& result) {
  for (int i = 0; i < allocator.cache_count(); ++i) {
    const CacheId id(i);
    const CacheLayout layout = allocator.Layout(id);
    CacheStats& cache = *result.add_caches();
    cache.set_name(layout.name);
    cache.set_object_size(layout.object_size);
    cache.set_slab_size(layout.slab_size);
    cache.set_align(layout.align);
    cache.set_order(layout.order);
    cache.set_objects_per_slab(layout.objects_per_slab);
    for (const Figure& figure : allocator.Counters(id)) FillFigure(figure, *cache.add_counters());
    for (const Figure& figure : allocator.State(id)) FillFigure(figure, *cache.add_states());
    FillSlabInfo(allocator.SlabInfo(id), *cache.mutable_slabinfo());
    FillFootprint({.footprint = allocator.FootprintOf(id)}, *cache.mutable_footprint());
    if (id.index() < replay.caches.size()) {
      cache.set_operations(replay.caches[id.index()].operations);
      cache.set_operation_cycles(replay.caches[id.index()].cycles);
    }
  }
}

// Of every placement in order, every counter and state, and every CPU's clock.
uint64_t EndStateDigest(const Scheduler& scheduler, const RunAccount& replay,
                        const RunResult& result) {
  Digest digest = replay.placements;
  for (const CacheStats& cache : result.caches()) {
    digest.AddString(cache.name());
    for (const auto* figures : {&cache.counters(), &cache.states()}) {
      for (const FigureValue& figure : *figures) {
        digest.AddString(figure.name());
        digest.Add(figure.value());
        for (const FigurePart& part : figure.parts()) {
          digest.Add(static_cast<uint64_t>(part.index()));
          digest.Add(part.value());
        }
      }
    }
  }
  for (int i = 0; i < scheduler.cpu_count(); ++i) digest.Add(scheduler.cpu(CpuId(i)).now());
  if (result.has_rcu()) {
    digest.Add(result.rcu().grace_periods());
    digest.Add(result.rcu().end_objects());
    digest.Add(result.rcu().end_bytes());
  }
  return digest.value();
}

}  // namespace

std::string SiteName(SiteNames sites, int site) {
  static constexpr std::string_view kMachineSites[kFirstModelSite] = {
      "use", "page allocator", "interrupt", "boot", "kvfree_rcu"};
  if (site < kFirstModelSite) return std::string(kMachineSites[site]);
  const size_t index = static_cast<size_t>(site - kFirstModelSite);
  CHECK_LT(index, sites.size());
  return std::string(sites[index]);
}

static_assert(static_cast<int>(FigureRole::kAlien) == FigureValue::Role_MAX);

FigureValue::Role RoleInResult(FigureRole role) { return static_cast<FigureValue::Role>(role); }

void FillPath(const PathInfo& info, PathStats& path) {
  path.set_name(std::string(info.name));
  path.set_is_free(info.kind == PathKind::kFree || info.kind == PathKind::kFreeByRcu);
  path.set_by_rcu(info.kind == PathKind::kFreeByRcu);
  path.set_put_off(info.kind == PathKind::kOther);
  path.set_is_fast(info.is_fast);
}

void FillTimes(const Histogram& cycles, PathStats& path) {
  path.set_operations(cycles.count());
  path.set_cycles_total(cycles.total());
  path.set_cycles_min(cycles.min());
  path.set_cycles_p50(cycles.Quantile(500));
  path.set_cycles_p99(cycles.Quantile(990));
  path.set_cycles_max(cycles.max());
  cycles.ForEachQuarterOctave([&](Cycles upper, uint64_t operations) {
    LatencyBucket& bucket = *path.add_latencies();
    bucket.set_cycles_max(std::min(upper, cycles.max()));
    bucket.set_operations(operations);
  });
}

void GatherMachine(Machine& machine, absl::Span<const std::string_view> sites,
                   const std::vector<OperationTotals>& cpus, RunResult& result) {
  GatherLedger(sites, machine.ledger(), result);
  GatherParts(machine.ledger(), result);
  GatherLocks(machine.scheduler(), result);
  GatherCpus(sites, machine.scheduler(), cpus, result);
}

void GatherResult(Machine& machine, const Allocator& allocator, const RunAccount& replayed,
                  const RcuFrees& rcu, absl::Span<const SkippedEvents> skipped, RunResult& result) {
  Totals& totals = *result.mutable_totals();
  totals.set_events(replayed.events);
  totals.set_operations(replayed.allocations + replayed.frees);
  totals.set_allocations(replayed.allocations);
  totals.set_frees(replayed.frees);
  totals.set_failed_allocations(replayed.failed_allocations);
  totals.set_remote_frees(replayed.remote_frees);
  totals.set_order_inversions(replayed.order_inversions);
  totals.set_order_inversion_wait_cycles(replayed.order_inversion_wait_cycles);
  totals.set_use_cycles(replayed.use_cycles);
  for (const OperationTotals& cpu : replayed.cpus) {
    totals.set_operation_cycles(totals.operation_cycles() + cpu.cycles);
  }
  totals.set_end_time_cycles(machine.scheduler().now());
  totals.set_writebacks(machine.memory().writebacks());
  for (const SkippedEvents& skip : skipped) {
    NamedCount& count = *totals.add_skipped();
    count.set_name(std::string(skip.reason));
    count.set_count(skip.events);
  }
  GatherPaths(allocator, replayed, result);
  GatherMachine(machine, allocator.sites(), replayed.cpus, result);
  GatherFootprint(machine, allocator, replayed, rcu, machine.scheduler().now(), result);
  if (rcu.used()) GatherRcu(machine, replayed, rcu, result);
  GatherCaches(allocator, replayed, result);
  GatherLayers(allocator, replayed, result);
  result.mutable_digests()->set_end_state(EndStateDigest(machine.scheduler(), replayed, result));
}

void GatherOccupancy(const Machine& machine, const Allocator& allocator, const Auditor& auditor,
                     const RcuFrees& rcu, RunResult& result) {
  absl::flat_hash_map<uint64_t, uint64_t> waiting;  // by slab; never iterated
  for (const PhysAddr object : rcu.WaitingObjects()) {
    ++waiting[allocator.Locate(object).slab.value()];
  }
  // By cache; of a cache, by node and objects, most first.
  using SlabsOfFill = std::map<std::pair<int32_t, uint64_t>, uint64_t>;
  std::vector<SlabsOfFill> caches(static_cast<size_t>(allocator.cache_count()));
  std::vector<uint64_t> live(caches.size());
  for (const Allocator::SlabPlace& place : allocator.SlabPlaces()) {
    const size_t cache = place.cache.index();
    uint64_t objects = auditor.LiveIn(place.base, kPageSize << place.order);
    if (const auto found = waiting.find(place.base.value()); found != waiting.end()) {
      objects += found->second;
    }
    live[cache] += objects;
    ++caches[cache][{machine.NodeOf(place.base).value(), ~objects}];
  }
  for (size_t i = 0; i < caches.size(); ++i) {
    CacheStats& cache = *result.mutable_caches(static_cast<int>(i));
    if (live[i] != cache.footprint().objects()) continue;
    for (const auto& [fill, slabs] : caches[i]) {
      SlabOccupancy& run = *cache.add_occupancy();
      run.set_node(fill.first);
      run.set_objects(static_cast<uint32_t>(~fill.second));
      run.set_slabs(slabs);
    }
  }
}

void GatherImport(const TraceHeader& trace, Totals& totals) {
  static constexpr std::pair<std::string_view, std::string_view> kChanges[] = {
      {"allocator-internal", "the recorded allocator's own, left out"},
      {"inferred-free-by-rcu", "frees by kvfree_rcu without an event, put in"},
      {"inferred-free-with-tree", "nodes of maple trees freed in bulk, put in"},
      {"inferred-free-aged", "frees by kvfree_rcu that only the kernel's count shows, put in"},
  };
  for (const auto& [name, words] : kChanges) {
    for (const TraceRepair& repair : trace.repairs) {
      if (repair.name != name) continue;
      TraceRepair told = repair;
      told.explanation = words;
      NamedCount& change = *totals.add_import_changes();
      change.set_name(Explain(told));
      change.set_count(repair.count);
    }
  }
}

absl::Status GatherModel(const Allocator& allocator, const Auditor& auditor, bool has_quirks,
                         RunResult& result) {
  allocator.CheckInvariants();
  std::string violations;
  if (auditor.violations() > 0) {
    violations = absl::StrCat("the auditor saw ", auditor.violations(),
                              " violations, first: ", auditor.first_violation());
    if (!has_quirks) return absl::InternalError(violations);
  }
  if (const PercpuAreas* areas = allocator.percpu_areas(); areas != nullptr) {
    areas->CheckInvariants();
    GatherPercpu(*areas, *result.mutable_percpu());
  }
  for (const std::string& line : allocator.KernelLog()) {
    *result.add_assumptions() = absl::StrCat("QUIRK: ", line, ".");
  }
  if (!violations.empty()) *result.add_assumptions() = absl::StrCat("QUIRK: ", violations);
  return absl::OkStatus();
}

}  // namespace slablab
