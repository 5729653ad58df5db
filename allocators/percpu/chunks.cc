// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Chunks and the lists they are on.

#include "allocators/percpu/percpu.h"
#include "base/check.h"

namespace slablab {

// pcpu_setup_first_chunk().
void Percpu::SetUpFirstChunk() {
  sidelined_slot_ = OrdinarySlot(layout_.unit_bytes) + 1;
  free_slot_ = sidelined_slot_ + 1;
  to_depopulate_slot_ = free_slot_ + 1;
  slots_.Resize(to_depopulate_slot_ + 1);
  BootMemory& boot = machine_.boot_memory();
  const uint64_t heads_bytes = static_cast<uint64_t>(slots_.size()) * slots_.kListHeadBytes;
  slots_place_ = {boot.Allocate(heads_bytes, kLineSize, NodeId(0)), Structure::kPercpuMap};
  counters_place_ = {boot.Allocate(kLineSize, kLineSize, NodeId(0)), Structure::kPercpuMap};

  const uint64_t static_bytes =
      (layout_.static_bytes + kPercpuGranule - 1) / kPercpuGranule * kPercpuGranule;
  const uint64_t dynamic_bytes = layout_.dynamic_bytes - (static_bytes - layout_.static_bytes);
  const std::vector<PhysAddr> units = TakeFirstUnits();
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
  const PercpuChunk::Shape shape = {
      .pages = pages, .cpus = layout_.possible_cpus(), .exact_free_hints = exact_free_hints_};
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
  const uint64_t metadata_bytes = PercpuChunk::MetadataBytes(chunk.pages);
  bool have_memory = co_await TakeMetadata(cpu, chunk.metadata, metadata_bytes, gfp);
  if (have_memory) {
    chunk.metadata.Touch(cpu, 0, metadata_bytes, Access::kWrite);  // The maps are cleared.
    have_memory = co_await backend_->Create(cpu, chunk.memory, gfp);
  }
  if (!have_memory) {
    co_await GiveMetadata(cpu, chunk.metadata);
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
  CountChunkCreated(chunk.id);
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
  CountChunkDestroyed(chunk.id);
  co_await Unlock(cpu, held);
  co_await backend_->Destroy(cpu, chunk.memory);
  co_await GiveMetadata(cpu, chunk.metadata);
  chunk.alive = false;
  spare_chunks_.push_back(chunk.id);
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
  cpu.Touch(slots_place_ + static_cast<uint64_t>(slot) * slots_.kListHeadBytes, access);
}

void Percpu::TouchChunk(Cpu& cpu, const PercpuChunk& chunk, uint64_t at, Access access) {
  chunk.metadata.Touch(cpu, at, 1, access);
}

void Percpu::Unlist(Cpu& cpu, PercpuChunk& chunk) {
  if (chunk.slot < 0) return;
  TouchSlot(cpu, chunk.slot, Access::kWrite);
  slots_.Remove(chunk);
}

// __pcpu_chunk_move().
void Percpu::Move(Cpu& cpu, PercpuChunk& chunk, int to, bool to_front) {
  CHECK(lock_.HeldBy(cpu));
  if (&chunk == reserved_chunk_) return;
  Unlist(cpu, chunk);
  TouchSlot(cpu, to, Access::kWrite);
  TouchChunk(cpu, chunk, PercpuChunk::kListAt, Access::kWrite);
  slots_.Add(chunk, to, to_front);
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
