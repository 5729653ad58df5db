// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/allocators/reference_runs.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "base/gz_input.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "workloads/conformance/reference.h"

namespace slablab {

namespace fs = std::filesystem;

std::optional<std::string> SharedReferences(const std::string& folder) {
  const char* const shared = std::getenv("SLABLAB_SHARED");
  if (shared == nullptr || !fs::exists(fs::path(shared) / folder)) return std::nullopt;
  return (fs::path(shared) / folder).string();
}

std::vector<std::string> ReferenceFiles(const std::string& folder, std::string_view prefix,
                                        std::string_view suffix) {
  std::vector<std::string> files;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder)) {
    const std::string path = entry.path().string();
    const std::string relative = fs::path(path).lexically_relative(folder).string();
    if (relative.starts_with(prefix) && relative.ends_with(suffix)) files.push_back(path);
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::vector<uint64_t> ExpectRunsAgree(const std::string& folder, std::string_view prefix,
                                      size_t files_least) {
  const std::vector<std::string> files = ReferenceFiles(folder, prefix, ".ref.gz");
  EXPECT_GE(files.size(), files_least);
  std::vector<uint64_t> figures;
  for (const std::string& file : files) {
    SCOPED_TRACE(file);
    const absl::StatusOr<std::string> text = ReadWholeFile(file);
    EXPECT_TRUE(text.ok()) << text.status();
    if (!text.ok()) continue;
    const absl::StatusOr<ReferenceRun> run = ParseReference(*text, file);
    EXPECT_TRUE(run.ok()) << run.status();
    if (!run.ok()) continue;
    const absl::StatusOr<Conformance> result = ReplayReference(*run);
    EXPECT_TRUE(result.ok()) << result.status();
    if (!result.ok()) continue;
    EXPECT_TRUE(result->agrees()) << result->first_disagreement;
    EXPECT_GT(result->placements.total, 0u);
    figures.push_back(result->figures.total);
  }
  return figures;
}

std::string Replaced(std::string_view text, std::string_view from, std::string_view to) {
  std::string changed(text);
  const size_t at = changed.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? changed : changed.replace(at, from.size(), to);
}

void ExpectChangesAreSeen(std::string_view text, const std::vector<Change>& changes,
                          const std::function<Conformance(const std::string& text)>& replay) {
  const Conformance unchanged = replay(std::string(text));
  EXPECT_TRUE(unchanged.agrees()) << unchanged.first_disagreement;
  for (const auto& [from, to] : changes) {
    const Conformance result = replay(Replaced(text, from, to));
    EXPECT_FALSE(result.agrees()) << to;
    EXPECT_THAT(result.first_disagreement, ::testing::HasSubstr("small.ref:")) << to;
  }
}

void ExpectRefusals(
    std::string_view text, const std::vector<Malformed>& cases,
    const std::function<absl::Status(const std::string& text, const std::string& path)>& parse) {
  EXPECT_TRUE(parse(std::string(text), "f").ok());
  for (const Malformed& test : cases) {
    const absl::Status status = parse(Replaced(text, test.from, test.to), "f");
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << test.to;
    EXPECT_THAT(std::string(status.message()),
                ::testing::StartsWith("f:" + std::to_string(test.line) + ": "))
        << test.to;
  }
}

}  // namespace slablab
