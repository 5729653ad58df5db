// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// HTML reports as their readers have them: in a browser, on a desk and on a phone, light, dark and
// printed; and used, by keys and by mouse, for the questions that a reader has.
//
// bazel run //tests/web:page_test -- --write also writes docs/images, a small picture of each view.

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_join.h"
#include "base/check.h"
#include "fmt/format.h"
#include "gmock/gmock.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/text_format.h"
#include "google/protobuf/util/json_util.h"
#include "gtest/gtest.h"
#include "reports/comparison/comparison.h"
#include "reports/delta.h"
#include "reports/html/html_report.h"
#include "reports/tables.h"
#include "tests/reports/example_result.h"
#include "tests/test_files.h"

namespace slablab {

bool writes_images = false;

namespace {

namespace fs = std::filesystem;
namespace pb = google::protobuf;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr uint64_t kPageBytesMax = 1'500'000;
constexpr uint64_t kImageBytesMax = 60'000;

// What a script printed of a page, field by field.
const pb::Value& Field(const pb::Value& value, const std::string& name) {
  static const pb::Value& none = *new pb::Value;
  const auto& fields = value.struct_value().fields();
  const auto at = fields.find(name);
  EXPECT_TRUE(at != fields.end()) << name;
  return at == fields.end() ? none : at->second;
}

std::string TextOf(const pb::Value& value, const std::string& name) {
  return Field(value, name).string_value();
}

std::vector<std::string> Texts(const pb::Value& value, const std::string& name) {
  std::vector<std::string> texts;
  for (const pb::Value& each : Field(value, name).list_value().values()) {
    texts.push_back(each.string_value());
  }
  return texts;
}

// Two runs of the example that tell who, where and why: the second has lost the remote frees'
// transfers.
std::vector<LabelledResult> ToldRuns() {
  RunResult base = ExampleResult();
  std::ifstream file("tests/web/testdata/attribution.textproto");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  RunResult told;
  CHECK(pb::TextFormat::ParseFromString(text, &told));
  base.MergeFrom(told);
  for (CacheStats& cache : *base.mutable_caches()) {
    SlabOccupancy& full = *cache.add_occupancy();
    full.set_objects(cache.objects_per_slab());
    full.set_slabs(7);
    SlabOccupancy& partial = *cache.add_occupancy();
    partial.set_objects(1);
    partial.set_slabs(5);
  }
  base.mutable_config()->set_allocator("slub-6.12");
  RunResult other = base;
  other.mutable_config()->set_allocator("slub-7.3");
  for (TouchCell& cell : *other.mutable_touches()) {
    if (cell.outcome() == "transfer remote") cell.set_cycles(cell.cycles() / 4);
  }
  for (OperationGroup& group : *other.mutable_attribution()->mutable_groups()) {
    for (AttributedCell& cell : *group.mutable_cells()) {
      if (cell.outcome() == 2) cell.set_cycles(cell.cycles() / 4);
    }
  }
  return Labelled({base, other});
}

class PageTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (std::getenv("SLABLAB_NODE_MODULES") == nullptr) {
      GTEST_SKIP() << "needs SLABLAB_NODE_MODULES, which tests/run sets";
    }
    const char* const tmp = std::getenv("TEST_TMPDIR");
    folder_ = fmt::format("{}/{}", tmp == nullptr ? ::testing::TempDir() : tmp,
                          ::testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::create_directories(folder_);
    page_ = folder_ + "/page.html";
  }

  // Makes the page by `arguments`.
  void Make(const std::string& arguments) {
    const std::string make =
        fmt::format("SLABLAB_ROOT={} {} {} >{}/out.txt", Runfile(""), Runfile("cli/slablab"),
                    fmt::vformat(arguments, fmt::make_format_args(page_)), folder_);
    ASSERT_EQ(std::system(make.c_str()), 0) << make;
  }

  void Write(const std::string& html) { std::ofstream(page_, std::ios::binary) << html; }

  // Runs a script on the page.
  void RunScript(const std::string& script) {
    size_ = fs::file_size(page_);
    // Chromium wants a home to write to.
    const std::string command =
        fmt::format("HOME={0} node {1} {2} {0}", folder_, Runfile("tests/web/" + script), page_);
    std::string printed;
    std::FILE* pipe = popen(command.c_str(), "r");
    ASSERT_NE(pipe, nullptr);
    std::array<char, 4096> buffer{};
    while (const size_t bytes = std::fread(buffer.data(), 1, buffer.size(), pipe)) {
      printed.append(buffer.data(), bytes);
    }
    ASSERT_EQ(pclose(pipe), 0) << printed;
    ASSERT_TRUE(pb::util::JsonStringToMessage(printed, &seen_).ok()) << printed;
    EXPECT_THAT(Field(seen_, "console").list_value().values(), IsEmpty()) << printed;
    EXPECT_THAT(Field(seen_, "requests").list_value().values(), IsEmpty()) << printed;
  }

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
        EXPECT_GE(Field(chart, "marks").number_value(), 2);
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

  std::string folder_;
  std::string page_;
  uint64_t size_ = 0;
  pb::Value seen_;
};

TEST_F(PageTest, TheDemosPageIsSound) {
  ASSERT_NO_FATAL_FAILURE(Look("demo --html={}"));
  ExpectSound(/*charts_least=*/11);
  EXPECT_NE(ColourOf("desk-light"), ColourOf("desk-dark"));
}

TEST_F(PageTest, ScalingCurvesAreDrawn) {
  ASSERT_NO_FATAL_FAILURE(
      Look(fmt::format("compare --trace={} --events-max=3000 --allocators=slub,slab,slubq "
                       "--machines=generic@1x1,generic@4x1,generic@8x2,generic@16x2 "
                       "--format=html -o {{}}",
                       Runfile("traces/samples/linux-6.1-slub-c4n2-net.slt"))));
  // Cycles and memory by the number of CPUs, and where the cycles went.
  ExpectSound(/*charts_least=*/3);
}

TEST_F(PageTest, OneRunHasAPageToo) {
  ASSERT_NO_FATAL_FAILURE(
      Look(fmt::format("run --trace={} --format=html -o {{}}",
                       Runfile("traces/samples/linux-6.1-slub-c4n2-fork.slt"))));
  ExpectSound(/*charts_least=*/10);
}

TEST_F(PageTest, WorkloadsHaveTheirWorkOnThePage) {
  ASSERT_NO_FATAL_FAILURE(
      Look("run --workload=hackbench --machine=vm-c4n2 --allocator=slab --format=html -o {}"));
  ExpectSound(/*charts_least=*/10);
  ASSERT_NO_FATAL_FAILURE(
      Look("compare --workload=hackbench --allocators=slub,slab,slubq "
           "--machines=generic@1x1,generic@4x1,generic@8x2,generic@16x2 --format=html -o {}"));
  // Of scaling also the work done a second.
  ExpectSound(/*charts_least=*/4);
}

TEST_F(PageTest, WhoAndWhereAreSoundToo) {
  Write(HtmlReport(ToldRuns(), "who, where and why"));
  ASSERT_NO_FATAL_FAILURE(RunScript("look.mjs"));
  ExpectSound(/*charts_least=*/9);
}

class UseTest : public PageTest {
 protected:
  void SetUp() override {
    PageTest::SetUp();
    if (IsSkipped()) return;
    Write(HtmlReport(ToldRuns(), "who, where and why"));
    ASSERT_NO_FATAL_FAILURE(RunScript("use.mjs"));
  }

  void ExpectKeysSuffice() const {
    const pb::Value& keys = Field(seen_, "keys");
    for (const char* stop : {"toRuns", "toBase", "toSort", "toBox"}) {
      EXPECT_GE(Field(keys, stop).number_value(), 1) << stop;
    }
    const pb::Value& hidden = Field(keys, "hidden");
    EXPECT_THAT(TextOf(hidden, "hash"), HasSubstr("off=0"));
    EXPECT_LT(Field(hidden, "bars").number_value(), Field(hidden, "before").number_value());
    EXPECT_TRUE(Field(keys, "focusStays").bool_value());
    const pb::Value& base = Field(keys, "base");
    EXPECT_THAT(TextOf(base, "hash"), HasSubstr("base=1"));
    EXPECT_THAT(Texts(base, "titles"),
                ElementsAre("cause", "slub-7.3", "slub-6.12", "change of slub-6.12"));
    EXPECT_THAT(TextOf(Field(keys, "sorted"), "hash"), HasSubstr("sort.cycles=-slub-6.12"));
    EXPECT_THAT(Texts(Field(keys, "sorted"), "first"), Contains("all of the allocator"));
    EXPECT_THAT(TextOf(Field(keys, "entered"), "hash"), HasSubstr("in=["));
    EXPECT_THAT(TextOf(Field(keys, "entered"), "label"), HasSubstr("cycles an operation"));
    EXPECT_THAT(TextOf(keys, "left"), Not(HasSubstr("in=")));
  }

  void ExpectTimeIsChosen() const {
    const pb::Value& brush = Field(seen_, "brush");
    EXPECT_THAT(TextOf(brush, "hash"), HasSubstr("t="));
    // From a fifth of the chart on: of the samples at 0, 200 and 800 ms of two runs, one each.
    EXPECT_EQ(Field(brush, "rows").number_value(), 2);
    const pb::Value& again = Field(seen_, "again");
    EXPECT_EQ(TextOf(again, "hash"), TextOf(brush, "hash"));
    EXPECT_EQ(Field(again, "rows").number_value(), Field(brush, "rows").number_value());
  }

  void ExpectAnswers() const {
    const pb::Value& answers = Field(seen_, "answers");
    EXPECT_THAT(Texts(answers, "who pins kmalloc-1k"),
                AllOf(Contains("sock_alloc_send+0x51"), Contains("300,000"), Contains("older")));
    EXPECT_THAT(Texts(answers, "which caller's frees are remote"),
                AllOf(Contains("skb_free+0x1a"), Contains("90.0 %")));
    EXPECT_THAT(Texts(answers, "which line is falsely shared"),
                AllOf(Contains("801080"), Contains("dentry"), Contains("96.0 %"),
                      Contains(HasSubstr("d_alloc+0x2d writes object +0 (2600)"))));
    EXPECT_EQ(Texts(answers, "what changed most").size(), 6u);
    EXPECT_THAT(Texts(answers, "what was slow at 0.12 s"),
                AllOf(Contains("2"), Contains("bash-853"),
                      Contains("list_lock, held by CPU 0 in slub: free slow"),
                      Contains("lock wait 15000; slab metadata transfer remote 6000")));
  }

  void ExpectPrinted() const {
    const pb::Value& print = Field(seen_, "print");
    EXPECT_FALSE(Field(print, "overflows").bool_value());
    EXPECT_EQ(Field(print, "buttons").number_value(), 0);
    EXPECT_GE(Field(print, "sections").number_value(), 10);
    EXPECT_EQ(TextOf(print, "head"), "%PDF-");
  }

  // What is copied is what the program's own CSV has, and its metrics are the text's.
  void ExpectFiguresAgree() const {
    const std::vector<LabelledResult> runs = ToldRuns();
    const pb::Value& csv = Field(seen_, "csv");
    std::map<std::string, DataTable> tables;
    for (DataTable& table : ComparisonTables(runs)) tables[table.name] = std::move(table);
    int compared = 0;
    for (const auto& [name, text] : Field(csv, "tables").struct_value().fields()) {
      ASSERT_TRUE(tables.count(name)) << name;
      DataTable table = tables[name];
      const std::vector<std::string> pivoted = {"run", "name", "value"};
      if (table.columns == pivoted) continue;
      if (name == "counters" || name == "states") {
        const auto is_nothing = [](const std::vector<std::string>& row) {
          return row[3] != "all" && row[4] == "0" && row[5] == "0";
        };
        table.rows.erase(std::remove_if(table.rows.begin(), table.rows.end(), is_nothing),
                         table.rows.end());
      }
      EXPECT_EQ(text.string_value(), WideText(table, Delimiter::kComma)) << name;
      ++compared;
    }
    EXPECT_GT(compared, 12);
    DataTable metrics{.name = "metrics",
                      .keys = 2,
                      .columns = {"of", "metric", runs[0].label, runs[1].label,
                                  "change of " + runs[1].label, runs[1].label + " is"},
                      .rows = {}};
    for (const DeltaRow& row : DeltaRows()) {
      const std::optional<uint64_t> base = row.metric->of(runs[0].result);
      const std::optional<uint64_t> other = row.metric->of(runs[1].result);
      if (!base.has_value() && !other.has_value()) continue;
      std::string title(row.title);
      title.erase(0, title.find_first_not_of(' '));
      metrics.rows.push_back({std::string(row.group), title, ShortMetricText(*row.metric, base),
                              ShortMetricText(*row.metric, other),
                              ChangeText(*row.metric, base, other),
                              std::string(MarkText(MarkOf(*row.metric, base, other)))});
    }
    EXPECT_EQ(TextOf(csv, "metrics"), WideText(metrics, Delimiter::kComma));
  }
};

TEST_F(UseTest, ThePageIsATool) {
  ExpectKeysSuffice();
  ExpectTimeIsChosen();
  ExpectAnswers();
  ExpectPrinted();
  ExpectFiguresAgree();
}

class PicturesTest : public PageTest {
 protected:
  // Takes a picture of every view of the page; none is large.
  void TakePictures() {
    ASSERT_NO_FATAL_FAILURE(RunScript("pictures.mjs"));
    for (const std::string& view : Texts(seen_, "pictures")) {
      const fs::path image = fs::path(folder_) / "views" / (view + ".png");
      EXPECT_LT(fs::file_size(image), kImageBytesMax) << view;
      if (!writes_images) continue;
      const fs::path docs = fs::path(std::getenv("BUILD_WORKSPACE_DIRECTORY")) / "docs/images";
      fs::create_directories(docs);
      fs::copy_file(image, docs / ("page-" + view + ".png"), fs::copy_options::overwrite_existing);
    }
  }
};

// Of a bundled trace, and before that of the example, which has views that a run may not have.
TEST_F(PicturesTest, EveryViewHasASmallOne) {
  Write(HtmlReport(ToldRuns(), "who, where and why"));
  ASSERT_NO_FATAL_FAILURE(TakePictures());
  ASSERT_NO_FATAL_FAILURE(
      Make(fmt::format("compare --trace={} --allocators=slub-6.12,slub-7.3 --format=html -o {{}}",
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
  return RUN_ALL_TESTS();
}
