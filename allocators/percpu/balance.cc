// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// The work that keeps free chunks few and spare pages at hand (pcpu_balance_workfn).

#include <algorithm>

#include "allocators/percpu/percpu.h"
#include "base/check.h"

namespace slablab {
namespace {

constexpr Gfp kBalanceGfp = kGfpKernel | Gfp::kNoRetry | Gfp::kNoWarn;

}  // namespace

Task<void> Percpu::Balance(Cpu& cpu) {
  balance_due_ = false;
  co_await mutex_.Acquire(cpu);
  Held held;
  co_await Lock(cpu, held);
  co_await FreeChunks(cpu, held, /*only_unpopulated=*/false);
  co_await ReclaimPages(cpu, held);
  co_await PopulateSparePages(cpu, held);
  co_await FreeChunks(cpu, held, /*only_unpopulated=*/true);
  co_await Unlock(cpu, held);
  co_await mutex_.Release(cpu);
}

// pcpu_balance_free(): destroys all wholly free chunks but the first.
Task<void> Percpu::FreeChunks(Cpu& cpu, Held& held, bool only_unpopulated) {
  PercpuChunk* doomed = nullptr;  // linked by `next`, the last of the list first
  TouchSlot(cpu, free_slot_, Access::kRead);
  PercpuChunk* const spared = slots_.first(free_slot_);
  if (spared == nullptr) co_return;
  for (PercpuChunk *chunk = spared->next, *following; chunk != nullptr; chunk = following) {
    following = chunk->next;
    TouchChunk(cpu, *chunk, PercpuChunk::kCountersAt, Access::kRead);
    if (only_unpopulated && chunk->empty_pages != 0) continue;
    Unlist(cpu, *chunk);
    chunk->next = doomed;
    doomed = chunk;
  }
  if (doomed == nullptr) co_return;
  co_await Unlock(cpu, held);
  while (doomed != nullptr) {
    PercpuChunk& chunk = *doomed;
    doomed = chunk.next;
    chunk.next = nullptr;
    for (int page = 0; page < chunk.pages;) {
      const int first = chunk.populated.NextSet(cpu, page, chunk.pages);
      if (first == chunk.pages) break;
      const PageRange range = {first, chunk.populated.NextClear(cpu, first + 1, chunk.pages)};
      co_await backend_->Depopulate(cpu, chunk.memory, range);
      co_await Lock(cpu, held);
      NoteDepopulated(cpu, chunk, range);
      co_await Unlock(cpu, held);
      page = range.end + 1;
    }
    co_await DestroyChunk(cpu, chunk);
  }
  co_await Lock(cpu, held);
}

// pcpu_reclaim_populated(): depopulates the chunks that wait for it, each from its end, until
// so few spare pages are left elsewhere that the rest must serve as such.
Task<void> Percpu::ReclaimPages(Cpu& cpu, Held& held) {
  for (;;) {
    TouchSlot(cpu, to_depopulate_slot_, Access::kRead);
    PercpuChunk* const chunk = slots_.first(to_depopulate_slot_);
    if (chunk == nullptr) co_return;
    CHECK(!chunk->immutable);
    const bool is_needed = co_await ReclaimChunk(cpu, held, *chunk);
    if (is_needed || chunk->free_bytes == layout_.unit_bytes) {
      Reintegrate(cpu, *chunk);
    } else {
      Move(cpu, *chunk, sidelined_slot_, /*to_front=*/false);
    }
  }
}

// Answers whether it stopped because spare pages are short.
Task<bool> Percpu::ReclaimChunk(Cpu& cpu, Held& held, PercpuChunk& chunk) {
  int run_last = -1;  // of the run of empty pages that ends before `page`; -1: none
  bool depopulated = false;
  bool is_needed = false;
  for (int page = chunk.pages - 1; page >= 0; --page) {
    if (chunk.empty_pages == 0) break;
    if (empty_pages_ < kEmptyPagesHigh) {
      is_needed = true;
      break;
    }
    int run_first = page + 1;
    if (chunk.map.PageIsFree(cpu, page) && chunk.populated.Test(cpu, page)) {
      if (run_last < 0) run_last = page;
      if (page > 0) continue;
      run_first = 0;
    }
    if (run_last < 0) continue;
    co_await DepopulateRange(cpu, held, chunk, {run_first, run_last + 1});
    depopulated = true;
    run_last = -1;
  }
  if (depopulated) {
    // The kernel lets go of the lock to flush TLBs.
    co_await Unlock(cpu, held);
    co_await Lock(cpu, held);
  }
  co_return is_needed;
}

Task<void> Percpu::DepopulateRange(Cpu& cpu, Held& held, PercpuChunk& chunk, PageRange range) {
  co_await Unlock(cpu, held);
  co_await backend_->Depopulate(cpu, chunk.memory, range);
  co_await Lock(cpu, held);
  NoteDepopulated(cpu, chunk, range);
}

// pcpu_balance_populated(): populates pages of the fullest chunks that lack some, until there are
// enough to spare, in a new chunk if need be.
Task<void> Percpu::PopulateSparePages(Cpu& cpu, Held& held) {
  for (;;) {
    int wanted = std::clamp(kEmptyPagesHigh - empty_pages_, 0, kEmptyPagesHigh);
    if (atomic_failed_) {
      wanted = kEmptyPagesHigh;
      atomic_failed_ = false;
    }
    for (int slot = SlotOfBytes(kPageSize); slot <= free_slot_ && wanted > 0; ++slot) {
      TouchSlot(cpu, slot, Access::kRead);
      PercpuChunk* chunk = slots_.first(slot);
      while (chunk != nullptr && chunk->populated_pages == chunk->pages) {
        TouchChunk(cpu, *chunk, PercpuChunk::kCountersAt, Access::kRead);
        chunk = chunk->next;
      }
      if (chunk != nullptr) wanted = co_await PopulateSpareOf(cpu, held, *chunk, wanted);
    }
    if (wanted == 0) co_return;
    co_await Unlock(cpu, held);
    PercpuChunk* const created = co_await CreateChunk(cpu, kBalanceGfp);
    co_await Lock(cpu, held);
    if (created == nullptr) co_return;
    Relocate(cpu, *created, -1);
  }
}

// Answers how many pages are still wanted; none, if one could not be had.
Task<int> Percpu::PopulateSpareOf(Cpu& cpu, Held& held, PercpuChunk& chunk, int wanted) {
  for (int page = 0; page < chunk.pages && wanted > 0;) {
    const int first = chunk.populated.NextClear(cpu, page, chunk.pages);
    if (first == chunk.pages) break;
    const int end = chunk.populated.NextSet(cpu, first + 1, chunk.pages);
    const PageRange range = {first, std::min(end, first + wanted)};
    co_await Unlock(cpu, held);
    const bool populated = co_await backend_->Populate(cpu, chunk.memory, range, kBalanceGfp);
    co_await Lock(cpu, held);
    if (!populated) co_return 0;
    wanted -= range.end - range.first;
    NotePopulated(cpu, chunk, range);
    page = end + 1;
  }
  co_return wanted;
}

}  // namespace slablab
