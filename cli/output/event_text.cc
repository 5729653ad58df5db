// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "cli/output/event_text.h"

#include <algorithm>
#include <iterator>
#include <tuple>

namespace slablab {
namespace {

// irqs-off, need-resched, hardirq/softirq, preempt-depth, migrate-disable.
std::string_view Flags(const Event& event) {
  static constexpr std::string_view kIrqsOn[] = {".....", "..s..", "..h..", "..Z.."};
  static constexpr std::string_view kIrqsOff[] = {"d....", "d.s..", "d.h..", "d.Z.."};
  return (event.irqs_off ? kIrqsOff : kIrqsOn)[static_cast<size_t>(event.context)];
}

std::string_view Name(const std::vector<std::string>& table, size_t index) {
  if (index < table.size() && !table[index].empty()) return table[index];
  return "?";
}

void AppendSizes(const TraceHeader& header, const Event& event, fmt::memory_buffer* out) {
  fmt::format_to(std::back_inserter(*out), " bytes_req={} bytes_alloc={} gfp_flags={} node={}",
                 event.bytes_req, event.bytes_alloc, Name(header.gfp_flags, event.gfp), event.node);
}

void AppendPointer(const TraceHeader& header, const Event& event, fmt::memory_buffer* out) {
  fmt::format_to(std::back_inserter(*out), " call_site={} ptr={:#018x}",
                 Name(header.call_sites, event.call_site), event.address);
  if (event.cache > 0 && event.cache < header.caches.size()) {
    fmt::format_to(std::back_inserter(*out), " name={}", header.caches[event.cache].name);
  }
}

void AppendFields(const TraceHeader& header, const Event& event, fmt::memory_buffer* out) {
  const auto to = std::back_inserter(*out);
  switch (event.kind) {
    case EventKind::kKmalloc:
    case EventKind::kCacheAlloc:
      AppendPointer(header, event, out);
      AppendSizes(header, event, out);
      break;
    case EventKind::kKfree:
    case EventKind::kCacheFree:
      AppendPointer(header, event, out);
      break;
    case EventKind::kPageAlloc:
      fmt::format_to(to, " page={0:#x} pfn={0:#x} order={1} migratetype={2} gfp_flags={3}",
                     event.address, event.bytes_alloc, event.migratetype,
                     Name(header.gfp_flags, event.gfp));
      break;
    case EventKind::kPageFree:
      fmt::format_to(to, " page={0:#x} pfn={0:#x} order={1}", event.address, event.bytes_alloc);
      break;
    case EventKind::kPercpuAlloc:
      fmt::format_to(to,
                     " call_site={} reserved={:d} is_atomic={:d} size={} align={} chunk={} off={}",
                     Name(header.call_sites, event.call_site), event.reserved, event.atomic,
                     event.bytes_req, event.bytes_alloc, event.cache, event.address);
      break;
    case EventKind::kPercpuAllocFailed:
      fmt::format_to(to, " reserved={:d} is_atomic={:d} size={} align={}", event.reserved,
                     event.atomic, event.bytes_req, event.bytes_alloc);
      break;
    case EventKind::kPercpuFree:
      fmt::format_to(to, " chunk={} off={}", event.cache, event.address);
      break;
    case EventKind::kPercpuChunkCreated:
    case EventKind::kPercpuChunkDestroyed:
      fmt::format_to(to, " chunk={}", event.cache);
      break;
    case EventKind::kLost:
      break;
  }
}

}  // namespace

std::string_view CommAt(const TraceHeader& header, int32_t pid, Nanos time) {
  const auto after = std::upper_bound(header.tasks.begin(), header.tasks.end(), std::tie(pid, time),
                                      [](const auto& wanted, const TraceTask& task) {
                                        return wanted < std::tie(task.pid, task.since);
                                      });
  if (after == header.tasks.begin() || std::prev(after)->pid != pid) return "<...>";
  return std::prev(after)->comm;
}

void AppendEventText(const TraceHeader& header, const Event& event, fmt::memory_buffer* out) {
  const auto to = std::back_inserter(*out);
  if (event.kind == EventKind::kLost) {
    const std::string cpu = event.inferred ? "?" : fmt::format("{}", event.cpu);
    if (event.bytes_req == 0) {
      fmt::format_to(to, "CPU:{} [LOST EVENTS]\n", cpu);
    } else {
      fmt::format_to(to, "CPU:{} [LOST {} EVENTS]\n", cpu, event.bytes_req);
    }
    return;
  }
  fmt::format_to(to,
                 "{:>16}-{:<7} [{:03}] {} {:5}.{:09}: {}:", CommAt(header, event.pid, event.time),
                 event.pid, event.cpu, Flags(event), event.time / 1'000'000'000,
                 event.time % 1'000'000'000, EventKindName(event.kind));
  if (event.object != kNoTraceObject) fmt::format_to(to, " object={}", event.object);
  if (event.predates_trace) fmt::format_to(to, " predates");
  if (event.inferred) fmt::format_to(to, " inferred");
  if (event.by_rcu) fmt::format_to(to, " by-rcu");
  AppendFields(header, event, out);
  fmt::format_to(to, "\n");
}

}  // namespace slablab
