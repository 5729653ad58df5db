// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// What each path of SLAB touches, against slab_touches.golden: a change there is a change to the
// model, and wants a reason. Pages come from an allocator that touches nothing.

#include <string>
#include <vector>

#include "fmt/format.h"
#include "gtest/gtest.h"
#include "tests/allocators/golden_file.h"
#include "tests/allocators/slab_machine.h"
#include "tests/allocators/touch_bench.h"
#include "tests/test_files.h"

namespace slablab {
namespace {

constexpr char kGolden[] = "tests/allocators/slab/slab_touches.golden";

const TouchColumns& Columns() {
  static const auto* const kColumns = new TouchColumns{
      {"loads", 6, [](const Touched& t) { return t.counts.loads; }},
      {"stores", 7, [](const Touched& t) { return t.counts.stores; }},
      {"atomics", 8, [](const Touched& t) { return t.counts.atomics; }},
      {"lines", 6, [](const Touched& t) { return t.lines; }},
      {"locks", 6, [](const Touched& t) { return t.counts.lock_acquisitions; }},
      {"irqs", 6, [](const Touched& t) { return t.counts.irq_toggles; }},
  };
  return *kColumns;
}

// Four CPUs on two nodes, and a cache of four objects a slab, arrays of four and batches of two.
class Bench : public TouchBench<SlabMachine> {
 public:
  explicit Bench(const SlabPolicy& policy, const AllocatorOptions& options = {})
      : TouchBench(Columns(), AllocatorMachineOptions{.cpus = 4, .nodes = 2, .allocator = options},
                   policy) {
    Use(m().MakeCache("x"), /*objects=*/120);
  }

  // Their lines have the names of their ways.
  std::string MeasureAlloc(std::string_view path, int cpu, NodeId node = kAnyNode) {
    return TouchBench::MeasureAlloc(path, path, cpu, node);
  }
  std::string MeasureFree(std::string_view path, int cpu, PhysAddr object) {
    return TouchBench::MeasureFree(path, path, cpu, object);
  }
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
  Bench b(policy);
  b.m().Kfree(0, b.m().Kmalloc(0, 100).object);
  const std::string table = b.MeasureKmalloc("kmalloc hit", "alloc fast hit", 100);
  return table + b.MeasureKfree("kfree hit", "free fast hit");
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
    table += fmt::format("# {}\n", policy->name) + TouchHeader(Columns());
    table += Allocations(*policy) + Frees(*policy) + Kmallocs(*policy);
    table += StatisticsInMemory(*policy);
  }
  return table;
}

TEST(SlabTouchesTest, EveryPathTouchesWhatTheGoldenFileSays) {
  EXPECT_EQ(Table(), Contents(kGolden));
}

}  // namespace
}  // namespace slablab

int main(int argc, char** argv) { return slablab::GoldenMain(argc, argv, slablab::Table); }
