// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "reports/metrics.h"

#include <limits>
#include <set>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sim/cache/ledger.h"
#include "tests/reports/example_result.h"

namespace slablab {
namespace {

std::string TextOf(std::string_view name, const RunResult& result) {
  const Metric* metric = FindMetric(name);
  if (metric == nullptr) return "no such metric";
  return MetricText(*metric, metric->of(result));
}

TEST(MetricsTest, NamesAreForScriptsAndUnlikeEachOther) {
  std::set<std::string_view> names;
  for (const Metric& metric : Metrics()) {
    EXPECT_TRUE(names.insert(metric.name).second) << metric.name;
    EXPECT_EQ(metric.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_0123456789"),
              std::string_view::npos)
        << metric.name;
    EXPECT_EQ(FindMetric(metric.name), &metric);
    EXPECT_FALSE(metric.summary.empty()) << metric.name;
  }
  EXPECT_GT(names.size(), 30u);
  EXPECT_EQ(FindMetric("cycles"), nullptr);
}

TEST(MetricsTest, MeansAreRoundedHalfUpInThousandths) {
  RunResult result;
  result.mutable_totals()->set_operations(3);
  result.mutable_totals()->set_operation_cycles(2'000);
  EXPECT_EQ(TextOf("cycles_per_operation", result), "666.667");
  result.mutable_totals()->set_operation_cycles(1'000'000);
  EXPECT_EQ(TextOf("cycles_per_operation", result), "333,333.333");
  result.mutable_all_frees()->set_operations(2000);
  result.mutable_all_frees()->set_cycles_total(1);
  EXPECT_EQ(TextOf("free_cycles_mean", result), "0.001");
}

TEST(MetricsTest, WhatAResultCannotSayIsNoNumber) {
  for (const char* name : {"cycles_per_operation", "alloc_cycles_mean", "free_cycles_p99",
                           "alloc_fast_share", "operations_per_second", "peak_waste_share"}) {
    EXPECT_EQ(TextOf(name, RunResult()), "-") << name;
  }
  EXPECT_EQ(TextOf("operations", RunResult()), "0");
}

TEST(MetricsTest, TouchesAreTheAllocatorsPerThousandOperations) {
  RunResult result;
  result.mutable_totals()->set_operations(500);
  for (const char* site : {"fast path", "page allocator", "use", "interrupt"}) {
    TouchCell& cell = *result.add_touches();
    cell.set_site(site);
    cell.set_outcome(std::string(OutcomeName(Outcome::kTransferRemote)));
    cell.set_count(10);
  }
  EXPECT_EQ(TextOf("transfers_remote", result), "40.000");
  EXPECT_EQ(TextOf("transfers_local", result), "0.000");
}

TEST(MetricsTest, OperationsPerSecondFollowTheClock) {
  RunResult result;
  result.mutable_config()->set_clock_mhz(2'000);
  result.mutable_totals()->set_operations(1'000);
  result.mutable_totals()->set_end_time_cycles(1'000'000);
  EXPECT_EQ(TextOf("operations_per_second", result), "2,000,000");
}

TEST(MetricsTest, WorkIsOfClosedOrderAndItsRateBeginsWithTheTasks) {
  RunResult result;
  result.mutable_config()->set_clock_mhz(2'000);
  result.mutable_totals()->set_work(1'000);
  result.mutable_totals()->set_work_unit("messages");
  result.mutable_totals()->set_start_time_cycles(500'000);
  result.mutable_totals()->set_end_time_cycles(1'500'000);
  result.mutable_totals()->set_switches(7);
  for (const char* name : {"work", "work_per_second", "task_switches", "run_queue_wait_cycles"}) {
    EXPECT_EQ(TextOf(name, result), "-") << name;
  }
  result.mutable_config()->set_order("closed");
  EXPECT_EQ(TextOf("work", result), "1,000");
  EXPECT_EQ(TextOf("work_per_second", result), "2,000,000");
  EXPECT_EQ(TextOf("task_switches", result), "7");
  EXPECT_EQ(TextOf("run_queue_wait_cycles", result), "0");
  result.mutable_totals()->clear_work_unit();
  EXPECT_EQ(TextOf("work", result), "-");
}

TEST(MetricsTest, HugeNumbersSaturate) {
  RunResult result;
  const uint64_t most = std::numeric_limits<uint64_t>::max();
  result.mutable_totals()->set_operations(1);
  result.mutable_totals()->set_operation_cycles(most);
  EXPECT_EQ(FindMetric("cycles_per_operation")->of(result), most);
  Random random(7);
  for (int i = 0; i < 50; ++i) {
    const RunResult any = AnyResult(random);
    for (const Metric& metric : Metrics()) {
      EXPECT_FALSE(MetricText(metric, metric.of(any)).empty());
    }
  }
}

}  // namespace
}  // namespace slablab
