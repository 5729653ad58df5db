// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>

#include "allocators/percpu/backend.h"
#include "base/check.h"
#include "sim/pages/page_allocator.h"

// Not modelled: page tables, and the flushing of TLBs and caches after mapping and unmapping.

namespace slablab {
namespace {

// The address space that chunks' units are placed in (mm/vmalloc.c, pcpu_get_vm_areas): all groups
// of a chunk at the distances that the first chunk's have, as high as they fit. Others that use
// vmalloc space are not there.
class AddressSpace {
 public:
  AddressSpace(const PercpuLayout& layout, uint64_t bytes)
      : layout_(layout), end_(bytes / layout.atom_bytes * layout.atom_bytes) {
    // A first chunk that is mapped page by page lies here too.
    uint64_t base = 0;
    if (!layout.is_embedded) Take(&base);
  }

  // Answers false if there is no room.
  bool Take(uint64_t* base) {
    const uint64_t span = layout_.span_bytes();
    if (span > end_) return false;
    uint64_t at = end_ - span;
    for (;;) {
      const Interval* obstacle = nullptr;
      uint64_t obstructed_end = 0;
      for (const PercpuGroup& group : layout_.groups) {
        const uint64_t bytes = static_cast<uint64_t>(group.units) * layout_.unit_bytes;
        const Interval wanted = {at + group.base_offset, at + group.base_offset + bytes};
        obstacle = FindOverlap(wanted);
        obstructed_end = group.base_offset + bytes;
        if (obstacle != nullptr) break;
      }
      if (obstacle == nullptr) break;
      if (obstacle->begin < obstructed_end) return false;
      at = (obstacle->begin - obstructed_end) / layout_.atom_bytes * layout_.atom_bytes;
    }
    for (const PercpuGroup& group : layout_.groups) {
      const uint64_t begin = at + group.base_offset;
      const Interval taken = {begin,
                              begin + static_cast<uint64_t>(group.units) * layout_.unit_bytes};
      taken_.insert(std::lower_bound(taken_.begin(), taken_.end(), taken, Before), taken);
    }
    *base = at;
    return true;
  }
  void Give(uint64_t base) {
    for (const PercpuGroup& group : layout_.groups) {
      const Interval wanted = {base + group.base_offset, 0};
      const auto found = std::lower_bound(taken_.begin(), taken_.end(), wanted, Before);
      CHECK(found != taken_.end() && found->begin == wanted.begin);
      taken_.erase(found);
    }
  }

 private:
  struct Interval {
    uint64_t begin = 0;
    uint64_t end = 0;
  };
  static bool Before(const Interval& a, const Interval& b) { return a.begin < b.begin; }
  // The highest that overlaps.
  const Interval* FindOverlap(const Interval& wanted) const {
    for (auto taken = taken_.rbegin(); taken != taken_.rend(); ++taken) {
      if (taken->begin < wanted.end && wanted.begin < taken->end) return &*taken;
    }
    return nullptr;
  }

  const PercpuLayout& layout_;
  const uint64_t end_;
  std::vector<Interval> taken_;  // ascending
};

class PercpuVm : public PercpuBackend {
 public:
  PercpuVm(Machine& machine, const PercpuLayout& layout, uint64_t vmalloc_bytes, PercpuUsage& usage)
      : machine_(machine), layout_(layout), usage_(usage), space_(layout, vmalloc_bytes) {}

  bool populates_on_demand() const override { return true; }

  Task<bool> Create(Cpu&, PercpuMemory& memory, Gfp) override {
    if (!space_.Take(&memory.base)) {
      ++usage_.address_failures;
      co_return false;
    }
    usage_.address_bytes += AddressBytes();
    co_return true;
  }

  Task<void> Destroy(Cpu&, PercpuMemory& memory) override {
    space_.Give(memory.base);
    usage_.address_bytes -= AddressBytes();
    co_return;
  }

  // pcpu_alloc_pages(), pcpu_map_pages().
  Task<bool> Populate(Cpu& cpu, PercpuMemory& memory, PageRange range, Gfp gfp) override {
    for (int i = 0; i < layout_.possible_cpus(); ++i) {
      const NodeId node = layout_.node_of_cpu[static_cast<size_t>(i)];
      for (int page = range.first; page < range.end; ++page) {
        const PageRequest request{.order = 0, .node = node, .gfp = gfp};
        const PhysAddr block = co_await machine_.pages().Alloc(cpu, request);
        if (block.is_null()) {
          ++usage_.page_failures;
          co_await Undo(cpu, memory, range, i, page);
          co_return false;
        }
        memory.pages[IndexOf(i, page)] = block;
      }
    }
    for (int i = 0; i < layout_.possible_cpus(); ++i) {
      for (int page = range.first; page < range.end; ++page) {
        // pcpu_set_page_chunk(): how a free finds the chunk.
        const PhysAddr block = memory.pages[IndexOf(i, page)];
        cpu.Touch({machine_.PageStruct(block.frame()), Structure::kPageAllocator}, Access::kWrite);
      }
    }
    usage_.populated_bytes += RangeBytes(range);
    co_return true;
  }

  // pcpu_unmap_pages(), pcpu_free_pages().
  Task<void> Depopulate(Cpu& cpu, PercpuMemory& memory, PageRange range) override {
    for (int i = 0; i < layout_.possible_cpus(); ++i) {
      for (int page = range.first; page < range.end; ++page) {
        co_await Release(cpu, memory, i, page);
      }
    }
    usage_.populated_bytes -= RangeBytes(range);
  }

 private:
  size_t IndexOf(int cpu, int page) const {
    return static_cast<size_t>(cpu) * static_cast<size_t>(layout_.unit_pages()) +
           static_cast<size_t>(page);
  }
  uint64_t AddressBytes() const {
    return static_cast<uint64_t>(layout_.units()) * layout_.unit_bytes;
  }
  uint64_t RangeBytes(PageRange range) const {
    return static_cast<uint64_t>(range.end - range.first) *
           static_cast<uint64_t>(layout_.possible_cpus()) * kPageSize;
  }
  Task<void> Release(Cpu& cpu, PercpuMemory& memory, int owner, int page) {
    PhysAddr& held = memory.pages[IndexOf(owner, page)];
    const PhysAddr block = held;
    held = PhysAddr();
    co_await machine_.pages().Free(cpu, block, 0);
  }
  // The pages of the CPU that could not be served, last first, then those of the CPUs before it.
  Task<void> Undo(Cpu& cpu, PercpuMemory& memory, PageRange range, int failed_cpu,
                  int failed_page) {
    for (int page = failed_page - 1; page >= range.first; --page) {
      co_await Release(cpu, memory, failed_cpu, page);
    }
    for (int i = 0; i < failed_cpu; ++i) {
      for (int page = range.first; page < range.end; ++page) {
        co_await Release(cpu, memory, i, page);
      }
    }
  }

  Machine& machine_;
  const PercpuLayout& layout_;
  PercpuUsage& usage_;
  AddressSpace space_;
};

}  // namespace

std::unique_ptr<PercpuBackend> MakePercpuVm(Machine& machine, const PercpuLayout& layout,
                                            uint64_t vmalloc_bytes, PercpuUsage& usage) {
  return std::make_unique<PercpuVm>(machine, layout, vmalloc_bytes, usage);
}

}  // namespace slablab
