// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "allocators/slub/core/obj_exts.h"

#include <utility>

#include "allocators/slub/core/core.h"
#include "base/check.h"
#include "sim/core/boot_memory.h"

namespace slablab {
namespace {

// OBJCGS_CLEAR_MASK.
constexpr Gfp kNotForVectors = Gfp::kDma | Gfp::kReclaimable | Gfp::kAccount | Gfp::kNoFail |
                               Gfp::kThisNode | Gfp::kCompound | Gfp::kZero;
constexpr uint64_t kStockBytes = 2 * kLineSize;

Place EntryOf(const SlabObjExts& exts, ObjectIndex object) {
  return {exts.first + uint64_t{object} * exts.stride, Structure::kSlabMetadata};
}

}  // namespace

ObjExts::ObjExts(SlubCore& core, bool charges, bool fits_in_slabs)
    : core_(core), charges_(charges), fits_in_slabs_(fits_in_slabs) {
  if (!charges) return;
  Machine& machine = core.machine();
  for (const CpuPlace& cpu : machine.config().cpus) {
    stocks_.push_back(machine.boot_memory().Allocate(kStockBytes, kLineSize, cpu.node));
  }
}

ObjExts::~ObjExts() = default;

Task<void> ObjExts::Charge(Cpu& cpu, KmemCache& s, Gfp gfp, PhysAddr object) {
  const bool is_accounted = s.spec.account || Has(gfp, Gfp::kAccount);
  if (!is_accounted || object.is_null() || cpu.in_interrupt()) co_return;
  const SiteScope site(cpu, SiteOf(SlubAt::kObjExts));
  cpu.Execute(kSlubFastCycles);
  Slab& slab = *core_.SlabOf(object);
  cpu.Touch(slab.PageOf(object.frame()), Access::kRead);
  cpu.Touch(slab.Metadata(Slab::kObjExtsAt), Access::kRead);
  if (slab.obj_exts == nullptr) co_await AllocVector(cpu, slab, gfp);
  if (slab.obj_exts == nullptr) co_return;  // The object is nobody's, as in the kernel.
  const ObjectIndex index = s.IndexOf(slab, object);
  TouchStock(cpu);
  cpu.Touch(EntryOf(*slab.obj_exts, index), Access::kWrite);
  slab.obj_exts->charged[index] = true;
}

Task<void> ObjExts::ChargeAll(Cpu& cpu, KmemCache& s, Gfp gfp, absl::Span<const PhysAddr> objects) {
  for (const PhysAddr object : objects) co_await Charge(cpu, s, gfp, object);
}

void ObjExts::Uncharge(Cpu& cpu, PhysAddr object) {
  Slab* const slab = core_.SlabOf(object);
  if (slab == nullptr) return;
  const SiteScope site(cpu, SiteOf(SlubAt::kObjExts));
  cpu.Touch(slab->Metadata(Slab::kObjExtsAt), Access::kRead);
  if (slab->obj_exts == nullptr) return;
  SlabObjExts& exts = *slab->obj_exts;
  const ObjectIndex index = slab->cache->IndexOf(*slab, object);
  cpu.Touch(EntryOf(exts, index), Access::kRead);
  if (!exts.charged[index]) return;
  cpu.Execute(kSlubFastCycles);
  exts.charged[index] = false;
  cpu.Touch(EntryOf(exts, index), Access::kWrite);
  TouchStock(cpu);
}

// __obj_cgroup_charge() from the CPU's stock, and obj_cgroup_get().
void ObjExts::TouchStock(Cpu& cpu) const {
  const PhysAddr stock = stocks_[cpu.id().index()];
  cpu.Touch({stock, Structure::kPerCpuArea}, Access::kWrite);
  cpu.Touch({stock + kLineSize, Structure::kPerCpuArea}, Access::kWrite);
}

Task<void> ObjExts::AccountSlab(Cpu& cpu, KmemCache& s, Slab& slab, Gfp gfp) {
  if (!charges_ || !s.spec.account) return {};
  if (fits_in_slabs_ && PlaceInSlab(cpu, s, slab)) return {};
  return AllocVector(cpu, slab, gfp);
}

// alloc_slab_obj_exts_early().
bool ObjExts::PlaceInSlab(Cpu& cpu, const KmemCache& s, Slab& slab) {
  const SiteScope site(cpu, SiteOf(SlubAt::kObjExts));
  const SlubGeometry& geometry = s.geometry;
  const uint64_t objects = slab.word.Peek().objects;
  const uint64_t used = (objects * geometry.size + kEntryBytes - 1) / kEntryBytes * kEntryBytes;
  if (used + objects * kEntryBytes <= kPageSize << slab.order) {
    SlabObjExts& exts = Take(slab);
    exts.first = slab.base + used;
    cpu.TouchRange({exts.first, Structure::kSlabMetadata}, objects * kEntryBytes, Access::kWrite);
    slab.obj_exts = &exts;
  } else if (s.obj_exts_at > 0) {
    SlabObjExts& exts = Take(slab);
    exts.first = slab.first_object + s.obj_exts_at;
    exts.stride = geometry.size;
    for (uint64_t i = 0; i < objects; ++i) {
      cpu.Touch(EntryOf(exts, static_cast<ObjectIndex>(i)), Access::kWrite);
    }
    slab.obj_exts = &exts;
  }
  if (slab.obj_exts != nullptr) cpu.Touch(slab.Metadata(Slab::kObjExtsAt), Access::kWrite);
  return slab.obj_exts != nullptr;
}

// alloc_slab_obj_exts(): somebody else may have done it meanwhile.
Task<void> ObjExts::AllocVector(Cpu& cpu, Slab& slab, Gfp gfp) {
  const SiteScope site(cpu, SiteOf(SlubAt::kObjExts));
  cpu.Execute(kSlubFastCycles);
  const uint64_t bytes = slab.word.Peek().objects * kEntryBytes;
  const PhysAddr vector = co_await core_.KmallocOwn(cpu, bytes, gfp & ~kNotForVectors, slab.node);
  if (vector.is_null()) co_return;
  cpu.TouchRange({vector, Structure::kSlabMetadata}, bytes, Access::kWrite);
  co_await cpu.Sync();
  cpu.Touch(slab.Metadata(Slab::kObjExtsAt), Access::kWrite);
  if (slab.obj_exts != nullptr) {
    co_await core_.KfreeOwn(cpu, vector);
    co_return;
  }
  slab.obj_exts = &Take(slab);
  slab.obj_exts->first = vector;
  slab.obj_exts->is_own = true;
}

Task<void> ObjExts::UnaccountSlab(Cpu& cpu, Slab& slab) {
  SlabObjExts* const exts = std::exchange(slab.obj_exts, nullptr);
  if (exts == nullptr) return {};
  const SiteScope site(cpu, SiteOf(SlubAt::kObjExts));
  cpu.Touch(slab.Metadata(Slab::kObjExtsAt), Access::kWrite);
  for (const bool charged : exts->charged) CHECK(!charged);
  free_.push_back(exts);
  if (!exts->is_own) return {};
  return FreeVector(cpu, exts->first);
}

Task<void> ObjExts::FreeVector(Cpu& cpu, PhysAddr vector) {
  const SiteScope site(cpu, SiteOf(SlubAt::kObjExts));
  co_await core_.KfreeOwn(cpu, vector);
}

SlabObjExts& ObjExts::Take(const Slab& slab) {
  if (free_.empty()) {
    free_.push_back(all_.emplace_back(std::make_unique<SlabObjExts>()).get());
  }
  SlabObjExts& exts = *free_.back();
  free_.pop_back();
  exts.stride = kEntryBytes;
  exts.is_own = false;
  exts.charged.assign(slab.word.Peek().objects, false);
  return exts;
}

}  // namespace slablab
