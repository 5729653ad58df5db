// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Sheaves that were there before a run. Nothing here is the kernel's.

#include "allocators/slub/sheaves/layer.h"
#include "base/check.h"

namespace slablab {

Task<bool> SheafLayer::GiveSheaf(Cpu& cpu, KmemCache& s, absl::Span<const PhysAddr> objects,
                                 SheafPlace place) {
  const uint32_t capacity = s.sheaf_capacity.Peek();
  if (!HasSheaves(s) || capacity == 0) co_return false;
  CHECK_LE(objects.size(), capacity);
  CpuSheaves& pcs = ThisCpu(cpu, s);
  NodeBarn* const barn = BarnOf(cpu, s);
  const bool is_full = objects.size() == capacity;
  if (place == SheafPlace::kBarn && (barn == nullptr || (!is_full && !objects.empty()))) {
    co_return false;
  }
  if (place == SheafPlace::kSpare && pcs.spare.Peek() != nullptr) co_return false;
  SlabSheaf* const sheaf = co_await AllocSheaf(cpu, s, kGfpKernel, capacity);
  if (sheaf == nullptr) co_return false;
  for (const PhysAddr object : objects) {
    Slab& slab = *core_.SlabOf(object);
    CHECK(slab.cache == &s);
    TakeBack(s, slab, s.IndexOf(slab, object));
    Push(cpu, *sheaf, object);
  }
  if (place == SheafPlace::kSpare) {
    pcs.Install(cpu, pcs.spare, *sheaf);
  } else if (is_full) {
    const bool put = co_await barn->PutFull(cpu, *sheaf);
    CHECK(put);
  } else {
    const bool put = co_await barn->PutEmpty(cpu, *sheaf);
    CHECK(put);
  }
  co_return true;
}

}  // namespace slablab
