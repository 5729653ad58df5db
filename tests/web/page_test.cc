// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// HTML reports as their readers have them: in a browser, on a desk and on a phone, light and dark.

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"
#include "gtest/gtest.h"
#include "tests/test_files.h"

namespace slablab {
namespace {

namespace fs = std::filesystem;
namespace pb = google::protobuf;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

// What look.mjs printed of a page, field by field.
const pb::Value& Field(const pb::Value& value, const std::string& name) {
  static const pb::Value& none = *new pb::Value;
  const auto& fields = value.struct_value().fields();
  const auto at = fields.find(name);
  EXPECT_TRUE(at != fields.end()) << name;
  return at == fields.end() ? none : at->second;
}

class PageTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (std::getenv("SLABLAB_NODE_MODULES") == nullptr) {
      GTEST_SKIP() << "needs SLABLAB_NODE_MODULES, which tests/run sets";
    }
    folder_ = fmt::format("{}/{}", std::getenv("TEST_TMPDIR"),
                          ::testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::create_directories(folder_);
  }

  // Makes the page by `arguments` and looks at it.
  void Look(const std::string& arguments) {
    const std::string page = folder_ + "/page.html";
    const std::string make =
        fmt::format("SLABLAB_ROOT={} {} {} >{}/out.txt", Runfile(""), Runfile("cli/slablab"),
                    fmt::vformat(arguments, fmt::make_format_args(page)), folder_);
    ASSERT_EQ(std::system(make.c_str()), 0) << make;
    size_ = fs::file_size(page);
    // Chromium wants a home to write to.
    const std::string look =
        fmt::format("HOME={0} node {1} {2} {0}", folder_, Runfile("tests/web/look.mjs"), page);
    std::string printed;
    std::FILE* pipe = popen(look.c_str(), "r");
    ASSERT_NE(pipe, nullptr);
    char buffer[4096];
    while (const size_t bytes = std::fread(buffer, 1, sizeof(buffer), pipe)) {
      printed.append(buffer, bytes);
    }
    ASSERT_EQ(pclose(pipe), 0) << printed;
    ASSERT_TRUE(pb::util::JsonStringToMessage(printed, &seen_).ok()) << printed;
  }

  // Every chart is drawn, with a table; nothing is wrong with the page in any view.
  void ExpectSound(int charts) const {
    EXPECT_LT(size_, 1'000'000u);
    EXPECT_THAT(Field(seen_, "console").list_value().values(), IsEmpty()) << seen_.DebugString();
    EXPECT_THAT(Field(seen_, "requests").list_value().values(), IsEmpty()) << seen_.DebugString();
    for (const auto& [name, view] : Field(seen_, "views").struct_value().fields()) {
      SCOPED_TRACE(name);
      EXPECT_FALSE(Field(view, "overflows").bool_value());
      EXPECT_EQ(Field(view, "injected").number_value(), 0);
      EXPECT_GE(Field(view, "words").number_value(), 1);
      EXPECT_EQ(Field(view, "charts").list_value().values_size(), charts);
      for (const pb::Value& chart : Field(view, "charts").list_value().values()) {
        SCOPED_TRACE(Field(chart, "section").string_value());
        EXPECT_GE(Field(chart, "images").number_value(), 1);
        EXPECT_GE(Field(chart, "marks").number_value(), 2);
        EXPECT_GE(Field(chart, "labels").number_value(), 4);
        EXPECT_GE(Field(chart, "rows").number_value(), 1);
        EXPECT_TRUE(Field(chart, "named").bool_value());
        EXPECT_TRUE(Field(chart, "fits").bool_value());
      }
      for (const pb::Value& finding : Field(view, "findings").list_value().values()) {
        const std::string& impact = Field(finding, "impact").string_value();
        EXPECT_TRUE(impact == "minor" || impact == "moderate") << finding.DebugString();
      }
    }
  }

  std::string ColourOf(const std::string& view) const {
    return Field(Field(Field(seen_, "views"), view), "colour").string_value();
  }

  std::string folder_;
  uint64_t size_ = 0;
  pb::Value seen_;
};

TEST_F(PageTest, TheDemosPageIsSound) {
  ASSERT_NO_FATAL_FAILURE(Look("demo --html={}"));
  ExpectSound(/*charts=*/10);
  EXPECT_NE(ColourOf("desk-light"), ColourOf("desk-dark"));
}

TEST_F(PageTest, ScalingCurvesAreDrawn) {
  ASSERT_NO_FATAL_FAILURE(
      Look(fmt::format("compare --trace={} --events-max=3000 --allocators=slub,slab,slubq "
                       "--machines=generic@1x1,generic@4x1,generic@8x2,generic@16x2 "
                       "--format=html -o {{}}",
                       Runfile("traces/samples/linux-6.1-slub-c4n2-net.slt"))));
  // Cycles and memory by the number of CPUs, and where the cycles went.
  ExpectSound(/*charts=*/3);
}

TEST_F(PageTest, OneRunHasAPageToo) {
  ASSERT_NO_FATAL_FAILURE(
      Look(fmt::format("run --trace={} --format=html -o {{}}",
                       Runfile("traces/samples/linux-6.1-slub-c4n2-fork.slt"))));
  ExpectSound(/*charts=*/9);
}

TEST_F(PageTest, WorkloadsHaveTheirWorkOnThePage) {
  ASSERT_NO_FATAL_FAILURE(
      Look("run --workload=hackbench --machine=vm-c4n2 --allocator=slab --format=html -o {}"));
  ExpectSound(/*charts=*/9);
  ASSERT_NO_FATAL_FAILURE(
      Look("compare --workload=hackbench --allocators=slub,slab,slubq "
           "--machines=generic@1x1,generic@4x1,generic@8x2,generic@16x2 --format=html -o {}"));
  // Of scaling also the work done a second.
  ExpectSound(/*charts=*/4);
}

}  // namespace
}  // namespace slablab
