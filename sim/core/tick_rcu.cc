// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sim/core/tick_rcu.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/check.h"
#include "sim/machine/machine_config.h"

namespace slablab {
namespace {

// Linux 6.1 to 7.3, kernel/rcu/tree.c: blimit, rcu_divisor.
constexpr uint64_t kBatchLeast = 10;
constexpr int kBatchShift = 7;
constexpr int kTicksDefault = 250;  // a second
// struct rcu_data: what of it a call and a batch touch is one line.
constexpr uint64_t kRcuDataBytes = 512;

int FirstLook(const MachineConfig& config) {
  const int64_t hz = config.timer_hz == 0 ? kTicksDefault : config.timer_hz;
  return 1 + (hz > 250 ? 1 : 0) + (hz > 500 ? 1 : 0) + config.cpu_count() / 256;
}

// adjust_jiffies_till_sched_qs().
int Late(const MachineConfig& config) {
  const int hz = static_cast<int>(config.timer_hz == 0 ? kTicksDefault : config.timer_hz);
  return std::max(3 * FirstLook(config), hz / 10 + config.cpu_count() / 256);
}

Cycles TickOf(const MachineConfig& config) {
  if (config.timer_hz != 0) return config.CyclesPerTick();
  return static_cast<Cycles>(config.clock_mhz) * 1'000'000 / kTicksDefault;
}

}  // namespace

// A barrier's callback behind all those that one CPU has.
class TickRcu::BarrierHead final : public RcuHead {
 public:
  explicit BarrierHead(TickRcu& rcu) : rcu_(rcu) {}
  Task<void> RunCallback(Cpu& cpu) override {
    co_await cpu.Sync();  // Whoever waits may be another CPU's.
    if (--rcu_.barrier_pending_ == 0) rcu_.EndBarrier(cpu);
  }
  std::string_view function() const override { return "rcu_barrier_callback"; }
  Place rcu_place() const override { return place; }

  Place place;

 private:
  TickRcu& rcu_;
};

// One CPU's callbacks, and its tick.
class TickRcu::CpuRcu final : public Timer {
 public:
  CpuRcu(TickRcu& rcu, CpuId id) : barrier_(rcu), rcu_(rcu), id_(id) {}

  bool has_callbacks() const {
    return invoking_ || !done_.empty() || !stages_[0].empty() || !stages_[1].empty() ||
           !fresh_.empty();
  }
  bool needs_grace_period() const {
    return std::any_of(stages_.begin(), stages_.end(), [this](const Stage& stage) {
      return !stage.empty() && stage.grace_period > rcu_.begun_;
    });
  }

  void Push(Cpu& cpu, RcuHead& head) {
    if (place_.address.is_null()) {
      place_ = {.address = rcu_.memory_.Allocate(kRcuDataBytes, kLineSize, cpu.node()),
                .structure = Structure::kPerCpuArea};
    }
    cpu.Touch(place_, Access::kWrite);
    cpu.Touch(head.rcu_place(), Access::kWrite);
    if (!fresh_.empty()) cpu.Touch(last_.rcu_place, Access::kWrite);  // Its link.
    last_.rcu_place = head.rcu_place();
    fresh_.Push(head);
    ArmTick(cpu);
  }

  // Behind everything, to be called once all that has been. REQUIRES: has_callbacks().
  void Entrain() {
    barrier_.place = place_;
    rcu_.NoteCalled(barrier_, true);
    for (RcuQueue* queue :
         {&fresh_, static_cast<RcuQueue*>(&stages_[1]), static_cast<RcuQueue*>(&stages_[0])}) {
      if (!queue->empty()) return queue->Push(barrier_);
    }
    done_.Push(barrier_);
  }

  Task<void> Expire(Cpu& cpu) override {
    if (cpu.id() != id_) {
      TakeOver(cpu);
      co_return;
    }
    cpu.Touch(place_, Access::kWrite);
    // Whoever looks at this CPU from elsewhere finds it at work, on this.
    if (cpu.IsQuiescent(cpu.now(), cpu)) rcu_.unreported_[id_.index()] = false;
    Advance();
    if (needs_grace_period() && !rcu_.running()) rcu_.Begin(cpu);
    co_await CallDone(cpu);
    if (!done_.empty()) {
      if (!armed()) rcu_.scheduler_.Arm(*this, id_, cpu.now());
    } else {
      ArmTick(cpu);
    }
  }

 private:
  // Callbacks that wait for the end of one grace period.
  struct Stage : RcuQueue {
    uint64_t grace_period = 0;
  };

  void ArmTick(Cpu& cpu) {
    if (!armed() && has_callbacks()) rcu_.scheduler_.Arm(*this, id_, rcu_.NextTick(cpu.now()));
  }

  // What waits for a grace period that has ended is done; what is fresh needs the next one.
  void Advance() {
    for (Stage& stage : stages_) {
      if (rcu_.ended_ >= stage.grace_period) done_.Append(stage);
    }
    if (stages_[0].empty()) std::swap(stages_[0], stages_[1]);
    if (fresh_.empty()) return;
    const uint64_t next = rcu_.Snapshot();
    Stage& stage = stages_[stages_[0].empty() || stages_[0].grace_period == next ? 0 : 1];
    CHECK(stage.empty() || stage.grace_period == next);
    stage.grace_period = next;
    stage.Append(fresh_);
  }

  Task<void> CallDone(Cpu& cpu) {
    invoking_ = true;
    for (uint64_t left = std::max(kBatchLeast, done_.size() >> kBatchShift);
         left > 0 && !done_.empty(); --left) {
      RcuHead& head = done_.Pop();
      cpu.Touch(head.rcu_place(), Access::kRead);
      rcu_.NoteCalled(head, false);
      co_await head.RunCallback(cpu);
    }
    invoking_ = false;
  }

  // rcutree_migrate_callbacks(), as late as this CPU's tick.
  void TakeOver(Cpu& cpu) {
    CpuRcu& heir = *rcu_.cpus_[cpu.id().index()];
    if (heir.place_.address.is_null()) heir.place_ = place_;
    heir.done_.Append(done_);
    for (Stage& stage : stages_) heir.fresh_.Append(stage);
    heir.fresh_.Append(fresh_);
    heir.last_ = last_;
    heir.ArmTick(cpu);
  }

  BarrierHead barrier_;
  TickRcu& rcu_;
  const CpuId id_;
  Place place_;  // of struct rcu_data
  RcuQueue done_;
  std::array<Stage, 2> stages_;  // for the running grace period, and for the next
  RcuQueue fresh_;
  struct {
    Place rcu_place;
  } last_;  // of fresh_
  bool invoking_ = false;
};

// The grace period's thread: looks around at every tick.
class TickRcu::GracePeriodTimer final : public Timer {
 public:
  explicit GracePeriodTimer(TickRcu& rcu) : rcu_(rcu) {}
  Task<void> Expire(Cpu& cpu) override {
    if (rcu_.LookAround(cpu)) {
      rcu_.ended_ = rcu_.begun_;
      if (std::any_of(rcu_.cpus_.begin(), rcu_.cpus_.end(),
                      [](const auto& each) { return each->needs_grace_period(); })) {
        rcu_.Begin(cpu);
      }
    } else {
      rcu_.scheduler_.Arm(*this, cpu.id(), rcu_.NextTick(cpu.now()));
    }
    return {};
  }

 private:
  TickRcu& rcu_;
};

TickRcu::TickRcu(Scheduler& scheduler, BootMemory& memory)
    : scheduler_(scheduler),
      memory_(memory),
      tick_(TickOf(scheduler.config())),
      first_look_(FirstLook(scheduler.config())),
      late_(Late(scheduler.config())),
      thread_(std::make_unique<GracePeriodTimer>(*this)),
      unreported_(static_cast<size_t>(scheduler.cpu_count())) {
  for (int i = 0; i < scheduler.cpu_count(); ++i) {
    cpus_.push_back(std::make_unique<CpuRcu>(*this, CpuId(i)));
  }
}

TickRcu::~TickRcu() = default;

Task<void> TickRcu::Call(Cpu& cpu, RcuHead& head) {
  const IrqFlags flags = cpu.IrqSave();
  NoteCalled(head, true);
  cpus_[cpu.id().index()]->Push(cpu, head);
  co_await cpu.IrqRestore(flags);
}

// A CPU that does nothing else meanwhile.
class TickRcu::ParkedCpu final : public BarrierWaiter {
 public:
  ParkedCpu(Scheduler& scheduler, Cpu& cpu) : scheduler_(scheduler), cpu_(cpu) {}
  void MayGoOn(Cpu& by) override { scheduler_.Unpark(cpu_, by.now()); }

 private:
  Scheduler& scheduler_;
  Cpu& cpu_;
};

Task<void> TickRcu::Barrier(Cpu& cpu) {
  CHECK(!cpu.in_interrupt());
  co_await cpu.Sync();
  ParkedCpu waiter(scheduler_, cpu);
  while (!GoOnWithBarrier(cpu, waiter)) co_await cpu.Park();
}

bool TickRcu::GoOnWithBarrier(Cpu& cpu, BarrierWaiter& waiter) {
  CHECK(!cpu.in_interrupt());
  if (std::exchange(waiter.is_over_, false)) return true;
  if (barrier_owner_ == nullptr) {
    for (const auto& each : cpus_) {
      if (!each->has_callbacks()) continue;
      ++barrier_pending_;
      each->Entrain();
    }
    if (barrier_pending_ == 0) return true;
    barrier_owner_ = &waiter;
  } else if (barrier_owner_ != &waiter && std::find(barrier_next_.begin(), barrier_next_.end(),
                                                    &waiter) == barrier_next_.end()) {
    barrier_next_.push_back(&waiter);
  }
  return false;
}

// Those that wait to begin one need not wait until its owner has a CPU again.
void TickRcu::EndBarrier(Cpu& cpu) {
  BarrierWaiter* const owner = std::exchange(barrier_owner_, nullptr);
  owner->is_over_ = true;
  owner->MayGoOn(cpu);
  for (BarrierWaiter* const next : std::exchange(barrier_next_, {})) next->MayGoOn(cpu);
}

void TickRcu::NoteCalled(const RcuHead& head, bool is_new) {
  const RcuHead::Waiting waiting = head.waiting();
  callbacks_ += is_new ? 1 : -1;
  waiting_objects_ += is_new ? waiting.objects : -uint64_t{waiting.objects};
  waiting_bytes_ += is_new ? waiting.bytes : -waiting.bytes;
}

void TickRcu::Begin(Cpu& cpu) {
  ++begun_;
  ticks_ = 0;
  for (size_t i = 0; i < unreported_.size(); ++i) {
    unreported_[i] = scheduler_.cpu(CpuId(static_cast<int32_t>(i))).online();
  }
  scheduler_.Arm(*thread_, cpu.id(), NextTick(cpu.now()));
}

bool TickRcu::LookAround(const Cpu& cpu) {
  if (++ticks_ < first_look_) return false;
  bool all = true;
  for (size_t i = 0; i < unreported_.size(); ++i) {
    if (!unreported_[i]) continue;
    const Cpu& looked_at = scheduler_.cpu(CpuId(static_cast<int32_t>(i)));
    unreported_[i] = !looked_at.IsQuiescent(cpu.now(), cpu);
    all = all && !unreported_[i];
  }
  return all;
}

}  // namespace slablab
