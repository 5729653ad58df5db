// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Sheaves as memory: allocated, filled, emptied and freed.

#include <algorithm>
#include <array>

#include "allocators/slub/sheaves/layer.h"
#include "base/check.h"
#include "sim/core/scheduler.h"

namespace slablab {
namespace {

constexpr int kBarnLockRank = 8;  // before the list locks
// OBJCGS_CLEAR_MASK: of a request that needs a sheaf, what is not for the sheaf.
constexpr Gfp kNotForSheaves =
    Gfp::kDma | Gfp::kReclaimable | Gfp::kAccount | Gfp::kNoFail | Gfp::kThisNode | Gfp::kCompound;
constexpr uint64_t kBarnInNodeAt = 64;  // kmem_cache_node->barn
constexpr uint32_t kBatchMax = 32;      // PCS_BATCH_MAX

}  // namespace

SheafLayer::SheafLayer(SlubCore& core, SheafSource& source)
    : core_(core),
      source_(source),
      policy_(core.policy().sheaves),
      barn_lock_class_(core.machine().scheduler().AddLockClass("node_barn->lock", kBarnLockRank)) {
  bootstrap_ = &pool_.Take(0);
  bootstrap_->state = SlabSheaf::State::kBootstrap;
  bootstrap_->address =
      core.machine().boot_memory().Allocate(SlabSheaf::BytesFor(0), kLineSize, NodeId(0));
}

// __alloc_empty_sheaf(): any node's memory, near this CPU as a rule. A sheaf of a kmalloc cache
// must not need another one to be allocated.
Task<SlabSheaf*> SheafLayer::AllocSheaf(Cpu& cpu, KmemCache& s, Gfp gfp, uint32_t capacity) {
  const SiteScope site(cpu, SiteOf(SlubAt::kSheafMemory));
  if (s.is_kmalloc) gfp = gfp | Gfp::kNoRecurse;
  const uint64_t bytes = SlabSheaf::BytesFor(capacity);
  const PhysAddr address = co_await core_.KmallocOwn(cpu, bytes, gfp, kAnyNode);
  if (address.is_null()) co_return nullptr;
  SlabSheaf& sheaf = pool_.Take(capacity);
  sheaf.address = address;
  sheaf.cache = &s;
  sheaf.callbacks = this;
  const uint32_t ordinary = std::max(s.sheaf_capacity.Peek(), Of(s).coming_capacity);
  sheaf.counted = capacity <= ordinary || policy_.counts_oversize;
  // It comes zeroed.
  cpu.TouchRange(sheaf.At(0), bytes, Access::kWrite);
  cpu.Touch(sheaf.At(SlabSheaf::kCacheAt), Access::kWrite);
  if (sheaf.counted) Count(cpu, s, SlubStat::kSheafAlloc);
  co_return &sheaf;
}

// alloc_empty_sheaf().
Task<SlabSheaf*> SheafLayer::AllocEmpty(Cpu& cpu, KmemCache& s, Gfp gfp) {
  if (Has(gfp, Gfp::kNoRecurse)) return {};
  return AllocSheaf(cpu, s, gfp & ~kNotForSheaves, cpu.Load(s.sheaf_capacity));
}

// free_empty_sheaf().
Task<void> SheafLayer::FreeSheaf(Cpu& cpu, SlabSheaf& sheaf) {
  const SiteScope site(cpu, SiteOf(SlubAt::kSheafMemory));
  KmemCache& s = *sheaf.cache;
  const PhysAddr address = sheaf.address;
  const bool counted = sheaf.counted;
  pool_.Give(sheaf);
  co_await core_.KfreeOwn(cpu, address);
  if (counted) Count(cpu, s, SlubStat::kSheafFree);
}

// refill_sheaf(): to its capacity. Answers whether it is full now.
Task<bool> SheafLayer::Fill(Cpu& cpu, KmemCache& s, SlabSheaf& sheaf, Gfp gfp) {
  const SiteScope site(cpu, SiteOf(SlubAt::kSheafRefill));
  const uint32_t size = sheaf.LoadSize(cpu);
  const uint32_t room = CapacityOf(cpu, s, sheaf) - size;
  if (room == 0) co_return true;
  pool_.Equip(sheaf);
  const uint32_t filled = co_await source_.Refill(cpu, s, gfp, {sheaf.objects + size, room});
  if (filled > 0) sheaf.Touched(cpu, size, filled, Access::kWrite);
  sheaf.StoreSize(cpu, size + filled);
  Count(cpu, s, SlubStat::kSheafRefill, filled);
  co_return filled == room;
}

// sheaf_flush_unused(): of a sheaf that no CPU has.
Task<void> SheafLayer::FlushUnused(Cpu& cpu, KmemCache& s, SlabSheaf& sheaf) {
  const SiteScope site(cpu, SiteOf(SlubAt::kSheafFlush));
  const uint32_t size = sheaf.LoadSize(cpu);
  if (size == 0) co_return;
  Count(cpu, s, SlubStat::kSheafFlush, size);
  co_await source_.FreeArray(cpu, s, sheaf.Touched(cpu, 0, size, Access::kRead));
  sheaf.StoreSize(cpu, 0);
}

Task<void> SheafLayer::FlushAndFree(Cpu& cpu, KmemCache& s, SlabSheaf& sheaf) {
  co_await FlushUnused(cpu, s, sheaf);
  co_await FreeSheaf(cpu, sheaf);
}

Task<void> SheafLayer::LeaveEmpty(Cpu& cpu, NodeBarn& barn, SlabSheaf& sheaf) {
  const bool put = co_await barn.PutEmpty(cpu, sheaf);
  if (!put) co_await FreeSheaf(cpu, sheaf);
}

Task<void> SheafLayer::LeaveFull(Cpu& cpu, KmemCache& s, NodeBarn& barn, SlabSheaf& sheaf) {
  const bool put = co_await barn.PutFull(cpu, sheaf);
  if (put) {
    Count(cpu, s, SlubStat::kBarnPut);
  } else {
    co_await FlushAndFree(cpu, s, sheaf);
  }
}

// sheaf_flush_main() and sheaf_try_flush_main(): from the top, by as much as the kernel's stack
// holds, so that slabs are reached without the CPU's lock. Answers whether it began.
Task<bool> SheafLayer::FlushMain(Cpu& cpu, KmemCache& s, Lock lock) {
  const SiteScope site(cpu, SiteOf(SlubAt::kSheafFlush));
  CpuSheaves& pcs = On(s, cpu.id());
  bool began = false;
  for (;;) {
    if (!pcs.TryLock(cpu)) {
      CHECK(lock == Lock::kTry);
      co_return began;
    }
    began = true;
    SlabSheaf& main = *cpu.Load(pcs.main);
    const uint32_t size = main.LoadSize(cpu);
    const uint32_t batch = std::min(kBatchMax, size);
    std::array<PhysAddr, kBatchMax> objects;
    if (batch > 0) {
      main.StoreSize(cpu, size - batch);
      const auto top = main.Touched(cpu, size - batch, batch, Access::kRead);
      std::copy(top.begin(), top.end(), objects.begin());
    }
    pcs.Unlock(cpu);
    if (batch > 0) co_await source_.FreeArray(cpu, s, {objects.data(), batch});
    Count(cpu, s, SlubStat::kSheafFlush, batch);
    if (size == batch) co_return true;
  }
}

// can_free_to_pcs(), of an object of another node than the CPU's.
bool SheafLayer::TakesRemote(const Cpu& cpu) const {
  switch (policy_.remote_free) {
    case SheafPolicy::RemoteFree::kPastSheaves:
      return false;
    case SheafPolicy::RemoteFree::kPastUnlessMemoryless:
      return !core_.HasMemory(cpu.node());
    case SheafPolicy::RemoteFree::kIntoSheaves:
      return true;
  }
  return false;
}

NodeBarn* SheafLayer::BarnOf(Cpu& cpu, KmemCache& s, NodeId node) {
  NodeBarn* const barn = Of(s).barns[node.index()].get();
  if (policy_.barn_pointer == SheafPolicy::BarnPointer::kInCache) {
    cpu.Touch(s.BarnPointer(node), Access::kRead);
    return barn;
  }
  const CacheNode* const n = core_.GetNode(cpu, s, node);
  if (n != nullptr) cpu.Touch({n->address + kBarnInNodeAt, Structure::kNode}, Access::kRead);
  return barn;
}

}  // namespace slablab
