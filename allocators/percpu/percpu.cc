// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "allocators/percpu/percpu.h"

#include <algorithm>
#include <bit>

#include "base/check.h"

namespace slablab {
namespace {

bool IsAtomic(const PercpuRequest& request) { return !Has(request.gfp, Gfp::kDirectReclaim); }

// The flags that pages for areas are asked with.
Gfp BackingGfp(const PercpuRequest& request) {
  return request.gfp & (kGfpKernel | Gfp::kNoRetry | Gfp::kNoWarn);
}

// Rounded as the kernel does; bytes 0 if it calls the request illegal.
PercpuRequest Normalized(PercpuRequest request) {
  request.align = std::max(request.align, kPercpuGranule);
  const bool is_legal = request.bytes > 0 && request.bytes <= kPercpuUnitBytesMin &&
                        request.align <= kPageSize && std::has_single_bit(request.align);
  request.bytes =
      is_legal ? (request.bytes + kPercpuGranule - 1) / kPercpuGranule * kPercpuGranule : 0;
  return request;
}

PercpuMap::Need NeedOf(const PercpuRequest& request) {
  return {.bits = static_cast<int>(request.bytes / kPercpuGranule),
          .align = static_cast<int>(request.align / kPercpuGranule)};
}

}  // namespace

Percpu::Percpu(Machine& machine, const PercpuLayout& layout, const MakeBackend& make_backend,
               const Options& options)
    : PercpuCore(machine, layout, make_backend, options.core),
      exact_free_hints_(options.exact_free_hints) {
  SetUpFirstChunk();
}

// pcpu_alloc().
Task<PercpuArea> Percpu::Alloc(Cpu& cpu, PercpuRequest request) {
  request = Normalized(request);
  if (request.bytes == 0) co_return PercpuArea{};
  const bool may_wait = !IsAtomic(request);
  if (may_wait) co_await mutex_.Acquire(cpu);
  PercpuArea area = co_await TakeArea(cpu, request);
  if (!area.is_null() && may_wait) {
    const bool populated = co_await PopulateArea(cpu, area, BackingGfp(request));
    if (!populated) area = {};
  }
  if (area.is_null()) {
    if (observer_ != nullptr) observer_->OnFailed(request);
    if (may_wait) {
      co_await mutex_.Release(cpu);
    } else {
      atomic_failed_ = true;
      ScheduleBalance();
    }
    co_return area;
  }
  if (may_wait) co_await mutex_.Release(cpu);
  if (empty_pages_ < kEmptyPagesLow) ScheduleBalance();
  Clear(cpu, area);
  if (may_wait) co_await BalanceIfDue(cpu);
  co_return area;
}

// The part of pcpu_alloc() that finds an area, in a new chunk if need be.
Task<PercpuArea> Percpu::TakeArea(Cpu& cpu, PercpuRequest request) {
  PercpuChunk* created = nullptr;
  for (;;) {
    Held held;
    co_await Lock(cpu, held);
    if (created != nullptr) Relocate(cpu, *created, -1);
    const Found found = FindArea(cpu, request);
    PercpuArea area;
    if (found.chunk != nullptr) {
      area = {.chunk = found.chunk->id,
              .offset = static_cast<uint32_t>(found.bit) * kPercpuGranule,
              .bytes = request.bytes};
      if (observer_ != nullptr) observer_->OnArea(area);
    }
    const bool is_final = found.chunk != nullptr || IsAtomic(request) ||
                          (request.reserved && reserved_chunk_ != nullptr);
    co_await Unlock(cpu, held);
    if (is_final) co_return area;
    if (slots_.first(free_slot_) != nullptr) continue;
    created = co_await CreateChunk(cpu, BackingGfp(request));
    if (created == nullptr) co_return area;
  }
}

// The search over all slots that may do, and what goes with taking the area.
Percpu::Found Percpu::FindArea(Cpu& cpu, const PercpuRequest& request) {
  Found found;
  if (request.reserved && reserved_chunk_ != nullptr) {
    found = FindInChunk(cpu, *reserved_chunk_, request);
  } else {
    for (int slot = SlotOfBytes(request.bytes); slot <= free_slot_; ++slot) {
      TouchSlot(cpu, slot, Access::kRead);
      PercpuChunk* following = nullptr;
      for (PercpuChunk* chunk = slots_.first(slot); chunk != nullptr; chunk = following) {
        following = chunk->next;
        found = FindInChunk(cpu, *chunk, request);
        if (found.chunk != nullptr) break;
        // found.bit tells a chunk without a fit from one whose fit was not one.
        if (found.bit < 0 && slot < kSlotFailThreshold) Move(cpu, *chunk, 0, /*to_front=*/true);
      }
      if (found.chunk != nullptr) break;
    }
    if (found.chunk != nullptr) Reintegrate(cpu, *found.chunk);
  }
  if (found.chunk == nullptr) return {};
  // pcpu_stats_area_alloc().
  ++totals_.nr_alloc;
  ++totals_.nr_cur_alloc;
  totals_.nr_max_alloc = std::max(totals_.nr_max_alloc, totals_.nr_cur_alloc);
  totals_.min_alloc_size = std::min<uint64_t>(totals_.min_alloc_size, request.bytes);
  totals_.max_alloc_size = std::max<uint64_t>(totals_.max_alloc_size, request.bytes);
  ++found.chunk->areas;
  found.chunk->area_bytes_max = std::max(found.chunk->area_bytes_max, request.bytes);
  return found;
}

// pcpu_find_block_fit() and pcpu_alloc_area(). Nothing found: a null chunk, and a bit below 0 if
// the hints already said so.
Percpu::Found Percpu::FindInChunk(Cpu& cpu, PercpuChunk& chunk, const PercpuRequest& request) {
  TouchChunk(cpu, chunk, PercpuChunk::kListAt, Access::kRead);
  const PercpuMap::Need need = NeedOf(request);
  const int from = chunk.map.FindFit(cpu, need, IsAtomic(request) ? &chunk.populated : nullptr);
  if (from < 0) return {.bit = -1};
  const int slot_before = SlotOf(chunk);
  const PercpuMap::Taken taken = chunk.map.Take(cpu, need, from);
  if (taken.bit < 0) return {};
  chunk.free_bytes -= request.bytes;
  usage_.area_bytes += static_cast<uint64_t>(request.bytes) * layout_.unit_of_cpu.size();
  TouchChunk(cpu, chunk, PercpuChunk::kListAt, Access::kWrite);
  if (taken.pages_begun > 0) ChangeEmptyPages(cpu, chunk, -taken.pages_begun);
  Relocate(cpu, chunk, slot_before);
  return {.chunk = &chunk, .bit = taken.bit};
}

// Every page under the area that has no memory yet, run by run. If that fails the area is freed.
Task<bool> Percpu::PopulateArea(Cpu& cpu, PercpuArea area, Gfp gfp) {
  PercpuChunk& chunk = this->chunk(area.chunk);
  const auto end = static_cast<int>((area.offset + area.bytes + kPageSize - 1) / kPageSize);
  for (auto page = static_cast<int>(area.offset / kPageSize); page < end;) {
    const int first = chunk.populated.NextClear(cpu, page, end);
    if (first == end) break;
    const PageRange range = {first, chunk.populated.NextSet(cpu, first + 1, end)};
    CHECK(!chunk.immutable);
    const bool populated = co_await backend_->Populate(cpu, chunk.memory, range, gfp);
    Held held;
    co_await Lock(cpu, held);
    if (populated) {
      NotePopulated(cpu, chunk, range);
    } else {
      FreeArea(cpu, chunk, area.offset);
    }
    co_await Unlock(cpu, held);
    if (!populated) co_return false;
    page = range.end + 1;
  }
  co_return true;
}

// free_percpu().
Task<void> Percpu::Free(Cpu& cpu, PercpuArea area) {
  PercpuChunk& chunk = this->chunk(area.chunk);
  CHECK(chunk.alive);
  const bool may_wait = cpu.irqs_enabled() && !cpu.in_interrupt();
  Held held;
  co_await Lock(cpu, held);
  if (!chunk.immutable) LookUpChunk(cpu, area);
  FreeArea(cpu, chunk, area.offset);
  const bool needs_balance = NeedsBalance(cpu, chunk);
  co_await Unlock(cpu, held);
  if (needs_balance) ScheduleBalance();
  if (may_wait) co_await BalanceIfDue(cpu);
}

// pcpu_free_area().
void Percpu::FreeArea(Cpu& cpu, PercpuChunk& chunk, uint32_t offset) {
  ++totals_.nr_dealloc;
  --totals_.nr_cur_alloc;
  --chunk.areas;
  const int slot_before = SlotOf(chunk);
  const PercpuMap::Given given = chunk.map.Give(cpu, static_cast<int>(offset / kPercpuGranule));
  const uint32_t bytes = static_cast<uint32_t>(given.bits) * kPercpuGranule;
  chunk.free_bytes += bytes;
  usage_.area_bytes -= static_cast<uint64_t>(bytes) * layout_.unit_of_cpu.size();
  TouchChunk(cpu, chunk, PercpuChunk::kListAt, Access::kWrite);
  if (given.pages_freed > 0) ChangeEmptyPages(cpu, chunk, given.pages_freed);
  Relocate(cpu, chunk, slot_before);
}

// After a free: is there a second wholly free chunk, or one with many empty pages?
bool Percpu::NeedsBalance(Cpu& cpu, PercpuChunk& chunk) {
  if (!chunk.isolated && chunk.free_bytes == layout_.unit_bytes) {
    TouchSlot(cpu, free_slot_, Access::kRead);
    const PercpuChunk* first = slots_.first(free_slot_);
    return first != &chunk || first->next != nullptr;
  }
  if (!ShouldReclaim(chunk)) return false;
  Isolate(cpu, chunk);
  return true;
}

// pcpu_should_reclaim_chunk().
bool Percpu::ShouldReclaim(const PercpuChunk& chunk) const {
  if (!backend_->populates_on_demand()) return false;
  if (&chunk == first_chunk_ || &chunk == reserved_chunk_) return false;
  if (chunk.isolated && chunk.empty_pages > 0) return true;
  return empty_pages_ > kEmptyPagesHigh + chunk.empty_pages && chunk.empty_pages >= chunk.pages / 4;
}

bool Percpu::IsPopulated(int32_t id, int page) const { return chunk(id).populated.Peek(page); }

}  // namespace slablab
