// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// What the patches of 2010 promised, in numbers: claims_2010.golden, which
// docs/results/slubq_2010.md quotes.

#include <string>
#include <string_view>
#include <vector>

#include "fmt/format.h"
#include "gtest/gtest.h"
#include "sim/machine.h"
#include "tests/allocators/allocator_machine.h"
#include "tests/allocators/golden_file.h"
#include "tests/test_files.h"

namespace slablab {
namespace {

constexpr char kGolden[] = "tests/allocators/slub_2010/claims_2010.golden";

// A booted model on `cpus` CPUs of each of so many nodes.
class Bench : public AllocatorMachine {
 public:
  Bench(std::string_view name, int cpus, const AllocatorOptions& options = {}, int nodes = 2)
      : AllocatorMachine(
            name,
            ReferenceMachine(
                {.cpus = nodes * cpus, .nodes = nodes, .cpus_per_node = cpus, .mib_per_node = 256}),
            options) {}
  CacheId MakeCache(uint32_t size) {
    return Create({.name = "x", .object_size = size, .no_merge = true}).value();
  }
};

// --- kmem_cache in the image, or from a cache of its own. ---

std::string Descriptors() {
  std::string table =
      "# Memory of struct kmem_cache for kmalloc's caches, by how many nodes there can be: in the\n"
      "# kernel's image, dimensioned for 1,024; or from a cache of their own (its slabs), with "
      "the\n"
      "# share of the first.\n";
  table +=
      fmt::format("{:>8}{:>16}{:>16}{:>9}\n", "nodes", "static bytes", "dynamic bytes", "share");
  for (int nodes = 1; nodes <= 1024; nodes *= 2) {
    uint64_t bytes[2] = {};
    for (const bool dynamic : {false, true}) {
      Bench b("slub-2010", 1, {.boot = dynamic ? "dynamic" : "static", .possible_nodes = nodes},
              /*nodes=*/1);
      bytes[dynamic] =
          dynamic ? b.allocator().FootprintOf(b.allocator().FindCache("kmem_cache")).slab_bytes
                  : b.allocator().TotalFootprint().metadata_bytes;
    }
    const uint64_t share = (bytes[1] * 1000 + bytes[0] / 2) / bytes[0];
    table += fmt::format("{:>8}{:>16}{:>16}{:>8}%\n", nodes, bytes[0], bytes[1],
                         fmt::format("{}.{}", share / 10, share % 10));
  }
  return table;
}

// --- Objects that nobody has in a cache. ---

// Counts what misses the L2 in objects of one cache, and everywhere.
class ObjectMisses : public TouchObserver {
 public:
  ObjectMisses(const Allocator& model, CacheId cache)
      : model_(model), cache_(cache), layout_(model.Layout(cache)) {}
  void OnTouch(const Cpu&, Place place, Access, Outcome outcome) override {
    if (outcome == Outcome::kL1 || outcome == Outcome::kL2) return;
    ++all;
    const Allocator::Location location = model_.Locate(place.address);
    if (location.cache != cache_) return;
    const uint64_t end = uint64_t{layout_.objects_per_slab} * layout_.slab_size;
    if (place.address - location.slab < end) ++objects;
  }
  uint64_t objects = 0;
  uint64_t all = 0;

 private:
  const Allocator& model_;
  const CacheId cache_;
  const CacheLayout layout_;
};

std::string PerOperation(uint64_t count, uint64_t operations) {
  const uint64_t thousandths = (count * 1000 + operations / 2) / operations;
  return fmt::format("{}.{:03}", thousandths / 1000, thousandths % 1000);
}

struct Phase {
  uint64_t object_misses = 0;
  uint64_t misses = 0;
  Cycles cycles = 0;
};

// Buffers that a device fills: CPU 0 allocates as many as no cache can hold, another CPU frees
// them, and neither looks into them. Twice; of the second time the figures.
std::string ColdBuffers() {
  constexpr int kBuffers = 60'000;
  std::string table =
      "# Producer and consumer of cold buffers: one CPU allocates 60,000 objects of 512 bytes,\n"
      "# another frees them, and nobody touches them in between. Of an operation: misses of L1 "
      "and\n"
      "# L2 in objects' lines, all of the allocator's misses, cycles.\n";
  table += fmt::format("{:<12}{:<12}{:>12}{:>9}{:>9}{:>13}{:>8}{:>9}\n", "allocator", "consumer",
                       "alloc:object", "misses", "cycles", "free:object", "misses", "cycles");
  for (const std::string_view name :
       {"slab", "slub-6.1", "slub-2010", "slubq-v2", "slubq", "slubq-v4"}) {
    for (const bool remote : {false, true}) {
      Bench b(name, 2);
      const CacheId cache = b.MakeCache(512);
      Phase phases[2];
      std::vector<PhysAddr> objects;
      for (int round = 0; round < 2; ++round) {
        for (const bool frees : {false, true}) {
          ObjectMisses observer(b.allocator(), cache);
          b.Run(frees ? (remote ? 2 : 1) : 0, [&](Cpu& cpu) -> Task<void> {
            cpu.set_observer(&observer);
            const Cycles begin = cpu.now();
            for (int i = 0; i < kBuffers; ++i) {
              if (frees) {
                co_await b.allocator().Free(cpu, cache, objects[static_cast<size_t>(i)]);
              } else {
                const Placement placement =
                    co_await b.allocator().Alloc(cpu, cache, kGfpKernel, kAnyNode);
                objects.push_back(placement.object);
              }
            }
            phases[frees] = {observer.objects, observer.all, cpu.now() - begin};
            cpu.set_observer(nullptr);
          });
        }
        objects.clear();
      }
      const auto column = [&](uint64_t count) { return PerOperation(count, kBuffers); };
      table += fmt::format("{:<12}{:<12}{:>12}{:>9}{:>9}{:>13}{:>8}{:>9}\n", name,
                           remote ? "other node" : "same node", column(phases[0].object_misses),
                           column(phases[0].misses), phases[0].cycles / kBuffers,
                           column(phases[1].object_misses), column(phases[1].misses),
                           phases[1].cycles / kBuffers);
    }
  }
  return table;
}

// --- What the bitmaps take. ---

std::string Bitmaps() {
  std::string table =
      "# Slabs with a list through the objects (slub-2010) and with a bitmap (slubq), on 16 CPUs:\n"
      "# objects of a slab, bytes of bitmap behind them, memory for each object in 1/100 bytes.\n";
  table += fmt::format("{:<14}{:>7}{:>9}{:>7}{:>9}{:>8}{:>12}{:>12}\n", "cache", "order", "objects",
                       "order", "objects", "bitmap", "slub-2010", "slubq");
  Bench lists("slub-2010", 8);
  Bench maps("slubq", 8);
  for (const std::string_view name :
       {"kmalloc-8", "kmalloc-16", "kmalloc-32", "kmalloc-64", "kmalloc-96", "kmalloc-128",
        "kmalloc-192", "kmalloc-256", "kmalloc-1024"}) {
    const CacheLayout with_list = lists.allocator().Layout(lists.allocator().FindCache(name));
    const CacheLayout with_map = maps.allocator().Layout(maps.allocator().FindCache(name));
    const auto hundredths = [](const CacheLayout& layout) {
      return (kPageSize << layout.order) * 100 / layout.objects_per_slab;
    };
    const uint32_t objects = with_map.objects_per_slab;
    table += fmt::format("{:<14}{:>7}{:>9}{:>7}{:>9}{:>8}{:>12}{:>12}\n", name, with_list.order,
                         with_list.objects_per_slab, with_map.order, objects,
                         objects > 64 ? (objects + 63) / 64 * 8 : 0, hundredths(with_list),
                         hundredths(with_map));
  }
  return table;
}

// --- gfp_allowed_mask. ---

struct MaskCost {
  uint64_t loads = 0;
  uint64_t lines = 0;
  Cycles warm = 0;
  Cycles cold = 0;
};

MaskCost CostOf(std::string_view name, std::string_view quirk) {
  constexpr int kPairs = 1000;
  AllocatorOptions options;
  if (!quirk.empty()) options.quirks = {std::string(quirk)};
  Bench b(name, 2, options);
  const CacheId cache = b.MakeCache(256);
  // A user's data that push everything out of L1, as between two system calls.
  const PhysAddr swept = b.machine().boot_memory().Allocate(64 << 10, kLineSize, NodeId(0));
  MaskCost cost;
  b.Run(0, [&](Cpu& cpu) -> Task<void> {
    for (const bool cold : {false, true}) {
      Cycles cycles = 0;
      for (int i = 0; i < kPairs; ++i) {
        if (cold) cpu.TouchRange({swept, Structure::kObject}, 64 << 10, Access::kRead);
        const Cycles begin = cpu.now();
        cpu.CountTouches();
        const Placement placement = co_await b.allocator().Alloc(cpu, cache, kGfpKernel, kAnyNode);
        cost.loads = cpu.counts().loads;
        if (i > 0) cycles += cpu.now() - begin;
        co_await b.allocator().Free(cpu, cache, placement.object);
      }
      (cold ? cost.cold : cost.warm) = cycles / (kPairs - 1);
    }
  });
  return cost;
}

std::string Mask() {
  std::string table =
      "# gfp_allowed_mask read by each allocation, and only by slow ones: loads of an allocation\n"
      "# from the CPU's own; its cycles, warm and after 64 KiB of a user's data.\n";
  table += fmt::format("{:<12}{:>11}{:>7}{:>7}{:>7}{:>12}{:>7}{:>7}\n", "allocator", "hot: loads",
                       "warm", "swept", "", "slow: loads", "warm", "swept");
  struct Row {
    std::string_view name;
    std::string_view hot;
    std::string_view slow;
  };
  for (const Row& row :
       {Row{"slub-2010", "", "gfp-mask-in-slow-path"}, Row{"slubq-v2", "gfp-mask-in-hot-path", ""},
        Row{"slubq", "gfp-mask-in-hot-path", ""}, Row{"slubq-v4", "gfp-mask-in-hot-path", ""}}) {
    const MaskCost hot = CostOf(row.name, row.hot);
    const MaskCost slow = CostOf(row.name, row.slow);
    table += fmt::format("{:<12}{:>11}{:>7}{:>7}{:>7}{:>12}{:>7}{:>7}\n", row.name, hot.loads,
                         hot.warm, hot.cold, "", slow.loads, slow.warm, slow.cold);
  }
  return table;
}

std::string Report() {
  return Descriptors() + "\n" + ColdBuffers() + "\n" + Bitmaps() + "\n" + Mask();
}

TEST(Claims2010Test, TheNumbersAreThoseOfTheGoldenFile) { EXPECT_EQ(Report(), Contents(kGolden)); }

// What the series says of cold objects, whatever the numbers.
TEST(Claims2010Test, QueuesLeaveColdObjectsAlone) {
  const std::string table = ColdBuffers();
  for (const std::string_view name : {"slubq-v2 ", "slubq ", "slubq-v4 "}) {
    for (const std::string_view consumer : {"same node", "other node"}) {
      const std::string row =
          fmt::format("{:<12}{:<12}", name.substr(0, name.size() - 1), consumer);
      const size_t at = table.find(row);
      ASSERT_NE(at, std::string::npos);
      EXPECT_NE(table.substr(at, 40).find("0.000"), std::string::npos) << row;
    }
  }
}

}  // namespace
}  // namespace slablab

int main(int argc, char** argv) { return slablab::GoldenMain(argc, argv, slablab::Report); }
