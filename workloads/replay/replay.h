// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_WORKLOADS_REPLAY_REPLAY_H_
#define SLABLAB_WORKLOADS_REPLAY_REPLAY_H_

#include <cstdint>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "allocators/allocator.h"
#include "sim/core/arrival.h"
#include "sim/core/watched_source.h"
#include "sim/machine.h"
#include "sim/pages/gfp.h"
#include "traces/sidecar/recorded_sidecars.h"
#include "traces/slt/trace.h"
#include "workloads/auditor.h"
#include "workloads/object_table.h"
#include "workloads/observer.h"
#include "workloads/operations/account.h"
#include "workloads/operations/executor.h"
#include "workloads/rcu_frees.h"
#include "workloads/recorded_places.h"
#include "workloads/replay/recorded_order.h"
#include "workloads/skip_tally.h"

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

// One replay. Call order: Create, Prepare (makes the trace's caches), then Scheduler::Run with this
// as the source, then result(). `reader`, `machine` and `allocator` must outlive it.
class Replay : public WatchedSource {
 public:
  Replay(TraceReader& reader, Machine& machine, Allocator& allocator, const ReplayOptions& options);

  // Creates the trace's caches that the allocator does not have after boot. On CPU 0.
  absl::Status Prepare() { return Prepare(reader_.header()); }
  // The same by what is parsed already of the trace's sidecars.
  absl::Status Prepare(const RecordedSidecars& sidecars);
  // Objects that a warm start made, by cache and node: a free of an object older than the trace
  // takes one of them.
  void AddWarmObject(CacheId cache, NodeId node, PhysAddr object);
  // Is told of each of these.
  void set_warm_observer(std::function<void(CacheId, PhysAddr)> observer) {
    warm_observer_ = std::move(observer);
  }
  // Called now and then with the number of events so far, from outside simulated time.
  void set_progress(std::function<void(uint64_t)> progress) {
    order_.set_progress(std::move(progress));
  }
  // True once to end early; asked now and then.
  void set_stop(std::function<bool()> stop) { order_.set_stop(std::move(stop)); }

  // Sees every operation from now on; null: nobody does.
  void set_observer(OperationObserver* observer) { executor_.set_observer(observer); }
  void set_call_sites(CallSites* call_sites) { executor_.set_call_sites(call_sites); }

  bool Next(Arrival* arrival) override;
  Task<void> Start(Cpu& cpu, uint64_t token) override;
  bool MayInterrupt(const Cpu& cpu, uint64_t token) const override;
  uint64_t Progress() const override { return result_.operations(); }

  // Events that were not replayed, by reason; reasons that did not occur are left out.
  std::vector<SkippedEvents> skipped() const { return skips_.Skipped(); }
  // What went wrong in reading the trace, if anything; the replay ended there. OutOfRange: an event
  // is later than the machine's clock can count.
  const absl::Status& status() const { return order_.status(); }
  const RunAccount& result() const { return executor_.account(); }
  const RecordedPlaces& places() const { return order_.places(); }
  Auditor& auditor() { return executor_.auditor(); }
  const Auditor& auditor() const { return executor_.auditor(); }
  const RcuFrees& rcu_frees() const { return executor_.rcu_frees(); }
  Executor& executor() { return executor_; }
  CacheId CacheOf(uint16_t trace_cache) const { return caches_[trace_cache]; }
  const std::vector<CacheId>& caches() const { return caches_; }

 private:
  // An event on its way to its CPU: what the operation needs of it.
  static constexpr uint32_t kNoToken = ~uint32_t{0};
  struct Operation {
    ObjectRecord* record = nullptr;  // null: the object is older than the trace
    TraceObject object = kNoTraceObject;
    uint64_t event = 0;  // its number; this, the task and its context are an observer's only
    int32_t task = 0;
    uint32_t bytes_req = 0;
    uint16_t cache = 0;  // the trace's index
    uint16_t gfp = 0;    // likewise
    int16_t node = -1;
    EventKind kind = EventKind::kKmalloc;
    Context context = Context::kTask;
    bool inferred = false;
    bool by_rcu = false;
    bool from_sheaf = false;        // that its user had filled before
    uint32_t call_site = 0;         // the trace's index
    uint32_t next_free = kNoToken;  // of those that wait for an event
  };

  // What the executor comes back to: refers to what is under way, or has it (`Of`).
  template <typename Of>
  struct UserOf {
    Replay* replay;
    Of operation;
    UserOf<Operation> Kept() const { return {replay, operation}; }
    Executor::Doer DoerOf() const {
      return {.event = operation.event,
              .task = operation.task,
              .priority = PriorityOf(operation.context)};
    }
    void OnAllocated(Cpu& cpu, const Placement& placement) const {
      replay->EndAllocation(cpu, operation, placement);
    }
    void OnFreed(Cpu&) const {}
  };
  using User = UserOf<const Operation&>;

  void Begin();
  bool Replayable(const Event& event, ObjectRecord** record);
  uint64_t Announce(const Event& event, ObjectRecord* record);
  CacheId CacheFor(const Operation& operation) const;
  uint32_t UsableBytes(const Operation& operation) const;
  Executor::Allocation AllocationFor(const Operation& operation) const;
  Task<void> WorkThenStart(Cpu& cpu, uint64_t token);
  Task<void> StartNow(Cpu& cpu, uint64_t token);
  void FindPrefilling();
  bool TakesFromSheaf(const Event& event) const;
  Task<void> StartWithWork(Cpu& cpu, uint64_t token);
  Task<void> ReturnSheafThenStart(Cpu& cpu, uint64_t token);
  Task<void> AllocateFromSheaf(Cpu& cpu, const Operation& operation);
  Task<Placement> TakeFromSheaf(Cpu& cpu, CacheId cache, Gfp gfp);
  void EndAllocation(Cpu& cpu, const Operation& operation, const Placement& placement);
  Task<void> Release(Cpu& cpu, const Operation& operation);
  Task<void> ReleaseOnceAllocated(Cpu& cpu, Operation operation);
  Task<void> ReleaseWarm(Cpu& cpu, const Operation& operation);
  void SampleFootprint(Nanos time);

  TraceReader& reader_;
  Machine& machine_;
  Allocator& allocator_;
  const bool has_work_;
  RecordedOrder order_;
  Executor executor_;
  RunAccount& result_;  // the executor's

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
  ObjectTable objects_;
  std::map<std::pair<int32_t, int32_t>, std::vector<PhysAddr>> warm_;  // by cache, node
  std::function<void(CacheId, PhysAddr)> warm_observer_;
  SkipTally skips_;
};

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_REPLAY_REPLAY_H_
