// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// What caching costs, by layer: it adds up over caches and nodes, and is told alike by every
// format; over all allocators, in recorded and closed order and in a storm of hotplug and shortage.

#include <cstdlib>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "allocators/registry.h"
#include "base/names.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reports/tables.h"
#include "reports/text/text.h"
#include "runs/simulation/simulation.h"
#include "tests/allocators/allocator_machine.h"
#include "tests/cli/report_numbers.h"

namespace slablab {
namespace {

std::vector<SimulationOptions> RunsOf(const std::string& allocator) {
  SimulationOptions recorded;
  recorded.run.set_allocator(allocator);
  recorded.run.set_machine("vm-c4n2");
  recorded.run.set_trace(absl::StrCat(std::getenv("TEST_SRCDIR"),
                                      "/slablab/traces/samples/linux-6.1-slub-c4n2-net.slt"));
  recorded.run.set_events_max(20'000);
  SimulationOptions closed = recorded;
  closed.run.set_machine("xeon-8380@16x2");
  closed.run.set_order("closed");
  closed.run.set_place("spread");
  SimulationOptions storm;
  storm.run.set_allocator(allocator);
  storm.run.set_machine("vm-c4n2");
  storm.run.set_workload("larson");
  storm.run.add_set("slots=50");
  storm.run.set_scenario("tests/regression/storm.textproto");
  return {recorded, closed, storm};
}

void ExpectLayersAddUp(const RunResult& result) {
  ASSERT_FALSE(result.layers().empty());
  uint64_t object_bytes = 0;
  const FootprintSample& last = *result.footprint().rbegin();
  ASSERT_EQ(last.layers_size(), result.layers_size());
  for (int i = 0; i < result.layers_size(); ++i) {
    const CachingLayer& layer = result.layers(i);
    SCOPED_TRACE(layer.layer());
    CachingLayer sum;
    uint64_t peaks = 0;
    for (const CacheStats& cache : result.caches()) {
      for (const CachingLayer& part : cache.layers()) {
        if (part.layer() != layer.layer()) continue;
        sum.set_full(sum.full() + part.full());
        sum.set_partial(sum.partial() + part.partial());
        sum.set_empty(sum.empty() + part.empty());
        sum.set_objects(sum.objects() + part.objects());
        sum.set_object_bytes(sum.object_bytes() + part.object_bytes());
        sum.set_own_bytes(sum.own_bytes() + part.own_bytes());
        peaks += part.objects_peak();
        EXPECT_LE(part.objects_mean(), part.objects_peak()) << cache.name();
        EXPECT_LE(part.objects(), part.objects_peak()) << cache.name();
        EXPECT_EQ(part.object_bytes(), part.objects() * cache.slab_size()) << cache.name();
      }
    }
    const auto numbers = [](const CachingLayer& of) {
      return std::vector<uint64_t>{of.full(),    of.partial(),      of.empty(),
                                   of.objects(), of.object_bytes(), of.own_bytes()};
    };
    EXPECT_EQ(numbers(sum), numbers(layer));
    EXPECT_LE(layer.objects_peak(), peaks);
    const uint64_t holders = layer.full() + layer.partial() + layer.empty();
    uint64_t holders_by_node = 0;
    uint64_t objects_by_node = 0;
    for (const LayerOfNode& node : layer.nodes()) {
      holders_by_node += node.holders();
      objects_by_node += node.objects();
    }
    EXPECT_EQ(holders_by_node, holders);
    EXPECT_EQ(objects_by_node, layer.objects());
    EXPECT_EQ(last.layers(i).layer(), layer.layer());
    EXPECT_EQ(last.layers(i).holders(), holders);
    EXPECT_EQ(last.layers(i).objects(), layer.objects());
    EXPECT_EQ(last.layers(i).own_bytes(), layer.own_bytes());
    object_bytes += layer.object_bytes();
  }
  // They are free slots.
  EXPECT_LE(object_bytes, result.footprint_end().free_bytes());
}

void ExpectReportsTellTheLayers(const RunResult& result) {
  const auto blocks = TextSection(TextReport(result, {.rows_max = 0}),
                                  "What caching costs at the end, by layer", 24);
  ASSERT_EQ(blocks.size(), 3u);
  ASSERT_EQ(blocks[1].size(), static_cast<size_t>(result.layers_size()));
  const absl::StatusOr<DataTable> table = FindTable(DataTables(result), "layers");
  ASSERT_TRUE(table.ok());
  ASSERT_EQ(table->rows.size(), blocks[1].size());
  uint64_t objects = 0;
  for (size_t i = 0; i < table->rows.size(); ++i) {
    const CachingLayer& layer = result.layers(static_cast<int>(i));
    EXPECT_EQ(blocks[1][i].name, layer.layer());
    const std::vector<uint64_t> numbers = {layer.full(),         layer.partial(),
                                           layer.empty(),        layer.objects(),
                                           layer.object_bytes(), layer.own_bytes()};
    EXPECT_EQ(blocks[1][i].numbers, numbers) << layer.layer();
    for (size_t column = 0; column < numbers.size(); ++column) {
      EXPECT_EQ(table->rows[i][2 + column], absl::StrCat(numbers[column])) << layer.layer();
    }
    objects += layer.objects();
  }
  EXPECT_EQ(blocks[2][0].numbers[0], objects);
}

class LayersTest : public ::testing::TestWithParam<std::string> {};

TEST_P(LayersTest, AddUpAndAreToldAlikeByEveryFormat) {
  for (const SimulationOptions& run : RunsOf(GetParam())) {
    SCOPED_TRACE(absl::StrCat(run.run.trace(), run.run.workload(), run.run.machine()));
    const absl::StatusOr<RunResult> result = Simulate(run, {});
    ASSERT_TRUE(result.ok()) << result.status();
    ExpectLayersAddUp(*result);
    ExpectReportsTellTheLayers(*result);
  }
}

INSTANTIATE_TEST_SUITE_P(Models, LayersTest, ::testing::ValuesIn(NamesOf(ListAllocators())),
                         [](const auto& info) { return TestName(info.param); });

SimulationOptions Larson() {
  SimulationOptions run;
  run.run.set_allocator("slub-7.3");
  run.run.set_machine("vm-c4n2");
  run.run.set_workload("larson");
  run.run.add_set("slots=50");
  return run;
}

// Sheaves are changed while tasks run, and the report goes on telling what is there.
TEST(LayersTest, FollowACapacityThatAScenarioWrites) {
  for (const char* capacity : {"0", "5", "200"}) {
    SimulationOptions run = Larson();
    run.run.set_scenario("tune.textproto");
    run.scenario_textproto =
        absl::StrCat("events { at_us: 30 tune { key: \"sheaf_capacity\" value: ", capacity, " } }");
    const absl::StatusOr<RunResult> result = Simulate(run, {});
    ASSERT_TRUE(result.ok()) << result.status();
    ExpectLayersAddUp(*result);
  }
}

TEST(LayersTest, WithoutSheavesTheyCostNothing) {
  SimulationOptions run = Larson();
  run.run.add_tune("sheaf_capacity=0");
  const absl::StatusOr<RunResult> result = Simulate(run, {});
  ASSERT_TRUE(result.ok()) << result.status();
  for (const CachingLayer& layer : result->layers()) EXPECT_EQ(layer.own_bytes(), 0u);
}

}  // namespace
}  // namespace slablab
