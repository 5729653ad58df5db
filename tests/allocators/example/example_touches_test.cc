// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// What each path of the example touches, against example_touches.golden. This file and its golden
// are all that a model adds to the tests that all models go through.

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/allocators/allocator_machine.h"
#include "tests/allocators/golden_file.h"
#include "tests/allocators/touch_bench.h"
#include "tests/test_files.h"

namespace slablab {
namespace {

constexpr char kGolden[] = "tests/allocators/example/example_touches.golden";

const TouchColumns& Columns() {
  static const auto* const kColumns = new TouchColumns{
      {"loads", 6, [](const Touched& t) { return t.counts.loads; }},
      {"stores", 7, [](const Touched& t) { return t.counts.stores; }},
      {"lines", 6, [](const Touched& t) { return t.lines; }},
      {"locks", 6, [](const Touched& t) { return t.counts.lock_acquisitions; }},
      {"irqs", 6, [](const Touched& t) { return t.counts.irq_toggles; }},
  };
  return *kColumns;
}

class ExampleMachine : public AllocatorMachine {
 public:
  using AllocatorMachine::AllocatorMachine;
  Allocator& model() { return allocator(); }
};

// Four CPUs on two nodes, and a cache of four objects a slab that keeps no empty one.
class Bench : public TouchBench<ExampleMachine> {
 public:
  Bench() : TouchBench(Columns(), "example", AllocatorMachineOptions{.cpus = 4, .nodes = 2}) {
    Use(m().Create({.name = "x", .object_size = 8192}).value(), /*objects=*/40);
    EXPECT_TRUE(m().Tune(x(), "min_partial", 0).ok());
  }
  std::string MeasureAlloc(std::string_view path, NodeId node = kAnyNode) {
    return TouchBench::MeasureAlloc(path, path, /*cpu=*/0, node);
  }
  std::string MeasureFree(std::string_view path, PhysAddr object) {
    return TouchBench::MeasureFree(path, path, /*cpu=*/0, object);
  }
};

std::string Table() {
  static const bool kRegistered = !TestedModels().empty();
  EXPECT_TRUE(kRegistered);
  std::string table =
      "# What one operation of the example touches, the page allocator's own touches left\n"
      "# out. A slab has four objects. How to accept a change:\n"
      "# tests/allocators/example/BUILD.\n" +
      TouchHeader(Columns());
  Bench b;
  table += b.MeasureAlloc("taken from a new slab");  // [uffff]
  table += b.MeasureAlloc("taken from the list");    // [uufff]
  const std::vector<PhysAddr> o = b.m().AllocMany(0, b.x(), 3);
  table += b.MeasureFree("put back into a full slab", o[0]);
  table += b.MeasureFree("put back", o[1]);
  b.m().FreeAll(0, b.x(), {o[2]});
  const PhysAddr alone = b.m().Alloc(0, b.x(), NodeId(1));
  table += b.MeasureFree("put back, slab returned", alone);
  b.pages().set_failing(true);
  while (!b.m().Alloc(0, b.x()).is_null()) {
  }
  table += b.MeasureAlloc("no memory");
  b.pages().set_failing(false);
  b.m().Kfree(0, b.m().Kmalloc(0, 100).object);
  table += b.MeasureKmalloc("kmalloc", "taken from the list", 100);
  return table + b.MeasureKfree("kfree", "put back");
}

TEST(ExampleTouchesTest, EveryPathTouchesWhatTheGoldenFileSays) {
  EXPECT_EQ(Table(), Contents(kGolden));
}

}  // namespace
}  // namespace slablab

int main(int argc, char** argv) { return slablab::GoldenMain(argc, argv, slablab::Table); }
