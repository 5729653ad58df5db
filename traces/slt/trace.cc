// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "traces/slt/trace.h"

#include <algorithm>

#include "fmt/format.h"

namespace slablab {

std::string Explain(const TraceRepair& repair) {
  constexpr size_t kShown = 5;
  std::string text = repair.explanation;
  for (size_t i = 0; i < std::min(repair.parts.size(), kShown); ++i) {
    text +=
        fmt::format("{} {} {}", i == 0 ? ":" : ",", repair.parts[i].name, repair.parts[i].count);
  }
  if (repair.parts.size() <= kShown) return text;
  uint64_t rest = 0;
  for (size_t i = kShown; i < repair.parts.size(); ++i) rest += repair.parts[i].count;
  return text + fmt::format(" and {} others {}", repair.parts.size() - kShown, rest);
}

const TraceSidecar* TraceHeader::FindSidecar(std::string_view name) const {
  for (const TraceSidecar& sidecar : sidecars) {
    if (sidecar.name == name) return &sidecar;
  }
  return nullptr;
}

void EventsDigest::Add(const Event& event) {
  const uint64_t words[] = {
      event.time,
      event.object,
      event.address,
      event.bytes_req | uint64_t{event.bytes_alloc} << 32,
      static_cast<uint32_t>(event.pid) | uint64_t{event.cpu} << 32 |
          uint64_t{static_cast<uint16_t>(event.node)} << 48,
      event.call_site | uint64_t{event.cache} << 32 | uint64_t{event.gfp} << 48,
      static_cast<uint64_t>(event.kind) | static_cast<uint64_t>(event.context) << 8 |
          uint64_t{event.irqs_off} << 16 | uint64_t{event.inferred} << 17 |
          uint64_t{event.predates_trace} << 18 | uint64_t{event.reserved} << 19 |
          uint64_t{event.atomic} << 20 | uint64_t{event.by_rcu} << 21 |
          uint64_t{event.migratetype} << 24,
  };
  for (const uint64_t word : words) digest_.Add(word);
}

}  // namespace slablab
