// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <cstdio>
#include <memory>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/interrupt.h"
#include "base/printable.h"
#include "base/whole_file.h"
#include "cli/command.h"
#include "cli/flags.h"
#include "cli/output/print.h"
#include "cli/output/progress.h"
#include "cli/simulation_flags.h"
#include "reports/breakdown.h"
#include "reports/comparison/setting.h"
#include "reports/numbers.h"
#include "reports/timeline.h"
#include "runs/experiments/printable.h"
#include "runs/simulation/simulation.h"
#include "sim/core/machine_observer.h"
#include "workloads/observer.h"
#include "workloads/rcu_frees.h"

namespace slablab {

namespace {

constexpr std::string_view kOwnFlags[] = {"output"};
constexpr auto kFlags = Joined(kSimulationFlags, kOwnFlags);

// Counters are drawn as lines: more points than a screen is wide are of no use.
constexpr int kFootprintSamples = 1000;

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

// Puts what it sees on a timeline.
class Recorder : public OperationObserver, public MachineObserver {
 public:
  void OnBegin(const Machine& machine, const Allocator& allocator) override {
    allocator_ = &allocator;
    Timeline::Options options;
    const MachineConfig& config = machine.config();
    options.name = absl::StrCat(std::string(allocator.name()), " on ", Printable(config.name));
    options.clock_mhz = static_cast<uint64_t>(config.clock_mhz);
    for (int cpu = 0; cpu < config.cpu_count(); ++cpu) {
      const NodeId node = config.cpus[static_cast<size_t>(cpu)].node;
      options.tracks.push_back(absl::StrCat("CPU ", cpu, " (node ", node.value(), ")"));
    }
    timeline_ = std::make_unique<Timeline>(std::move(options));
  }

  void OnOperation(const OperationEnd& operation) override {
    CacheId cache = operation.cache;
    if (cache == kNoCache && !operation.object.is_null() && !operation.is_free) {
      cache = allocator_->Locate(operation.object).cache;
    }
    timeline_->AddSlice(
        operation.is_free ? Timeline::Category::kFree : Timeline::Category::kAllocation,
        NameOf(operation.path, cache),
        {.cpu = operation.cpu.value(), .from = operation.start, .to = operation.end});
  }

  void OnLockWait(CpuId cpu, const std::string& lock_class, Cycles from, Cycles to) override {
    timeline_->AddSlice(Timeline::Category::kLockWait, absl::StrCat("wait for ", lock_class),
                        {.cpu = cpu.value(), .from = from, .to = to});
  }
  void OnInterrupt(CpuId cpu, Interrupt interrupt, Cycles from, Cycles to) override {
    timeline_->AddSlice(Timeline::Category::kInterrupt, std::string(InterruptName(interrupt)),
                        {.cpu = cpu.value(), .from = from, .to = to});
  }
  void OnOnline(CpuId cpu, bool online, Cycles at) override {
    timeline_->AddInstant(Timeline::Category::kHotplug, online ? "on line" : "off line",
                          cpu.value(), at);
  }

  // Null before a run has begun.
  Timeline* timeline() { return timeline_.get(); }

 private:
  std::string NameOf(PathId path, CacheId cache) const {
    const std::string way(PathOf(*allocator_, path).name);
    if (cache == kNoCache) return way;
    return absl::StrCat(way, ": ", Printable(allocator_->Layout(cache).name));
  }

  const Allocator* allocator_ = nullptr;
  std::unique_ptr<Timeline> timeline_;
};

void AddFootprint(const RunResult& result, Timeline& timeline) {
  for (const FootprintSample& sample : result.footprint()) {
    timeline.AddBytes("slabs", sample.time_ns(), sample.slab_bytes());
    timeline.AddBytes("asked for", sample.time_ns(), AskedInSlabs(sample));
    timeline.AddBytes("free slots", sample.time_ns(), sample.free_bytes());
    if (result.has_rcu()) {
      timeline.AddBytes("waiting for a grace period", sample.time_ns(), WaitingBytes(sample));
    }
  }
}

// What heads a report, for who is given the file alone.
void AddNotes(const RunResult& result, Timeline& timeline) {
  const Totals& totals = result.totals();
  const std::string loss = LossSentence(totals.trace_lost_events(), totals.trace_lost_unknown());
  if (!loss.empty()) {
    Warn(loss);
    timeline.AddNote("LOST: " + loss);
  }
  const std::vector<RunNamed> run = {{.label = "", .result = &result}};
  for (const std::string& sentence : SettingInWords(run)) timeline.AddNote(Printable(sentence));
  for (const std::string& assumption : result.assumptions())
    timeline.AddNote(Printable(assumption));
}

absl::Status SimulateAndWrite(SimulationOptions options, const std::string& path) {
  options.replay.footprint_samples = kFootprintSamples;
  Recorder recorder;
  std::unique_ptr<Progress> progress;
  const InterruptScope interrupts;
  SimulationHooks hooks;
  hooks.progress = [&](uint64_t events, uint64_t total) {
    if (progress == nullptr) {
      progress = std::make_unique<Progress>(ProgressOfSimulation("replay", total));
    }
    progress->Update(events);
  };
  hooks.stop = InterruptRequested;
  hooks.observer = &recorder;
  hooks.machine_observer = &recorder;
  const absl::StatusOr<RunResult> result = Simulate(options, hooks);
  progress.reset();
  if (!result.ok()) return result.status();
  if (recorder.timeline() == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("there is no timeline of ", options.allocator, ": it has no slabs"));
  }
  AddNotes(*result, *recorder.timeline());
  recorder.timeline()->set_start(result->totals().start_time_cycles());
  AddFootprint(*result, *recorder.timeline());
  absl::StatusOr<std::unique_ptr<WholeFile>> file = WholeFile::Open(path);
  if (!file.ok()) return file.status();
  const absl::Status written =
      recorder.timeline()->Write([&](const std::string& piece) { return (*file)->Write(piece); });
  if (!written.ok()) return written;
  if (absl::Status status = (*file)->Commit(); !status.ok()) return status;
  Print(stderr, "slablab: {} for Perfetto's trace viewer in {}\n",
        Counted(recorder.timeline()->slices(), "slice", "slices"),
        path == "-" ? "standard output" : Printable(path));
  return absl::OkStatus();
}

int RunTimeline(const std::vector<std::string>& arguments) {
  const std::string path = absl::GetFlag(FLAGS_output);
  if (path.empty()) {
    return Fail(absl::InvalidArgumentError(
        "timeline writes a binary file: name it with -o FILE, or - for standard output"));
  }
  const absl::StatusOr<SimulationOptions> options =
      SimulationOptionsFromFlags("timeline", arguments);
  if (!options.ok()) return Fail(options.status());
  const absl::Status status = SimulateAndWrite(*options, path);
  if (absl::IsCancelled(status)) return kExitInterrupted;
  return status.ok() ? kExitOk : Fail(status);
}

}  // namespace

extern const Command kTimelineCommand = {
    .name = "timeline",
    .synopsis = "TRACE | --workload=WORKLOAD -o FILE",
    .summary =
        "Runs a trace or workload and writes what each CPU did when, for Perfetto's trace viewer.",
    .flags = kFlags,
    .run = RunTimeline,
};

}  // namespace slablab
