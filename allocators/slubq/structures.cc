// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "allocators/slubq/structures.h"

#include <algorithm>

#include "base/check.h"
#include "sim/core/scheduler.h"

namespace slablab {

void ObjectMap::Check(const Cpu& cpu) const {
  CHECK(slab_.guard == nullptr || slab_.guard->HeldBy(cpu));
}

// Of the word that has an object's bit.
Place ObjectMap::PlaceOf(uint32_t object) const {
  Place first = slab_.word.place();
  if (is_behind_objects()) {
    first = {slab_.cache->AddressOf(slab_, objects_), Structure::kSlabMetadata};
  }
  return first + object / 64 * 8;
}

void ObjectMap::Fill(Cpu& cpu) const {
  std::fill_n(slab_.free_pointer, objects_, kNoObject);
  cpu.TouchRange(PlaceOf(0), bytes(), Access::kWrite);
}

uint32_t ObjectMap::Weight(Cpu& cpu) const {
  Check(cpu);
  return ReadUnlocked(cpu);
}

uint32_t ObjectMap::ReadUnlocked(Cpu& cpu) const {
  cpu.TouchRange(PlaceOf(0), bytes(), Access::kRead);
  const SlabWord word = slab_.word.Peek();
  return uint32_t{word.objects} - word.inuse;
}

void ObjectMap::Set(Cpu& cpu, ObjectIndex object) const {
  Check(cpu);
  CHECK_LT(object, objects_);
  CHECK(slab_.free_pointer[object] == kInSheaf);  // Else it is free already.
  cpu.Touch(PlaceOf(object), Access::kWrite);
  slab_.free_pointer[object] = kNoObject;
  SlabWord word = slab_.word.Peek();
  word.freelist = std::min(word.freelist, object);
  CHECK_GT(word.inuse, 0);
  --word.inuse;
  slab_.word.Poke(word);
}

ObjectIndex ObjectMap::TakeLowest(Cpu& cpu) const {
  Check(cpu);
  SlabWord word = slab_.word.Peek();
  CHECK_LT(word.inuse, word.objects);
  ObjectIndex object = word.freelist;
  while (slab_.free_pointer[object] != kNoObject) ++object;
  cpu.Touch(PlaceOf(object), Access::kWrite);
  slab_.free_pointer[object] = kInSheaf;
  word.freelist = static_cast<ObjectIndex>(object + 1);
  ++word.inuse;
  slab_.word.Poke(word);
  return object;
}

void ObjectQueue::Reset(const Memory& memory, CpuId owner, const SpinLock* lock) {
  *this = ObjectQueue();
  memory_ = memory;
  owner_ = owner;
  lock_ = lock;
  max_ = memory.max;
  page_offset_ = static_cast<uint32_t>(memory.pages[0].value() % kPageSize);
}

Place ObjectQueue::PlaceOf(uint32_t at) const {
  if (memory_.is_contiguous) return {memory_.pages[0] + at, Structure::kPerCpuArea};
  const uint32_t offset = page_offset_ + at;
  if (offset < kPageSize) return {memory_.pages[0] + at, Structure::kPerCpuArea};
  const PhysAddr page = memory_.pages[offset / kPageSize];
  return {page + offset % kPageSize, Structure::kPerCpuArea};
}

void ObjectQueue::Check(Cpu& cpu) const {
  if (lock_ != nullptr) {
    CHECK(lock_->HeldBy(cpu));
  } else {
    CHECK(!cpu.irqs_enabled());
    CHECK(owner_ == cpu.id() || !cpu.scheduler().cpu(owner_).online());
  }
}

void ObjectQueue::TouchSlots(Cpu& cpu, int32_t first, int32_t count, Access access) const {
  uint32_t at = memory_.slots_at + static_cast<uint32_t>(first) * kSlotBytes;
  const uint32_t end = at + static_cast<uint32_t>(count) * kSlotBytes;
  while (at < end) {
    const Place place = PlaceOf(at);
    uint32_t bytes = end - at;
    if (!memory_.is_contiguous) {
      const auto left = static_cast<uint32_t>(kPageSize - place.address.value() % kPageSize);
      bytes = std::min(bytes, left);
    }
    cpu.TouchRange(place, bytes, access);
    at += bytes;
  }
}

PhysAddr ObjectQueue::Pop(Cpu& cpu) {
  Check(cpu);
  CHECK_GT(count_, 0);
  --count_;
  Touch(cpu, Access::kWrite);
  cpu.Touch(PlaceOf(memory_.slots_at + static_cast<uint32_t>(count_) * kSlotBytes), Access::kRead);
  return memory_.slots[count_];
}

void ObjectQueue::Push(Cpu& cpu, PhysAddr object) {
  Check(cpu);
  CHECK_LT(count_, max_);
  memory_.slots[count_] = object;
  cpu.Touch(PlaceOf(memory_.slots_at + static_cast<uint32_t>(count_) * kSlotBytes), Access::kWrite);
  Touch(cpu, Access::kWrite);
  ++count_;
}

void ObjectQueue::TakeNewest(Cpu& cpu, absl::Span<PhysAddr> objects) {
  Check(cpu);
  const auto count = static_cast<int32_t>(objects.size());
  CHECK_LE(count, count_);
  count_ -= count;
  Touch(cpu, Access::kWrite);
  TouchSlots(cpu, count_, count, Access::kRead);
  std::copy_n(memory_.slots + count_, count, objects.begin());
}

void ObjectQueue::DropOldest(Cpu& cpu, int32_t count) {
  Check(cpu);
  CHECK_LE(count, count_);
  TouchSlots(cpu, 0, count, Access::kRead);
  const int32_t rest = count_ - count;
  if (rest > 0) {
    TouchSlots(cpu, count, rest, Access::kRead);
    TouchSlots(cpu, 0, rest, Access::kWrite);
    std::copy(memory_.slots + count, memory_.slots + count_, memory_.slots);
  }
  count_ = rest;
  Touch(cpu, Access::kWrite);
}

void ObjectQueue::Append(Cpu& cpu, absl::Span<const PhysAddr> objects) {
  Check(cpu);
  const auto count = static_cast<int32_t>(objects.size());
  CHECK_LE(count_ + count, max_);
  std::copy(objects.begin(), objects.end(), memory_.slots + count_);
  TouchSlots(cpu, count_, count, Access::kWrite);
  count_ += count;
  Touch(cpu, Access::kWrite);
}

void ObjectQueue::AppendReversed(Cpu& cpu, absl::Span<const PhysAddr> objects) {
  Append(cpu, objects);
  std::reverse(memory_.slots + count_ - objects.size(), memory_.slots + count_);
}

}  // namespace slablab
