// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_WORKLOADS_CLOSED_FAIR_SCHEDULER_H_
#define SLABLAB_WORKLOADS_CLOSED_FAIR_SCHEDULER_H_

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/types.h"
#include "sim/core/winner_tree.h"
#include "sim/machine/machine_config.h"
#include "workloads/steps.h"

// Who runs where and when: the fair scheduling class (CFS), as far as it decides on whose CPU an
// object is allocated and on whose it is freed. All tasks weigh the same.
//
// Source: Linux 6.1, kernel/sched/fair.c: place_entity, check_preempt_tick, wakeup_preempt_entity,
// select_task_rq_fair with wake_wide, wake_affine and select_idle_sibling; newidle_balance with
// can_migrate_task; load_balance at busy CPUs' intervals; nohz_balancer_kick, with which a busy
// CPU's tick has an idle one take tasks over. Loads are counts of runnable tasks, not PELT's
// averages; scheduling domains are a last-level cache, a node, the machine. Not modelled: buddies,
// capacities, bandwidth and groups.
//
// It costs no simulated memory accesses; what a switch costs is its user's business.

namespace slablab {

// As Linux 6.1 has them before scaling: the first three are multiplied by 1 + log2(CPUs), of 8 CPUs
// at most.
struct FairTunables {
  uint64_t latency_ns = 6'000'000;
  uint64_t min_granularity_ns = 750'000;
  uint64_t wakeup_granularity_ns = 1'000'000;
  uint64_t migration_cost_ns = 500'000;
  uint64_t tick_ns = 4'000'000;  // CONFIG_HZ=250
  // What looking for a task elsewhere takes: a CPU that is idle for less on average does not look.
  // The kernel measures it (sd->max_newidle_lb_cost); it is some tens of microseconds.
  uint64_t balance_cost_ns = 20'000;
  // A busy CPU balances with those it shares a domain with once in so many milliseconds for each
  // of them (sd->busy_factor).
  uint32_t busy_factor = 16;
  // How often a CPU finds tasks with warm caches only before it takes one (sd->cache_nice_tries).
  uint32_t cache_nice_tries = 1;
};

// Call order: SetMovable, Enqueue(kStart) for all; then at any CPU, in its order: Take when the
// queue is not empty, MustYield and Tick while that task runs, Stop. `now` is in global order
// except in TickIsDue and Stop, which concern the CPU's own task alone.
class FairScheduler {
 public:
  enum class Reason : uint8_t {
    kStart,  // it has never run
    kWake,   // it slept or waited, and may preempt what runs there
    kAgain,  // it gave up the CPU and could go on
  };
  struct Waker {
    CpuId cpu;
    TaskIndex task = kNoTask;  // kNoTask: a timer, or an interrupt
    bool sync = false;         // it passed something on and is likely to wait soon
  };

  FairScheduler(const MachineConfig& machine, uint32_t tasks, const FairTunables& tunables);
  FairScheduler(const FairScheduler&) = delete;

  // Tasks are not movable unless told otherwise: ChooseCpu and Pull are for those that are.
  void SetMovable(TaskIndex task) { tasks_[task].movable = any_movable_ = true; }
  // Nothing is moved to CPUs that are not.
  void SetAvailable(CpuId cpu, bool available);

  // Where a movable task that wakes is to run: a CPU that is available, or where it ran last.
  CpuId ChooseCpu(TaskIndex task, const Waker& waker, Cycles now);
  void Enqueue(TaskIndex task, CpuId cpu, Reason reason, Cycles now);
  bool empty(CpuId cpu) const { return cpus_[cpu.index()].ready.empty(); }
  // The one that has had least; it runs from now on.
  TaskIndex Take(CpuId cpu, Cycles now);
  // What runs there, if anything, does so no more.
  void Stop(CpuId cpu, Cycles now);
  bool MustYield(CpuId cpu) const { return cpus_[cpu.index()].resched; }
  Cycles NextTick(CpuId cpu) const { return cpus_[cpu.index()].next_tick; }
  bool TickIsDue(CpuId cpu, Cycles now) const { return now >= NextTick(cpu); }
  // The timer's tick. Answers an idle CPU to whose queue it has moved tasks, if it has.
  std::optional<CpuId> Tick(CpuId cpu, Cycles now);
  // Where it runs, waits to run, or ran last.
  CpuId CpuOf(TaskIndex task) const { return tasks_[task].cpu; }
  // How often a task went on on another CPU.
  uint64_t migrations() const { return migrations_; }
  // Takes one out of the queue, for use elsewhere.
  TaskIndex Remove(CpuId cpu);
  // For a CPU that has nothing to do: moves a task that waits elsewhere to its queue, if there is
  // one worth it.
  bool Pull(CpuId cpu, Cycles now);

 private:
  static constexpr size_t kLevels = 3;  // of scheduling domains

  struct TaskRecord {
    int64_t vruntime = 0;
    CpuId cpu{-1};  // where it ran last
    bool movable = false;
    Cycles stopped = 0;  // when it ran last; 0: never
    uint32_t wakee_flips = 0;
    TaskIndex last_wakee = kNoTask;
    Cycles flips_since = 0;
  };
  struct Entry {
    int64_t vruntime = 0;
    uint64_t sequence = 0;  // first come, first served, among equals
    TaskIndex task = kNoTask;
    friend bool operator>(const Entry& a, const Entry& b) {
      return a.vruntime != b.vruntime ? a.vruntime > b.vruntime : a.sequence > b.sequence;
    }
  };
  // The CPUs of one scheduling domain, ascending, and what is known of them without asking each.
  class Group {
   public:
    void Add(CpuId cpu) { cpus_.push_back(cpu); }
    void Finish();  // all have been added; none is idle or has tasks
    size_t size() const { return cpus_.size(); }
    void FlipIdle(size_t place) { idle_[place / 64] ^= uint64_t{1} << place % 64; }
    void SetRunning(size_t place, size_t tasks);
    // The first CPU that is idle at `from` or behind it.
    std::optional<CpuId> IdleFrom(size_t from) const;
    // The first of those that have most tasks, if these are two or more.
    std::optional<CpuId> Busiest() const;

   private:
    std::vector<CpuId> cpus_;
    std::vector<uint64_t> idle_;         // a bit each
    std::optional<WinnerTree> crowded_;  // those with two tasks or more, most first
  };
  struct CpuRecord {
    std::vector<Entry> ready;  // a min-heap
    TaskIndex current = kNoTask;
    Cycles exec_start = 0;   // up to where current's vruntime counts
    Cycles slice_start = 0;  // since when it has run
    Cycles next_tick = 0;
    int64_t min_vruntime = 0;
    bool resched = false;
    bool available = true;
    Cycles idle_since = 0;  // 0: it has not been found idle
    Cycles average_idle = 0;
    uint32_t balance_failed = 0;           // times in a row that nothing was found to take
    size_t running = 0;                    // as its groups know it
    bool idle = false;                     // likewise
    std::array<Group*, kLevels> groups{};  // from the nearest outwards
    std::array<size_t, kLevels> places{};  // in them
    std::array<Cycles, kLevels> next_balance{};
  };

  bool Idle(CpuId cpu) const { return cpus_[cpu.index()].idle; }
  size_t Running(CpuId cpu) const { return cpus_[cpu.index()].running; }
  bool SharesCache(CpuId a, CpuId b) const;
  void NoteWakee(const Waker& waker, TaskIndex wakee, Cycles now);
  bool WakesWide(const Waker& waker, TaskIndex wakee) const;
  CpuId WakeAffine(const Waker& waker, CpuId previous) const;
  CpuId IdleSibling(CpuId previous, CpuId target) const;
  void Charge(CpuRecord& cpu, Cycles now);
  bool TickEndsSlice(const CpuRecord& cpu, Cycles now) const;
  CpuId NearestIdle(CpuId cpu) const;
  // To be called when its number of tasks, or whether it is available, has changed.
  void TellGroups(CpuRecord& cpu);
  void BalanceBusy(CpuId cpu, Cycles now);
  // Answers how many of `count` tasks went.
  size_t Move(CpuId from, CpuId to, size_t count, Cycles now);
  // The one that ran longest ago, if its caches have gone cold, from one queue to another.
  TaskIndex MoveColdest(CpuId from, CpuId to, Cycles now);
  Entry RemoveAt(CpuRecord& cpu, size_t index);
  TaskIndex PopReady(CpuRecord& cpu);

  Cycles latency_ = 0;
  Cycles min_granularity_ = 0;
  Cycles wakeup_granularity_ = 0;
  Cycles migration_cost_ = 0;
  Cycles tick_ = 0;
  Cycles balance_cost_ = 0;
  uint32_t cache_nice_tries_ = 0;
  Cycles balance_interval_ = 0;  // for each CPU of a domain
  uint64_t migrations_ = 0;
  Cycles second_ = 0;
  uint64_t sequence_ = 0;
  size_t queues_waiting_ = 0;  // CPUs whose queue is not empty
  std::vector<TaskRecord> tasks_;
  std::vector<CpuRecord> cpus_;
  std::vector<Group> domains_;  // last-level caches
  std::vector<Group> nodes_;
  Group machine_;
  bool any_movable_ = false;  // else nothing that balances can do anything
};

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_CLOSED_FAIR_SCHEDULER_H_
