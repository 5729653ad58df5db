// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_PERCPU_PERCPU_2010_H_
#define SLABLAB_ALLOCATORS_PERCPU_PERCPU_2010_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "allocators/percpu/core.h"
#include "allocators/percpu/layout.h"
#include "sim/core/cpu.h"
#include "sim/core/task.h"
#include "sim/machine.h"

// The percpu allocator as of Linux 2.6.36 (mm/percpu.c, percpu-vm.c, percpu-km.c).
//
// The idea. As in allocators/percpu/percpu.h, but a chunk's map is an array of lengths, one behind
// the other from the unit's beginning: of a free run as it is, of an area negative. A search goes
// through chunks by how much they have free in all, and through a chunk's array from its start:
// first fit. Pages are populated when an area needs them and stay until the chunk, wholly free and
// not the only such one, is destroyed.
//
// The structures.
//   Percpu2010       the lists of chunks by slot; with PercpuCore (allocators/percpu/core.h), which
//                    has the lock and the mutex
//   Percpu2010Chunk  a chunk: its array, which pages are populated, its memory
// The array starts with room for 16 entries and is doubled; those of the first chunk have
// PERCPU_DYNAMIC_EARLY_SLOTS, so that allocations work before there is a slab allocator to take a
// larger array from.
//
// Lock order. The mutex, then the lock, taken with interrupts off.
//
// Invariants (between operations; CheckInvariants cites the numbers).
//   1. A chunk is on the list of its slot.
//   2. The array's lengths add up to the unit, and its free ones to free_bytes.
//   3. No two free runs are neighbours, but where alignment left less than an int between.
//   4. Every page under an area is populated, and `populated` says for which pages there is memory.
//   5. No free run is longer than the hint.
//
// Not modelled, and why: as in allocators/percpu/percpu.h. Requests that may not wait are refused:
// they were a mistake then.

namespace slablab {

// struct pcpu_chunk.
struct Percpu2010Chunk : PercpuChunkCore<Percpu2010Chunk> {
  static constexpr uint64_t kMapAt = 128;  // of the array, in the metadata; the descriptor before
  std::vector<int32_t> map;                // bytes; areas negative
  size_t map_room = 0;                     // entries that the kernel's array has room for
  int32_t free_bytes = 0;
  int32_t contig_hint = 0;
  int32_t hidden_bytes = 0;     // before the chunk's own part
  std::vector<bool> populated;  // by page
};

class Percpu2010 : public PercpuCore {
 public:
  struct Options {
    // Clearing areas was the back end's to do: that of vmalloc space did, the other not before
    // 2.6.37.
    PercpuCoreOptions core;
    size_t early_slots = kPercpuEarlySlots;
  };

  // Sets up the first chunk. REQUIRES: the backend can serve the layout.
  Percpu2010(Machine& machine, const PercpuLayout& layout, const MakeBackend& make_backend,
             const Options& options);

  Task<PercpuArea> Alloc(Cpu& cpu, PercpuRequest request) override;
  Task<void> Free(Cpu& cpu, PercpuArea area) override;
  Task<void> Balance(Cpu& cpu) override;  // pcpu_reclaim()
  bool IsPopulated(int32_t chunk, int page) const override;
  PercpuFigures Figures() const override;
  void CheckInvariants() const override;

 private:
  friend class PercpuPeer;  // of the invariants' test

  using Chunk = Percpu2010Chunk;
  // What came of a search: an area, a chunk whose array must be extended first, or neither.
  struct Found {
    PercpuArea area = {};
    Chunk* cramped = nullptr;
  };

  Task<PercpuArea> TakeArea(Cpu& cpu, PercpuRequest request);
  Found FindArea(Cpu& cpu, const PercpuRequest& request);
  Found FindInChunk(Cpu& cpu, Chunk& chunk, const PercpuRequest& request);
  int32_t AllocArea(Cpu& cpu, Chunk& chunk, int32_t bytes, int32_t align);
  int32_t TakeRun(Cpu& cpu, Chunk& chunk, size_t index, int32_t offset, int32_t head, int32_t bytes,
                  int32_t* largest);
  void FreeArea(Cpu& cpu, Chunk& chunk, int32_t offset);
  Task<bool> ExtendMap(Cpu& cpu, Chunk& chunk);
  Task<bool> PopulateArea(Cpu& cpu, PercpuArea area, Gfp gfp);

  void SetUpFirstChunk();
  Chunk& AddChunk(int pages);
  Chunk& SetUpPart(int32_t hidden_bytes, int32_t bytes, const std::vector<PhysAddr>& units);
  Task<Chunk*> CreateChunk(Cpu& cpu, Gfp gfp);
  Task<void> DestroyChunk(Cpu& cpu, Chunk& chunk);
  Task<bool> GrowMetadata(Cpu& cpu, Chunk& chunk, size_t entries);
  int SlotOfBytes(int64_t bytes) const;
  int SlotOf(const Chunk& chunk) const;
  void TouchSlot(Cpu& cpu, int slot, Access access) const;
  void Relocate(Cpu& cpu, Chunk& chunk, int slot_before);
  void TouchMap(Cpu& cpu, const Chunk& chunk, size_t first, size_t last, Access access) const;
  PercpuChunkFigures FiguresOf(const Chunk& chunk) const;
  void CheckChunk(const Chunk& chunk) const;
  Chunk& chunk(int32_t id) { return *chunks_[static_cast<size_t>(id)]; }
  const Chunk& chunk(int32_t id) const { return *chunks_[static_cast<size_t>(id)]; }
  const PercpuMemory& MemoryOf(int32_t id) const override { return chunk(id).memory; }

  const size_t early_slots_;
  Place slots_place_;
  PercpuSlots<Chunk> slots_;
  std::vector<std::unique_ptr<Chunk>> chunks_;  // by id
  std::vector<int32_t> spare_chunks_;           // ids of those that are not alive
  Chunk* first_chunk_ = nullptr;                // null: there is no dynamic part
  Chunk* reserved_chunk_ = nullptr;
};

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_PERCPU_PERCPU_2010_H_
