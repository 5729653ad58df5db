// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "allocators/percpu/percpu_2010.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "base/check.h"

namespace slablab {
namespace {

constexpr int32_t kInt = 4;  // sizeof(int): no smaller run is kept apart

constexpr int32_t AlignUp(int32_t value, int32_t align) {
  return (value + align - 1) / align * align;
}

}  // namespace

Percpu2010::Percpu2010(Machine& machine, const PercpuLayout& layout,
                       const MakeBackend& make_backend, const Options& options)
    : PercpuCore(machine, layout, make_backend, options.core), early_slots_(options.early_slots) {
  SetUpFirstChunk();
}

// pcpu_alloc().
Task<PercpuArea> Percpu2010::Alloc(Cpu& cpu, PercpuRequest request) {
  request.align = std::max(request.align, 1u);
  const bool is_legal = request.bytes > 0 && request.bytes <= kPercpuUnitBytesMin2010 &&
                        request.align <= kPageSize && std::has_single_bit(request.align) &&
                        Has(request.gfp, Gfp::kDirectReclaim);
  if (!is_legal) co_return PercpuArea{};
  co_await mutex_.Acquire(cpu);
  PercpuArea area = co_await TakeArea(cpu, request);
  if (!area.is_null()) {
    const bool populated = co_await PopulateArea(cpu, area, request.gfp);
    if (!populated) area = {};
  }
  if (area.is_null() && observer_ != nullptr) observer_->OnFailed(request);
  if (!area.is_null()) Clear(cpu, area);
  co_await mutex_.Release(cpu);
  co_return area;
}

// Searches, extends arrays and makes chunks until there is an area or no memory.
Task<PercpuArea> Percpu2010::TakeArea(Cpu& cpu, PercpuRequest request) {
  Chunk* created = nullptr;
  for (;;) {
    Held held;
    co_await Lock(cpu, held);
    if (created != nullptr) Relocate(cpu, *std::exchange(created, nullptr), -1);
    const Found found = FindArea(cpu, request);
    if (!found.area.is_null() && observer_ != nullptr) observer_->OnArea(found.area);
    co_await Unlock(cpu, held);
    if (!found.area.is_null()) co_return found.area;
    if (found.cramped != nullptr) {
      const bool extended = co_await ExtendMap(cpu, *found.cramped);
      if (!extended) co_return PercpuArea{};
      continue;
    }
    if (request.reserved && reserved_chunk_ != nullptr) co_return PercpuArea{};
    created = co_await CreateChunk(cpu, request.gfp);
    if (created == nullptr) co_return PercpuArea{};
  }
}

Percpu2010::Found Percpu2010::FindArea(Cpu& cpu, const PercpuRequest& request) {
  if (request.reserved && reserved_chunk_ != nullptr) {
    return FindInChunk(cpu, *reserved_chunk_, request);
  }
  for (int slot = SlotOfBytes(request.bytes); slot < slots_.size(); ++slot) {
    TouchSlot(cpu, slot, Access::kRead);
    for (Chunk *chunk = slots_.first(slot), *following; chunk != nullptr; chunk = following) {
      following = chunk->next;
      const Found found = FindInChunk(cpu, *chunk, request);
      if (!found.area.is_null() || found.cramped != nullptr) return found;
    }
  }
  return {};
}

Percpu2010::Found Percpu2010::FindInChunk(Cpu& cpu, Chunk& chunk, const PercpuRequest& request) {
  chunk.metadata.Touch(cpu, 0, 1, Access::kRead);
  if (static_cast<int64_t>(request.bytes) > chunk.contig_hint) return {};
  // pcpu_need_to_extend(): an area may add two entries.
  if (chunk.map_room < chunk.map.size() + 2) return {.cramped = &chunk};
  const int slot_before = SlotOf(chunk);
  const int32_t offset = AllocArea(cpu, chunk, static_cast<int32_t>(request.bytes),
                                   static_cast<int32_t>(request.align));
  Relocate(cpu, chunk, slot_before);
  if (offset < 0) return {};
  ++totals_.nr_alloc;
  ++totals_.nr_cur_alloc;
  totals_.nr_max_alloc = std::max(totals_.nr_max_alloc, totals_.nr_cur_alloc);
  ++chunk.areas;
  return {
      .area = {.chunk = chunk.id, .offset = static_cast<uint32_t>(offset), .bytes = request.bytes}};
}

// pcpu_alloc_area(): the first run that fits; -1 if there is none. What it passes by teaches it how
// long the longest run is.
int32_t Percpu2010::AllocArea(Cpu& cpu, Chunk& chunk, int32_t bytes, int32_t align) {
  int32_t largest = 0;
  int32_t offset = 0;
  for (size_t i = 0; i < chunk.map.size(); ++i) {
    const int32_t head = AlignUp(offset, align) - offset;
    const int32_t run = chunk.map[i];
    if (run > 0 && run >= head + bytes) {
      TouchMap(cpu, chunk, 0, i, Access::kRead);
      const bool is_last = i + 1 == chunk.map.size();
      const int32_t at = TakeRun(cpu, chunk, i, offset, head, bytes, &largest);
      chunk.contig_hint = is_last ? largest : std::max(chunk.contig_hint, largest);
      return at;
    }
    largest = std::max(largest, run);
    offset += run < 0 ? -run : run;
  }
  TouchMap(cpu, chunk, 0, chunk.map.size() - 1, Access::kRead);
  chunk.contig_hint = largest;
  return -1;
}

// Cuts the area out of the free run `index`, which begins at `offset`: `head` bytes before it for
// alignment, and what is left behind it.
int32_t Percpu2010::TakeRun(Cpu& cpu, Chunk& chunk, size_t index, int32_t offset, int32_t head,
                            int32_t bytes, int32_t* largest) {
  std::vector<int32_t>& map = chunk.map;
  const size_t begin = index;
  // A small head, or one behind a free run, goes to what is before it.
  if (head > 0 && (head < kInt || map[index - 1] > 0)) {
    if (map[index - 1] > 0) {
      map[index - 1] += head;
    } else {
      map[index - 1] -= head;
      chunk.free_bytes -= head;
    }
    map[index] -= head;
    offset += head;
    head = 0;
  }
  int32_t tail = map[index] - head - bytes;
  if (tail < kInt) tail = 0;  // Too small: the area keeps it.
  map[index] -= head + tail;
  if (head > 0) {
    map.insert(map.begin() + static_cast<ptrdiff_t>(index), head);
    *largest = std::max(*largest, head);
    ++index;
  }
  if (tail > 0) {
    map.insert(map.begin() + static_cast<ptrdiff_t>(index) + 1, tail);
    *largest = std::max(*largest, tail);
  }
  chunk.free_bytes -= map[index];
  const auto taken = static_cast<uint32_t>(map[index]);
  chunk.area_bytes_max = std::max(chunk.area_bytes_max, taken);
  totals_.min_alloc_size = std::min<uint64_t>(totals_.min_alloc_size, taken);
  totals_.max_alloc_size = std::max<uint64_t>(totals_.max_alloc_size, taken);
  usage_.area_bytes += static_cast<uint64_t>(bytes) * layout_.unit_of_cpu.size();
  map[index] = -map[index];
  // What is behind moves along, if entries were added.
  const bool moved = head > 0 || tail > 0;
  TouchMap(cpu, chunk, begin, moved ? map.size() - 1 : index, Access::kWrite);
  return offset + head;
}

// free_percpu().
Task<void> Percpu2010::Free(Cpu& cpu, PercpuArea area) {
  Chunk& chunk = this->chunk(area.chunk);
  CHECK(chunk.alive);
  const bool may_wait = cpu.irqs_enabled() && !cpu.in_interrupt();
  Held held;
  co_await Lock(cpu, held);
  if (!chunk.immutable) LookUpChunk(cpu, area);
  usage_.area_bytes -= uint64_t{area.bytes} * layout_.unit_of_cpu.size();
  FreeArea(cpu, chunk, static_cast<int32_t>(area.offset));
  if (static_cast<uint64_t>(chunk.free_bytes) == layout_.unit_bytes) {
    const Chunk* const first = slots_.first(slots_.size() - 1);
    if (first != &chunk || first->next != nullptr) balance_due_ = true;
  }
  co_await Unlock(cpu, held);
  if (may_wait) co_await BalanceIfDue(cpu);
}

// pcpu_free_area(): neighbours merge.
void Percpu2010::FreeArea(Cpu& cpu, Chunk& chunk, int32_t offset) {
  ++totals_.nr_dealloc;
  --totals_.nr_cur_alloc;
  --chunk.areas;
  const int slot_before = SlotOf(chunk);
  std::vector<int32_t>& map = chunk.map;
  size_t index = 0;
  for (int32_t at = 0; at != offset; ++index) {
    CHECK_LT(index, map.size());
    at += map[index] < 0 ? -map[index] : map[index];
  }
  CHECK_LT(map[index], 0);
  TouchMap(cpu, chunk, 0, index, Access::kRead);
  map[index] = -map[index];
  chunk.free_bytes += map[index];
  if (index > 0 && map[index - 1] >= 0) {
    map[index - 1] += map[index];
    map.erase(map.begin() + static_cast<ptrdiff_t>(index));
    --index;
  }
  if (index + 1 < map.size() && map[index + 1] >= 0) {
    map[index] += map[index + 1];
    map.erase(map.begin() + static_cast<ptrdiff_t>(index) + 1);
  }
  TouchMap(cpu, chunk, index, map.size() - 1, Access::kWrite);
  chunk.contig_hint = std::max(map[index], chunk.contig_hint);
  Relocate(cpu, chunk, slot_before);
}

// pcpu_populate_chunk(): every page under the area that has no memory yet, or none of them: then
// the area is freed.
Task<bool> Percpu2010::PopulateArea(Cpu& cpu, PercpuArea area, Gfp gfp) {
  Chunk& chunk = this->chunk(area.chunk);
  const auto end = static_cast<int>((area.offset + area.bytes + kPageSize - 1) / kPageSize);
  std::vector<PageRange> ranges;
  for (auto page = static_cast<int>(area.offset / kPageSize); page < end; ++page) {
    if (chunk.populated[static_cast<size_t>(page)]) continue;
    const bool goes_on = !ranges.empty() && ranges.back().end == page;
    if (!goes_on) ranges.push_back({page, page});
    ranges.back().end = page + 1;
  }
  for (size_t i = 0; i < ranges.size(); ++i) {
    const bool populated = co_await backend_->Populate(cpu, chunk.memory, ranges[i], gfp);
    if (populated) continue;
    for (size_t j = 0; j < i; ++j) co_await backend_->Depopulate(cpu, chunk.memory, ranges[j]);
    Held held;
    co_await Lock(cpu, held);
    usage_.area_bytes -= uint64_t{area.bytes} * layout_.unit_of_cpu.size();
    FreeArea(cpu, chunk, static_cast<int32_t>(area.offset));
    co_await Unlock(cpu, held);
    co_return false;
  }
  for (const PageRange range : ranges) {
    for (int i = range.first; i < range.end; ++i) chunk.populated[static_cast<size_t>(i)] = true;
    if (observer_ != nullptr) observer_->OnPopulated(chunk.id, range.first, range.end);
  }
  co_return true;
}

bool Percpu2010::IsPopulated(int32_t id, int page) const {
  return chunk(id).populated[static_cast<size_t>(page)];
}

}  // namespace slablab
