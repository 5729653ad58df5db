// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "allocators/percpu_areas.h"

#include <algorithm>
#include <map>

#include "sim/check.h"
#include "sim/page_allocator.h"

namespace slablab {
namespace {

// Linux 6.1, include/linux/percpu.h: PERCPU_DYNAMIC_RESERVE on 64 bits, PCPU_MIN_UNIT_SIZE and
// PCPU_MIN_ALLOC_SIZE.
constexpr uint32_t kFirstUnitBytes = 28 << 10;
constexpr uint32_t kUnitBytes = 32 << 10;
constexpr uint32_t kGranule = 4;

constexpr uint32_t RoundUp(uint32_t value, uint32_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

class FirstFitPercpuAreas : public PercpuAreas {
 public:
  explicit FirstFitPercpuAreas(Machine& machine)
      : machine_(machine), cpus_(machine.config().possible_cpus) {
    Chunk first;
    first.free = {{0, kFirstUnitBytes}};
    first.unit_bytes = kFirstUnitBytes;
    const uint32_t pages = kFirstUnitBytes / kPageSize;
    first.pages.resize(static_cast<size_t>(cpus_) * pages);
    first.populated.assign(pages, true);
    for (int cpu = 0; cpu < cpus_; ++cpu) {
      const PhysAddr unit =
          machine_.boot_memory().Allocate(kFirstUnitBytes, kPageSize, NodeOf(CpuId(cpu)));
      for (uint32_t page = 0; page < pages; ++page) {
        first.pages[IndexOf(first, cpu, page)] = unit + page * kPageSize;
      }
    }
    held_ = static_cast<uint64_t>(cpus_) * kFirstUnitBytes;
    chunks_.push_back(std::move(first));
  }

  Task<PercpuArea> Alloc(Cpu& cpu, PercpuRequest request) override {
    CHECK_GT(request.bytes, 0u);
    CHECK_LE(request.bytes, kUnitBytes);
    CHECK_LE(request.align, kPageSize);
    const uint32_t bytes = RoundUp(request.bytes, kGranule);
    PercpuArea area = TakeFirstFit(bytes, std::max(request.align, kGranule));
    const bool populated = co_await Populate(cpu, area);
    if (!populated) {
      co_await Free(cpu, area);
      co_return PercpuArea{};
    }
    // pcpu_alloc() clears the copies, one after another.
    for (int each = 0; each < cpus_; ++each) Clear(cpu, area, CpuId(each));
    co_return area;
  }

  Task<void> Free(Cpu& cpu, PercpuArea area) override {
    Chunk& chunk = chunks_[static_cast<size_t>(area.chunk)];
    const auto [at, inserted] = chunk.free.emplace(area.offset, area.bytes);
    CHECK(inserted);
    auto next = std::next(at);
    if (next != chunk.free.end() && at->first + at->second == next->first) {
      at->second += next->second;
      chunk.free.erase(next);
    }
    if (at != chunk.free.begin()) {
      auto previous = std::prev(at);
      if (previous->first + previous->second == at->first) {
        previous->second += at->second;
        chunk.free.erase(at);
      }
    }
    const bool empty = chunk.free.begin()->second == chunk.unit_bytes;
    if (area.chunk != 0 && empty) co_await Depopulate(cpu, area.chunk);
  }

  PhysAddr AddressOn(PercpuArea area, CpuId cpu, uint32_t at) const override {
    const Chunk& chunk = chunks_[static_cast<size_t>(area.chunk)];
    const uint32_t offset = area.offset + at;
    return chunk.pages[IndexOf(chunk, cpu.value(), offset / kPageSize)] + offset % kPageSize;
  }

  uint64_t bytes_held() const override { return held_; }

 private:
  struct Chunk {
    std::map<uint32_t, uint32_t> free;  // offset to bytes; never two that touch
    uint32_t unit_bytes = 0;
    std::vector<PhysAddr> pages;  // by CPU, then page of the unit; null: not populated
    std::vector<bool> populated;  // by page of the unit: for every CPU
  };

  static size_t IndexOf(const Chunk& chunk, int cpu, uint32_t page) {
    return static_cast<size_t>(cpu) * (chunk.unit_bytes / kPageSize) + page;
  }

  // A CPU that is not there counts as on node 0.
  NodeId NodeOf(CpuId cpu) const {
    const auto& places = machine_.config().cpus;
    return cpu.index() < places.size() ? places[cpu.index()].node : NodeId(0);
  }

  PercpuArea TakeFirstFit(uint32_t bytes, uint32_t align) {
    for (size_t i = 0; i < chunks_.size(); ++i) {
      for (auto [offset, length] : chunks_[i].free) {
        const uint32_t start = RoundUp(offset, align);
        if (start + bytes > offset + length) continue;
        std::map<uint32_t, uint32_t>& free = chunks_[i].free;
        free.erase(offset);
        if (start > offset) free.emplace(offset, start - offset);
        if (start + bytes < offset + length) {
          free.emplace(start + bytes, offset + length - start - bytes);
        }
        return {.chunk = static_cast<int32_t>(i), .offset = start, .bytes = bytes};
      }
    }
    Chunk chunk;
    chunk.unit_bytes = kUnitBytes;
    if (bytes < kUnitBytes) chunk.free = {{bytes, kUnitBytes - bytes}};
    chunk.pages.resize(static_cast<size_t>(cpus_) * (kUnitBytes / kPageSize));
    chunk.populated.assign(kUnitBytes / kPageSize, false);
    chunks_.push_back(std::move(chunk));
    return {.chunk = static_cast<int32_t>(chunks_.size() - 1), .offset = 0, .bytes = bytes};
  }

  // pcpu_populate_chunk(): every page under the area, for every possible CPU. Answers false, and
  // keeps what it got for the next try, if a page cannot be had.
  Task<bool> Populate(Cpu& cpu, PercpuArea area) {
    const uint32_t last = (area.offset + area.bytes - 1) / kPageSize;
    for (uint32_t page = area.offset / kPageSize; page <= last; ++page) {
      if (chunks_[static_cast<size_t>(area.chunk)].populated[page]) continue;
      for (int each = 0; each < cpus_; ++each) {
        const size_t index = IndexOf(chunks_[static_cast<size_t>(area.chunk)], each, page);
        if (!chunks_[static_cast<size_t>(area.chunk)].pages[index].is_null()) continue;
        const PageRequest request{.order = 0, .node = NodeOf(CpuId(each)), .gfp = kGfpKernel};
        const PhysAddr block = co_await machine_.pages().Alloc(cpu, request);
        if (block.is_null()) co_return false;
        chunks_[static_cast<size_t>(area.chunk)].pages[index] = block;
        held_ += kPageSize;
      }
      chunks_[static_cast<size_t>(area.chunk)].populated[page] = true;
    }
    co_return true;
  }

  Task<void> Depopulate(Cpu& cpu, int32_t index) {
    std::vector<PhysAddr> pages;
    Chunk& chunk = chunks_[static_cast<size_t>(index)];
    for (PhysAddr& page : chunk.pages) {
      if (!page.is_null()) pages.push_back(page);
      page = PhysAddr();
    }
    chunk.populated.assign(chunk.populated.size(), false);
    for (PhysAddr page : pages) {
      co_await machine_.pages().Free(cpu, page, 0);
      held_ -= kPageSize;
    }
  }

  void Clear(Cpu& cpu, PercpuArea area, CpuId owner) const {
    for (uint32_t at = 0; at < area.bytes;) {
      const PhysAddr address = AddressOn(area, owner, at);
      const uint64_t in_page = kPageSize - address.value() % kPageSize;
      const auto bytes = static_cast<uint32_t>(std::min<uint64_t>(area.bytes - at, in_page));
      cpu.TouchRange({address, Structure::kPerCpuArea}, bytes, Access::kWrite);
      at += bytes;
    }
  }

  Machine& machine_;
  const int cpus_;
  std::vector<Chunk> chunks_;
  uint64_t held_ = 0;
};

}  // namespace

std::unique_ptr<PercpuAreas> MakeFirstFitPercpuAreas(Machine& machine) {
  return std::make_unique<FirstFitPercpuAreas>(machine);
}

}  // namespace slablab
