// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_WORKLOADS_REPLAY_REPLAY_H_
#define SLABLAB_WORKLOADS_REPLAY_REPLAY_H_

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "allocators/allocator.h"
#include "base/digest.h"
#include "sim/core/arrival.h"
#include "sim/machine.h"
#include "sim/pages/gfp.h"
#include "traces/slt/trace.h"
#include "workloads/auditor.h"
#include "workloads/cpu_placer.h"
#include "workloads/histogram.h"
#include "workloads/layer_watch.h"
#include "workloads/object_table.h"
#include "workloads/observer.h"
#include "workloads/rcu_frees.h"
#include "workloads/recorded_places.h"
#include "workloads/skip_tally.h"
#include "workloads/trace_feed.h"

// Replays a trace in recorded order: each operation starts at its recorded time or when its CPU is
// ready, whichever is later; operations of one CPU keep their order; what ran in an interrupt comes
// as an interrupt. A free whose allocation is still on its way (simulated time can reorder what the
// recording had in order) waits for it, and is counted.
//
// A free that import inferred to be one by kvfree_rcu (Event::by_rcu) is one here: at its time the
// object is handed over, and the model has it back when its RCU says so. That time is import's: of
// maple trees when another node takes its place (traces/maple_tree.h), of others halfway between
// the object's allocation and its memory's next use (traces/import/repair/untraced_frees.h). The
// recorded kernel had it back before that next use, so that a later time would leave no room for
// the grace period; an earlier one is as good a guess. Kernels before 6.18 record the batches' own
// frees as they come: they are frees like any others. docs/results/counters_7_3.md has what comes
// of it beside the kernel's own counters.
//
// A sheaf that is prefilled for one of its user's operations has no event. What is taken from it
// has (traces/maple_tree.h): it is filled before the first that is on a CPU, and given back before
// anything else that a task does there.

namespace slablab {

struct ReplayOptions {
  CpuPlacement placement = CpuPlacement::kRecorded;
  // Null: what the trace's header and index say by themselves.
  std::shared_ptr<const RecordedTopology> recorded = nullptr;
  // The task that allocates writes the requested bytes, at most so many; the one that frees reads
  // the first line.
  uint32_t object_touch_bytes_max = 512;
  uint64_t events_max = 0;  // 0: all
  int footprint_samples = 100;
};

struct PathTimes {
  PathKind kind = PathKind::kAllocation;
  Histogram cycles;
};
// None yet, of each path.
std::vector<PathTimes> TimesOf(absl::Span<const PathInfo> paths);
// Of those of the model and, behind them, of kvfree_rcu().
std::vector<PathTimes> TimesWithRcu(const Allocator& allocator);

struct FootprintAt {
  Nanos time = 0;  // since the trace's first event
  Footprint footprint;
  uint64_t requested_bytes = 0;
  RcuWaiting rcu = {};  // what waits for a grace period, but for what is in sheaves
  std::vector<CacheLayer> layers = {};  // of all caches; of the peak and the end: not known
};

struct OperationTotals {
  uint64_t operations = 0;
  Cycles cycles = 0;
  uint64_t inferred = 0;  // of the operations: put into the trace by a repair
};

struct ReplayResult {
  uint64_t events = 0;
  uint64_t allocations = 0;
  uint64_t frees = 0;
  uint64_t failed_allocations = 0;
  uint64_t remote_frees = 0;
  uint64_t folded_nodes = 0;  // allocations that asked for a recorded node that another stands for
  uint64_t order_inversions = 0;
  Cycles order_inversion_wait_cycles = 0;
  Cycles use_cycles = 0;
  std::vector<PathTimes> paths;         // by PathId
  std::vector<OperationTotals> cpus;    // by CpuId
  std::vector<OperationTotals> caches;  // by CacheId
  std::vector<FootprintAt> footprint;   // by time
  FootprintAt footprint_peak;           // most slab_bytes
  LayerWatch layers;
  uint64_t requested_bytes = 0;         // of what users have now
  uint64_t unaudited_objects = 0;  // of these, those from before the run: no auditor knows them
  Cycles start = 0;                // of the machine's clock, when it began
  Digest placements;               // of (object, address, path), as operations ended

  // An operation ended; `cache` may be none.
  void CountOperation(CpuId cpu, CacheId cache, PathId path, bool is_free, Cycles cycles) {
    PathTimes& times = paths[path];
    times.cycles.Add(cycles);
    ++(is_free ? frees : allocations);
    OperationTotals& on_cpu = cpus[cpu.index()];
    ++on_cpu.operations;
    on_cpu.cycles += cycles;
    if (cache == kNoCache) return;
    OperationTotals& on_cache = caches[cache.index()];
    ++on_cache.operations;
    on_cache.cycles += cycles;
  }
  // Over all paths.
  Histogram AllocationCycles() const;
  Histogram FreeCycles() const;
};

// What a replay of `reader` is told of where it was recorded, or finds out.
RecordedTopology RecordedTopologyFor(const ReplayOptions& options, const TraceReader& reader);

// One replay. Call order: Create, Prepare (makes the trace's caches), then Scheduler::Run with this
// as the source, then result(). `reader`, `machine` and `allocator` must outlive it.
class Replay : public ArrivalSource {
 public:
  Replay(TraceReader& reader, Machine& machine, Allocator& allocator, const ReplayOptions& options);

  // Creates the trace's caches that the allocator does not have after boot. On CPU 0.
  absl::Status Prepare();
  // Objects that a warm start made, by cache and node: a free of an object older than the trace
  // takes one of them.
  void AddWarmObject(CacheId cache, NodeId node, PhysAddr object);
  // Called now and then with the number of events so far, from outside simulated time.
  void set_progress(std::function<void(uint64_t)> progress) {
    feed_.set_progress(std::move(progress));
  }
  // True once to end early; asked now and then.
  void set_stop(std::function<bool()> stop) { feed_.set_stop(std::move(stop)); }

  // Sees every operation from now on; null: nobody does.
  void set_observer(OperationObserver* observer) { observer_ = observer; }

  bool Next(Arrival* arrival) override;
  Task<void> Start(Cpu& cpu, uint64_t token) override;
  bool MayInterrupt(const Cpu& cpu, uint64_t token) const override;

  // Events that were not replayed, by reason; reasons that did not occur are left out.
  std::vector<SkippedEvents> skipped() const { return skips_.Skipped(); }
  // What went wrong in reading the trace, if anything; the replay ended there. OutOfRange: an event
  // is later than the machine's clock can count.
  const absl::Status& status() const { return status_; }
  const ReplayResult& result() const { return result_; }
  const RecordedPlaces& places() const { return places_; }
  Auditor& auditor() { return auditor_; }
  const Auditor& auditor() const { return auditor_; }
  const RcuFrees& rcu_frees() const { return rcu_frees_; }
  CacheId CacheOf(uint16_t trace_cache) const { return caches_[trace_cache]; }
  const std::vector<CacheId>& caches() const { return caches_; }

 private:
  // An event on its way to its CPU: what the operation needs of it.
  static constexpr uint32_t kNoToken = ~uint32_t{0};
  struct Operation {
    ObjectRecord* record = nullptr;  // null: the object is older than the trace
    TraceObject object = kNoTraceObject;
    uint32_t bytes_req = 0;
    uint16_t cache = 0;  // the trace's index
    uint16_t gfp = 0;    // likewise
    int16_t node = -1;
    EventKind kind = EventKind::kKmalloc;
    bool inferred = false;
    bool by_rcu = false;
    bool from_sheaf = false;        // that its user had filled before
    uint32_t note = 0;              // into notes_, if somebody observes
    uint32_t next_free = kNoToken;  // of those that wait for an event
  };

  // What only an observer wants to know of an operation under way.
  struct Note {
    uint64_t event = 0;
    int32_t task = 0;
    Priority priority = Priority::kTask;
    uint32_t call_site = 0;
    Cycles start = 0;
  };

  bool RefuseTooLong(Nanos time);
  void Begin(const Event& first);
  bool Replayable(const Event& event, ObjectRecord** record);
  uint64_t Announce(const Event& event, ObjectRecord* record);
  NodeId NodeFor(const Operation& operation) const;
  CacheId CacheFor(const Operation& operation) const;
  Task<void> WorkThenStart(Cpu& cpu, uint64_t token);
  Task<void> StartNow(Cpu& cpu, uint64_t token);
  void FindPrefilling();
  bool TakesFromSheaf(const Event& event) const;
  Task<void> StartWithWork(Cpu& cpu, uint64_t token);
  Task<void> ReturnSheafThenStart(Cpu& cpu, uint64_t token);
  Task<void> AllocateFromSheaf(Cpu& cpu, Operation operation);
  Task<Placement> TakeFromSheaf(Cpu& cpu, CacheId cache, Gfp gfp);
  Task<void> Allocate(Cpu& cpu, const Operation& operation);
  Task<void> AwaitAllocation(Cpu& cpu, Operation operation, Cycles begin, Task<Placement> task);
  void EndAllocation(Cpu& cpu, const Operation& operation, Cycles begin, Placement placement);
  Task<void> Release(Cpu& cpu, const Operation& operation);
  Task<void> ReleaseOnceAllocated(Cpu& cpu, Operation operation);
  Task<void> AwaitRelease(Cpu& cpu, Operation operation, ObjectRecord record, Cycles begin,
                          Task<PathId> task);
  void EndRelease(Cpu& cpu, const Operation& operation, const ObjectRecord& record, Cycles begin,
                  PathId path);
  ObjectRecord EndRecord(const Operation& operation);
  ObjectRecord WarmRecord(const Operation& operation);
  void UseObject(Cpu& cpu, PhysAddr object, uint64_t bytes, Access access);
  void Account(Cpu& cpu, const Operation& operation, CacheId cache, PathId path, Cycles cycles);
  uint32_t TakeNote(const Event& event, Priority priority);
  void NoteStart(Cpu& cpu, const Operation& operation) {
    if (observer_ == nullptr) return;
    notes_[operation.note].start = cpu.now();
    cpu.BeginTally();
  }
  void Observe(Cpu& cpu, const Operation& operation, const OperationEnd& end);
  void SampleFootprint(Nanos time);
  FootprintAt FootprintNow(Nanos time) const;
  void NotePeak();

  TraceReader& reader_;
  Machine& machine_;
  Allocator& allocator_;
  const bool has_work_;
  const ReplayOptions options_;
  const Footprint& footprint_;  // the allocator's, of everything
  const uint64_t clock_mhz_;
  absl::Status status_;

  TraceFeed feed_;
  Nanos time_first_ = 0;
  Nanos time_max_ = 0;  // since time_first_
  Cycles start_cycles_ = 0;

  // Announced and not begun, by token; and the first that waits for an event.
  std::vector<Operation> pending_;
  uint32_t pending_free_ = kNoToken;

  std::vector<CacheId> caches_;         // by the trace's index
  std::vector<uint32_t> object_sizes_;  // by the trace's index, of those caches
  std::vector<Gfp> gfps_;               // by the trace's index
  // Of a kernel and a model with prefilled sheaves: where the maple tree takes objects from one, by
  // the trace's call site and gfp flags; and the one in use on each CPU.
  uint16_t prefilling_cache_ = 0;  // 0: none
  std::vector<bool> pops_, pops_gfp_;
  std::vector<SheafId> sheaf_in_use_;
  const RecordedPlaces places_;
  CpuPlacer placer_;
  ObjectTable objects_;
  Auditor auditor_;
  RcuFrees rcu_frees_;
  std::map<std::pair<int32_t, int32_t>, std::vector<PhysAddr>> warm_;  // by cache, node

  ReplayResult result_;
  Nanos now_ = 0;  // recorded time of the latest arrival
  Nanos sample_next_ = 0;
  Nanos sample_interval_ = 1;
  SkipTally skips_;
  OperationObserver* observer_ = nullptr;
  std::vector<Note> notes_;
  std::vector<uint32_t> notes_free_;
};

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_REPLAY_REPLAY_H_
