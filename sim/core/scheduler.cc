// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sim/core/scheduler.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/internal_error.h"
#include "sim/core/watched_source.h"

namespace slablab {

void ArrivalQueue::Grow() {
  std::vector<Arrival> ring(std::max<size_t>(16, ring_.size() * 2));
  const size_t count = size();
  for (size_t i = 0; i < count; ++i) ring[i] = ring_[(begin_ + i) & mask_];
  ring_ = std::move(ring);
  mask_ = ring_.size() - 1;
  begin_ = 0;
  end_ = count;
}

Scheduler::Scheduler(const MachineConfig& config, Memory& memory, Ledger& ledger)
    : config_(config),
      memory_(memory),
      ledger_(ledger),
      tick_period_(config.timer_hz == 0 ? 0 : config.CyclesPerTick()),
      queue_(static_cast<size_t>(config.cpu_count())) {
  CHECK_LE(config.cpu_count(), 1 << Cpu::kKeyCpuBits);
  for (int i = 0; i < config.cpu_count(); ++i) {
    cpus_.push_back(std::make_unique<Cpu>(*this, CpuId(i)));
  }
}

Cycles Scheduler::now() const {
  Cycles latest = 0;
  for (const auto& cpu : cpus_) latest = std::max(latest, cpu->now());
  return latest;
}

void Scheduler::SetOnline(CpuId id, bool online) {
  Cpu& target = cpu(id);
  CHECK_NE(target.online_, online);
  CHECK(target.state_ == Cpu::State::kIdle);
  target.online_ = online;
  if (observer_ != nullptr) observer_->OnOnline(id, online, now());
}

void Scheduler::Push(Cpu& cpu) {
  cpu.state_ = Cpu::State::kQueued;
  queue_.Set(cpu.id().index(), cpu.key());
}

Cpu& Scheduler::PopFirst() {
  if (explorer_ != nullptr) return PopChosen();
  const uint64_t key = queue_.first();
  Cpu& first = *cpus_[CpuOf(key)];
  queue_.Remove(CpuOf(key));
  if (!queue_.empty()) {
    // With many CPUs the next one is in no near cache of the host's. By its turn it will be.
    const Cpu& next = *cpus_[CpuOf(queue_.first())];
    __builtin_prefetch(&next.now_, 1);
    __builtin_prefetch(&next.frames_[0], 1);
    __builtin_prefetch(&next.lock_wanted_, 1);
  }
  if (first.state_ == Cpu::State::kPassing) first.PassTo(key >> Cpu::kKeyCpuBits);
  return first;
}

Cpu& Scheduler::PopChosen() {
  runnable_.clear();
  for (size_t i = 0; i < cpus_.size(); ++i) {
    if (queue_.Contains(i)) runnable_.push_back(cpus_[i]->id());
  }
  const size_t index = explorer_->Choose(runnable_);
  CHECK_LT(index, runnable_.size());
  queue_.Remove(runnable_[index].index());
  return cpu(runnable_[index]);
}

uint64_t Scheduler::CallKey() const {
  const RemoteCall* call = posted_.front();
  return call == nullptr ? kNobody : KeyOf(call->due_, call->target_->id());
}

void Scheduler::UpdateHorizon() {
  if (explorer_ != nullptr) {
    horizon_ = 0;  // Every sync point suspends.
    return;
  }
  horizon_ = std::min(std::min(queue_.first(), timers_.key()), std::min(arrival_key_, CallKey()));
}

void Scheduler::MakeRunnable(Cpu& cpu) {
  Push(cpu);
  horizon_ = std::min(horizon_, cpu.key());
}

void Scheduler::Unpark(Cpu& cpu, Cycles time) {
  if (cpu.state_ != Cpu::State::kParked || cpu.lock_wanted_ != nullptr) return;
  cpu.now_ = std::max(cpu.now_, time);
  MakeRunnable(cpu);
}

void Scheduler::PushPassing(Cpu& cpu, Cycles time) {
  cpu.state_ = Cpu::State::kPassing;
  queue_.Set(cpu.id().index(), cpu.KeyAt(time));
}

void Scheduler::LowerPassing(Cpu& cpu, Cycles time) {
  const uint64_t key = cpu.KeyAt(std::max(cpu.now_, time));
  if (key >= queue_.KeyOf(cpu.id().index())) return;
  queue_.Set(cpu.id().index(), key);
  horizon_ = std::min(horizon_, key);
}

void Scheduler::BeginPass(Cpu& cpu) {
  const Cycles end = cpu.PassEnd();
  if (explorer_ != nullptr) {  // Who runs when is not a matter of time.
    cpu.PassTo(end);
    return Push(cpu);
  }
  PushPassing(cpu, std::max(cpu.now_, std::min(end, cpu.interrupt_at_)));
}

bool Scheduler::PassOn(Cpu& cpu) {
  const Cycles end = cpu.PassEnd();
  if (end == cpu.now_) return true;
  // What is due and has not come in waits for the end of the work (ArrivalSource::MayInterrupt).
  const Cycles next = cpu.interrupt_at_ > cpu.now_ ? cpu.interrupt_at_ : cpu.next_tick_;
  if (end < next && cpu.KeyAt(end) < horizon_) {
    cpu.PassTo(end);
    return true;
  }
  PushPassing(cpu, std::min(end, next));
  return false;
}

void Scheduler::CutPass(Cpu& cpu, Cycles time) {
  if (cpu.depth_ == 0 || cpu.frames_[0].pass_left == 0) return;
  cpu.frames_[0].pass_limit = std::min(cpu.frames_[0].pass_limit, time);
  // Else it is in an interrupt, and looks when that is over.
  if (cpu.state_ == Cpu::State::kPassing && cpu.depth_ == 1) LowerPassing(cpu, time);
}

void Scheduler::Post(RemoteCall& call) {
  CHECK(call.target_->online_);
  posted_.Push(call);
  if (explorer_ != nullptr) {
    DeliverCall();  // Who runs when is not a matter of time.
  } else {
    horizon_ = std::min(horizon_, CallKey());
  }
}

void Scheduler::DeliverCall() {
  RemoteCall& call = *posted_.Pop();
  if (!call.target_->online_) {  // It has gone meanwhile, and is done with what it had.
    call.done_ = true;
    Unpark(*call.caller_, call.due_);
    return;
  }
  call.target_->calls_.Push(call);
  Notify(*call.target_, call.due_);
}

inline void Scheduler::AskSource() {
  arrival_key_ = kNobody;
  if (!source_->Next(&arrival_)) return;
  CHECK_LT(arrival_.time, kTimeEnd);
  arrival_key_ = KeyOf(arrival_.time, arrival_.cpu);
}

inline void Scheduler::FetchArrival() {
  const Cycles last = arrival_key_ == kNobody ? 0 : arrival_.time;
  arrival_key_ = kNobody;
  if (stop_) return;
  AskSource();
  if (arrival_key_ != kNobody) CHECK_GE(arrival_.time, last);
}

void Scheduler::Announce(Cycles time) {
  if (source_ == nullptr || stop_) return;
  if (arrival_key_ != kNobody) {
    if (arrival_.time <= time) return;
    source_->PutBack(arrival_);
  }
  AskSource();
  horizon_ = std::min(horizon_, arrival_key_);
}

void Scheduler::DeliverArrival() {
  const Arrival arrival = arrival_;
  FetchArrival();
  Cpu& target = cpu(arrival.cpu);
  CHECK(target.online_);
  if (target.state_ == Cpu::State::kIdle && explorer_ == nullptr) {
    target.now_ = std::max(target.now_, arrival.time);
    UpdateHorizon();
    if (target.key() < horizon_) {  // Nothing is before it: no need to queue.
      target.state_ = Cpu::State::kRunning;
      if (arrival.priority == Priority::kTask) {
        StartTask(target, arrival.token);
      } else {
        Start(target, arrival);
      }
      if (target.state_ == Cpu::State::kRunning && GoesOn(target)) Continue(target);
      return;
    }
  }
  target.queue_.Push(arrival);
  Notify(target, arrival.time);
}

void Scheduler::Notify(Cpu& target, Cycles time) {
  switch (target.state_) {
    case Cpu::State::kIdle:
      if (explorer_ != nullptr) {
        Push(target);
      } else {
        Step(target);
      }
      return;
    case Cpu::State::kParked:
      target.UpdateInterruptAt();
      if (target.interrupt_at_ != Cpu::kNever) Unpark(target, time);
      return;
    case Cpu::State::kQueued:
      target.UpdateInterruptAt();
      return;
    case Cpu::State::kPassing:
      target.UpdateInterruptAt();
      if (target.interrupt_at_ != Cpu::kNever) {
        LowerPassing(target, std::max(time, target.interrupt_at_));
      }
      if (target.has_queued_task()) CutPass(target, time);
      return;
    case Cpu::State::kRunning:
      CHECK(false);  // What comes is delivered between steps.
  }
}

bool Scheduler::Advance() {
  const uint64_t call = CallKey();
  const uint64_t runnable = queue_.first();
  if (timers_.key() != kNobody) [[unlikely]] {
    if (TimerIsFirst(std::min(std::min(call, arrival_key_), runnable))) {
      DeliverTimer();
      return true;
    }
  }
  if (call <= arrival_key_ && call <= runnable) {
    if (call == kNobody) return false;
    DeliverCall();
  } else if (arrival_key_ <= runnable) {
    DeliverArrival();
  } else {
    Step(PopFirst());
  }
  return true;
}

void Scheduler::Run(ArrivalSource& source) {
  source_ = &source;
  stop_ = false;
  FetchArrival();
  if (explorer_ != nullptr) {
    while (arrival_key_ != kNobody) DeliverArrival();
  }
  auto* const watched = dynamic_cast<WatchedSource*>(&source);
  Watch watch;
  for (uint64_t steps = 1; Advance(); ++steps) {
    if (steps % kStepsBetweenLooks == 0 && watched != nullptr) LookAfter(*watched, watch);
  }
  for (const auto& cpu : cpus_) {
    if (cpu->state_ == Cpu::State::kIdle) continue;
    InternalError("CPUs wait for each other for ever: " + DescribeCpus());
  }
  source_ = nullptr;
}

void Scheduler::RunOn(CpuId id, std::function<Task<void>(Cpu&)> start) {
  Cpu& target = cpu(id);
  CHECK(target.state_ == Cpu::State::kIdle);
  CHECK(queue_.empty());
  CHECK(posted_.front() == nullptr);
  target.state_ = Cpu::State::kRunning;
  UpdateHorizon();
  ArmTick(target);
  Enter(target, Priority::kTask);
  target.frames_[0].task = start(target);
  if (GoesOn(target)) Continue(target);
  while (Advance()) {
  }
  CHECK(target.state_ == Cpu::State::kIdle);
}

void Scheduler::Step(Cpu& cpu) {
  cpu.state_ = Cpu::State::kRunning;
  UpdateHorizon();
  Continue(cpu);
}

void Scheduler::Continue(Cpu& cpu) {
  do {
    if (cpu.lock_wanted_ != nullptr && !cpu.lock_wanted_->Grant(cpu)) return;
    if (cpu.depth_ == 0) {
      if (!StartQueued(cpu)) return;
    } else if (!EnterInterrupt(cpu)) {
      const bool ticked = TickIfDue(cpu);
      if (cpu.frames_[cpu.depth_ - 1].pass_left > 0 && !PassOn(cpu)) return;
      // A tick takes time; others may be first then.
      if (ticked && explorer_ == nullptr && cpu.key() >= horizon_) return Push(cpu);
      ResumeChain(cpu.frames_[cpu.depth_ - 1].resume);
    }
  } while (GoesOn(cpu));
}

bool Scheduler::GoesOn(Cpu& cpu) {
  if (cpu.state_ != Cpu::State::kRunning) return false;
  Leave(cpu);
  if (cpu.depth_ == 0 && !cpu.HasWork()) {
    cpu.state_ = Cpu::State::kIdle;
    return false;
  }
  if (cpu.key() < horizon_) return true;
  Push(cpu);
  return false;
}

bool Scheduler::StartQueued(Cpu& cpu) {
  RemoteCall* const call = cpu.calls_.front();
  const Cycles due = call != nullptr ? call->due_ : cpu.queue_.front().time;
  cpu.now_ = std::max(cpu.now_, due);
  if (explorer_ == nullptr && cpu.key() >= horizon_) {
    Push(cpu);
    return false;
  }
  if (call == nullptr) {
    Start(cpu, cpu.queue_.Pop());
    return true;
  }
  ArmTick(cpu);
  cpu.calls_.Pop();
  Enter(cpu, Priority::kHardirq);
  cpu.frames_[0].call = call;
  cpu.set_part(Part::kRemoteCall);
  cpu.frames_[0].task = call->Run(cpu);
  return true;
}

void Scheduler::Start(Cpu& cpu, const Arrival& arrival) {
  ArmTick(cpu);
  Enter(cpu, arrival.priority);
  cpu.frames_[0].task = Begin(cpu, arrival);
}

void Scheduler::StartTask(Cpu& cpu, uint64_t token) {
  ArmTick(cpu);
  // What else it says of the interrupted is the same for every idle CPU.
  Cpu::Frame& frame = cpu.frames_[0];
  frame.priority = Priority::kTask;
  frame.call = nullptr;
  cpu.depth_ = 1;
  cpu.interrupt_at_ = cpu.next_tick_;
  Task<void> task = source_->Start(cpu, token);
  if (task.done() && cpu.next_tick_ > cpu.now_) {
    CHECK_EQ(cpu.locks_held_, 0);
    CHECK(cpu.irqs_enabled_);
    cpu.depth_ = 0;
    cpu.interrupt_at_ = Cpu::kNever;
    cpu.state_ = Cpu::State::kIdle;
    return;
  }
  frame.task = std::move(task);
}

void Scheduler::ChargeInterrupt(Cycles cycles) {
  ledger_.account(Part::kOperation, Site::kInterrupt).Charge(Cause::kInterrupt, cycles);
}

void Scheduler::Enter(Cpu& cpu, Priority priority) {
  CHECK_LT(cpu.depth_, Cpu::kNestingMax);
  Cpu::Frame& frame = cpu.frames_[cpu.depth_++];
  frame.priority = priority;
  frame.irqs_enabled = cpu.irqs_enabled_;
  frame.locks_held = cpu.locks_held_;
  frame.site = cpu.site_;
  frame.part = cpu.part_;
  frame.caller = cpu.caller_;
  frame.entered_at = cpu.now_;
  frame.interrupted_before = cpu.interrupted_cycles_;
  frame.call = nullptr;
  if (priority != Priority::kTask) {
    cpu.SetTally();
    cpu.set_part(Part::kOperation);
    cpu.set_site(Site::kInterrupt);
    cpu.now_ += config_.irq_entry_cycles;
    ChargeInterrupt(config_.irq_entry_cycles);
  }
  if (priority == Priority::kHardirq) cpu.irqs_enabled_ = false;
  cpu.UpdateInterruptAt();
}

void Scheduler::Leave(Cpu& cpu) {
  Cpu::Frame& frame = cpu.frames_[cpu.depth_ - 1];
  CHECK(frame.task.done());
  CHECK_EQ(cpu.locks_held_, frame.locks_held);
  frame.task = Task<void>();
  if (frame.priority != Priority::kTask) {
    cpu.now_ += config_.irq_exit_cycles;
    ChargeInterrupt(config_.irq_exit_cycles);
  }
  if (observer_ != nullptr && frame.priority != Priority::kTask) {
    const auto interrupt = frame.call != nullptr ? MachineObserver::Interrupt::kRemoteCall
                           : frame.priority == Priority::kHardirq
                               ? MachineObserver::Interrupt::kHardirq
                               : MachineObserver::Interrupt::kSoftirq;
    observer_->OnInterrupt(cpu.id(), interrupt, frame.entered_at, cpu.now_);
  }
  CHECK_EQ(cpu.irqs_enabled_, frame.priority != Priority::kHardirq && frame.irqs_enabled);
  cpu.irqs_enabled_ = frame.irqs_enabled;
  cpu.set_part(frame.part);
  cpu.set_site(frame.site);
  cpu.caller_ = frame.caller;
  --cpu.depth_;
  if (cpu.depth_ > 0) {
    cpu.SetTally();
    cpu.interrupted_cycles_ = frame.interrupted_before + (cpu.now_ - frame.entered_at);
  }
  if (cpu.depth_ == 0) {
    // A tick that fell between the last sync point and the end of what the CPU had to do.
    if (cpu.next_tick_ <= cpu.now_) TickIfDue(cpu);
    cpu.interrupt_at_ = Cpu::kNever;
  } else {
    cpu.UpdateInterruptAt();
  }
  if (frame.call != nullptr) {
    frame.call->done_ = true;
    Unpark(*frame.call->caller_, cpu.now_);
  }
}

bool Scheduler::EnterInterrupt(Cpu& cpu) {
  if (!cpu.irqs_enabled_) return false;
  const Priority current = cpu.frames_[cpu.depth_ - 1].priority;
  CHECK(current != Priority::kHardirq);  // It runs with interrupts off.
  if (RemoteCall* call = cpu.calls_.front(); call != nullptr) {
    cpu.calls_.Pop();
    cpu.now_ = std::max(cpu.now_, call->due_);
    cpu.NoteDeferral(call->due_);
    Enter(cpu, Priority::kHardirq);
    cpu.frames_[cpu.depth_ - 1].call = call;
    cpu.set_part(Part::kRemoteCall);
    cpu.frames_[cpu.depth_ - 1].task = call->Run(cpu);
    return true;
  }
  if (cpu.queue_.empty() || cpu.queue_.front().priority <= current) return false;
  if (explorer_ != nullptr ? !explorer_->InterruptNow(cpu.id())
                           : cpu.queue_.front().time > cpu.now_) {
    return false;
  }
  const Arrival arrival = cpu.queue_.front();
  if (!arrival.is_timer && !source_->MayInterrupt(cpu, arrival.token)) return false;
  cpu.queue_.Pop();
  cpu.NoteDeferral(arrival.time);
  Enter(cpu, arrival.priority);
  cpu.frames_[cpu.depth_ - 1].task = Begin(cpu, arrival);
  return true;
}

void Scheduler::ArmTick(Cpu& cpu) {
  if (tick_period_ == 0) return;
  // While it lies ahead and was not missed, the next tick stays what it is: no division.
  if (cpu.next_tick_ > cpu.now_ && cpu.next_tick_ - cpu.now_ <= tick_period_) return;
  cpu.next_tick_ = (cpu.now_ / tick_period_ + 1) * tick_period_;
}

// No allocator runs in a tick. Ticks that fell into one long stretch without interrupts are one.
bool Scheduler::TickIfDue(Cpu& cpu) {
  if (cpu.next_tick_ > cpu.now_ || !cpu.irqs_enabled_) return false;
  const Cycles cost =
      config_.irq_entry_cycles + config_.timer_tick_cycles + config_.irq_exit_cycles;
  cpu.NoteDeferral(cpu.next_tick_);
  cpu.now_ += cost;
  if (observer_ != nullptr) {
    observer_->OnInterrupt(cpu.id(), MachineObserver::Interrupt::kTick, cpu.now_ - cost, cpu.now_);
  }
  if (cpu.depth_ > 0) cpu.interrupted_cycles_ += cost;
  ChargeInterrupt(cost);
  ArmTick(cpu);
  cpu.UpdateInterruptAt();
  return true;
}

}  // namespace slablab
