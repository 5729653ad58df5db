// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "allocators/common/kvfree_rcu.h"

#include <algorithm>
#include <array>
#include <bit>
#include <iterator>
#include <string_view>
#include <utility>

#include "absl/types/span.h"
#include "base/check.h"
#include "sim/core/scheduler.h"
#include "sim/core/spinlock.h"
#include "sim/core/timer.h"

namespace slablab {
namespace {

constexpr uint64_t kDrainSeconds = 5;   // KFREE_DRAIN_JIFFIES
constexpr size_t kBatches = 2;          // KFREE_N_BATCHES
constexpr size_t kPagesKept = 5;        // rcu_min_cached_objs
constexpr uint64_t kStructBytes = 512;  // struct kfree_rcu_cpu
constexpr uint64_t kWordBytes = 8;
constexpr uint64_t kTicksDefault = 250;  // a second, where the machine has no tick
constexpr Cycles kDrainingPoll = 1000;
constexpr int kLockRank = 5;  // below what frees inside take; nothing is held around it
constexpr Gfp kPageGfp = Gfp::kKswapdReclaim | Gfp::kNoRetry | Gfp::kNoWarn;

// A page of pointers.
struct Block {
  PhysAddr page;
  std::vector<PhysAddr> objects = {};
  RcuWaiting waiting = {};  // these
  uint64_t snapshot = 0;    // of when the last one was noted
};

// What goes together: blocks, the newest last, and the list, likewise.
struct Objects {
  std::vector<Block> blocks;
  std::vector<PhysAddr> list;
  RcuWaiting list_waiting;
  uint64_t list_snapshot = 0;

  bool empty() const { return blocks.empty() && list.empty(); }
  void AddTo(std::vector<PhysAddr>& all) const {
    for (const Block& block : blocks) {
      all.insert(all.end(), block.objects.begin(), block.objects.end());
    }
    all.insert(all.end(), list.begin(), list.end());
  }
  RcuWaiting waiting() const {
    RcuWaiting sum = list_waiting;
    for (const Block& block : blocks) sum += block.waiting;
    return sum;
  }
};

}  // namespace

const KvfreeRcuPolicy& KvfreeRcuPolicyOf(const ModelKernel& kernel) {
  const auto is_before = [&kernel](int version, int patchlevel) {
    return kernel.version != version ? kernel.version < version : kernel.patchlevel < patchlevel;
  };
  if (is_before(5, 6)) return kKfreeByCallRcu;
  if (is_before(6, 4)) return kKvfreeRcu61;
  return is_before(7, 3) ? kKvfreeRcu612 : kKvfreeRcu73;
}

RcuWaiting& RcuWaiting::operator+=(const RcuWaiting& other) {
  objects += other.objects;
  object_bytes += other.object_bytes;
  padding_bytes += other.padding_bytes;
  large_objects += other.large_objects;
  large_bytes += other.large_bytes;
  return *this;
}

RcuWaiting& RcuWaiting::operator-=(const RcuWaiting& other) {
  objects -= other.objects;
  object_bytes -= other.object_bytes;
  padding_bytes -= other.padding_bytes;
  large_objects -= other.large_objects;
  large_bytes -= other.large_bytes;
  return *this;
}

// One CPU's: struct kfree_rcu_cpu.
class KvfreeRcu::CpuBatches {
 public:
  CpuBatches(KvfreeRcu& owner, CpuId id) : owner_(owner), id_(id) {
    for (Batch& batch : batches_) batch.owner = this;
  }

  bool empty() const { return fresh_.empty(); }
  // The monitor is freeing what waited long enough.
  bool draining() const { return draining_; }
  void AddTo(std::vector<PhysAddr>& all) const {
    fresh_.AddTo(all);
    for (const Batch& batch : batches_) batch.objects.AddTo(all);
  }

  Task<void> Add(Cpu& cpu, PhysAddr object, const RcuWaiting& waiting) {
    const SiteScope site(cpu, Site::kKvfreeRcu);
    if (place_.address.is_null()) LayOut(cpu);
    const IrqFlags flags = cpu.IrqSave();
    {
      const SpinGuard guard = co_await lock_.Acquire(cpu);
      cpu.Touch(place_, Access::kWrite);
      if (!NoteInBlock(cpu, object, waiting)) {
        if (!pages_.armed()) owner_.machine_.scheduler().Arm(pages_, id_, cpu.now());
        cpu.TouchRange({.address = object, .structure = Structure::kObject},
                       owner_.policy_.list_words * kWordBytes, Access::kWrite);
        fresh_.list.push_back(object);
        fresh_.list_waiting += waiting;
        fresh_.list_snapshot = owner_.machine_.rcu().Snapshot();
      }
      ArmMonitor(cpu);
    }
    co_await cpu.IrqRestore(flags);
  }

  // kvfree_rcu_queue_batch(): hands over all there is, if a batch is free. Answers whether it did.
  Task<bool> QueueBatch(Cpu& cpu) {
    const SiteScope site(cpu, Site::kKvfreeRcu);
    const auto free = std::find_if(batches_.begin(), batches_.end(),
                                   [](const Batch& batch) { return batch.objects.empty(); });
    if (free == batches_.end() || fresh_.empty()) co_return false;
    const IrqFlags flags = cpu.IrqSave();
    bool queued = false;
    {
      const SpinGuard guard = co_await lock_.Acquire(cpu);
      cpu.Touch(place_, Access::kWrite);
      queued = free->objects.empty() && !fresh_.empty();
      if (queued) std::swap(free->objects, fresh_);
    }
    owner_.drains_ += queued;
    if (queued) co_await owner_.machine_.rcu().Call(cpu, *free);
    co_await cpu.IrqRestore(flags);
    co_return queued;
  }

 private:
  // What waits for one grace period: struct kfree_rcu_cpu_work.
  struct Batch final : RcuHead {
    Task<void> RunCallback(Cpu& cpu) override {
      // They are its own until all are free, so that it takes no others meanwhile.
      co_await owner->FreeAll(cpu, &objects);
    }
    std::string_view function() const override { return "kfree_rcu_work"; }
    Place rcu_place() const override { return owner->place_; }
    Waiting waiting() const override {
      const RcuWaiting all = objects.waiting();
      return {.objects = static_cast<uint32_t>(all.objects), .bytes = all.bytes()};
    }
    CpuBatches* owner = nullptr;
    Objects objects;
  };
  // kfree_rcu_monitor().
  struct Monitor final : Timer {
    explicit Monitor(CpuBatches& batches) : owner(batches) {}
    Task<void> Expire(Cpu& cpu) override {
      if (owner.owner_.policy_.drains_ready) co_await owner.FreeReady(cpu);
      co_await owner.QueueBatch(cpu);
      if (!owner.fresh_.empty()) owner.ArmMonitor(cpu);
    }
    CpuBatches& owner;
  };
  // fill_page_cache_func().
  struct PageFiller final : Timer {
    explicit PageFiller(CpuBatches& batches) : owner(batches) {}
    Task<void> Expire(Cpu& cpu) override {
      while (owner.kept_.size() < kPagesKept) {
        const PhysAddr page = co_await owner.owner_.machine_.pages().Alloc(cpu, {.gfp = kPageGfp});
        if (page.is_null()) co_return;
        owner.kept_.push_back({.page = page});
      }
    }
    CpuBatches& owner;
  };

  void LayOut(Cpu& cpu) {
    place_ = {
        .address = owner_.machine_.boot_memory().Allocate(kStructBytes, kLineSize, cpu.node()),
        .structure = Structure::kPerCpuArea};
    lock_ = SpinLock(owner_.lock_class_,
                     {.address = place_.address + kLineSize, .structure = Structure::kLock});
    kept_.reserve(kPagesKept);
  }

  bool NoteInBlock(Cpu& cpu, PhysAddr object, const RcuWaiting& waiting) {
    if (fresh_.blocks.empty() || fresh_.blocks.back().objects.size() == owner_.policy_.records) {
      if (kept_.empty()) return false;
      fresh_.blocks.push_back(std::move(kept_.back()));
      kept_.pop_back();
      fresh_.blocks.back().objects.reserve(owner_.policy_.records);
    }
    Block& block = fresh_.blocks.back();
    const Place page = {.address = block.page, .structure = Structure::kPerCpuArea};
    cpu.Touch(page, Access::kWrite);  // The count, and the snapshot.
    const uint64_t head = kPageSize - owner_.policy_.records * kWordBytes;
    cpu.Touch(page + (head + block.objects.size() * kWordBytes), Access::kWrite);
    block.objects.push_back(object);
    block.waiting += waiting;
    block.snapshot = owner_.machine_.rcu().Snapshot();
    return true;
  }

  // __schedule_delayed_monitor_work(): an earlier time counts, a later one does not.
  void ArmMonitor(Cpu& cpu) {
    const MachineConfig& config = owner_.machine_.config();
    const Cycles second = static_cast<Cycles>(config.clock_mhz) * 1'000'000;
    const Cycles tick = config.timer_hz == 0 ? second / kTicksDefault : config.CyclesPerTick();
    const bool soon = fresh_.waiting().objects >= owner_.policy_.records;
    const Cycles due = cpu.now() + (soon ? tick : kDrainSeconds * second);
    Scheduler& scheduler = owner_.machine_.scheduler();
    if (monitor_.armed()) {
      if (monitor_due_ <= due) return;
      scheduler.Disarm(monitor_);
    }
    monitor_due_ = due;
    scheduler.Arm(monitor_, id_, due);
  }

  // kvfree_rcu_drain_ready(): what has waited for a grace period already.
  Task<void> FreeReady(Cpu& cpu) {
    const Rcu& rcu = owner_.machine_.rcu();
    Objects ready;
    const auto waits =
        std::find_if(fresh_.blocks.begin(), fresh_.blocks.end(),
                     [&rcu](const Block& block) { return !rcu.HasEnded(block.snapshot); });
    std::move(fresh_.blocks.begin(), waits, std::back_inserter(ready.blocks));
    fresh_.blocks.erase(fresh_.blocks.begin(), waits);
    if (!fresh_.list.empty() && rcu.HasEnded(fresh_.list_snapshot)) {
      ready.list.swap(fresh_.list);
      std::swap(ready.list_waiting, fresh_.list_waiting);
    }
    owner_.drains_ += !ready.empty();
    draining_ = true;
    co_await FreeAll(cpu, &ready);
    draining_ = false;
  }

  // kfree_rcu_work(): newest first.
  Task<void> FreeAll(Cpu& cpu, Objects* objects) {
    const SiteScope site(cpu, Site::kKvfreeRcu);
    while (!objects->blocks.empty()) {
      Block block = std::move(objects->blocks.back());
      co_await owner_.allocator_.KfreeBulk(cpu, absl::MakeSpan(block.objects));
      owner_.waiting_ -= std::exchange(block.waiting, {});
      block.objects.clear();
      objects->blocks.pop_back();
      if (kept_.size() < kPagesKept) {
        kept_.push_back(std::move(block));
      } else {
        co_await owner_.machine_.pages().Free(cpu, block.page, 0);
      }
    }
    while (!objects->list.empty()) {
      const PhysAddr object = objects->list.back();
      cpu.Touch({.address = object, .structure = Structure::kObject}, Access::kRead);
      co_await owner_.allocator_.Kfree(cpu, object);
      objects->list.pop_back();
    }
    owner_.waiting_ -= std::exchange(objects->list_waiting, {});
  }

  KvfreeRcu& owner_;
  const CpuId id_;
  Place place_;
  SpinLock lock_;
  Objects fresh_;  // not handed over yet
  std::array<Batch, kBatches> batches_;
  std::vector<Block> kept_;  // pages for blocks
  Monitor monitor_{*this};
  PageFiller pages_{*this};
  bool draining_ = false;
  Cycles monitor_due_ = 0;  // while it is armed
};

KvfreeRcu::KvfreeRcu(Machine& machine, Allocator& allocator, const KvfreeRcuPolicy& policy)
    : machine_(machine),
      allocator_(allocator),
      policy_(policy),
      lock_class_(machine.scheduler().AddLockClass("krc", kLockRank)) {
  for (int i = 0; i < machine.config().cpu_count(); ++i) {
    cpus_.push_back(std::make_unique<CpuBatches>(*this, CpuId(i)));
  }
}

KvfreeRcu::~KvfreeRcu() = default;

// An object whose struct rcu_head lies in itself.
struct KvfreeRcu::LoneObject final : RcuHead {
  Task<void> RunCallback(Cpu& cpu) override {
    co_await owner->allocator_.Kfree(cpu, object);
    owner->waiting_ -= std::exchange(what, {});
    owner->lone_free_.push_back(this);
  }
  std::string_view function() const override { return "kfree"; }
  Place rcu_place() const override { return {.address = object, .structure = Structure::kObject}; }
  Waiting waiting() const override {
    return {.objects = static_cast<uint32_t>(what.objects), .bytes = what.bytes()};
  }
  KvfreeRcu* owner = nullptr;
  PhysAddr object;
  RcuWaiting what;
};

RcuWaiting KvfreeRcu::WaitingOf(PhysAddr object, uint32_t bytes) const {
  const CacheId cache = allocator_.Locate(object).cache;
  if (cache == kNoCache) {
    const uint64_t pages = std::max<uint64_t>(1, (bytes + kPageSize - 1) / kPageSize);
    return {.objects = 1, .large_objects = 1, .large_bytes = std::bit_ceil(pages) * kPageSize};
  }
  const CacheLayout layout = allocator_.Layout(cache);
  return {.objects = 1,
          .object_bytes = layout.object_size,
          .padding_bytes = layout.slab_size - layout.object_size};
}

Task<void> KvfreeRcu::CallForOne(Cpu& cpu, PhysAddr object, const RcuWaiting& waiting) {
  const SiteScope site(cpu, Site::kKvfreeRcu);
  if (lone_free_.empty()) {
    lone_.push_back(std::make_unique<LoneObject>());
    lone_free_.push_back(lone_.back().get());
  }
  LoneObject& lone = *lone_free_.back();
  lone_free_.pop_back();
  lone.owner = this;
  lone.object = object;
  lone.what = waiting;
  co_await machine_.rcu().Call(cpu, lone);
}

Task<bool> KvfreeRcu::Free(Cpu& cpu, PhysAddr object, uint32_t bytes) {
  const bool in_sheaf = co_await allocator_.FreeRcuSheaf(cpu, object);
  if (in_sheaf) co_return true;
  const RcuWaiting waiting = WaitingOf(object, bytes);
  waiting_ += waiting;
  if (policy_.records == 0) {
    co_await CallForOne(cpu, object, waiting);
  } else {
    co_await cpus_[cpu.id().index()]->Add(cpu, object, waiting);
  }
  co_return false;
}

// Of a CPU that does nothing else meanwhile.
class KvfreeRcu::ParkedWalk final : public BarrierWalk {
 public:
  ParkedWalk(KvfreeRcu& owner, Scheduler& scheduler, Cpu& cpu, CacheId cache)
      : BarrierWalk(owner, cache), scheduler_(scheduler), cpu_(cpu) {}

 private:
  void GoOn(Cpu& by) override { scheduler_.Unpark(cpu_, by.now()); }
  Scheduler& scheduler_;
  Cpu& cpu_;
};

Task<void> KvfreeRcu::BarrierOnCache(Cpu& cpu, CacheId cache) { return WalkParked(cpu, cache); }

Task<void> KvfreeRcu::Barrier(Cpu& cpu) { return WalkParked(cpu, kNoCache); }

Task<void> KvfreeRcu::WalkParked(Cpu& cpu, CacheId cache) {
  ParkedWalk walk(*this, machine_.scheduler(), cpu, cache);
  for (;;) {
    const bool over = co_await walk.Continue(cpu);
    if (over) co_return;
    co_await cpu.Park();
  }
}

Task<bool> KvfreeRcu::BarrierWalk::Continue(Cpu& cpu) {
  if (phase_ == Phase::kFlush) {
    co_await Flush(cpu);
    phase_ = Phase::kCalled;
  }
  if (phase_ == Phase::kCalled) {
    const bool called = co_await Waited(cpu);
    if (!called) co_return false;
    phase_ = Phase::kBatches;
    next_cpu_ = 0;
  }
  while (phase_ == Phase::kBatches || phase_ == Phase::kBusy) {
    if (phase_ == Phase::kBusy) {
      const bool free = co_await Waited(cpu);
      if (!free) co_return false;
    }
    const bool all = co_await QueueAll(cpu);
    phase_ = all ? Phase::kFreed : Phase::kBusy;
  }
  if (phase_ == Phase::kFreed) {
    const bool freed = co_await Waited(cpu);
    if (!freed) co_return false;
    phase_ = Phase::kMonitored;
  }
  for (const auto& each : owner_.cpus_) {
    while (each->draining()) {  // cancel_delayed_work_sync()
      cpu.Pass(kDrainingPoll);
      co_await cpu.Sync();
    }
  }
  phase_ = Phase::kFlush;
  co_return true;
}

// Whether a barrier of RCU is over.
Task<bool> KvfreeRcu::BarrierWalk::Waited(Cpu& cpu) {
  if (!std::exchange(begun_, true)) co_await cpu.Sync();
  waits_ = true;
  const bool over = co_await owner_.machine_.rcu().ContinueBarrier(cpu, *this);
  if (over) begun_ = waits_ = false;
  co_return over;
}

Task<void> KvfreeRcu::BarrierWalk::Flush(Cpu& cpu) {
  if (cache_ != kNoCache) {
    co_await owner_.allocator_.FlushRcuSheaves(cpu, cache_);
    co_return;
  }
  for (int i = 0; i < owner_.allocator_.cache_count(); ++i) {
    co_await owner_.allocator_.FlushRcuSheaves(cpu, CacheId(i));
  }
}

// False: of one CPU's, both batches are under way.
Task<bool> KvfreeRcu::BarrierWalk::QueueAll(Cpu& cpu) {
  for (; next_cpu_ < owner_.cpus_.size(); ++next_cpu_) {
    CpuBatches& batches = *owner_.cpus_[next_cpu_];
    if (batches.empty()) continue;
    const bool queued = co_await batches.QueueBatch(cpu);
    if (!queued) co_return false;
  }
  co_return true;
}

std::vector<PhysAddr> KvfreeRcu::WaitingObjects() const {
  std::vector<PhysAddr> all;
  for (const auto& each : cpus_) each->AddTo(all);
  for (const auto& lone : lone_) {
    if (lone->what.objects > 0) all.push_back(lone->object);
  }
  return all;
}

}  // namespace slablab
