// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_PERCPU_AREAS_H_
#define SLABLAB_ALLOCATORS_PERCPU_AREAS_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "allocators/percpu/layout.h"
#include "base/types.h"
#include "sim/core/cpu.h"
#include "sim/core/task.h"
#include "sim/pages/gfp.h"

// Per-CPU areas: what a percpu allocator gives, whether it is the model under test or where other
// models' per-CPU structures lie, so that these cost what they cost. allocators/percpu/registry.h
// makes them.

namespace slablab {

// An area that every possible CPU has a copy of. Null: none.
struct PercpuArea {
  int32_t chunk = -1;
  uint32_t offset = 0;  // in each CPU's unit, in bytes; in the first chunk, from its first page
  uint32_t bytes = 0;
  bool is_null() const { return chunk < 0; }
  friend bool operator==(const PercpuArea&, const PercpuArea&) = default;
};

struct PercpuRequest {
  uint32_t bytes = 0;
  uint32_t align = 0;     // a power of two up to a page
  bool reserved = false;  // from the part of the first chunk that is for modules, if there is one
  Gfp gfp = kGfpKernel;   // without kDirectReclaim: atomic, from populated pages only
};

// The figures of debugfs' percpu_stats (Linux 6.1, mm/percpu-stats.c), names as there.
struct PercpuChunkFigures {
  enum class Kind : uint8_t { kOrdinary, kReserved, kFirst, kToDepopulate, kSidelined };
  Kind kind = Kind::kOrdinary;
  int32_t chunk = 0;
  int pages = 0;
  int populated_pages = 0;
  int64_t nr_alloc = 0;
  uint64_t max_alloc_size = 0;
  int64_t empty_pop_pages = 0;
  int64_t first_bit = 0;  // in granules
  uint64_t free_bytes = 0;
  uint64_t contig_bytes = 0;
  uint64_t sum_frag = 0;  // holes between the first and the last area
  uint64_t max_frag = 0;
  int64_t cur_min_alloc = 0;
  int64_t cur_med_alloc = 0;
  int64_t cur_max_alloc = 0;
};

struct PercpuFigures {
  uint64_t nr_alloc = 0;
  uint64_t nr_dealloc = 0;
  uint64_t nr_cur_alloc = 0;
  uint64_t nr_max_alloc = 0;
  uint32_t nr_chunks = 0;
  uint32_t nr_max_chunks = 0;
  uint64_t min_alloc_size = 0;
  uint64_t max_alloc_size = 0;
  int64_t empty_pop_pages = 0;
  // Reserved chunk first, then by slot, as the kernel prints them.
  std::vector<PercpuChunkFigures> chunks;
};

// Bytes over all possible CPUs. Kept up to date by every operation; reading it costs nothing.
struct PercpuUsage {
  uint64_t first_bytes = 0;       // the first chunk: static, reserved and dynamic part
  uint64_t populated_bytes = 0;   // pages of further chunks
  uint64_t rounding_bytes = 0;    // of contiguous blocks: pages that no unit uses
  uint64_t metadata_bytes = 0;    // maps and descriptors
  uint64_t area_bytes = 0;        // allocated, alignment holes not counted
  uint64_t address_bytes = 0;     // address space that further chunks' units take
  uint64_t km_wasted_pages = 0;   // of each contiguous block, by rounding to a power of two
  uint64_t uncleared_areas = 0;   // handed out with whatever was in them
  uint64_t address_failures = 0;  // chunks not made for want of address space
  uint64_t page_failures = 0;     // chunks not made, or ranges not populated, for want of pages
  uint64_t held_bytes() const {
    return first_bytes + populated_bytes + rounding_bytes + metadata_bytes;
  }
};

// Sees what a percpu allocator decides, as it does. Pages are numbered within each unit.
class PercpuObserver {
 public:
  virtual ~PercpuObserver() = default;
  virtual void OnChunkCreated(int32_t /*chunk*/) {}
  virtual void OnChunkDestroyed(int32_t /*chunk*/) {}
  virtual void OnPopulated(int32_t /*chunk*/, int /*first*/, int /*end*/) {}
  virtual void OnDepopulated(int32_t /*chunk*/, int /*first*/, int /*end*/) {}
  // The area is taken, but perhaps not yet populated.
  virtual void OnArea(PercpuArea /*area*/) {}
  virtual void OnFailed(const PercpuRequest& /*request*/) {}
  // An operation that cannot be atomic has let go of the lock: others' operations fit in here.
  virtual Task<void> OnUnlocked(Cpu& /*cpu*/) { co_return; }
};

class PercpuAreas {
 public:
  virtual ~PercpuAreas() = default;
  virtual std::string_view name() const = 0;
  virtual const PercpuLayout& layout() const = 0;

  // A zeroed area, or null: a request that the kernel calls illegal (no bytes, more than the
  // smallest unit, an alignment that is no power of two or more than a page), or no memory. May
  // wait and take pages if `gfp` allows it: then not with interrupts off.
  virtual Task<PercpuArea> Alloc(Cpu& cpu, PercpuRequest request) = 0;
  // REQUIRES: an area that Alloc answered.
  virtual Task<void> Free(Cpu& cpu, PercpuArea area) = 0;
  // Whether there is work that the kernel would hand to a worker by now; Balance does it. In task
  // context, interrupts on.
  virtual bool balance_due() const = 0;
  virtual Task<void> Balance(Cpu& cpu) = 0;

  // Where byte `at` of the CPU's copy is. Copies are contiguous only within a page.
  virtual PhysAddr AddressOn(PercpuArea area, CpuId cpu, uint32_t at) const = 0;
  virtual bool IsPopulated(int32_t chunk, int page) const = 0;
  virtual PercpuFigures Figures() const = 0;
  virtual const PercpuUsage& usage() const = 0;
  virtual void set_observer(PercpuObserver* observer) = 0;  // not owned; null: none
  // Whether there is a slab allocator by now (slab_is_available). From the start there is; one that
  // boots on these areas says otherwise until it is up. Meanwhile there is the first chunk alone:
  // early allocation.
  virtual void set_slab_is_available(bool available) = 0;
  // Aborts if one of the model's numbered invariants does not hold. REQUIRES: every CPU is between
  // operations.
  virtual void CheckInvariants() const = 0;
};

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_PERCPU_AREAS_H_
