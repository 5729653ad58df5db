// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/closed/fair_scheduler.h"

#include <algorithm>
#include <bit>
#include <functional>

#include "base/check.h"

namespace slablab {

namespace {

constexpr unsigned kScaledCpusMax = 8;
// A queue elsewhere is preferred by so many hundredths (half of the scheduling domains'
// imbalance_pct of 117).
constexpr size_t kPreviousLoadPercent = 108;
constexpr Cycles kAverageShare = 8;  // of the newest in an average

}  // namespace

FairScheduler::FairScheduler(const MachineConfig& machine, uint32_t tasks,
                             const FairTunables& tunables)
    : tasks_(tasks),
      cpus_(static_cast<size_t>(machine.cpu_count())),
      domains_(static_cast<size_t>(machine.domain_count)),
      nodes_(static_cast<size_t>(machine.node_count())) {
  const auto cycles = [&](uint64_t nanos) {
    return nanos * static_cast<uint64_t>(machine.clock_mhz) / 1000;
  };
  const auto count = static_cast<unsigned>(machine.cpu_count());
  const auto factor = static_cast<uint64_t>(std::bit_width(std::min(count, kScaledCpusMax)));
  latency_ = cycles(tunables.latency_ns * factor);
  min_granularity_ = cycles(tunables.min_granularity_ns * factor);
  wakeup_granularity_ = cycles(tunables.wakeup_granularity_ns * factor);
  migration_cost_ = cycles(tunables.migration_cost_ns);
  tick_ = cycles(tunables.tick_ns);
  balance_cost_ = cycles(tunables.balance_cost_ns);
  cache_nice_tries_ = tunables.cache_nice_tries;
  balance_interval_ = cycles(1'000'000) * tunables.busy_factor;
  second_ = cycles(1'000'000'000);
  for (int i = 0; i < machine.cpu_count(); ++i) {
    const CpuId cpu(i);
    const CpuPlace& place = machine.cpus[cpu.index()];
    CpuRecord& record = cpus_[cpu.index()];
    record.average_idle = 2 * migration_cost_;
    record.groups = {&domains_[place.domain.index()], &nodes_[place.node.index()], &machine_};
    for (size_t level = 0; level < kLevels; ++level) {
      record.places[level] = record.groups[level]->size();
      record.groups[level]->Add(cpu);
    }
  }
  for (Group& domain : domains_) domain.Finish();
  for (Group& node : nodes_) node.Finish();
  machine_.Finish();
  for (CpuRecord& record : cpus_) TellGroups(record);
}

// --- What is known of many. ---

void FairScheduler::Group::Finish() {
  if (cpus_.empty()) return;  // A node may have memory alone.
  idle_.resize((cpus_.size() + 63) / 64);
  crowded_.emplace(cpus_.size());
}

void FairScheduler::Group::SetRunning(size_t place, size_t tasks) {
  crowded_->Set(place, tasks < 2 ? WinnerTree::kNobody : (UINT32_MAX - tasks) << 32 | place);
}

std::optional<CpuId> FairScheduler::Group::IdleFrom(size_t from) const {
  uint64_t mask = ~uint64_t{0} << from % 64;
  for (size_t word = from / 64; word < idle_.size(); ++word, mask = ~uint64_t{0}) {
    const uint64_t idle = idle_[word] & mask;
    if (idle != 0) return cpus_[word * 64 + static_cast<size_t>(std::countr_zero(idle))];
  }
  return std::nullopt;
}

std::optional<CpuId> FairScheduler::Group::Busiest() const {
  if (crowded_->empty()) return std::nullopt;
  return cpus_[crowded_->first() & UINT32_MAX];
}

void FairScheduler::TellGroups(CpuRecord& cpu) {
  const size_t running = cpu.ready.size() + (cpu.current != kNoTask);
  const bool idle = cpu.available && running == 0;
  if (idle != cpu.idle) {
    cpu.idle = idle;
    for (size_t i = 0; i < kLevels; ++i) cpu.groups[i]->FlipIdle(cpu.places[i]);
  }
  if (running != cpu.running) {
    const bool shows = std::max(running, cpu.running) >= 2;
    cpu.running = running;
    for (size_t i = 0; shows && i < kLevels; ++i) {
      cpu.groups[i]->SetRunning(cpu.places[i], running);
    }
  }
}

void FairScheduler::SetAvailable(CpuId cpu, bool available) {
  cpus_[cpu.index()].available = available;
  TellGroups(cpus_[cpu.index()]);
}

bool FairScheduler::SharesCache(CpuId a, CpuId b) const {
  return cpus_[a.index()].groups[0] == cpus_[b.index()].groups[0];
}

// --- Where to wake up. ---

// Counts how often a task wakes another than the last time; halved every second.
void FairScheduler::NoteWakee(const Waker& waker, TaskIndex wakee, Cycles now) {
  if (waker.task == kNoTask) return;
  TaskRecord& record = tasks_[waker.task];
  if (now - std::min(now, record.flips_since) > second_) {
    record.wakee_flips /= 2;
    record.flips_since = now;
  }
  if (record.last_wakee == wakee) return;
  record.last_wakee = wakee;
  ++record.wakee_flips;
}

// One that wakes many, each of which wakes several: they are too many to gather around its CPU.
bool FairScheduler::WakesWide(const Waker& waker, TaskIndex wakee) const {
  if (waker.task == kNoTask) return false;
  uint64_t master = tasks_[waker.task].wakee_flips;
  uint64_t slave = tasks_[wakee].wakee_flips;
  const uint64_t factor = cpus_[waker.cpu.index()].groups[0]->size();
  if (master < slave) std::swap(master, slave);
  return slave >= factor && master >= slave * factor;
}

CpuId FairScheduler::WakeAffine(const Waker& waker, CpuId previous) const {
  const CpuId here = waker.cpu;
  if (Idle(here) && SharesCache(here, previous)) return Idle(previous) ? previous : here;
  if (waker.sync && Running(here) == 1) return here;
  if (Idle(previous)) return previous;
  // With the task itself; the waker, if it is about to wait, does not count.
  const size_t load = Running(here) + 1 - (waker.sync && Running(here) > 0);
  return load * 100 < Running(previous) * kPreviousLoadPercent + waker.sync ? here : previous;
}

CpuId FairScheduler::IdleSibling(CpuId previous, CpuId target) const {
  if (Idle(target)) return target;
  if (SharesCache(previous, target) && Idle(previous)) return previous;
  const CpuRecord& there = cpus_[target.index()];
  const Group& siblings = *there.groups[0];
  std::optional<CpuId> idle = siblings.IdleFrom(there.places[0] + 1);
  if (!idle.has_value()) idle = siblings.IdleFrom(0);
  return idle.value_or(target);
}

CpuId FairScheduler::ChooseCpu(TaskIndex task, const Waker& waker, Cycles now) {
  CHECK(tasks_[task].movable);
  const CpuId previous = tasks_[task].cpu;
  NoteWakee(waker, task, now);
  const CpuId target = WakesWide(waker, task) ? previous : WakeAffine(waker, previous);
  return IdleSibling(previous, target);
}

// --- Queues. ---

void FairScheduler::Enqueue(TaskIndex task, CpuId cpu, Reason reason, Cycles now) {
  TaskRecord& record = tasks_[task];
  CpuRecord& there = cpus_[cpu.index()];
  if (reason == Reason::kStart) {
    record.vruntime = there.min_vruntime;
  } else {
    if (record.cpu != cpu) {
      ++migrations_;
      // Queues' clocks differ.
      record.vruntime += there.min_vruntime - cpus_[record.cpu.index()].min_vruntime;
    }
    if (reason == Reason::kWake) {
      // Who has slept is owed no more than this.
      record.vruntime =
          std::max(record.vruntime, there.min_vruntime - static_cast<int64_t>(latency_ / 2));
    }
  }
  record.cpu = cpu;
  if (there.idle_since != 0) {
    const Cycles idle = now - std::min(now, there.idle_since);
    there.average_idle += idle / kAverageShare - there.average_idle / kAverageShare;
    there.average_idle = std::min(there.average_idle, 2 * migration_cost_);
    there.idle_since = 0;
  }
  queues_waiting_ += there.ready.empty();
  there.ready.push_back({.vruntime = record.vruntime, .sequence = ++sequence_, .task = task});
  std::push_heap(there.ready.begin(), there.ready.end(), std::greater<>());
  TellGroups(there);
  if (reason != Reason::kWake || there.current == kNoTask) return;
  Charge(there, now);
  const int64_t ahead = tasks_[there.current].vruntime - record.vruntime;
  if (ahead > static_cast<int64_t>(wakeup_granularity_)) there.resched = true;
}

// Brings the running task's vruntime, and the queue's, up to date.
void FairScheduler::Charge(CpuRecord& cpu, Cycles now) {
  int64_t least = INT64_MAX;
  if (cpu.current != kNoTask) {
    TaskRecord& current = tasks_[cpu.current];
    if (now > cpu.exec_start) {
      current.vruntime += static_cast<int64_t>(now - cpu.exec_start);
      cpu.exec_start = now;
    }
    least = current.vruntime;
  }
  if (!cpu.ready.empty()) least = std::min(least, cpu.ready.front().vruntime);
  if (least != INT64_MAX) cpu.min_vruntime = std::max(cpu.min_vruntime, least);
}

TaskIndex FairScheduler::Take(CpuId cpu, Cycles now) {
  CpuRecord& here = cpus_[cpu.index()];
  CHECK_EQ(here.current, kNoTask);
  const TaskIndex task = PopReady(here);
  here.current = task;  // In its groups' eyes it has as many tasks as before.
  here.exec_start = here.slice_start = now;
  here.resched = false;
  Charge(here, now);
  return task;
}

TaskIndex FairScheduler::Remove(CpuId cpu) {
  const TaskIndex task = PopReady(cpus_[cpu.index()]);
  TellGroups(cpus_[cpu.index()]);
  return task;
}

TaskIndex FairScheduler::PopReady(CpuRecord& cpu) {
  CHECK(!cpu.ready.empty());
  std::pop_heap(cpu.ready.begin(), cpu.ready.end(), std::greater<>());
  const TaskIndex task = cpu.ready.back().task;
  cpu.ready.pop_back();
  queues_waiting_ -= cpu.ready.empty();
  return task;
}

void FairScheduler::Stop(CpuId cpu, Cycles now) {
  CpuRecord& here = cpus_[cpu.index()];
  if (here.current == kNoTask) return;
  Charge(here, now);
  tasks_[here.current].stopped = now;
  here.current = kNoTask;
  TellGroups(here);
}

std::optional<CpuId> FairScheduler::Tick(CpuId cpu, Cycles now) {
  CpuRecord& here = cpus_[cpu.index()];
  here.next_tick = (now / tick_ + 1) * tick_;
  BalanceBusy(cpu, now);
  if (here.ready.empty()) return std::nullopt;
  Charge(here, now);
  here.resched |= TickEndsSlice(here, now);
  if (!any_movable_) return std::nullopt;
  const CpuId idle = NearestIdle(cpu);
  if (idle == cpu) return std::nullopt;
  if (Move(cpu, idle, Running(cpu) / 2, now) > 0) return idle;
  ++cpus_[idle.index()].balance_failed;
  return std::nullopt;
}

bool FairScheduler::TickEndsSlice(const CpuRecord& cpu, Cycles now) const {
  const auto running = static_cast<Cycles>(cpu.ready.size() + 1);
  const Cycles slice = std::max(latency_, running * min_granularity_) / running;
  const Cycles ran = now - std::min(now, cpu.slice_start);
  if (ran > slice) return true;
  if (ran < min_granularity_) return false;
  return tasks_[cpu.current].vruntime - cpu.ready.front().vruntime > static_cast<int64_t>(slice);
}

// --- Balancing. ---

bool FairScheduler::Pull(CpuId cpu, Cycles now) {
  CpuRecord& here = cpus_[cpu.index()];
  if (!here.available) return false;
  if (any_movable_ && queues_waiting_ > 0 && here.average_idle >= balance_cost_) {
    for (const Group* group : here.groups) {
      const std::optional<CpuId> busiest = group->Busiest();
      if (busiest.has_value() && Move(*busiest, cpu, 1, now) == 1) return true;
    }
    ++here.balance_failed;
  }
  here.idle_since = now;
  return false;
}

// Takes half of what the busiest of each domain whose interval is over has more.
void FairScheduler::BalanceBusy(CpuId cpu, Cycles now) {
  CpuRecord& here = cpus_[cpu.index()];
  if (!here.available || !any_movable_) return;
  for (size_t i = 0; i < kLevels; ++i) {
    if (now < here.next_balance[i]) continue;
    here.next_balance[i] = now + balance_interval_ * here.groups[i]->size();
    const std::optional<CpuId> busiest = here.groups[i]->Busiest();
    if (!busiest.has_value() || Running(*busiest) < Running(cpu) + 2) continue;
    const size_t half = (Running(*busiest) - Running(cpu)) / 2;
    if (Move(*busiest, cpu, half, now) == 0) ++here.balance_failed;
  }
}

// `cpu` if there is none.
CpuId FairScheduler::NearestIdle(CpuId cpu) const {
  for (const Group* group : cpus_[cpu.index()].groups) {
    if (const std::optional<CpuId> idle = group->IdleFrom(0); idle.has_value()) return *idle;
  }
  return cpu;
}

size_t FairScheduler::Move(CpuId from, CpuId to, size_t count, Cycles now) {
  size_t moved = 0;
  while (moved < count && MoveColdest(from, to, now) != kNoTask) ++moved;
  if (moved > 0) cpus_[to.index()].balance_failed = 0;
  return moved;
}

TaskIndex FairScheduler::MoveColdest(CpuId from, CpuId to, Cycles now) {
  CpuRecord& there = cpus_[from.index()];
  size_t best = there.ready.size();
  for (size_t i = 0; i < there.ready.size(); ++i) {
    const TaskRecord& task = tasks_[there.ready[i].task];
    if (!task.movable) continue;
    if (best == there.ready.size() || task.stopped < tasks_[there.ready[best].task].stopped) {
      best = i;
    }
  }
  if (best == there.ready.size()) return kNoTask;
  const TaskRecord& task = tasks_[there.ready[best].task];
  const bool hot = task.stopped != 0 && now - std::min(now, task.stopped) < migration_cost_;
  if (hot && cpus_[to.index()].balance_failed < cache_nice_tries_) return kNoTask;
  const Entry entry = RemoveAt(there, best);
  Enqueue(entry.task, to, Reason::kAgain, now);
  return entry.task;
}

FairScheduler::Entry FairScheduler::RemoveAt(CpuRecord& cpu, size_t index) {
  const Entry entry = cpu.ready[index];
  cpu.ready[index] = cpu.ready.back();
  cpu.ready.pop_back();
  std::make_heap(cpu.ready.begin(), cpu.ready.end(), std::greater<>());
  queues_waiting_ -= cpu.ready.empty();
  TellGroups(cpu);
  return entry;
}

}  // namespace slablab
