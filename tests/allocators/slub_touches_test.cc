// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// What each path of SLUB touches, against touches.golden: a change there is a change to the model,
// and wants a reason. Pages come from an allocator that touches nothing.

#include <fstream>
#include <functional>
#include <iostream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "fmt/format.h"
#include "gtest/gtest.h"
#include "tests/allocators/free_pages.h"
#include "tests/allocators/slub_machine.h"

namespace slablab {
namespace {

constexpr char kGolden[] = "tests/allocators/touches.golden";

class LineCounter : public TouchObserver {
 public:
  void OnTouch(const Cpu&, Place place, Access, Outcome) override {
    lines_.insert(place.address.line());
  }
  size_t lines() const { return lines_.size(); }

 private:
  std::set<uint64_t> lines_;
};

// Two CPUs on two nodes, and a cache of four objects a slab with lists of four slabs.
class Bench {
 public:
  Bench() : m_({.cpus = 2, .nodes = 2}), pages_(m_.machine()) {
    m_.machine().set_pages(&pages_);
    x_ = m_.MakeCache("x", /*min_partial=*/1);
    // Blocks for later, so that none comes from the page allocator itself.
    std::vector<PhysAddr> objects;
    for (int i = 0; i < 60; ++i) objects.push_back(m_.Alloc(0, x_, NodeId(i % 2)));
    for (PhysAddr object : objects) m_.Free(0, x_, object);
    m_.Shrink(0, x_);
  }

  SlubMachine& m() { return m_; }
  FreePages& pages() { return pages_; }
  CacheId x() const { return x_; }

  // `slabs` slabs with one object in use each on node 0's partial list; answers those objects.
  std::vector<PhysAddr> FillNode(int slabs) {
    std::vector<PhysAddr> kept;
    std::vector<PhysAddr> others;
    for (int i = 0; i < slabs; ++i) {
      const std::vector<PhysAddr> slab = m_.AllocSlab(0, x_);
      kept.push_back(slab[0]);
      others.insert(others.end(), slab.begin() + 1, slab.end());
    }
    for (PhysAddr object : others) m_.Free(0, x_, object);
    m_.Shrink(0, x_);
    return kept;
  }
  // Full slabs that no CPU has, first objects first.
  std::vector<std::vector<PhysAddr>> FullSlabs(int slabs) {
    std::vector<std::vector<PhysAddr>> full;
    for (int i = 0; i < slabs; ++i) full.push_back(m_.AllocSlab(0, x_));
    m_.Shrink(0, x_);
    return full;
  }

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
    m_.slub().CheckInvariants();
    return fmt::format("{:<42}{:>6}{:>7}{:>9}{:>8}{:>6}{:>6}{:>6}\n", title, counts.loads,
                       counts.stores, counts.local_cmpxchgs, counts.atomics, counter.lines(),
                       counts.lock_acquisitions, counts.irq_toggles);
  }
  std::string MeasureAlloc(std::string_view title, std::string_view path, int cpu,
                           NodeId node = kAnyNode) {
    return Measure(title, path, cpu, [this, node](Cpu& on, PathId* went) -> Task<void> {
      const Placement placement = co_await m_.slub().Alloc(on, x_, kGfpKernel, node);
      *went = placement.path;
    });
  }
  std::string MeasureFree(std::string_view title, std::string_view path, int cpu, PhysAddr object) {
    return Measure(title, path, cpu, [this, object](Cpu& on, PathId* went) -> Task<void> {
      *went = co_await m_.slub().Free(on, x_, object);
    });
  }

 private:
  SlubMachine m_;
  FreePages pages_;
  CacheId x_;
};

std::string Allocations() {
  std::string table;
  {
    Bench b;
    b.m().Alloc(0, b.x());
    table += b.MeasureAlloc("alloc fast", "alloc fast", 0);
    table += b.MeasureAlloc("alloc fast, node named", "alloc fast", 0, NodeId(0));
  }
  {
    Bench b;
    const std::vector<PhysAddr> slab = b.m().AllocSlab(0, b.x());
    b.m().Free(1, b.x(), slab[0]);
    table += b.MeasureAlloc("alloc cpu slab refill", "alloc cpu slab refill", 0);
  }
  {
    Bench b;
    const auto full = b.FullSlabs(1);
    b.m().Free(0, b.x(), full[0][0]);
    table += b.MeasureAlloc("alloc cpu partial", "alloc cpu partial", 0);
  }
  {
    Bench b;
    b.FillNode(1);
    table += b.MeasureAlloc("alloc node partial", "alloc node partial", 0);
  }
  {
    Bench b;
    b.FillNode(6);
    table += b.MeasureAlloc("alloc node partial, 3 slabs more", "alloc node partial", 0);
  }
  {
    Bench b;
    b.FillNode(2);
    table += b.MeasureAlloc("alloc remote partial, 1 slab more", "alloc remote partial", 1);
  }
  {
    Bench b;
    table += b.MeasureAlloc("alloc new slab", "alloc new slab", 0);
    table += b.MeasureAlloc("alloc new slab, from the wrong node", "alloc new slab", 0, NodeId(1));
    b.m().AllocSlab(0, b.x());
    b.m().AllocSlab(0, b.x());
    b.m().AllocSlab(0, b.x());
    b.m().Shrink(0, b.x());
    b.pages().set_failing(true);
    while (!b.m().Alloc(0, b.x()).is_null()) {
    }
    table += b.MeasureAlloc("alloc failed", "alloc failed", 0);
  }
  return table;
}

std::string Frees() {
  std::string table;
  {
    Bench b;
    table += b.MeasureFree("free fast", "free fast", 0, b.m().Alloc(0, b.x()));
    table += b.MeasureFree("free slow frozen", "free slow frozen", 1, b.m().Alloc(0, b.x()));
  }
  {
    Bench b;
    const auto full = b.FullSlabs(5);
    for (size_t i = 0; i < 4; ++i) {
      const std::string line =
          b.MeasureFree("free to cpu partial", "free to cpu partial", 0, full[i][0]);
      if (i == 0) table += line;
    }
    table += b.MeasureFree("free drain, 4 slabs", "free drain", 0, full[4][0]);
  }
  {
    Bench b;
    const auto full = b.FullSlabs(1);
    b.m().Free(0, b.x(), full[0][0]);
    b.m().Shrink(0, b.x());
    table += b.MeasureFree("free slow partial", "free slow partial", 0, full[0][1]);
  }
  {
    Bench b;
    EXPECT_TRUE(b.m().Tune(b.x(), "min_partial", 2).ok());
    const std::vector<PhysAddr> kept = b.FillNode(2);
    EXPECT_TRUE(b.m().Tune(b.x(), "min_partial", 3).ok());
    table += b.MeasureFree("free slow empty kept", "free slow empty kept", 0, kept[0]);
    EXPECT_TRUE(b.m().Tune(b.x(), "min_partial", 1).ok());
    table += b.MeasureFree("free slab", "free slab", 0, kept[1]);
  }
  return table;
}

std::string Kmallocs() {
  std::string table;
  Bench b;
  Slub& slub = b.m().slub();
  PhysAddr object;
  const auto kmalloc = [&](uint64_t bytes) {
    return [&slub, &object, bytes](Cpu& cpu, PathId* went) -> Task<void> {
      const Placement placement = co_await slub.Kmalloc(cpu, bytes, kGfpKernel, kAnyNode);
      object = placement.object;
      *went = placement.path;
    };
  };
  const auto kfree = [&](Cpu& cpu, PathId* went) -> Task<void> {
    *went = co_await slub.Kfree(cpu, object);
  };
  b.m().Kfree(0, b.m().Kmalloc(0, 100).object);
  table += b.Measure("kmalloc fast", "alloc fast", 0, kmalloc(100));
  table += b.Measure("kfree fast", "free fast", 0, kfree);
  b.m().Kfree(0, b.m().Kmalloc(0, 20000).object);
  table += b.Measure("kmalloc large", "alloc large", 0, kmalloc(20000));
  table += b.Measure("kfree large", "free large", 0, kfree);
  table += b.Measure("kmalloc of 0 bytes", "alloc of 0 bytes", 0, kmalloc(0));
  table += b.Measure("kfree of nothing", "free of null", 0, kfree);
  return table;
}

std::string Table() {
  return "# What one operation of SLUB touches, the page allocator's own touches left out. A\n"
         "# slab has four objects. How to accept a change: tests/allocators/BUILD.\n" +
         fmt::format("{:<42}{:>6}{:>7}{:>9}{:>8}{:>6}{:>6}{:>6}\n", "# operation", "loads",
                     "stores", "cmpxchg", "atomics", "lines", "locks", "irqs") +
         Allocations() + Frees() + Kmallocs();
}

TEST(SlubTouchesTest, EveryPathTouchesWhatTheGoldenFileSays) {
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
