// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// What the machine's own timers bring to CPUs.

#include <algorithm>
#include <bit>

#include "sim/core/scheduler.h"
#include "sim/core/watched_source.h"

namespace slablab {

void Scheduler::Arm(Timer& timer, CpuId cpu, Cycles due) {
  CHECK_LT(due, kTimeEnd);
  timers_.Push(timer, KeyOf(due, cpu));
  if (explorer_ == nullptr) horizon_ = std::min(horizon_, timers_.key());
}

// What comes next is a timer's, unless there is nothing else: then timers go on only for a CPU, or
// for one of the source's, that waits for what they bring.
bool Scheduler::TimerIsFirst(uint64_t others) const {
  if (timers_.key() == kNobody) return false;
  if (others != kNobody) return explorer_ == nullptr && timers_.key() <= others;
  const auto* const watched = dynamic_cast<const WatchedSource*>(source_);
  if (watched != nullptr && watched->AwaitsTimers()) return true;
  return std::any_of(cpus_.begin(), cpus_.end(),
                     [](const auto& cpu) { return cpu->state_ != Cpu::State::kIdle; });
}

void Scheduler::DeliverTimer() {
  const Cycles due = timers_.key() >> Cpu::kKeyCpuBits;
  size_t target = CpuOf(timers_.key());
  Timer& timer = timers_.Pop();
  for (size_t i = 0; !cpus_[target]->online_ && i < cpus_.size(); ++i) {
    if (cpus_[i]->online_) target = i;
  }
  Cpu& cpu = *cpus_[target];
  cpu.queue_.PushBeforeTasks({.time = due,
                              .token = std::bit_cast<uint64_t>(&timer),
                              .cpu = cpu.id(),
                              .priority = Priority::kSoftirq,
                              .is_timer = true});
  Notify(cpu, due);
}

Task<void> Scheduler::Begin(Cpu& cpu, const Arrival& arrival) {
  if (!arrival.is_timer) return source_->Start(cpu, arrival.token);
  cpu.set_part(Part::kTimer);
  return std::bit_cast<Timer*>(arrival.token)->Expire(cpu);
}

}  // namespace slablab
