// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_SLUB_SHEAVES_SHEAVES_H_
#define SLABLAB_ALLOCATORS_SLUB_SHEAVES_SHEAVES_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "allocators/allocator.h"
#include "allocators/slub/core/check.h"
#include "allocators/slub/core/core.h"
#include "allocators/slub/sheaves/layer.h"
#include "base/check.h"
#include "sim/core/cpu.h"
#include "sim/core/task.h"

// SLUB's front as of Linux 6.18 and later: sheaves (allocators/slub/sheaves/layer.h) over what the
// era takes objects from slabs with. Here are the fast paths, and what happens where sheaves do not
// serve.
//
// `Bottom` is a front of its own (allocators/slub/model.h), and offers besides
//   Task<PathId> FreeTaken(Cpu&, KmemCache&, Slab&, ObjectIndex)   one object that no user has
//   Refill, AllocArray, FreeArray, UsedOn, FlushOn                 as SheafSource's

namespace slablab {

template <typename Bottom>
class Sheaves final : private SheafSource {
 public:
  // `core` outlives it.
  explicit Sheaves(SlubCore& core) : core_(core), bottom_(core), layer_(core, *this) {}
  Sheaves(const Sheaves&) = delete;

  Task<Placement> Alloc(Cpu& cpu, KmemCache& s, SlubAllocRequest request);
  Task<PathId> Free(Cpu& cpu, Slab& slab, PhysAddr object);
  Task<size_t> AllocBulk(Cpu& cpu, KmemCache& s, Gfp gfp, absl::Span<PhysAddr> objects);
  Task<void> FreeBulk(Cpu& cpu, KmemCache& s, absl::Span<PhysAddr> objects);
  // kfree_bulk(), of one cache's objects or of several: past the sheaves.
  Task<void> KfreeBulk(Cpu& cpu, absl::Span<PhysAddr> objects) {
    return bottom_.KfreeBulk(cpu, objects);
  }

  Task<bool> Open(Cpu& cpu, KmemCache& s);
  Task<void> Close(Cpu& cpu, KmemCache& s);
  Task<void> FlushAll(Cpu& cpu, KmemCache& s) { return layer_.FlushAll(cpu, s); }
  Task<void> FlushCpuOf(Cpu& cpu, KmemCache& s, CpuId owner);
  void Inspect(const KmemCache& s, SlubInspection& inspection) const {
    bottom_.Inspect(s, inspection);
    layer_.Inspect(s, inspection);
  }
  void Describe(const KmemCache& s, CacheContents* contents) const {
    bottom_.Describe(s, contents);
    layer_.Describe(s, contents);
  }

  void Layers(const KmemCache& s, std::vector<CacheLayer>* layers) const {
    layer_.Layers(s, layers);
    bottom_.Layers(s, layers);
  }

  SheafLayer& layer() { return layer_; }
  const SheafLayer& layer() const { return layer_; }

 private:
  // What a fast path found: the CPU's lock is taken unless it is nothing.
  enum class Look : uint8_t { kServes, kReplace, kNothing };

  Task<Placement> AllocFrom(Cpu& cpu, KmemCache& s, SlubAllocRequest request, Look look);
  Task<PathId> FreeFrom(Cpu& cpu, KmemCache& s, Slab& slab, ObjectIndex index, Look look);
  // What the slabs are asked for, where the sheaves have nothing.
  SlubAllocRequest Below(Cpu& cpu, SlubAllocRequest request) const {
    if (request.applies_policy_again) [[unlikely]] {
      request.node = core_.StrictNode(cpu);
    }
    return request;
  }
  PhysAddr TakeTop(Cpu& cpu, KmemCache& s, CpuSheaves& pcs);
  static SlubWay AllocWay(SheafLayer::Found found);
  static SlubWay FreeWay(SheafLayer::Found found);

  // SheafSource.
  Task<uint32_t> Refill(Cpu& cpu, KmemCache& s, Gfp gfp, absl::Span<PhysAddr> into) override {
    return bottom_.Refill(cpu, s, gfp, into);
  }
  Task<bool> AllocArray(Cpu& cpu, KmemCache& s, Gfp gfp, absl::Span<PhysAddr> into) override {
    return bottom_.AllocArray(cpu, s, gfp, into);
  }
  Task<void> FreeArray(Cpu& cpu, KmemCache& s, absl::Span<PhysAddr> objects) override {
    return bottom_.FreeArray(cpu, s, objects);
  }
  bool UsedOn(Cpu& cpu, KmemCache& s, CpuId id) override { return bottom_.UsedOn(cpu, s, id); }
  Task<void> FlushOn(Cpu& cpu, KmemCache& s) override { return bottom_.FlushOn(cpu, s); }

  SlubCore& core_;
  Bottom bottom_;
  SheafLayer layer_;
};

// alloc_from_pcs(): the last object of the main sheaf. As long as nothing can come in between it
// needs no coroutine.
template <typename Bottom>
[[gnu::always_inline]] inline Task<Placement> Sheaves<Bottom>::Alloc(Cpu& cpu, KmemCache& s,
                                                                     SlubAllocRequest request) {
  if (!SheafLayer::HasSheaves(s)) {
    {
      const SiteScope site(cpu, SiteOf(SlubAt::kAllocFast));
      cpu.Execute(kSlubFastCycles);
    }
    return bottom_.Alloc(cpu, s, Below(cpu, request));
  }
  Look look = Look::kNothing;
  {
    const SiteScope site(cpu, SiteOf(SlubAt::kAllocFast));
    cpu.Execute(kSlubFastCycles);
    if (request.node != kAnyNode && request.node != cpu.node()) {
      layer_.CountMismatch(cpu, s);
    } else if (CpuSheaves& pcs = layer_.ThisCpu(cpu, s); pcs.TryLock(cpu)) {
      look = cpu.Load(pcs.main)->LoadSize(cpu) > 0 ? Look::kServes : Look::kReplace;
      if (look == Look::kServes && request.node == kAnyNode && cpu.MayProceed()) {
        const PhysAddr object = TakeTop(cpu, s, pcs);
        core_.ZeroIfAsked(cpu, s, request.gfp, object);
        return Task<Placement>(Placement{object, PathOf(SlubWay::kAllocFast)});
      }
    }
  }
  return AllocFrom(cpu, s, request, look);
}

// The same, from where something may have come in between.
template <typename Bottom>
Task<Placement> Sheaves<Bottom>::AllocFrom(Cpu& cpu, KmemCache& s, SlubAllocRequest request,
                                           Look look) {
  const SiteScope site(cpu, SiteOf(SlubAt::kAllocFast));
  SlubWay way = SlubWay::kAllocFast;
  if (look == Look::kReplace) {
    const SheafLayer::Found found = co_await layer_.ReplaceEmptyMain(cpu, s, request.gfp);
    way = AllocWay(found);
    look = found == SheafLayer::Found::kNothing ? Look::kNothing : Look::kServes;
  }
  if (look == Look::kServes) {
    co_await cpu.Sync();
    CpuSheaves& pcs = layer_.On(s, cpu.id());
    // That no object of another node is in a sheaf is not certain.
    if (request.node == kAnyNode || layer_.TopIsOn(cpu, pcs, request.node)) {
      const PhysAddr object = TakeTop(cpu, s, pcs);
      core_.ZeroIfAsked(cpu, s, request.gfp, object);
      co_return Placement{object, PathOf(way)};
    }
    pcs.Unlock(cpu);
    layer_.CountMismatch(cpu, s);
  }
  const Placement placement = co_await bottom_.Alloc(cpu, s, Below(cpu, request));
  co_return placement;
}

// REQUIRES: the CPU's lock, and a main sheaf that is not empty.
template <typename Bottom>
inline PhysAddr Sheaves<Bottom>::TakeTop(Cpu& cpu, KmemCache& s, CpuSheaves& pcs) {
  const PhysAddr object = layer_.Pop(cpu, *cpu.Load(pcs.main));
  pcs.Unlock(cpu);
  layer_.CountAlloc(cpu, s);
  layer_.HandOut(s, object);
  return object;
}

// slab_free() and free_to_pcs().
template <typename Bottom>
[[gnu::always_inline]] inline Task<PathId> Sheaves<Bottom>::Free(Cpu& cpu, Slab& slab,
                                                                 PhysAddr object) {
  KmemCache& s = *slab.cache;
  const ObjectIndex index = s.IndexOf(slab, object);
  const bool has_sheaves = SheafLayer::HasSheaves(s);
  Look look = Look::kNothing;
  {
    const SiteScope site(cpu, SiteOf(SlubAt::kFreeFast));
    cpu.Execute(kSlubFastCycles);
    layer_.TakeBack(s, slab, index);
    cpu.Touch(slab.PageOf(object.frame()), Access::kRead);
    if (!has_sheaves || !layer_.MayFreeToSheaf(cpu, core_.NodeOf(cpu, slab))) {
    } else if (CpuSheaves& pcs = layer_.ThisCpu(cpu, s); pcs.TryLock(cpu)) {
      SlabSheaf& main = *cpu.Load(pcs.main);
      const uint32_t size = main.LoadSize(cpu);
      const bool full = size == SheafLayer::CapacityOf(cpu, s, main);
      look = full ? Look::kReplace : Look::kServes;
      if (!full && cpu.MayProceed()) {
        layer_.Push(cpu, main, object);
        pcs.Unlock(cpu);
        layer_.CountFree(cpu, s);
        return Task<PathId>(PathOf(SlubWay::kFreeFast));
      }
    }
  }
  if (!has_sheaves) return bottom_.FreeTaken(cpu, s, slab, index);
  return FreeFrom(cpu, s, slab, index, look);
}

// The same, from where something may have come in between.
template <typename Bottom>
Task<PathId> Sheaves<Bottom>::FreeFrom(Cpu& cpu, KmemCache& s, Slab& slab, ObjectIndex index,
                                       Look look) {
  const SiteScope site(cpu, SiteOf(SlubAt::kFreeFast));
  SlubWay way = SlubWay::kFreeFast;
  if (look == Look::kReplace) {
    const SheafLayer::Found found = co_await layer_.ReplaceFullMain(cpu, s);
    way = FreeWay(found);
    look = found == SheafLayer::Found::kNothing ? Look::kNothing : Look::kServes;
  }
  if (look == Look::kServes) {
    co_await cpu.Sync();
    CpuSheaves& pcs = layer_.On(s, cpu.id());
    layer_.Push(cpu, *cpu.Load(pcs.main), s.AddressOf(slab, index));
    pcs.Unlock(cpu);
    layer_.CountFree(cpu, s);
    co_return PathOf(way);
  }
  const PathId path = co_await bottom_.FreeTaken(cpu, s, slab, index);
  co_return path;
}

// kmem_cache_alloc_bulk(): what the sheaves have, and the rest from slabs.
template <typename Bottom>
Task<size_t> Sheaves<Bottom>::AllocBulk(Cpu& cpu, KmemCache& s, Gfp gfp,
                                        absl::Span<PhysAddr> objects) {
  if (!SheafLayer::HasSheaves(s)) {
    const size_t count = co_await bottom_.AllocBulk(cpu, s, gfp, objects);
    co_return count;
  }
  const SiteScope site(cpu, SiteOf(SlubAt::kBulkAlloc));
  cpu.Execute(kSlubFastCycles);
  const size_t had = co_await layer_.AllocBulk(cpu, s, objects);
  if (had < objects.size()) {
    const bool got = co_await bottom_.AllocArray(cpu, s, gfp, objects.subspan(had));
    if (!got) {
      if (had > 0) co_await bottom_.FreeArray(cpu, s, objects.subspan(0, had));
      co_return 0;
    }
  }
  for (const PhysAddr object : objects) {
    layer_.HandOut(s, object);
    core_.ZeroIfAsked(cpu, s, gfp, object);
  }
  co_return objects.size();
}

// kmem_cache_free_bulk().
template <typename Bottom>
Task<void> Sheaves<Bottom>::FreeBulk(Cpu& cpu, KmemCache& s, absl::Span<PhysAddr> objects) {
  if (s.sheaf_capacity.Peek() == 0) return bottom_.FreeBulk(cpu, s, objects);
  const SiteScope site(cpu, SiteOf(SlubAt::kBulkFree));
  cpu.Execute(kSlubFastCycles);
  return layer_.FreeBulk(cpu, s, objects);
}

template <typename Bottom>
Task<bool> Sheaves<Bottom>::Open(Cpu& cpu, KmemCache& s) {
  bool opened = co_await layer_.OpenPercpu(cpu, s);
  if (opened) opened = co_await bottom_.Open(cpu, s);
  if (opened) opened = co_await layer_.OpenBarns(cpu, s);
  if (opened) opened = co_await layer_.OpenMains(cpu, s);
  co_return opened;
}

template <typename Bottom>
Task<void> Sheaves<Bottom>::Close(Cpu& cpu, KmemCache& s) {
  co_await layer_.Close(cpu, s);
  co_await bottom_.Close(cpu, s);
}

template <typename Bottom>
Task<void> Sheaves<Bottom>::FlushCpuOf(Cpu& cpu, KmemCache& s, CpuId owner) {
  co_await layer_.FlushCpuOf(cpu, s, owner);
  co_await bottom_.FlushCpuOf(cpu, s, owner);
}

template <typename Bottom>
SlubWay Sheaves<Bottom>::AllocWay(SheafLayer::Found found) {
  switch (found) {
    case SheafLayer::Found::kSpare:
      return SlubWay::kAllocSpareSheaf;
    case SheafLayer::Found::kBarn:
      return SlubWay::kAllocBarnSheaf;
    default:
      return SlubWay::kAllocFilledSheaf;
  }
}

template <typename Bottom>
SlubWay Sheaves<Bottom>::FreeWay(SheafLayer::Found found) {
  switch (found) {
    case SheafLayer::Found::kSpare:
      return SlubWay::kFreeSpareSheaf;
    case SheafLayer::Found::kBarn:
      return SlubWay::kFreeBarnSheaf;
    case SheafLayer::Found::kNew:
      return SlubWay::kFreeNewSheaf;
    default:
      return SlubWay::kFreeFlushedSheaf;
  }
}

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_SLUB_SHEAVES_SHEAVES_H_
