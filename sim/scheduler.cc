// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sim/scheduler.h"

#include <algorithm>
#include <utility>

#include "sim/check.h"

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
    : config_(config), memory_(memory), ledger_(ledger) {
  CHECK_LE(config.cpu_count(), 1 << Cpu::kKeyCpuBits);
  for (int i = 0; i < config.cpu_count(); ++i) cpus_.emplace_back(*this, CpuId(i));
  heap_.reserve(cpus_.size());
}

Cycles Scheduler::now() const {
  Cycles latest = 0;
  for (const Cpu& cpu : cpus_) latest = std::max(latest, cpu.now());
  return latest;
}

LockClass* Scheduler::AddLockClass(std::string name, int rank) {
  lock_classes_.push_back({.name = std::move(name), .rank = rank});
  return &lock_classes_.back();
}

void Scheduler::ResetLockStats() {
  for (LockClass& lock_class : lock_classes_) {
    lock_class = {.name = std::move(lock_class.name), .rank = lock_class.rank};
  }
}

void Scheduler::SetOnline(CpuId id, bool online) {
  Cpu& target = cpu(id);
  CHECK_NE(target.online_, online);
  CHECK(target.state_ == Cpu::State::kIdle);
  target.online_ = online;
}

void Scheduler::Push(Cpu& cpu) {
  cpu.state_ = Cpu::State::kQueued;
  heap_.push_back(cpu.key());
  std::push_heap(heap_.begin(), heap_.end(), std::greater<>());
}

Cpu& Scheduler::PopFirst() {
  size_t index = 0;
  if (explorer_ != nullptr) {
    std::sort(heap_.begin(), heap_.end(), [](uint64_t a, uint64_t b) {
      constexpr uint64_t kCpuMask = (1 << Cpu::kKeyCpuBits) - 1;
      return (a & kCpuMask) < (b & kCpuMask);
    });
    runnable_.clear();
    for (uint64_t key : heap_) {
      runnable_.push_back(CpuId(static_cast<int32_t>(key & ((1 << Cpu::kKeyCpuBits) - 1))));
    }
    index = explorer_->Choose(runnable_);
    CHECK_LT(index, heap_.size());
    heap_.erase(heap_.begin() + static_cast<ptrdiff_t>(index));
    const CpuId chosen = runnable_[index];
    std::make_heap(heap_.begin(), heap_.end(), std::greater<>());
    return cpu(chosen);
  }
  std::pop_heap(heap_.begin(), heap_.end(), std::greater<>());
  const uint64_t key = heap_.back();
  heap_.pop_back();
  return cpus_[key & ((1 << Cpu::kKeyCpuBits) - 1)];
}

void Scheduler::UpdateHorizon() {
  if (explorer_ != nullptr) {
    horizon_ = 0;  // Every sync point suspends.
    return;
  }
  horizon_ = heap_.empty() ? kNobody : heap_.front();
  if (has_arrival_) horizon_ = std::min(horizon_, KeyOf(arrival_));
}

void Scheduler::MakeRunnable(Cpu& cpu) {
  Push(cpu);
  horizon_ = std::min(horizon_, cpu.key());
}

void Scheduler::Unpark(Cpu& cpu, Cycles time) {
  if (cpu.state_ != Cpu::State::kParked) return;
  cpu.now_ = std::max(cpu.now_, time);
  MakeRunnable(cpu);
}

void Scheduler::Post(CpuId target, RemoteCall& call) {
  Cpu& to = cpu(target);
  CHECK(to.online_);
  RemoteCall** last = &to.calls_;
  while (*last != nullptr) last = &(*last)->next_;
  *last = &call;
  to.UpdateInterruptAt();
  if (to.state_ == Cpu::State::kIdle) {
    to.now_ = std::max(to.now_, call.due_);
    MakeRunnable(to);
  } else if (to.lock_wanted_ == nullptr && to.interrupt_at_ != Cpu::kNever) {
    Unpark(to, call.due_);
  }
}

void Scheduler::FetchArrival() {
  has_arrival_ = !stop_ && source_ != nullptr && source_->Next(&arrival_);
}

void Scheduler::Deliver() {
  const Arrival arrival = arrival_;
  FetchArrival();
  Cpu& target = cpu(arrival.cpu);
  CHECK(target.online_);
  target.queue_.Push(arrival);
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
      if (target.lock_wanted_ == nullptr && target.interrupt_at_ != Cpu::kNever) {
        Unpark(target, arrival.time);
      }
      return;
    case Cpu::State::kQueued:
      target.UpdateInterruptAt();
      return;
    case Cpu::State::kRunning:
      CHECK(false);  // Arrivals are delivered between steps.
  }
}

void Scheduler::Run(ArrivalSource& source) {
  source_ = &source;
  stop_ = false;
  FetchArrival();
  if (explorer_ != nullptr) {
    while (has_arrival_) Deliver();
  }
  while (has_arrival_ || !heap_.empty()) {
    if (has_arrival_ && (heap_.empty() || KeyOf(arrival_) <= heap_.front())) {
      Deliver();
    } else {
      Step(PopFirst());
    }
  }
  source_ = nullptr;
  for (const Cpu& cpu : cpus_) CHECK(cpu.state_ == Cpu::State::kIdle);  // Else they wait for ever.
}

void Scheduler::RunOn(CpuId id, std::function<Task<void>(Cpu&)> start) {
  Cpu& target = cpu(id);
  CHECK(target.state_ == Cpu::State::kIdle);
  CHECK(heap_.empty());
  target.state_ = Cpu::State::kRunning;
  UpdateHorizon();
  Enter(target, Priority::kTask);
  target.frames_[0].task = start(target);
  if (target.state_ == Cpu::State::kRunning) {
    Leave(target);
    target.state_ = Cpu::State::kIdle;
  }
  while (!heap_.empty()) Step(PopFirst());
  CHECK(target.state_ == Cpu::State::kIdle);
}

void Scheduler::Step(Cpu& cpu) {
  cpu.state_ = Cpu::State::kRunning;
  UpdateHorizon();
  for (;;) {
    if (cpu.lock_wanted_ != nullptr && !cpu.lock_wanted_->Grant(cpu)) return;
    if (cpu.depth_ == 0) {
      if (cpu.queue_.empty() && cpu.calls_ == nullptr) {
        cpu.state_ = Cpu::State::kIdle;
        return;
      }
      if (!StartQueued(cpu)) return;
    } else if (!EnterInterrupt(cpu)) {
      ResumeChain(cpu.frames_[cpu.depth_ - 1].resume);
    }
    if (cpu.state_ != Cpu::State::kRunning) return;
    Leave(cpu);
    const bool goes_on = cpu.depth_ > 0 || !cpu.queue_.empty() || cpu.calls_ != nullptr;
    if (goes_on && cpu.key() >= horizon_) return Push(cpu);
  }
}

bool Scheduler::StartQueued(Cpu& cpu) {
  const Cycles due = cpu.calls_ != nullptr ? cpu.calls_->due_ : cpu.queue_.front().time;
  cpu.now_ = std::max(cpu.now_, due);
  if (explorer_ == nullptr && cpu.key() >= horizon_) {
    Push(cpu);
    return false;
  }
  if (config_.timer_hz > 0) {
    const Cycles period = config_.CyclesPerTick();
    cpu.next_tick_ = (cpu.now_ / period + 1) * period;
  }
  if (cpu.calls_ != nullptr) {
    RemoteCall* call = std::exchange(cpu.calls_, cpu.calls_->next_);
    Enter(cpu, Priority::kHardirq);
    cpu.frames_[0].call = call;
    cpu.frames_[0].task = call->Run(cpu);
  } else {
    const Arrival arrival = cpu.queue_.Pop();
    Enter(cpu, arrival.priority);
    cpu.frames_[0].task = source_->Start(cpu, arrival.token);
  }
  return true;
}

void Scheduler::Enter(Cpu& cpu, Priority priority) {
  CHECK_LT(cpu.depth_, Cpu::kNestingMax);
  Cpu::Frame& frame = cpu.frames_[cpu.depth_++];
  frame.priority = priority;
  frame.irqs_enabled = cpu.irqs_enabled_;
  frame.site = cpu.site_;
  frame.entered_at = cpu.now_;
  frame.call = nullptr;
  if (priority != Priority::kTask) {
    const SiteScope site(cpu, Site::kInterrupt);
    cpu.now_ += config_.irq_entry_cycles;
    ledger_.Charge(Site::kInterrupt, Cause::kInterrupt, config_.irq_entry_cycles);
  }
  if (priority == Priority::kHardirq) cpu.irqs_enabled_ = false;
  cpu.UpdateInterruptAt();
}

void Scheduler::Leave(Cpu& cpu) {
  Cpu::Frame& frame = cpu.frames_[cpu.depth_ - 1];
  CHECK(frame.task.done());
  CHECK_EQ(cpu.locks_held_, 0);
  frame.task = Task<void>();
  if (frame.priority != Priority::kTask) {
    cpu.now_ += config_.irq_exit_cycles;
    ledger_.Charge(Site::kInterrupt, Cause::kInterrupt, config_.irq_exit_cycles);
  }
  CHECK_EQ(cpu.irqs_enabled_, frame.priority != Priority::kHardirq && frame.irqs_enabled);
  cpu.irqs_enabled_ = frame.irqs_enabled;
  cpu.site_ = frame.site;
  --cpu.depth_;
  if (cpu.depth_ > 0 && cpu.frames_[cpu.depth_ - 1].priority == Priority::kTask) {
    cpu.interrupted_cycles_ += cpu.now_ - frame.entered_at;
  }
  cpu.UpdateInterruptAt();
  if (frame.call != nullptr) {
    frame.call->done_ = true;
    Unpark(*frame.call->caller_, cpu.now_);
  }
}

bool Scheduler::EnterInterrupt(Cpu& cpu) {
  while (cpu.irqs_enabled_ && cpu.next_tick_ <= cpu.now_ &&
         cpu.frames_[cpu.depth_ - 1].priority != Priority::kHardirq) {
    Tick(cpu);
  }
  if (!cpu.irqs_enabled_) return false;
  const Priority current = cpu.frames_[cpu.depth_ - 1].priority;
  RemoteCall* call = cpu.calls_;
  if (call != nullptr && current < Priority::kHardirq &&
      (explorer_ != nullptr || call->due_ <= cpu.now_)) {
    cpu.now_ = std::max(cpu.now_, call->due_);
    cpu.calls_ = call->next_;
    cpu.NoteDeferral(call->due_);
    Enter(cpu, Priority::kHardirq);
    cpu.frames_[cpu.depth_ - 1].call = call;
    cpu.frames_[cpu.depth_ - 1].task = call->Run(cpu);
    return true;
  }
  if (cpu.queue_.empty() || cpu.queue_.front().priority <= current) return false;
  if (explorer_ != nullptr ? !explorer_->InterruptNow(cpu.id())
                           : cpu.queue_.front().time > cpu.now_) {
    return false;
  }
  if (!source_->MayInterrupt(cpu, cpu.queue_.front().token)) return false;
  const Arrival arrival = cpu.queue_.Pop();
  cpu.NoteDeferral(arrival.time);
  Enter(cpu, arrival.priority);
  cpu.frames_[cpu.depth_ - 1].task = source_->Start(cpu, arrival.token);
  return true;
}

// The tick's own work: no allocator runs in it.
void Scheduler::Tick(Cpu& cpu) {
  const Cycles cost =
      config_.irq_entry_cycles + config_.timer_tick_cycles + config_.irq_exit_cycles;
  cpu.NoteDeferral(cpu.next_tick_);
  cpu.now_ += cost;
  cpu.interrupted_cycles_ += cost;
  ledger_.Charge(Site::kInterrupt, Cause::kInterrupt, cost);
  const Cycles period = config_.CyclesPerTick();
  cpu.next_tick_ = (cpu.now_ / period + 1) * period;
  cpu.UpdateInterruptAt();
}

}  // namespace slablab
