// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// HTML reports as their readers have them: in a browser, on a desk and on a phone, light and dark.
// Nothing is asked of a network, nothing said on the console, and axe finds nothing.

#include <cstdint>
#include <string>

#include "fmt/format.h"
#include "gtest/gtest.h"
#include "reports/html/html_report.h"
#include "tests/test_files.h"
#include "tests/web/page_fixture.h"

namespace slablab {
namespace {

namespace pb = google::protobuf;

// Two thirds of what a page may have.
constexpr uint64_t kPageBytesMax = 1'000'000;

class SoundTest : public PageTest {
 protected:
  void Look(const std::string& arguments) {
    ASSERT_NO_FATAL_FAILURE(Make(arguments));
    ASSERT_NO_FATAL_FAILURE(RunScript("look.mjs"));
  }

  // Every chart is drawn, with a table; nothing is wrong with the page in any view.
  void ExpectSound(int charts_least) const {
    EXPECT_LT(size_, kPageBytesMax);
    for (const auto& [name, view] : Field(seen_, "views").struct_value().fields()) {
      SCOPED_TRACE(name);
      EXPECT_FALSE(Field(view, "overflows").bool_value());
      EXPECT_EQ(Field(view, "injected").number_value(), 0);
      EXPECT_GE(Field(view, "words").number_value(), 1);
      EXPECT_GE(Field(view, "charts").list_value().values_size(), charts_least);
      for (const pb::Value& chart : Field(view, "charts").list_value().values()) {
        SCOPED_TRACE(TextOf(chart, "section"));
        EXPECT_GE(Field(chart, "images").number_value(), 1);
        EXPECT_GE(Field(chart, "marks").number_value(), 1);
        EXPECT_GE(Field(chart, "labels").number_value(), 2);
        EXPECT_GE(Field(chart, "rows").number_value(), 1);
        EXPECT_TRUE(Field(chart, "named").bool_value());
        EXPECT_TRUE(Field(chart, "fits").bool_value());
      }
      for (const pb::Value& finding : Field(view, "findings").list_value().values()) {
        ADD_FAILURE() << finding.DebugString();
      }
    }
  }

  std::string ColourOf(const std::string& view) const {
    return TextOf(Field(Field(seen_, "views"), view), "colour");
  }
};

TEST_F(SoundTest, TheDemosPageIsSound) {
  ASSERT_NO_FATAL_FAILURE(Look("demo --html={}"));
  ExpectSound(/*charts_least=*/11);
  EXPECT_NE(ColourOf("desk-light"), ColourOf("desk-dark"));
}

TEST_F(SoundTest, ScalingCurvesAreDrawn) {
  ASSERT_NO_FATAL_FAILURE(
      Look(fmt::format("compare --trace={} --events-max=3000 --allocators=slub,slab,slubq "
                       "--machines=generic@1x1,generic@4x1,generic@8x2,generic@16x2 "
                       "--format=html -o {{}}",
                       Runfile("traces/samples/linux-6.1-slub-c4n2-net.slt"))));
  // Cycles and memory by the number of CPUs, and where the cycles went.
  ExpectSound(/*charts_least=*/3);
}

TEST_F(SoundTest, OneRunHasAPageToo) {
  ASSERT_NO_FATAL_FAILURE(
      Look(fmt::format("run --trace={} --format=html -o {{}}",
                       Runfile("traces/samples/linux-6.1-slub-c4n2-fork.slt"))));
  ExpectSound(/*charts_least=*/10);
}

TEST_F(SoundTest, WorkloadsHaveTheirWorkOnThePage) {
  ASSERT_NO_FATAL_FAILURE(
      Look("run --workload=hackbench --machine=vm-c4n2 --allocator=slab --format=html -o {}"));
  ExpectSound(/*charts_least=*/10);
  ASSERT_NO_FATAL_FAILURE(
      Look("compare --workload=hackbench --allocators=slub,slab,slubq "
           "--machines=generic@1x1,generic@4x1,generic@8x2,generic@16x2 --format=html -o {}"));
  // Of scaling also the work done a second.
  ExpectSound(/*charts_least=*/4);
}

TEST_F(SoundTest, WhoAndWhereAreSoundToo) {
  Write(HtmlReport(ToldRuns(), "who, where and why"));
  ASSERT_NO_FATAL_FAILURE(RunScript("look.mjs"));
  ExpectSound(/*charts_least=*/9);
}

}  // namespace
}  // namespace slablab
