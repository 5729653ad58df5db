// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "runs/experiments/timeline_recorder.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "base/printable.h"
#include "fmt/format.h"
#include "reports/breakdown.h"
#include "runs/simulation/run_result.h"
#include "sim/machine.h"
#include "workloads/observed/operation_names.h"
#include "workloads/rcu_frees.h"

namespace slablab {
namespace {

using Kind = Timeline::Argument::Kind;

std::string_view InterruptName(MachineObserver::Interrupt interrupt) {
  switch (interrupt) {
    case MachineObserver::Interrupt::kTick:
      return "tick";
    case MachineObserver::Interrupt::kSoftirq:
      return "softirq";
    case MachineObserver::Interrupt::kHardirq:
      return "hardirq";
    case MachineObserver::Interrupt::kRemoteCall:
      return "remote call";
  }
  return "interrupt";
}

}  // namespace

void TimelineRecorder::OnBegin(const Machine& machine, const Allocator& allocator) {
  machine_ = &machine;
  allocator_ = &allocator;
  begin_ = machine.scheduler().now();
  const MachineConfig& config = machine.config();
  clock_mhz_ = static_cast<uint64_t>(config.clock_mhz);
  Timeline::Options options;
  options.name = fmt::format("{} on {}", allocator.name(), Printable(config.name));
  options.clock_mhz = clock_mhz_;
  for (int cpu = 0; cpu < config.cpu_count(); ++cpu) {
    const NodeId node = config.cpus[static_cast<size_t>(cpu)].node;
    options.tracks.push_back(fmt::format("CPU {} (node {})", cpu, node.value()));
  }
  timeline_ = std::make_unique<Timeline>(std::move(options));
  Timeline& timeline = *timeline_;
  words_ = {.object = timeline.Intern("object"),
            .bytes = timeline.Intern("bytes asked for"),
            .cache = timeline.Intern("cache"),
            .caller = timeline.Intern("caller"),
            .task = timeline.Intern("task"),
            .context = timeline.Intern("context"),
            .event = timeline.Intern("event"),
            .holder_cpu = timeline.Intern("held by CPU"),
            .holder_site = timeline.Intern("held in"),
            .code = timeline.Intern("code and L1"),
            .interrupts = timeline.Intern("interrupts in between"),
            .touches = {},
            .causes = {}};
  for (size_t s = 0; s < kStructures; ++s) {
    for (size_t o = 0; o < kOutcomes; ++o) {
      words_.touches[s][o] =
          timeline.Intern(fmt::format("{} of {}", OutcomeName(static_cast<Outcome>(o)),
                                      StructureName(static_cast<Structure>(s))));
    }
  }
  for (size_t c = 0; c < kCauses; ++c) {
    words_.causes[c] = timeline.Intern(CauseName(static_cast<Cause>(c)));
  }
}

Nanos TimelineRecorder::Since(Cycles at) const {
  return (at - std::min(at, begin_)) * 1000 / clock_mhz_;
}

bool TimelineRecorder::InWindow(Cycles at) const {
  const Nanos since = Since(at);
  return since >= options_.from && since < options_.to;
}

TimelineRecorder::LiveObject TimelineRecorder::Follow(const OperationEnd& operation,
                                                      bool recorded) {
  const uint64_t address = operation.object.value();
  if (operation.object.is_null()) return {.flow = 0, .cache = operation.cache};
  if (!operation.is_free) {
    LiveObject object = {.flow = recorded ? ++flows_ : 0, .cache = operation.cache};
    if (object.cache == kNoCache) object.cache = allocator_->Locate(operation.object).cache;
    live_[address] = object;
    return object;
  }
  const auto found = live_.find(address);
  if (found == live_.end()) return {.flow = 0, .cache = operation.cache};
  const LiveObject object = found->second;
  live_.erase(found);
  return object;
}

Timeline::Text TimelineRecorder::NameOf(PathId path, CacheId cache) {
  const std::string_view way = PathOf(*allocator_, path).name;
  if (cache == kNoCache) return timeline_->Intern(way);
  return timeline_->Intern(fmt::format("{}: {}", way, Printable(allocator_->Layout(cache).name)));
}

void TimelineRecorder::AddText(Timeline::Text name, const std::string& text) {
  if (text.empty()) return;
  const auto value = static_cast<uint64_t>(timeline_->Intern(Printable(text)));
  arguments_.push_back({.kind = Kind::kText, .name = name, .value = value});
}

// They add up to the slice.
void TimelineRecorder::AddCycles(const OperationEnd& operation) {
  const OperationTally& tally = machine_->scheduler().cpu(operation.cpu).tally();
  const auto cells = tally.Sums();
  const auto add = [&](Timeline::Text name, Cycles cycles) {
    if (cycles == 0) return;
    arguments_.push_back({.kind = Kind::kCycles, .name = name, .value = cycles});
  };
  for (size_t s = 0; s < kStructures; ++s) {
    for (size_t o = 0; o < kOutcomes; ++o) {
      const auto structure = static_cast<Structure>(s);
      const auto outcome = static_cast<Outcome>(o);
      add(words_.touches[s][o], cells[OperationTally::CellOf(structure, outcome)].cycles);
    }
  }
  for (size_t c = 0; c < kCauses; ++c) {
    add(words_.causes[c], cells[OperationTally::CellOf(static_cast<Cause>(c))].cycles);
  }
  add(words_.code, operation.cycles - tally.total());
  add(words_.interrupts, operation.end - operation.start - operation.cycles);
}

void TimelineRecorder::AddArguments(const OperationEnd& operation, CacheId cache) {
  arguments_.clear();
  const auto add = [&](Kind kind, Timeline::Text name, uint64_t value) {
    arguments_.push_back({.kind = kind, .name = name, .value = value});
  };
  add(Kind::kAddress, words_.object, operation.object.value());
  if (!operation.is_free) add(Kind::kNumber, words_.bytes, operation.bytes);
  if (cache != kNoCache) AddText(words_.cache, allocator_->Layout(cache).name);
  AddText(words_.caller, names_->Caller(operation));
  const std::string task = names_->Task(operation.task, Since(operation.start));
  if (operation.task >= 0) {
    AddText(words_.task, task.empty() ? fmt::format("{}", operation.task)
                                      : fmt::format("{} {}", operation.task, task));
  }
  if (operation.priority != Priority::kTask) {
    AddText(words_.context, operation.priority == Priority::kSoftirq ? "softirq" : "hardirq");
  }
  add(Kind::kNumber, words_.event, operation.event);
  AddCycles(operation);
}

void TimelineRecorder::OnOperation(const OperationEnd& operation) {
  const bool recorded = InWindow(operation.start);
  const LiveObject object = Follow(operation, recorded);
  if (!recorded) return;
  const auto category =
      operation.is_free ? Timeline::Category::kFree : Timeline::Category::kAllocation;
  const Timeline::Span span = {
      .cpu = operation.cpu.value(), .from = operation.start, .to = operation.end};
  const Timeline::Text name = NameOf(operation.path, object.cache);
  AddArguments(operation, object.cache);
  timeline_->AddSlice(category, name, span, arguments_,
                      {.id = object.flow, .ends = operation.is_free});
  if (operation.priority != Priority::kTask || operation.task < 0) return;
  const std::string task = names_->Task(operation.task, Since(operation.start));
  timeline_->AddTaskSlice(operation.task,
                          task.empty() ? fmt::format("task {}", operation.task)
                                       : fmt::format("{} {}", operation.task, Printable(task)),
                          name, span);
}

void TimelineRecorder::OnLockWait(const LockWait& wait) {
  if (!InWindow(wait.from)) return;
  arguments_.clear();
  arguments_.push_back({.kind = Kind::kNumber,
                        .name = words_.holder_cpu,
                        .value = static_cast<uint64_t>(wait.holder.cpu.value())});
  AddText(words_.holder_site, SiteName(allocator_->sites(), static_cast<int>(wait.holder.site)));
  timeline_->AddSlice(Timeline::Category::kLockWait,
                      timeline_->Intern(fmt::format("wait for {}", wait.lock_class)),
                      {.cpu = wait.cpu.value(), .from = wait.from, .to = wait.to}, arguments_);
}

void TimelineRecorder::OnInterrupt(CpuId cpu, Interrupt interrupt, Cycles from, Cycles to) {
  if (!InWindow(from)) return;
  timeline_->AddSlice(Timeline::Category::kInterrupt, timeline_->Intern(InterruptName(interrupt)),
                      {.cpu = cpu.value(), .from = from, .to = to});
}

void TimelineRecorder::OnOnline(CpuId cpu, bool online, Cycles at) {
  if (!InWindow(at)) return;
  timeline_->AddInstant(Timeline::Category::kHotplug,
                        timeline_->Intern(online ? "on line" : "off line"), cpu.value(), at);
}

void TimelineRecorder::AddResult(const RunResult& result) {
  timeline_->set_start(result.totals().start_time_cycles());
  const auto add = [&](const std::string& counter, std::string_view unit, uint64_t time_ns,
                       uint64_t value) {
    timeline_->AddSample(counter, unit, {.time_ns = time_ns, .value = value});
  };
  for (const FootprintSample& sample : result.footprint()) {
    const uint64_t at = sample.time_ns();
    add("slabs", "bytes", at, sample.slab_bytes());
    add("slabs: how many", "slabs", at, sample.slabs());
    add("asked for", "bytes", at, AskedInSlabs(sample));
    add("free slots", "bytes", at, sample.free_bytes());
    if (result.has_rcu()) add("waiting for a grace period", "bytes", at, WaitingBytes(sample));
    for (const LayerSample& layer : sample.layers()) {
      add(fmt::format("{}: how many", layer.layer()), "", at, layer.holders());
      add(fmt::format("{}: objects", layer.layer()), "objects", at, layer.objects());
    }
  }
}

}  // namespace slablab
