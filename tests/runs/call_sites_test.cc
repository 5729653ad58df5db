// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// On whose behalf: what a result says of callers, tasks and lines adds up to what it says of the
// run, in every order and form, and nothing else depends on whether it is said.

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reports/callers.h"
#include "reports/tables.h"
#include "reports/text/text.h"
#include "runs/simulation/simulation.h"
#include "sim/cache/ledger.h"
#include "tests/test_files.h"

namespace slablab {
namespace {

using ::testing::Gt;

SimulationOptions Replayed(const std::string& trace, const std::string& allocator,
                           const std::string& order) {
  SimulationOptions options;
  options.run.set_trace(Runfile(absl::StrCat("traces/samples/", trace, ".slt")));
  options.run.set_allocator(allocator);
  options.run.set_order(order);
  options.run.set_events_max(40'000);
  return options;
}

std::vector<SimulationOptions> Runs() {
  std::vector<SimulationOptions> runs;
  for (const char* allocator : {"slub-6.12", "slub-7.3", "slab", "slubq"}) {
    runs.push_back(Replayed("linux-7.3-slub-c4n2-hackbench", allocator, "recorded"));
  }
  runs.push_back(Replayed("linux-7.3-slub-c4n2-hackbench", "slub-7.3", "closed"));
  runs.push_back(Replayed("linux-6.1-slub-c4n2-net", "slub-6.1", "recorded"));
  runs.push_back(Replayed("linux-6.1-percpu-c8n2", "percpu", "recorded"));
  SimulationOptions& workload = runs.emplace_back();
  workload.run.set_workload("hackbench");
  workload.run.add_set("groups=1,loops=20");
  workload.run.set_machine("vm-c4n2");
  workload.run.set_allocator("slub-6.12");
  return runs;
}

RunResult ResultOf(const SimulationOptions& options) {
  const absl::StatusOr<RunResult> result = Simulate(options, {});
  EXPECT_TRUE(result.ok()) << result.status();
  return result.ok() ? *result : RunResult();
}

template <typename Rows, typename Of>
uint64_t Sum(const Rows& rows, Of of) {
  uint64_t sum = 0;
  for (const auto& row : rows) sum += of(row);
  return sum;
}

TEST(CallSitesTest, GroupsPartitionOperationsAndTheirCycles) {
  for (const SimulationOptions& options : Runs()) {
    SCOPED_TRACE(
        absl::StrCat(options.run.trace(), options.run.workload(), " ", options.run.allocator()));
    const RunResult result = ResultOf(options);
    const Attribution& told = result.attribution();
    const Totals& totals = result.totals();
    ASSERT_GT(told.groups_size(), 0);
    std::map<std::string, uint64_t> of_path;
    for (const OperationGroup& group : told.groups()) {
      const uint64_t cells = Sum(group.cells(), [](const auto& cell) { return cell.cycles(); });
      const uint64_t causes = Sum(group.causes(), [](const auto& each) { return each.cycles(); });
      ASSERT_EQ(cells + causes, group.cycles());
      ASSERT_LE(group.cycles_max(), group.cycles());
      ASSERT_LE(group.remote_operations(), group.operations());
      ASSERT_LT(group.caller(), static_cast<uint32_t>(told.callers_size()));
      ASSERT_LT(group.cache(), static_cast<uint32_t>(told.caches_size()));
      ASSERT_LT(group.path(), static_cast<uint32_t>(told.paths_size()));
      of_path[told.paths(static_cast<int>(group.path())).name()] += group.operations();
      const uint64_t waits = Sum(group.waits(), [](const auto& wait) { return wait.cycles(); });
      uint64_t lock_wait = 0;
      for (const AttributedCause& cause : group.causes()) {
        if (NameAt(told.causes(), cause.cause()) == "lock wait") lock_wait += cause.cycles();
      }
      EXPECT_EQ(waits, lock_wait);
    }
    const auto operations = [](const auto& row) { return row.operations(); };
    const auto cycles = [](const auto& row) { return row.cycles(); };
    EXPECT_EQ(Sum(told.groups(), operations), totals.operations());
    EXPECT_EQ(Sum(told.groups(), cycles), totals.operation_cycles());
    EXPECT_EQ(Sum(told.tasks(), operations), totals.operations());
    EXPECT_EQ(Sum(told.tasks(), cycles), totals.operation_cycles());
    EXPECT_EQ(Sum(told.nodes(), operations), totals.operations());
    EXPECT_EQ(Sum(told.nodes(), cycles), totals.operation_cycles());
    ASSERT_EQ(told.cpus_size(), result.cpus_size());
    for (int i = 0; i < told.cpus_size(); ++i) {
      EXPECT_EQ(told.cpus(i).cpu(), result.cpus(i).cpu());
      EXPECT_EQ(told.cpus(i).operations(), result.cpus(i).operations());
      EXPECT_EQ(told.cpus(i).cycles(), result.cpus(i).operation_cycles());
    }
    for (const PathStats& path : result.paths()) {
      if (!path.put_off()) {
        EXPECT_EQ(of_path[path.name()], path.operations()) << path.name();
      }
    }
  }
}

TEST(CallSitesTest, MemoryIsThatOfTheRunsObjects) {
  for (const SimulationOptions& options : Runs()) {
    SCOPED_TRACE(
        absl::StrCat(options.run.trace(), options.run.workload(), " ", options.run.allocator()));
    const RunResult result = ResultOf(options);
    const Attribution& told = result.attribution();
    uint64_t objects = 0;
    uint64_t peak = 0;
    uint64_t live = 0;
    for (const CallerMemory& memory : told.memory()) {
      objects += memory.objects();
      peak += memory.peak_bytes();
      live += memory.live_bytes();
      EXPECT_LE(memory.live_objects(), memory.peak_objects() + memory.objects());
      uint64_t slabs = 0;
      uint64_t pinned = 0;
      for (const PinnedByAge& age : memory.pinned()) {
        slabs += age.slabs();
        pinned += age.free_bytes();
      }
      EXPECT_EQ(slabs, memory.pinned_slabs());
      EXPECT_EQ(pinned, memory.pinned_share_bytes());
      EXPECT_LE(memory.pinned_share_bytes(), memory.pinned_free_bytes());
    }
    EXPECT_GE(peak, live);
    EXPECT_THAT(objects, Gt(0u));
    EXPECT_LE(objects, result.totals().allocations());
    // Objects in a sheaf that is prefilled are nobody's yet.
    const bool has_prefilled = options.run.allocator() == "slub-7.3";
    if (result.has_footprint_end() && !result.footprint_end().has_rcu() && !has_prefilled) {
      // Objects of users in slabs, each with its padding.
      const FootprintSample& end = result.footprint_end();
      uint64_t live_objects = 0;
      for (const CallerMemory& memory : told.memory()) live_objects += memory.live_objects();
      EXPECT_EQ(live_objects,
                end.objects() - end.own_objects() + end.large_blocks() - end.own_large_blocks());
    }
  }
}

TEST(CallSitesTest, NothingElseDependsOnThem) {
  for (SimulationOptions& options : Runs()) {
    SCOPED_TRACE(
        absl::StrCat(options.run.trace(), options.run.workload(), " ", options.run.allocator()));
    RunResult with = ResultOf(options);
    options.run.set_call_sites(false);
    const RunResult without = ResultOf(options);
    EXPECT_FALSE(without.has_attribution());
    EXPECT_NE(with.config().run().SerializeAsString(), without.config().run().SerializeAsString());
    *with.mutable_config()->mutable_run() = without.config().run();
    with.clear_attribution();
    EXPECT_EQ(with.SerializeAsString(), without.SerializeAsString());
  }
}

TEST(CallSitesTest, LinesThatCpusShareAreToldWithWhoTookThem) {
  const RunResult result =
      ResultOf(Replayed("linux-7.3-slub-c4n2-hackbench", "slub-6.12", "recorded"));
  const Attribution& told = result.attribution();
  ASSERT_GT(told.lines_size(), 0);
  uint64_t before = UINT64_MAX;
  for (const SharedLine& line : told.lines()) {
    EXPECT_LE(line.cycles(), before);
    before = line.cycles();
    EXPECT_GT(line.cpus_size(), 0);
    EXPECT_LE(line.transfers(), line.bounces());
    EXPECT_LE(line.remote(), line.bounces());
    EXPECT_LE(line.false_bounces(), line.bounces());
    EXPECT_LE(Sum(line.uses(), [](const auto& use) { return use.bounces(); }), line.bounces());
  }
  // All that the ledger has of lines from other cores.
  uint64_t ledger = 0;
  for (const TouchCell& cell : result.touches()) {
    for (const Outcome outcome : {Outcome::kUpgradeRemote, Outcome::kTransferDomain,
                                  Outcome::kTransferNode, Outcome::kTransferRemote}) {
      if (cell.outcome() == OutcomeName(outcome)) ledger += cell.count();
    }
  }
  EXPECT_EQ(Sum(told.lines(), [](const auto& line) { return line.bounces(); }) +
                told.lines_left_out_bounces(),
            ledger);
}

const DataTable& Table(const std::vector<DataTable>& tables, const std::string& name) {
  for (const DataTable& table : tables) {
    if (table.name == name) return table;
  }
  ADD_FAILURE() << name;
  return tables.front();
}

uint64_t ColumnSum(const DataTable& table, const std::string& column) {
  const auto at = std::find(table.columns.begin(), table.columns.end(), column);
  EXPECT_NE(at, table.columns.end()) << column;
  uint64_t sum = 0;
  for (const std::vector<std::string>& row : table.rows) {
    uint64_t value = 0;
    EXPECT_TRUE(absl::SimpleAtoi(row[static_cast<size_t>(at - table.columns.begin())], &value));
    sum += value;
  }
  return sum;
}

// The operations of the text's table: the third of its columns, where a row has them.
uint64_t OperationsInText(const std::string& text) {
  const size_t begin = text.find("\nCall sites (");
  EXPECT_NE(begin, std::string::npos);
  uint64_t sum = 0;
  for (const std::string& line : std::vector<std::string>(
           absl::StrSplit(text.substr(begin, text.find("slow: per cent", begin) - begin), '\n'))) {
    if (line.size() < 48) continue;
    uint64_t value = 0;
    if (absl::SimpleAtoi(absl::StrReplaceAll(line.substr(37, 10), {{",", ""}}), &value)) {
      sum += value;
    }
  }
  return sum;
}

TEST(CallSitesTest, TextTablesAndMessageAgree) {
  const RunResult result =
      ResultOf(Replayed("linux-7.3-slub-c4n2-hackbench", "slub-7.3", "recorded"));
  const std::vector<DataTable> tables = DataTables(result);
  const Totals& totals = result.totals();
  EXPECT_EQ(ColumnSum(Table(tables, "call_sites"), "operations"), totals.operations());
  EXPECT_EQ(ColumnSum(Table(tables, "call_sites"), "cycles"), totals.operation_cycles());
  EXPECT_EQ(ColumnSum(Table(tables, "tasks"), "cycles"), totals.operation_cycles());
  EXPECT_EQ(ColumnSum(Table(tables, "cpu_shares"), "cycles"), totals.operation_cycles());
  uint64_t live = 0;
  uint64_t cycles = 0;
  for (const CallerSum& sum : SumsByCaller(result.attribution())) {
    live += sum.live_bytes;
    cycles += sum.cycles;
    EXPECT_EQ(sum.cycles, sum.miss_cycles + sum.lock_wait_cycles + sum.code_cycles);
  }
  EXPECT_EQ(cycles, totals.operation_cycles());
  EXPECT_EQ(ColumnSum(Table(tables, "callers_memory"), "live_bytes"), live);
  TextOptions options;
  options.rows_max = 0;
  EXPECT_EQ(OperationsInText(TextReport(result, options)), totals.operations());
}

}  // namespace
}  // namespace slablab
