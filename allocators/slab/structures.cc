// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "allocators/slab/structures.h"

#include <bit>
#include <new>

namespace slablab {

std::string_view SlabStatName(SlabStat stat) {
  static constexpr std::array<std::string_view, kSlabStats> kNames = {
      "listallocs",  "maxobjs",    "grown",       "reaped",        "error",
      "maxfreeable", "nodeallocs", "remotefrees", "alienoverflow", "allochit",
      "allocmiss",   "freehit",    "freemiss",    "active",
  };
  return kNames[static_cast<size_t>(stat)];
}

SlabNode::SlabNode(PhysAddr at, LockClass* of, bool counts) : lock_class(of), counts_slabs(counts) {
  PlaceAt(at);
}

void SlabNode::PlaceAt(PhysAddr to) {
  CHECK(!list_lock.held());
  address = to;
  const auto place = [to](uint64_t at) { return Place{to + at, Structure::kNode}; };
  const auto guard = [&]<typename T>(Guarded<T>& field, uint64_t at) {
    field = Guarded<T>(&list_lock, place(at), field.Peek());
  };
  list_lock = SpinLock(lock_class, {to, Structure::kLock});
  guard(partial.first, 8);
  guard(partial.last, 16);
  guard(full.first, 24);
  guard(full.last, 32);
  guard(free.first, 40);
  guard(free.last, 48);
  guard(total_slabs, 56);
  guard(free_slabs, 64);
  const uint64_t rest = counts_slabs ? 72 : 56;
  guard(free_objects, rest);
  guard(free_limit, rest + 8);
  colour_next = Racy<uint32_t>(place(rest + 12), colour_next.Peek());
  guard(shared, rest + 16);
  alien = Settled<AlienSet*>(place(rest + 24), alien.Peek());
  next_reap = Racy<Cycles>(place(rest + 32), next_reap.Peek());
  free_touched = Racy<bool>(place(rest + 40), free_touched.Peek());
}

void SlabCache::PlaceAt(PhysAddr to) {
  address = to;
  batch_count = Settled<uint32_t>(At(kBatchCountAt), batch_count.Peek());
  limit = Settled<uint32_t>(At(kLimitAt), limit.Peek());
  shared = Settled<uint32_t>(At(kSharedAt), shared.Peek());
  for (int i = 0; i < kSlabStats; ++i) {
    Racy<uint64_t>& stat = stats[static_cast<size_t>(i)];
    stat = Racy<uint64_t>(StatPlace(static_cast<SlabStat>(i)), stat.Peek());
  }
}

// num_active, num_allocations, high_mark, grown, reaped, errors, max_freeable, node_allocs,
// node_frees, node_overflow; then four atomic_t.
Place SlabCache::StatPlace(SlabStat stat) const {
  if (stat == SlabStat::kActive) return At(kStatsAt);
  const auto i = static_cast<uint64_t>(stat);
  constexpr auto kFirstAtomic = static_cast<uint64_t>(SlabStat::kAllocHit);
  if (i < kFirstAtomic) return At(kStatsAt + 8 + i * 8);
  return At(kStatsAt + 80 + (i - kFirstAtomic) * 4);
}

ArrayEntries EntryPool::TakeRaw(uint32_t entries, uint32_t pages) {
  const auto size_class = static_cast<uint32_t>(std::bit_width(entries + pages - 1));
  std::vector<PhysAddr*>& free = free_[size_class];
  if (free.empty()) {
    // Not written to: of large arrays, which are mostly empty, the host's memory is taken as they
    // fill.
    const size_t bytes = sizeof(PhysAddr) << size_class;
    blocks_.emplace_back(static_cast<PhysAddr*>(::operator new[](bytes)));
    free.push_back(blocks_.back().get());
  }
  ArrayEntries taken;
  taken.pages_ = free.back();
  taken.objects_ = taken.pages_ + pages;
  taken.size_class_ = size_class;
  free.pop_back();
  return taken;
}

ArrayEntries EntryPool::Take(uint32_t entries, PhysAddr first, const std::vector<PhysAddr>& pages) {
  ArrayEntries taken = TakeRaw(entries, static_cast<uint32_t>(pages.size()));
  taken.first_offset_ = first.value() & (kPageSize - 1);
  for (size_t i = 0; i < pages.size(); ++i) taken.pages_[i] = pages[i];
  return taken;
}

ArrayEntries EntryPool::TakeContiguous(uint32_t entries, PhysAddr first) {
  const uint64_t last = (first + entries * ArrayEntries::kEntryBytes).frame();
  const auto pages = static_cast<uint32_t>(last - first.frame() + 1);
  ArrayEntries taken = TakeRaw(entries, pages);
  taken.first_offset_ = first.value() & (kPageSize - 1);
  for (uint32_t i = 0; i < pages; ++i) taken.pages_[i] = PhysAddr::OfFrame(first.frame() + i);
  return taken;
}

void EntryPool::Give(ArrayEntries& entries) {
  if (entries.pages_ == nullptr) return;
  free_[entries.size_class_].push_back(entries.pages_);
  entries = ArrayEntries();
}

}  // namespace slablab
