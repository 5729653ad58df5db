// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "allocators/slubq/structures.h"

#include <algorithm>
#include <bit>

#include "base/check.h"
#include "sim/core/scheduler.h"

namespace slablab {

void ObjectMap::Reset(Place place, uint32_t objects, uint64_t* words) {
  lock_ = nullptr;
  place_ = place;
  words_ = words;
  objects_ = objects;
  is_private_ = true;
  // bitmap_fill().
  for (uint32_t first = 0; first < objects; first += 64) {
    const uint32_t bits = std::min(objects - first, uint32_t{64});
    words[first / 64] = bits == 64 ? ~uint64_t{0} : (uint64_t{1} << bits) - 1;
  }
}

void ObjectMap::Check(const Cpu& cpu) const { CHECK(is_private_ || lock_->HeldBy(cpu)); }

uint32_t ObjectMap::PeekWeight() const {
  uint32_t weight = 0;
  for (uint32_t word = 0; word < (objects_ + 63) / 64; ++word) {
    weight += static_cast<uint32_t>(std::popcount(words_[word]));
  }
  return weight;
}

uint32_t ObjectMap::Weight(Cpu& cpu) const {
  Check(cpu);
  cpu.TouchRange(place_, bytes(), Access::kRead);
  return PeekWeight();
}

void ObjectMap::Set(Cpu& cpu, uint32_t object) {
  Check(cpu);
  CHECK_LT(object, objects_);
  CHECK(!PeekBit(object));  // Else it is free already.
  cpu.Touch(place_ + object / 64 * 8, Access::kWrite);
  words_[object / 64] |= uint64_t{1} << object % 64;
}

uint32_t ObjectMap::TakeLowest(Cpu& cpu) {
  Check(cpu);
  uint32_t word = 0;
  while (words_[word] == 0) {
    ++word;
    CHECK_LT(word, (objects_ + 63) / 64);
  }
  cpu.Touch(place_ + word * 8, Access::kWrite);
  const auto bit = static_cast<uint32_t>(std::countr_zero(words_[word]));
  words_[word] &= words_[word] - 1;
  return word * 64 + bit;
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
