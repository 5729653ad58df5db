// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TESTS_TEST_FILES_H_
#define SLABLAB_TESTS_TEST_FILES_H_

#include <string>

#include "gtest/gtest.h"

namespace slablab {

// Where the test finds a file of the repository that it has as data.
std::string Runfile(const std::string& path);

// A new empty folder for one test.
std::string NewFolder();
std::string Contents(const std::string& path);
void WriteContents(const std::string& path, const std::string& bytes);

// A test with a folder of its own, which goes with it.
class FolderTest : public ::testing::Test {
 protected:
  ~FolderTest() override;

  const std::string& folder() const { return folder_; }
  std::string Path(const std::string& name) const { return folder_ + "/" + name; }
  std::string ContentsOf(const std::string& name) const { return Contents(Path(name)); }
  // Answers the file's path.
  std::string Write(const std::string& name, const std::string& bytes) const;

 private:
  const std::string folder_ = NewFolder();
};

}  // namespace slablab

#endif  // SLABLAB_TESTS_TEST_FILES_H_
