// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// The bundled traces are whole, valid and small.

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "traces/trace.h"
#include "traces/validate.h"

namespace slablab {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> Samples() {
  std::vector<std::string> paths;
  for (const auto& entry :
       fs::directory_iterator(fs::path(std::getenv("TEST_SRCDIR")) / "slablab/traces/samples")) {
    if (entry.path().extension() == ".slt") paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

class SamplesTest : public ::testing::TestWithParam<std::string> {};

TEST_P(SamplesTest, KeepsEveryInvariantInFourBytesAnEvent) {
  const auto reader = TraceReader::Open(GetParam(), {});
  ASSERT_TRUE(reader.ok()) << reader.status();
  const TraceHeader& header = (*reader)->header();
  TraceValidator validator(header, 5);
  std::vector<Event> events(4096);
  for (;;) {
    const auto count = (*reader)->Read(absl::MakeSpan(events));
    ASSERT_TRUE(count.ok()) << count.status();
    if (*count == 0) break;
    for (size_t i = 0; i < *count; ++i) validator.Check(events[i]);
  }
  validator.CheckHeader();
  for (const Violation& violation : validator.violations()) {
    ADD_FAILURE() << violation.event << ": " << violation.what;
  }
  // The percpu sample is a reference run, which has neither CPUs nor sidecars.
  if (GetParam().find("percpu") == std::string::npos) {
    EXPECT_EQ(header.cpu_count, 4);
    EXPECT_EQ(header.node_count, 2);
    EXPECT_NE(header.FindSidecar("slabinfo.before"), nullptr);
  }
  uint64_t block_bytes = 0;
  for (const TraceBlock& block : (*reader)->blocks()) block_bytes += block.bytes;
  EXPECT_LE(block_bytes, 4 * header.event_count);
}

std::string NameOf(const ::testing::TestParamInfo<std::string>& info) {
  std::string name = fs::path(info.param).stem();
  std::replace_if(
      name.begin(), name.end(), [](char c) { return !std::isalnum(c); }, '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Samples, SamplesTest, ::testing::ValuesIn(Samples()), NameOf);

}  // namespace
}  // namespace slablab
