// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Sheaves and barns as caches come and go.

#include <utility>

#include "allocators/slub/sheaves/layer.h"
#include "base/check.h"

namespace slablab {

// alloc_percpu() of struct slub_percpu_sheaves, and the capacity. A cache that has not asked for
// sheaves has nothing in the era that asks.
Task<bool> SheafLayer::OpenPercpu(Cpu& cpu, KmemCache& s) {
  const MachineConfig& config = core_.machine().config();
  s.front = std::make_unique<CacheSheaves>(config.possible_cpus, config.node_count());
  SetBarnMax(s, policy_.barn_full_max, policy_.barn_empty_max);
  const uint32_t capacity = SheafCapacity(policy_, s.spec, s.geometry.size);
  if (policy_.which == SheafPolicy::Which::kOptIn && capacity == 0) co_return true;
  // kmalloc caches get theirs once all of them are there; the two boot caches never.
  if (!s.is_kmalloc && !s.no_sheaves) cpu.Store(s.sheaf_capacity, capacity);
  const PercpuRequest request{.bytes = CpuSheaves::kBytes, .align = 8};
  const bool got = co_await core_.AllocPercpu(cpu, s, &s.cpu_sheaves, request);
  co_return got;
}

// init_kmem_cache_nodes(), as far as it is about barns.
Task<bool> SheafLayer::OpenBarns(Cpu& cpu, KmemCache& s) {
  if (s.sheaf_capacity.Peek() == 0) co_return true;
  for (int i = 0; i < core_.machine().config().node_count(); ++i) {
    const NodeId node(i);
    if (!HasBarn(node)) continue;
    const bool opened = co_await OpenBarn(cpu, s, node, s.sheaf_capacity.Peek());
    if (!opened) co_return false;
  }
  co_return true;
}

bool SheafLayer::HasBarn(NodeId node) const {
  switch (policy_.barns) {
    case SheafPolicy::Barns::kNone:
      return false;
    case SheafPolicy::Barns::kMemoryNodes:
      return core_.HasMemory(node);
    case SheafPolicy::Barns::kAllNodes:
      return true;
  }
  return true;
}

Task<bool> SheafLayer::OpenBarn(Cpu& cpu, KmemCache& s, NodeId node, uint32_t capacity) {
  const PhysAddr at = co_await core_.KmallocOwn(cpu, NodeBarn::kBytes, kGfpKernel, node);
  if (at.is_null()) co_return false;
  cpu.TouchRange({at, Structure::kBarn}, NodeBarn::kBytes, Access::kWrite);
  Of(s).barns[node.index()] = std::make_unique<NodeBarn>(at, barn_lock_class_, capacity);
  BarnOf(cpu, s, node);
  co_return true;
}

// init_percpu_sheaves(): a main sheaf for every possible CPU, all allocated on this one.
Task<bool> SheafLayer::OpenMains(Cpu& cpu, KmemCache& s) {
  if (!HasSheaves(s)) co_return true;
  const uint32_t capacity = s.sheaf_capacity.Peek();
  for (size_t i = 0; i < Of(s).first_main.size(); ++i) {
    SlabSheaf* main = bootstrap_;
    if (capacity > 0) {
      main = co_await AllocSheaf(cpu, s, kGfpKernel, capacity);
      if (main == nullptr) co_return false;
    }
    SetFirstMain(cpu, s, CpuId(static_cast<int32_t>(i)), *main);
  }
  co_return true;
}

// Of a CPU that may have used the bootstrap sheaf.
void SheafLayer::SetFirstMain(Cpu& cpu, KmemCache& s, CpuId id, SlabSheaf& main) {
  const Place place{core_.areas().AddressOn(s.cpu_sheaves.Peek(), id, CpuSheaves::kMainAt),
                    Structure::kPerCpuSheaves};
  cpu.Touch(place, Access::kWrite);
  if (&main != bootstrap_) main.state = SlabSheaf::State::kPercpu;
  CpuSheaves& pcs = Of(s).cpus[id.index()];
  if (pcs.placed) {
    pcs.main.Poke(&main);
  } else {
    Of(s).first_main[id.index()] = &main;
  }
}

void SheafLayer::PlaceSheaves(KmemCache& s, CpuId id) {
  const auto place = [&](uint32_t at) {
    return Place{core_.areas().AddressOn(s.cpu_sheaves.Peek(), id, at), Structure::kPerCpuSheaves};
  };
  CpuSheaves& pcs = Of(s).cpus[id.index()];
  SlabSheaf* const main = std::exchange(Of(s).first_main[id.index()], nullptr);
  CHECK(main != nullptr);
  pcs.placed = true;
  pcs.acquired = PerCpu<bool>(id, place(CpuSheaves::kLockAt), false);
  pcs.main = PerCpu<SlabSheaf*>(id, place(CpuSheaves::kMainAt), main);
  pcs.spare = PerCpu<SlabSheaf*>(id, place(CpuSheaves::kSpareAt));
  pcs.rcu_free = PerCpu<SlabSheaf*>(id, place(CpuSheaves::kRcuFreeAt));
}

// pcs_destroy(), and the barns' part of free_kmem_cache_nodes(). Everything is flushed.
Task<void> SheafLayer::Close(Cpu& cpu, KmemCache& s) {
  if (s.front == nullptr) co_return;
  CacheSheaves& sheaves = Of(s);
  for (size_t i = 0; i < sheaves.first_main.size(); ++i) {
    CpuSheaves& pcs = sheaves.cpus[i];
    SlabSheaf* const main = pcs.placed ? pcs.main.Peek() : sheaves.first_main[i];
    if (main == nullptr || main == bootstrap_) continue;
    CHECK(!pcs.placed || (pcs.spare.Peek() == nullptr && pcs.rcu_free.Peek() == nullptr));
    main->state = SlabSheaf::State::kHeld;
    co_await FreeSheaf(cpu, *main);
  }
  if (HasSheaves(s)) co_await core_.FreePercpu(cpu, s, &s.cpu_sheaves);
  for (std::unique_ptr<NodeBarn>& barn : sheaves.barns) {
    if (barn == nullptr) continue;
    CHECK(barn->full.first.Peek() == nullptr && barn->empty.first.Peek() == nullptr);
    const PhysAddr address = barn->address;
    barn = nullptr;
    co_await core_.KfreeOwn(cpu, address);
  }
  s.front = nullptr;
}

// A kmalloc cache has everything but sheaves, since those are allocated from kmalloc caches: its
// barns and main sheaves come last, and only then is its capacity known to itself.
Task<bool> SheafLayer::Bootstrap(Cpu& cpu, KmemCache& s) {
  const uint32_t capacity = SheafCapacity(policy_, s.spec, s.geometry.size);
  if (capacity == 0 || !HasSheaves(s)) co_return true;
  CHECK_EQ(s.sheaf_capacity.Peek(), 0u);
  for (int i = 0; i < core_.machine().config().node_count(); ++i) {
    const NodeId node(i);
    if (!HasBarn(node)) continue;
    const bool opened = co_await OpenBarn(cpu, s, node, capacity);
    if (!opened) co_return false;
  }
  for (size_t i = 0; i < Of(s).first_main.size(); ++i) {
    SlabSheaf* const main = co_await AllocSheaf(cpu, s, kGfpKernel, capacity);
    if (main == nullptr) co_return false;
    SetFirstMain(cpu, s, CpuId(static_cast<int32_t>(i)), *main);
  }
  cpu.Store(s.sheaf_capacity, capacity);
  co_return true;
}

}  // namespace slablab
