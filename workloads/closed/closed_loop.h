// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_WORKLOADS_CLOSED_CLOSED_LOOP_H_
#define SLABLAB_WORKLOADS_CLOSED_CLOSED_LOOP_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "allocators/allocator.h"
#include "sim/core/arrival.h"
#include "sim/core/watched_source.h"
#include "sim/machine.h"
#include "workloads/auditor.h"
#include "workloads/closed/agenda.h"
#include "workloads/closed/cpu_roster.h"
#include "workloads/closed/disturbance.h"
#include "workloads/closed/fair_scheduler.h"
#include "workloads/closed/meeting_points.h"
#include "workloads/closed/object_places.h"
#include "workloads/closed/sleepers.h"
#include "workloads/observer.h"
#include "workloads/operations/account.h"
#include "workloads/operations/executor.h"
#include "workloads/rcu_frees.h"
#include "workloads/steps.h"

// Carries out a workload in closed order on the simulated CPUs. It is the conductor; what it knows
// of each subject is a class of its own:
//
//   Agenda         what is to come to CPUs, and when
//   CpuRoster      which CPUs are there
//   FairScheduler  the run queues, and who runs where
//   Sleepers       who sleeps, by CPU
//   MeetingPoints  queues and barriers, and who waits there
//   ObjectPlaces   what tasks keep, and frees that wait for it
//   Executor       the operations
//
// Each CPU has a run queue, which workloads/closed/fair_scheduler.h orders as the kernel does. The
// task that it gives runs until it has to wait, is over, or, at the end of a step or within a
// think, has had its share while others wait for it. A task that may not move stays on the CPU it
// was placed on, unless its steps say otherwise; any leaves a CPU that goes off line.
//
// A CPU's own queue is its own between sync points; whatever one CPU does to another (waking a task
// there, passing an object) happens in global time order, behind a sync point.
//
// Invariants:
//  1. A task is in exactly one place: running, in one run queue, among one CPU's sleepers, waiting
//     for one queue, barrier or object or behind a barrier of RCU, or over.
//  2. A CPU that has something in its run queue is active: its loop runs, or has been sent for.
//  3. Steps of one task are carried out in the order in which they come.
//  4. Nothing is allocated on the host per step, after warm-up.

namespace slablab {

struct ClosedLoopOptions {
  uint32_t object_touch_bytes_max = 512;  // of an allocation's touch_bytes at most so many
  FairTunables fair = {};
  // What changing from one task to another costs a CPU, beside cold caches.
  uint64_t switch_ns = 1'000;
};

struct ClosedLoopResult {
  uint64_t work = 0;
  uint64_t switches = 0;
  uint64_t free_waits = 0;        // a free waited for its own allocation
  uint64_t late_interrupts = 0;   // likewise, in an interrupt
  uint64_t frees_of_nothing = 0;  // of what could not be allocated
  Cycles think_cycles = 0;
  Cycles run_queue_wait_cycles = 0;
  Cycles end = 0;  // when the last task was over
};

// Call order: make, then Scheduler::Run with this as the source, then status() and result(). All
// that it is given must outlive it.
class ClosedLoop : public WatchedSource {
 public:
  ClosedLoop(StepSource& steps, Machine& machine, Allocator& allocator,
             const ClosedLoopOptions& options);

  void set_observer(OperationObserver* observer) { executor_.set_observer(observer); }
  void set_call_sites(CallSites* call_sites) { executor_.set_call_sites(call_sites); }
  // Not owned; before the run.
  void set_disturbance(Disturbance* disturbance) { disturbance_ = disturbance; }
  // As for Replay; the numbers are of operations and of steps.
  using ProgressFunction = std::function<void(uint64_t operations, uint64_t steps)>;
  void set_progress(ProgressFunction progress) { progress_ = std::move(progress); }
  void set_stop(std::function<bool()> stop) { stop_ = std::move(stop); }

  bool Next(Arrival* arrival) override;
  void PutBack(const Arrival& arrival) override;
  Task<void> Start(Cpu& cpu, uint64_t token) override;
  bool MayInterrupt(const Cpu& cpu, uint64_t token) const override;
  uint64_t Progress() const override { return steps_done_ + closed_.think_cycles; }
  bool OnStall() override;
  std::string WorkOf(const Cpu& cpu) const override;
  std::string WhoWaits() const override { return DescribeTasks(); }
  bool AwaitsTimers() const override { return rcu_threads_out_ > 0 && !stopped_ && !too_long_; }

  // InvalidArgument: tasks of a workload wait for each other for ever, and which one for what; what
  // disturbs them leaves them no time; one takes step after step and no time; or it takes longer
  // than the machine's clock can count.
  // Internal: they wait though they need not. Cancelled: stopped.
  absl::Status status() const;
  const RunAccount& result() const { return executor_.account(); }
  const ClosedLoopResult& closed() const { return closed_; }
  uint64_t migrations() const { return fair_.migrations(); }
  Auditor& auditor() { return executor_.auditor(); }
  const RcuFrees& rcu_frees() const { return executor_.rcu_frees(); }
  Executor& executor() { return executor_; }

  // --- For disturbances. On `cpu`, in task context. ---
  // Takes `target` off line: its tasks go on elsewhere, the allocators' callbacks run. Answers
  // false if it is off line, the last one, or `cpu` itself.
  Task<bool> TakeOffline(Cpu& cpu, CpuId target);
  // And back: tasks that were placed there return.
  Task<bool> BringOnline(Cpu& cpu, CpuId target);
  // An object by kmalloc, in whatever context `cpu` is; null: there was no memory. It is audited,
  // counted and shown to the observer as of no task (-1), but nobody uses it.
  Task<PhysAddr> AllocateAside(Cpu& cpu, uint32_t bytes, Gfp gfp);
  // And its end. REQUIRES: of AllocateAside(), with the same number of bytes; not null.
  Task<void> FreeAside(Cpu& cpu, PhysAddr object, uint32_t bytes, bool by_rcu = false);
  // kvfree_rcu_barrier() in a thread of its own, which keeps no CPU while it waits; `done` is
  // called where and when it is over.
  Task<void> BeginRcuBarrier(Cpu& cpu, std::function<void(Cpu&)> done);
  // There may be more to come, later than the CPU is that says so: Disturbance::Take() is to be
  // asked again.
  void AskDisturbance();
  Allocator& allocator() { return allocator_; }
  Machine& machine() { return machine_; }
  Cycles start() const { return start_; }
  bool tasks_remain() const { return tasks_alive_ > 0; }

 private:
  enum class TaskState : uint8_t {
    kReady,
    kRunning,
    kSleeping,
    kWaiting,  // for another
    kInRcuBarrier,
    kOver
  };
  class RcuThread;
  struct TaskRecord {
    Step step;
    bool has_step = false;  // `step` has not been carried out yet
    TaskState state = TaskState::kReady;
    Priority priority = Priority::kTask;
    bool may_move = false;
    CpuId home;                       // where it was placed
    Cycles since = 0;                 // in the run queue
    Cycles stepped_at = 0;            // when its last step was over
    uint64_t steps_then = 0;          // so many before that one were over at the same time
    RcuThread* rcu_thread = nullptr;  // while it is in a barrier of RCU
    std::optional<MemoryPolicy> memory_policy = std::nullopt;
  };
  struct CpuRecord {
    TaskIndex last = kNoTask;  // what ran last
    bool active = false;       // its loop runs or has been sent for
    bool running = false;      // its loop runs
    Cycles wake_at = 0;        // the earliest arrival sent for its sleepers; 0: none
  };
  // Who waits behind a barrier of RCU: a task, or a thread of a disturbance.
  class RcuThread final : public KvfreeRcu::BarrierWalk {
   public:
    RcuThread(ClosedLoop& loop, uint32_t index, KvfreeRcu& kvfree_rcu)
        : BarrierWalk(kvfree_rcu), loop_(loop), index_(index) {}
    uint32_t index() const { return index_; }
    TaskIndex task = kNoTask;
    CpuId cpu{};                     // of a thread: where it walks
    std::function<void(Cpu&)> done;  // likewise

   private:
    void GoOn(Cpu& by) override;
    ClosedLoop& loop_;
    const uint32_t index_;
  };

  // What the executor comes back to: a task's operation, or of no task.
  struct User {
    ClosedLoop* loop;
    TaskIndex task;
    uint32_t label;
    Priority priority;
    Placement* placement = nullptr;  // where an allocation's goes
    Executor::Doer DoerOf() const {
      return {.event = loop->result().operations() - 1,
              .task = static_cast<int32_t>(task),
              .priority = priority,
              .label = label};
    }
    void OnAllocated(Cpu&, const Placement& given) const { *placement = given; }
    void OnFreed(Cpu& cpu) const { loop->NoteFootprint(cpu.now()); }
  };
  static_assert(static_cast<int32_t>(kNoTask) == -1);  // as OperationEnd names no task

  void Begin();
  void SendFor(const Agenda::Item& item);
  void SendForCpu(CpuId cpu, Cycles time);
  void SendForInterrupt(TaskIndex task);

  Task<void> RunCpu(Cpu& cpu);
  Task<void> ServeQueued(Cpu& cpu);
  // Until it has to wait, is over, or has to give the CPU up.
  Task<void> RunTask(Cpu& cpu, TaskIndex task);
  // What has come to the CPU before a step, and the allocator's timers; those of the CPU itself.
  bool HasWork(const Cpu& cpu) const;
  Task<void> DoWork(Cpu& cpu);
  bool TimerIsDue(const Cpu& cpu) const;
  Task<void> LookAtTimers(Cpu& cpu);
  // A step that takes no time; what others see of it, at its place in global time order. Answers
  // whether the task goes on.
  bool TakeStep(Cpu& cpu, TaskIndex task);
  static bool OthersSee(Step::Kind kind);
  Task<void> Disturb(Cpu& cpu, uint64_t token);
  Task<void> RunInterrupt(Cpu& cpu, TaskIndex task);
  Task<void> FreeLate(Cpu& cpu, uint64_t object);
  Task<void> Allocate(Cpu& cpu, TaskIndex task, const Step& step);
  Task<void> Free(Cpu& cpu, TaskIndex task, const Step& step);
  // Whether it is over; else the task waits.
  Task<bool> AwaitRcu(Cpu& cpu, TaskIndex task);
  RcuThread& NewRcuThread();
  Task<bool> WalkBarrier(Cpu& cpu, RcuThread* thread);
  Task<void> RunRcuThread(Cpu& cpu, uint32_t index);
  // How long a task may think before the CPU has to look at something else.
  Cycles UntilLook(const Cpu& cpu) const;
  bool MayFree(TaskIndex task, Priority priority);
  void Wait(TaskIndex task) {
    tasks_[task].state = TaskState::kWaiting;
    ++tasks_waiting_;
  }
  void Touch(Cpu& cpu, const Step& step);
  // A task's step is over.
  void NoteStep(const Cpu& cpu, TaskIndex task);
  // A disturbance takes the time of a CPU's tasks, if there are any that could run.
  void NoteDisturbance(const Cpu& cpu, uint64_t token);
  bool TaskWantsToRun(const Cpu& cpu) const;
  void Over(Cpu& cpu, TaskIndex task);
  bool GivesUp(Cpu& cpu, const TaskRecord& task);
  void Tick(Cpu& cpu);
  void WakeSleepers(Cpu& cpu);
  // Into the run queue of the CPU where it belongs, woken by what runs on `by`.
  void Wake(Cpu& by, TaskIndex task, Cycles time, TaskIndex waker, bool sync);
  // Likewise, of one that could go on.
  void GoOn(Cpu& by, TaskIndex task);
  void PutInQueue(Cpu& by, TaskIndex task, CpuId cpu, FairScheduler::Reason reason, Cycles time);
  void HandOver(Cpu& cpu);
  // Whether what a waiting task waits for is not there.
  bool WaitsRightly(const TaskRecord& task) const;
  // It could go on, and nobody will see to it.
  bool IsLost(TaskIndex task) const;
  std::string Waiting(TaskIndex task) const;
  // Of the tasks that are not over, and how many there are; the lost ones first.
  std::string DescribeTasks() const;
  TaskIndex FirstThatIsNotOver() const;
  void Publish(Cpu& cpu, TaskIndex task, const Step& step, Placement placement);
  void NoteFootprint(Cycles now);
  void LookUp();

  StepSource& steps_;
  Machine& machine_;
  Allocator& allocator_;
  const bool has_work_;
  const ClosedLoopOptions options_;
  const Cycles switch_cycles_;
  Disturbance* disturbance_ = nullptr;
  ProgressFunction progress_;
  std::function<bool()> stop_;

  bool asked_ = false;  // the scheduler has asked for the first
  bool stopped_ = false;
  Cycles start_ = 0;
  std::vector<TaskRecord> tasks_;
  std::vector<CpuRecord> cpus_;
  CpuRoster roster_;
  FairScheduler fair_;
  Sleepers sleepers_;
  MeetingPoints meeting_;
  ObjectPlaces objects_;
  Agenda agenda_;
  DisturbanceTally disturbed_;
  uint64_t tasks_alive_ = 0;    // interrupts not counted
  uint64_t tasks_waiting_ = 0;  // of them: for another
  uint64_t interrupts_alive_ = 0;
  uint64_t steps_done_ = 0;
  StarvedCpus starved_;
  absl::Status hopeless_;  // what leaves tasks no time, or the task that takes none
  uint64_t steps_until_look_ = 0;
  std::vector<std::unique_ptr<RcuThread>> rcu_threads_;
  std::vector<uint32_t> rcu_threads_free_;
  uint64_t rcu_threads_out_ = 0;

  Executor executor_;
  ClosedLoopResult closed_;
  bool too_long_ = false;
};

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_CLOSED_CLOSED_LOOP_H_
