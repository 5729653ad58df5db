// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_WORKLOADS_OBJECT_TABLE_H_
#define SLABLAB_WORKLOADS_OBJECT_TABLE_H_

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "allocators/allocator.h"
#include "base/check.h"
#include "base/types.h"

namespace slablab {

// What became of a trace's object here.
struct ObjectRecord {
  enum class State : uint8_t {
    kUnknown,  // not seen, or done with
    kPending,  // its allocation is on its way
    kLive,
    kFailed,  // its allocation failed
  };
  PhysAddr address;
  uint32_t bytes_req = 0;
  CacheId cache = kNoCache;  // kNoCache: kmalloc
  CpuId waiter{-1};          // a CPU parked until the allocation is done
  State state = State::kUnknown;
  bool free_announced = false;  // its free is on its way
};

// Records by object number. Numbers come in ascending order and most objects die young, so records
// are kept in chunks that are recycled when all in them are dead: host memory follows the number of
// live objects, and after warm-up only the list of chunks grows.
class ObjectTable {
 public:
  // The record of `object`; starts as kUnknown.
  ObjectRecord& operator[](uint64_t object) {
    const uint64_t chunk = object / kChunk;
    if (chunk >= chunks_.size()) chunks_.resize(chunk + 1);
    if (chunks_[chunk] == nullptr) [[unlikely]] {
      AddChunk(chunk);
    }
    return chunks_[chunk]->records[object % kChunk];
  }
  // The same, or null where none has been asked for. Stays where it is from Begin to End.
  ObjectRecord* Find(uint64_t object) {
    const uint64_t chunk = object / kChunk;
    if (chunk >= chunks_.size() || chunks_[chunk] == nullptr) return nullptr;
    return &chunks_[chunk]->records[object % kChunk];
  }
  // Announces that a record is in use, and that it is done with. `found` is what Find answered.
  ObjectRecord& Begin(uint64_t object, ObjectRecord* found) {
    ObjectRecord& record = found != nullptr ? *found : (*this)[object];
    record.state = ObjectRecord::State::kPending;
    ++chunks_[object / kChunk]->in_use;
    return record;
  }
  void End(uint64_t object) {
    const uint64_t chunk = object / kChunk;
    CHECK(chunk < chunks_.size() && chunks_[chunk] != nullptr);
    chunks_[chunk]->records[object % kChunk] = ObjectRecord();
    CHECK_GT(chunks_[chunk]->in_use, 0u);
    if (--chunks_[chunk]->in_use == 0) spare_.push_back(std::move(chunks_[chunk]));
  }

 private:
  static constexpr uint64_t kChunk = 1024;
  struct Chunk {
    std::array<ObjectRecord, kChunk> records;
    uint64_t in_use = 0;
  };

  void AddChunk(uint64_t chunk) {
    if (spare_.empty()) {
      chunks_[chunk] = std::make_unique<Chunk>();
    } else {
      chunks_[chunk] = std::move(spare_.back());
      spare_.pop_back();
    }
  }

  std::vector<std::unique_ptr<Chunk>> chunks_;
  std::vector<std::unique_ptr<Chunk>> spare_;
};

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_OBJECT_TABLE_H_
