// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TRACES_SYMBOLS_SYMBOLS_H_
#define SLABLAB_TRACES_SYMBOLS_SYMBOLS_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "traces/call_site.h"
#include "traces/symbols/debug_file.h"
#include "traces/symbols/kallsyms.h"

namespace slablab {

// What is known of a recorded call site.
struct Symbol {
  CallSite site;
  // Of the call, as DebugFile::FramesAt() answers it; empty: not known.
  std::vector<SourceFrame> frames;
};

// Names and sources for call sites. A kernel that runs is where chance has put it (KASLR): kallsyms
// says where `_text` is there, a vmlinux where it was linked to be.
class Symbols {
 public:
  // /proc/kallsyms of the recorded kernel, or its System.map. Errors name file and line.
  absl::Status ReadKallsyms(const std::string& path);
  // Its vmlinux, or a module's file.
  absl::Status AddDebugFile(const std::string& path);

  bool has_kallsyms() const { return kallsyms_.has_value(); }
  bool has_debug_files() const { return !files_.empty(); }

  // A call site is where a call returns to; its source is that of the call itself.
  Symbol Find(const CallSite& site) const;

 private:
  // The address of `site` in `file`, by the function's name, or by the address where that is the
  // kernel's own and kallsyms says how far it was moved. 0: not known.
  uint64_t AddressIn(const DebugFile& file, const CallSite& site) const;

  std::optional<Kallsyms> kallsyms_;
  uint64_t text_ = 0;  // where the kernel runs, if kallsyms says it
  std::vector<std::unique_ptr<DebugFile>> files_;
};

}  // namespace slablab

#endif  // SLABLAB_TRACES_SYMBOLS_SYMBOLS_H_
