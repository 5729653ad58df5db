// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/conformance/reference_replay.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "base/check.h"
#include "fmt/format.h"

namespace slablab {

using Kind = ReferenceOp::Kind;

bool Renaming::Matches(uint32_t label, const Allocator::Location& slab) {
  Known& known = slabs_[label];
  if (known.serial == slab.serial) return true;
  if (IsAlive(known)) return false;                  // The label is another slab's.
  if (labels_.count(slab.serial) > 0) return false;  // The slab has another label.
  labels_.erase(known.serial);
  labels_.emplace(slab.serial, label);
  known = {.serial = slab.serial, .block = slab.slab};
  return true;
}

ReferenceReplay::ReferenceReplay(const ReferenceRun& run, Machine& machine, Allocator& allocator)
    : run_(run),
      machine_(machine),
      allocator_(allocator),
      rcu_(run.machine.cpus),
      objects_(run.object_count),
      waiting_(run.object_count),
      sheaves_(run.sheaf_count, kNoSheaf),
      released_(static_cast<size_t>(run.machine.cpus)),
      auditor_(machine),
      renaming_(allocator, run.label_nodes.size()) {
  machine.set_rcu(&rcu_);
}

absl::StatusOr<Conformance> ReferenceReplay::Run() {
  if (const absl::Status status = CheckOffers(); !status.ok()) return status;
  if (const absl::Status status = SetUp(); !status.ok()) return status;
  CompareLayout();
  for (const ReferenceOp& op : run_.ops) {
    const bool is_late = op.kind == Kind::kListFree || op.kind == Kind::kListFreeBulk;
    if (dead_.has_value() && op.kind != Kind::kDead && !is_late) FlushDead(CpuId(0));
    Do(op);
    CallOthers();
  }
  if (dead_.has_value()) FlushDead(CpuId(0));
  CompareFigures();
  allocator_.CheckInvariants();
  CHECK_EQ(auditor_.violations(), 0u);
  return std::move(result_);
}

absl::Status ReferenceReplay::CheckOffers() const {
  const auto refuse = [this](uint64_t line, std::string_view what) {
    return absl::InvalidArgumentError(
        fmt::format("{}:{}: the model '{}' has no {}", run_.path, line, allocator_.name(), what));
  };
  const Allocator::Offers offers = allocator_.offers();
  if (run_.cache.has_debug_flags() && !offers.debug_flags) {
    return refuse(run_.cache_line, "debugging flags");
  }
  if (run_.cache.free_pointer_offset >= 0 && !offers.free_pointer_offset) {
    return refuse(run_.cache_line, "freeptr_offset");
  }
  if (offers.prefilled_sheaves) return absl::OkStatus();
  for (const ReferenceOp& op : run_.ops) {
    if (op.kind == Kind::kPrefillSheaf) return refuse(op.line, "prefilled sheaves");
  }
  return absl::OkStatus();
}

absl::Status ReferenceReplay::SetUp() {
  machine_.scheduler().RunOn(CpuId(0),
                             [this](Cpu& cpu) -> Task<void> { co_await allocator_.Boot(cpu); });
  const bool has_create = run_.format > 1 && run_.ops.front().kind == Kind::kCreate;
  absl::Status status;
  On(has_create ? run_.ops.front().cpu : CpuId(0), [this, &status](Cpu& cpu) -> Task<void> {
    const absl::StatusOr<CacheId> created = co_await allocator_.CreateCache(cpu, run_.cache);
    if (created.ok()) {
      cache_ = *created;
      status = co_await TuneAll(cpu);
    } else {
      status = absl::InvalidArgumentError(fmt::format("{}:{}: {}", run_.path, run_.cache_line,
                                                      std::string(created.status().message())));
    }
  });
  return status;
}

Task<absl::Status> ReferenceReplay::TuneAll(Cpu& cpu) {
  for (size_t i = 0; i < run_.tunes.size();) {
    const uint64_t line = run_.tunes[i].line;
    std::vector<Allocator::Tunable> together;
    for (; i < run_.tunes.size() && run_.tunes[i].line == line; ++i) {
      together.push_back({.key = run_.tunes[i].key, .value = run_.tunes[i].value});
    }
    const absl::Status tuned = co_await allocator_.TuneTogether(cpu, cache_, together);
    if (tuned.ok()) continue;
    co_return absl::InvalidArgumentError(
        fmt::format("{}:{}: {}", run_.path, line, std::string(tuned.message())));
  }
  co_return absl::OkStatus();
}

// When whatever another CPU did last is over: else a lock that was released later than this CPU's
// clock says would be found taken by who only tries for it.
void ReferenceReplay::On(CpuId cpu, const std::function<Task<void>(Cpu&)>& work) {
  const Cycles now = machine_.scheduler().now();
  machine_.scheduler().RunOn(cpu, [&](Cpu& on) {
    if (on.now() < now) on.Pass(now - on.now());
    return work(on);
  });
}

// Format 1 was recorded in interrupts.
Gfp ReferenceReplay::gfp() const {
  return run_.format == 1 ? kGfpAtomic | Gfp::kNoWarn : kGfpKernel;
}

void ReferenceReplay::Do(const ReferenceOp& op) {
  if (op.kind != Kind::kCallback && op.kind != Kind::kListFree && op.kind != Kind::kListFreeBulk) {
    ExpectNoneReleased(op);
  }
  switch (op.kind) {
    case Kind::kAlloc:
    case Kind::kAllocNode:
      return Allocate(op);
    case Kind::kAllocBulk:
      return AllocateInBulk(op);
    case Kind::kAllocFromSheaf:
      return AllocateFromSheaf(op);
    case Kind::kFree:
    case Kind::kListFree:
      return Free(op);
    case Kind::kFreeBulk:
    case Kind::kKfreeBulk:
    case Kind::kListFreeBulk:
      return FreeSeveral(op);
    case Kind::kFreeRcu:
      return FreeRcu(op);
    case Kind::kPrefillSheaf:
    case Kind::kRefillSheaf:
    case Kind::kReturnSheaf:
      return UseSheaf(op);
    case Kind::kShrink:
      return Shrink(op);
    case Kind::kOffline:
      return GoOffline(op);
    case Kind::kDead:
      return FlushDead(op.cpu);
    case Kind::kOnline:
      return ComeOnline(op);
    case Kind::kGracePeriod:
      released_[op.cpu.index()] = std::min(op.size, SheavesWaitingOf(op.cpu));
      return;
    case Kind::kCallback:
      return CallBack(op);
    case Kind::kBarrier:
      return BeginBarrier();
    case Kind::kCheck:
      return CompareCheck(op);
    case Kind::kCreate:      // At set-up.
    case Kind::kBarrierEnd:  // What it waits for was looked for above.
      return;
  }
}

void ReferenceReplay::Born(uint32_t object, PhysAddr place) {
  objects_[object] = place;
  if (place.is_null()) return;
  auditor_.OnAlloc(
      {.object = place, .bytes = run_.cache.object_size, .align = std::max(run_.cache.align, 8u)});
}

PhysAddr ReferenceReplay::Take(uint32_t object) {
  if (!waiting_[object].is_null()) return std::exchange(waiting_[object], PhysAddr());
  const PhysAddr place = std::exchange(objects_[object], PhysAddr());
  if (!place.is_null()) auditor_.OnFree(place, run_.cache.object_size);
  return place;
}

void ReferenceReplay::Allocate(const ReferenceOp& op) {
  Placement placement;
  On(op.cpu, [this, &op, &placement](Cpu& cpu) -> Task<void> {
    if (run_.format == 1) {
      const IrqFlags flags = cpu.IrqSave();
      placement = co_await allocator_.Alloc(cpu, cache_, gfp(), op.want);
      co_await cpu.IrqRestore(flags);
    } else {
      placement = co_await allocator_.Alloc(cpu, cache_, gfp(), op.want);
    }
  });
  const uint32_t object = run_.ObjectsOf(op).front();
  Born(object, placement.object);
  Compare(op, object, run_.PlacesOf(op).front(), placement.object,
          allocator_.paths()[placement.path].name);
}

void ReferenceReplay::AllocateInBulk(const ReferenceOp& op) {
  several_.assign(op.count, PhysAddr());
  On(op.cpu, [this](Cpu& cpu) -> Task<void> {
    const size_t got = co_await allocator_.AllocBulk(cpu, cache_, gfp(), absl::MakeSpan(several_));
    if (got == 0) std::fill(several_.begin(), several_.end(), PhysAddr());
  });
  for (size_t i = 0; i < op.count; ++i) {
    Born(run_.ObjectsOf(op)[i], several_[i]);
    Compare(op, run_.ObjectsOf(op)[i], run_.PlacesOf(op)[i], several_[i], "");
  }
}

void ReferenceReplay::AllocateFromSheaf(const ReferenceOp& op) {
  Placement placement;
  if (sheaves_[op.sheaf] != kNoSheaf) {
    On(op.cpu, [this, &op, &placement](Cpu& cpu) -> Task<void> {
      placement = co_await allocator_.AllocFromSheaf(cpu, cache_, gfp(), sheaves_[op.sheaf]);
    });
  }
  if (op.place_count == 0) return CompareNothing(op, placement.object);
  const uint32_t object = run_.ObjectsOf(op).front();
  Born(object, placement.object);
  Compare(op, object, run_.PlacesOf(op).front(), placement.object, "");
}

// By kvfree_rcu's list path, it is kvfree().
void ReferenceReplay::Free(const ReferenceOp& op) {
  const PhysAddr object = Take(run_.ObjectsOf(op).front());
  if (object.is_null()) return;  // The model had no memory for it, or a sheaf has it.
  On(op.cpu, [this, &op, object](Cpu& cpu) -> Task<void> {
    if (op.kind == Kind::kListFree) {
      co_await allocator_.Kfree(cpu, object);
    } else if (run_.format == 1) {
      const IrqFlags flags = cpu.IrqSave();
      co_await allocator_.Free(cpu, cache_, object);
      co_await cpu.IrqRestore(flags);
    } else {
      co_await allocator_.Free(cpu, cache_, object);
    }
  });
}

void ReferenceReplay::FreeSeveral(const ReferenceOp& op) {
  several_.clear();
  for (const uint32_t number : run_.ObjectsOf(op)) {
    if (const PhysAddr object = Take(number); !object.is_null()) several_.push_back(object);
  }
  if (several_.empty()) return;
  On(op.cpu, [this, &op](Cpu& cpu) -> Task<void> {
    if (op.kind == Kind::kFreeBulk) {
      co_await allocator_.FreeBulk(cpu, cache_, absl::MakeSpan(several_));
    } else {
      co_await allocator_.KfreeBulk(cpu, absl::MakeSpan(several_));
    }
  });
}

void ReferenceReplay::FreeRcu(const ReferenceOp& op) {
  const uint32_t number = run_.ObjectsOf(op).front();
  const PhysAddr object = Take(number);
  if (object.is_null()) return;
  On(op.cpu, [this, object, number](Cpu& cpu) -> Task<void> {
    const bool taken = co_await allocator_.FreeRcuSheaf(cpu, object);
    if (!taken) waiting_[number] = object;
  });
}

void ReferenceReplay::UseSheaf(const ReferenceOp& op) {
  SheafId& sheaf = sheaves_[op.sheaf];
  On(op.cpu, [this, &op, &sheaf](Cpu& cpu) -> Task<void> {
    const auto size = static_cast<uint32_t>(op.size);
    if (op.kind == Kind::kPrefillSheaf) {
      sheaf = co_await allocator_.PrefillSheaf(cpu, cache_, gfp(), size);
    } else if (sheaf != kNoSheaf && op.kind == Kind::kRefillSheaf) {
      const SheafId refilled = co_await allocator_.RefillSheaf(cpu, cache_, gfp(), sheaf, size);
      if (refilled != kNoSheaf) sheaf = refilled;
    } else if (sheaf != kNoSheaf) {
      co_await allocator_.ReturnSheaf(cpu, cache_, gfp(), std::exchange(sheaf, kNoSheaf));
    }
  });
  if (!op.has_result) return;
  CompareResult(op, "objects in the sheaf", sheaf == kNoSheaf ? 0 : allocator_.SheafSize(sheaf));
}

void ReferenceReplay::Shrink(const ReferenceOp& op) {
  On(op.cpu, [this](Cpu& cpu) -> Task<void> { co_await allocator_.Shrink(cpu, cache_); });
  if (!op.has_result) return;
  CompareResult(op, "whether slabs are left", allocator_.FootprintOf(cache_).slabs > 0 ? 1 : 0);
}

void ReferenceReplay::GoOffline(const ReferenceOp& op) {
  machine_.scheduler().SetOnline(op.cpu, false);
  dead_ = op.cpu;
}

void ReferenceReplay::FlushDead(CpuId on) {
  const CpuId dead = *std::exchange(dead_, std::nullopt);
  On(on, [this, dead](Cpu& cpu) -> Task<void> { co_await allocator_.CpuDead(cpu, dead); });
}

void ReferenceReplay::ComeOnline(const ReferenceOp& op) {
  On(CpuId(0), [this, &op](Cpu& cpu) -> Task<void> { co_await allocator_.CpuComing(cpu, op.cpu); });
  machine_.scheduler().SetOnline(op.cpu, true);
}

void ReferenceReplay::BeginBarrier() {
  On(CpuId(0),
     [this](Cpu& cpu) -> Task<void> { co_await allocator_.FlushRcuSheaves(cpu, cache_); });
  for (size_t cpu = 0; cpu < released_.size(); ++cpu) {
    released_[cpu] = SheavesWaitingOf(CpuId(static_cast<int32_t>(cpu)));
  }
}

bool ReferenceReplay::IsOfSheaf(const RcuHead& head) {
  return head.function().starts_with("rcu_free_sheaf");
}

uint64_t ReferenceReplay::SheavesWaitingOf(CpuId cpu) const {
  uint64_t sheaves = 0;
  for (const RcuHead* head = rcu_.WaitingOf(cpu).front(); head != nullptr;
       head = RcuQueue::Next(*head)) {
    if (IsOfSheaf(*head)) ++sheaves;
  }
  return sheaves;
}

void ReferenceReplay::CallBack(const ReferenceOp& op) {
  RcuHead* const head = released_[op.of.index()] == 0 ? nullptr : rcu_.Take(op.of, IsOfSheaf);
  const auto describe = [](uint64_t objects, bool is_early) {
    return fmt::format("a sheaf of {}, {}", objects, is_early ? "handed over early" : "full");
  };
  std::string ours = "none that is ready";
  if (head != nullptr) {
    --released_[op.of.index()];
    ours = describe(head->waiting().objects, head->function() == "rcu_free_sheaf_nobarn");
  }
  const std::string theirs = describe(op.size, op.is_early);
  result_.figures.Add(ours == theirs);
  if (ours != theirs) Note(op, "a callback", theirs, ours);
  if (head == nullptr) return;
  On(op.cpu, [head](Cpu& cpu) -> Task<void> { co_await head->RunCallback(cpu); });
}

void ReferenceReplay::CallOthers() {
  const auto is_other = [](const RcuHead& head) { return !IsOfSheaf(head); };
  for (int i = 0; i < run_.machine.cpus; ++i) {
    const CpuId of(i);
    if (rcu_.WaitingOf(of).empty()) continue;
    const CpuId on = machine_.cpu(of).online() ? of : CpuId(0);
    while (RcuHead* const head = rcu_.Take(of, is_other)) {
      On(on, [head](Cpu& cpu) -> Task<void> { co_await head->RunCallback(cpu); });
    }
  }
}

void ReferenceReplay::ExpectNoneReleased(const ReferenceOp& op) {
  for (size_t i = 0; i < released_.size(); ++i) {
    const CpuId of(static_cast<int32_t>(i));
    for (; released_[i] > 0; --released_[i]) {
      RcuHead* const head = rcu_.Take(of, IsOfSheaf);
      result_.figures.Add(false);
      Note(op, fmt::format("sheaves of CPU {} that are ready", i), "none is left", "one more");
      On(CpuId(0), [head](Cpu& cpu) -> Task<void> { co_await head->RunCallback(cpu); });
    }
  }
}

}  // namespace slablab
