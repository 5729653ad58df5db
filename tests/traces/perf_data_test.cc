// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "traces/import/perf_data.h"

#include <cstdint>
#include <cstring>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/traces/recording_text.h"

namespace slablab {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

template <typename T>
std::string Bytes(T value) {
  std::string bytes(sizeof(value), '\0');
  std::memcpy(bytes.data(), &value, sizeof(value));
  return bytes;
}

// A record of `size` bytes in all, and what stands behind it.
std::string Record(uint32_t type, uint16_t size, const std::string& payload = "",
                   size_t behind = 0) {
  std::string bytes = Bytes(type) + Bytes(uint16_t{0}) + Bytes(size) + payload;
  bytes.resize(size + behind);
  return bytes;
}

// Records of every kind that is framed: a sample, tracing data with 13 bytes (padded to 16) and an
// auxiliary trace with 24 behind them.
std::string Records() {
  return Record(9, 40) + Record(66, 12, Bytes(uint32_t{13}), 16) +
         Record(71, 48, Bytes(uint64_t{24}), 24) + Record(9, 56);
}

// `data_size`: what the header says of `records`.
std::string File(const std::string& records, uint64_t data_size) {
  constexpr uint64_t kHeaderBytes = 104;
  std::string header = "PERFILE2" + Bytes(kHeaderBytes) + Bytes(uint64_t{144}) +
                       Bytes(uint64_t{0}) + Bytes(uint64_t{0}) + Bytes(kHeaderBytes) +
                       Bytes(data_size);
  header.resize(kHeaderBytes);
  return header + records;
}

absl::Status Check(const std::string& contents) {
  return CheckPerfData(WriteTestFile("perf.data", contents), "perf.data");
}

TEST(PerfDataTest, OneThatIsWholeIsNothingToTellOf) {
  const std::string records = Records();
  EXPECT_TRUE(Check(File(records, records.size())).ok());
  EXPECT_TRUE(Check(File(records, records.size()) + "features").ok());
  EXPECT_TRUE(Check(File(records, 0)).ok());  // perf record was killed between two
  EXPECT_TRUE(Check("PERFILE2" + Bytes(uint64_t{16}) + records).ok());  // of a pipe
}

TEST(PerfDataTest, WhereverOneIsCutShortItIsSaid) {
  const std::string records = Records();
  const std::string whole = File(records, records.size());
  for (size_t size = whole.size() - records.size(); size < whole.size(); ++size) {
    const absl::Status status = Check(whole.substr(0, size));
    ASSERT_TRUE(absl::IsInvalidArgument(status)) << size;
    EXPECT_THAT(
        std::string(status.message()),
        AllOf(HasSubstr("perf.data: the perf.data ends early: its header tells of 196 bytes"),
              HasSubstr("which can be imported")));
  }
}

TEST(PerfDataTest, WithoutASizeItIsCutShortUnlessARecordEndsThere) {
  const std::string records = Records();
  for (const std::string& head : {File("", 0), "PERFILE2" + Bytes(uint64_t{16})}) {
    int whole = 0;
    for (size_t size = 0; size <= records.size(); ++size) {
      whole += Check(head + records.substr(0, size)).ok();
    }
    EXPECT_EQ(whole, 5);  // at the start, between two, at the end
  }
  EXPECT_FALSE(Check(File(Record(9, 4), 0)).ok());  // no record is as short
}

TEST(PerfDataTest, WhatIsNoHeaderIsLeftToPerf) {
  EXPECT_TRUE(Check("PERFILE2 and what follows").ok());
  EXPECT_TRUE(Check("2ELIFREP" + std::string(200, '\1')).ok());
  EXPECT_TRUE(CheckPerfData("/nonexistent/perf.data", "perf.data").ok());
}

}  // namespace
}  // namespace slablab
