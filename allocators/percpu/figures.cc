// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// What debugfs' percpu_stats shows, and the invariants.

#include <algorithm>

#include "allocators/percpu/percpu.h"
#include "base/check.h"

namespace slablab {

// percpu_stats_show().
PercpuFigures Percpu::Figures() const {
  PercpuFigures figures = totals_;
  figures.empty_pop_pages = empty_pages_;
  if (reserved_chunk_ != nullptr) figures.chunks.push_back(FiguresOf(*reserved_chunk_));
  for (int slot = 0; slot < slots_.size(); ++slot) {
    for (const PercpuChunk* chunk = slots_.first(slot); chunk != nullptr; chunk = chunk->next) {
      figures.chunks.push_back(FiguresOf(*chunk));
    }
  }
  return figures;
}

// chunk_map_stats().
PercpuChunkFigures Percpu::FiguresOf(const PercpuChunk& chunk) const {
  using Kind = PercpuChunkFigures::Kind;
  PercpuChunkFigures figures;
  figures.chunk = chunk.id;
  if (&chunk == reserved_chunk_) figures.kind = Kind::kReserved;
  if (&chunk == first_chunk_) figures.kind = Kind::kFirst;
  if (chunk.slot == to_depopulate_slot_) figures.kind = Kind::kToDepopulate;
  if (chunk.slot == sidelined_slot_) figures.kind = Kind::kSidelined;
  figures.pages = chunk.pages;
  figures.populated_pages = chunk.populated_pages;
  figures.nr_alloc = chunk.areas;
  figures.max_alloc_size = chunk.area_bytes_max;
  figures.empty_pop_pages = chunk.empty_pages;
  figures.first_bit = chunk.map.hints().first_free;
  figures.free_bytes = chunk.free_bytes;
  figures.contig_bytes = static_cast<uint64_t>(chunk.map.hints().contig) * kPercpuGranule;

  // As the kernel looks for the last area, it sees the very last granule only if no other is taken.
  const PercpuBitmap& allocated = chunk.map.allocated();
  const int final_bit = chunk.map.bits() - static_cast<int>(chunk.end_offset / kPercpuGranule) - 1;
  int last = final_bit - 1;
  while (last >= 0 && !allocated.Peek(last)) --last;
  if (last < 0) last = final_bit;
  const int end = allocated.Peek(last) ? last + 1 : 0;
  std::vector<int64_t> areas;  // bytes; holes negative
  for (int bit = static_cast<int>(chunk.start_offset / kPercpuGranule); bit < end;) {
    const bool is_area = allocated.Peek(bit);
    const int next = is_area ? chunk.map.bounds().PeekNextSet(bit + 1, end)
                             : allocated.PeekNextSet(bit + 1, end);
    const int64_t bytes = int64_t{next - bit} * kPercpuGranule;
    bit = next;
    areas.push_back(is_area ? bytes : -bytes);
    if (is_area) continue;
    figures.sum_frag += static_cast<uint64_t>(bytes);
    figures.max_frag = std::max(figures.max_frag, static_cast<uint64_t>(bytes));
  }
  if (areas.empty()) return figures;
  // The kernel sorts holes, as negative numbers, with the areas; its median is that of the areas.
  std::sort(areas.begin(), areas.end());
  const auto first_area =
      static_cast<size_t>(std::upper_bound(areas.begin(), areas.end(), int64_t{0}) - areas.begin());
  CHECK_LT(first_area, areas.size());
  figures.cur_min_alloc = areas[first_area];
  figures.cur_med_alloc = areas[(first_area + areas.size() - 1) / 2];
  figures.cur_max_alloc = areas.back();
  return figures;
}

void Percpu::CheckChunk(const PercpuChunk& chunk) const {
  int free_bits = 0;
  int empty = 0;
  int populated = 0;
  for (int page = 0; page < chunk.pages; ++page) {
    const int begin = page * PercpuMap::kBlockBits;
    int clear = 0;
    for (int bit = begin; bit < begin + PercpuMap::kBlockBits; ++bit) {
      clear += chunk.map.allocated().Peek(bit) ? 0 : 1;
    }
    free_bits += clear;
    const bool is_populated = chunk.populated.Peek(page);
    CHECK(clear == PercpuMap::kBlockBits || is_populated);  // 3
    populated += is_populated ? 1 : 0;
    empty += is_populated && clear == PercpuMap::kBlockBits ? 1 : 0;
    for (size_t i = 0; i < layout_.unit_of_cpu.size(); ++i) {
      const size_t index = i * static_cast<size_t>(chunk.pages) + static_cast<size_t>(page);
      CHECK_EQ(is_populated, !chunk.memory.pages[index].is_null());  // 3
    }
  }
  CHECK_EQ(static_cast<uint32_t>(free_bits) * kPercpuGranule, chunk.free_bytes);  // 2
  CHECK_EQ(populated, chunk.populated_pages);
  CHECK_EQ(empty, chunk.empty_pages);  // 4
  chunk.map.CheckInvariants();         // 5
}

void Percpu::CheckInvariants() const {
  CHECK(!lock_.held());
  CHECK(!mutex_.held());
  size_t listed = 0;
  int spare = 0;
  for (int slot = 0; slot < slots_.size(); ++slot) {
    const PercpuChunk* before = nullptr;
    for (const PercpuChunk* chunk = slots_.first(slot); chunk != nullptr; chunk = chunk->next) {
      ++listed;
      CHECK(chunk->alive);
      CHECK_EQ(chunk->slot, slot);
      CHECK_EQ(chunk->previous, before);
      before = chunk;
      // 1. A chunk without a fit for a small area went to slot 0.
      const bool is_apart = slot == sidelined_slot_ || slot == to_depopulate_slot_;
      CHECK_EQ(chunk->isolated, is_apart);
      CHECK(is_apart || slot == 0 || slot == SlotOf(*chunk));
      if (!chunk->isolated) spare += chunk->empty_pages;
    }
    CHECK_EQ(slots_.last(slot), before);
  }
  size_t alive = 0;
  for (const std::unique_ptr<PercpuChunk>& chunk : chunks_) {
    if (!chunk->alive) continue;
    ++alive;
    CheckChunk(*chunk);
  }
  CHECK_EQ(listed + (reserved_chunk_ == nullptr ? 0 : 1), alive);
  CHECK_EQ(spare, empty_pages_);  // 4
}

}  // namespace slablab
