// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sim/core/cpu.h"

#include <algorithm>
#include <bit>

#include "base/check.h"
#include "sim/core/scheduler.h"

namespace slablab {

namespace {

// What pushf+cli and popf/sti cost above the code around them; estimates within what Agner Fog's
// instruction tables give for recent x86-64 (CLI and STI are a few micro-operations, POPF about 20
// cycles). The same on every machine.
constexpr Cycles kIrqSaveCycles = 8;
constexpr Cycles kIrqRestoreCycles = 16;

int ExactLog2(int value) {
  const auto bits = static_cast<unsigned>(value);
  return std::has_single_bit(bits) ? std::countr_zero(bits) : -1;
}

}  // namespace

Cpu::Cpu(Scheduler& scheduler, CpuId id)
    : horizon_(scheduler.horizon_),
      account_(&scheduler.ledger().account(Part::kOperation, Site::kUse)),
      l1_hit_cycles_(scheduler.memory().l1_hit_cycles()),
      local_cmpxchg_cycles_(static_cast<uint32_t>(scheduler.config().local_cmpxchg_cycles)),
      id_(id),
      caches_(scheduler.memory().core(scheduler.config().cpus[id.index()].core)),
      memory_(scheduler.memory()),
      scheduler_(scheduler),
      ledger_(scheduler.ledger()),
      accounts_(&scheduler.ledger().accounts(Part::kOperation)),
      config_(scheduler.config()),
      overlap_shift_(ExactLog2(scheduler.config().range_overlap)),
      place_(scheduler.config().cpus[id.index()]) {
  UpdateWatched();
}

void Cpu::UpdateWatched() {
  static uint64_t none = 0;  // never written to
  watched_ = observer_ != nullptr || counts_touches_;
  firsts_ = watched_ ? Memory::Firsts{.lines = &none} : memory_.FirstsOf(caches_);
}

void Cpu::TallyOperations() {
  if (tallies_ == nullptr) tallies_ = std::make_unique<OperationTally[]>(kNestingMax);
  SetTally();
}

void Cpu::SetTally() {
  if (tallies_ == nullptr) return;
  own_tally_ = &tallies_[depth_ > 0 ? depth_ - 1 : 0];
  tally_ = own_tally_->is_open() ? own_tally_ : nullptr;
}

void Cpu::TouchFurther(Place place, Access access) {
  if (!memory_.looks_in_one_step()) return TouchFurtherInSteps(place, access);
  TouchFurtherAs<true>(place, access);
}

[[gnu::noinline]] void Cpu::TouchFurtherInSteps(Place place, Access access) {
  TouchFurtherAs<false>(place, access);
}

template <bool kOneStep>
inline void Cpu::TouchFurtherAs(Place place, Access access) {
  const Memory::Look look = memory_.LookInL1<kOneStep>(caches_, place.address.line(), access);
  if (look.in_l1() != Memory::InL1::kHit) return TouchBeyondL1(place, access, look);
  ChargeL1Hit(place.structure);
  if (watched_) [[unlikely]] {
    ShowTouch(place, access, Outcome::kL1);
  }
}

void Cpu::TouchBeyondL1(Place place, Access access, Memory::Look look) {
  const Memory::Result result = memory_.TouchFurther(caches_, place.address.line(), access, look);
  now_ += result.cycles;
  account_->Charge(place.structure, result.outcome, result.cycles);
  if (tally_ != nullptr && result.outcome != Outcome::kL1) {
    tally_->Add(place.structure, result.outcome, result.cycles);
  }
  NoteLine(place, access, result, look.handle());
  if (watched_) [[unlikely]] {
    ShowTouch(place, access, result.outcome);
  }
}

// Not inlined: most touches are of lines that stay.
[[gnu::noinline]] void Cpu::NoteBounce(Place place, Access access, Memory::Result result,
                                       uint32_t handle) {
  if (!lines_->Knows(handle)) [[unlikely]] {
    return NoteFirstBounce(place, access, result, handle);
  }
  lines_->NoteKnown({.handle = handle,
                     .address = place.address,
                     .structure = place.structure,
                     .is_write = access == Access::kWrite,
                     .outcome = result.outcome,
                     .cycles = result.cycles,
                     .cpu = id_,
                     .node = place_.node,
                     .caller = caller_});
}

[[gnu::noinline]] void Cpu::NoteFirstBounce(Place place, Access access, Memory::Result result,
                                            uint32_t handle) {
  if (lines_->Add(handle, place.address, result.cycles)) NoteBounce(place, access, result, handle);
}

void Cpu::ShowTouch(Place place, Access access, Outcome outcome) {
  if (counts_touches_) ++(access == Access::kRead ? counts_.loads : counts_.stores);
  if (observer_ != nullptr) observer_->OnTouch(*this, place, access, outcome);
}

void Cpu::TouchBehindFirst(Place place, uint64_t last, Access access) {
  if (memory_.looks_in_one_step()) {
    TouchBehindFirstAs<true>(place, last, access);
  } else {
    TouchBehindFirstAs<false>(place, last, access);
  }
}

template <bool kOneStep>
void Cpu::TouchBehindFirstAs(Place place, uint64_t last, Access access) {
  const uint64_t first = place.address.line();
  const Memory::Firsts firsts = firsts_;
  const auto overlap = static_cast<uint32_t>(config_.range_overlap);
  const int shift = overlap_shift_;
  Cycles total = 0;
  uint64_t remainder = 0;  // Whole cycles, without losing what is left of them.
  OperationTally* const tally = tally_;
  const auto charge = [&](Outcome outcome, uint64_t cycles, uint64_t count) {
    const uint64_t sum = cycles + remainder;
    const uint64_t charged = shift >= 0 ? sum >> shift : sum / overlap;
    remainder = sum - charged * overlap;
    total += charged;
    account_->Charge(place.structure, outcome, charged, count);
    if (tally != nullptr && outcome != Outcome::kL1) {
      tally->AddAll(place.structure, outcome, charged, count);
    }
  };
  uint64_t hits = 0;  // of L1, in a row, not charged yet
  const auto charge_hits = [&] {
    if (hits != 0) charge(Outcome::kL1, hits * l1_hit_cycles_, hits);
    hits = 0;
  };
  for (uint64_t line = first + 1; line <= last; ++line) {
    if (Memory::HitsFirst(firsts, line, access)) {  // Never while it is watched.
      ++hits;
      continue;
    }
    Outcome outcome = Outcome::kL1;
    const Memory::Look look = memory_.LookInL1<kOneStep>(caches_, line, access);
    if (look.in_l1() == Memory::InL1::kHit) {
      ++hits;
    } else {
      charge_hits();
      const Memory::Result result = memory_.TouchFurther(caches_, line, access, look);
      outcome = result.outcome;
      charge(outcome, result.cycles, 1);
      NoteLine({PhysAddr(line << kLineShift), place.structure}, access, result, look.handle());
    }
    if (watched_) [[unlikely]] {
      ShowTouch({PhysAddr(line << kLineShift), place.structure}, access, outcome);
    }
  }
  charge_hits();
  now_ += total;
}

void Cpu::TouchAtomic(Place place) {
  Touch(place, Access::kWrite);
  counts_.stores -= counts_touches_;
  ++counts_.atomics;
  now_ += config_.atomic_cycles;
  account_->Charge(Cause::kAtomic, config_.atomic_cycles);
  if (tally_ != nullptr) tally_->Add(Cause::kAtomic, static_cast<Cycles>(config_.atomic_cycles));
}

void Cpu::CheckOwnerOffline(CpuId owner) const { CHECK(!scheduler_.cpu(owner).online()); }

void Cpu::CheckHolder(const SpinLock* lock) const { CHECK(lock->HeldBy(*this)); }

void Cpu::CheckQuiet() const {
  CHECK_EQ(locks_held_, LocksBefore());
  CHECK_EQ(irqs_enabled_, depth_ == 0 || frames_[depth_ - 1].priority != Priority::kHardirq);
}

void Cpu::Suspend(std::coroutine_handle<> point, State state) {
  CHECK_GT(depth_, 0);
  frames_[depth_ - 1].resume = point;
  frames_[depth_ - 1].asleep = state == State::kParked;
  if (state == State::kQueued) {
    scheduler_.Push(*this);
  } else if (state == State::kPassing) {
    scheduler_.BeginPass(*this);
  } else {
    state_ = state;
  }
}

// User mode, idle or asleep. One that has run ahead of `now` is at work then.
bool Cpu::IsQuiescent(Cycles now, const Cpu& caller) const {
  if (!online_) return true;
  const int beneath = this == &caller ? depth_ - 1 : depth_;
  if (beneath == 0) return this == &caller || now_ <= now;
  if (beneath > 1 || frames_[0].priority != Priority::kTask) return false;
  return frames_[0].pass_left > 0 || frames_[0].asleep;
}

void Cpu::WaitUntil(Cycles time) {
  if (time <= now_) return;
  account_->Charge(Cause::kLockWait, time - now_);
  if (tally_ != nullptr) tally_->EndLockWait(time - now_);
  now_ = time;
}

void Cpu::ChargeWaitSince(Cycles since) {
  account_->Charge(Cause::kCpuWait, task_clock() - since);
  if (tally_ != nullptr) tally_->Add(Cause::kCpuWait, task_clock() - since);
}

// An interrupt that was due while interrupts were last off had to wait until they were on again.
void Cpu::NoteDeferral(Cycles due) {
  if (due < irqs_off_since_ || due >= irqs_on_since_) return;
  irq_off_.longest_deferral_cycles =
      std::max(irq_off_.longest_deferral_cycles, irqs_on_since_ - due);
}

IrqFlags Cpu::IrqSave() {
  ++counts_.irq_toggles;
  Execute(kIrqSaveCycles);
  if (!irqs_enabled_) return IrqFlags::kWereOff;
  irqs_enabled_ = false;
  irqs_off_since_ = now_;
  interrupt_at_ = kNever;
  return IrqFlags::kWereOn;
}

SyncPoint Cpu::IrqRestore(IrqFlags flags) {
  ++counts_.irq_toggles;
  Execute(kIrqRestoreCycles);
  CHECK(!irqs_enabled_);
  if (flags == IrqFlags::kWereOn) {
    const Cycles window = now_ - irqs_off_since_;
    ++irq_off_.windows;
    irq_off_.total_cycles += window;
    if (window > irq_off_.longest_cycles) {
      irq_off_.longest_cycles = window;
      irq_off_.longest_site = site_;
    }
    irqs_on_since_ = now_;
    irqs_enabled_ = true;
    UpdateInterruptAt();
  }
  return SyncPoint(*this);
}

Task<void> Cpu::CallOn(CpuId target, RemoteCall& call) {
  if (target == id_) {
    const IrqFlags flags = IrqSave();
    co_await call.Run(*this);
    co_await IrqRestore(flags);
    co_return;
  }
  CHECK(irqs_enabled_);  // Or two CPUs could wait for each other.
  co_await Sync();
  // -ENXIO: of one that is off line, its own things are others' business (Allocator::CpuDead).
  if (!scheduler_.cpu(target).online()) co_return;
  call.caller_ = this;
  call.target_ = &scheduler_.cpu(target);
  call.due_ = now_ + config_.ipi_cycles;
  call.done_ = false;
  scheduler_.Post(call);
  const Cycles since = task_clock();
  while (!call.done_) co_await Park();
  ChargeWaitSince(since);
}

}  // namespace slablab
