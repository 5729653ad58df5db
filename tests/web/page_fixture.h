// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TESTS_WEB_PAGE_FIXTURE_H_
#define SLABLAB_TESTS_WEB_PAGE_FIXTURE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "google/protobuf/struct.pb.h"
#include "gtest/gtest.h"
#include "reports/comparison/comparison.h"

// HTML reports in Debian's Chromium.

namespace slablab {

// What a script printed of a page, field by field.
const google::protobuf::Value& Field(const google::protobuf::Value& value, const std::string& name);
std::string TextOf(const google::protobuf::Value& value, const std::string& name);
std::vector<std::string> Texts(const google::protobuf::Value& value, const std::string& name);

// Two runs of the example that tell who, where and why: the second has lost the remote frees'
// transfers.
std::vector<LabelledResult> ToldRuns();

class PageTest : public ::testing::Test {
 protected:
  // Skips where there is nothing to open a page with.
  void SetUp() override;

  // Makes the page by `arguments`, "{}" in which is where it is to be; or writes it.
  void Make(const std::string& arguments);
  void Write(const std::string& html);
  // Runs a script on the page; what it is told comes last. What it saw is `seen_`.
  void RunScript(const std::string& script, const std::string& told = "");

  std::string folder_;
  std::string page_;
  uint64_t size_ = 0;  // of the page
  google::protobuf::Value seen_;
};

}  // namespace slablab

#endif  // SLABLAB_TESTS_WEB_PAGE_FIXTURE_H_
