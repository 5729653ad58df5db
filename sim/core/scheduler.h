// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_SIM_CORE_SCHEDULER_H_
#define SLABLAB_SIM_CORE_SCHEDULER_H_

#include <deque>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "base/types.h"
#include "sim/cache/ledger.h"
#include "sim/cache/memory.h"
#include "sim/core/arrival.h"
#include "sim/core/cpu.h"
#include "sim/core/machine_observer.h"
#include "sim/core/spinlock.h"
#include "sim/core/timer.h"
#include "sim/core/winner_tree.h"
#include "sim/machine/machine_config.h"

namespace slablab {

class WatchedSource;

// Takes the place of time in deciding who runs: for tests that try every interleaving.
class Explorer {
 public:
  virtual ~Explorer() = default;
  // Several CPUs could go on (at least one; ascending): answers the index of the one that does.
  virtual size_t Choose(const std::vector<CpuId>& runnable) = 0;
  // An arrival of interrupt priority is pending on `cpu`: does it come in at this sync point?
  virtual bool InterruptNow(CpuId cpu) = 0;
};

// The discrete-event core. Always goes on with the CPU that is least by (time, CPU number), so that
// what happens at sync points happens in global time order and results do not depend on anything
// but the input.
//
// A CPU runs ahead of the others between its sync points: there it touches only what is its own.
class Scheduler {
 public:
  Scheduler(const MachineConfig& config, Memory& memory, Ledger& ledger);
  Scheduler(const Scheduler&) = delete;

  // Clocks stay below; arrivals must.
  static constexpr Cycles kTimeEnd = std::numeric_limits<uint64_t>::max() >> Cpu::kKeyCpuBits;

  // Runs everything that `source` brings, until it is exhausted and every CPU is idle. CPUs keep
  // their clocks from one Run to the next. Ends the program as at fault, in words that say who
  // waits for whom, if CPUs wait for each other for ever, or nothing comes of a watched source's
  // work.
  void Run(ArrivalSource& source);
  // Asks Run to return at the next arrival; what has begun is finished. From a signal handler's
  // flag or a limit; `source` is not asked again.
  void StopEarly() { stop_ = true; }

  // The source has something at `time` that it had not when it was last asked: what it brought
  // then, if that is later, is put back, and it is asked again. Called by the source, from work
  // that is the first in global time order or for a time after it.
  void Announce(Cycles time);

  // Runs one piece of work on `cpu` to its end, now. For boot, tests and total-order replay.
  // `start` begins the work.
  void RunOn(CpuId cpu, std::function<Task<void>(Cpu&)> start);

  Cpu& cpu(CpuId id) { return *cpus_[id.index()]; }
  const Cpu& cpu(CpuId id) const { return *cpus_[id.index()]; }
  int cpu_count() const { return static_cast<int>(cpus_.size()); }
  // The latest time any CPU has reached.
  Cycles now() const;

  // A new class of locks; stays valid for the scheduler's life.
  LockClass* AddLockClass(std::string name, int rank);
  const std::deque<LockClass>& lock_classes() const { return lock_classes_; }
  // Forgets the locks' figures so far.
  void ResetLockStats();

  // Takes a CPU off line or on line. Its own work must be over; the allocators' callbacks are
  // called by whoever does this, on another CPU.
  void SetOnline(CpuId cpu, bool online);

  // Makes a parked CPU go on at `time` or its own clock, whichever is later. No effect on one that
  // is not parked or whose interrupt handler waits for a lock: it will look by itself.
  void Unpark(Cpu& cpu, Cycles time);

  // Has the task of a CPU that passes time (Cpu::PassInterruptibly) do so until `time` at most:
  // there is something else for it. No effect on one that does not. Called by work that is the
  // first in global time order.
  void CutPass(Cpu& cpu, Cycles time);

  // Has `timer` expire on `cpu` at `due`, which is not before the caller's own time. Timers that
  // are still armed when a run ends stay so. REQUIRES: it is not armed.
  void Arm(Timer& timer, CpuId cpu, Cycles due);
  // REQUIRES: it is armed. Not for every operation: it looks through all that are.
  void Disarm(Timer& timer) { timers_.Remove(timer); }

  // Sees what happens from now on; null: nobody does.
  void set_observer(MachineObserver* observer) { observer_ = observer; }
  // From now on each CPU keeps apart what its operations spend (Cpu::tally).
  void TallyOperations() {
    for (const auto& cpu : cpus_) cpu->TallyOperations();
  }
  // Sees which lines go from core to core, from now on; null: nobody does.
  void set_line_watch(LineWatch* watch) {
    for (const auto& cpu : cpus_) cpu->lines_ = watch;
  }
  void set_explorer(Explorer* explorer) { explorer_ = explorer; }
  const MachineConfig& config() const { return config_; }
  Memory& memory() { return memory_; }
  Ledger& ledger() { return ledger_; }

 private:
  friend class Cpu;
  friend class SpinLock;
  static constexpr uint64_t kNobody = WinnerTree::kNobody;

  static uint64_t KeyOf(Cycles time, CpuId cpu) {
    return (time << Cpu::kKeyCpuBits) | static_cast<uint64_t>(cpu.value());
  }
  static size_t CpuOf(uint64_t key) { return key & ((1 << Cpu::kKeyCpuBits) - 1); }
  // --- The watchdog (sim/core/watchdog.cc). ---
  static constexpr uint64_t kStepsBetweenLooks = 1 << 16;
  struct Watch {
    uint64_t progress = 0;
    uint64_t stalled_steps = 0;  // since there was any
    bool ending = false;         // the source has said that it ends by itself
  };
  // After kStepsBetweenLooks more steps.
  void LookAfter(WatchedSource& source, Watch& watch);
  // What each CPU that is not idle does or waits for, and who else waits.
  std::string DescribeCpus() const;
  std::string WaitOf(const Cpu& cpu) const;

  // Key of the next posted call; kNobody if there is none.
  uint64_t CallKey() const;
  // Asks the source for what comes next.
  void AskSource();
  void Push(Cpu& cpu);
  Cpu& PopFirst();
  // The same where the explorer says which is first.
  Cpu& PopChosen();
  // Into the queue, to go on at `time`.
  void PushPassing(Cpu& cpu, Cycles time);
  // The same for one that is there and is to go on earlier, if it is.
  void LowerPassing(Cpu& cpu, Cycles time);
  void BeginPass(Cpu& cpu);
  // Goes on with a pass where nothing can come in now. Answers false if it suspends, true at its
  // end.
  bool PassOn(Cpu& cpu);
  void FetchArrival();
  // `others`: the least key of anyone but the timers.
  bool TimerIsFirst(uint64_t others) const;
  void DeliverTimer();
  Task<void> Begin(Cpu& cpu, const Arrival& arrival);
  // Does what comes next in global time order. Answers false if there is nothing left.
  bool Advance();
  void DeliverArrival();
  void DeliverCall();
  // Something has come to `target` at `time`: wakes it if it can be woken.
  void Notify(Cpu& target, Cycles time);
  void UpdateHorizon();
  void MakeRunnable(Cpu& cpu);
  // Sends `call` on its way: at its due time its target has it, and takes it when its interrupts
  // allow. REQUIRES: the sender is first in global time order.
  void Post(RemoteCall& call);
  // Goes on with a CPU until it suspends, parks or is idle.
  void Step(Cpu& cpu);
  void Continue(Cpu& cpu);  // the same, for a CPU that is the running one already
  // To be asked when code on `cpu` has come back: ends what is done. Answers false if there is
  // nothing more to do in this step.
  bool GoesOn(Cpu& cpu);
  // Begins what is queued on an idle CPU. Answers false if it has to wait its turn.
  bool StartQueued(Cpu& cpu);
  // Begins an arrival's work on an idle CPU, the first in global time order.
  void Start(Cpu& cpu, const Arrival& arrival);
  // The same for a task, and its end too if it need not wait: most tasks are one operation on a
  // fast path. Then the CPU is idle again.
  void StartTask(Cpu& cpu, uint64_t token);
  void ChargeInterrupt(Cycles cycles);
  void Enter(Cpu& cpu, Priority priority);
  void Leave(Cpu& cpu);
  // Lets one due interrupt in. Answers false if none is.
  bool EnterInterrupt(Cpu& cpu);
  // The work of a due timer tick, all at once. Answers false if none is due.
  bool TickIfDue(Cpu& cpu);
  // The next tick falls on the next whole period.
  void ArmTick(Cpu& cpu);

  const MachineConfig& config_;
  Memory& memory_;
  Ledger& ledger_;
  const Cycles tick_period_;  // 0: no tick
  std::vector<std::unique_ptr<Cpu>> cpus_;
  std::deque<LockClass> lock_classes_;
  WinnerTree queue_;            // CPUs that could go on, by key
  RemoteCallList posted_;       // calls on their way, by due time
  TimerQueue timers_;           // armed
  uint64_t horizon_ = kNobody;  // the least key of anyone but the running CPU
  ArrivalSource* source_ = nullptr;
  Arrival arrival_;
  uint64_t arrival_key_ = kNobody;  // arrival_'s; kNobody if there is none
  bool stop_ = false;
  Explorer* explorer_ = nullptr;
  MachineObserver* observer_ = nullptr;
  std::vector<CpuId> runnable_;  // for the explorer
};

}  // namespace slablab

#endif  // SLABLAB_SIM_CORE_SCHEDULER_H_
