// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_ALLOCATORS_SLUB_SHEAVES_SHEAF_H_
#define SLABLAB_ALLOCATORS_SLUB_SHEAVES_SHEAF_H_

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "base/check.h"
#include "base/types.h"
#include "sim/core/cpu.h"
#include "sim/core/fields.h"
#include "sim/core/rcu.h"
#include "sim/core/task.h"

// struct slab_sheaf: a stack of free objects of one cache. It is an object of a kmalloc cache, a
// header of 32 bytes and 8 bytes an object.

namespace slablab {

struct CacheSpec;
struct KmemCache;
struct SheafPolicy;
struct SlabSheaf;

// calculate_sheaf_capacity(): objects that a sheaf of the cache holds; 0: the cache has no sheaves.
// `slab_size` is bytes from one object to the next.
uint32_t SheafCapacity(const SheafPolicy& policy, const CacheSpec& spec, uint32_t slab_size);

// Whom a sheaf's grace period ends for.
class SheafCallbacks {
 public:
  virtual ~SheafCallbacks() = default;
  virtual Task<void> RcuFreeSheaf(Cpu& cpu, SlabSheaf& sheaf) = 0;
};

// What the fast paths need lies in one line of the host's.
struct alignas(64) SlabSheaf final : RcuHead {
  static constexpr uint64_t kLinksAt = 0;     // rcu_head, or barn_list, or the capacity
  static constexpr uint64_t kCapacityAt = 0;  // of one that a user has
  static constexpr uint64_t kCacheAt = 16;
  static constexpr uint64_t kSizeAt = 24;
  static constexpr uint64_t kNodeAt = 28;
  static constexpr uint64_t kObjectsAt = 32;
  static constexpr uint64_t kEntryBytes = 8;
  static constexpr uint64_t BytesFor(uint64_t capacity) {
    return kObjectsAt + capacity * kEntryBytes;
  }

  // What it is between operations.
  enum class State : uint8_t {
    kFree,       // the record describes no sheaf
    kBootstrap,  // the one that caches without sheaves share: room for nothing
    kPercpu,     // main, spare or rcu_free of a CPU
    kBarn,       // in a barn's list
    kRcu,        // waiting for a grace period
    kUser,       // prefilled, a user has it
    kHeld,       // within an operation
  };

  PhysAddr address;
  KmemCache* cache = nullptr;
  PhysAddr* objects = nullptr;  // the host's; null before the first object
  uint32_t size = 0;            // objects in it
  uint32_t capacity = 0;        // what its memory is for
  NodeId node;                  // whose barn it is for after the grace period
  SlabSheaf* next = nullptr;    // in a barn's list
  SheafCallbacks* callbacks = nullptr;
  int32_t index = 0;  // of the record
  State state = State::kFree;
  int32_t away = 0;      // its place among CacheSheaves::away, if it is there
  bool counted = true;   // by sheaf_alloc, and by sheaf_free when it goes
  bool to_barn = false;  // rcu_free_sheaf(), else rcu_free_sheaf_nobarn()

  Place At(uint64_t byte) const { return {address + byte, Structure::kSheaf}; }
  Place EntryAt(uint32_t entry) const { return At(kObjectsAt + entry * kEntryBytes); }

  uint32_t LoadSize(Cpu& cpu) const {
    cpu.Touch(At(kSizeAt), Access::kRead);
    return size;
  }
  void StoreSize(Cpu& cpu, uint32_t new_size) {
    cpu.Touch(At(kSizeAt), Access::kWrite);
    size = new_size;
  }
  // The last entry; it stays. REQUIRES: size > 0.
  PhysAddr LoadTop(Cpu& cpu) const {
    cpu.Touch(EntryAt(size - 1), Access::kRead);
    return objects[size - 1];
  }
  // Entries [first, first + count) as one piece of memory.
  absl::Span<PhysAddr> Touched(Cpu& cpu, uint32_t first, uint32_t count, Access access) {
    cpu.TouchRange(EntryAt(first), count * kEntryBytes, access);
    return {objects + first, count};
  }

  // RcuHead.
  Task<void> RunCallback(Cpu& cpu) override { return callbacks->RcuFreeSheaf(cpu, *this); }
  std::string_view function() const override {
    return to_barn ? "rcu_free_sheaf" : "rcu_free_sheaf_nobarn";
  }
  Place rcu_place() const override { return At(kLinksAt); }
  Waiting waiting() const override;
};

// The host's records of sheaves and their arrays: recycled, so that after warm-up nothing is
// allocated. An array comes with the first object, because most of a large machine's sheaves never
// see one.
class SheafPool {
 public:
  // Arrays of 2^19 entries are the largest: a kmalloc of 4 MiB.
  static constexpr uint32_t kCapacityMax = uint32_t{1} << 19;

  // REQUIRES: capacity <= kCapacityMax.
  SlabSheaf& Take(uint32_t capacity);
  void Give(SlabSheaf& sheaf);
  // Puts `object` on top; no memory is touched.
  void Push(SlabSheaf& sheaf, PhysAddr object) {
    if (sheaf.objects == nullptr) [[unlikely]] {
      Equip(sheaf);
    }
    sheaf.objects[sheaf.size++] = object;
  }
  // Gives the sheaf its array, if it has none.
  void Equip(SlabSheaf& sheaf);
  SlabSheaf& at(int32_t index) { return sheaves_[static_cast<size_t>(index)]; }
  const SlabSheaf& at(int32_t index) const { return sheaves_[static_cast<size_t>(index)]; }
  // All that were ever taken.
  const std::deque<SlabSheaf>& sheaves() const { return sheaves_; }

 private:
  static constexpr size_t kSizeClasses = 20;  // powers of two
  static size_t SizeClassOf(uint32_t capacity);

  std::deque<SlabSheaf> sheaves_;
  SlabSheaf* free_ = nullptr;  // by `next`
  std::array<std::vector<PhysAddr*>, kSizeClasses> free_arrays_;
  std::vector<std::unique_ptr<PhysAddr[]>> arrays_;
};

}  // namespace slablab

#endif  // SLABLAB_ALLOCATORS_SLUB_SHEAVES_SHEAF_H_
