// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/closed/scenario.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "fmt/format.h"
#include "sim/machine/spec_text.h"
#include "sim/pages/page_allocator.h"

namespace slablab {

namespace {

constexpr uint64_t kMicrosMax = 3'600'000'000;  // an hour
constexpr uint64_t kTimesMax = 1'000'000'000;
constexpr int kEventsMax = 10'000;
constexpr uint32_t kStormCountMax = 1'000'000;
constexpr uint32_t kStormIntervalMax = 1'000'000'000;  // a second
constexpr uint32_t kStormObjectsMax = 64;
constexpr uint32_t kStormBytesMax = 8192;
// Objects of all times and CPUs of an event: some minutes of the host's time.
constexpr unsigned __int128 kStormsObjectsMax = 1'000'000'000;
constexpr uint32_t kStormBytes = 256;  // of an object, if the scenario does not say

// Names field, value and bound; empty: it is none too large.
std::string TooLarge(std::string_view field, uint64_t value, uint64_t most) {
  return value <= most ? "" : fmt::format("{} is {}, and can be at most {}", field, value, most);
}

std::string CheckStorm(const InterruptEvent& storm) {
  if (storm.count() == 0) return "a storm is of at least one interrupt";
  if (storm.interval_ns() == 0) return "a storm's interrupts have an interval";
  std::string wrong = TooLarge("count", storm.count(), kStormCountMax);
  if (wrong.empty()) wrong = TooLarge("interval_ns", storm.interval_ns(), kStormIntervalMax);
  if (wrong.empty()) wrong = TooLarge("objects", storm.objects(), kStormObjectsMax);
  if (wrong.empty()) wrong = TooLarge("bytes", storm.bytes(), kStormBytesMax);
  return wrong;
}

std::string CheckEvent(const ScenarioEvent& event) {
  std::string wrong = TooLarge("at_us", event.at_us(), kMicrosMax);
  if (wrong.empty()) wrong = TooLarge("every_us", event.every_us(), kMicrosMax);
  if (wrong.empty()) wrong = TooLarge("jitter_us", event.jitter_us(), kMicrosMax);
  if (wrong.empty()) wrong = TooLarge("times", event.times(), kTimesMax);
  if (!wrong.empty()) return wrong;
  if (event.every_us() == 0 && event.times() > 1) return "what comes several times has every_us";
  if (event.what_case() == ScenarioEvent::WHAT_NOT_SET) return "an event says what happens";
  if (event.has_tune() && event.tune().key().empty()) return "tune names a key";
  if (!event.has_interrupts()) return "";
  const InterruptEvent& storm = event.interrupts();
  wrong = CheckStorm(storm);
  if (!wrong.empty()) return wrong;
  const unsigned __int128 objects =
      static_cast<unsigned __int128>(std::max<uint64_t>(1, event.times())) *
      std::max(1u, storm.cpus()) * storm.count() * std::max(1u, storm.objects());
  if (objects <= kStormsObjectsMax) return "";
  return fmt::format(
      "its interrupts are of more than {} objects in all: times, cpus, count and "
      "objects multiply",
      static_cast<uint64_t>(kStormsObjectsMax));
}

// Which CPUs or nodes the event is about: a field of it, the first, and how many.
struct Target {
  std::string_view field;
  bool is_node = false;
  uint64_t first = 0;
  uint64_t count = 1;
};

Target TargetOf(const ScenarioEvent& event) {
  switch (event.what_case()) {
    case ScenarioEvent::kCpuOffline:
      return {.field = "cpu_offline.cpu", .first = event.cpu_offline().cpu()};
    case ScenarioEvent::kCpuOnline:
      return {.field = "cpu_online.cpu", .first = event.cpu_online().cpu()};
    case ScenarioEvent::kRcuBarrier:
      return {.field = "rcu_barrier.cpu", .first = event.rcu_barrier().cpu()};
    case ScenarioEvent::kNodeOffline:
      return {.field = "node_offline.node", .is_node = true, .first = event.node_offline().node()};
    case ScenarioEvent::kNodeOnline:
      return {.field = "node_online.node", .is_node = true, .first = event.node_online().node()};
    case ScenarioEvent::kPressure:
      if (event.pressure().node() < 0) return {.field = {}, .count = 0};
      return {.field = "pressure.node",
              .is_node = true,
              .first = static_cast<uint64_t>(event.pressure().node())};
    case ScenarioEvent::kInterrupts:
      return {.field = event.interrupts().cpus() > 1 ? "interrupts.cpus" : "interrupts.cpu",
              .first = event.interrupts().cpu(),
              .count = std::max(1u, event.interrupts().cpus())};
    default:
      return {.field = {}, .count = 0};
  }
}

// What of `target` the machine does not have; empty: it has all.
std::string Missing(const Target& target, const ScenarioMachine& machine) {
  if (target.count == 0) return "";
  const auto there = static_cast<uint64_t>(target.is_node ? machine.nodes : machine.cpus);
  const uint64_t last = target.first + target.count - 1;
  if (last < there) return "";
  const std::string_view what = target.is_node ? "node" : "CPU";
  return fmt::format("there is no {} {}: the machine has {} {}{}", what, last, there, what,
                     there == 1 ? "" : "s");
}

}  // namespace

absl::StatusOr<ParsedScenario> ParseScenario(std::string_view text, std::string label,
                                             const ScenarioMachine& machine) {
  ParsedScenario parsed{.spec = {}, .origin = SpecOrigin(std::move(label))};
  if (absl::Status status = ParseTextproto(text, &parsed.spec, &parsed.origin); !status.ok()) {
    return status;
  }
  if (parsed.spec.events_size() > kEventsMax) {
    return parsed.origin.Error(fmt::format("events[{}]", kEventsMax),
                               fmt::format("there are {} events, and can be at most {}",
                                           parsed.spec.events_size(), kEventsMax));
  }
  for (int i = 0; i < parsed.spec.events_size(); ++i) {
    const ScenarioEvent& event = parsed.spec.events(i);
    const std::string path = fmt::format("events[{}]", i);
    if (const std::string wrong = CheckEvent(event); !wrong.empty()) {
      return parsed.origin.Error(path, wrong);
    }
    const Target target = TargetOf(event);
    if (const std::string missing = Missing(target, machine); !missing.empty()) {
      return parsed.origin.Error(fmt::format("{}.{}", path, target.field), missing);
    }
  }
  return parsed;
}

Scenario::Scenario(ParsedScenario parsed, const MachineConfig& machine,
                   const ScenarioOptions& options)
    : origin_(std::move(parsed.origin)),
      cpus_(machine.cpu_count()),
      clock_mhz_(static_cast<uint64_t>(machine.clock_mhz)),
      random_(options.seed, /*stream=*/0x7363656e),
      held_(static_cast<size_t>(machine.node_count())),
      first_cpu_(held_.size(), CpuId(0)),
      kswapd_(held_.size()) {
  for (int i = cpus_ - 1; i >= 0; --i) {
    first_cpu_[machine.cpus[static_cast<size_t>(i)].node.index()] = CpuId(i);
  }
  std::vector<bool> leaves(static_cast<size_t>(cpus_));
  for (const ScenarioEvent& event : parsed.spec.events()) {
    if (event.has_cpu_offline()) leaves[event.cpu_offline().cpu()] = true;
  }
  const auto stays = std::find(leaves.begin(), leaves.end(), false);
  if (stays != leaves.end()) plugger_ = CpuId(static_cast<int32_t>(stays - leaves.begin()));
  for (int i = 0; i < parsed.spec.events_size(); ++i) {
    Add(parsed.spec.events(i), fmt::format("events[{}]", i), 0);
  }
  if (options.pressure_interval_us == 0) return;
  // Nodes come one after another within the interval.
  for (size_t node = 0; node < held_.size(); ++node) {
    ScenarioEvent pressure;
    pressure.set_at_us(options.pressure_interval_us);
    pressure.set_every_us(options.pressure_interval_us);
    pressure.mutable_pressure()->set_node(static_cast<int32_t>(node));
    Add(pressure, "", options.pressure_interval_us * clock_mhz_ * node / held_.size());
  }
}

// An event that is about every node is one a node.
void Scenario::Add(const ScenarioEvent& event, std::string path, Cycles offset) {
  if (event.has_pressure() && event.pressure().node() < 0) {
    ScenarioEvent one = event;
    for (size_t node = 0; node < held_.size(); ++node) {
      one.mutable_pressure()->set_node(static_cast<int32_t>(node));
      Add(one, path, offset);
    }
    return;
  }
  const uint64_t times = event.every_us() == 0 ? 1 : event.times();
  Stream stream = {.event = event,
                   .path = std::move(path),
                   .next = event.at_us() * clock_mhz_ + offset,
                   .interval = event.every_us() * clock_mhz_,
                   .left = times == 0 ? std::numeric_limits<uint64_t>::max() : times};
  Arm(stream);
  streams_.push_back(std::move(stream));
}

void Scenario::Arm(Stream& stream) {
  const uint64_t jitter = stream.event.jitter_us() * clock_mhz_;
  stream.due = stream.next + (jitter == 0 ? 0 : random_.Below(jitter));
  if (stream.event.has_interrupts()) stream.storm = stream.event.interrupts().count();
}

CpuId Scenario::CpuFor(const Stream& stream) const {
  const ScenarioEvent& event = stream.event;
  if (event.has_interrupts()) {
    const InterruptEvent& storm = event.interrupts();
    const uint64_t nth = storm.count() - stream.storm;
    const uint64_t cpu = uint64_t{storm.cpu()} + nth % std::max(1u, storm.cpus());
    return CpuId(static_cast<int32_t>(cpu));
  }
  // As kswapd does.
  if (event.has_pressure()) return first_cpu_[static_cast<size_t>(event.pressure().node())];
  if (event.has_rcu_barrier()) return CpuId(static_cast<int32_t>(event.rcu_barrier().cpu()));
  // Another than the one that it is about.
  if (!event.has_cpu_offline() || cpus_ == 1) return plugger_;
  const CpuId target(static_cast<int32_t>(event.cpu_offline().cpu()));
  return target == plugger_ ? CpuId((target.value() + 1) % cpus_) : plugger_;
}

std::optional<Disturbance::Next> Scenario::Take() {
  Stream* first = nullptr;
  for (Stream& stream : streams_) {
    if (stream.busy || stream.left == 0) continue;
    if (first == nullptr || stream.due < first->due) first = &stream;
  }
  if (first == nullptr) return std::nullopt;
  first->busy = true;
  return Next{.time = first->due,
              .cpu = CpuFor(*first),
              .priority = first->event.has_interrupts() ? Priority::kHardirq : Priority::kTask,
              .token = static_cast<uint64_t>(first - streams_.data())};
}

void Scenario::Begin(uint64_t token) {
  Stream& stream = streams_[token];
  stream.begun_due = stream.due;
  Advance(stream);
  if (stream.event.has_interrupts()) stream.busy = false;
}

void Scenario::Advance(Stream& stream) {
  if (stream.event.has_interrupts() && --stream.storm > 0) {
    stream.due += uint64_t{stream.event.interrupts().interval_ns()} * clock_mhz_ / 1000;
    return;
  }
  if (--stream.left == 0) return;
  stream.next += stream.interval;
  const Cycles at_least = stream.due;
  Arm(stream);
  stream.due = std::max(stream.due, at_least);
}

// What is late leaves the tasks as much time as it took; of requests for memory, those that came
// meanwhile are one with it.
void Scenario::End(Stream& stream, Cycles begun, Cycles now) {
  stream.busy = false;
  if (stream.left == 0 || stream.due > now) return;
  const Cycles until = now + std::max<Cycles>(1, now - begun);
  if (!stream.event.has_pressure()) {
    ++late_;
    stream.due = until;
    return;
  }
  uint64_t requests = 0;
  for (; stream.left > 0 && stream.due <= until; Advance(stream)) ++requests;
  kswapd_.Coalesce(requests);
}

std::string Scenario::NameOf(uint64_t token) const {
  const Stream& stream = streams_[token];
  return stream.path.empty() ? "the memory pressure that was asked for"
                             : std::string(origin_.Error(stream.path, stream.path).message());
}

Task<void> Scenario::Run(ClosedLoop& loop, Cpu& cpu, uint64_t token) {
  const ScenarioEvent& event = streams_[token].event;
  if (event.has_interrupts()) return Interrupt(loop, cpu, event.interrupts());
  if (event.has_rcu_barrier()) return AwaitRcu(loop, cpu, token);
  return event.has_pressure() ? Relieve(loop, cpu, token) : DoInTurn(loop, cpu, token);
}

Task<void> Scenario::AwaitRcu(ClosedLoop& loop, Cpu& cpu, uint64_t token) {
  const Cycles begun = cpu.now() - loop.start();
  return loop.BeginRcuBarrier(cpu, [this, &loop, token, begun](Cpu& on) {
    End(streams_[token], begun, on.now() - loop.start());
    loop.AskDisturbance();
  });
}

Task<void> Scenario::DoInTurn(ClosedLoop& loop, Cpu& cpu, uint64_t token) {
  to_do_.push_back(token);
  if (doing_) co_return;
  doing_ = true;
  for (size_t i = 0; i < to_do_.size(); ++i) {
    const Cycles begun = cpu.now() - loop.start();
    Task<void> one = Do(loop, cpu, to_do_[i]);
    co_await one;
    End(streams_[to_do_[i]], begun, cpu.now() - loop.start());
    loop.AskDisturbance();
  }
  to_do_.clear();
  doing_ = false;
}

Task<void> Scenario::Do(ClosedLoop& loop, Cpu& cpu, uint64_t token) {
  const ScenarioEvent& event = streams_[token].event;
  if (event.has_cpu_offline() || event.has_cpu_online()) {
    Task<void> plug = Plug(loop, cpu, token);
    co_await plug;
  } else if (event.has_node_offline()) {
    const NodeId node(static_cast<int32_t>(event.node_offline().node()));
    Task<void> offline = TakeNodeOffline(loop, cpu, node);
    co_await offline;
  } else if (event.has_node_online()) {
    const NodeId node(static_cast<int32_t>(event.node_online().node()));
    Task<void> online = BringNodeOnline(loop, cpu, node);
    co_await online;
  } else {
    const PartScope part(cpu, Part::kTuning);
    const TunableSetting setting = {
        .cache = event.tune().cache(), .key = event.tune().key(), .value = event.tune().value()};
    Task<absl::Status> tune = WriteTunable(cpu, loop.allocator(), setting);
    const absl::Status status = co_await tune;
    ++tuned_;
    if (status_.ok() && !status.ok()) {
      status_ = origin_.Error(streams_[token].path + ".tune", std::string(status.message()));
    }
  }
}

Task<void> Scenario::Plug(ClosedLoop& loop, Cpu& cpu, uint64_t token) {
  const ScenarioEvent& event = streams_[token].event;
  bool done = false;
  if (event.has_cpu_offline()) {
    const CpuId target(static_cast<int32_t>(event.cpu_offline().cpu()));
    Task<bool> offline = loop.TakeOffline(cpu, target);
    done = co_await offline;
    offline_ += done;
  } else {
    const CpuId target(static_cast<int32_t>(event.cpu_online().cpu()));
    Task<bool> online = loop.BringOnline(cpu, target);
    done = co_await online;
    online_ += done;
  }
  refused_ += !done;
}

Task<void> Scenario::Relieve(ClosedLoop& loop, Cpu& cpu, uint64_t token) {
  Stream& stream = streams_[token];
  const NodeId node(stream.event.pressure().node());
  const Cycles begun = cpu.now() - loop.start();
  if (kswapd_.Begin(node.index(), stream.begun_due, begun)) {
    const PartScope part(cpu, Part::kReclaim);
    Task<uint64_t> reclaim = loop.allocator().Reclaim(cpu, node);
    const uint64_t bytes = co_await reclaim;
    kswapd_.End(node.index(), cpu.now() - loop.start(), bytes);
  }
  End(stream, begun, cpu.now() - loop.start());
  loop.AskDisturbance();
}

Task<void> Scenario::Interrupt(ClosedLoop& loop, Cpu& cpu, const InterruptEvent& storm) {
  ++interrupts_;
  const uint32_t bytes = storm.bytes() == 0 ? kStormBytes : storm.bytes();
  std::array<PhysAddr, kStormObjectsMax> objects;
  for (uint32_t i = 0; i < storm.objects(); ++i) {
    Task<PhysAddr> allocation = loop.AllocateAside(cpu, bytes, kGfpAtomic | Gfp::kNoWarn);
    objects[i] = co_await allocation;
  }
  for (uint32_t i = 0; i < storm.objects(); ++i) {
    if (objects[i].is_null()) continue;
    Task<void> release = loop.FreeAside(cpu, objects[i], bytes, storm.free_rcu());
    co_await release;
  }
}

Task<void> Scenario::TakeNodeOffline(ClosedLoop& loop, Cpu& cpu, NodeId node) {
  const PartScope part(cpu, Part::kHotplug);
  for (int i = 0; i < loop.allocator().cache_count(); ++i) {
    Task<void> shrink = loop.allocator().Shrink(cpu, CacheId(i));
    co_await shrink;
  }
  // The pages are the machine's, whoever had them: taking them is no allocator's cost.
  const PartScope elsewhere(cpu, Part::kElsewhere);
  constexpr Gfp kTake = Gfp::kHigh | Gfp::kNoWarn | Gfp::kThisNode | Gfp::kMovable;
  std::vector<Held>& held = held_[node.index()];
  for (int order = kMaxPageOrder; order >= 0; --order) {
    for (;;) {
      Task<PhysAddr> page =
          loop.machine().pages().Alloc(cpu, {.order = order, .node = node, .gfp = kTake});
      const PhysAddr block = co_await page;
      if (block.is_null()) break;
      held.push_back({.block = block, .order = order});
      pages_taken_ += uint64_t{1} << order;
    }
  }
}

Task<void> Scenario::BringNodeOnline(ClosedLoop& loop, Cpu& cpu, NodeId node) {
  const PartScope part(cpu, Part::kElsewhere);
  std::vector<Held>& held = held_[node.index()];
  while (!held.empty()) {
    const Held block = held.back();
    held.pop_back();
    pages_returned_ += uint64_t{1} << block.order;
    Task<void> release = loop.machine().pages().Free(cpu, block.block, block.order);
    co_await release;
  }
}

std::vector<std::string> Scenario::Report() const {
  std::vector<std::string> report;
  if (offline_ + online_ > 0) {
    report.push_back(
        fmt::format("Scenario: times that a CPU went off line: {}; that one came back: {}. Their "
                    "tasks went on elsewhere meanwhile.",
                    offline_, online_));
  }
  if (refused_ > 0) {
    report.push_back(fmt::format(
        "Scenario: times that a CPU could not go off line or come back, being the last one, or "
        "there or away already, or for want of memory: {}.",
        refused_));
  }
  if (pages_taken_ > 0) {
    report.push_back(fmt::format(
        "Scenario: free pages taken away as memory nodes went off line (pages in use stay): {}; "
        "given back: {}.",
        pages_taken_, pages_returned_));
  }
  if (tuned_ > 0) report.push_back(fmt::format("Scenario: tunables written: {}.", tuned_));
  if (interrupts_ > 0) {
    report.push_back(fmt::format("Scenario: interrupts that came in storms: {}.", interrupts_));
  }
  if (late_ > 0) {
    report.push_back(
        fmt::format("Scenario: times that something was due again before it was done: {}; it came "
                    "again once tasks had had as much time as it took.",
                    late_));
  }
  return report;
}

}  // namespace slablab
