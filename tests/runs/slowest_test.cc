// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// What a run's result says of its slowest operations, beside all of its operations.

#include <algorithm>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runs/simulation/simulation.h"
#include "sim/machine.h"
#include "tests/sim/host_allocations.h"
#include "tests/test_files.h"

namespace slablab {
namespace {

// Keeps all operations, and adds up what each spent.
class Everything : public OperationObserver {
 public:
  void OnBegin(const Machine& machine, const Allocator&) override {
    machine_ = &machine;
    begin_ = machine.scheduler().now();
  }
  void OnOperation(const OperationEnd& operation) override {
    const OperationTally& tally = machine_->scheduler().cpu(operation.cpu).tally();
    EXPECT_LE(tally.total(), operation.cycles) << operation.event;
    EXPECT_EQ(tally.lock_waits() > 0, tally.cycles(Cause::kLockWait) > 0) << operation.event;
    EXPECT_LE(tally.longest_wait().cycles, tally.cycles(Cause::kLockWait));
    const auto cells = tally.Sums();
    for (int s = 0; s < kStructures; ++s) {
      for (int o = 0; o < kOutcomes; ++o) {
        const auto structure = static_cast<Structure>(s);
        const auto outcome = static_cast<Outcome>(o);
        const Cycles cycles = cells[OperationTally::CellOf(structure, outcome)].cycles;
        if (cycles == 0) continue;
        touches[{std::string(StructureName(structure)), std::string(OutcomeName(outcome))}] +=
            cycles;
      }
    }
    lock_wait += tally.cycles(Cause::kLockWait);
    operations.push_back(operation);
  }
  Nanos StartOf(const OperationEnd& operation) const {
    return (operation.start - std::min(operation.start, begin_)) * 1000 /
           static_cast<uint64_t>(clock_mhz);
  }

  std::vector<OperationEnd> operations;
  std::map<std::pair<std::string, std::string>, uint64_t> touches;
  uint64_t lock_wait = 0;
  int64_t clock_mhz = 1;

 private:
  const Machine* machine_ = nullptr;
  Cycles begin_ = 0;
};

SimulationOptions Replayed(const std::string& allocator, const std::string& order) {
  SimulationOptions options;
  options.run.set_trace(Runfile("traces/samples/linux-7.3-slub-c4n2-hackbench.slt"));
  options.run.set_allocator(allocator);
  options.run.set_order(order);
  options.run.set_events_max(60'000);
  return options;
}

using Row = std::tuple<uint64_t, uint64_t, int32_t, uint64_t>;  // cycles, time, CPU, event

std::vector<Row> RowsOf(const RunResult& result) {
  std::vector<Row> rows;
  for (const SlowOperation& slow : result.slowest()) {
    rows.emplace_back(slow.cycles(), slow.time_ns(), slow.cpu(), slow.event());
  }
  return rows;
}

std::vector<Row> Expected(const Everything& all, const SlowestOperations::Options& options) {
  std::vector<OperationEnd> operations;
  for (const OperationEnd& operation : all.operations) {
    const Nanos start = all.StartOf(operation);
    if (start >= options.from && start < options.to) operations.push_back(operation);
  }
  std::sort(operations.begin(), operations.end(), [](const OperationEnd& a, const OperationEnd& b) {
    return std::make_tuple(~a.cycles, a.start, a.cpu.value(), a.event) <
           std::make_tuple(~b.cycles, b.start, b.cpu.value(), b.event);
  });
  operations.resize(std::min(operations.size(), options.count));
  std::vector<Row> rows;
  for (const OperationEnd& each : operations) {
    rows.emplace_back(each.cycles, all.StartOf(each), each.cpu.value(), each.event);
  }
  return rows;
}

TEST(SlowestTest, AreTheSlowestOfAllOperationsInEveryOrderAndWindow) {
  for (const char* allocator : {"slub-6.12", "slub-7.3", "slab"}) {
    for (const std::string order : {"recorded", "closed"}) {
      const SlowestOperations::Options windows[] = {
          {}, {.count = 1}, {.count = 7, .from = 2'000'000, .to = 9'000'000}};
      for (const SlowestOperations::Options& window : windows) {
        SCOPED_TRACE(absl::StrCat(allocator, " ", order == "closed", " ", window.count));
        Everything all;
        SimulationHooks hooks;
        hooks.observer = &all;
        hooks.slowest = window;
        const absl::StatusOr<RunResult> result = Simulate(Replayed(allocator, order), hooks);
        ASSERT_TRUE(result.ok()) << result.status();
        all.clock_mhz = result->config().clock_mhz();
        EXPECT_EQ(RowsOf(*result), Expected(all, window));
        EXPECT_EQ(all.operations.size(), result->totals().operations());
        EXPECT_GT(all.lock_wait, 0u);
        for (const SlowOperation& slow : result->slowest()) {
          uint64_t sum = 0;
          for (const SlowCause& cause : slow.causes()) sum += cause.cycles();
          EXPECT_EQ(sum, slow.cycles());
          EXPECT_LE(slow.waited_for().cycles_total(), slow.cycles());
          EXPECT_TRUE(!slow.has_waited_for() || slow.waited_for().holder_cpu() != slow.cpu());
        }
      }
    }
  }
}

// What operations spent beyond L1 is what the ledger has of the allocator's and the page
// allocator's sites, as far as that was in operations.
TEST(SlowestTest, TalliesAreThePartOfTheLedgerThatOperationsHave) {
  Everything all;
  SimulationHooks hooks;
  hooks.observer = &all;
  // Of a kernel that recorded all frees as they came: nothing is put off.
  SimulationOptions options = Replayed("slub-6.1", "recorded");
  options.run.set_trace(Runfile("traces/samples/linux-6.1-slub-c4n2-hackbench.slt"));
  const absl::StatusOr<RunResult> result = Simulate(options, hooks);
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ(result->parts_size(), 1);  // All of it was in operations.
  std::map<std::pair<std::string, std::string>, uint64_t> ledger;
  for (const TouchCell& cell : result->touches()) {
    if (cell.site() == "use" || cell.site() == "interrupt" || cell.outcome() == "L1") continue;
    if (cell.cycles() > 0) ledger[{cell.structure(), cell.outcome()}] += cell.cycles();
  }
  EXPECT_EQ(all.touches, ledger);
  uint64_t lock_wait = 0;
  for (const CauseCell& cell : result->causes()) {
    if (cell.cause() == CauseName(Cause::kLockWait)) lock_wait += cell.cycles();
  }
  EXPECT_EQ(all.lock_wait, lock_wait);
}

// Whatever comes, they take no memory.
TEST(SlowestTest, KeepingThemAllocatesNothing) {
  class Nothing : public OperationObserver {
   public:
    void OnOperation(const OperationEnd&) override {}
  };
  class Between : public OperationObserver {
   public:
    explicit Between(SlowestOperations& kept) : kept_(kept) {}
    void OnBegin(const Machine& machine, const Allocator& allocator) override {
      kept_.OnBegin(machine, allocator);
    }
    void OnOperation(const OperationEnd& operation) override {
      const uint64_t before = HostAllocations();
      kept_.OnOperation(operation);
      allocated += HostAllocations() - before;
    }
    uint64_t allocated = 0;

   private:
    SlowestOperations& kept_;
  };
  Nothing nothing;
  SlowestOperations kept({.count = 50}, &nothing);
  Between between(kept);
  SimulationHooks hooks;
  hooks.observer = &between;
  ASSERT_TRUE(Simulate(Replayed("slub-7.3", "recorded"), hooks).ok());
  EXPECT_EQ(between.allocated, 0u);
  EXPECT_EQ(kept.InOrder().size(), 50u);
}

}  // namespace
}  // namespace slablab
