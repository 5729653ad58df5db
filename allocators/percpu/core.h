// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_PERCPU_CORE_H_
#define SLABLAB_ALLOCATORS_PERCPU_CORE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "allocators/percpu/areas.h"
#include "allocators/percpu/backend.h"
#include "allocators/percpu/layout.h"
#include "allocators/percpu/map.h"
#include "allocators/percpu/mutex.h"
#include "sim/core/cpu.h"
#include "sim/core/spinlock.h"
#include "sim/core/task.h"
#include "sim/machine.h"

// What the percpu allocators of all versions do alike (mm/percpu.c): the lock and the mutex, the
// lists of chunks by slot, where a chunk's own memory comes from, and where areas are. How a chunk
// knows what is allocated, and how it is searched, is the versions' own.

namespace slablab {

// What struct pcpu_chunk has in every version.
template <typename Chunk>
struct PercpuChunkCore {
  int32_t id = 0;
  int pages = 0;           // of a unit
  bool alive = true;       // else kept to be used again
  bool immutable = false;  // of the first chunk: its pages stay
  PercpuMetadata metadata;
  PercpuMemory memory;
  int64_t areas = 0;
  uint32_t area_bytes_max = 0;
  int slot = -1;  // whose list it is on; -1: none
  Chunk* previous = nullptr;
  Chunk* next = nullptr;
};

// The lists of chunks by slot. Touches nothing: what that costs is the models' to say.
template <typename Chunk>
class PercpuSlots {
 public:
  static constexpr uint64_t kListHeadBytes = 16;

  void Resize(int slots) { slots_.resize(static_cast<size_t>(slots)); }
  int size() const { return static_cast<int>(slots_.size()); }
  Chunk* first(int slot) const { return slots_[static_cast<size_t>(slot)].first; }
  Chunk* last(int slot) const { return slots_[static_cast<size_t>(slot)].last; }

  // Off the list that it is on, if any.
  void Remove(Chunk& chunk) {
    if (chunk.slot < 0) return;
    List& list = slots_[static_cast<size_t>(chunk.slot)];
    (chunk.previous == nullptr ? list.first : chunk.previous->next) = chunk.next;
    (chunk.next == nullptr ? list.last : chunk.next->previous) = chunk.previous;
    chunk.previous = chunk.next = nullptr;
    chunk.slot = -1;
  }
  // REQUIRES: the chunk is on no list.
  void Add(Chunk& chunk, int slot, bool to_front) {
    List& list = slots_[static_cast<size_t>(slot)];
    chunk.slot = slot;
    if (to_front) {
      chunk.next = list.first;
      (list.first == nullptr ? list.last : list.first->previous) = &chunk;
      list.first = &chunk;
    } else {
      chunk.previous = list.last;
      (list.last == nullptr ? list.first : list.last->next) = &chunk;
      list.last = &chunk;
    }
  }

 private:
  struct List {
    Chunk* first = nullptr;
    Chunk* last = nullptr;
  };
  std::vector<List> slots_;
};

struct PercpuCoreOptions {
  std::string_view name;
  // Balance runs at the end of the operation that asks for it, if that can wait. Else whoever
  // drives the model calls Balance.
  bool balance_at_once = true;
  bool clears_areas = true;  // when they are given out
};

class PercpuCore : public PercpuAreas {
 public:
  using MakeBackend =
      std::function<std::unique_ptr<PercpuBackend>(const PercpuLayout& layout, PercpuUsage& usage)>;

  std::string_view name() const override { return core_options_.name; }
  const PercpuLayout& layout() const override { return layout_; }
  bool balance_due() const override { return balance_due_; }
  PhysAddr AddressOn(PercpuArea area, CpuId cpu, uint32_t at) const override;
  const PercpuUsage& usage() const override { return usage_; }
  void set_observer(PercpuObserver* observer) override { observer_ = observer; }
  // Until there is one, nothing is taken for a chunk: none is made, no array extended.
  void set_slab_is_available(bool available) override { slab_is_available_ = available; }

 protected:
  // The lock, while an operation has it.
  struct Held {
    SpinGuard guard;
    IrqFlags flags{};
  };

  // REQUIRES: the backend can serve the layout.
  PercpuCore(Machine& machine, const PercpuLayout& layout, const MakeBackend& make_backend,
             const PercpuCoreOptions& options);

  virtual const PercpuMemory& MemoryOf(int32_t chunk) const = 0;

  Task<void> Lock(Cpu& cpu, Held& held);
  Task<void> Unlock(Cpu& cpu, Held& held);
  // What an area handed out goes through last: it is cleared, one CPU's copy after another.
  void Clear(Cpu& cpu, PercpuArea area);
  // By the struct page of this CPU's copy (pcpu_chunk_addr_search), behind the first chunk.
  void LookUpChunk(Cpu& cpu, PercpuArea area) const;
  Task<void> BalanceIfDue(Cpu& cpu);

  // The first chunk's units, by CPU.
  std::vector<PhysAddr> TakeFirstUnits();
  // Pages for the first so many bytes of metadata that have none yet. Answers false, with what it
  // got still there, if there is no memory.
  Task<bool> TakeMetadata(Cpu& cpu, PercpuMetadata& metadata, uint64_t bytes, Gfp gfp);
  Task<void> GiveMetadata(Cpu& cpu, PercpuMetadata& metadata);

  // pcpu_stats_chunk_alloc(), pcpu_stats_chunk_dealloc().
  void CountChunkCreated(int32_t chunk);
  void CountChunkDestroyed(int32_t chunk);

  // __pcpu_size_to_slot().
  static int OrdinarySlot(uint64_t bytes);

  Machine& machine_;
  const PercpuLayout layout_;
  const PercpuCoreOptions core_options_;
  PercpuUsage usage_;
  const std::unique_ptr<PercpuBackend> backend_;
  PercpuObserver* observer_ = nullptr;
  SpinLock lock_;
  PercpuMutex mutex_;
  bool slab_is_available_ = true;
  bool balance_due_ = false;
  PercpuFigures totals_;  // all but the chunks
};

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_PERCPU_CORE_H_
