// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/conformance.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "allocators/registry.h"
#include "fmt/format.h"
#include "sim/check.h"
#include "sim/machine.h"
#include "workloads/auditor.h"

namespace slablab {
namespace {

constexpr Gfp kReferenceGfp = kGfpAtomic | Gfp::kNoWarn;

// What differed from a stock kernel in the recordings.
AllocatorOptions ReferenceOptions(std::string_view allocator) {
  AllocatorOptions options;
  if (allocator == "slub") options.quirks = {"remote-defrag-always", "memcg-off", "zone-dma-off"};
  if (allocator == "slab")
    options.quirks = {"statistics-in-memory", "reap-off", "memcg-off", "zone-dma-off"};
  return options;
}

// The recorded labels and the simulated slabs, one to one among those alive. A slab is known by its
// serial; an entry whose slab is gone means nothing.
class Renaming {
 public:
  Renaming(const Allocator& allocator, size_t labels) : allocator_(allocator), slabs_(labels) {}

  // Whether label and slab may be the same; if so they are from now on.
  bool Matches(uint32_t label, const Allocator::Location& slab) {
    Known& known = slabs_[label];
    if (known.serial == slab.serial) return true;
    if (IsAlive(known)) return false;                  // The label is another slab's.
    if (labels_.count(slab.serial) > 0) return false;  // The slab has another label.
    labels_.erase(known.serial);
    labels_.emplace(slab.serial, label);
    known = {.serial = slab.serial, .block = slab.slab};
    return true;
  }

 private:
  struct Known {
    uint64_t serial = 0;
    PhysAddr block;
  };
  bool IsAlive(const Known& known) const {
    return known.serial != 0 && allocator_.Locate(known.block).serial == known.serial;
  }

  const Allocator& allocator_;
  std::vector<Known> slabs_;             // by label
  std::map<uint64_t, uint32_t> labels_;  // by serial
};

class Replay {
 public:
  Replay(const ReferenceRun& run, Machine& machine, Allocator& allocator)
      : run_(run),
        machine_(machine),
        allocator_(allocator),
        objects_(run.object_count),
        auditor_(machine),
        renaming_(allocator, run.label_nodes.size()) {}

  absl::StatusOr<Conformance> Run() {
    if (const absl::Status status = SetUp(); !status.ok()) return status;
    CompareLayout();
    for (const ReferenceOp& op : run_.ops) Do(op);
    CompareFigures();
    allocator_.CheckInvariants();
    CHECK_EQ(auditor_.violations(), 0u);
    return std::move(result_);
  }

 private:
  absl::Status SetUp() {
    absl::Status status;
    machine_.scheduler().RunOn(CpuId(0), [this, &status](Cpu& cpu) -> Task<void> {
      co_await allocator_.Boot(cpu);
      const absl::StatusOr<CacheId> created = co_await allocator_.CreateCache(cpu, run_.cache);
      if (!created.ok()) {
        status = absl::InvalidArgumentError(
            fmt::format("{}: {}", run_.path, std::string(created.status().message())));
        co_return;
      }
      cache_ = *created;
      for (size_t i = 0; i < run_.tunes.size();) {
        const uint64_t line = run_.tunes[i].line;
        std::vector<Allocator::Tunable> together;
        for (; i < run_.tunes.size() && run_.tunes[i].line == line; ++i) {
          together.push_back({.key = run_.tunes[i].key, .value = run_.tunes[i].value});
        }
        const absl::Status tuned = co_await allocator_.TuneTogether(cpu, cache_, together);
        if (tuned.ok()) continue;
        status = absl::InvalidArgumentError(
            fmt::format("{}:{}: {}", run_.path, line, std::string(tuned.message())));
        co_return;
      }
    });
    return status;
  }

  void CompareLayout() {
    const CacheLayout layout = allocator_.Layout(cache_);
    const std::map<std::string, uint64_t, std::less<>> ours = {
        {"slab_size", layout.slab_size},
        {"object_size", layout.object_size},
        {"align", layout.align},
        {"order", static_cast<uint64_t>(layout.order)},
        {"pages_per_slab", uint64_t{1} << layout.order},
        {"objs_per_slab", layout.objects_per_slab},
    };
    for (const auto& [key, value] : run_.layout) {
      const auto mine = ours.find(key);
      const bool agrees = mine != ours.end() && mine->second == value;
      result_.figures.Add(agrees);
      if (agrees) continue;
      result_.Note(fmt::format("{}:{}: {} is {} in the kernel and {} in the model", run_.path,
                               run_.layout_line, key, value,
                               mine == ours.end() ? "unknown" : fmt::format("{}", mine->second)));
    }
  }

  void Do(const ReferenceOp& op) {
    Scheduler& scheduler = machine_.scheduler();
    switch (op.kind) {
      case ReferenceOp::Kind::kAlloc:
      case ReferenceOp::Kind::kAllocNode:
        scheduler.RunOn(op.cpu, [this, &op](Cpu& cpu) -> Task<void> {
          const IrqFlags flags = cpu.IrqSave();
          const Placement placement =
              co_await allocator_.Alloc(cpu, cache_, kReferenceGfp, op.want);
          co_await cpu.IrqRestore(flags);
          objects_[op.object] = placement.object;
          if (!placement.object.is_null()) {
            auditor_.OnAlloc({.object = placement.object,
                              .bytes = run_.cache.object_size,
                              .align = std::max(run_.cache.align, 8u)});
          }
          Compare(op, placement);
        });
        return;
      case ReferenceOp::Kind::kFree:
        if (objects_[op.object].is_null()) return;  // The model had no memory for it.
        scheduler.RunOn(op.cpu, [this, &op](Cpu& cpu) -> Task<void> {
          auditor_.OnFree(objects_[op.object], run_.cache.object_size);
          const IrqFlags flags = cpu.IrqSave();
          co_await allocator_.Free(cpu, cache_, objects_[op.object]);
          co_await cpu.IrqRestore(flags);
        });
        return;
      case ReferenceOp::Kind::kShrink:
        scheduler.RunOn(
            CpuId(0), [this](Cpu& cpu) -> Task<void> { co_await allocator_.Shrink(cpu, cache_); });
        return;
      case ReferenceOp::Kind::kOffline:
        scheduler.SetOnline(op.cpu, false);
        scheduler.RunOn(CpuId(0), [this, &op](Cpu& cpu) -> Task<void> {
          co_await allocator_.CpuDead(cpu, op.cpu);
        });
        return;
      case ReferenceOp::Kind::kOnline:
        scheduler.RunOn(CpuId(0), [this, &op](Cpu& cpu) -> Task<void> {
          co_await allocator_.CpuComing(cpu, op.cpu);
        });
        scheduler.SetOnline(op.cpu, true);
        return;
    }
  }

  void Compare(const ReferenceOp& op, Placement placement) {
    std::string ours = "nothing";
    bool agrees = false;
    if (!placement.object.is_null()) {
      const Allocator::Location slab = allocator_.Locate(placement.object);
      const uint64_t offset = placement.object - slab.slab;
      const NodeId node = machine_.NodeOf(slab.slab);
      agrees = offset == op.offset && node == run_.label_nodes[op.label] &&
               renaming_.Matches(op.label, slab);
      if (!agrees && result_.first_disagreement.empty()) {
        ours = fmt::format("slab #{} on node {} at {}, by \"{}\"", slab.serial, node.value(),
                           offset, allocator_.paths()[placement.path]);
      }
    }
    result_.placements.Add(agrees);
    if (agrees || !result_.first_disagreement.empty()) return;
    result_.Note(fmt::format(
        "{}:{}: CPU {} allocates object {}{}\n"
        "  kernel: slab {} on node {} at {}\n"
        "  model:  {}\n"
        "{}{}",
        run_.path, op.line, op.cpu.value(), op.object,
        op.want == kAnyNode ? "" : fmt::format(" on node {}", op.want.value()), op.label,
        run_.label_nodes[op.label].value(), op.offset, ours, DescribeBefore(op), DescribeState()));
  }

  // What led up to an operation, as in the file.
  std::string DescribeBefore(const ReferenceOp& op) const {
    constexpr ptrdiff_t kOps = 6;
    std::string text = "  the operations before:\n";
    const ptrdiff_t end = &op - run_.ops.data();
    for (ptrdiff_t i = std::max<ptrdiff_t>(0, end - kOps); i < end; ++i) {
      const ReferenceOp& before = run_.ops[static_cast<size_t>(i)];
      text += fmt::format("    line {}: {}\n", before.line, DescribeOp(before));
    }
    return text;
  }

  std::string DescribeOp(const ReferenceOp& op) const {
    const int cpu = op.cpu.value();
    switch (op.kind) {
      case ReferenceOp::Kind::kAlloc:
        return fmt::format("CPU {} allocates object {} in slab {} at {}", cpu, op.object, op.label,
                           op.offset);
      case ReferenceOp::Kind::kAllocNode:
        return fmt::format("CPU {} allocates object {} on node {} in slab {} at {}", cpu, op.object,
                           op.want.value(), op.label, op.offset);
      case ReferenceOp::Kind::kFree:
        return fmt::format("CPU {} frees object {}", cpu, op.object);
      case ReferenceOp::Kind::kShrink:
        return "the cache is shrunk";
      case ReferenceOp::Kind::kOffline:
        return fmt::format("CPU {} goes off line", cpu);
      case ReferenceOp::Kind::kOnline:
        return fmt::format("CPU {} comes on line", cpu);
    }
    return "";
  }

  std::string DescribeState() const {
    std::string text = "  the model's state then:\n";
    for (const Figure& figure : allocator_.State(cache_)) {
      text += fmt::format("    {} {}\n", figure.name, figure.ToString());
    }
    for (const Figure& figure : allocator_.Counters(cache_)) {
      if (figure.value != 0) text += fmt::format("    {} {}\n", figure.name, figure.ToString());
    }
    return text;
  }

  void CompareFigures() {
    std::map<std::string, Figure> ours;
    for (Figure& figure : allocator_.Counters(cache_)) ours[figure.name] = std::move(figure);
    for (Figure& figure : allocator_.State(cache_)) ours[figure.name] = std::move(figure);
    for (const ReferenceFigure& reference : run_.figures) {
      const auto mine = ours.find(reference.figure.name);
      const std::string wanted = reference.figure.ToString();
      const std::string found = mine == ours.end() ? "unknown" : mine->second.ToString();
      result_.figures.Add(wanted == found);
      if (wanted == found) continue;
      result_.Note(fmt::format("{}:{}: {} at the end\n  kernel: {}\n  model:  {}\n", run_.path,
                               reference.line, reference.figure.name, wanted, found));
    }
  }

  const ReferenceRun& run_;
  Machine& machine_;
  Allocator& allocator_;
  CacheId cache_ = kNoCache;
  std::vector<PhysAddr> objects_;  // by number
  Auditor auditor_;
  Renaming renaming_;
  Conformance result_;
};

}  // namespace

Conformance& Conformance::operator+=(const Conformance& other) {
  placements.agreeing += other.placements.agreeing;
  placements.total += other.placements.total;
  figures.agreeing += other.figures.agreeing;
  figures.total += other.figures.total;
  Note(other.first_disagreement);
  return *this;
}

absl::StatusOr<Conformance> ReplayReference(const ReferenceRun& run) {
  Machine machine(ReferenceMachine(run.machine));
  const absl::StatusOr<std::unique_ptr<Allocator>> allocator =
      MakeAllocator(run.allocator, machine, ReferenceOptions(run.allocator));
  if (!allocator.ok()) {
    return absl::InvalidArgumentError(
        fmt::format("{}: {}", run.path, std::string(allocator.status().message())));
  }
  return Replay(run, machine, **allocator).Run();
}

}  // namespace slablab
