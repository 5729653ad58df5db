// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TRACES_SYMBOLS_DEBUG_FILE_H_
#define SLABLAB_TRACES_SYMBOLS_DEBUG_FILE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"

struct Dwfl;
struct Dwfl_Module;

namespace slablab {

// A line of source, and the function that it stands in.
struct SourceFrame {
  std::string function;
  std::string file;  // as the compiler was given it
  uint32_t line = 0;
};

// A vmlinux, or a kernel module's file, with the debugging information in it, if there is any.
// Addresses are the file's own: a kernel that runs has them moved.
class DebugFile {
 public:
  // InvalidArgument: it is no ELF file.
  static absl::StatusOr<std::unique_ptr<DebugFile>> Open(const std::string& path);
  ~DebugFile();
  DebugFile(const DebugFile&) = delete;

  const std::string& path() const { return path_; }
  // "ext4" of a module's ext4.ko or ext4.ko.debug; empty of any other file.
  const std::string& module() const { return module_; }
  // Where the function, or the variable, of that name begins; 0: there is none, or several.
  uint64_t AddressOf(std::string_view name) const;
  // Where the source of the code at an address is: the innermost function that was inlined first,
  // the function that has the code last. Empty: not known.
  std::vector<SourceFrame> FramesAt(uint64_t address) const;

 private:
  DebugFile(std::string path, Dwfl* dwfl) : path_(std::move(path)), dwfl_(dwfl) {}
  void ReadSymbols();

  const std::string path_;
  std::string module_;
  Dwfl* const dwfl_;
  Dwfl_Module* file_ = nullptr;
  absl::flat_hash_map<std::string, uint64_t> addresses_;  // 0: of several; never iterated
};

}  // namespace slablab

#endif  // SLABLAB_TRACES_SYMBOLS_DEBUG_FILE_H_
