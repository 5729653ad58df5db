// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// What each path of SLAB touches, against slab_touches.golden: a change there is a change to the
// model, and wants a reason. Pages come from an allocator that touches nothing.

#include <fstream>
#include <functional>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "fmt/format.h"
#include "gtest/gtest.h"
#include "tests/allocators/free_pages.h"
#include "tests/allocators/slab_machine.h"

namespace slablab {
namespace {

constexpr char kGolden[] = "tests/allocators/slab_touches.golden";

class LineCounter : public TouchObserver {
 public:
  void OnTouch(const Cpu&, Place place, Access, Outcome) override {
    lines_.insert(place.address.line());
  }
  size_t lines() const { return lines_.size(); }

 private:
  std::set<uint64_t> lines_;
};

// Four CPUs on two nodes, and a cache of four objects a slab, arrays of four and batches of two.
class Bench {
 public:
  explicit Bench(const SlabPolicy& policy, const AllocatorOptions& options = {})
      : m_({.cpus = 4, .nodes = 2, .policy = &policy, .allocator = options}), pages_(m_.machine()) {
    m_.machine().set_pages(&pages_);
    x_ = m_.MakeCache("x");
    // Blocks for later, so that none comes from the page allocator itself.
    std::vector<PhysAddr> objects;
    for (int i = 0; i < 120; ++i) objects.push_back(m_.Alloc(0, x_, NodeId(i % 2)));
    m_.FreeAll(0, x_, objects);
    m_.Shrink(0, x_);
  }

  SlabMachine& m() { return m_; }
  FreePages& pages() { return pages_; }
  CacheId x() const { return x_; }

  // Runs one operation on `cpu` and answers its line of the table.
  std::string Measure(std::string_view title, std::string_view path, int cpu,
                      const std::function<Task<void>(Cpu&, PathId*)>& operation) {
    LineCounter counter;
    PathId went = 0;
    OpCounts counts;
    m_.Run(cpu, [&](Cpu& on) -> Task<void> {
      on.set_observer(&counter);
      on.counts() = {};
      co_await operation(on, &went);
      counts = on.counts();
      on.set_observer(nullptr);
    });
    EXPECT_EQ(m_.Path(went), path) << title;
    m_.slab().CheckInvariants();
    return fmt::format("{:<42}{:>6}{:>7}{:>8}{:>6}{:>6}{:>6}\n", title, counts.loads, counts.stores,
                       counts.atomics, counter.lines(), counts.lock_acquisitions,
                       counts.irq_toggles);
  }
  std::string MeasureAlloc(std::string_view path, int cpu, NodeId node = kAnyNode) {
    return Measure(path, path, cpu, [this, node](Cpu& on, PathId* went) -> Task<void> {
      const Placement placement = co_await m_.slab().Alloc(on, x_, kGfpKernel, node);
      *went = placement.path;
    });
  }
  std::string MeasureFree(std::string_view path, int cpu, PhysAddr object) {
    return Measure(path, path, cpu, [this, object](Cpu& on, PathId* went) -> Task<void> {
      *went = co_await m_.slab().Free(on, x_, object);
    });
  }

 private:
  SlabMachine m_;
  FreePages pages_;
  CacheId x_;
};

std::string Allocations(const SlabPolicy& policy) {
  std::string table;
  Bench b(policy);
  table += b.MeasureAlloc("alloc new slab", 0);
  table += b.MeasureAlloc("alloc fast hit", 0);
  table += b.MeasureAlloc("alloc refill from slabs", 0);
  const std::vector<PhysAddr> o = b.m().AllocMany(0, b.x(), 5);
  b.m().FreeAll(0, b.x(), o);
  table += b.MeasureAlloc("alloc refill from shared", 1);
  table += b.MeasureAlloc("alloc on node new slab", 0, NodeId(1));
  table += b.MeasureAlloc("alloc on node", 0, NodeId(1));
  b.pages().set_failing(true);
  while (!b.m().Alloc(0, b.x()).is_null()) {
  }
  table += b.MeasureAlloc("alloc failed", 0);
  return table;
}

std::string Frees(const SlabPolicy& policy) {
  std::string table;
  {
    Bench b(policy);
    const std::vector<PhysAddr> o = b.m().AllocMany(0, b.x(), 12);
    table += b.MeasureFree("free fast hit", 0, o[0]);
    for (size_t i = 1; i < 4; ++i) b.m().Free(0, b.x(), o[i]);
    table += b.MeasureFree("free flush to shared", 0, o[4]);
    for (size_t i = 5; i < 8; ++i) b.m().Free(0, b.x(), o[i]);
    table += b.MeasureFree("free flush to slabs", 0, o[8]);
  }
  {
    Bench b(policy);
    const std::vector<PhysAddr> o = b.m().AllocMany(0, b.x(), 16);
    table += b.MeasureFree("free alien", 2, o[0]);
    for (size_t i = 1; i < 12; ++i) b.m().Free(2, b.x(), o[i]);
    table += b.MeasureFree("free alien drain", 2, o[12]);
  }
  {
    Bench b(policy, {.quirks = {"noaliencache"}});
    const std::vector<PhysAddr> o = b.m().AllocMany(0, b.x(), 4);
    table += b.MeasureFree("free remote slab", 2, o[0]);
  }
  return table;
}

std::string Kmallocs(const SlabPolicy& policy) {
  std::string table;
  Bench b(policy);
  SlabAllocator& slab = b.m().slab();
  PhysAddr object;
  const auto kmalloc = [&](uint64_t bytes) {
    return [&slab, &object, bytes](Cpu& cpu, PathId* went) -> Task<void> {
      const Placement placement = co_await slab.Kmalloc(cpu, bytes, kGfpKernel, kAnyNode);
      object = placement.object;
      *went = placement.path;
    };
  };
  const auto kfree = [&](Cpu& cpu, PathId* went) -> Task<void> {
    *went = co_await slab.Kfree(cpu, object);
  };
  b.m().Kfree(0, b.m().Kmalloc(0, 100).object);
  table += b.Measure("kmalloc hit", "alloc fast hit", 0, kmalloc(100));
  table += b.Measure("kfree hit", "free fast hit", 0, kfree);
  return table;
}

std::string StatisticsInMemory(const SlabPolicy& policy) {
  Bench b(policy, {.quirks = {"statistics-in-memory"}});
  b.m().Free(0, b.x(), b.m().Alloc(0, b.x()));
  const PhysAddr object = b.m().Alloc(0, b.x());
  std::string table = b.MeasureFree("free fast hit", 0, object);
  return "# with counters in memory\n" + b.MeasureAlloc("alloc fast hit", 0) + table;
}

std::string Table() {
  std::string table =
      "# What one operation of SLAB touches, the page allocator's own touches left out. A\n"
      "# slab has four objects, an array four, a batch two. How to accept a change:\n"
      "# tests/allocators/BUILD.\n";
  for (const SlabPolicy* policy : {&kSlabPolicy61, &kSlabPolicy2014, &kSlabPolicy2014Percpu}) {
    table += fmt::format("# {}\n{:<42}{:>6}{:>7}{:>8}{:>6}{:>6}{:>6}\n", policy->name,
                         "# operation", "loads", "stores", "atomics", "lines", "locks", "irqs");
    table += Allocations(*policy) + Frees(*policy) + Kmallocs(*policy);
    table += StatisticsInMemory(*policy);
  }
  return table;
}

TEST(SlabTouchesTest, EveryPathTouchesWhatTheGoldenFileSays) {
  std::ifstream file(kGolden);
  const std::string golden((std::istreambuf_iterator<char>(file)),
                           std::istreambuf_iterator<char>());
  EXPECT_EQ(Table(), golden);
}

}  // namespace
}  // namespace slablab

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  constexpr std::string_view kWrite = "--write=";
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument(argv[i]);
    if (!argument.starts_with(kWrite)) continue;
    std::ofstream(std::string(argument.substr(kWrite.size()))) << slablab::Table();
    return testing::Test::HasFailure() ? 1 : 0;
  }
  return RUN_ALL_TESTS();
}
