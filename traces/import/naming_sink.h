// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TRACES_IMPORT_NAMING_SINK_H_
#define SLABLAB_TRACES_IMPORT_NAMING_SINK_H_

#include <cstdint>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "traces/raw_event.h"
#include "traces/symbols/kallsyms.h"

namespace slablab {

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

#endif  // SLABLAB_TRACES_IMPORT_NAMING_SINK_H_
