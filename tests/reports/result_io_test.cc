// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "reports/result_io.h"

#include <fstream>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "google/protobuf/util/message_differencer.h"
#include "gtest/gtest.h"
#include "reports/breakdown.h"
#include "tests/reports/example_result.h"

namespace slablab {
namespace {

using google::protobuf::util::MessageDifferencer;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string Complaint(const std::string& bytes) {
  const absl::StatusOr<RunResult> result = ParseResult(bytes, "r.json");
  if (result.ok()) return "read";
  EXPECT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(result.status().message());
}

TEST(ResultIoTest, AnyResultComesBackFromBothForms) {
  Random random(3);
  for (int i = 0; i < 20; ++i) {
    RunResult result = AnyResult(random);
    result.mutable_config()->set_allocator("slub-6.1");
    result.clear_checksum();
    for (const std::string& bytes : {Serialize(result), ToJson(result)}) {
      const absl::StatusOr<RunResult> read = ParseResult(bytes, "r");
      ASSERT_TRUE(read.ok()) << read.status();
      EXPECT_TRUE(MessageDifferencer::Equals(*read, result));
      EXPECT_EQ(Serialize(*read), Serialize(result));
    }
  }
}

// As slablab wrote it before paths and figures said what they mean.
RunResult WithoutMeanings(RunResult result) {
  for (PathStats& path : *result.mutable_paths()) path.clear_is_fast();
  for (CacheStats& cache : *result.mutable_caches()) {
    for (FigureValue& figure : *cache.mutable_counters()) figure.clear_role();
    for (FigureValue& figure : *cache.mutable_states()) figure.clear_role();
  }
  KernelComparison& kernel = *result.mutable_kernel();
  for (CounterPair& pair : *kernel.mutable_totals()) pair.clear_role();
  for (CacheComparison& cache : *kernel.mutable_caches()) {
    for (CounterPair& pair : *cache.mutable_counters()) pair.clear_role();
  }
  return result;
}

TEST(ResultIoTest, AResultOfBeforeMeaningsIsReadByItsNames) {
  RunResult said = ExampleResult();
  said.mutable_config()->set_allocator("slub-6.1");
  const RunResult unsaid = WithoutMeanings(said);
  ASSERT_FALSE(MessageDifferencer::Equals(unsaid, said));
  RunResults several;
  *several.add_runs()->mutable_result() = unsaid;
  for (const std::string& bytes : {Serialize(unsaid), ToJson(unsaid)}) {
    const absl::StatusOr<RunResult> read = ParseResult(bytes, "r");
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_TRUE(MessageDifferencer::Equals(*read, said));
  }
  const absl::StatusOr<RunResults> read = ParseResults(Serialize(several), "r");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(MessageDifferencer::Equals(read->runs(0).result(), said));
}

// A name means nothing where the result says what is meant.
TEST(ResultIoTest, NamesDoNotCountWhereMeaningsAreSaid) {
  RunResult result = ExampleResult();
  result.mutable_config()->set_allocator("slub-6.1");
  result.mutable_paths(0)->set_is_fast(false);
  result.mutable_paths(1)->set_is_fast(true);
  result.mutable_caches(1)->mutable_counters(0)->clear_role();
  const absl::StatusOr<RunResult> read = ParseResult(Serialize(result), "r");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(MessageDifferencer::Equals(*read, result));
  EXPECT_EQ(FastPaths(*read, /*frees=*/false).fast, result.paths(1).operations());
}

TEST(ResultIoTest, JsonHasFieldNamesAsTheProtoAndZeroes) {
  RunResult result;
  result.mutable_totals()->set_failed_allocations(0);
  EXPECT_THAT(ToJson(result),
              AllOf(HasSubstr("\"failed_allocations\": \"0\""), HasSubstr("\"caches\": []")));
}

TEST(ResultIoTest, WhatWasKeptWhenThereWasOneSlubIsOfLinux61) {
  RunResult old = ExampleResult();
  for (const auto& [kept, read] : {std::pair{"slub", "slub-6.1"}, {"slub-7.3", "slub-7.3"}}) {
    old.mutable_config()->set_allocator(kept);
    RunResults several;
    *several.add_runs()->mutable_result() = old;
    several.mutable_runs(0)->set_label(absl::StrCat(kept, " 4 CPUs"));
    for (const std::string& bytes :
         {Serialize(old), ToJson(old), Serialize(several), ToJson(several)}) {
      const absl::StatusOr<RunResults> results = ParseResults(bytes, "r");
      ASSERT_TRUE(results.ok()) << results.status();
      EXPECT_EQ(results->runs(0).result().config().allocator(), read);
      const std::string& label = results->runs(0).label();
      if (!label.empty()) {
        EXPECT_EQ(label, absl::StrCat(read, " 4 CPUs"));
      }
    }
    EXPECT_EQ(ParseResult(Serialize(old), "r")->config().allocator(), read);
  }
}

TEST(ResultIoTest, DamagedJsonNamesItsLine) {
  std::string json = ToJson(ExampleResult());
  const size_t cut = json.find("\"machine\"");
  EXPECT_THAT(Complaint(json.substr(0, cut) + "?!" + json.substr(cut)),
              StartsWith("r.json:5: not a result in JSON: "));
  EXPECT_THAT(Complaint("{\"config\": {\"seed\": \"many\"}}"),
              AllOf(StartsWith("r.json: not a result in JSON: "), HasSubstr("many")));
  EXPECT_THAT(Complaint("{\"konfig\": {}}"), HasSubstr("konfig"));
  EXPECT_THAT(Complaint("{"), StartsWith("r.json:"));
}

TEST(ResultIoTest, DamagedBinaryNamesItsOffset) {
  const std::string bytes = Serialize(ExampleResult());
  EXPECT_THAT(Complaint(bytes.substr(0, bytes.size() - 1)), HasSubstr("offset "));
  EXPECT_THAT(Complaint(std::string(4096, '\xff')), HasSubstr("no whole field at offset "));
}

// Whatever is changed, and wherever it is cut.
TEST(ResultIoTest, NoDamageToAStoredResultPassesUnseen) {
  RunResults several;
  *several.add_runs()->mutable_result() = ExampleResult();
  several.mutable_runs(0)->set_label("one");
  for (const std::string& whole : {Serialize(ExampleResult()), Serialize(several)}) {
    ASSERT_TRUE(ParseResults(whole, "r").ok());
    for (size_t at = 0; at < whole.size(); ++at) {
      EXPECT_FALSE(ParseResults(whole.substr(0, at), "r").ok()) << at;
      std::string damaged = whole;
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << at % 8));
      EXPECT_FALSE(ParseResults(damaged, "r").ok()) << at;
      EXPECT_FALSE(ParseResults(whole.substr(0, at) + whole.substr(at + 1), "r").ok()) << at;
    }
    EXPECT_FALSE(ParseResults(whole + whole, "r").ok());
  }
}

TEST(ResultIoTest, AChangedNumberInJsonIsSeenUnlessItsChecksumIsTakenOut) {
  std::string json = ToJson(ExampleResult());
  const size_t at = json.find("\"seed\": \"") + 9;
  json[at] = json[at] == '7' ? '8' : '7';
  EXPECT_THAT(Complaint(json), HasSubstr("r.json: damaged, or changed after it was written"));
  const size_t line = json.find(" \"checksum\"");
  ASSERT_NE(line, std::string::npos);
  const size_t end = json.find('\n', line);
  const size_t begin = json[end - 1] == ',' ? json.rfind('\n', line) : json.rfind(',', line);
  json.erase(begin, end - begin);
  EXPECT_EQ(Complaint(json), "read");
}

TEST(ResultIoTest, WhatIsNoResultIsRefused) {
  EXPECT_EQ(Complaint(""), "r.json: empty, not a result");
  EXPECT_EQ(Complaint("{}"), "r.json: not a result: it does not say what was run");
  EXPECT_THAT(Complaint("version: 2.1\n"), StartsWith("r.json: not a result"));
}

TEST(ResultIoTest, FilesThatCannotBeReadAreNamed) {
  EXPECT_EQ(ReadResult("no/such/file").status(),
            absl::NotFoundError("cannot read no/such/file: No such file or directory"));
  EXPECT_EQ(ReadResult("/").status(), absl::UnavailableError("cannot read /: Is a directory"));
}

// Of a binary result the first byte is a line feed and the second a length, which may be a brace.
TEST(ResultIoTest, NoLengthOfAFieldMakesABinaryResultJson) {
  RunResult result = ExampleResult();
  for (size_t length = 0; length < 200; ++length) {
    result.mutable_config()->Clear();
    result.mutable_config()->set_allocator("slab");
    result.mutable_config()->set_machine(std::string(length, 'm'));
    const absl::StatusOr<RunResult> read = ParseResult(Serialize(result), "r");
    ASSERT_TRUE(read.ok()) << length << ": " << read.status();
    EXPECT_EQ(read->config().machine().size(), length);
  }
}

TEST(ResultIoTest, FilesAreRead) {
  const std::string path = ::testing::TempDir() + "/result.pb";
  RunResult written = ExampleResult();
  written.mutable_config()->set_allocator("slub-6.1");
  std::ofstream(path, std::ios::binary) << Serialize(written);
  const absl::StatusOr<RunResult> result = ReadResult(path);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(MessageDifferencer::Equals(*result, written));
}

}  // namespace
}  // namespace slablab
