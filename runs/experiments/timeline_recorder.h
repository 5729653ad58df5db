// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_RUNS_EXPERIMENTS_TIMELINE_RECORDER_H_
#define SLABLAB_RUNS_EXPERIMENTS_TIMELINE_RECORDER_H_

#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "reports/result.pb.h"
#include "reports/timeline.h"
#include "sim/core/machine_observer.h"
#include "sim/core/operation_tally.h"
#include "workloads/observer.h"

namespace slablab {

// Puts what it sees of a run on a timeline: operations on their CPU's track, with what each was of
// and spent, and on their task's; waits for locks, with who had them; interrupts; hotplug. Objects
// are flows, from allocation to free.
class TimelineRecorder : public OperationObserver, public MachineObserver {
 public:
  // What begins in [from, to), since the run did, is recorded; counters are of the whole run.
  struct Options {
    Nanos from = 0;
    Nanos to = std::numeric_limits<Nanos>::max();
  };
  explicit TimelineRecorder(const Options& options) : options_(options) {}

  void OnNames(const OperationNames& names) override { names_ = &names; }
  void OnBegin(const Machine& machine, const Allocator& allocator) override;
  void OnOperation(const OperationEnd& operation) override;
  void OnLockWait(const LockWait& wait) override;
  void OnInterrupt(CpuId cpu, Interrupt interrupt, Cycles from, Cycles to) override;
  void OnOnline(CpuId cpu, bool online, Cycles at) override;

  // What the result has over time, and what heads a report. Once, when the run has ended.
  void AddResult(const RunResult& result);

  // Null before a run has begun.
  Timeline* timeline() { return timeline_.get(); }

 private:
  struct LiveObject {
    uint64_t flow = 0;  // 0: it was allocated outside of what is recorded
    CacheId cache = kNoCache;
  };

  bool InWindow(Cycles at) const;
  Nanos Since(Cycles at) const;
  // Follows objects, also outside of what is recorded.
  LiveObject Follow(const OperationEnd& operation, bool recorded);
  Timeline::Text NameOf(PathId path, CacheId cache);
  void AddArguments(const OperationEnd& operation, CacheId cache);
  void AddCycles(const OperationEnd& operation);
  void AddText(Timeline::Text name, const std::string& text);

  const Options options_;
  const OperationNames* names_ = nullptr;
  const Machine* machine_ = nullptr;
  const Allocator* allocator_ = nullptr;
  Cycles begin_ = 0;
  uint64_t clock_mhz_ = 1;
  std::unique_ptr<Timeline> timeline_;
  absl::flat_hash_map<uint64_t, LiveObject> live_;  // by address; never iterated
  uint64_t flows_ = 0;
  std::vector<Timeline::Argument> arguments_;  // of the operation under way
  // Names that each operation has.
  struct Words {
    Timeline::Text object{}, bytes{}, cache{}, caller{}, task{}, context{}, event{};
    Timeline::Text holder_cpu{}, holder_site{};
    Timeline::Text code{}, interrupts{};
    std::array<std::array<Timeline::Text, kOutcomes>, kStructures> touches{};
    std::array<Timeline::Text, kCauses> causes{};
  };
  Words words_;
};

}  // namespace slablab

#endif  // SLABLAB_RUNS_EXPERIMENTS_TIMELINE_RECORDER_H_
