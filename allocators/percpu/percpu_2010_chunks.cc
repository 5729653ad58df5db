// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Chunks, the lists they are on, and what there is to see of them.

#include <algorithm>

#include "allocators/percpu/percpu_2010.h"
#include "base/check.h"

namespace slablab {
namespace {

constexpr size_t kMapEntries = 16;  // PCPU_DFL_MAP_ALLOC
constexpr uint64_t kEntryBytes = 4;

}  // namespace

// pcpu_setup_first_chunk(): a chunk for the reserved part and one for the dynamic; each is the unit
// from its beginning, what is before its own part being allocated for good.
void Percpu2010::SetUpFirstChunk() {
  slots_.Resize(OrdinarySlot(layout_.unit_bytes) + 2);
  const uint64_t heads_bytes = static_cast<uint64_t>(slots_.size()) * slots_.kListHeadBytes;
  slots_place_ = {machine_.boot_memory().Allocate(heads_bytes, kLineSize, NodeId(0)),
                  Structure::kPercpuMap};
  const std::vector<PhysAddr> units = TakeFirstUnits();
  const auto static_bytes = static_cast<int32_t>(layout_.static_bytes);
  const auto reserved = static_cast<int32_t>(layout_.reserved_bytes);
  if (layout_.dynamic_bytes > 0) {
    first_chunk_ =
        &SetUpPart(static_bytes + reserved, static_cast<int32_t>(layout_.dynamic_bytes), units);
  }
  if (reserved > 0) reserved_chunk_ = &SetUpPart(static_bytes, reserved, units);
  totals_.nr_chunks = totals_.nr_max_chunks = 1;
  if (first_chunk_ == nullptr) return;
  machine_.scheduler().RunOn(CpuId(0), [&](Cpu& cpu) -> Task<void> {
    Held held;
    co_await Lock(cpu, held);
    Relocate(cpu, *first_chunk_, -1);
    co_await Unlock(cpu, held);
  });
}

Percpu2010Chunk& Percpu2010::SetUpPart(int32_t hidden_bytes, int32_t bytes,
                                       const std::vector<PhysAddr>& units) {
  const int pages = static_cast<int>((layout_.first_bytes() + kPageSize - 1) / kPageSize);
  Chunk& chunk = AddChunk(pages);
  chunk.metadata.pages() = {machine_.boot_memory().Allocate(kPageSize, kPageSize, NodeId(0))};
  usage_.metadata_bytes += kPageSize;
  chunk.immutable = true;
  chunk.map_room = early_slots_;
  chunk.hidden_bytes = hidden_bytes;
  chunk.map = {-hidden_bytes, bytes};
  chunk.free_bytes = chunk.contig_hint = bytes;
  chunk.populated.assign(static_cast<size_t>(pages), true);
  for (size_t i = 0; i < units.size(); ++i) {
    for (size_t page = 0; page < static_cast<size_t>(pages); ++page) {
      chunk.memory.pages[i * static_cast<size_t>(pages) + page] = units[i] + page * kPageSize;
    }
  }
  return chunk;
}

Percpu2010Chunk& Percpu2010::AddChunk(int pages) {
  Chunk& chunk = *chunks_.emplace_back(std::make_unique<Chunk>());
  chunk.id = static_cast<int32_t>(chunks_.size() - 1);
  chunk.pages = pages;
  chunk.memory.pages.resize(layout_.unit_of_cpu.size() * static_cast<size_t>(pages));
  return chunk;
}

// Metadata for a map of so many entries. Answers false, with what it got still there, if there is
// no memory.
Task<bool> Percpu2010::GrowMetadata(Cpu& cpu, Chunk& chunk, size_t entries) {
  if (!slab_is_available_) co_return false;
  const uint64_t bytes = Chunk::kMapAt + entries * kEntryBytes;
  const bool have_pages = co_await TakeMetadata(cpu, chunk.metadata, bytes, kGfpKernel);
  if (!have_pages) co_return false;
  chunk.map_room = entries;
  co_return true;
}

// pcpu_extend_area_map(): twice as many entries, until two more fit. The array is copied.
Task<bool> Percpu2010::ExtendMap(Cpu& cpu, Chunk& chunk) {
  size_t entries = kMapEntries;
  while (entries < chunk.map.size() + 2) entries *= 2;
  const bool grown = co_await GrowMetadata(cpu, chunk, entries);
  if (!grown) co_return false;
  TouchMap(cpu, chunk, 0, chunk.map.size() - 1, Access::kWrite);
  co_return true;
}

// pcpu_create_chunk(). Null: no memory, no address space, or nothing to take the array from.
Task<Percpu2010Chunk*> Percpu2010::CreateChunk(Cpu& cpu, Gfp gfp) {
  if (spare_chunks_.empty()) {
    Chunk& added = AddChunk(layout_.unit_pages());
    added.alive = false;
    spare_chunks_.push_back(added.id);
  }
  Chunk& chunk = this->chunk(spare_chunks_.back());
  const bool have_map = co_await GrowMetadata(cpu, chunk, kMapEntries);
  if (!have_map) co_return nullptr;
  const bool have_memory = co_await backend_->Create(cpu, chunk.memory, gfp);
  if (!have_memory) co_return nullptr;
  spare_chunks_.pop_back();
  chunk.alive = true;
  chunk.free_bytes = chunk.contig_hint = static_cast<int32_t>(layout_.unit_bytes);
  chunk.map.assign(1, chunk.free_bytes);
  chunk.populated.assign(static_cast<size_t>(chunk.pages), !backend_->populates_on_demand());
  chunk.areas = 0;
  chunk.area_bytes_max = 0;
  CountChunkCreated(chunk.id);
  co_return &chunk;
}

// pcpu_reclaim(): destroys all wholly free chunks but the first.
Task<void> Percpu2010::Balance(Cpu& cpu) {
  balance_due_ = false;
  co_await mutex_.Acquire(cpu);
  Chunk* doomed = nullptr;  // linked by `next`, the last of the list first
  Held held;
  co_await Lock(cpu, held);
  Chunk* const spared = slots_.first(slots_.size() - 1);
  for (Chunk *chunk = spared == nullptr ? nullptr : spared->next, *following; chunk != nullptr;
       chunk = following) {
    following = chunk->next;
    slots_.Remove(*chunk);
    chunk->next = doomed;
    doomed = chunk;
  }
  co_await Unlock(cpu, held);
  while (doomed != nullptr) {
    Chunk& chunk = *doomed;
    doomed = chunk.next;
    chunk.next = nullptr;
    co_await DestroyChunk(cpu, chunk);
  }
  co_await mutex_.Release(cpu);
}

Task<void> Percpu2010::DestroyChunk(Cpu& cpu, Chunk& chunk) {
  CHECK_EQ(chunk.areas, 0);
  for (int page = 0; backend_->populates_on_demand() && page < chunk.pages; ++page) {
    if (!chunk.populated[static_cast<size_t>(page)]) continue;
    PageRange range = {page, page + 1};
    while (range.end < chunk.pages && chunk.populated[static_cast<size_t>(range.end)]) ++range.end;
    co_await backend_->Depopulate(cpu, chunk.memory, range);
    if (observer_ != nullptr) observer_->OnDepopulated(chunk.id, range.first, range.end);
    page = range.end;
  }
  chunk.populated.assign(static_cast<size_t>(chunk.pages), false);
  co_await backend_->Destroy(cpu, chunk.memory);
  co_await GiveMetadata(cpu, chunk.metadata);
  chunk.alive = false;
  CountChunkDestroyed(chunk.id);
  spare_chunks_.push_back(chunk.id);
}

// pcpu_size_to_slot().
int Percpu2010::SlotOfBytes(int64_t bytes) const {
  if (static_cast<uint64_t>(bytes) == layout_.unit_bytes) {
    return slots_.size() - 1;
  }
  return OrdinarySlot(static_cast<uint64_t>(bytes));
}

// pcpu_chunk_slot(): by what is free in all.
int Percpu2010::SlotOf(const Chunk& chunk) const {
  if (chunk.free_bytes < 4 || chunk.contig_hint < 4) return 0;
  return SlotOfBytes(chunk.free_bytes);
}

void Percpu2010::TouchSlot(Cpu& cpu, int slot, Access access) const {
  cpu.Touch(slots_place_ + static_cast<uint64_t>(slot) * slots_.kListHeadBytes, access);
}

// pcpu_chunk_relocate().
void Percpu2010::Relocate(Cpu& cpu, Chunk& chunk, int slot_before) {
  const int to = SlotOf(chunk);
  chunk.metadata.Touch(cpu, 0, 1, Access::kWrite);
  if (&chunk == reserved_chunk_ || to == slot_before) return;
  slots_.Remove(chunk);
  TouchSlot(cpu, to, Access::kWrite);
  slots_.Add(chunk, to, /*to_front=*/slot_before < to);
}

void Percpu2010::TouchMap(Cpu& cpu, const Chunk& chunk, size_t first, size_t last,
                          Access access) const {
  chunk.metadata.Touch(cpu, Chunk::kMapAt + first * kEntryBytes,
                       (std::max(first, last) - first + 1) * kEntryBytes, access);
}

// The kernel had no percpu_stats then; these are its figures in today's form.
PercpuFigures Percpu2010::Figures() const {
  PercpuFigures figures = totals_;
  if (reserved_chunk_ != nullptr) figures.chunks.push_back(FiguresOf(*reserved_chunk_));
  for (int slot = 0; slot < slots_.size(); ++slot) {
    for (const Chunk* chunk = slots_.first(slot); chunk != nullptr; chunk = chunk->next) {
      figures.chunks.push_back(FiguresOf(*chunk));
      figures.empty_pop_pages += figures.chunks.back().empty_pop_pages;
    }
  }
  return figures;
}

PercpuChunkFigures Percpu2010::FiguresOf(const Chunk& chunk) const {
  using Kind = PercpuChunkFigures::Kind;
  PercpuChunkFigures figures;
  figures.chunk = chunk.id;
  if (&chunk == first_chunk_) figures.kind = Kind::kFirst;
  if (&chunk == reserved_chunk_) figures.kind = Kind::kReserved;
  figures.pages = chunk.pages;
  figures.nr_alloc = chunk.areas;
  figures.max_alloc_size = chunk.area_bytes_max;
  figures.free_bytes = static_cast<uint64_t>(chunk.free_bytes);
  figures.contig_bytes = static_cast<uint64_t>(chunk.contig_hint);
  std::vector<bool> is_used(static_cast<size_t>(chunk.pages));
  std::vector<int64_t> areas;
  int64_t at = 0;
  int64_t first_free = -1;
  uint64_t holes = 0;
  uint64_t hole_largest = 0;
  for (size_t i = 0; i < chunk.map.size(); ++i) {
    const int32_t run = chunk.map[i];
    if (run >= 0) {
      if (first_free < 0) first_free = at;
      holes += static_cast<uint64_t>(run);
      hole_largest = std::max(hole_largest, static_cast<uint64_t>(run));
      at += run;
      continue;
    }
    figures.sum_frag = holes;  // Those before an area only.
    figures.max_frag = hole_largest;
    for (int64_t byte = at; byte < at - run; byte += static_cast<int64_t>(kPageSize)) {
      is_used[static_cast<size_t>(byte) / kPageSize] = true;
    }
    is_used[static_cast<size_t>(at - run - 1) / kPageSize] = true;
    if (i > 0 || chunk.hidden_bytes == 0) areas.push_back(-run);
    at -= run;
  }
  figures.first_bit = std::max<int64_t>(first_free, 0) / kPercpuGranule;
  for (size_t page = 0; page < is_used.size(); ++page) {
    figures.populated_pages += chunk.populated[page] ? 1 : 0;
    figures.empty_pop_pages += chunk.populated[page] && !is_used[page] ? 1 : 0;
  }
  if (areas.empty()) return figures;
  std::sort(areas.begin(), areas.end());
  figures.cur_min_alloc = areas.front();
  figures.cur_med_alloc = areas[(areas.size() - 1) / 2];
  figures.cur_max_alloc = areas.back();
  return figures;
}

void Percpu2010::CheckChunk(const Chunk& chunk) const {
  int64_t free = 0;
  int64_t at = 0;
  CHECK_LE(chunk.map.size(), chunk.map_room);
  for (const int32_t run : chunk.map) {
    if (run >= 0) {
      free += run;
      CHECK_LE(run, chunk.contig_hint);  // 5
      at += run;
      continue;
    }
    for (int64_t byte = at; byte < at - run; ++byte) {
      CHECK(chunk.populated[static_cast<size_t>(byte) / kPageSize]);  // 4
    }
    at -= run;
  }
  CHECK_EQ(free, chunk.free_bytes);                                               // 2
  if (!chunk.immutable) CHECK_EQ(static_cast<uint64_t>(at), layout_.unit_bytes);  // 2
  for (size_t i = 1; i < chunk.map.size(); ++i) CHECK(chunk.map[i - 1] < 0 || chunk.map[i] < 0);
  for (size_t i = 0; i < chunk.memory.pages.size(); ++i) {
    CHECK_EQ(chunk.populated[i % static_cast<size_t>(chunk.pages)],
             !chunk.memory.pages[i].is_null());  // 4
  }
}

void Percpu2010::CheckInvariants() const {
  CHECK(!lock_.held());
  CHECK(!mutex_.held());
  for (int slot = 0; slot < slots_.size(); ++slot) {
    for (const Chunk* chunk = slots_.first(slot); chunk != nullptr; chunk = chunk->next) {
      CHECK(chunk->alive);
      CHECK_EQ(chunk->slot, slot);
      CHECK_EQ(SlotOf(*chunk), slot);  // 1
    }
  }
  for (const std::unique_ptr<Chunk>& chunk : chunks_) {
    if (chunk->alive) CheckChunk(*chunk);
  }
}

}  // namespace slablab
