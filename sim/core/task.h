// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_SIM_CORE_TASK_H_
#define SLABLAB_SIM_CORE_TASK_H_

#include <array>
#include <coroutine>
#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>

#include "base/check.h"

// The coroutine that every operation of a model is. The reader's rule: `co_await` marks exactly
// where another CPU or an interrupt may run; nothing else does.
//
// A Task starts at once and runs until its first suspension. Whoever awaits a finished task goes
// on without suspending. When a suspended task finishes, its awaiter is not resumed from inside it
// but handed to the scheduler's loop (ResumeChain), so that the stack stays flat however deep the
// calls. Frames come from a pool: after warm-up a call allocates nothing.
//
// A function that need not wait after all may answer Task(result) instead of being a coroutine: it
// costs no frame. The shortest paths do so.

namespace slablab {

namespace internal {

// Recycles coroutine frames by size. One per host thread; simulations are single-threaded.
class FramePool {
 public:
  static void* Allocate(size_t bytes) {
    const size_t index = IndexOf(bytes);
    if (index >= kClasses) return ::operator new(bytes);
    FreeFrame*& head = free_[index];
    if (head == nullptr) return ::operator new((index + 1) * kGranule);
    FreeFrame* const frame = head;
    head = frame->next;
    return frame;
  }
  static void Release(void* frame, size_t bytes) {
    const size_t index = IndexOf(bytes);
    if (index >= kClasses) return ::operator delete(frame);
    free_[index] = new (frame) FreeFrame{free_[index]};
  }

 private:
  struct FreeFrame {
    FreeFrame* next;
  };
  static constexpr size_t kGranule = 64;
  static constexpr size_t kClasses = 32;
  static size_t IndexOf(size_t bytes) { return (bytes - 1) / kGranule; }
  static inline thread_local std::array<FreeFrame*, kClasses> free_{};
};

// Whom the task that just finished returns to; null if nobody awaits it.
inline thread_local std::coroutine_handle<> returns_to;

struct PromiseBase {
  std::coroutine_handle<> awaiter;

  static void* operator new(size_t bytes) { return FramePool::Allocate(bytes); }
  static void operator delete(void* frame, size_t bytes) { FramePool::Release(frame, bytes); }

  std::suspend_never initial_suspend() noexcept { return {}; }
  struct Final {
    bool await_ready() noexcept { return false; }
    template <typename Promise>
    void await_suspend(std::coroutine_handle<Promise> finished) noexcept {
      if (finished.promise().awaiter) returns_to = finished.promise().awaiter;
    }
    void await_resume() noexcept {}
  };
  Final final_suspend() noexcept { return {}; }
  [[noreturn]] void unhandled_exception() noexcept { std::abort(); }
};

template <typename T>
struct Promise : PromiseBase {
  T value{};
  std::coroutine_handle<Promise> get_return_object() {
    return std::coroutine_handle<Promise>::from_promise(*this);
  }
  void return_value(T result) { value = std::move(result); }
};

template <>
struct Promise<void> : PromiseBase {
  std::coroutine_handle<Promise> get_return_object() {
    return std::coroutine_handle<Promise>::from_promise(*this);
  }
  void return_void() {}
};

}  // namespace internal

namespace internal {

// A Task's result where there is no frame to hold it.
template <typename T>
struct Immediate {
  T value{};
};
template <>
struct Immediate<void> {};

}  // namespace internal

template <typename T = void>
class [[nodiscard]] Task {
 public:
  using promise_type = internal::Promise<T>;

  // Done; with a default result, if it has one.
  Task() = default;
  // Done, with this result.
  template <typename U>
    requires(!std::is_void_v<T> && std::is_constructible_v<T, U>)
  explicit Task(U&& result) : immediate_{T(std::forward<U>(result))} {}
  // NOLINTNEXTLINE: the compiler converts what get_return_object answers.
  Task(std::coroutine_handle<promise_type> frame) : frame_(frame) {}
  Task(Task&& other) noexcept
      : frame_(std::exchange(other.frame_, nullptr)), immediate_(std::move(other.immediate_)) {}
  Task& operator=(Task&& other) noexcept {
    if (frame_) frame_.destroy();
    frame_ = std::exchange(other.frame_, nullptr);
    immediate_ = std::move(other.immediate_);
    return *this;
  }
  ~Task() {
    if (frame_) frame_.destroy();
  }

  bool done() const { return !frame_ || frame_.done(); }
  // The result of a task that is done.
  T result() const {
    CHECK(done());
    if constexpr (!std::is_void_v<T>) return frame_ ? frame_.promise().value : immediate_.value;
  }

  bool await_ready() const noexcept { return done(); }
  void await_suspend(std::coroutine_handle<> awaiter) noexcept {
    frame_.promise().awaiter = awaiter;
  }
  T await_resume() {
    if constexpr (!std::is_void_v<T>) {
      return std::move(frame_ ? frame_.promise().value : immediate_.value);
    }
  }

 private:
  std::coroutine_handle<promise_type> frame_;
  [[no_unique_address]] internal::Immediate<T> immediate_;
};

// Resumes a suspended coroutine and, as each one finishes, the one that awaited it; returns when
// one suspends again or the outermost is done.
inline void ResumeChain(std::coroutine_handle<> point) {
  while (point) {
    internal::returns_to = nullptr;
    point.resume();
    point = std::exchange(internal::returns_to, nullptr);
  }
}

}  // namespace slablab

#endif  // SLABLAB_SIM_CORE_TASK_H_
