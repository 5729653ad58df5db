// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <bit>

#include "absl/status/status.h"
#include "allocators/percpu/backend.h"
#include "fmt/format.h"
#include "sim/pages/page_allocator.h"

namespace slablab {
namespace {

uint64_t ChunkPages(const PercpuLayout& layout) {
  return static_cast<uint64_t>(layout.units()) * layout.unit_bytes >> kPageShift;
}

class PercpuKm : public PercpuBackend {
 public:
  PercpuKm(Machine& machine, const PercpuLayout& layout, PercpuUsage& usage)
      : machine_(machine),
        layout_(layout),
        usage_(usage),
        order_(std::bit_width(ChunkPages(layout) - 1)) {
    usage_.km_wasted_pages = PercpuKmWastedPages(layout);
  }

  bool populates_on_demand() const override { return false; }

  Task<bool> Create(Cpu& cpu, PercpuMemory& memory, Gfp gfp) override {
    memory.block = PhysAddr();
    if (order_ <= kMaxPageOrder) {
      const PageRequest request{.order = order_, .node = kAnyNode, .gfp = gfp};
      memory.block = co_await machine_.pages().Alloc(cpu, request);
    }
    if (memory.block.is_null()) {
      ++usage_.page_failures;
      co_return false;
    }
    const auto unit_pages = static_cast<size_t>(layout_.unit_pages());
    for (size_t i = 0; i < layout_.unit_of_cpu.size(); ++i) {
      const uint64_t unit = static_cast<uint64_t>(layout_.unit_of_cpu[i]) * layout_.unit_bytes;
      for (size_t page = 0; page < unit_pages; ++page) {
        memory.pages[i * unit_pages + page] = memory.block + unit + page * kPageSize;
      }
    }
    // pcpu_set_page_chunk() on every page.
    const uint64_t frame = memory.block.frame();
    for (uint64_t page = 0; page < ChunkPages(layout_); ++page) {
      cpu.Touch({machine_.PageStruct(frame + page), Structure::kPageAllocator}, Access::kWrite);
    }
    usage_.populated_bytes += ChunkPages(layout_) * kPageSize;
    usage_.rounding_bytes += PercpuKmWastedPages(layout_) * kPageSize;
    co_return true;
  }

  Task<void> Destroy(Cpu& cpu, PercpuMemory& memory) override {
    usage_.populated_bytes -= ChunkPages(layout_) * kPageSize;
    usage_.rounding_bytes -= PercpuKmWastedPages(layout_) * kPageSize;
    co_await machine_.pages().Free(cpu, memory.block, order_);
  }

  Task<bool> Populate(Cpu&, PercpuMemory&, PageRange, Gfp) override { co_return true; }
  Task<void> Depopulate(Cpu&, PercpuMemory&, PageRange) override { co_return; }

 private:
  Machine& machine_;
  const PercpuLayout& layout_;
  PercpuUsage& usage_;
  const int order_;
};

}  // namespace

absl::Status VerifyPercpuKm(const PercpuLayout& layout) {
  if (layout.groups.size() == 1) return absl::OkStatus();
  return absl::InvalidArgumentError(fmt::format(
      "percpu: can't handle more than one groups: this machine has {}, one for the CPUs "
      "of each node",
      layout.groups.size()));
}

uint64_t PercpuKmWastedPages(const PercpuLayout& layout) {
  return std::bit_ceil(ChunkPages(layout)) - ChunkPages(layout);
}

std::unique_ptr<PercpuBackend> MakePercpuKm(Machine& machine, const PercpuLayout& layout,
                                            PercpuUsage& usage) {
  return std::make_unique<PercpuKm>(machine, layout, usage);
}

}  // namespace slablab
