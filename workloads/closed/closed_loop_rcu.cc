// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <utility>

#include "workloads/closed/closed_loop.h"

// Behind barriers of RCU: who waits there keeps no CPU. A task gives its own to others, and walks
// on when it has one again; what a disturbance began is a thread that walks on where it began.

namespace slablab {

ClosedLoop::RcuThread& ClosedLoop::NewRcuThread() {
  KvfreeRcu& kvfree_rcu = executor_.rcu_frees().BeginBarrier();
  if (rcu_threads_free_.empty()) {
    const auto index = static_cast<uint32_t>(rcu_threads_.size());
    rcu_threads_.push_back(std::make_unique<RcuThread>(*this, index, kvfree_rcu));
    rcu_threads_free_.push_back(index);
  }
  RcuThread& thread = *rcu_threads_[rcu_threads_free_.back()];
  rcu_threads_free_.pop_back();
  ++rcu_threads_out_;
  return thread;
}

void ClosedLoop::RcuThread::GoOn(Cpu& by) {
  if (task != kNoTask) return loop_.Wake(by, task, by.now(), kNoTask, /*sync=*/false);
  loop_.SendFor({.time = by.now(), .about = index_, .cpu = cpu, .kind = Agenda::Kind::kRcuBarrier});
}

// Whether it is over, and the thread not in use any more.
Task<bool> ClosedLoop::WalkBarrier(Cpu& cpu, RcuThread* thread) {
  const PartScope part(cpu, Part::kTimer);
  const bool over = co_await thread->Continue(cpu);
  if (!over) co_return false;
  NoteFootprint(cpu.now());
  rcu_threads_free_.push_back(thread->index());
  --rcu_threads_out_;
  co_return true;
}

Task<bool> ClosedLoop::AwaitRcu(Cpu& cpu, TaskIndex task) {
  TaskRecord& record = tasks_[task];
  if (record.rcu_thread == nullptr) {
    co_await cpu.Sync();
    record.rcu_thread = &NewRcuThread();
    record.rcu_thread->task = task;
  }
  Task<bool> walk = WalkBarrier(cpu, record.rcu_thread);
  const bool over = co_await walk;
  if (over) {
    record.rcu_thread = nullptr;
  } else {
    record.state = TaskState::kInRcuBarrier;
  }
  co_return over;
}

Task<void> ClosedLoop::BeginRcuBarrier(Cpu& cpu, std::function<void(Cpu&)> done) {
  co_await cpu.Sync();
  RcuThread& thread = NewRcuThread();
  thread.task = kNoTask;
  thread.cpu = cpu.id();
  thread.done = std::move(done);
  Task<void> walk = RunRcuThread(cpu, thread.index());
  co_await walk;
}

Task<void> ClosedLoop::RunRcuThread(Cpu& cpu, uint32_t index) {
  RcuThread& thread = *rcu_threads_[index];
  Task<bool> walk = WalkBarrier(cpu, &thread);
  const bool over = co_await walk;
  if (over) std::exchange(thread.done, nullptr)(cpu);
}

}  // namespace slablab
