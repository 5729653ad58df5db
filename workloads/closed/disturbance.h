// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_WORKLOADS_CLOSED_DISTURBANCE_H_
#define SLABLAB_WORKLOADS_CLOSED_DISTURBANCE_H_

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/types.h"
#include "sim/core/arrival.h"
#include "sim/core/cpu.h"
#include "sim/core/task.h"

namespace slablab {

class ClosedLoop;

// What happens to the machine meanwhile; see workloads/closed/scenario.h.
class Disturbance {
 public:
  virtual ~Disturbance() = default;
  struct Next {
    Cycles time = 0;  // after the start
    CpuId cpu;
    Priority priority = Priority::kTask;
    uint64_t token = 0;
  };
  // One more that is to come, of those known by now; nothing if there is none. Asked until then,
  // at the start and whenever one begins or says so (ClosedLoop::AskDisturbance).
  virtual std::optional<Next> Take() = 0;
  // The time of that one has come, and it is about to be run; at once, for those behind it.
  virtual void Begin(uint64_t /*token*/) {}
  // Whose they are: what is to be said of one that leaves the tasks no time.
  virtual std::string NameOf(uint64_t token) const {
    return "disturbance " + std::to_string(token);
  }
  // In the context that `priority` says, on that CPU or, if it is off line, on another.
  virtual Task<void> Run(ClosedLoop& loop, Cpu& cpu, uint64_t token) = 0;
};

// Which disturbances still come once all tasks are over, and whether they leave tasks any time.
class DisturbanceTally {
 public:
  // Whether one, entered in the agenda under `sequence`, may be given away. When all tasks are
  // over, one comes that was on its way, and no more.
  bool MayCome(uint64_t sequence, bool tasks_are_over) {
    const bool another = out_ != 0 && out_ != sequence;
    if (tasks_are_over && (began_after_end_ || another)) return false;
    out_ = sequence;
    return true;
  }
  void PutBack(uint64_t sequence) {
    if (out_ == sequence) out_ = 0;
  }
  // It begins, so many steps having been done.
  void Begin(uint64_t token, bool tasks_are_over, uint64_t steps_done) {
    out_ = 0;
    began_after_end_ = tasks_are_over;
    if (steps_done_ != steps_done) count_ = 0;
    steps_done_ = steps_done;
    ++count_;
    last_ = token;
  }
  // Whether nothing but disturbances has been begun for long.
  bool LeaveNoTime(uint64_t steps_done) const {
    return steps_done_ == steps_done && count_ >= kMany;
  }
  uint64_t count() const { return count_; }  // since a step was last done
  uint64_t last() const { return last_; }    // the token of the last

 private:
  // So many without a step in between are what leaves no time for one.
  static constexpr uint64_t kMany = 1'000;

  uint64_t out_ = 0;  // the sequence of one given away that has not begun; 0: none is
  bool began_after_end_ = false;
  uint64_t steps_done_ = 0;  // when the last began
  uint64_t count_ = 0;
  uint64_t last_ = 0;
};

// What is done on nobody's behalf on CPUs whose own tasks do not get on meanwhile. The scheduler's
// watchdog does not see it: to it an interrupt is one step, whatever is done in it, and it is
// content as long as any CPU gets on.
class StarvedCpus {
 public:
  // So many operations are some seconds of a core of the host's.
  static constexpr uint64_t kOperationsMax = uint64_t{1} << 24;

  explicit StarvedCpus(size_t cpus) : cpus_(cpus) {}

  // A task of it got on, or none wants to.
  void OnProgress(CpuId cpu) {
    Record& record = cpus_[cpu.index()];
    if (record.operations == 0) return;
    operations_ -= record.operations;
    record = {};
  }
  void OnDisturbance(CpuId cpu, uint64_t token) {
    Record& record = cpus_[cpu.index()];
    ++record.disturbances;
    record.last = token;
    OnOperation(cpu);
  }
  void OnOperation(CpuId cpu) {
    Record& record = cpus_[cpu.index()];
    if (record.disturbances == 0) return;
    ++record.operations;
    ++operations_;
  }
  bool TooLong() const { return operations_ >= kOperationsMax; }
  // The one that has waited for most.
  CpuId Worst() const {
    const auto worst = std::max_element(
        cpus_.begin(), cpus_.end(),
        [](const Record& a, const Record& b) { return a.operations < b.operations; });
    return CpuId(static_cast<int32_t>(worst - cpus_.begin()));
  }
  uint64_t disturbances(CpuId cpu) const { return cpus_[cpu.index()].disturbances; }
  uint64_t last(CpuId cpu) const { return cpus_[cpu.index()].last; }  // its token

 private:
  struct Record {
    uint64_t disturbances = 0;
    uint64_t operations = 0;  // in them, and they themselves
    uint64_t last = 0;
  };
  std::vector<Record> cpus_;
  uint64_t operations_ = 0;  // of all
};

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_CLOSED_DISTURBANCE_H_
