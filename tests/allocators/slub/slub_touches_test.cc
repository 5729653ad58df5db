// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// What each path of SLUB touches, against touches.golden: a change there is a change to the model,
// and wants a reason. Pages come from an allocator that touches nothing.

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/allocators/golden_file.h"
#include "tests/allocators/slub_machine.h"
#include "tests/allocators/touch_bench.h"
#include "tests/test_files.h"

namespace slablab {
namespace {

constexpr char kGolden[] = "tests/allocators/slub/slub_touches.golden";

// Two CPUs on two nodes, and a cache of four objects a slab with lists of four slabs.
class Bench : public TouchBench<SlubMachine> {
 public:
  explicit Bench(const SlubPolicy& policy)
      : TouchBench(SlubTouchColumns(), AllocatorMachineOptions{.cpus = 2, .nodes = 2}, policy) {
    Use(m().MakeCache("x", /*min_partial=*/1), /*objects=*/60);
  }

  // `slabs` slabs with one object in use each on node 0's partial list; answers those objects.
  std::vector<PhysAddr> FillNode(int slabs) {
    std::vector<PhysAddr> kept;
    std::vector<PhysAddr> others;
    for (int i = 0; i < slabs; ++i) {
      const std::vector<PhysAddr> slab = m().AllocSlab(0, x());
      kept.push_back(slab[0]);
      others.insert(others.end(), slab.begin() + 1, slab.end());
    }
    m().FreeAll(0, x(), others);
    m().Shrink(0, x());
    return kept;
  }
  // Full slabs that no CPU has, first objects first.
  std::vector<std::vector<PhysAddr>> FullSlabs(int slabs) {
    std::vector<std::vector<PhysAddr>> full;
    for (int i = 0; i < slabs; ++i) full.push_back(m().AllocSlab(0, x()));
    m().Shrink(0, x());
    return full;
  }
};

std::string Allocations(const SlubPolicy& policy) {
  std::string table;
  {
    Bench b(policy);
    b.m().Alloc(0, b.x());
    table += b.MeasureAlloc("alloc fast", "alloc fast", 0);
    table += b.MeasureAlloc("alloc fast, node named", "alloc fast", 0, NodeId(0));
  }
  {
    Bench b(policy);
    const std::vector<PhysAddr> slab = b.m().AllocSlab(0, b.x());
    b.m().Free(1, b.x(), slab[0]);
    table += b.MeasureAlloc("alloc cpu slab refill", "alloc cpu slab refill", 0);
  }
  {
    Bench b(policy);
    const auto full = b.FullSlabs(1);
    b.m().Free(0, b.x(), full[0][0]);
    table += b.MeasureAlloc("alloc cpu partial", "alloc cpu partial", 0);
  }
  {
    Bench b(policy);
    b.FillNode(1);
    table += b.MeasureAlloc("alloc node partial", "alloc node partial", 0);
  }
  {
    Bench b(policy);
    b.FillNode(6);
    table += b.MeasureAlloc("alloc node partial, 3 slabs more", "alloc node partial", 0);
  }
  {
    Bench b(policy);
    b.FillNode(2);
    table += b.MeasureAlloc("alloc remote partial, 1 slab more", "alloc remote partial", 1);
  }
  {
    Bench b(policy);
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

std::string Frees(const SlubPolicy& policy) {
  std::string table;
  {
    Bench b(policy);
    table += b.MeasureFree("free fast", "free fast", 0, b.m().Alloc(0, b.x()));
    table += b.MeasureFree("free slow frozen", "free slow frozen", 1, b.m().Alloc(0, b.x()));
  }
  {
    Bench b(policy);
    const auto full = b.FullSlabs(5);
    for (size_t i = 0; i < 4; ++i) {
      const std::string line =
          b.MeasureFree("free to cpu partial", "free to cpu partial", 0, full[i][0]);
      if (i == 0) table += line;
    }
    table += b.MeasureFree("free drain, 4 slabs", "free drain", 0, full[4][0]);
  }
  {
    Bench b(policy);
    const auto full = b.FullSlabs(1);
    b.m().Free(0, b.x(), full[0][0]);
    b.m().Shrink(0, b.x());
    table += b.MeasureFree("free slow partial", "free slow partial", 0, full[0][1]);
  }
  {
    Bench b(policy);
    EXPECT_TRUE(b.m().Tune(b.x(), "min_partial", 2).ok());
    const std::vector<PhysAddr> kept = b.FillNode(2);
    EXPECT_TRUE(b.m().Tune(b.x(), "min_partial", 3).ok());
    table += b.MeasureFree("free slow empty kept", "free slow empty kept", 0, kept[0]);
    EXPECT_TRUE(b.m().Tune(b.x(), "min_partial", 1).ok());
    table += b.MeasureFree("free slab", "free slab", 0, kept[1]);
  }
  return table;
}

std::string Kmallocs(const SlubPolicy& policy) {
  std::string table;
  Bench b(policy);
  b.m().Kfree(0, b.m().Kmalloc(0, 100).object);
  table += b.MeasureKmalloc("kmalloc fast", "alloc fast", 100);
  table += b.MeasureKfree("kfree fast", "free fast");
  b.m().Kfree(0, b.m().Kmalloc(0, 20000).object);
  table += b.MeasureKmalloc("kmalloc large", "alloc large", 20000);
  table += b.MeasureKfree("kfree large", "free large");
  table += b.MeasureKmalloc("kmalloc of 0 bytes", "alloc of 0 bytes", 0);
  table += b.MeasureKfree("kfree of nothing", "free of null");
  return table;
}

std::string Operations(const SlubPolicy& policy) {
  return Allocations(policy) + Frees(policy) + Kmallocs(policy);
}

std::string Table() {
  return "# What one operation of SLUB touches, the page allocator's own touches left out. A\n"
         "# slab has four objects. How to accept a change: tests/allocators/BUILD.\n" +
         TouchHeader(SlubTouchColumns()) + Operations(kSlub61) + "# Linux 6.12\n" +
         Operations(kSlub612);
}

TEST(SlubTouchesTest, EveryPathTouchesWhatTheGoldenFileSays) {
  EXPECT_EQ(Table(), Contents(kGolden));
}

}  // namespace
}  // namespace slablab

int main(int argc, char** argv) { return slablab::GoldenMain(argc, argv, slablab::Table); }
