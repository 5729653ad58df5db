// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_SLUB_MODEL_H_
#define SLABLAB_ALLOCATORS_SLUB_MODEL_H_

#include <vector>

#include "absl/types/span.h"
#include "allocators/slub/core/check.h"
#include "allocators/slub/core/core.h"
#include "allocators/slub/core/locked_slabs.h"
#include "base/check.h"
#include "sim/core/cpu.h"
#include "sim/core/task.h"

namespace slablab {

// SLUB with a front: what a CPU keeps before the slabs. `Front` is made of the core and offers
//   Task<Placement> Alloc(Cpu&, KmemCache&, SlubAllocRequest)    an object for a user
//   Task<PathId> Free(Cpu&, Slab&, PhysAddr object)              of a user's
//   Task<size_t> AllocBulk(Cpu&, KmemCache&, Gfp, Span<PhysAddr>)
//   Task<void> FreeBulk(Cpu&, KmemCache&, Span<PhysAddr>), KfreeBulk(Cpu&, Span<PhysAddr>)
//   Task<bool> Open(Cpu&, KmemCache&), Task<void> Close(Cpu&, KmemCache&)
//   Task<void> FlushAll(Cpu&, KmemCache&), FlushCpuOf(Cpu&, KmemCache&, CpuId)
//   void Inspect(const KmemCache&, SlubInspection&) const
//   void Layers(const KmemCache&, std::vector<CacheLayer>*) const
// as SlubCore's hooks of these names say. It may have the other hooks besides, by these names:
//   Begin, Opened, Closing, Fill, TakeFirst, EarlyListed, CountFree, CachesAreUp, Tune, FillState,
//   FillSlabInfo; Reclaim as Allocator has it; and
//   Task<PathId> FreeObject(Cpu&, Slab&, PhysAddr object)        as Free, of whose page kfree()
//   asks
// without AllocBulk, objects come and go one by one. One with sheaves has besides
//   SheafLayer& layer()
//   void Describe(const KmemCache&, CacheContents*) const
// A template, so that the fast paths inline.
template <typename Front>
class SlubModel : public SlubCore {
 public:
  SlubModel(Machine& machine, const AllocatorOptions& options, const SlubPolicy& policy)
      : SlubCore(machine, options, policy), front_(*this) {}

  Task<Placement> Alloc(Cpu& cpu, CacheId id, Gfp gfp, NodeId node) final {
    if (has_hooks()) [[unlikely]] {
      return AllocHooked(cpu, cache(id), {.gfp = gfp, .node = node});
    }
    return front_.Alloc(cpu, cache(id), {.gfp = gfp, .node = node});
  }
  // kmem_cache_free(): the object's page leads to its slab; no more is needed to free it.
  Task<PathId> Free(Cpu& cpu, CacheId id, PhysAddr object) final {
    Slab* const slab = SlabOf(object);
    CHECK(slab != nullptr);
    CHECK(slab->cache == &cache(id));
    Unhook(cpu, {&object, 1});
    return front_.Free(cpu, *slab, object);
  }
  // kfree(): the page says whether it is a slab's, and the slab of which cache.
  Task<PathId> Kfree(Cpu& cpu, PhysAddr object) override {
    if (object <= kZeroSizePointer) return Task<PathId>(policy().ways.free_null);
    Slab* const slab = SlabOf(object);
    if (slab == nullptr) return FreeLarge(cpu, object);
    Unhook(cpu, {&object, 1});
    if constexpr (requires { front_.FreeObject(cpu, *slab, object); }) {
      LookUpSlab(cpu, *slab, object);
      return front_.FreeObject(cpu, *slab, object);
    }
    {
      const SiteScope site(cpu, SiteOf(SlubAt::kFreeFast));
      cpu.Touch(slab->Metadata(Slab::kFlagsAt), Access::kRead);
      cpu.Touch(slab->Metadata(Slab::kCacheAt), Access::kRead);
    }
    return front_.Free(cpu, *slab, object);
  }
  Task<size_t> AllocBulk(Cpu& cpu, CacheId id, Gfp gfp, absl::Span<PhysAddr> objects) final {
    if constexpr (!kHasBulk) return SlubCore::AllocBulk(cpu, id, gfp, objects);
    if constexpr (kHasBulk) {
      if (obj_exts().charges()) [[unlikely]] {
        return AllocBulkCharged(cpu, cache(id), gfp, objects);
      }
      return front_.AllocBulk(cpu, cache(id), gfp, objects);
    }
  }
  Task<void> FreeBulk(Cpu& cpu, CacheId id, absl::Span<PhysAddr> objects) final {
    for (const PhysAddr object : objects) CHECK(SlabOf(object)->cache == &cache(id));
    if constexpr (!kHasBulk) return SlubCore::FreeBulk(cpu, id, objects);
    Unhook(cpu, objects);
    if constexpr (kHasBulk) return front_.FreeBulk(cpu, cache(id), objects);
  }

  Task<void> KfreeBulk(Cpu& cpu, absl::Span<PhysAddr> objects) final {
    if constexpr (!kHasBulk) return SlubCore::KfreeBulk(cpu, objects);
    Unhook(cpu, objects);
    if constexpr (kHasBulk) return front_.KfreeBulk(cpu, objects);
  }
  Task<uint64_t> Reclaim(Cpu& cpu, NodeId node) override {
    if constexpr (requires { front_.Reclaim(cpu, node); }) return front_.Reclaim(cpu, node);
    return SlubCore::Reclaim(cpu, node);
  }

  // What only sheaves have.
  Task<bool> FreeRcuSheaf(Cpu& cpu, PhysAddr object) final {
    if constexpr (kHasSheaves) return front_.layer().FreeRcu(cpu, object);
    return SlubCore::FreeRcuSheaf(cpu, object);
  }
  Task<void> FlushRcuSheaves(Cpu& cpu, CacheId id) final {
    if constexpr (kHasSheaves) return front_.layer().FlushRcu(cpu, cache(id));
    return SlubCore::FlushRcuSheaves(cpu, id);
  }
  Task<SheafId> PrefillSheaf(Cpu& cpu, CacheId id, Gfp gfp, uint32_t size) final {
    if constexpr (kHasSheaves) return front_.layer().Prefill(cpu, cache(id), gfp, size);
    return SlubCore::PrefillSheaf(cpu, id, gfp, size);
  }
  Task<Placement> AllocFromSheaf(Cpu& cpu, CacheId id, Gfp gfp, SheafId sheaf) final {
    if constexpr (kHasSheaves) {
      if (obj_exts().charges()) [[unlikely]] {
        return AllocFromCharged(cpu, cache(id), gfp, sheaf);
      }
      return front_.layer().AllocFrom(cpu, cache(id), gfp, sheaf);
    }
    return SlubCore::AllocFromSheaf(cpu, id, gfp, sheaf);
  }
  Task<SheafId> RefillSheaf(Cpu& cpu, CacheId id, Gfp gfp, SheafId sheaf, uint32_t size) final {
    if constexpr (kHasSheaves) return front_.layer().RefillUsers(cpu, cache(id), gfp, sheaf, size);
    return SlubCore::RefillSheaf(cpu, id, gfp, sheaf, size);
  }
  Task<void> ReturnSheaf(Cpu& cpu, CacheId id, Gfp gfp, SheafId sheaf) final {
    if constexpr (kHasSheaves) return front_.layer().Return(cpu, cache(id), gfp, sheaf);
    return SlubCore::ReturnSheaf(cpu, id, gfp, sheaf);
  }
  Task<bool> GiveSheaf(Cpu& cpu, CacheId id, absl::Span<const PhysAddr> objects,
                       SheafPlace place) final {
    Unhook(cpu, objects);
    if constexpr (kHasSheaves) return front_.layer().GiveSheaf(cpu, cache(id), objects, place);
    return SlubCore::GiveSheaf(cpu, id, objects, place);
  }
  uint32_t SheafSize(SheafId sheaf) const final {
    if constexpr (kHasSheaves) return front_.layer().SizeOf(sheaf);
    return SlubCore::SheafSize(sheaf);
  }

  Front& front() { return front_; }
  const Front& front() const { return front_; }

 private:
  static constexpr bool kHasSheaves = requires(Front front) { front.layer(); };
  static constexpr bool kHasBulk = requires(Front & front, Cpu& cpu) {
    front.KfreeBulk(cpu, absl::Span<PhysAddr>());
  };

  // slab_alloc_node() with all its hooks.
  Task<Placement> AllocHooked(Cpu& cpu, KmemCache& s, SlubAllocRequest request) {
    const Placement placement =
        co_await front_.Alloc(cpu, s, ApplyStrictNuma(cpu, s, request));
    if (obj_exts().charges()) co_await obj_exts().Charge(cpu, s, request.gfp, placement.object);
    co_return placement;
  }
  Task<size_t> AllocBulkCharged(Cpu& cpu, KmemCache& s, Gfp gfp, absl::Span<PhysAddr> objects)
    requires(kHasBulk)
  {
    const size_t count = co_await front_.AllocBulk(cpu, s, gfp, objects);
    co_await obj_exts().ChargeAll(cpu, s, gfp, objects.subspan(0, count));
    co_return count;
  }
  Task<Placement> AllocFromCharged(Cpu& cpu, KmemCache& s, Gfp gfp, SheafId sheaf)
    requires(kHasSheaves)
  {
    const Placement placement = co_await front_.layer().AllocFrom(cpu, s, gfp, sheaf);
    co_await obj_exts().Charge(cpu, s, gfp, placement.object);
    co_return placement;
  }
  void Unhook(Cpu& cpu, absl::Span<const PhysAddr> objects) {
    if (!obj_exts().charges()) [[likely]] {
      return;
    }
    for (const PhysAddr object : objects) obj_exts().Uncharge(cpu, object);
  }

  void BeginCache(KmemCache& s) final {
    if constexpr (requires { front_.Begin(s); }) front_.Begin(s);
  }
  Task<void> Opened(Cpu& cpu, KmemCache& s) final {
    if constexpr (requires { front_.Opened(cpu, s); }) return front_.Opened(cpu, s);
    return {};
  }
  void FillSlab(Cpu& cpu, KmemCache& s, Slab& slab, const SlubAllocRequest& request) final {
    if constexpr (requires { front_.Fill(cpu, s, slab); }) {
      front_.Fill(cpu, s, slab);
    } else {
      SlubCore::FillSlab(cpu, s, slab, request);
    }
  }
  ObjectIndex TakeFirst(Cpu& cpu, KmemCache& s, Slab& slab) final {
    if constexpr (requires { front_.TakeFirst(cpu, s, slab); }) {
      return front_.TakeFirst(cpu, s, slab);
    }
    return SlubCore::TakeFirst(cpu, s, slab);
  }
  void EarlyListed(CacheNode& n, Slab& slab) final {
    if constexpr (requires { front_.EarlyListed(n, slab); }) front_.EarlyListed(n, slab);
  }
  Task<uint32_t> CountFree(Cpu& cpu, const Slab& slab) final {
    if constexpr (requires { front_.CountFree(cpu, slab); }) return front_.CountFree(cpu, slab);
    return SlubCore::CountFree(cpu, slab);
  }
  Task<void> CachesAreUp(Cpu& cpu) final {
    if constexpr (requires { front_.CachesAreUp(cpu); }) return front_.CachesAreUp(cpu);
    return {};
  }
  bool FillState(const KmemCache& s, std::vector<Figure>* figures) const final {
    if constexpr (requires { front_.FillState(s, figures); }) {
      front_.FillState(s, figures);
      return true;
    }
    return false;
  }
  void FillSlabInfo(const KmemCache& s, SlabInfoRow* row) const final {
    if constexpr (requires { front_.FillSlabInfo(s, row); }) front_.FillSlabInfo(s, row);
  }

  Task<absl::Status> TuneFront(Cpu& cpu, KmemCache& s, std::string_view key, int64_t value) final {
    if constexpr (kHasSheaves) return front_.layer().Tune(cpu, s, key, value);
    if constexpr (requires { front_.Tune(cpu, s, key, value); }) {
      return front_.Tune(cpu, s, key, value);
    }
    return SlubCore::TuneFront(cpu, s, key, value);
  }
  bool has_prefilled_sheaves() const final { return kHasSheaves; }
  Task<bool> OpenFront(Cpu& cpu, KmemCache& s) final { return front_.Open(cpu, s); }
  Task<void> CloseFront(Cpu& cpu, KmemCache& s) final { return front_.Close(cpu, s); }
  Task<void> FlushAll(Cpu& cpu, KmemCache& s) final { return front_.FlushAll(cpu, s); }
  Task<void> FlushCpuOf(Cpu& cpu, KmemCache& s, CpuId owner) final {
    return front_.FlushCpuOf(cpu, s, owner);
  }
  Task<void> RcuBarrier(Cpu& cpu, KmemCache& s) final {
    if constexpr (kHasSheaves) return front_.layer().RcuBarrier(cpu, s);
    return {};
  }
  Task<void> EmptyBarns(Cpu& cpu, KmemCache& s, Ending ending) final {
    if constexpr (kHasSheaves) return front_.layer().EmptyBarns(cpu, s, ending == Ending::kYes);
    if constexpr (requires { front_.Closing(cpu, s); }) {
      if (ending == Ending::kYes) return front_.Closing(cpu, s);
    }
    return {};
  }
  Task<bool> BootstrapKmalloc(Cpu& cpu, KmemCache& s) final {
    if constexpr (kHasSheaves) return front_.layer().Bootstrap(cpu, s);
    return Task<bool>(true);
  }
  void FillContents(const KmemCache& s, CacheContents* contents) const final {
    if constexpr (requires { front_.Describe(s, contents); }) front_.Describe(s, contents);
  }
  void FillLayers(const KmemCache& s, std::vector<CacheLayer>* layers) const final {
    front_.Layers(s, layers);
  }
  void InspectFront(const KmemCache& s, SlubInspection& inspection) const final {
    front_.Inspect(s, inspection);
  }

  Front front_;
};

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_SLUB_MODEL_H_
