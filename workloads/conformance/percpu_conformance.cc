// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/conformance/percpu_conformance.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "allocators/percpu/registry.h"
#include "base/check.h"
#include "fmt/format.h"
#include "sim/machine.h"
#include "workloads/percpu_auditor.h"

namespace slablab {
namespace {

using Event = PercpuReferenceEvent;
using Kind = Event::Kind;
using Place = std::pair<uint32_t, uint32_t>;  // label, offset

constexpr uint64_t kMibPerNode = 1024;  // Ample: reference runs do not fail for want of pages.
constexpr Gfp kAtomicGfp = kGfpAtomic | Gfp::kNoWarn;

// Which chunk of the model a label means, one to one among those alive.
class Labels {
 public:
  explicit Labels(size_t labels) : chunk_of_(labels, -1) {}
  // Whether they may be the same; if so they are from now on.
  bool Matches(uint32_t label, int32_t chunk) {
    if (chunk_of_[label] == chunk) return true;
    if (chunk_of_[label] >= 0 || label_of_.count(chunk) > 0) return false;
    chunk_of_[label] = chunk;
    label_of_.emplace(chunk, label);
    return true;
  }
  void ForgetChunk(int32_t chunk) {
    const auto label = label_of_.find(chunk);
    if (label == label_of_.end()) return;
    chunk_of_[label->second] = -1;
    label_of_.erase(label);
  }
  std::string NameOf(int32_t chunk) const {
    const auto label = label_of_.find(chunk);
    return label == label_of_.end() ? fmt::format("a chunk without a label (its own {})", chunk)
                                    : fmt::format("chunk {}", label->second);
  }

 private:
  std::vector<int32_t> chunk_of_;         // by label; -1: none
  std::map<int32_t, uint32_t> label_of_;  // by chunk
};

std::string Describe(const Event& event) {
  switch (event.kind) {
    case Kind::kAlloc:
      return fmt::format("{} bytes aligned to {}{}{} are at {} of chunk {}", event.bytes,
                         event.align, event.reserved ? ", reserved" : "",
                         event.atomic ? ", atomic" : "", event.offset, event.label);
    case Kind::kFailed:
      return fmt::format("the allocation of {} bytes aligned to {}{}{} fails", event.bytes,
                         event.align, event.reserved ? ", reserved" : "",
                         event.atomic ? ", atomic" : "");
    case Kind::kFree:
      return fmt::format("{} bytes at {} of chunk {} are freed", event.bytes, event.offset,
                         event.label);
    case Kind::kCreate:
      return fmt::format("chunk {} is created", event.label);
    case Kind::kDestroy:
      return fmt::format("chunk {} is destroyed", event.label);
    case Kind::kPopulate:
      return fmt::format("pages {} to {} of chunk {} are populated", event.first, event.end - 1,
                         event.label);
    case Kind::kDepopulate:
      return fmt::format("pages {} to {} of chunk {} are depopulated", event.first, event.end - 1,
                         event.label);
    case Kind::kBalance:
      return "balance work begins";
    case Kind::kBalanced:
      return "balance work ends";
  }
  return "";
}

class Replay : public PercpuObserver {
 public:
  Replay(const PercpuReferenceRun& run, Machine& machine, PercpuAreas& areas)
      : run_(run), machine_(machine), areas_(areas), auditor_(areas), labels_(run.label_count) {
    areas_.set_observer(this);
  }

  Conformance Run() {
    CompareLayout();
    while (next_ < run_.events.size()) Step();
    areas_.CheckInvariants();
    auditor_.CheckBytes();
    CHECK_EQ(auditor_.violations(), 0u);
    return std::move(result_);
  }

  // --- What the model decides. ---
  void OnChunkCreated(int32_t chunk) override { Expect({.kind = Kind::kCreate}, chunk); }
  void OnChunkDestroyed(int32_t chunk) override {
    Expect({.kind = Kind::kDestroy}, chunk);
    labels_.ForgetChunk(chunk);
  }
  void OnPopulated(int32_t chunk, int first, int end) override {
    Expect({.kind = Kind::kPopulate, .first = first, .end = end}, chunk);
  }
  void OnDepopulated(int32_t chunk, int first, int end) override {
    Expect({.kind = Kind::kDepopulate, .first = first, .end = end}, chunk);
  }
  void OnArea(PercpuArea area) override {
    const Event* const event = NextRequest();
    const bool agrees = event != nullptr && event->kind == Kind::kAlloc &&
                        event->offset == area.offset && labels_.Matches(event->label, area.chunk);
    AddPlacement(event, agrees, [&] {
      return fmt::format("at {} of {}", area.offset, labels_.NameOf(area.chunk));
    });
    if (event != nullptr && event->kind == Kind::kAlloc) {
      const Place place = {event->label, event->offset};
      live_[place] = area;
      if (!in_between_) in_the_making_ = place;
    }
  }
  void OnFailed(const PercpuRequest&) override {
    const Event* const event = NextRequest();
    AddPlacement(event, event != nullptr && event->kind == Kind::kFailed,
                 [] { return std::string("the allocation fails"); });
  }
  Task<void> OnUnlocked(Cpu& cpu) override {
    if (in_between_) co_return;
    in_between_ = true;
    while (next_ < run_.events.size()) {
      const Event& event = run_.events[next_];
      if (event.kind == Kind::kFree) {
        // Who asked for it must have it first; the lock is let go of before they do.
        if (in_the_making_ == Place{event.label, event.offset}) break;
        co_await Free(cpu);
      } else if (event.is_request() && event.atomic) {
        co_await Request(cpu, event);
      } else {
        break;
      }
    }
    in_between_ = false;
  }

 private:
  void CompareLayout() {
    const PercpuLayout& ours = areas_.layout();
    const auto compare = [this](std::string_view name, uint64_t kernel, uint64_t model) {
      result_.figures.Add(kernel == model);
      if (kernel == model) return;
      result_.Note(fmt::format("{}:{}: {} is {} in the kernel and {} in the model", run_.path,
                               run_.first_line, name, kernel, model));
    };
    compare("dyn", run_.dynamic_bytes, ours.dynamic_bytes);
    compare("unit", run_.unit_bytes, ours.unit_bytes);
    compare("alloc", run_.alloc_bytes, ours.alloc_bytes);
  }

  // One operation, with all that belongs to it.
  void Step() {
    const Event& event = run_.events[next_];
    Scheduler& scheduler = machine_.scheduler();
    switch (event.kind) {
      case Kind::kAlloc:
      case Kind::kFailed:
        scheduler.RunOn(CpuId(0), [&](Cpu& cpu) { return Request(cpu, event); });
        return;
      case Kind::kFree:
        scheduler.RunOn(CpuId(0), [&](Cpu& cpu) { return Free(cpu); });
        return;
      case Kind::kCreate:
        if (const Event* cause = CauseOf(next_); cause != nullptr) {
          scheduler.RunOn(CpuId(0), [&](Cpu& cpu) { return Request(cpu, *cause); });
        } else {
          SkipDecisions();
        }
        return;
      case Kind::kBalance:
        ++next_;
        scheduler.RunOn(CpuId(0), [&](Cpu& cpu) { return areas_.Balance(cpu); });
        SkipDecisions();
        return;
      case Kind::kBalanced:
        ++next_;
        return;
      default:
        SkipDecisions();
    }
  }

  Task<void> Request(Cpu& cpu, const Event& event) {
    const size_t before = next_;
    const PercpuRequest request{.bytes = event.bytes,
                                .align = event.align,
                                .reserved = event.reserved,
                                .gfp = event.atomic ? kAtomicGfp : kGfpKernel};
    const PercpuArea area = co_await areas_.Alloc(cpu, request);
    if (!area.is_null()) auditor_.OnAlloc(request, area);
    if (!in_between_) {
      if (area.is_null() && in_the_making_.has_value()) live_.erase(*in_the_making_);
      in_the_making_.reset();
    }
    if (next_ == before) ++next_;  // What came was no request: they disagreed.
  }

  Task<void> Free(Cpu& cpu) {
    const Event& event = run_.events[next_++];
    const auto area = live_.find({event.label, event.offset});
    if (area == live_.end()) co_return;  // The model had none to give.
    const PercpuArea freed = area->second;
    live_.erase(area);
    auditor_.OnFree(freed);
    co_await areas_.Free(cpu, freed);
  }

  // The request that a chunk is made for: the next that may wait.
  const Event* CauseOf(size_t index) const {
    for (; index < run_.events.size(); ++index) {
      const Event& event = run_.events[index];
      if (event.kind == Kind::kBalance) return nullptr;
      if (event.is_request() && !event.atomic) return &event;
    }
    return nullptr;
  }

  // The model answers a request: the recorded line of it. Decisions before it that the model did
  // not make are passed over.
  const Event* NextRequest() {
    SkipDecisions();
    if (next_ == run_.events.size() || !run_.events[next_].is_request()) return nullptr;
    return &run_.events[next_++];
  }

  // The model made a decision: is it the next that the kernel made?
  void Expect(Event decision, int32_t chunk) {
    bool agrees = false;
    if (next_ < run_.events.size()) {
      const Event& event = run_.events[next_];
      agrees = event.kind == decision.kind && event.first == decision.first &&
               event.end == decision.end && labels_.Matches(event.label, chunk);
    }
    result_.figures.Add(agrees);
    if (agrees) {
      ++next_;
      return;
    }
    const std::string kernel =
        next_ < run_.events.size() ? Describe(run_.events[next_]) : "nothing more";
    Disagree(kernel, fmt::format("{} (as {})", Describe(decision), labels_.NameOf(chunk)));
  }

  // Decisions of the kernel's that the model did not make.
  void SkipDecisions() {
    for (; next_ < run_.events.size(); ++next_) {
      const Event& event = run_.events[next_];
      const bool is_decision = event.kind == Kind::kCreate || event.kind == Kind::kDestroy ||
                               event.kind == Kind::kPopulate || event.kind == Kind::kDepopulate;
      if (!is_decision) return;
      result_.figures.Add(false);
      Disagree(Describe(event), "nothing of the kind");
    }
  }

  template <typename Ours>
  void AddPlacement(const Event* event, bool agrees, Ours ours) {
    result_.placements.Add(agrees);
    if (agrees || !result_.first_disagreement.empty()) return;
    if (event != nullptr) --next_;
    Disagree(event == nullptr ? "no request" : Describe(*event), ours());
    if (event != nullptr) ++next_;
  }

  void Disagree(const std::string& kernel, const std::string& model) {
    if (!result_.first_disagreement.empty()) return;
    const uint64_t line = next_ < run_.events.size() ? run_.events[next_].line : 0;
    std::string text = fmt::format("{}:{}:\n  kernel: {}\n  model:  {}\n  the events before:\n",
                                   run_.path, line, kernel, model);
    constexpr size_t kBefore = 6;
    for (size_t i = next_ < kBefore ? 0 : next_ - kBefore; i < next_; ++i) {
      text += fmt::format("    line {}: {}\n", run_.events[i].line, Describe(run_.events[i]));
    }
    text += "  the model's chunks then:\n";
    for (const PercpuChunkFigures& chunk : areas_.Figures().chunks) {
      text += fmt::format(
          "    {}: {} areas, {} bytes free, {} of them together, {} of {} pages populated, {} of "
          "these empty\n",
          labels_.NameOf(chunk.chunk), chunk.nr_alloc, chunk.free_bytes, chunk.contig_bytes,
          chunk.populated_pages, chunk.pages, chunk.empty_pop_pages);
    }
    result_.Note(text);
  }

  const PercpuReferenceRun& run_;
  Machine& machine_;
  PercpuAreas& areas_;
  PercpuAuditor auditor_;
  Labels labels_;
  size_t next_ = 0;          // event
  bool in_between_ = false;  // doing what others did while an operation had let go of the lock
  std::map<Place, PercpuArea> live_;
  std::optional<Place> in_the_making_;  // in live_, but whoever asked has not been answered yet
  Conformance result_;
};

}  // namespace

absl::StatusOr<Conformance> ReplayPercpuReference(const PercpuReferenceRun& run,
                                                  PercpuFigures* at_end) {
  ReferenceMachineOptions options = run.machine;
  options.mib_per_node = kMibPerNode + 16 * static_cast<uint64_t>(options.cpus_per_node);
  Machine machine(ReferenceMachine(options));
  PercpuSetup setup;
  setup.static_bytes = run.static_bytes;
  setup.reserved_bytes = run.reserved_bytes;
  setup.dynamic_bytes = static_cast<int64_t>(run.dynamic_bytes);
  setup.atom_bytes = run.atom_bytes;
  const absl::StatusOr<std::unique_ptr<PercpuAreas>> areas =
      MakePercpuAreas(machine, {.setup = setup, .balance_at_once = false});
  if (!areas.ok()) return areas.status();
  Conformance result = Replay(run, machine, **areas).Run();
  if (at_end != nullptr) *at_end = (*areas)->Figures();
  return result;
}

}  // namespace slablab
