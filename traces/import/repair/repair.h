// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TRACES_IMPORT_REPAIR_REPAIR_H_
#define SLABLAB_TRACES_IMPORT_REPAIR_REPAIR_H_

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <queue>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "traces/event.h"
#include "traces/import/repair/cache_names.h"
#include "traces/import/repair/live_ranges.h"
#include "traces/import/repair/repair_rules.h"
#include "traces/import/repair/untraced_frees.h"
#include "traces/raw_event.h"
#include "traces/sidecar/sidecar.h"
#include "traces/slt/trace.h"
#include "traces/string_table.h"

// From what a kernel recorded to a trace that can be replayed. A recording is not a history of the
// allocator: bulk and RCU paths allocate and free without a tracepoint, kmem_cache_alloc of 6.1
// does not say from which cache, the allocator's own metadata stands among its users' objects,
// objects are older than the recording. Every correction is named, counted and told.
//
// The recording is read twice. The survey numbers the objects and learns the caches' names from the
// frees; the second reading, of the same events, writes the trace.
//
//   Repairer repairer(options);
//   ReadRecording(path, …, repairer);         // the survey
//   repairer.Conclude();
//   repairer.DescribeTables(header);
//   repairer.WriteTo(sink);
//   ReadRecording(path, …, repairer);         // the trace
//   repairer.Describe(header);
//
// Rules, applied in this order to each event:
//  1. Time never decreases: a time before its predecessor's, which is little
//  (traces/import/event_order.h),
//     is raised to it.
//  2. kfree of NULL or of ZERO_SIZE_PTR frees nothing: kept, with no object (or dropped, as asked).
//  3. The recorded allocator's own allocations (by call site or by cache) and their frees are left
//     out, whatever the kernel: a simulated one has its own. Where a call site is an address that
//     has no name, what it is cannot be told.
//  4. What is live does not overlap, and lies in no page that the page allocator gives or takes:
//     whatever an event shows to have been freed without a trace gets a free before that event.
//     a. An allocation of an address that is still live.
//     b. An allocation that overlaps live objects at other addresses (their slab has gone to
//     another
//        cache since), and a free of an address within one. Not where addresses are hashed.
//     c. An allocation or a free of the pages that live objects lie in. It needs page events, and
//        a known place of physical memory. It comes closest to when the objects were freed: on the
//        CPU and at the time at which their slab went.
//     d. Of these, and of what is still live at the end, those that went by kvfree_rcu by the
//        kernel's own count get their free earlier (traces/import/repair/untraced_frees.h).
//  5. Free of an address that the trace saw freed and not allocated since: its allocation was not
//     traced; one is put in before it, if its size is known and it overlaps nothing that is live.
//  6. Free of an address never seen: the object is older than the trace and marked so.
//  7. Objects are numbered from 1 as they are first seen; percpu chunks too.
//  8. kmem_cache_alloc without a name takes that of its own free, else that which the frees of its
//     call site and sizes vote for, else that of the only cache of its sizes in the sidecar; else
//     it goes to a cache named for its sizes.
//  9. kmem_cache_free under another name than its allocation keeps the allocation's.

namespace slablab {

// What the left-out events of the recorded allocator's own amount to, as perf kmem would have
// counted them.
struct InternalTotals {
  uint64_t allocations = 0;
  uint64_t frees = 0;
  uint64_t bytes_requested = 0;
  uint64_t bytes_allocated = 0;
  uint64_t bytes_freed = 0;
};

struct RepairOptions {
  bool keep_null_frees = true;
  bool keep_allocator_internal = false;
  // Hashed addresses have no neighbours: only where they are equal are objects the same.
  AddressKind addresses = AddressKind::kReal;
  // What is known of the recorded kernel's caches; these outlive the repairer.
  const SlabSysfs* sysfs = nullptr;                // nullptr if there is none
  const std::vector<KnownCache>* known = nullptr;  // nullptr if there is none
  const KernelCounters* counters = nullptr;        // nullptr if there are none
};

class Repairer : public RawEventSink {
 public:
  explicit Repairer(const RepairOptions& options);

  // Ends the survey.
  void Conclude();
  // From here on Append writes to `sink`. What is appended is what the survey saw; where it is
  // evidently not, InvalidArgument says so. REQUIRES: Conclude was called.
  void WriteTo(EventSink* sink);

  absl::Status Append(const RawEvent& raw) override;

  // Fills in the header's tables of call sites, gfp flags and caches. REQUIRES: Conclude was
  // called.
  void DescribeTables(TraceHeader& header) const;
  // Fills in tasks, repairs, addresses, direct_map_base and cpu_count (which it only raises).
  // REQUIRES: the second reading is done.
  void Describe(TraceHeader& header) const;

  uint64_t count(Repair repair) const { return counts_[static_cast<size_t>(repair)]; }
  const InternalTotals& internal_totals() const { return internal_; }

 private:
  // What is known of an address.
  struct Place {
    TraceObject object = kNoTraceObject;
    uint32_t bytes_req = 0;
    uint32_t bytes_alloc = 0;
    uint16_t cache = 0;
    bool is_live = false;
    OwnStructure own = OwnStructure::kNone;  // rule 3
    // By which an untraced free is put in, and whether the object is a cache's or kmalloc's.
    EventKind freed_by = EventKind::kKfree;
    UntracedFrees::Moment born = {};  // of an object of the slab allocator's

    ObjectClass object_class() const {
      return freed_by == EventKind::kCacheFree ? ClassOfCache(cache) : ClassOfKmalloc(bytes_alloc);
    }
  };
  // A place where things are live, which a key finds: an address, a frame number, or a percpu
  // chunk's number and the offset in the chunk.
  struct Space {
    absl::flat_hash_map<uint64_t, Place> places;
    LiveRanges live;  // the places that are live

    void Clear();
    void MoveIn(const AddressRange& range, const Place& place);
    void MoveOut(uint64_t key, Place& place);
  };

  // An object that goes by kvfree_rcu (rule 4d), in order of time.
  struct Due {
    Nanos time = 0;
    TraceObject object = kNoTraceObject;
    uint64_t address = 0;

    friend auto operator<=>(const Due&, const Due&) = default;
  };

  void StartPass();
  void Count(Repair repair) { ++counts_[static_cast<size_t>(repair)]; }
  void Count(Repair repair, std::string_view part);
  Event Basic(const RawEvent& raw);
  absl::Status Write(const Event& event);
  void NoteTask(const RawEvent& raw);
  void NoteAddress(uint64_t address);
  // Where an object of the slab allocator lies.
  AddressRange RangeOf(const Event& event) const;
  OwnStructure OwnOf(const RawEvent& raw, const Event& event) const;
  void LeaveOut(const RawEvent& raw, const Event& event, OwnStructure own);

  absl::Status Take(const RawEvent& raw, const Event& event);
  absl::Status TakeLost(const RawEvent& raw);
  absl::Status TakeSlabAlloc(const RawEvent& raw, Event event);
  absl::Status TakeSlabFree(const RawEvent& raw, Event event);
  absl::Status TakePageOrPercpu(const RawEvent& raw, Event event);
  absl::Status TakeChunk(const RawEvent& raw, Event event);
  // Rule 4: puts in frees of what is live in `range`, `reason` being why.
  absl::Status InferFrees(Space& space, const AddressRange& range, const Event& because_of,
                          Repair reason);
  absl::Status InferFreesOfPages(const Event& page_event);
  // Rule 4d: puts in the frees that are due by `now`.
  absl::Status InferFreesDue(Nanos now);
  absl::Status InferFree(const Event& because_of, const Place& place, uint64_t address);
  absl::Status InferAllocation(const Event& because_of, const RawEvent& raw, Place& place);

  uint16_t CacheNumber(std::string_view name);
  uint16_t CacheOfAllocation(const RawEvent& raw, const Event& event);
  uint16_t ChunkNumber(uint64_t base);
  TraceObject NextObject();
  TraceCache DescribeCache(uint16_t cache) const;
  // As far as the addresses so far tell; 0 = unknown. All of them lie within kDirectMapReach above.
  uint64_t DirectMapBase() const;
  // Offsets in a percpu chunk are below 2^32: a unit is at most a few MiB (mm/percpu.c).
  static constexpr uint64_t kPercpuOffsetMask = 0xffffffff;
  static constexpr uint64_t kDirectMapReach = uint64_t{1} << 40;

  const RepairOptions options_;
  EventSink* sink_ = nullptr;  // null during the survey
  bool is_survey_ = true;

  // Learnt by the survey, used by the second reading.
  StringTable call_sites_, gfps_, caches_;
  std::vector<OwnStructure> own_of_call_site_;
  CacheNames names_;
  UntracedFrees untraced_;
  std::vector<TraceCache> described_;  // by cache; from Conclude on
  size_t call_sites_surveyed_ = 0;
  size_t gfps_surveyed_ = 0;
  bool has_changed_ = false;  // the second reading found what the survey had not seen

  // State of a pass.
  Space slab_, pages_, percpu_;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;
  absl::flat_hash_map<uint64_t, uint16_t> chunks_;
  uint16_t chunk_count_ = 0;
  TraceObject object_count_ = 0;
  Nanos time_last_ = 0;
  std::array<uint64_t, kRepairs> counts_ = {};
  std::map<std::pair<Repair, std::string>, uint64_t> parts_;  // of these, by cache or structure
  InternalTotals internal_;
  std::vector<TraceTask> tasks_;
  absl::flat_hash_map<int32_t, size_t> task_of_pid_;
  int32_t cpu_max_ = -1;
  uint64_t address_max_ = 0;
  uint64_t address_min_ = ~uint64_t{0};
};

}  // namespace slablab

#endif  // SLABLAB_TRACES_IMPORT_REPAIR_REPAIR_H_
