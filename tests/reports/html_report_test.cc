// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "reports/html/html_report.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "google/protobuf/util/json_util.h"
#include "gtest/gtest.h"
#include "reports/breakdown.h"
#include "reports/html/web_assets.h"
#include "reports/html_page.pb.h"
#include "tests/reports/example_result.h"

namespace slablab {
namespace {

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

HtmlPage DataOf(const std::string& html) {
  const std::string start = "<script type=\"application/json\" id=\"data\">";
  const size_t begin = html.find(start) + start.size();
  const std::string json = html.substr(begin, html.find("</script>", begin) - begin);
  HtmlPage page;
  EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(json, &page).ok()) << json;
  return page;
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
  const HtmlPage page = DataOf(html);
  ASSERT_GT(page.figures_size(), 3);
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

// Whatever a result holds, every row has a cell for each column, and the page is small.
TEST(HtmlReportTest, AnyResultsMakeAWholePage) {
  Random random(11);
  for (int i = 0; i < 10; ++i) {
    std::vector<RunResult> results;
    for (uint64_t n = 1 + random.Below(4); n > 0; --n) results.push_back(AnyResult(random));
    const HtmlPage page = DataOf(HtmlReport(Labelled(std::move(results)), "any"));
    for (const HtmlFigure& figure : page.figures()) {
      for (const auto& row : figure.table().rows()) {
        if (row.values_size() == 1) continue;  // a group's name
        EXPECT_EQ(row.values_size(), figure.table().columns_size()) << figure.id();
      }
      for (const auto& row : figure.chart().rows()) {
        EXPECT_EQ(row.values_size(), figure.chart().kind() == "strips" ? 5 : 4) << figure.id();
      }
    }
  }
}

// The total of the table of cycles, as its parts: with its fraction, and their sum.
TEST(HtmlReportTest, TheTotalOfCyclesIsTheSumOfItsPartsWithItsDecimal) {
  const RunResult result = ExampleResult();
  const uint64_t cycles = AllocatorCycles(result);
  const uint64_t operations = result.totals().operations();
  ASSERT_NE(cycles % operations, 0u);
  const HtmlPage page = DataOf(HtmlReport(Labelled({result}), "one"));
  const auto figure = std::find_if(page.figures().begin(), page.figures().end(),
                                   [](const HtmlFigure& each) { return each.id() == "cycles"; });
  ASSERT_NE(figure, page.figures().end());
  ASSERT_EQ(figure->table().columns_size(), 2);
  EXPECT_EQ(figure->table().columns(1).decimals(), 1);
  double sum = 0;
  std::optional<double> total;
  for (const auto& row : figure->table().rows()) {
    if (row.values(0).string_value() == "all of the allocator") {
      total = row.values(1).number_value();
      break;
    }
    sum += row.values(1).number_value();
  }
  ASSERT_TRUE(total.has_value());
  EXPECT_DOUBLE_EQ(*total, static_cast<double>(cycles) / static_cast<double>(operations));
  EXPECT_NEAR(*total, sum, 0.0005 * figure->table().rows_size());
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
  const HtmlPage page = DataOf(html);
  bool scaling = false;
  for (const HtmlFigure& figure : page.figures()) {
    if (figure.id() != "scaling") continue;
    scaling = true;
    EXPECT_THAT(figure.chart().rows(), SizeIs(90));
    EXPECT_THAT(figure.chart().panels(), SizeIs(3));
    EXPECT_THAT(figure.chart().runs(), SizeIs(5));
    EXPECT_THAT(figure.table().rows(), SizeIs(15));
  }
  EXPECT_TRUE(scaling);
}

}  // namespace
}  // namespace slablab
