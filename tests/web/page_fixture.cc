// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/web/page_fixture.h"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/check.h"
#include "fmt/format.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "google/protobuf/util/json_util.h"
#include "tests/reports/example_result.h"
#include "tests/test_files.h"

namespace slablab {

namespace fs = std::filesystem;
namespace pb = google::protobuf;
using ::testing::IsEmpty;

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
  for (int i = 1; i < base.footprint_size(); ++i) {
    LockWaitSample& waits = *base.mutable_footprint(i)->add_lock_waits();
    waits.set_lock("list_lock");
    waits.set_contentions(static_cast<uint64_t>(100 * i));
    waits.set_wait_cycles(static_cast<uint64_t>(54'000'000 * i));
  }
  base.mutable_config()->set_allocator("slub-6.12");
  base.mutable_config()->mutable_run()->set_trace("hackbench.slt");
  base.mutable_config()->mutable_run()->set_allocator("slub-6.12");
  RunResult other = base;
  other.mutable_config()->set_allocator("slub-7.3");
  other.mutable_config()->mutable_run()->set_allocator("slub-7.3");
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

void PageTest::SetUp() {
  if (std::getenv("SLABLAB_NODE_MODULES") == nullptr) {
    GTEST_SKIP() << "needs SLABLAB_NODE_MODULES, which tests/run sets";
  }
  const char* const tmp = std::getenv("TEST_TMPDIR");
  folder_ = fmt::format("{}/{}", tmp == nullptr ? ::testing::TempDir() : tmp,
                        ::testing::UnitTest::GetInstance()->current_test_info()->name());
  fs::create_directories(folder_);
  page_ = folder_ + "/page.html";
}

void PageTest::Make(const std::string& arguments) {
  const std::string make =
      fmt::format("SLABLAB_ROOT={} {} {} >{}/out.txt", Runfile(""), Runfile("cli/slablab"),
                  fmt::vformat(arguments, fmt::make_format_args(page_)), folder_);
  ASSERT_EQ(std::system(make.c_str()), 0) << make;
}

void PageTest::Write(const std::string& html) { std::ofstream(page_, std::ios::binary) << html; }

void PageTest::RunScript(const std::string& script, const std::string& told) {
  size_ = fs::file_size(page_);
  // Chromium wants a home to write to.
  const std::string command = fmt::format("HOME={0} node {1} {2} {0} '{3}'", folder_,
                                          Runfile("tests/web/" + script), page_, told);
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

}  // namespace slablab
