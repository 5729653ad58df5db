// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TESTS_FUZZ_MEMORY_FILE_H_
#define SLABLAB_TESTS_FUZZ_MEMORY_FILE_H_

#include <sys/mman.h>
#include <unistd.h>

#include <string>
#include <string_view>

#include "base/check.h"

namespace slablab {

// A file without a name, for parsers that read descriptors or paths.
class MemoryFile {
 public:
  explicit MemoryFile(std::string_view contents = {})
      : descriptor_(memfd_create("fuzz", MFD_CLOEXEC)) {
    CHECK_GE(descriptor_, 0);
    CHECK_EQ(write(descriptor_, contents.data(), contents.size()),
             static_cast<ssize_t>(contents.size()));
    Rewind();
  }
  ~MemoryFile() { close(descriptor_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  int descriptor() const { return descriptor_; }
  void Rewind() const { CHECK_EQ(lseek(descriptor_, 0, SEEK_SET), 0); }
  // A path that leads this process, and those it forks, to the file.
  std::string Path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }
  std::string Contents() const {
    const off_t size = lseek(descriptor_, 0, SEEK_END);
    CHECK_GE(size, 0);
    std::string contents(static_cast<size_t>(size), '\0');
    CHECK_EQ(pread(descriptor_, contents.data(), contents.size(), 0), size);
    return contents;
  }

 private:
  const int descriptor_;
};

}  // namespace slablab

#endif  // SLABLAB_TESTS_FUZZ_MEMORY_FILE_H_
