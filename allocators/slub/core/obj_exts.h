// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_SLUB_CORE_OBJ_EXTS_H_
#define SLABLAB_ALLOCATORS_SLUB_CORE_OBJ_EXTS_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/types/span.h"
#include "allocators/slub/core/structures.h"
#include "base/types.h"
#include "sim/core/cpu.h"
#include "sim/core/task.h"
#include "sim/pages/gfp.h"

namespace slablab {

class SlubCore;

// Which memory cgroup each object of a slab is charged to: struct slab's obj_exts (objcgs to Linux
// 6.6), a vector of pointers, one an object. A slab has it from its beginning, if its cache is
// SLAB_ACCOUNT, or from when the first of its objects is charged. It is kmalloc()ed, on the slab's
// node; from 7.0 on, in a slab of such a cache, it lies in what the slab has left behind its last
// object, or in what each object has left for its alignment, where there is room.
//
// All tasks are taken to be in one cgroup below the root, and interrupts in none. Not modelled:
// limits, and that a CPU's stock runs out.
class ObjExts {
 public:
  // Whether tasks are in memory cgroups, and slabs may have the vector within.
  ObjExts(SlubCore& core, bool charges, bool fits_in_slabs);
  ObjExts(const ObjExts&) = delete;
  ~ObjExts();

  bool charges() const { return charges_; }
  // memcg_slab_post_alloc_hook(), of an object that was just handed out; null: nothing.
  Task<void> Charge(Cpu& cpu, KmemCache& s, Gfp gfp, PhysAddr object);
  Task<void> ChargeAll(Cpu& cpu, KmemCache& s, Gfp gfp, absl::Span<const PhysAddr> objects);
  // memcg_slab_free_hook(), of one that is about to be freed, charged or not.
  void Uncharge(Cpu& cpu, PhysAddr object);
  // account_slab() and unaccount_slab(): of a new slab, and of one whose pages are to be freed.
  Task<void> AccountSlab(Cpu& cpu, KmemCache& s, Slab& slab, Gfp gfp);
  Task<void> UnaccountSlab(Cpu& cpu, Slab& slab);

 private:
  static constexpr uint64_t kEntryBytes = 8;

  bool PlaceInSlab(Cpu& cpu, const KmemCache& s, Slab& slab);
  Task<void> AllocVector(Cpu& cpu, Slab& slab, Gfp gfp);
  Task<void> FreeVector(Cpu& cpu, PhysAddr vector);
  SlabObjExts& Take(const Slab& slab);
  void TouchStock(Cpu& cpu) const;

  SlubCore& core_;
  const bool charges_;
  const bool fits_in_slabs_;
  std::vector<PhysAddr> stocks_;  // by CPU: obj_stock, and the reference counter's share
  std::vector<std::unique_ptr<SlabObjExts>> all_;
  std::vector<SlabObjExts*> free_;
};

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_SLUB_CORE_OBJ_EXTS_H_
