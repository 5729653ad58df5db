// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "runs/recorded/replayable.h"

#include "absl/strings/str_cat.h"
#include "allocators/percpu/registry.h"

namespace slablab {
namespace {

constexpr char kRecordSlab[] =
    "record kmem:kmalloc, kmem:kfree, kmem:kmem_cache_alloc and kmem:kmem_cache_free, as slablab "
    "capture does";
constexpr char kRecordPercpu[] =
    "record percpu:percpu_alloc_percpu and percpu:percpu_free_percpu, as slablab capture does";

bool IsOfPercpu(EventKind kind) {
  return kind == EventKind::kPercpuAlloc || kind == EventKind::kPercpuFree;
}

// "3 mm_page_alloc, 2 mm_page_free".
std::string WhatItHas(const TraceHeader& trace) {
  std::string text;
  for (int i = 0; i < kEventKinds; ++i) {
    const uint64_t count = trace.events_by_kind[static_cast<size_t>(i)];
    if (count == 0) continue;
    absl::StrAppend(&text, text.empty() ? "" : ", ", count, " ",
                    std::string(EventKindName(static_cast<EventKind>(i))));
  }
  return text.empty() ? "no event" : text;
}

}  // namespace

absl::Status CheckReplayable(const std::string& path, const TraceHeader& trace,
                             const std::string& allocator) {
  uint64_t slab = 0;
  uint64_t percpu = 0;
  for (int i = 0; i < kEventKinds; ++i) {
    const auto kind = static_cast<EventKind>(i);
    const uint64_t count = trace.events_by_kind[static_cast<size_t>(i)];
    if (AllocatesObject(kind) || FreesObject(kind)) slab += count;
    if (IsOfPercpu(kind)) percpu += count;
  }
  const bool is_percpu = IsPercpuAllocator(allocator);
  if ((is_percpu ? percpu : slab) > 0) return absl::OkStatus();
  const uint64_t of_the_other = is_percpu ? slab : percpu;
  return absl::InvalidArgumentError(
      absl::StrCat(path, ": nothing to replay for ", allocator, ": it has ", WhatItHas(trace), "; ",
                   is_percpu ? kRecordPercpu : kRecordSlab,
                   of_the_other == 0 ? ""
                   : is_percpu       ? ", or take an allocator of objects (--allocator=slub)"
                                     : ", or take one of percpu areas (--allocator=percpu)"));
}

absl::Status ErrorOfTrace(const std::string& path, const absl::Status& status) {
  if (!absl::IsInvalidArgument(status)) return status;
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", status.message()));
}

absl::Status CheckReplayed(const std::string& path, const Totals& totals) {
  if (totals.operations() > 0) return absl::OkStatus();
  std::string reasons;
  for (const NamedCount& skipped : totals.skipped()) {
    absl::StrAppend(&reasons, reasons.empty() ? ": " : ", ", skipped.count(), " ", skipped.name());
  }
  return absl::InvalidArgumentError(
      absl::StrCat(path, ": nothing to replay: none of ", totals.events(),
                   " events is of an object that is allocated in the trace", reasons,
                   "; record longer, or more (slablab capture)"));
}

}  // namespace slablab
