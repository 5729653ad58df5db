// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "allocators/percpu/core.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "base/check.h"
#include "sim/pages/page_allocator.h"

namespace slablab {
namespace {

constexpr int kLockRank = 5;  // Below the page allocator's and the slab allocators'; none is held.
constexpr int kSlotBaseShift = 5;  // PCPU_SLOT_BASE_SHIFT

}  // namespace

PercpuCore::PercpuCore(Machine& machine, const PercpuLayout& layout,
                       const MakeBackend& make_backend, const PercpuCoreOptions& options)
    : machine_(machine),
      layout_(layout),
      core_options_(options),
      backend_(make_backend(layout_, usage_)),
      lock_(machine.scheduler().AddLockClass("pcpu_lock", kLockRank),
            {machine.boot_memory().Allocate(kLineSize, kLineSize, NodeId(0)), Structure::kLock}),
      mutex_({machine.boot_memory().Allocate(kLineSize, kLineSize, NodeId(0)), Structure::kLock}) {
  totals_.min_alloc_size = layout_.unit_bytes;
}

PhysAddr PercpuCore::AddressOn(PercpuArea area, CpuId cpu, uint32_t at) const {
  const PercpuMemory& memory = MemoryOf(area.chunk);
  const size_t unit_pages = memory.pages.size() / layout_.unit_of_cpu.size();
  const uint64_t offset = uint64_t{area.offset} + at;
  const PhysAddr page = memory.pages[cpu.index() * unit_pages + offset / kPageSize];
  CHECK(!page.is_null());
  return page + offset % kPageSize;
}

Task<void> PercpuCore::Lock(Cpu& cpu, Held& held) {
  held.flags = cpu.IrqSave();
  SpinGuard guard = co_await lock_.Acquire(cpu);
  held.guard = std::move(guard);
}

Task<void> PercpuCore::Unlock(Cpu& cpu, Held& held) {
  held.guard.Unlock();
  co_await cpu.IrqRestore(held.flags);
  if (observer_ != nullptr && mutex_.HeldBy(cpu)) co_await observer_->OnUnlocked(cpu);
}

void PercpuCore::Clear(Cpu& cpu, PercpuArea area) {
  if (!core_options_.clears_areas) {
    ++usage_.uncleared_areas;
    return;
  }
  for (int i = 0; i < layout_.possible_cpus(); ++i) {
    for (uint32_t at = 0; at < area.bytes;) {
      const PhysAddr address = AddressOn(area, CpuId(i), at);
      const auto in_page = static_cast<uint32_t>(kPageSize - address.value() % kPageSize);
      const uint32_t bytes = std::min(area.bytes - at, in_page);
      cpu.TouchRange({address, Structure::kPerCpuArea}, bytes, Access::kWrite);
      at += bytes;
    }
  }
}

void PercpuCore::LookUpChunk(Cpu& cpu, PercpuArea area) const {
  const uint64_t frame = AddressOn(area, cpu.id(), 0).frame();
  cpu.Touch({machine_.PageStruct(frame), Structure::kPageAllocator}, Access::kRead);
}

Task<void> PercpuCore::BalanceIfDue(Cpu& cpu) {
  if (core_options_.balance_at_once && balance_due_) co_await Balance(cpu);
}

std::vector<PhysAddr> PercpuCore::TakeFirstUnits() {
  const uint64_t unit_bytes = (layout_.first_bytes() + kPageSize - 1) / kPageSize * kPageSize;
  std::vector<PhysAddr> units;
  for (const NodeId node : layout_.node_of_cpu) {
    units.push_back(machine_.boot_memory().Allocate(unit_bytes, kPageSize, node));
  }
  usage_.first_bytes = layout_.first_bytes() * units.size();
  return units;
}

Task<bool> PercpuCore::TakeMetadata(Cpu& cpu, PercpuMetadata& metadata, uint64_t bytes, Gfp gfp) {
  while (metadata.pages().size() * kPageSize < bytes) {
    const PageRequest request{.order = 0, .node = kAnyNode, .gfp = gfp};
    const PhysAddr page = co_await machine_.pages().Alloc(cpu, request);
    if (page.is_null()) {
      ++usage_.page_failures;
      co_return false;
    }
    metadata.pages().push_back(page);
    usage_.metadata_bytes += kPageSize;
  }
  co_return true;
}

Task<void> PercpuCore::GiveMetadata(Cpu& cpu, PercpuMetadata& metadata) {
  while (!metadata.pages().empty()) {
    const PhysAddr page = metadata.pages().back();
    metadata.pages().pop_back();
    usage_.metadata_bytes -= kPageSize;
    co_await machine_.pages().Free(cpu, page, 0);
  }
}

void PercpuCore::CountChunkCreated(int32_t chunk) {
  ++totals_.nr_chunks;
  totals_.nr_max_chunks = std::max(totals_.nr_max_chunks, totals_.nr_chunks);
  if (observer_ != nullptr) observer_->OnChunkCreated(chunk);
}

void PercpuCore::CountChunkDestroyed(int32_t chunk) {
  --totals_.nr_chunks;
  if (observer_ != nullptr) observer_->OnChunkDestroyed(chunk);
}

int PercpuCore::OrdinarySlot(uint64_t bytes) {
  return std::max(static_cast<int>(std::bit_width(bytes)) - kSlotBaseShift + 2, 1);
}

}  // namespace slablab
