// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TRACES_IMPORT_KALLSYMS_H_
#define SLABLAB_TRACES_IMPORT_KALLSYMS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "traces/raw_event.h"

// Names for call sites that a recording has as addresses, as text of kernels before 4.x has, or a
// trace.dat whose recorder was not told the symbols.

namespace slablab {

// The functions of a kernel, by address.
class Kallsyms {
 public:
  // /proc/kallsyms: "ffffffff81648490 t alloc_empty_sheaf [MODULE]" lines. InvalidArgument if a
  // line is none, or if the kernel hid the addresses.
  static absl::StatusOr<Kallsyms> Parse(std::string_view text, const std::string& path);

  // "alloc_empty_sheaf+0x2b"; empty for what lies below them all, or far behind one.
  std::string NameOf(uint64_t address) const;

 private:
  std::vector<std::pair<uint64_t, std::string>> functions_;  // ascending
};

// Passes events on, with names for call sites where `symbols` (may be null) has them.
class NamingSink : public RawEventSink {
 public:
  NamingSink(const Kallsyms* symbols, RawEventSink& sink) : symbols_(symbols), sink_(sink) {}

  absl::Status Append(const RawEvent& event) override;
  // Events whose call site stays an address.
  uint64_t nameless() const { return nameless_; }

 private:
  const Kallsyms* const symbols_;
  RawEventSink& sink_;
  absl::flat_hash_map<uint64_t, std::string> names_;
  uint64_t nameless_ = 0;
};

}  // namespace slablab

#endif  // SLABLAB_TRACES_IMPORT_KALLSYMS_H_
