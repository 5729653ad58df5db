// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_SLAB_TRANSFER_H_
#define SLABLAB_ALLOCATORS_SLAB_TRANSFER_H_

#include <algorithm>

#include "allocators/slab/slab.h"

// Objects that go from one of SLAB's arrays to another, or out of it, whoever's arrays they are.
// For SLAB's own files.

namespace slablab {

// transfer_objects(): the newest of one array go, in their order, to the end of another.
template <typename To, typename From>
uint32_t SlabAllocator::TransferObjects(Cpu& cpu, To& to, From& from, uint32_t count_max) {
  const uint32_t have = cpu.Load(from.available);
  const uint32_t limit = cpu.Load(to.limit);
  const uint32_t room = limit - cpu.Load(to.available);
  const uint32_t count = std::min({have, count_max, room});
  if (count == 0) return 0;
  const uint32_t at = to.available.Peek();
  TouchEntries(cpu, from.entries, {.first = have - count, .count = count}, Access::kRead);
  TouchEntries(cpu, to.entries, {.first = at, .count = count}, Access::kWrite);
  std::copy_n(from.entries.data() + (have - count), count, to.entries.data() + at);
  cpu.Store(from.available, have - count);
  cpu.Store(to.available, at + count);
  return count;
}

// The memmove() after the oldest `count` have left an array.
template <typename Array>
void SlabAllocator::ShiftDown(Cpu& cpu, Array& array, uint32_t count) {
  const uint32_t left = cpu.Load(array.available) - count;
  cpu.Store(array.available, left);
  if (left == 0) return;
  TouchEntries(cpu, array.entries, {.first = count, .count = left}, Access::kRead);
  TouchEntries(cpu, array.entries, {.first = 0, .count = left}, Access::kWrite);
  PhysAddr* const entries = array.entries.data();
  std::copy(entries + count, entries + count + left, entries);
}

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_SLAB_TRANSFER_H_
