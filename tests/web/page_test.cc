// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// A picture of each view of a page, and what of its script needs no page.
//
// bazel run //tests/web:page_test -- --write also writes docs/images, a small picture of each view.

#include <cstdlib>
#include <filesystem>
#include <string>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reports/html/html_report.h"
#include "tests/test_files.h"
#include "tests/web/page_fixture.h"

namespace slablab {

bool writes_images = false;

namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr uint64_t kPageBytesMax = 1'000'000;
constexpr uint64_t kImageBytesMax = 100'000;

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

class PicturesTest : public PageTest {
 protected:
  // Takes a picture of every view of the page; none is large.
  void TakePictures() {
    ASSERT_NO_FATAL_FAILURE(RunScript("pictures.mjs"));
    for (const std::string& view : Texts(seen_, "pictures")) {
      const fs::path image = fs::path(folder_) / "views" / (view + ".png");
      EXPECT_LT(fs::file_size(image), kImageBytesMax) << view;
      EXPECT_THAT(docs_, HasSubstr("(images/page-" + view + ".png)"));
      if (!writes_images) continue;
      const fs::path docs = fs::path(std::getenv("BUILD_WORKSPACE_DIRECTORY")) / "docs/images";
      fs::create_directories(docs);
      fs::copy_file(image, docs / ("page-" + view + ".png"), fs::copy_options::overwrite_existing);
    }
  }

 private:
  const std::string docs_ = Contents(Runfile("docs/report.md"));
};

// Of a bundled trace, explained, and before that of the example and of machines that grow, which
// have views that two runs may not have.
TEST_F(PicturesTest, EveryViewHasASmallOneInTheDocs) {
  Write(HtmlReport(ToldRuns(), "who, where and why"));
  ASSERT_NO_FATAL_FAILURE(TakePictures());
  ASSERT_NO_FATAL_FAILURE(
      Make("compare --workload=hackbench --allocators=slub,slab,slubq "
           "--machines=generic@1x1,generic@4x1,generic@8x2,generic@16x2 --format=html -o {}"));
  ASSERT_NO_FATAL_FAILURE(TakePictures());
  ASSERT_NO_FATAL_FAILURE(
      Make(fmt::format("explain slub-6.12 slub-7.3 {} --format=html -o {{}}",
                       Runfile("traces/samples/linux-7.3-slub-c4n2-hackbench.slt"))));
  ASSERT_NO_FATAL_FAILURE(TakePictures());
}

// What of the script needs no page.
TEST_F(PageTest, TheScriptsModulesKeepTheirWord) {
  const std::string modules = fs::path(Runfile("reports/html/web/tables.mjs")).parent_path();
  const std::string command = fmt::format("SLABLAB_PAGE_MODULES={} node --test {} >{}/out.txt 2>&1",
                                          modules, Runfile("tests/web/modules.test.mjs"), folder_);
  EXPECT_EQ(std::system(command.c_str()), 0) << Contents(folder_ + "/out.txt");
}

}  // namespace
}  // namespace slablab

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  slablab::writes_images = argc > 1 && std::string(argv[1]) == "--write";
  if (slablab::writes_images) ::testing::GTEST_FLAG(filter) = "PicturesTest.*";
  const int failed = RUN_ALL_TESTS();
  // Nothing was written: who asked for it is to know.
  const bool skipped = ::testing::UnitTest::GetInstance()->skipped_test_count() > 0;
  return slablab::writes_images && skipped ? 1 : failed;
}
