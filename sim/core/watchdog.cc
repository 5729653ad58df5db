// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// What the scheduler does about CPUs from whose work nothing comes.

#include <string>

#include "base/internal_error.h"
#include "sim/core/scheduler.h"
#include "sim/core/watched_source.h"

namespace slablab {

void Scheduler::LookAfter(WatchedSource& source, Watch& watch) {
  watch.stalled_steps += kStepsBetweenLooks;
  if (const uint64_t progress = source.Progress(); progress != watch.progress) {
    watch.progress = progress;
    watch.stalled_steps = 0;
  }
  if (watch.stalled_steps < kStallSteps) return;
  if (watch.ending || !source.OnStall()) {
    InternalError("nothing comes of what the CPUs do: " + DescribeCpus());
  }
  watch.ending = true;
  watch.stalled_steps = 0;
}

std::string Scheduler::DescribeCpus() const {
  const auto* const watched = dynamic_cast<const WatchedSource*>(source_);
  std::string all;
  for (const auto& cpu : cpus_) {
    if (cpu->state_ == Cpu::State::kIdle) continue;
    all += (all.empty() ? "CPU " : "; CPU ") + std::to_string(cpu->id().value()) +
           (cpu->online_ ? "" : " (off line)") + WaitOf(*cpu) +
           (cpu->in_interrupt() ? ", in an interrupt" : "") +
           (cpu->irqs_enabled() ? "" : ", interrupts off");
    if (watched == nullptr) continue;
    if (const std::string work = watched->WorkOf(*cpu); !work.empty()) all += ": " + work;
  }
  if (all.empty()) all = "all are idle";
  const std::string others = watched == nullptr ? "" : watched->WhoWaits();
  return others.empty() ? all : all + ". " + others;
}

// For a lock and its holder, a call, or somebody who wakes it.
std::string Scheduler::WaitOf(const Cpu& cpu) const {
  if (const SpinLock* const lock = cpu.lock_wanted_; lock != nullptr) {
    return " waits for a lock " + lock->class_->name +
           (lock->holder_ == nullptr
                ? ", which is free"
                : ", which CPU " + std::to_string(lock->holder_->id().value()) + " holds");
  }
  if (cpu.state_ != Cpu::State::kParked) return " is at work";
  for (const auto& target : cpus_) {
    bool called = false;
    for (int i = 0; i < target->depth_; ++i) {
      const RemoteCall* const call = target->frames_[static_cast<size_t>(i)].call;
      called |= call != nullptr && call->caller_ == &cpu;
    }
    const RemoteCallList* const lists[] = {&target->calls_, &posted_};
    for (const RemoteCallList* calls : lists) {
      for (const RemoteCall* call = calls->front(); call != nullptr; call = call->next_) {
        called |= call->caller_ == &cpu && call->target_ == target.get();
      }
    }
    if (called) return " waits for its call of CPU " + std::to_string(target->id().value());
  }
  return " waits to be woken";
}

}  // namespace slablab
