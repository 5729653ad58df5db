// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "reports/breakdown.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "fmt/format.h"
#include "reports/numbers.h"

namespace slablab {
namespace {

// What the rows of "where the cycles went" are called, by Outcome; the last for unknown names.
constexpr std::array<std::string_view, kOutcomes + 1> kOutcomeRows = {"hits in L1",
                                                                      "hits in L2",
                                                                      "hits in LLC",
                                                                      "upgrades in own LLC",
                                                                      "upgrades beyond own LLC",
                                                                      "transfers in own LLC",
                                                                      "transfers in own node",
                                                                      "transfers between nodes",
                                                                      "DRAM of own node",
                                                                      "DRAM of other nodes",
                                                                      "other touches"};
constexpr std::array<std::string_view, kCauses + 1> kCauseRows = {
    "instructions",      "atomic operations",      "lock wait",
    "interrupts within", "waiting for other CPUs", "other causes"};

template <typename Enum, int kCount>
size_t IndexOf(std::string_view (*name_of)(Enum), std::string_view name) {
  size_t i = 0;
  while (i < kCount && name_of(static_cast<Enum>(i)) != name) ++i;
  return i;
}

template <size_t kSize>
uint64_t Sum(const std::array<uint64_t, kSize>& values) {
  return std::accumulate(values.begin(), values.end(), uint64_t{0});
}

void Add(const TouchCell& cell, TouchCounts& touches) {
  const size_t outcome = OutcomeIndex(cell.outcome());
  touches.count[outcome] += cell.count();
  touches.cycles[outcome] += cell.cycles();
}

uint64_t Excess(uint64_t value, uint64_t part) { return value > part ? value - part : 0; }

// Of users, and of what they have given up and kvfree_rcu has not given back, the former alone.
uint64_t UserBytesInSlabs(const FootprintSample& footprint) {
  return Excess(Excess(footprint.object_bytes(), footprint.own_object_bytes()),
                footprint.rcu().object_bytes());
}

}  // namespace

Account AccountOf(std::string_view site) {
  if (site == "page allocator") return Account::kPageAllocator;
  if (site == "use") return Account::kUse;
  if (site == "interrupt") return Account::kInterrupt;
  if (site == "boot") return Account::kBoot;
  return Account::kAllocator;
}

size_t OutcomeIndex(std::string_view name) {
  return IndexOf<Outcome, kOutcomes>(OutcomeName, name);
}
size_t CauseIndex(std::string_view name) { return IndexOf<Cause, kCauses>(CauseName, name); }
size_t StructureIndex(std::string_view name) {
  return IndexOf<Structure, kStructures>(StructureName, name);
}

uint64_t AllocatorCycles(const RunResult& result) {
  const bool has_ledger = !result.touches().empty() || !result.causes().empty();
  return has_ledger ? BreakDown(result).allocator_total : result.totals().operation_cycles();
}

std::vector<NamedSum> AllocatorParts(const RunResult& result) {
  std::vector<NamedSum> parts;
  uint64_t left = AllocatorCycles(result);
  for (const PartCycles& part : result.parts()) {
    parts.push_back({part.part(), part.cycles()});
    left -= std::min<uint64_t>(left, part.cycles());
  }
  if (result.parts().empty()) {
    const uint64_t operations = std::min<uint64_t>(left, result.totals().operation_cycles());
    parts.push_back({std::string(PartName(Part::kOperation)), operations});
    left -= operations;
    if (left > 0) parts.push_back({std::string(PartName(Part::kElsewhere)), left});
  }
  return parts;
}

CycleBreakdown BreakDown(const RunResult& result) {
  std::array<uint64_t, kOutcomes + 1> touches{};
  std::array<uint64_t, kCauses + 1> causes{};
  uint64_t page_allocator = 0;
  CycleBreakdown breakdown;
  const auto add = [&](std::string_view site, uint64_t cycles, uint64_t& row) {
    switch (AccountOf(site)) {
      case Account::kAllocator:
        row += cycles;
        break;
      case Account::kPageAllocator:
        page_allocator += cycles;
        break;
      case Account::kUse:
        breakdown.use += cycles;
        break;
      case Account::kInterrupt:
        breakdown.interrupts += cycles;
        break;
      case Account::kBoot:
        break;
    }
  };
  for (const TouchCell& cell : result.touches()) {
    add(cell.site(), cell.cycles(), touches[OutcomeIndex(cell.outcome())]);
  }
  for (const CauseCell& cell : result.causes()) {
    add(cell.site(), cell.cycles(), causes[CauseIndex(cell.cause())]);
  }
  const auto append = [&](std::string_view name, uint64_t cycles) {
    breakdown.allocator.push_back({std::string(name), cycles});
    breakdown.allocator_total += cycles;
  };
  for (size_t i = 0; i < kOutcomes; ++i) append(kOutcomeRows[i], touches[i]);
  if (touches[kOutcomes] > 0) append(kOutcomeRows[kOutcomes], touches[kOutcomes]);
  for (const Cause cause : {Cause::kAtomic, Cause::kLockWait, Cause::kInstructions}) {
    append(kCauseRows[static_cast<size_t>(cause)], causes[static_cast<size_t>(cause)]);
  }
  for (const size_t cause : {static_cast<size_t>(Cause::kInterrupt),
                             static_cast<size_t>(Cause::kCpuWait), size_t{kCauses}}) {
    if (causes[cause] > 0) append(kCauseRows[cause], causes[cause]);
  }
  append("page allocator", page_allocator);
  return breakdown;
}

uint64_t TouchCounts::total_count() const { return Sum(count); }
uint64_t TouchCounts::total_cycles() const { return Sum(cycles); }

uint64_t TouchCounts::misses() const {
  return total_count() - count[static_cast<size_t>(Outcome::kL1)] -
         count[static_cast<size_t>(Outcome::kL2)] - count[static_cast<size_t>(Outcome::kLlc)];
}

TouchCounts& TouchCounts::operator+=(const TouchCounts& other) {
  for (size_t i = 0; i < count.size(); ++i) {
    count[i] += other.count[i];
    cycles[i] += other.cycles[i];
  }
  return *this;
}

StructureTouches TouchesByStructure(const RunResult& result) {
  StructureTouches touches;
  for (const TouchCell& cell : result.touches()) {
    switch (AccountOf(cell.site())) {
      case Account::kAllocator:
      case Account::kPageAllocator:
        Add(cell, touches.allocator[StructureIndex(cell.structure())]);
        break;
      case Account::kUse:
        Add(cell, touches.use);
        break;
      case Account::kInterrupt:
        Add(cell, touches.interrupts);
        break;
      case Account::kBoot:
        break;
    }
  }
  return touches;
}

uint64_t SiteCycles::total_cycles() const { return touches.total_cycles() + Sum(causes); }

std::vector<SiteCycles> CyclesBySite(const RunResult& result) {
  std::vector<SiteCycles> sites;
  const auto at = [&](const std::string& name) -> SiteCycles& {
    const auto found = std::find_if(sites.begin(), sites.end(),
                                    [&](const SiteCycles& site) { return site.site == name; });
    if (found != sites.end()) return *found;
    sites.push_back({.site = name, .touches = {}, .causes = {}});
    return sites.back();
  };
  for (const TouchCell& cell : result.touches()) Add(cell, at(cell.site()).touches);
  for (const CauseCell& cell : result.causes()) {
    at(cell.site()).causes[CauseIndex(cell.cause())] += cell.cycles();
  }
  return sites;
}

uint64_t FigureOf(const google::protobuf::RepeatedPtrField<FigureValue>& figures,
                  FigureValue::Role role) {
  uint64_t sum = 0;
  for (const FigureValue& figure : figures) {
    if (figure.role() == role) sum += figure.value();
  }
  return sum;
}

std::vector<NamedSum> CounterTotals(const RunResult& result) {
  std::vector<NamedSum> totals;
  std::map<std::string, size_t> positions;
  for (const CacheStats& cache : result.caches()) {
    for (const FigureValue& counter : cache.counters()) {
      const auto [position, is_first] = positions.try_emplace(counter.name(), totals.size());
      if (is_first) totals.push_back({counter.name(), 0});
      totals[position->second].value += counter.value();
    }
  }
  return totals;
}

FastShare FastPaths(const RunResult& result, bool frees) {
  FastShare share;
  for (const PathStats& path : result.paths()) {
    if (path.is_free() != frees || path.put_off() || path.by_rcu()) continue;
    share.all += path.operations();
    if (path.is_fast()) share.fast += path.operations();
  }
  return share;
}

int64_t FastPathPair::points() const {
  return static_cast<int64_t>(HundredthsOfPercent(simulated.fast, simulated.all)) -
         static_cast<int64_t>(HundredthsOfPercent(kernel.fast, kernel.all));
}

std::string FastShare::Percent() const {
  if (all == 0) return "-";
  const uint64_t share = HundredthsOfPercent(fast, all);
  return fmt::format("{}.{:02}%", share / 100, share % 100);
}

FastPathPair ComparedFastPaths(const KernelComparison& comparison, const std::string& operation) {
  FastPathPair shares;
  for (const FastPathComparison& compared : comparison.fast_paths()) {
    if (compared.operation() != operation) continue;
    shares.kernel = {.fast = compared.kernel_fast(), .all = compared.operations()};
    shares.simulated = {.fast = compared.simulated_fast(), .all = compared.operations()};
  }
  return shares;
}

FastPathPair KernelFastPaths(const google::protobuf::RepeatedPtrField<CounterPair>& counters,
                             bool frees) {
  FastPathPair shares;
  // A counter that was cleared meanwhile may have gone down: that is no operation.
  const auto natural = [](int64_t value) {
    return static_cast<uint64_t>(std::max<int64_t>(value, 0));
  };
  for (const CounterPair& counter : counters) {
    const bool fast =
        counter.role() == (frees ? FigureValue::FAST_FREES : FigureValue::FAST_ALLOCS);
    const bool slow =
        counter.role() == (frees ? FigureValue::SLOW_FREES : FigureValue::SLOW_ALLOCS);
    if (!fast && !slow) continue;
    shares.kernel.all += natural(counter.kernel());
    shares.simulated.all += natural(counter.simulated());
    if (fast) {
      shares.kernel.fast += natural(counter.kernel());
      shares.simulated.fast += natural(counter.simulated());
    }
  }
  return shares;
}

Waste WasteOf(const FootprintSample& footprint) {
  const WaitingForRcu& waiting = footprint.rcu();
  Waste waste;
  if (KnowsRequested(footprint)) {
    waste.internal = Excess(UserBytesInSlabs(footprint),
                            Excess(footprint.requested_bytes(), footprint.large_requested_bytes()));
  }
  waste.padding = Excess(footprint.padding_bytes(), waiting.padding_bytes());
  waste.free = Excess(footprint.free_bytes(), waiting.free_bytes());
  waste.tail = footprint.tail_bytes();
  return waste;
}

// Nothing asked for and yet something allocated: what was asked for is not known.
bool KnowsRequested(const FootprintSample& footprint) { return footprint.requested_bytes() > 0; }

uint64_t AskedInSlabs(const FootprintSample& footprint) {
  return Excess(UserBytesInSlabs(footprint), WasteOf(footprint).internal);
}

uint64_t UserObjects(const FootprintSample& footprint) {
  return Excess(Excess(footprint.objects(), footprint.own_objects()),
                footprint.rcu().slab_objects());
}

uint64_t WaitingBytes(const FootprintSample& footprint) {
  const WaitingForRcu& waiting = footprint.rcu();
  return waiting.object_bytes() + waiting.padding_bytes() + waiting.free_bytes() +
         waiting.large_bytes();
}

MemoryHeld HeldBy(const FootprintSample& footprint) {
  const Waste waste = WasteOf(footprint);
  const uint64_t large_waiting = footprint.rcu().large_bytes();
  MemoryHeld held;
  held.in_slabs = {{"asked for by users", AskedInSlabs(footprint)},
                   {"rounded up to objects", waste.internal},
                   {"the allocator's own objects", footprint.own_object_bytes()},
                   {"padding of objects", waste.padding},
                   {std::string(kWaitingInSlabs), WaitingBytes(footprint) - large_waiting},
                   {"free slots in slabs", waste.free},
                   {"ends of slabs", waste.tail}};
  held.slabs_total = footprint.slab_bytes();
  held.besides = {
      {"kmalloc's whole pages",
       Excess(Excess(footprint.large_bytes(), footprint.own_large_bytes()), large_waiting)},
      {std::string(kWaitingPages), large_waiting},
      {"the allocator's whole pages", footprint.own_large_bytes()},
      {"metadata elsewhere", footprint.metadata_bytes()},
      {"per-CPU areas", footprint.percpu_bytes()}};
  held.total = held.slabs_total;
  for (const NamedSum& part : held.besides) held.total += part.value;
  return held;
}

}  // namespace slablab
