// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "allocators/slub/sheaves/sheaf.h"

#include <algorithm>
#include <bit>

#include "allocators/allocator.h"
#include "allocators/slub/core/sheaf_policy.h"
#include "allocators/slub/core/structures.h"

namespace slablab {
namespace {

// kmalloc_size_roundup(), of what a class of at most two pages holds.
uint64_t KmallocRoundUp(uint64_t bytes) {
  for (uint64_t between : {uint64_t{96}, uint64_t{192}}) {
    if (bytes > between * 2 / 3 && bytes <= between) return between;
  }
  return std::max<uint64_t>(8, std::bit_ceil(bytes));
}

uint32_t CapacityOfClass(uint32_t slab_size) {
  if (slab_size >= kPageSize) return 4;
  if (slab_size >= 1024) return 12;
  if (slab_size >= 256) return 26;
  return 60;
}

}  // namespace

uint32_t SheafCapacity(const SheafPolicy& policy, const CacheSpec& spec, uint32_t slab_size) {
  using Which = SheafPolicy::Which;
  if (policy.which == Which::kNone || spec.has_debug_flags()) return 0;
  if (policy.which == Which::kOptIn && spec.sheaf_capacity == 0) return 0;
  // An allocation of a sheaf would be followed by the kernel's search for leaks, which needs these.
  if (policy.which == Which::kDefault && spec.no_leak_trace) return 0;
  uint32_t capacity = policy.capacity;
  if (capacity == 0 && policy.capacity_rule == SheafPolicy::CapacityRule::kByClass) {
    const uint64_t bytes = KmallocRoundUp(SlabSheaf::BytesFor(CapacityOfClass(slab_size)));
    capacity = static_cast<uint32_t>((bytes - SlabSheaf::kObjectsAt) / SlabSheaf::kEntryBytes);
  }
  return std::max(capacity, spec.sheaf_capacity);
}

RcuHead::Waiting SlabSheaf::waiting() const {
  return {.objects = size, .bytes = uint64_t{size} * cache->geometry.object_size};
}

SlabSheaf& SheafPool::Take(uint32_t capacity) {
  CHECK_LE(capacity, kCapacityMax);
  if (free_ == nullptr) {
    SlabSheaf& made = sheaves_.emplace_back();
    made.index = static_cast<int32_t>(sheaves_.size() - 1);
    made.next = free_;
    free_ = &made;
  }
  SlabSheaf& sheaf = *free_;
  free_ = sheaf.next;
  sheaf.next = nullptr;
  sheaf.size = 0;
  sheaf.capacity = capacity;
  sheaf.state = SlabSheaf::State::kHeld;
  return sheaf;
}

void SheafPool::Give(SlabSheaf& sheaf) {
  CHECK_EQ(sheaf.size, 0u);
  CHECK(sheaf.state == SlabSheaf::State::kHeld);
  if (sheaf.objects != nullptr) {
    free_arrays_[SizeClassOf(sheaf.capacity)].push_back(sheaf.objects);
    sheaf.objects = nullptr;
  }
  sheaf.cache = nullptr;
  sheaf.state = SlabSheaf::State::kFree;
  sheaf.next = free_;
  free_ = &sheaf;
}

void SheafPool::Equip(SlabSheaf& sheaf) {
  if (sheaf.objects != nullptr || sheaf.capacity == 0) return;
  const size_t size_class = SizeClassOf(sheaf.capacity);
  std::vector<PhysAddr*>& free = free_arrays_[size_class];
  if (free.empty()) {
    arrays_.push_back(std::make_unique<PhysAddr[]>(size_t{1} << size_class));
    free.push_back(arrays_.back().get());
  }
  sheaf.objects = free.back();
  free.pop_back();
}

size_t SheafPool::SizeClassOf(uint32_t capacity) {
  return static_cast<size_t>(std::bit_width(capacity - 1));
}

}  // namespace slablab
