// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// The page allocator when there is nothing left: direct reclaim. And which pages are free.

#include "sim/pages/buddy_allocator.h"

namespace slablab {

// __alloc_pages_direct_reclaim(), and when __alloc_pages_slowpath() comes to it.
bool BuddyAllocator::MayReclaim(const Cpu& cpu, const Context& context) const {
  return reclaimer_ != nullptr && Has(context.gfp, Gfp::kDirectReclaim) && cpu.irqs_enabled() &&
         !cpu.in_interrupt() && !reclaiming_[cpu.id().index()];
}

Task<uint64_t> BuddyAllocator::DirectReclaim(Cpu& cpu) {
  reclaiming_[cpu.id().index()] = true;
  const uint64_t bytes = co_await reclaimer_->Reclaim(cpu, kAnyNode);
  reclaiming_[cpu.id().index()] = false;
  co_return bytes;
}

bool BuddyAllocator::IsFree(PhysAddr page) const {
  for (const Zone& zone : zones_) {
    if (zone.Contains(page.frame())) return zone.IsFree(zone.IndexOf(page));
  }
  return false;
}

}  // namespace slablab
