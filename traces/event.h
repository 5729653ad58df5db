// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TRACES_EVENT_H_
#define SLABLAB_TRACES_EVENT_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/types.h"

// One event of a canonical trace, as importers produce it, .slt files hold it and workloads replay
// it. A trace is a sequence of events in the order in which the kernel recorded them (time never
// decreases; where times tie, the sequence is the order).

namespace slablab {

enum class EventKind : uint8_t {
  kKmalloc,               // object, bytes_req, bytes_alloc, gfp, node
  kKfree,                 // object
  kCacheAlloc,            // kmem_cache_alloc: object, cache, bytes_req, bytes_alloc, gfp, node
  kCacheFree,             // kmem_cache_free: object, cache
  kPageAlloc,             // mm_page_alloc: object (a page block), order, gfp, migratetype
  kPageFree,              // mm_page_free: object, order
  kPercpuAlloc,           // object (an area), chunk, bytes_req, align, offset, reserved, atomic
  kPercpuFree,            // object, chunk, offset
  kPercpuAllocFailed,     // bytes_req, align, reserved, atomic
  kPercpuChunkCreated,    // chunk
  kPercpuChunkDestroyed,  // chunk
  kLost,                  // bytes_req = number of events lost on `cpu` just before this point
};
inline constexpr int kEventKinds = 12;

// Whether events of this kind make an object live, or end one.
constexpr bool Allocates(EventKind kind) {
  return kind == EventKind::kKmalloc || kind == EventKind::kCacheAlloc ||
         kind == EventKind::kPageAlloc || kind == EventKind::kPercpuAlloc;
}
constexpr bool Frees(EventKind kind) {
  return kind == EventKind::kKfree || kind == EventKind::kCacheFree ||
         kind == EventKind::kPageFree || kind == EventKind::kPercpuFree;
}
// The same of the slab allocator's objects alone.
constexpr bool AllocatesObject(EventKind kind) {
  return kind == EventKind::kKmalloc || kind == EventKind::kCacheAlloc;
}
constexpr bool FreesObject(EventKind kind) {
  return kind == EventKind::kKfree || kind == EventKind::kCacheFree;
}
// By what an object is freed that was allocated by an event of this kind.
constexpr EventKind FreeOf(EventKind allocation) {
  switch (allocation) {
    case EventKind::kCacheAlloc:
      return EventKind::kCacheFree;
    case EventKind::kPageAlloc:
      return EventKind::kPageFree;
    case EventKind::kPercpuAlloc:
      return EventKind::kPercpuFree;
    default:
      return EventKind::kKfree;
  }
}
// Whether they name one of the trace's caches.
constexpr bool NamesCache(EventKind kind) {
  return kind == EventKind::kKmalloc || kind == EventKind::kKfree ||
         kind == EventKind::kCacheAlloc || kind == EventKind::kCacheFree;
}

// Where the event ran, from the tracepoint's common flags.
enum class Context : uint8_t { kTask, kSoftirq, kHardirq, kNmi };

// An object's identity within one trace: 1, 2, 3 … in order of first sight; never reused, although
// the kernel reuses addresses. A free names the object that its allocation named.
using TraceObject = uint64_t;
inline constexpr TraceObject kNoTraceObject = 0;  // kfree(NULL), or a failed allocation

// ZERO_SIZE_PTR, include/linux/slab.h: what kmalloc(0) answers. kfree of it frees nothing, too.
inline constexpr uint64_t kZeroSizePointer = 16;

struct Event {
  Nanos time = 0;  // since the start of the recording's clock
  TraceObject object = kNoTraceObject;
  uint64_t address = 0;  // as recorded (hashed or real, see TraceHeader); 0 for none.
                         // Percpu: offset in the chunk. Pages: the frame number.
  uint32_t bytes_req = 0;
  uint32_t bytes_alloc = 0;  // Percpu: the alignment. Pages: the order.
  int32_t pid = 0;
  uint16_t cpu = 0;
  int16_t node = -1;       // the node asked for, -1 for any
  uint32_t call_site = 0;  // index into the trace's call_sites, 0 = unknown
  uint16_t cache = 0;      // index into the trace's caches, 0 = unknown or kmalloc.
                           // Percpu: the chunk's number, 1, 2, 3 … in order of first sight.
  uint16_t gfp = 0;        // index into the trace's gfp_flags (symbolic), 0 = none
  EventKind kind = EventKind::kKmalloc;
  Context context = Context::kTask;
  bool irqs_off = false;        // interrupts were disabled
  bool inferred = false;        // not recorded: put in by a repair (traces/import/repair)
                                // Of kLost, its CPU: any may have lost them.
  bool predates_trace = false;  // frees only: the object was allocated before the recording began
  bool by_rcu = false;          // inferred frees only: by kvfree_rcu (repair/untraced_frees.h)
  bool reserved = false;        // percpu
  bool atomic = false;          // percpu
  uint8_t migratetype = 0;      // pages

  friend bool operator==(const Event&, const Event&) = default;
};

// Of lost events: any CPU may have lost them.
constexpr bool IsOfUnknownCpu(const Event& event) {
  return event.kind == EventKind::kLost && event.inferred;
}

// Events that differ in time, CPU, pid, object and address alone, which are 0 here.
struct AlikeEvents {
  Event event;
  bool has_object = false;
  uint64_t count = 0;
};
static_assert(sizeof(Event) <= 64, "one host cache line an event");

std::string_view EventKindName(EventKind kind);
std::string_view ContextName(Context context);

// A cache that the trace's events name, with what is known of it. Sizes are bytes; 0 = unknown.
struct TraceCache {
  std::string name;
  uint32_t object_size = 0;
  uint32_t slab_size = 0;  // the object's share of a slab: size with metadata and padding
  uint32_t align = 0;
  bool hwcache_align = false;
  bool has_constructor = false;
  bool typesafe_by_rcu = false;
  bool reclaim_account = false;
  bool from_sidecar = false;  // taken from /sys/kernel/slab or slabinfo, not from events alone

  friend bool operator==(const TraceCache&, const TraceCache&) = default;
};

}  // namespace slablab

#endif  // SLABLAB_TRACES_EVENT_H_
