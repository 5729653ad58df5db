// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "reports/callers.h"

#include <algorithm>
#include <map>
#include <utility>

#include "fmt/format.h"
#include "sim/cache/ledger.h"

namespace slablab {

std::string NameAt(const google::protobuf::RepeatedPtrField<std::string>& names, uint32_t index) {
  return index < static_cast<uint32_t>(names.size()) ? names[static_cast<int>(index)] : "?";
}

std::string CallerName(const Attribution& attribution, uint32_t caller) {
  if (caller >= static_cast<uint32_t>(attribution.callers_size())) return "?";
  const Caller& named = attribution.callers(static_cast<int>(caller));
  if (named.name().empty() && named.function().empty()) return "(unknown)";
  // A raw address says less than the function in which it is.
  const bool is_raw = named.address() != 0 && !named.function().empty() &&
                      named.name().find(named.function()) == std::string::npos;
  if (!is_raw && !named.name().empty()) return named.name();
  std::string name = fmt::format("{}+{:#x}", named.function(), named.offset());
  if (!named.module().empty()) name += fmt::format(" [{}]", named.module());
  return name;
}

std::string CacheName(const Attribution& attribution, uint32_t cache) {
  const std::string name = NameAt(attribution.caches(), cache);
  return name.empty() ? "(none)" : name;
}

std::string SourceOf(const Attribution& attribution, uint32_t caller) {
  if (caller >= static_cast<uint32_t>(attribution.callers_size())) return "";
  const Caller& named = attribution.callers(static_cast<int>(caller));
  if (named.inlined().empty()) {
    return named.file().empty() ? "" : fmt::format("{}:{}", named.file(), named.line());
  }
  std::string text = fmt::format("{}:{} in ", named.inlined(0).file(), named.inlined(0).line());
  for (const InlinedFrame& frame : named.inlined()) text += frame.function() + ", ";
  return text + named.function();
}

std::vector<CallerSum> SumsByCaller(const Attribution& attribution) {
  std::map<std::pair<uint32_t, uint32_t>, CallerSum> sums;
  const auto sum_of = [&](uint32_t caller, uint32_t cache) -> CallerSum& {
    CallerSum& sum = sums[{caller, cache}];
    sum.caller = caller;
    sum.cache = cache;
    return sum;
  };
  for (const OperationGroup& group : attribution.groups()) {
    CallerSum& sum = sum_of(group.caller(), group.cache());
    const bool has_path = group.path() < static_cast<uint32_t>(attribution.paths_size());
    const PathName path =
        has_path ? attribution.paths(static_cast<int>(group.path())) : PathName();
    sum.operations += group.operations();
    if (!path.is_free()) sum.allocations += group.operations();
    if (path.is_slow()) sum.slow_operations += group.operations();
    sum.remote_operations += group.remote_operations();
    sum.cycles += group.cycles();
    sum.cycles_max = std::max<uint64_t>(sum.cycles_max, group.cycles_max());
    for (const AttributedCell& cell : group.cells()) sum.miss_cycles += cell.cycles();
    for (const AttributedCause& cause : group.causes()) {
      const bool is_wait =
          NameAt(attribution.causes(), cause.cause()) == CauseName(Cause::kLockWait);
      (is_wait ? sum.lock_wait_cycles : sum.code_cycles) += cause.cycles();
    }
  }
  for (const CallerMemory& memory : attribution.memory()) {
    CallerSum& sum = sum_of(memory.caller(), memory.cache());
    sum.bytes += memory.bytes();
    sum.live_bytes += memory.live_bytes();
    sum.peak_bytes += memory.peak_bytes();
    sum.pinned_bytes += memory.pinned_share_bytes();
  }
  std::vector<CallerSum> ranked;
  for (const auto& [key, sum] : sums) ranked.push_back(sum);
  std::stable_sort(ranked.begin(), ranked.end(), [](const CallerSum& a, const CallerSum& b) {
    return a.cycles > b.cycles;
  });
  return ranked;
}

}  // namespace slablab
