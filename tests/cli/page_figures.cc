// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/cli/page_figures.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "gtest/gtest.h"
#include "reports/breakdown.h"
#include "reports/comparison/comparison.h"
#include "reports/html/html_report.h"
#include "reports/metrics.h"
#include "reports/result_io.h"
#include "reports/tables.h"
#include "tests/reports/page_cells.h"

namespace slablab {
namespace {

bool IsPart(const HtmlPage& page, const std::string& view, const std::string& name) {
  const auto& parts = ViewOf(page, view).chart().parts();
  return std::find(parts.begin(), parts.end(), name) != parts.end();
}

// The sum of a column of a table, of one row or of all.
uint64_t OfTable(const RunResult& result, const std::string& name, const std::string& row,
                 size_t column) {
  uint64_t sum = 0;
  const absl::StatusOr<DataTable> table = FindTable(DataTables(result), name);
  EXPECT_TRUE(table.ok()) << table.status();
  if (!table.ok()) return 0;
  for (const std::vector<std::string>& cells : table->rows) {
    uint64_t value = 0;
    if (!row.empty() && cells[0] != row) continue;
    EXPECT_TRUE(absl::SimpleAtoi(cells[column], &value)) << cells[column];
    sum += value;
  }
  return sum;
}

// A bar's parts are thousandths of a cycle an operation: half of one may be rounded.
void ExpectBarsOfCyclesAddUp(const RunResult& result, const HtmlPage& page) {
  const uint64_t all = AllocatorCycles(result);
  const auto operations = static_cast<double>(result.totals().operations());
  const std::vector<std::string> causes = TextsOf(page, "cycles", "cause");
  const std::vector<double> cycles = NumbersOf(page, "cycles", "cycles an operation");
  std::map<std::string, uint64_t> by_cause;
  for (const NamedSum& part : BreakDown(result).allocator) by_cause[part.name] = part.value;
  double bar = 0;
  int parts = 0;
  for (size_t i = 0; i < causes.size(); ++i) {
    if (causes[i] == "all of the allocator") {
      EXPECT_DOUBLE_EQ(cycles[i], static_cast<double>(all) / operations);
    }
    if (!IsPart(page, "cycles", causes[i])) continue;
    EXPECT_NEAR(cycles[i], static_cast<double>(by_cause[causes[i]]) / operations, 0.000501);
    bar += cycles[i];
    ++parts;
  }
  EXPECT_GT(parts, 3);
  EXPECT_NEAR(bar, static_cast<double>(all) / operations, 0.000501 * parts);
}

void ExpectSitesAddUp(const RunResult& result, const HtmlPage& page) {
  uint64_t by_site = 0;
  const std::vector<std::string> sites = TextsOf(page, "sites", "site");
  const std::vector<double> cycles = NumbersOf(page, "sites", "cycles");
  for (size_t i = 0; i < sites.size(); ++i) {
    const Account account = AccountOf(sites[i]);
    if (account == Account::kAllocator || account == Account::kPageAllocator) {
      by_site += static_cast<uint64_t>(cycles[i]);
    }
  }
  EXPECT_EQ(by_site, AllocatorCycles(result));
}

// Bars of memory are bytes.
void ExpectBarsOfMemoryAddUp(const RunResult& result, const HtmlPage& page) {
  for (const auto& [view, moment] :
       {std::pair("peak", &result.footprint_peak()), std::pair("end", &result.footprint_end())}) {
    SCOPED_TRACE(view);
    const uint64_t held = HeldBy(*moment).total;
    const std::vector<std::string> what = TextsOf(page, view, "what");
    const std::vector<double> bytes = NumbersOf(page, view, "held");
    uint64_t bar = 0;
    for (size_t i = 0; i < what.size(); ++i) {
      const auto value = static_cast<uint64_t>(bytes[i]);
      if (what[i] == "held in all") {
        EXPECT_EQ(value, held);
      }
      if (IsPart(page, view, what[i])) bar += value;
    }
    EXPECT_EQ(bar, held);
    EXPECT_EQ(OfTable(result, std::string("footprint_") + view, "slab_bytes", 1),
              moment->slab_bytes());
  }
}

void ExpectMetricsAreTheText(const RunResult& result, const HtmlPage& page) {
  const auto cells = Cells(ViewOf(page, "metrics").table().columns(0));
  ASSERT_EQ(cells.size(), static_cast<size_t>(page.metrics_size()));
  for (int i = 0; i < page.metrics_size(); ++i) {
    const std::string& name = page.metrics(i).name();
    EXPECT_EQ(static_cast<uint64_t>(cells[static_cast<size_t>(i)].number_value()),
              FindMetric(name)->of(result).value_or(0))
        << name;
  }
}

// What locks were waited for, over time and in all.
void ExpectWaitsAddUp(const RunResult& result, const HtmlPage& page) {
  uint64_t waited = 0;
  for (const LockStats& lock : result.locks()) waited += lock.wait_total_cycles();
  EXPECT_EQ(FindView(page, "contention") != nullptr, waited > 0);
  if (waited == 0) return;
  double over_time = 0;
  for (const double each : NumbersOf(page, "contention", "cycles waited")) over_time += each;
  EXPECT_EQ(static_cast<uint64_t>(over_time), waited);
}

}  // namespace

void ExpectPageAndTablesAgree(const RunResult& result) {
  const std::string html = HtmlReport(Labelled({result}), "one");
  const HtmlPage page = HtmlPageOf(html);
  EXPECT_EQ(OfTable(result, "parts", "", 1), AllocatorCycles(result));
  ExpectBarsOfCyclesAddUp(result, page);
  ExpectSitesAddUp(result, page);
  ExpectBarsOfMemoryAddUp(result, page);
  ExpectMetricsAreTheText(result, page);
  ExpectWaitsAddUp(result, page);
  const absl::StatusOr<RunResult> stored = ParseResult(Serialize(result), "stored");
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_EQ(HtmlReport(Labelled({*stored}), "one"), html);
}

}  // namespace slablab
