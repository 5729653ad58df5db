// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "traces/import/naming_sink.h"

#include "traces/call_site.h"

namespace slablab {

absl::Status NamingSink::Append(const RawEvent& event) {
  uint64_t address = 0;
  if (!ParseKernelAddress(event.call_site, &address)) return sink_.Append(event);
  const auto [found, is_first] = names_.try_emplace(address);
  if (is_first && symbols_ != nullptr) found->second = symbols_->NameOf(address);
  if (found->second.empty()) {
    ++nameless_;
    return sink_.Append(event);
  }
  RawEvent named = event;
  named.call_site = found->second;
  return sink_.Append(named);
}

}  // namespace slablab
