// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TRACES_SYMBOLS_KALLSYMS_H_
#define SLABLAB_TRACES_SYMBOLS_KALLSYMS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "traces/call_site.h"

// Names for call sites that a recording has as addresses, as text of kernels before 4.x has, or a
// trace.dat whose recorder was not told the symbols.

namespace slablab {

// The functions of a kernel, by address.
class Kallsyms {
 public:
  // /proc/kallsyms or System.map: "ffffffff81648490 t alloc_empty_sheaf [MODULE]" lines.
  // InvalidArgument if a line is none, or if the kernel hid the addresses.
  static absl::StatusOr<Kallsyms> Parse(std::string_view text, const std::string& path);

  // "alloc_empty_sheaf+0x2b"; empty for what lies below them all, or far behind one.
  std::string NameOf(uint64_t address) const;
  // The same in parts; no function: not known.
  CallSite Find(uint64_t address) const;
  // Where a function of the kernel's own begins; 0: there is none of that name, or several.
  uint64_t AddressOf(std::string_view function) const;

 private:
  struct Function {
    uint64_t address = 0;
    std::string name;
    std::string module;
  };
  std::vector<Function> functions_;  // ascending
};

}  // namespace slablab

#endif  // SLABLAB_TRACES_SYMBOLS_KALLSYMS_H_
