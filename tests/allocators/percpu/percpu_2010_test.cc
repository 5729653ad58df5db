// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// The percpu allocator of 2010, and early allocation in both eras.

#include "allocators/percpu/percpu_2010.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "allocators/percpu/registry.h"
#include "allocators/registry.h"
#include "base/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sim/machine.h"
#include "tests/sim/pages/faulty_page_allocator.h"
#include "workloads/percpu_auditor.h"

namespace slablab {
namespace {

using ::testing::HasSubstr;

class AreasOnMachine {
 public:
  struct Options {
    std::string name = "percpu-2010";
    int cpus = 2;
    std::optional<PercpuSetup> setup = {};
    std::vector<std::string> quirks = {};
  };
  explicit AreasOnMachine(const Options& options)
      : machine_(ReferenceMachine(
            {.cpus = options.cpus, .nodes = 1, .cpus_per_node = options.cpus, .mib_per_node = 64})),
        areas_(MakePercpuAreas(machine_, {.name = options.name,
                                          .quirks = options.quirks,
                                          .setup = options.setup,
                                          .balance_at_once = false})
                   .value()) {}
  PercpuAreas& areas() { return *areas_; }
  Machine& machine() { return machine_; }
  PercpuArea Alloc(uint32_t bytes, uint32_t align = 4) {
    return Alloc(PercpuRequest{.bytes = bytes, .align = align});
  }
  PercpuArea Alloc(const PercpuRequest& request) {
    PercpuArea area;
    machine_.scheduler().RunOn(
        CpuId(0), [&](Cpu& cpu) -> Task<void> { area = co_await areas_->Alloc(cpu, request); });
    return area;
  }
  void Free(PercpuArea area) {
    machine_.scheduler().RunOn(CpuId(0), [&](Cpu& cpu) { return areas_->Free(cpu, area); });
  }
  void Balance() {
    machine_.scheduler().RunOn(CpuId(0), [&](Cpu& cpu) { return areas_->Balance(cpu); });
  }
  uint64_t free_bytes_of(int32_t chunk) const {
    for (const PercpuChunkFigures& figures : areas_->Figures().chunks) {
      if (figures.chunk == chunk) return figures.free_bytes;
    }
    return 0;
  }

 private:
  Machine machine_;
  std::unique_ptr<PercpuAreas> areas_;
};

// A small first chunk, so that there soon are several.
PercpuSetup SmallSetup() {
  PercpuSetup setup;
  setup.static_bytes = 3000;
  setup.reserved_bytes = 0;
  setup.dynamic_bytes = kPercpuEarlyBytes;
  setup.atom_bytes = kPageSize;
  setup.unit_bytes_min = kPercpuUnitBytesMin2010;
  return setup;
}

// Areas by where they begin, each with the scraps of less than an int that alignment left before or
// behind it. First fit, by looking at every byte there is.
class NaiveFirstFit {
 public:
  NaiveFirstFit(int64_t begin, int64_t end) : begin_(begin), end_(end) {}
  int64_t FirstFit(int64_t bytes, int64_t align) const {
    int64_t from = begin_;
    const auto fits = [&](int64_t until) {
      const int64_t at = (from + align - 1) / align * align;
      return at + bytes <= until ? at : int64_t{-1};
    };
    for (const auto& [at, length] : areas_) {
      if (const int64_t found = fits(at); found >= 0) return found;
      from = at + length;
    }
    return fits(end_);
  }
  void Add(int64_t at, int64_t bytes) {
    const auto behind = areas_.upper_bound(at);
    const int64_t next = behind == areas_.end() ? end_ : behind->first;
    const int64_t tail = next - at - bytes;
    if (behind != areas_.begin()) {
      auto& [before, length] = *std::prev(behind);
      if (at - before - length < 4) length = at - before;
    }
    areas_[at] = bytes + (tail < 4 ? tail : 0);
  }
  void Remove(int64_t at) { areas_.erase(at); }
  int64_t FreeBytes() const {
    int64_t bytes = end_ - begin_;
    for (const auto& [at, length] : areas_) bytes -= length;
    return bytes;
  }

 private:
  const int64_t begin_, end_;
  std::map<int64_t, int64_t> areas_;  // length by beginning
};

// Each area is where first fit puts it in its chunk, a chunk is made only if none had room, and
// what is free is counted right.
TEST(Percpu2010Test, AgreesWithANaiveFirstFitMap) {
  constexpr uint32_t kSizes[] = {1, 2, 3, 4, 5, 8, 13, 24, 64, 100, 136, 256, 1000, 5000, 30000};
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    AreasOnMachine on(
        {.name = seed % 2 == 0 ? "percpu-2010" : "percpu-2010-km", .setup = SmallSetup()});
    PercpuAuditor auditor(on.areas());
    Random random(seed);
    std::map<int32_t, NaiveFirstFit> chunks;
    const uint64_t hidden = SmallSetup().static_bytes;
    chunks.emplace(0, NaiveFirstFit(static_cast<int64_t>(hidden),
                                    static_cast<int64_t>(on.areas().layout().first_bytes())));
    std::vector<PercpuArea> live;
    for (int step = 0; step < 4000; ++step) {
      const bool grows = live.empty() || random.Chance(step / 500 % 2 == 0 ? 6 : 4, 10);
      if (!grows) {
        const size_t index = random.Below(live.size());
        const PercpuArea area = live[index];
        live.erase(live.begin() + static_cast<ptrdiff_t>(index));
        auditor.OnFree(area);
        on.Free(area);
        chunks.at(area.chunk).Remove(area.offset);
        ASSERT_EQ(on.free_bytes_of(area.chunk),
                  static_cast<uint64_t>(chunks.at(area.chunk).FreeBytes()));
        continue;
      }
      const PercpuRequest request = {.bytes = kSizes[random.Below(std::size(kSizes))],
                                     .align = 1u << random.Below(random.Chance(1, 10) ? 13 : 5)};
      const PercpuArea area = on.Alloc(request);
      ASSERT_FALSE(area.is_null());
      auditor.OnAlloc(request, area);
      if (!chunks.contains(area.chunk)) {
        for (const auto& [id, chunk] : chunks) {
          ASSERT_EQ(chunk.FirstFit(request.bytes, request.align), -1) << id;
        }
        chunks.emplace(area.chunk,
                       NaiveFirstFit(0, static_cast<int64_t>(on.areas().layout().unit_bytes)));
      }
      NaiveFirstFit& chunk = chunks.at(area.chunk);
      ASSERT_EQ(chunk.FirstFit(request.bytes, request.align), area.offset);
      chunk.Add(area.offset, area.bytes);
      ASSERT_EQ(on.free_bytes_of(area.chunk), static_cast<uint64_t>(chunk.FreeBytes()));
      live.push_back(area);
      if (step % 64 == 0) on.areas().CheckInvariants();
    }
    EXPECT_GT(chunks.size(), 2u);
    for (const PercpuArea area : live) {
      auditor.OnFree(area);
      on.Free(area);
    }
    on.Balance();
    on.areas().CheckInvariants();
    auditor.CheckBytes();
    EXPECT_EQ(auditor.violations(), 0u) << auditor.first_violation();
    EXPECT_EQ(on.areas().Figures().nr_chunks, 2u);
  }
}

// By what is free in all, not by the longest run: a chunk with much free, all in small holes, is
// searched after one with little.
TEST(Percpu2010Test, FullerChunksAreSearchedFirst) {
  AreasOnMachine on({.setup = SmallSetup()});
  ASSERT_EQ(on.Alloc(static_cast<uint32_t>(on.areas().layout().dynamic_bytes)).chunk, 0);
  std::vector<PercpuArea> holes;
  for (int i = 0; i < 64; ++i) holes.push_back(on.Alloc(1024));
  const int32_t holey = holes[0].chunk;
  for (size_t i = 0; i < holes.size(); i += 2) on.Free(holes[i]);
  const PercpuArea fuller = on.Alloc(60 << 10);
  ASSERT_NE(fuller.chunk, holey);
  ASSERT_LT(on.free_bytes_of(fuller.chunk), on.free_bytes_of(holey));
  // 6.1 would go by the runs: 1 KiB in the first, 4 KiB in the second.
  EXPECT_EQ(on.Alloc(512).chunk, fuller.chunk);
  on.areas().CheckInvariants();
}

TEST(Percpu2010Test, PagesStayUntilASurplusChunkIsDestroyed) {
  AreasOnMachine on({.setup = SmallSetup()});
  on.Alloc(static_cast<uint32_t>(on.areas().layout().dynamic_bytes));
  std::vector<PercpuArea> areas;
  for (int i = 0; i < 8; ++i) areas.push_back(on.Alloc(32 << 10));
  const uint64_t populated = on.areas().usage().populated_bytes;
  EXPECT_EQ(populated, 4u * 2 * (64 << 10));
  for (size_t i = 1; i < areas.size(); i += 2) on.Free(areas[i]);
  EXPECT_FALSE(on.areas().balance_due());
  on.Balance();
  EXPECT_EQ(on.areas().usage().populated_bytes, populated);
  for (size_t i = 0; i < areas.size(); i += 2) on.Free(areas[i]);
  EXPECT_TRUE(on.areas().balance_due());
  on.Balance();
  EXPECT_EQ(on.areas().usage().populated_bytes, populated / 4);
  EXPECT_EQ(on.areas().Figures().nr_chunks, 2u);
  on.areas().CheckInvariants();
}

TEST(Percpu2010Test, WhatTheKernelCallsIllegalIsRefused) {
  AreasOnMachine on({});
  EXPECT_TRUE(on.Alloc(0).is_null());
  EXPECT_TRUE(on.Alloc((64 << 10) + 1).is_null());
  EXPECT_TRUE(on.Alloc(8, 8192).is_null());
  EXPECT_TRUE(on.Alloc({.bytes = 8, .align = 8, .gfp = kGfpAtomic}).is_null());
  EXPECT_FALSE(on.Alloc(64 << 10, 4096).is_null());
}

TEST(Percpu2010Test, ReservedRequestsHaveTheirPart) {
  AreasOnMachine on({});
  const PercpuArea module = on.Alloc({.bytes = 6000, .align = 64, .reserved = true});
  EXPECT_FALSE(module.is_null());
  EXPECT_TRUE(on.Alloc({.bytes = 6000, .align = 64, .reserved = true}).is_null());
  EXPECT_NE(on.Alloc(6000).chunk, module.chunk);
  on.Free(module);
  EXPECT_FALSE(on.Alloc({.bytes = 6000, .align = 64, .reserved = true}).is_null());
  on.areas().CheckInvariants();
}

// --- Kernel memory. ---

TEST(PercpuKmTest, ClearingIsAQuirk) {
  const auto uncleared = [](const std::string& name, const std::vector<std::string>& quirks) {
    AreasOnMachine on({.name = name, .quirks = quirks});
    on.Alloc(64);
    return on.areas().usage().uncleared_areas;
  };
  EXPECT_EQ(uncleared("percpu-km", {}), 0u);
  EXPECT_EQ(uncleared("percpu-km", {"unzeroed-km"}), 1u);
  EXPECT_EQ(uncleared("percpu-2010-km", {}), 1u);
  EXPECT_EQ(uncleared("percpu-2010-km", {"zeroed-km"}), 0u);
  EXPECT_EQ(uncleared("percpu-2010", {}), 0u);
}

TEST(PercpuKmTest, WastedPagesAreThoseOfTheRounding) {
  // 2.6.36: 192 KiB a CPU; three are 144 pages of a block of 256.
  AreasOnMachine on({.name = "percpu-2010-km", .cpus = 3});
  EXPECT_EQ(on.areas().layout().unit_bytes, 48 * kPageSize);
  EXPECT_EQ(on.areas().usage().km_wasted_pages, 256u - 144u);
  while (on.Alloc(64 << 10).chunk == 0) {
  }
  EXPECT_EQ(on.areas().usage().rounding_bytes, 112 * kPageSize);
}

// --- Before there is a slab allocator. ---

TEST(EarlyPercpuTest, TheFirstChunkServesWhatSlabCachesNeed) {
  for (const std::string name : {"percpu", "percpu-2010", "percpu-km", "percpu-2010-km"}) {
    AreasOnMachine on({.name = name});
    on.areas().set_slab_is_available(false);
    uint32_t bytes = 0;
    while (true) {
      const PercpuArea area = on.Alloc(256);
      if (area.is_null()) break;
      ASSERT_EQ(area.chunk, 0);
      bytes += area.bytes;
    }
    // In 2010 it was as many as the array has entries for, two of them being those of the hidden
    // and the free part.
    EXPECT_GE(bytes, kPercpuEarlyBytes) << name;
    EXPECT_EQ(on.areas().Figures().nr_chunks, 1u);
    on.areas().set_slab_is_available(true);
    EXPECT_FALSE(on.Alloc(32 << 10).is_null());
    on.areas().CheckInvariants();
  }
}

TEST(EarlyPercpuTest, TheArrayHasSlotsForSoMany) {
  AreasOnMachine on({});
  on.areas().set_slab_is_available(false);
  uint32_t areas = 0;
  while (!on.Alloc(16, 16).is_null()) ++areas;
  // Alignment may need an entry before the first.
  EXPECT_GE(areas, kPercpuEarlySlots - 4);
  EXPECT_LE(areas, kPercpuEarlySlots - 2);
  on.areas().set_slab_is_available(true);
  EXPECT_EQ(on.Alloc(16, 16).chunk, 0);
}

// What it was before the patch: two entries and a signed size, so that nothing can be had early.
TEST(EarlyPercpuTest, BeforeEarlyAllocationNothingIsToBeHad) {
  const auto with = [](const std::string& quirk) {
    auto on = std::make_unique<AreasOnMachine>(AreasOnMachine::Options{.quirks = {quirk}});
    on->areas().set_slab_is_available(false);
    EXPECT_TRUE(on->Alloc(8).is_null());
    on->areas().set_slab_is_available(true);
    EXPECT_FALSE(on->Alloc(8).is_null());
    return on;
  };
  EXPECT_GE(with("signed-dyn-size")->areas().layout().dynamic_bytes, 20u << 10);
  // 166,760 bytes static and 8 KiB reserved leave 1,176 of the last page.
  EXPECT_EQ(with("dyn-size-auto")->areas().layout().dynamic_bytes, 1176u);
  const auto none = with("dyn-size-none");
  EXPECT_EQ(none->areas().layout().dynamic_bytes, 0u);
  EXPECT_EQ(none->areas().Figures().nr_chunks, 2u);
}

absl::Status BootStatus(const std::string& allocator, const AllocatorOptions& options, int cpus) {
  Machine machine(
      ReferenceMachine({.cpus = cpus, .nodes = 1, .cpus_per_node = cpus, .mib_per_node = 1024}));
  const absl::StatusOr<std::unique_ptr<Allocator>> made =
      MakeAllocator(allocator, machine, options);
  if (!made.ok()) return made.status();
  machine.scheduler().RunOn(CpuId(0), [&](Cpu& cpu) { return (*made)->Boot(cpu); });
  return (*made)->boot_status();
}

TEST(EarlyPercpuTest, SlabAllocatorsBootOnIt) {
  for (const std::string allocator : {"slub-6.1", "slab", "slub-2010", "slubq-v4"}) {
    for (const std::string percpu : {"percpu", "percpu-2010", "percpu-km", "percpu-2010-km"}) {
      EXPECT_TRUE(BootStatus(allocator, {.percpu = percpu}, 2).ok()) << allocator << percpu;
    }
  }
  EXPECT_THAT(
      std::string(
          BootStatus("slub-2010", {.percpu = "percpu-2010", .percpu_quirks = {"dyn-size-auto"}}, 2)
              .message()),
      HasSubstr("before early allocation"));
}

// Queues of 50 objects for each kmalloc cache are more than early allocation has room for.
TEST(EarlyPercpuTest, AKernelThatCannotBootSaysWhy) {
  EXPECT_THAT(std::string(BootStatus("slubq", {.percpu = "percpu-2010"}, 2).message()),
              HasSubstr("the first chunk is full"));
  // SLAB's arrays, on 32 bits with many CPUs.
  EXPECT_THAT(std::string(BootStatus("slab", {.percpu_quirks = {"32-bit"}}, 600).message()),
              HasSubstr("vmalloc space has no room"));
  EXPECT_TRUE(BootStatus("slab", {.percpu_quirks = {"32-bit"}}, 64).ok());
}

// --- For want of pages. ---

// Of an area over two ranges of pages the second cannot be had: the first is given back too.
TEST(Percpu2010Test, AFailedPopulationLeavesNothingBehind) {
  AreasOnMachine on({.setup = SmallSetup()});
  on.Alloc(static_cast<uint32_t>(on.areas().layout().dynamic_bytes));
  const PercpuArea begin = on.Alloc(64);
  on.Alloc(4096, 4096);  // page 1
  FaultyPageAllocator faulty(on.machine().pages(), {});
  on.machine().set_pages(&faulty);
  // Pages 2, 3 and 4; 3 is there already.
  const PercpuArea third = on.Alloc(2 * 4096, 4096);
  const PercpuArea middle = on.Alloc(4096, 4096);
  on.Free(third);
  on.Free(middle);
  const uint64_t before = on.areas().usage().populated_bytes;
  for (uint64_t nth = 1; nth <= 8; ++nth) {
    faulty.set_faults({.fail_call = faulty.calls() + nth});
    const PercpuArea area = on.Alloc(40 << 10, 4096);
    EXPECT_TRUE(area.is_null()) << nth;
    EXPECT_EQ(on.areas().usage().populated_bytes, before);
    on.areas().CheckInvariants();
  }
  faulty.set_faults({});
  EXPECT_EQ(on.Alloc(40 << 10, 4096).chunk, begin.chunk);
}

}  // namespace
}  // namespace slablab
