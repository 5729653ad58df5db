// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_SIM_CORE_CPU_H_
#define SLABLAB_SIM_CORE_CPU_H_

#include <algorithm>
#include <array>
#include <coroutine>
#include <cstdint>
#include <limits>
#include <memory>
#include <utility>

#include "base/types.h"
#include "sim/cache/ledger.h"
#include "sim/cache/line_watch.h"
#include "sim/cache/memory.h"
#include "sim/core/arrival.h"
#include "sim/core/cpu_counts.h"
#include "sim/core/fields.h"
#include "sim/core/memory_policy.h"
#include "sim/core/operation_tally.h"
#include "sim/core/task.h"
#include "sim/machine/machine_config.h"

namespace slablab {

class Cpu;
class Scheduler;

// A suspension point: goes on at once if this CPU is the first in time and no interrupt is due.
class SyncPoint {
 public:
  explicit SyncPoint(Cpu& cpu) : cpu_(cpu) {}
  inline bool await_ready() const noexcept;
  inline void await_suspend(std::coroutine_handle<> point) noexcept;
  void await_resume() const noexcept {}

 protected:
  Cpu& cpu_;
};

// A sync point after which `Action` runs, at its place in global time order.
template <typename Action>
class SyncAction : public SyncPoint {
 public:
  SyncAction(Cpu& cpu, Action action) : SyncPoint(cpu), action_(action) {}
  auto await_resume() { return action_(this->cpu_); }

 private:
  Action action_;
};

// One logical CPU: its clock, its interrupt flag and everything that code on it can do. All costs
// are charged to the ledger under the current site.
//
// Plain calls (Load, Store of PerCpu and Guarded fields, Touch, Execute) advance only this CPU's
// clock. Awaitable calls take effect in global time order and may let interrupts in.
class alignas(64) Cpu {
 public:
  Cpu(Scheduler& scheduler, CpuId id);
  Cpu(const Cpu&) = delete;

  CpuId id() const { return id_; }
  NodeId node() const { return place_.node; }
  CoreId core() const { return place_.core; }
  DomainId domain() const { return place_.domain; }
  Cycles now() const { return now_; }
  bool online() const { return online_; }
  bool idle() const { return state_ == State::kIdle; }
  // Whether work of task priority waits for what runs here to end.
  bool has_queued_task() const {
    return !queue_.empty() && queue_.front().priority == Priority::kTask;
  }
  // Takes it: what runs here does it at once, or need not. Answers its token.
  uint64_t TakeQueuedTask() {
    CHECK(has_queued_task());
    const uint64_t token = queue_.Pop().token;
    UpdateInterruptAt();
    return token;
  }
  bool irqs_enabled() const { return irqs_enabled_; }
  bool in_interrupt() const {
    return depth_ > 0 && frames_[depth_ - 1].priority != Priority::kTask;
  }
  // Whether, interrupts aside, no kernel code is under way at `now`, the caller's: RCU's word.
  bool IsQuiescent(Cycles now, const Cpu& caller) const;
  // This CPU's clock less the time it spent in what interrupted the current context.
  Cycles task_clock() const { return now_ - interrupted_cycles_; }
  Scheduler& scheduler() { return scheduler_; }
  const MachineConfig& config() const { return config_; }

  // --- Plain touches. ---
  template <typename T>
  T Load(const PerCpu<T>& field) {
    CheckOwner(field.owner_);
    Touch(field.place_, Access::kRead);
    return field.value_;
  }
  template <typename T>
  void Store(PerCpu<T>& field, const std::type_identity_t<T>& value) {
    CheckOwner(field.owner_);
    Touch(field.place_, Access::kWrite);
    field.value_ = value;
  }
  template <typename T>
  T Load(const Guarded<T>& field) {
    CheckHolder(field.lock_);
    Touch(field.place_, Access::kRead);
    return field.value_;
  }
  template <typename T>
  void Store(Guarded<T>& field, const std::type_identity_t<T>& value) {
    CheckHolder(field.lock_);
    Touch(field.place_, Access::kWrite);
    field.value_ = value;
  }
  template <typename T>
  T Load(const Settled<T>& field) {
    Touch(field.place_, Access::kRead);
    return field.value_;
  }
  template <typename T>
  void Store(Settled<T>& field, const std::type_identity_t<T>& value) {
    Touch(field.place_, Access::kWrite);
    field.value_ = value;
  }

  // One access to the line at `place`.
  void Touch(Place place, Access access) {
    const uint64_t line = place.address.line();
    if (Memory::HitsFirst(firsts_, line, access)) [[likely]] {
      ChargeL1Hit(place.structure);
    } else {
      TouchFurther(place, access);
    }
  }
  // Every line of [place, place + bytes) once, in order. The lines after the first overlap as the
  // machine's range_overlap says.
  void TouchRange(Place place, uint64_t bytes, Access access) {
    if (bytes == 0) return;
    Touch(place, access);
    const uint64_t last = (place.address + (bytes - 1)).line();
    if (last != place.address.line()) TouchBehindFirst(place, last, access);
  }
  // A locked read-modify-write of what no other CPU touches meanwhile.
  void TouchAtomic(Place place);
  // Code that touches no memory but its own registers and stack.
  void Execute(Cycles cycles) {
    now_ += cycles;
    account_->Charge(Cause::kInstructions, cycles);
  }

  // What is not measured: time passes, nothing is charged. Interrupts wait for the next sync point;
  // PassInterruptibly, below, is for longer spans.
  void Pass(Cycles cycles) { now_ += cycles; }

  // --- Awaitable: at their place in global time order. ---
  SyncPoint Sync() { return SyncPoint(*this); }
  template <typename T>
  auto Load(const Racy<T>& field) {
    return SyncAction(*this, [&field](Cpu& cpu) {
      cpu.Touch(field.place_, Access::kRead);
      return field.value_;
    });
  }
  template <typename T>
  auto Store(Racy<T>& field, const std::type_identity_t<T>& value) {
    return SyncAction(*this, [&field, value](Cpu& cpu) {
      cpu.Touch(field.place_, Access::kWrite);
      field.value_ = value;
    });
  }
  // A look at a guarded field without its lock (READ_ONCE): a hint, old the moment it is known.
  template <typename T>
  auto LoadUnlocked(const Guarded<T>& field) {
    return SyncAction(*this, [&field](Cpu& cpu) {
      cpu.Touch(field.place_, Access::kRead);
      return field.value_;
    });
  }
  // Locked compare-and-exchange: answers whether `expected` was found and replaced.
  template <typename T>
  auto Cmpxchg(Racy<T>& field, const std::type_identity_t<T>& expected,
               const std::type_identity_t<T>& desired) {
    return SyncAction(*this, [&field, expected, desired](Cpu& cpu) {
      cpu.TouchAtomic(field.place_);
      if (!(field.value_ == expected)) return false;
      field.value_ = desired;
      return true;
    });
  }
  // Locked add; answers the sum.
  template <typename T>
  auto AddReturn(Racy<T>& field, const std::type_identity_t<T>& addend) {
    return SyncAction(*this, [&field, addend](Cpu& cpu) {
      cpu.TouchAtomic(field.place_);
      field.value_ += addend;
      return field.value_;
    });
  }
  // this_cpu_cmpxchg_double: unlocked; only an interrupt of this CPU can come in between.
  template <typename T>
  auto ThisCpuCmpxchg(PerCpu<T>& field, const std::type_identity_t<T>& expected,
                      const std::type_identity_t<T>& desired) {
    return SyncAction(*this, [&field, expected, desired](Cpu& cpu) {
      return cpu.ThisCpuCmpxchgNow(field, expected, desired);
    });
  }

  // Time of this context passes, as by Pass(), and what interrupts it comes in at its own time;
  // what interrupts take comes on top. A sync point at its end. Answers how much has not passed: 0,
  // unless it was cut short, by Scheduler::CutPass or because work of task priority has come.
  class PassPoint;
  PassPoint PassInterruptibly(Cycles cycles);

  // --- The same for code that is no coroutine while it need not wait. ---
  // Whether a sync point here would go on at once.
  bool MayProceed() const { return key() < horizon_ && now_ < interrupt_at_; }
  // REQUIRES: a sync point or MayProceed() just before.
  template <typename T>
  bool ThisCpuCmpxchgNow(PerCpu<T>& field, const std::type_identity_t<T>& expected,
                         const std::type_identity_t<T>& desired) {
    CheckOwner(field.owner_);
    TouchLocalCmpxchg(field.place_);
    if (!(field.value_ == expected)) return false;
    field.value_ = desired;
    return true;
  }

  // --- Interrupts. ---
  IrqFlags IrqSave();
  // Enabling can run other code on this CPU, so it is awaited.
  SyncPoint IrqRestore(IrqFlags flags);
  const IrqOffStats& irq_off() const { return irq_off_; }

  // --- Other CPUs. ---
  // Runs `call` on `target` in interrupt context (smp_call_function_single, or a work item on it)
  // and waits for its end. On this very CPU it runs at once, interrupts off.
  Task<void> CallOn(CpuId target, RemoteCall& call);
  // Stops until another CPU unparks this one (Scheduler::Unpark). An interrupt may wake it too, so
  // whoever parks does so in a loop on what it waits for.
  class ParkPoint;
  ParkPoint Park();
  // What has passed since then, by task_clock(), was waiting for another CPU.
  void ChargeWaitSince(Cycles since);

  // --- Bookkeeping. ---
  Site site() const { return site_; }
  void set_site(Site site) {
    site_ = site;
    account_ = &(*accounts_)[static_cast<size_t>(site)];
  }
  Part part() const { return part_; }
  void set_part(Part part) {
    part_ = part;
    accounts_ = &ledger_.accounts(part);
    account_ = &(*accounts_)[static_cast<size_t>(site_)];
  }
  // On whose behalf this context works: a number of the workload's.
  uint32_t caller() const { return caller_; }
  void set_caller(uint32_t caller) { caller_ = caller; }
  // current->mempolicy: of the task that runs here, or that was interrupted; null: it has none.
  MemoryPolicy* memory_policy() const { return memory_policy_; }
  void set_memory_policy(MemoryPolicy* policy) { memory_policy_ = policy; }
  const OpCounts& counts() const { return counts_; }
  // An operation begins, here and in this context; what it spends is told apart from now on.
  // Nothing, unless somebody asked for it (TallyOperations).
  void BeginTally() {
    if (own_tally_ == nullptr) return;
    own_tally_->Begin();
    tally_ = own_tally_;
  }
  // And ends: what this context spends until the next begins is none's.
  void EndTally() {
    if (tally_ == nullptr) return;
    tally_->End();
    tally_ = nullptr;
  }
  // Of the operation that began last in this context. REQUIRES: TallyOperations.
  const OperationTally& tally() const { return *own_tally_; }
  void TallyOperations();
  // Begins to count anew, loads and stores as well from now on.
  void CountTouches() {
    counts_ = {};
    counts_touches_ = true;
    UpdateWatched();
  }
  void set_observer(TouchObserver* observer) {
    observer_ = observer;
    UpdateWatched();
  }
  // Aborts unless the CPU is as an operation must leave it: no lock held, interrupts as found.
  void CheckQuiet() const;

 private:
  friend class PassPoint;
  friend class Scheduler;
  friend class SpinLock;
  friend class SyncPoint;

  static constexpr Cycles kNever = std::numeric_limits<Cycles>::max();
  static constexpr int kNestingMax = 4;  // a task, a softirq, a hardirq, a remote call
  static constexpr int kLocksHeldMax = 8;

  // A context of execution: the task, or an interrupt on top of what it interrupted.
  struct Frame {
    Task<void> task;
    std::coroutine_handle<> resume;
    Priority priority = Priority::kTask;
    bool irqs_enabled = true;  // of the interrupted context
    bool asleep = false;       // parked when it was last suspended
    int locks_held = 0;        // likewise
    Site site = Site::kUse;
    Part part = Part::kOperation;
    uint32_t caller = 0;
    Cycles entered_at = 0;
    Cycles interrupted_before = 0;
    RemoteCall* call = nullptr;
    Cycles pass_left = 0;        // by PassInterruptibly, from now_ on
    Cycles pass_limit = kNever;  // when that ends in any case
  };
  // kPassing is kQueued of a CPU whose clock is behind: the key is of when it has to do something.
  enum class State : uint8_t { kIdle, kRunning, kQueued, kPassing, kParked };

  void CheckOwner(CpuId owner) const {
    if (owner != id_) [[unlikely]] {
      CheckOwnerOffline(owner);
    }
  }
  // Locks that the current context found taken: an interrupt's, those of what it interrupted.
  int LocksBefore() const { return depth_ == 0 ? 0 : frames_[depth_ - 1].locks_held; }
  void CheckOwnerOffline(CpuId owner) const;
  void CheckHolder(const SpinLock* lock) const;
  // A touch of a line that is not the first of its set in L1; and one that L1 does not answer.
  void TouchFurther(Place place, Access access);
  void TouchFurtherInSteps(Place place, Access access);
  template <bool kOneStep>
  void TouchFurtherAs(Place place, Access access);
  void TouchBeyondL1(Place place, Access access, Memory::Look look);
  // The lines behind that of `place`, up to the one numbered `last`.
  void TouchBehindFirst(Place place, uint64_t last, Access access);
  template <bool kOneStep>
  void TouchBehindFirstAs(Place place, uint64_t last, Access access);
  // Of one that L1 does not answer.
  void NoteLine(Place place, Access access, Memory::Result result, uint32_t handle) {
    if (LineWatch::IsBounce(result.outcome) && lines_ != nullptr) [[unlikely]] {
      NoteBounce(place, access, result, handle);
    }
  }
  void NoteBounce(Place place, Access access, Memory::Result result, uint32_t handle);
  void NoteFirstBounce(Place place, Access access, Memory::Result result, uint32_t handle);
  void ChargeL1Hit(Structure structure) {
    now_ += l1_hit_cycles_;
    account_->ChargeL1Hit(structure);
  }
  // While somebody watches, no touch is answered without being seen.
  void UpdateWatched();
  void ShowTouch(Place place, Access access, Outcome outcome);
  void TouchLocalCmpxchg(Place place) {
    Touch(place, Access::kWrite);
    if (counts_touches_) [[unlikely]] {
      --counts_.stores;
      ++counts_.local_cmpxchgs;
    }
    now_ += local_cmpxchg_cycles_;
    account_->Charge(Cause::kAtomic, local_cmpxchg_cycles_);
  }
  bool HasWork() const { return !queue_.empty() || calls_.front() != nullptr; }
  uint64_t KeyAt(Cycles time) const {
    return (time << kKeyCpuBits) | static_cast<uint64_t>(id_.value());
  }
  uint64_t key() const { return KeyAt(now_); }
  void Suspend(std::coroutine_handle<> point, State state);
  // To be called when the nesting has changed, but from idle to a task and back.
  void SetTally();
  void WaitUntil(Cycles time);  // for a lock
  // When the pass of the current context ends if nothing comes in.
  Cycles PassEnd() const {
    const Frame& frame = frames_[depth_ - 1];
    return std::max(now_, std::min(now_ + frame.pass_left, frame.pass_limit));
  }
  // REQUIRES: PassEnd() or earlier.
  void PassTo(Cycles time) {
    frames_[depth_ - 1].pass_left -= time - now_;
    now_ = time;
  }
  void NoteDeferral(Cycles due);
  void UpdateInterruptAt() {
    interrupt_at_ = kNever;
    if (!irqs_enabled_ || depth_ == 0) return;
    const Priority current = frames_[depth_ - 1].priority;
    if (current == Priority::kHardirq) return;
    interrupt_at_ = next_tick_;
    if (calls_.front() != nullptr) interrupt_at_ = std::min(interrupt_at_, calls_.front()->due_);
    if (!queue_.empty() && queue_.front().priority > current) {
      interrupt_at_ = std::min(interrupt_at_, queue_.front().time);
    }
  }
  void SetIrqsEnabled(bool enabled);
  static constexpr int kKeyCpuBits = 12;  // kMaxCpus

  // What every touch and every sync point needs comes first, on one line of the host's cache, then
  // what every piece of work needs: with a thousand CPUs, each of them is a miss.
  Cycles now_ = 0;
  Cycles interrupt_at_ = kNever;  // when the next interrupt is due; kNever while disabled
  const uint64_t& horizon_;       // the scheduler's: key of whoever comes first after this CPU
  Memory::Firsts firsts_;         // of caches_; of none while watched_
  Ledger::Account* account_;      // of the current part and site
  const uint32_t l1_hit_cycles_;
  const uint32_t local_cmpxchg_cycles_;
  const CpuId id_;
  int depth_ = 0;

  Memory::Core& caches_;
  Memory& memory_;
  OperationTally* tally_ = nullptr;  // of the operation under way in this context; null: of none
  LineWatch* lines_ = nullptr;
  TouchObserver* observer_ = nullptr;
  bool counts_touches_ = false;
  bool watched_ = false;  // by either
  Site site_ = Site::kUse;
  Part part_ = Part::kOperation;
  bool irqs_enabled_ = true;
  bool online_ = true;
  State state_ = State::kIdle;

  uint32_t caller_ = 0;
  OperationTally* own_tally_ = nullptr;  // of this context; null: nobody asked
  OpCounts counts_;
  RemoteCallList calls_;  // come, not yet begun

  std::array<Frame, kNestingMax> frames_;
  SpinLock* lock_wanted_ = nullptr;
  Cycles next_tick_ = kNever;
  int locks_held_ = 0;
  ArrivalQueue queue_;

  std::array<SpinLock*, kLocksHeldMax> locks_;
  Cycles lock_wanted_since_ = 0;
  LockHolder waits_for_;  // of contended locks: who had it when the wait began
  Cpu* next_waiter_ = nullptr;  // behind this one in a lock's queue
  Scheduler& scheduler_;
  Ledger& ledger_;
  Ledger::Accounts* accounts_;  // of the current part
  const MachineConfig& config_;
  const int overlap_shift_;  // log2 of range_overlap; -1: it is no power of two
  Cycles interrupted_cycles_ = 0;
  Cycles irqs_off_since_ = 0;
  Cycles irqs_on_since_ = 0;
  IrqOffStats irq_off_;
  std::unique_ptr<OperationTally[]> tallies_;  // by nesting
  MemoryPolicy* memory_policy_ = nullptr;
  const CpuPlace place_;
};

class Cpu::PassPoint {
 public:
  PassPoint(Cpu& cpu, Cycles cycles) : cpu_(cpu), cycles_(cycles) {}
  // Nothing comes before its end: it has passed.
  bool await_ready() const noexcept {
    const Cycles end = cpu_.now_ + cycles_;
    if (cpu_.KeyAt(end) >= cpu_.horizon_ || end >= cpu_.interrupt_at_) return false;
    cpu_.now_ = end;
    return true;
  }
  void await_suspend(std::coroutine_handle<> point) noexcept {
    cpu_.frames_[cpu_.depth_ - 1].pass_left = cycles_;
    cpu_.Suspend(point, State::kPassing);
  }
  Cycles await_resume() const noexcept {
    Frame& frame = cpu_.frames_[cpu_.depth_ - 1];
    frame.pass_limit = kNever;
    return std::exchange(frame.pass_left, 0);
  }

 private:
  Cpu& cpu_;
  const Cycles cycles_;
};

inline Cpu::PassPoint Cpu::PassInterruptibly(Cycles cycles) { return PassPoint(*this, cycles); }

inline bool SyncPoint::await_ready() const noexcept { return cpu_.MayProceed(); }

inline void SyncPoint::await_suspend(std::coroutine_handle<> point) noexcept {
  cpu_.Suspend(point, Cpu::State::kQueued);
}

}  // namespace slablab

#include "sim/core/cpu_scopes.h"  // Whoever has a CPU has these.

#endif  // SLABLAB_SIM_CORE_CPU_H_
