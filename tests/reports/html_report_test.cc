// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "reports/html/html_report.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reports/breakdown.h"
#include "reports/html/packed.h"
#include "reports/html/web_assets.h"
#include "reports/html_page.pb.h"
#include "reports/tables.h"
#include "reports/text/text.h"
#include "tests/reports/example_result.h"
#include "tests/reports/page_cells.h"

namespace slablab {
namespace {

using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

constexpr char kHostile[] = "</script><script>alert(1)</script><img src=x onerror=alert(2)>&\"'";

size_t Count(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t i = text.find(part); i != std::string::npos; i = text.find(part, i + 1)) ++count;
  return count;
}

// The page's own markup: without the library of charts, the script and the style.
std::string WithoutAssets(std::string html) {
  for (const std::string_view asset :
       {WebAsset::kPlotJs, WebAsset::kReportJs, WebAsset::kReportCss}) {
    const size_t at = html.find(asset);
    EXPECT_NE(at, std::string::npos);
    if (at != std::string::npos) html.erase(at, asset.size());
  }
  return html;
}

// Every name in it is hostile.
RunResult Hostile() {
  RunResult result = ExampleResult();
  result.mutable_config()->set_allocator(kHostile);
  result.mutable_config()->set_machine(kHostile);
  result.mutable_config()->set_trace(kHostile);
  result.mutable_config()->set_slablab_version(kHostile);
  result.add_assumptions(kHostile);
  for (PathStats& path : *result.mutable_paths()) path.set_name(kHostile);
  for (LockStats& lock : *result.mutable_locks()) lock.set_name(kHostile);
  for (CacheStats& cache : *result.mutable_caches()) {
    cache.set_name(kHostile);
    cache.set_objects_per_slab(4);
    SlabOccupancy& occupancy = *cache.add_occupancy();
    occupancy.set_objects(1);
    occupancy.set_slabs(2);
  }
  return result;
}

TEST(HtmlReportTest, NamesAreNeverMarkup) {
  RunResult other = Hostile();
  other.mutable_config()->set_seed(77);
  const std::string html = HtmlReport(Labelled({Hostile(), other}), kHostile);
  const std::string own = WithoutAssets(html);
  EXPECT_EQ(Count(own, "<script"), 3u);
  EXPECT_EQ(Count(own, "</script"), 3u);
  EXPECT_THAT(own, Not(HasSubstr("<img")));
  EXPECT_THAT(own, HasSubstr("&lt;/script&gt;&lt;script&gt;alert(1)"));
  // As data, the name is what it was.
  const HtmlPage page = HtmlPageOf(html);
  ASSERT_GT(page.views_size(), 3);
  EXPECT_THAT(page.DebugString(), HasSubstr("</script><script>alert(1)"));
}

TEST(HtmlReportTest, AssetsCannotEndTheirElements) {
  for (const std::string_view asset : {WebAsset::kPlotJs, WebAsset::kReportJs}) {
    EXPECT_THAT(std::string(asset), Not(HasSubstr("</script")));
    EXPECT_THAT(std::string(asset), Not(HasSubstr("<!--")));
  }
  EXPECT_THAT(std::string(WebAsset::kReportCss), Not(HasSubstr("</style")));
}

TEST(HtmlReportTest, AsksForNothing) {
  const std::string own = WithoutAssets(HtmlReport(Labelled({ExampleResult()}), "one"));
  for (const char* request : {"http:", "https:", " src=", "url(", "@import", "<link", "<iframe"}) {
    EXPECT_THAT(own, Not(HasSubstr(request))) << request;
  }
  EXPECT_THAT(own, HasSubstr("default-src 'none'"));
}

// Whatever results hold, every column has a cell for each row, wherever it stands.
TEST(HtmlReportTest, AnyResultsMakeAWholePage) {
  Random random(11);
  for (int i = 0; i < 10; ++i) {
    std::vector<RunResult> results;
    for (uint64_t n = 1 + random.Below(4); n > 0; --n) results.push_back(AnyResult(random));
    const HtmlPage page = HtmlPageOf(HtmlReport(Labelled(std::move(results)), "any"));
    for (const HtmlTable& table : page.tables()) {
      for (const HtmlTable::Column& column : table.columns()) {
        EXPECT_EQ(Cells(column).size(), table.rows()) << table.name() << " " << column.title();
      }
    }
    for (const HtmlView& view : page.views()) {
      for (const HtmlTable::Column& column : view.table().columns()) {
        const auto cells = Cells(Resolved(page, column));
        if (view.table().rows() > 0) {
          EXPECT_EQ(cells.size(), view.table().rows()) << view.id() << " " << column.title();
        }
        if (column.unit() != "text" && column.unit() != "run") continue;
        for (const google::protobuf::Value& cell : cells) {
          EXPECT_LT(cell.number_value(), page.names_size());
        }
      }
    }
  }
}

// The page's tables are those of --format=csv, cell by cell.
TEST(HtmlReportTest, ThePagesTablesAreThoseOfCsv) {
  Random random(3);
  const std::vector<LabelledResult> set = Labelled({ExampleResult(), AnyResult(random)});
  const HtmlPage page = HtmlPageOf(HtmlReport(set, "two"));
  int compared = 0;
  for (const DataTable& table : ComparisonTables(set)) {
    const auto of = std::find_if(page.tables().begin(), page.tables().end(),
                                 [&](const HtmlTable& each) { return each.name() == table.name; });
    if (of == page.tables().end()) {
      continue;  // it has no rows, or is a view of its own
    }
    if (table.name == "counters" || table.name == "states") continue;
    ASSERT_EQ(of->rows(), table.rows.size()) << table.name;
    for (size_t i = 0; i < table.columns.size(); ++i) {
      const HtmlTable::Column& column = of->columns(static_cast<int>(i));
      EXPECT_EQ(column.title(), table.columns[i]);
      const auto cells = Cells(column);
      for (size_t row = 0; row < table.rows.size(); ++row) {
        const auto number = static_cast<int64_t>(cells[row].number_value());
        const std::string text =
            column.unit().empty() ? absl::StrCat(number) : page.names(static_cast<int>(number));
        // JSON has no place for what is not UTF-8.
        if (absl::c_all_of(table.rows[row][i], absl::ascii_isascii)) {
          EXPECT_EQ(text, table.rows[row][i]) << table.name << " " << column.title();
        }
      }
    }
    ++compared;
  }
  EXPECT_GT(compared, 20);
}

// With another base the words are those of a report that has it first.
TEST(HtmlReportTest, WordsAreThereForEveryBase) {
  RunResult other = ExampleResult();
  other.mutable_config()->set_allocator("slab");
  other.mutable_touches(0)->set_cycles(other.touches(0).cycles() * 2);
  const std::vector<LabelledResult> set = Labelled({ExampleResult(), other});
  const std::vector<LabelledResult> turned = {set[1], set[0]};
  const HtmlPage page = HtmlPageOf(HtmlReport(set, "two"));
  const HtmlPage turned_page = HtmlPageOf(HtmlReport(turned, "two"));
  ASSERT_EQ(page.words_size(), 2);
  for (int base = 0; base < 2; ++base) {
    const HtmlWords& words = page.words(base);
    const HtmlWords& same = turned_page.words(1 - base);
    EXPECT_GE(words.headline_size(), 3);
    EXPECT_EQ(words.other(), 1u - static_cast<uint32_t>(base));
    EXPECT_EQ(words.headline(0), same.headline(0));
    EXPECT_THAT(words.sentences(), ElementsAreArray(DifferencesInWords(base == 0 ? set : turned)));
  }
  EXPECT_NE(page.words(0).headline(0), page.words(1).headline(0));
}

// Nothing is lost by packing, and what is packed is no markup.
TEST(HtmlReportTest, WhatIsPackedIsTheSameAgain) {
  Random random(5);
  for (const size_t size : {0, 1, 1000, 300'000}) {
    std::string text(size, ' ');
    for (char& c : text) c = static_cast<char>(random.Below(256));
    const std::string packed = Packed(text);
    EXPECT_EQ(packed.find_first_of("<>&"), std::string::npos);
    EXPECT_EQ(Unpacked(packed), text);
  }
}

// Every section of a run's text is a view of its page, or part of one.
TEST(HtmlReportTest, TheTextsSectionsAreViews) {
  const std::map<std::string, std::string> view_of = {
      {"What was run", "inputs"},
      {"Operations, and cycles", "paths"},
      {"Where the cycles went", "cycles"},
      {"Where in the code", "sites"},
      {"Memory touches", "misses"},
      {"Call sites", "callers"},
      {"Steps of the workload", "callers"},
      {"What callers have", "pinned"},
      {"Lines that CPUs take", "sharing"},
      {"Tasks", "tasks"},
      {"Locks", "locks"},
      {"CPUs, and how long", "cpus"},
      {"Page allocator", "pages"},
      {"Memory over time", "footprint"},
      {"Memory by cause", "end"},
      {"What caching costs", "layers"},
      {"Per-CPU memory", "percpu"},
      {"Caches at the end", "caches"},
      {"Caches by the cycles", "caches"},
      {"Counters", "counters"},
      {"Cache ", "counters"},
      {"Beside the kernel", "kernel"},
      {"Where ", "kernel"},  // a cache differs from the kernel's
      {"What accounts", "kernel"},
      {"What was assumed", ""},
  };
  const RunResult result = ExampleResult();
  const HtmlPage page = HtmlPageOf(HtmlReport(Labelled({result}), "one"));
  const std::vector<std::string> lines = absl::StrSplit(TextReport(result, TextOptions()), '\n');
  int sections = 0;
  // The first heading is the headline's.
  for (size_t i = 3; i < lines.size(); ++i) {
    // A table's head has a rule above it as well.
    const bool is_rule = lines[i] == std::string(80, '-');
    if (!is_rule || !lines[i - 2].empty() || lines[i - 1].starts_with(' ')) continue;
    const std::string& heading = lines[i - 1];
    // The longest beginning comes last.
    const auto of = std::find_if(view_of.rbegin(), view_of.rend(),
                                 [&](const auto& each) { return heading.starts_with(each.first); });
    ASSERT_TRUE(of != view_of.rend()) << heading;
    ++sections;
    EXPECT_TRUE(of->second.empty() || FindView(page, of->second) != nullptr) << heading;
  }
  EXPECT_GT(sections, 10);
}

// The total of cycles, as its parts: with its fraction, and their sum; and what the text says.
TEST(HtmlReportTest, TheTotalOfCyclesIsTheSumOfItsPartsWithItsDecimal) {
  const RunResult result = ExampleResult();
  const uint64_t cycles = AllocatorCycles(result);
  const uint64_t operations = result.totals().operations();
  ASSERT_NE(cycles % operations, 0u);
  const HtmlPage page = HtmlPageOf(HtmlReport(Labelled({result}), "one"));
  const HtmlTable& table = ViewOf(page, "cycles").table();
  ASSERT_EQ(table.columns_size(), 3);
  EXPECT_EQ(table.columns(2).decimals(), 1);
  const auto names = Cells(table.columns(1));
  const auto values = Cells(table.columns(2));
  double sum = 0;
  std::optional<double> total;
  for (size_t i = 0; i < names.size() && !total.has_value(); ++i) {
    if (page.names(static_cast<int>(names[i].number_value())) == "all of the allocator") {
      total = values[i].number_value();
    } else {
      sum += values[i].number_value();
    }
  }
  ASSERT_TRUE(total.has_value());
  EXPECT_DOUBLE_EQ(*total, static_cast<double>(cycles) / static_cast<double>(operations));
  EXPECT_NEAR(*total, sum, 0.0005 * table.rows());
  EXPECT_THAT(TextReport(result, TextOptions()),
              HasSubstr(absl::StrFormat("%.1f an operation in the", *total)));
}

// A page needs no script to tell what text does.
TEST(HtmlReportTest, TheReportAsTextIsInThePage) {
  const std::string html = HtmlReport(Labelled({ExampleResult()}), "one");
  const std::string text = TextReport(ExampleResult(), TextOptions());
  EXPECT_THAT(html, HasSubstr(text.substr(0, text.find_first_of("<&\"'"))));
}

TEST(HtmlReportTest, ALargeSweepIsBelowAMegabyte) {
  std::vector<RunResult> results;
  for (const char* allocator : {"slub", "slab", "slab-2014", "slub-2010", "slubq"}) {
    for (const int cpus : {1, 4, 16, 64, 256, 1024}) {
      for (const int nodes : {1, 2, 8}) {
        RunResult result = ExampleResult();
        result.mutable_config()->set_allocator(allocator);
        result.mutable_config()->set_machine(absl::StrCat("m@", cpus, "x", nodes));
        result.mutable_config()->set_cpus(cpus);
        result.mutable_config()->set_nodes(nodes);
        results.push_back(std::move(result));
      }
    }
  }
  const std::string html = HtmlReport(Labelled(std::move(results)), "sweep");
  EXPECT_LT(html.size(), 1'000'000u);
  const HtmlPage page = HtmlPageOf(html);
  const HtmlView& scaling = ViewOf(page, "scaling");
  EXPECT_EQ(scaling.table().rows(), 90u);
  EXPECT_THAT(page.tables(), SizeIs(0));
}

}  // namespace
}  // namespace slablab
