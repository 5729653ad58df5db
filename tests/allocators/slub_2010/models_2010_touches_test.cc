// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// What each path of SLUB of 2010 and of SLUB+Q touches, against models_2010_touches.golden: a
// change there is a change to the model, and wants a reason. Pages come from an allocator that
// touches nothing.

#include <string>
#include <type_traits>
#include <vector>

#include "gtest/gtest.h"
#include "tests/allocators/golden_file.h"
#include "tests/allocators/slub_2010/slub_2010_machine.h"
#include "tests/allocators/slubq_machine.h"
#include "tests/allocators/touch_bench.h"
#include "tests/test_files.h"

namespace slablab {
namespace {

constexpr char kGolden[] = "tests/allocators/slub_2010/models_2010_touches.golden";

const TouchColumns& Columns() {
  static const auto* const kColumns = new TouchColumns{
      {"loads", 6, [](const Touched& t) { return t.counts.loads; }},
      {"stores", 7, [](const Touched& t) { return t.counts.stores; }},
      {"atomics", 9, [](const Touched& t) { return t.counts.atomics; }},
      {"lines", 6, [](const Touched& t) { return t.lines; }},
      {"objects", 8, [](const Touched& t) { return t.object_lines; }},
      {"locks", 6, [](const Touched& t) { return t.counts.lock_acquisitions; }},
      {"irqs", 6, [](const Touched& t) { return t.counts.irq_toggles; }},
  };
  return *kColumns;
}

// Two CPUs of one node and two of another, and a cache of four objects a slab; queues of `queue`
// objects where there are any.
template <typename Model>
class Bench : public TouchBench<ModelMachine<Model>> {
 public:
  static constexpr bool kQueues = !std::is_same_v<Model, Slub2010>;

  explicit Bench(int queue = 8, int aliens = 6)
      : Bench::TouchBench(Columns(), AllocatorMachineOptions{.cpus = 4, .nodes = 2}) {
    const CacheId x =
        this->m().Create({.name = "x", .object_size = 8192, .no_merge = true}).value();
    if (kQueues) {
      EXPECT_TRUE(this->m().Tune(x, "cpu_queue_size", queue).ok());
    }
    if (kQueues && !std::is_same_v<Model, SlubQV2>) {
      EXPECT_TRUE(this->m().Tune(x, "shared_queue_size", 8).ok());
      EXPECT_TRUE(this->m().Tune(x, "alien_queue_size", aliens).ok());
    }
    this->Use(x, /*objects=*/60);
  }

  std::vector<PhysAddr> AllocMany(int cpu, int count) {
    return this->m().AllocMany(cpu, this->x(), count);
  }
  // As many as CPU 0's queue holds, in use, and that queue empty.
  std::vector<PhysAddr> AllocQueue() {
    const auto max = static_cast<size_t>(this->m().Count(this->x(), "cpu_queue_size"));
    std::vector<PhysAddr> objects;
    while (objects.size() < max || this->m().Count(this->x(), "per_cpu_caches") > 0) {
      objects.push_back(this->m().Alloc(0, this->x()));
    }
    return objects;
  }

  std::string MeasureKmallocs() {
    this->m().Kfree(0, this->m().Kmalloc(0, 100).object);
    std::string table = this->MeasureKmalloc("kmalloc fast", "alloc fast", 100);
    table += this->MeasureKfree("kfree fast", "free fast");
    this->m().Kfree(0, this->m().Kmalloc(0, 20000).object);
    table += this->MeasureKmalloc("kmalloc large", "alloc large", 20000);
    table += this->MeasureKfree("kfree large", "free large");
    return table;
  }
};

std::string Slub2010Table() {
  std::string table;
  using B = Bench<Slub2010>;
  {
    B b;
    b.m().Alloc(0, b.x());
    table += b.MeasureAlloc("alloc fast", "alloc fast", 0);
    table += b.MeasureAlloc("alloc fast, node named", "alloc fast", 0, NodeId(0));
  }
  {
    B b;
    const auto slab = b.AllocMany(0, 4);
    b.m().Free(1, b.x(), slab[0]);
    table += b.MeasureAlloc("alloc cpu slab refill", "alloc cpu slab refill", 0);
  }
  {
    B b;
    b.AllocMany(0, 1);
    b.m().Shrink(0, b.x());
    table += b.MeasureAlloc("alloc node partial", "alloc node partial", 0);
    table += b.MeasureAlloc("alloc new slab, from the wrong node", "alloc new slab", 0, NodeId(1));
  }
  {
    B b;
    table += b.MeasureAlloc("alloc new slab", "alloc new slab", 0);
    b.AllocMany(0, 3);
    b.pages().set_failing(true);
    table += b.MeasureAlloc("alloc failed", "alloc failed", 0);
  }
  {
    B b;
    const auto slab = b.AllocMany(0, 3);
    table += b.MeasureFree("free fast", "free fast", 0, slab[0]);
    table += b.MeasureFree("free frozen", "free frozen", 1, slab[1]);
  }
  {
    B b;
    const auto slab = b.AllocMany(0, 4);
    b.m().Shrink(0, b.x());
    table += b.MeasureFree("free to partial", "free to partial", 0, slab[0]);
    table += b.MeasureFree("free slow partial", "free slow partial", 0, slab[1]);
    b.m().Free(0, b.x(), slab[2]);
    table += b.MeasureFree("free slab", "free slab", 0, slab[3]);
  }
  B b;
  return table + b.MeasureKmallocs();
}

// V2: the queue, and slabs.
std::string SlubQV2Table() {
  std::string table;
  using B = Bench<SlubQV2>;
  {
    B b;
    table += b.MeasureAlloc("alloc new slab, batch of 4", "alloc new slab", 0);
    table += b.MeasureAlloc("alloc fast", "alloc fast", 0);
    b.m().Alloc(0, b.x(), NodeId(1));
    table += b.MeasureAlloc("alloc fast, node named", "alloc fast", 0, NodeId(1));
  }
  {
    B b;
    const auto objects = b.AllocQueue();
    for (size_t i = 0; i < 8; i += 2) b.m().Free(1, b.x(), objects[i]);
    b.m().Shrink(0, b.x());
    table += b.MeasureAlloc("alloc node partial, batch of 4", "alloc node partial", 0);
  }
  {
    B b;
    b.m().Alloc(0, b.x(), NodeId(0));  // The queue holds three objects of a slab.
    table += b.MeasureAlloc("alloc new slab, from the wrong node", "alloc new slab", 0, NodeId(1));
    b.AllocMany(0, 3);
    b.pages().set_failing(true);
    table += b.MeasureAlloc("alloc failed", "alloc failed", 0, NodeId(1));
  }
  {
    B b;
    // Two of each slab are freed, so that a drain puts slabs on the list.
    const auto objects = b.AllocMany(0, 16);
    const PhysAddr remote = b.m().Alloc(2, b.x());
    table += b.MeasureFree("free fast", "free fast", 0, objects[0]);
    for (size_t i = 2; i < 14; i += 2) b.m().Free(0, b.x(), objects[i]);
    table += b.MeasureFree("free fast, of another node", "free fast", 0, remote);
    table += b.MeasureFree("free drain, batch of 4", "free drain", 0, objects[14]);
  }
  B b;
  return table + b.MeasureKmallocs();
}

template <typename Model>
std::string QueueAllocations() {
  using B = Bench<Model>;
  std::string table;
  {
    B b;
    table += b.MeasureAlloc("alloc new slab, batch of 4", "alloc new slab", 0);
    table += b.MeasureAlloc("alloc fast", "alloc fast", 0);
    table += b.MeasureAlloc("alloc fast, node named", "alloc fast", 0, NodeId(0));
  }
  {
    B b;
    auto objects = b.AllocMany(0, 9);
    for (PhysAddr object : objects) b.m().Free(0, b.x(), object);
    while (b.m().Count(b.x(), "shared_caches") == 0) {
      // Overflow CPU 0's queue.
      objects = b.AllocQueue();
      objects.push_back(b.m().Alloc(1, b.x()));
      for (PhysAddr object : objects) b.m().Free(0, b.x(), object);
    }
    while (b.m().Count(b.x(), "per_cpu_caches") > 0 &&
           b.m().State(b.x(), "per_cpu_caches").find("C1=") != std::string::npos) {
      b.m().Alloc(1, b.x());
    }
    table += b.MeasureAlloc("alloc from shared", "alloc from shared", 1);
  }
  {
    B b;
    const auto objects = b.AllocQueue();
    for (size_t i = 0; i + 2 < objects.size(); i += 2) b.m().Free(1, b.x(), objects[i]);
    b.m().Shrink(0, b.x());
    table += b.MeasureAlloc("alloc node partial, batch of 4", "alloc node partial", 0);
  }
  {
    B b;
    table += b.MeasureAlloc("alloc from node, alien queue empty",
                            std::is_same_v<Model, SlubQV4> ? "alloc from alien" : "alloc from node",
                            0, NodeId(1));
    table += b.MeasureAlloc("alloc from alien", "alloc from alien", 0, NodeId(1));
  }
  {
    B b(8, /*aliens=*/0);
    table += b.MeasureAlloc("alloc from node, new slab", "alloc from node", 0, NodeId(1));
    table += b.MeasureAlloc("alloc from node, its list", "alloc from node", 0, NodeId(1));
    b.pages().set_failing(true);
    table += b.MeasureAlloc("alloc failed", "alloc failed", 0);
  }
  return table;
}

template <typename Model>
std::string QueueFrees() {
  using B = Bench<Model>;
  std::string table;
  {
    B b;
    const auto objects = b.AllocQueue();
    const PhysAddr further[] = {b.m().Alloc(1, b.x()), b.m().Alloc(1, b.x()),
                                b.m().Alloc(1, b.x())};
    table += b.MeasureFree("free fast", "free fast", 0, objects[0]);
    for (size_t i = 1; i < objects.size(); ++i) b.m().Free(0, b.x(), objects[i]);
    while (b.m().Free(0, b.x(), b.m().Alloc(1, b.x())) == "free fast") {
    }
    // Now its queue has room for all but one of a batch.
    for (int i = 0; i < 3; ++i) b.m().Free(0, b.x(), further[i]);
    table +=
        b.MeasureFree("free to shared, batch of 4", "free to shared", 0, b.m().Alloc(1, b.x()));
  }
  {
    B b;
    EXPECT_TRUE(b.m().Tune(b.x(), "cpu_queue_size", 8).ok());
    const auto objects = b.AllocQueue();
    std::vector<PhysAddr> others = b.AllocMany(1, 40);
    for (PhysAddr object : objects) b.m().Free(0, b.x(), object);
    while (b.m().Free(0, b.x(), others.back()) != "free drain") others.pop_back();
    others.pop_back();
    std::string path = "free fast";
    for (int i = 0; i < 3; ++i) {
      b.m().Free(0, b.x(), others.back());
      others.pop_back();
    }
    table += b.MeasureFree("free drain, batch of 4", "free drain", 0, others.back());
  }
  {
    B b;
    const auto remote = b.AllocMany(2, 12);
    table += b.MeasureFree("free to alien", "free to alien", 0, remote[0]);
    for (size_t i = 1; i < 6; ++i) b.m().Free(0, b.x(), remote[i]);
    table += b.MeasureFree("free alien drain, batch of 4", "free alien drain", 0, remote[6]);
  }
  {
    B b(8, /*aliens=*/0);
    table += b.MeasureFree("free direct", "free direct", 0, b.m().Alloc(2, b.x()));
  }
  B b;
  return table + b.MeasureKmallocs();
}

std::string Table() {
  const std::string head = TouchHeader(Columns());
  return "# What one operation touches, the page allocator's own touches left out; of the lines,\n"
         "# \"objects\" are in objects. A slab has four objects. How to accept a change:\n"
         "# tests/allocators/BUILD.\n"
         "\n# slub-2010\n" +
         head + Slub2010Table() + "\n# slubq-v2\n" + head + SlubQV2Table() + "\n# slubq\n" + head +
         QueueAllocations<SlubQV3>() + QueueFrees<SlubQV3>() + "\n# slubq-v4\n" + head +
         QueueAllocations<SlubQV4>() + QueueFrees<SlubQV4>();
}

TEST(Models2010TouchesTest, EveryPathTouchesWhatTheGoldenFileSays) {
  EXPECT_EQ(Table(), Contents(kGolden));
}

}  // namespace
}  // namespace slablab

int main(int argc, char** argv) { return slablab::GoldenMain(argc, argv, slablab::Table); }
