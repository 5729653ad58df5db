// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "traces/event.h"

namespace slablab {

std::string_view EventKindName(EventKind kind) {
  switch (kind) {
    case EventKind::kKmalloc:
      return "kmalloc";
    case EventKind::kKfree:
      return "kfree";
    case EventKind::kCacheAlloc:
      return "kmem_cache_alloc";
    case EventKind::kCacheFree:
      return "kmem_cache_free";
    case EventKind::kPageAlloc:
      return "mm_page_alloc";
    case EventKind::kPageFree:
      return "mm_page_free";
    case EventKind::kPercpuAlloc:
      return "percpu_alloc_percpu";
    case EventKind::kPercpuFree:
      return "percpu_free_percpu";
    case EventKind::kPercpuAllocFailed:
      return "percpu_alloc_percpu_fail";
    case EventKind::kPercpuChunkCreated:
      return "percpu_create_chunk";
    case EventKind::kPercpuChunkDestroyed:
      return "percpu_destroy_chunk";
    case EventKind::kLost:
      return "lost";
  }
  return "unknown";
}

std::string_view ContextName(Context context) {
  switch (context) {
    case Context::kTask:
      return "task";
    case Context::kSoftirq:
      return "softirq";
    case Context::kHardirq:
      return "hardirq";
    case Context::kNmi:
      return "nmi";
  }
  return "unknown";
}

}  // namespace slablab
