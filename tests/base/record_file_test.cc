// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Files of records after every death and every damage: what was whole before is read, what was not
// is not.

#include "base/record_file.h"

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/test_files.h"

namespace slablab {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class RecordFileTest : public FolderTest {
 protected:
  std::unique_ptr<RecordWriter> Open() {
    absl::StatusOr<std::unique_ptr<RecordWriter>> writer =
        RecordWriter::Open(folder(), "some", ".records");
    EXPECT_TRUE(writer.ok()) << writer.status();
    return writer.ok() ? *std::move(writer) : nullptr;
  }
  void Add(const std::vector<std::string>& names) {
    const std::unique_ptr<RecordWriter> writer = Open();
    for (const std::string& name : names) {
      ASSERT_TRUE(writer->Add({.kind = 7, .name = name, .bytes = "what " + name + " holds"}).ok());
    }
  }
  // The names of the records that hold what was written.
  std::vector<std::string> Whole(const std::string& path) {
    std::vector<std::string> names;
    const absl::StatusOr<RecordIndex> index = ReadRecordIndex(path);
    EXPECT_TRUE(index.ok()) << index.status();
    if (!index.ok()) return names;
    for (const RecordPlace& place : index->places) {
      const absl::StatusOr<Record> record = ReadRecord(path, place);
      if (!record.ok()) continue;
      EXPECT_EQ(record->kind, 7u);
      EXPECT_EQ(record->bytes, "what " + record->name + " holds");
      names.push_back(record->name);
    }
    return names;
  }

  const std::string path_ = Path("some.records");
};

TEST_F(RecordFileTest, WhatWasAddedIsThere) {
  Add({"one", "two"});
  Add({"three"});
  EXPECT_THAT(Whole(path_), ElementsAre("one", "two", "three"));
}

// [sig][one][two] cut at every byte: whole records before the cut are there, and adding goes on.
TEST_F(RecordFileTest, ATornEndIsAsNothing) {
  Add({"one", "two"});
  const std::string bytes = Contents(path_);
  const absl::StatusOr<RecordIndex> index = ReadRecordIndex(path_);
  ASSERT_TRUE(index.ok() && index->places.size() == 2);
  for (size_t size = 0; size < bytes.size(); ++size) {
    WriteContents(path_, bytes.substr(0, size));
    const size_t whole = size < index->places[1].offset ? 0 : 1;
    EXPECT_THAT(Whole(path_), SizeIs(whole)) << size;
    const absl::StatusOr<RecordIndex> torn = ReadRecordIndex(path_);
    EXPECT_THAT(torn->damaged, IsEmpty()) << size;
    Add({"three"});
    EXPECT_THAT(Whole(path_), SizeIs(whole + 1)) << size;
  }
}

// Every byte changed by itself: at most the record that it is in is lost, and never read otherwise.
TEST_F(RecordFileTest, DamageCostsNoOtherRecord) {
  Add({"one", "two", "three"});
  const std::string bytes = Contents(path_);
  for (size_t at = 8; at < bytes.size(); ++at) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x20);
    WriteContents(path_, damaged);
    EXPECT_THAT(Whole(path_), SizeIs(2)) << at;
  }
}

TEST_F(RecordFileTest, WhatIsNoSuchFileIsSaid) {
  WriteContents(path_, "a text\n");
  EXPECT_THAT(std::string(ReadRecordIndex(path_).status().message()),
              HasSubstr("some.records: not a file of records"));
  EXPECT_TRUE(absl::IsNotFound(ReadRecordIndex(Path("none")).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ReadRecordIndex(Path("")).status()));
}

TEST_F(RecordFileTest, TwoWritersHaveAFileEach) {
  const std::unique_ptr<RecordWriter> first = Open();
  std::unique_ptr<RecordWriter> second = Open();
  EXPECT_EQ(first->path(), path_);
  EXPECT_EQ(second->path(), Path("some-2.records"));
  ASSERT_TRUE(first->Add({.kind = 7, .name = "one", .bytes = "what one holds"}).ok());
  ASSERT_TRUE(second->Add({.kind = 7, .name = "two", .bytes = "what two holds"}).ok());
  second.reset();
  EXPECT_EQ(Open()->path(), Path("some-2.records"));
  EXPECT_THAT(Whole(path_), ElementsAre("one"));
  EXPECT_THAT(Whole(Path("some-2.records")), ElementsAre("two"));
}

}  // namespace
}  // namespace slablab
