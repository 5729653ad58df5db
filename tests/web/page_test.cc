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

constexpr uint64_t kImageBytesMax = 75'000;

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
