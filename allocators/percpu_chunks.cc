// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Chunks and the lists they are on.

#include <algorithm>
#include <bit>

#include "allocators/percpu.h"
#include "sim/check.h"
#include "sim/page_allocator.h"

namespace slablab {
namespace {

constexpr int kSlotBaseShift = 5;  // PCPU_SLOT_BASE_SHIFT
constexpr uint64_t kListHeadBytes = 16;

// __pcpu_size_to_slot().
int OrdinarySlot(uint64_t bytes) {
  return std::max(static_cast<int>(std::bit_width(bytes)) - kSlotBaseShift + 2, 1);
}

}  // namespace

// pcpu_setup_first_chunk().
void Percpu::SetUpFirstChunk() {
  sidelined_slot_ = OrdinarySlot(layout_.unit_bytes) + 1;
  free_slot_ = sidelined_slot_ + 1;
  to_depopulate_slot_ = free_slot_ + 1;
  slots_.resize(static_cast<size_t>(to_depopulate_slot_) + 1);
  BootMemory& boot = machine_.boot_memory();
  slots_place_ = {boot.Allocate(slots_.size() * kListHeadBytes, kLineSize, NodeId(0)),
                  Structure::kPercpuMap};
  counters_place_ = {boot.Allocate(kLineSize, kLineSize, NodeId(0)), Structure::kPercpuMap};
  totals_.min_alloc_size = layout_.unit_bytes;

  const uint64_t static_bytes =
      (layout_.static_bytes + kPercpuGranule - 1) / kPercpuGranule * kPercpuGranule;
  const uint64_t dynamic_bytes = layout_.dynamic_bytes - (static_bytes - layout_.static_bytes);
  const uint64_t unit_bytes = (layout_.first_bytes() + kPageSize - 1) / kPageSize * kPageSize;
  std::vector<PhysAddr> units;
  for (const NodeId node : layout_.node_of_cpu) {
    units.push_back(boot.Allocate(unit_bytes, kPageSize, node));
  }
  usage_.first_bytes = layout_.first_bytes() * units.size();
  machine_.scheduler().RunOn(CpuId(0), [&](Cpu& cpu) -> Task<void> {
    Held held;
    co_await Lock(cpu, held);
    const uint64_t dynamic_at = static_bytes + layout_.reserved_bytes;
    // Before the reserved part, so that the first chunk is number 0.
    first_chunk_ = &SetUpPart(cpu, dynamic_at, dynamic_bytes, units);
    if (layout_.reserved_bytes > 0) {
      reserved_chunk_ = &SetUpPart(cpu, static_bytes, layout_.reserved_bytes, units);
    }
    empty_pages_ = first_chunk_->empty_pages;
    Relocate(cpu, *first_chunk_, -1);
    co_await Unlock(cpu, held);
  });
  totals_.nr_chunks = totals_.nr_max_chunks = 1;
}

// pcpu_alloc_first_chunk(): the pages that the bytes [begin, begin + bytes) of a unit touch.
PercpuChunk& Percpu::SetUpPart(Cpu& cpu, uint64_t begin, uint64_t bytes,
                               const std::vector<PhysAddr>& units) {
  const uint64_t base = begin / kPageSize * kPageSize;
  const uint64_t end = (begin + bytes + kPageSize - 1) / kPageSize * kPageSize;
  const int pages = static_cast<int>((end - base) / kPageSize);
  PercpuChunk& chunk = AddChunk(pages);
  const uint64_t metadata_bytes =
      (PercpuChunk::MetadataBytes(pages) + kPageSize - 1) / kPageSize * kPageSize;
  const PhysAddr metadata = machine_.boot_memory().Allocate(metadata_bytes, kPageSize, NodeId(0));
  for (uint64_t at = 0; at < metadata_bytes; at += kPageSize) {
    chunk.metadata.pages().push_back(metadata + at);
  }
  usage_.metadata_bytes += metadata_bytes;
  for (size_t i = 0; i < units.size(); ++i) {
    for (int page = 0; page < pages; ++page) {
      chunk.memory.pages[i * static_cast<size_t>(pages) + static_cast<size_t>(page)] =
          units[i] + base + static_cast<uint64_t>(page) * kPageSize;
    }
  }
  chunk.immutable = true;
  chunk.start_offset = static_cast<uint32_t>(begin - base);
  chunk.end_offset = static_cast<uint32_t>(end - begin - bytes);
  chunk.populated.Set(cpu, 0, pages);
  chunk.populated_pages = pages;
  chunk.free_bytes = static_cast<uint32_t>(bytes);
  const int hidden_start =
      chunk.map.HideStart(cpu, static_cast<int>(chunk.start_offset / kPercpuGranule));
  const int hidden_end =
      chunk.map.HideEnd(cpu, static_cast<int>(chunk.end_offset / kPercpuGranule));
  chunk.empty_pages = pages - hidden_start - hidden_end;
  return chunk;
}

PercpuChunk& Percpu::AddChunk(int pages) {
  const auto id = static_cast<int32_t>(chunks_.size());
  const PercpuChunk::Shape shape = {.pages = pages,
                                    .cpus = layout_.possible_cpus(),
                                    .exact_free_hints = options_.exact_free_hints};
  return *chunks_.emplace_back(std::make_unique<PercpuChunk>(id, shape));
}

// pcpu_create_chunk(). Null: no memory, or no address space.
Task<PercpuChunk*> Percpu::CreateChunk(Cpu& cpu, Gfp gfp) {
  if (!slab_is_available_) co_return nullptr;
  if (spare_chunks_.empty()) {
    spare_chunks_.push_back(AddChunk(layout_.unit_pages()).id);
    chunks_.back()->alive = false;
  }
  PercpuChunk& chunk = this->chunk(spare_chunks_.back());
  const bool have_metadata = co_await TakeMetadata(cpu, chunk, gfp);
  if (!have_metadata) {
    ++usage_.page_failures;
    co_return nullptr;
  }
  const bool have_memory = co_await backend_->Create(cpu, chunk.memory, gfp);
  if (!have_memory) {
    co_await GiveMetadata(cpu, chunk);
    co_return nullptr;
  }
  spare_chunks_.pop_back();
  chunk.alive = true;
  chunk.map.Reset();
  chunk.populated.Reset();
  chunk.isolated = false;
  chunk.free_bytes = static_cast<uint32_t>(layout_.unit_bytes);
  chunk.populated_pages = 0;
  chunk.empty_pages = 0;
  chunk.areas = 0;
  chunk.area_bytes_max = 0;
  Held held;
  co_await Lock(cpu, held);
  ++totals_.nr_chunks;
  totals_.nr_max_chunks = std::max(totals_.nr_max_chunks, totals_.nr_chunks);
  if (observer_ != nullptr) observer_->OnChunkCreated(chunk.id);
  if (!backend_->populates_on_demand()) NotePopulated(cpu, chunk, {0, chunk.pages});
  co_await Unlock(cpu, held);
  co_return &chunk;
}

// pcpu_destroy_chunk().
Task<void> Percpu::DestroyChunk(Cpu& cpu, PercpuChunk& chunk) {
  CHECK_EQ(chunk.areas, 0);
  CHECK_EQ(chunk.slot, -1);
  Held held;
  co_await Lock(cpu, held);
  --totals_.nr_chunks;
  if (observer_ != nullptr) observer_->OnChunkDestroyed(chunk.id);
  co_await Unlock(cpu, held);
  co_await backend_->Destroy(cpu, chunk.memory);
  co_await GiveMetadata(cpu, chunk);
  chunk.alive = false;
  spare_chunks_.push_back(chunk.id);
}

// The pages of the chunk's maps, cleared.
Task<bool> Percpu::TakeMetadata(Cpu& cpu, PercpuChunk& chunk, Gfp gfp) {
  const uint64_t bytes = PercpuChunk::MetadataBytes(chunk.pages);
  for (uint64_t at = 0; at < bytes; at += kPageSize) {
    const PageRequest request{.order = 0, .node = kAnyNode, .gfp = gfp};
    const PhysAddr page = co_await machine_.pages().Alloc(cpu, request);
    if (page.is_null()) {
      co_await GiveMetadata(cpu, chunk);
      co_return false;
    }
    chunk.metadata.pages().push_back(page);
    usage_.metadata_bytes += kPageSize;
  }
  chunk.metadata.Touch(cpu, 0, bytes, Access::kWrite);
  co_return true;
}

Task<void> Percpu::GiveMetadata(Cpu& cpu, PercpuChunk& chunk) {
  while (!chunk.metadata.pages().empty()) {
    const PhysAddr page = chunk.metadata.pages().back();
    chunk.metadata.pages().pop_back();
    usage_.metadata_bytes -= kPageSize;
    co_await machine_.pages().Free(cpu, page, 0);
  }
}

// pcpu_chunk_populated().
void Percpu::NotePopulated(Cpu& cpu, PercpuChunk& chunk, PageRange range) {
  const int pages = range.end - range.first;
  chunk.populated.Set(cpu, range.first, pages);
  chunk.populated_pages += pages;
  ChangeEmptyPages(cpu, chunk, pages);
  if (observer_ != nullptr) observer_->OnPopulated(chunk.id, range.first, range.end);
}

// pcpu_chunk_depopulated().
void Percpu::NoteDepopulated(Cpu& cpu, PercpuChunk& chunk, PageRange range) {
  const int pages = range.end - range.first;
  chunk.populated.Clear(cpu, range.first, pages);
  chunk.populated_pages -= pages;
  ChangeEmptyPages(cpu, chunk, -pages);
  if (observer_ != nullptr) observer_->OnDepopulated(chunk.id, range.first, range.end);
}

// pcpu_update_empty_pages().
void Percpu::ChangeEmptyPages(Cpu& cpu, PercpuChunk& chunk, int change) {
  chunk.empty_pages += change;
  TouchChunk(cpu, chunk, PercpuChunk::kCountersAt, Access::kWrite);
  if (&chunk == reserved_chunk_ || chunk.isolated) return;
  empty_pages_ += change;
  cpu.Touch(counters_place_, Access::kWrite);
}

// pcpu_size_to_slot().
int Percpu::SlotOfBytes(uint64_t bytes) const {
  return bytes == layout_.unit_bytes ? free_slot_ : OrdinarySlot(bytes);
}

// pcpu_chunk_slot().
int Percpu::SlotOf(const PercpuChunk& chunk) const {
  const auto contig = static_cast<uint64_t>(chunk.map.hints().contig);
  if (chunk.free_bytes < kPercpuGranule || contig == 0) return 0;
  return SlotOfBytes(contig * kPercpuGranule);
}

void Percpu::TouchSlot(Cpu& cpu, int slot, Access access) {
  cpu.Touch(slots_place_ + static_cast<uint64_t>(slot) * kListHeadBytes, access);
}

void Percpu::TouchChunk(Cpu& cpu, const PercpuChunk& chunk, uint64_t at, Access access) {
  chunk.metadata.Touch(cpu, at, 1, access);
}

void Percpu::Unlist(Cpu& cpu, PercpuChunk& chunk) {
  if (chunk.slot < 0) return;
  Slot& slot = slots_[static_cast<size_t>(chunk.slot)];
  TouchSlot(cpu, chunk.slot, Access::kWrite);
  (chunk.previous == nullptr ? slot.first : chunk.previous->next) = chunk.next;
  (chunk.next == nullptr ? slot.last : chunk.next->previous) = chunk.previous;
  chunk.previous = chunk.next = nullptr;
  chunk.slot = -1;
}

// __pcpu_chunk_move().
void Percpu::Move(Cpu& cpu, PercpuChunk& chunk, int to, bool to_front) {
  CHECK(lock_.HeldBy(cpu));
  if (&chunk == reserved_chunk_) return;
  Unlist(cpu, chunk);
  Slot& slot = slots_[static_cast<size_t>(to)];
  TouchSlot(cpu, to, Access::kWrite);
  TouchChunk(cpu, chunk, PercpuChunk::kListAt, Access::kWrite);
  chunk.slot = to;
  if (to_front) {
    chunk.next = slot.first;
    (slot.first == nullptr ? slot.last : slot.first->previous) = &chunk;
    slot.first = &chunk;
  } else {
    chunk.previous = slot.last;
    (slot.last == nullptr ? slot.first : slot.last->next) = &chunk;
    slot.last = &chunk;
  }
}

// pcpu_chunk_relocate().
void Percpu::Relocate(Cpu& cpu, PercpuChunk& chunk, int slot_before) {
  const int slot = SlotOf(chunk);
  if (chunk.isolated || slot == slot_before) return;
  Move(cpu, chunk, slot, /*to_front=*/slot_before < slot);
}

// pcpu_isolate_chunk().
void Percpu::Isolate(Cpu& cpu, PercpuChunk& chunk) {
  if (!chunk.isolated) {
    chunk.isolated = true;
    empty_pages_ -= chunk.empty_pages;
    cpu.Touch(counters_place_, Access::kWrite);
  }
  Move(cpu, chunk, to_depopulate_slot_, /*to_front=*/true);
}

// pcpu_reintegrate_chunk().
void Percpu::Reintegrate(Cpu& cpu, PercpuChunk& chunk) {
  if (!chunk.isolated) return;
  chunk.isolated = false;
  empty_pages_ += chunk.empty_pages;
  cpu.Touch(counters_place_, Access::kWrite);
  Relocate(cpu, chunk, -1);
}

}  // namespace slablab
