// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_SIM_CORE_RCU_H_
#define SLABLAB_SIM_CORE_RCU_H_

#include <cstdint>
#include <string_view>

#include "base/types.h"
#include "sim/core/fields.h"
#include "sim/core/task.h"

// Read-copy-update: what has to wait until nobody can still be reading is handed over, and called
// when every CPU has been through a quiescent state since (kernel/rcu/tree.c). A model asks its
// machine for it: Machine::rcu().

namespace slablab {

class Cpu;

// A callback: the kernel's struct rcu_head, a part of the record that waits. One that was handed
// over is the Rcu's until RunCallback is called, which may hand it over again or end its life.
class RcuHead {
 public:
  // In softirq context on the CPU that handed it over, or that took over what an off line one had.
  virtual Task<void> RunCallback(Cpu& cpu) = 0;
  // The kernel's function: "rcu_free_sheaf". Valid for the program's life.
  virtual std::string_view function() const = 0;
  // Where the struct rcu_head lies: 16 bytes.
  virtual Place rcu_place() const = 0;
  // How much waits with it: objects, and their caches' object sizes in bytes.
  struct Waiting {
    uint32_t objects = 0;
    uint64_t bytes = 0;
  };
  virtual Waiting waiting() const { return {}; }

 protected:
  RcuHead() = default;
  ~RcuHead() = default;

 private:
  friend class RcuQueue;
  RcuHead* next_ = nullptr;
};

// Callbacks, first in first out. Owns none of them.
class RcuQueue {
 public:
  bool empty() const { return first_ == nullptr; }
  uint64_t size() const { return size_; }
  RcuHead* front() const { return first_; }
  static RcuHead* Next(const RcuHead& head) { return head.next_; }

  void Push(RcuHead& head) {
    head.next_ = nullptr;
    (first_ == nullptr ? first_ : last_->next_) = &head;
    last_ = &head;
    ++size_;
  }
  // REQUIRES: not empty.
  RcuHead& Pop() {
    RcuHead& head = *first_;
    first_ = head.next_;
    head.next_ = nullptr;
    --size_;
    return head;
  }
  // All of `other` behind what is here, in its order.
  void Append(RcuQueue& other) {
    if (other.empty()) return;
    (first_ == nullptr ? first_ : last_->next_) = other.first_;
    last_ = other.last_;
    size_ += other.size_;
    other = RcuQueue();
  }

 private:
  RcuHead* first_ = nullptr;
  RcuHead* last_ = nullptr;
  uint64_t size_ = 0;
};

class Rcu {
 public:
  virtual ~Rcu() = default;
  // call_rcu(), in any context. REQUIRES: `head` is in no queue.
  virtual Task<void> Call(Cpu& cpu, RcuHead& head) = 0;
  // rcu_barrier(): comes back when all that was handed over before, by any CPU, has been called. In
  // task context, interrupts on.
  virtual Task<void> Barrier(Cpu& cpu) = 0;
  // get_state_synchronize_rcu(): names the first grace period that begins after now; asks for none.
  virtual uint64_t Snapshot() const = 0;
  // poll_state_synchronize_rcu(): whether the one that a snapshot names has ended.
  virtual bool HasEnded(uint64_t snapshot) const = 0;

  // For those whose CPUs do more than one thing at a time, as they do it.
  // rcu_note_context_switch(): the CPU goes from one task to another.
  virtual void NoteSwitch(const Cpu& /*cpu*/) {}
  // A task of it is back in user mode, between two system calls.
  virtual void NoteUserMode(const Cpu& /*cpu*/) {}
  // rcu_barrier() in steps, of who does something else with its CPU meanwhile: on any CPU in task
  // context with interrupts on, at its place in global time order. Answers true: it is over. Else
  // `waiter`, which stays where it is, is told when to ask again; to ask before does no harm.
  class BarrierWaiter {
   public:
    // Perhaps more than once. In softirq context on `by`.
    virtual void MayGoOn(Cpu& by) = 0;

   protected:
    ~BarrierWaiter() = default;

   private:
    friend class TickRcu;
    bool is_over_ = false;  // and it has not asked yet
  };
  virtual Task<bool> ContinueBarrier(Cpu& cpu, BarrierWaiter& waiter) = 0;
};

}  // namespace slablab

#endif  // SLABLAB_SIM_CORE_RCU_H_
