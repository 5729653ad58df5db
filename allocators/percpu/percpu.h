// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_PERCPU_PERCPU_H_
#define SLABLAB_ALLOCATORS_PERCPU_PERCPU_H_

#include <memory>
#include <vector>

#include "allocators/percpu/core.h"
#include "allocators/percpu/layout.h"
#include "allocators/percpu/map.h"
#include "sim/core/cpu.h"
#include "sim/core/task.h"
#include "sim/machine.h"

// The percpu allocator as of Linux 6.1 (mm/percpu.c, percpu-vm.c, percpu-km.c, percpu-stats.c).
//
// The idea. Memory is given out in areas that every possible CPU has a copy of, all at the same
// offset from the beginning of its unit. Units come in chunks. A chunk's maps say which bytes of a
// unit are allocated, for all CPUs at once; its pages are populated, again for all CPUs at once,
// when an area first needs them, or beforehand, so that those who cannot wait find some.
//
// The structures.
//   Percpu       the lists of chunks by slot, the count of spare pages; with PercpuCore
//                (allocators/percpu/core.h), which has the lock and the mutex
//   PercpuChunk  a chunk: its map (allocators/percpu/map.h), which pages are populated, its memory
//   PercpuBackend  where a chunk's memory comes from (allocators/percpu/backend.h)
// A chunk is on the list of the slot that its largest free run belongs to, so that a search begins
// with the fullest chunks that may do. Chunks that are wholly free have a slot of their own, behind
// all others. Before it is the slot of sidelined chunks, which were isolated and depopulated;
// behind it that of chunks that wait for depopulation. The first chunk's dynamic part is a chunk as
// any other, save that its pages stay; its reserved part is a chunk on no list.
//
// Lock order. The mutex (whoever makes, populates, depopulates or destroys chunks), then the lock
// (maps, lists, counters), taken with interrupts off. No pages are asked for under the lock.
//
// Invariants (between operations; CheckInvariants cites the numbers).
//   1. A chunk is on the list of its slot; an isolated one on that of the sidelined or of those to
//      depopulate.
//   2. free_bytes is what the map has clear.
//   3. Every page under an area is populated, and `populated` says for which pages there is memory.
//   4. A chunk's empty_pages are its populated pages that are wholly free; the count of spare pages
//      is the sum of those of the listed chunks that are not isolated.
//   5. Hints claim no more than the map has.
//
// Not modelled, and why.
//   Memory cgroups: what they charge is not per-CPU memory.
//   kmalloc for a chunk's maps: they lie in pages of their own, so that a slab allocator can stand
//     on this one without a circle. Where the kernel would take less than a page from a slab cache,
//     a page is counted.
//   Page tables, and the flushing of TLBs and caches.
//   The worker that balances: Balance() runs where it is called.

namespace slablab {

// struct pcpu_chunk. Guarded by the allocator's lock but for `populated` and `memory`, which the
// mutex guards too.
struct PercpuChunk : PercpuChunkCore<PercpuChunk> {
  // Offsets of the descriptor's lines in the metadata, and of what follows it.
  static constexpr uint64_t kListAt = 0;       // list, free_bytes, the chunk's hints
  static constexpr uint64_t kCountersAt = 64;  // nr_pages, nr_populated, nr_empty_pop_pages
  static constexpr uint64_t kPopulatedAt = 128;
  static uint64_t MapAt(int pages) {
    return kPopulatedAt + static_cast<uint64_t>(pages + 63) / 64 * 8;
  }
  static uint64_t MetadataBytes(int pages) {
    return MapAt(pages) + PercpuMap::MetadataBytes(pages);
  }

  struct Shape {
    int pages = 0;
    int cpus = 0;
    bool exact_free_hints = false;
  };
  PercpuChunk(int32_t number, const Shape& shape)
      : map(metadata, MapAt(shape.pages),
            {.pages = shape.pages, .exact_free_hints = shape.exact_free_hints}),
        populated(metadata, kPopulatedAt, shape.pages) {
    id = number;
    pages = shape.pages;
    memory.pages.resize(static_cast<size_t>(shape.cpus) * static_cast<size_t>(pages));
  }

  PercpuMap map;
  PercpuBitmap populated;
  bool isolated = false;
  uint32_t start_offset = 0;  // bytes of the first page that are not the chunk's
  uint32_t end_offset = 0;    // bytes of the last page, likewise
  uint32_t free_bytes = 0;
  int populated_pages = 0;
  int empty_pages = 0;  // populated and wholly free; below that while an area is being populated
};

class Percpu : public PercpuCore {
 public:
  struct Options {
    PercpuCoreOptions core;
    bool exact_free_hints = false;  // see PercpuMap
  };

  // Sets up the first chunk. REQUIRES: the backend can serve the layout.
  Percpu(Machine& machine, const PercpuLayout& layout, const MakeBackend& make_backend,
         const Options& options);

  Task<PercpuArea> Alloc(Cpu& cpu, PercpuRequest request) override;
  Task<void> Free(Cpu& cpu, PercpuArea area) override;
  Task<void> Balance(Cpu& cpu) override;
  bool IsPopulated(int32_t chunk, int page) const override;
  PercpuFigures Figures() const override;
  void CheckInvariants() const override;

 private:
  friend class PercpuPeer;  // of the invariants' test

  // Linux 6.1, mm/percpu.c.
  static constexpr int kSlotFailThreshold = 3;  // PCPU_SLOT_FAIL_THRESHOLD
  static constexpr int kEmptyPagesLow = 2;      // PCPU_EMPTY_POP_PAGES_LOW
  static constexpr int kEmptyPagesHigh = 4;     // PCPU_EMPTY_POP_PAGES_HIGH

  struct Found {
    PercpuChunk* chunk = nullptr;  // null: none
    int bit = 0;
  };

  // --- percpu.cc ---
  Task<PercpuArea> TakeArea(Cpu& cpu, PercpuRequest request);
  Task<bool> PopulateArea(Cpu& cpu, PercpuArea area, Gfp gfp);
  Found FindArea(Cpu& cpu, const PercpuRequest& request);
  Found FindInChunk(Cpu& cpu, PercpuChunk& chunk, const PercpuRequest& request);
  void FreeArea(Cpu& cpu, PercpuChunk& chunk, uint32_t offset);
  bool NeedsBalance(Cpu& cpu, PercpuChunk& chunk);
  bool ShouldReclaim(const PercpuChunk& chunk) const;

  // --- percpu_balance.cc ---
  Task<void> FreeChunks(Cpu& cpu, Held& held, bool only_unpopulated);
  Task<void> ReclaimPages(Cpu& cpu, Held& held);
  Task<bool> ReclaimChunk(Cpu& cpu, Held& held, PercpuChunk& chunk);
  Task<void> PopulateSparePages(Cpu& cpu, Held& held);
  Task<int> PopulateSpareOf(Cpu& cpu, Held& held, PercpuChunk& chunk, int wanted);
  Task<void> DepopulateRange(Cpu& cpu, Held& held, PercpuChunk& chunk, PageRange range);

  // --- percpu_chunks.cc ---
  PercpuChunk& AddChunk(int pages);
  void SetUpFirstChunk();
  PercpuChunk& SetUpPart(Cpu& cpu, uint64_t begin, uint64_t bytes,
                         const std::vector<PhysAddr>& units);
  Task<PercpuChunk*> CreateChunk(Cpu& cpu, Gfp gfp);
  Task<void> DestroyChunk(Cpu& cpu, PercpuChunk& chunk);
  void NotePopulated(Cpu& cpu, PercpuChunk& chunk, PageRange range);
  void NoteDepopulated(Cpu& cpu, PercpuChunk& chunk, PageRange range);
  void ChangeEmptyPages(Cpu& cpu, PercpuChunk& chunk, int change);
  int SlotOfBytes(uint64_t bytes) const;
  int SlotOf(const PercpuChunk& chunk) const;
  void TouchSlot(Cpu& cpu, int slot, Access access);
  void TouchChunk(Cpu& cpu, const PercpuChunk& chunk, uint64_t at, Access access);
  void Move(Cpu& cpu, PercpuChunk& chunk, int slot, bool to_front);
  void Unlist(Cpu& cpu, PercpuChunk& chunk);
  void Relocate(Cpu& cpu, PercpuChunk& chunk, int slot_before);
  void Isolate(Cpu& cpu, PercpuChunk& chunk);
  void Reintegrate(Cpu& cpu, PercpuChunk& chunk);
  // pcpu_schedule_balance_work(): not before there are workers, which come after slab caches.
  void ScheduleBalance() { balance_due_ |= slab_is_available_; }

  // --- percpu_figures.cc ---
  PercpuChunkFigures FiguresOf(const PercpuChunk& chunk) const;
  void CheckChunk(const PercpuChunk& chunk) const;

  PercpuChunk& chunk(int32_t id) { return *chunks_[static_cast<size_t>(id)]; }
  const PercpuChunk& chunk(int32_t id) const { return *chunks_[static_cast<size_t>(id)]; }
  const PercpuMemory& MemoryOf(int32_t id) const override { return chunk(id).memory; }

  const bool exact_free_hints_;
  Place slots_place_;
  Place counters_place_;  // of the allocator as a whole
  PercpuSlots<PercpuChunk> slots_;
  int sidelined_slot_ = 0;
  int free_slot_ = 0;
  int to_depopulate_slot_ = 0;
  std::vector<std::unique_ptr<PercpuChunk>> chunks_;  // by id
  std::vector<int32_t> spare_chunks_;                 // ids of those that are not alive
  PercpuChunk* first_chunk_ = nullptr;
  PercpuChunk* reserved_chunk_ = nullptr;  // null: there is no reserved part
  int empty_pages_ = 0;                    // pcpu_nr_empty_pop_pages
  bool atomic_failed_ = false;
};

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_PERCPU_PERCPU_H_
