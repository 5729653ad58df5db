// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/test_files.h"

#include <stdlib.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/check.h"

namespace slablab {

std::string Runfile(const std::string& path) {
  return std::string(std::getenv("TEST_SRCDIR")) + "/slablab/" + path;
}

std::string NewFolder() {
  std::string name = ::testing::TempDir() + "/test-XXXXXX";
  CHECK(mkdtemp(name.data()) != nullptr);
  return name;
}

std::string Contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void WriteContents(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

FolderTest::~FolderTest() { std::filesystem::remove_all(folder_); }

std::string FolderTest::Write(const std::string& name, const std::string& bytes) const {
  WriteContents(Path(name), bytes);
  return Path(name);
}

}  // namespace slablab
