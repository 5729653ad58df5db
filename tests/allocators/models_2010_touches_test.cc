// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// What each path of SLUB of 2010 and of SLUB+Q touches, against models_2010_touches.golden: a
// change there is a change to the model, and wants a reason. Pages come from an allocator that
// touches nothing.

#include <fstream>
#include <functional>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "allocators/slub_2010.h"
#include "fmt/format.h"
#include "gtest/gtest.h"
#include "tests/allocators/free_pages.h"
#include "tests/allocators/slubq_machine.h"

namespace slablab {
namespace {

constexpr char kGolden[] = "tests/allocators/models_2010_touches.golden";

class LineCounter : public TouchObserver {
 public:
  void OnTouch(const Cpu&, Place place, Access, Outcome) override {
    lines_.insert(place.address.line());
    if (place.structure == Structure::kObject || place.structure == Structure::kFreePointer) {
      objects_.insert(place.address.line());
    }
  }
  size_t lines() const { return lines_.size(); }
  size_t objects() const { return objects_.size(); }

 private:
  std::set<uint64_t> lines_;
  std::set<uint64_t> objects_;
};

// Two CPUs of one node and two of another, and a cache of four objects a slab; queues of `queue`
// objects where there are any.
template <typename Model>
class Bench {
 public:
  static constexpr bool kQueues = !std::is_same_v<Model, Slub2010>;

  explicit Bench(int queue = 8, int aliens = 6)
      : m_({.cpus = 4, .nodes = 2}), pages_(m_.machine()) {
    m_.machine().set_pages(&pages_);
    x_ = m_.Create({.name = "x", .object_size = 8192, .no_merge = true}).value();
    if (kQueues) {
      EXPECT_TRUE(m_.Tune(x_, "cpu_queue_size", queue).ok());
      EXPECT_TRUE(m_.Tune(x_, "shared_queue_size", 8).ok());
      EXPECT_TRUE(m_.Tune(x_, "alien_queue_size", aliens).ok());
    }
    // Blocks for later, so that none comes from the page allocator itself.
    std::vector<PhysAddr> objects;
    for (int i = 0; i < 60; ++i) objects.push_back(m_.Alloc(0, x_, NodeId(i % 2)));
    for (PhysAddr object : objects) m_.Free(0, x_, object);
    m_.Shrink(0, x_);
  }

  ModelMachine<Model>& m() { return m_; }
  FreePages& pages() { return pages_; }
  CacheId x() const { return x_; }

  std::vector<PhysAddr> AllocMany(int cpu, int count) {
    std::vector<PhysAddr> objects;
    for (int i = 0; i < count; ++i) objects.push_back(m_.Alloc(cpu, x_));
    return objects;
  }
  // As many as CPU 0's queue holds, in use, and that queue empty.
  std::vector<PhysAddr> AllocQueue() {
    const auto max = static_cast<size_t>(m_.Count(x_, "cpu_queue_size"));
    std::vector<PhysAddr> objects;
    while (objects.size() < max || m_.Count(x_, "per_cpu_caches") > 0) {
      objects.push_back(m_.Alloc(0, x_));
    }
    return objects;
  }

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
    return fmt::format("{:<42}{:>6}{:>7}{:>9}{:>6}{:>8}{:>6}{:>6}\n", title, counts.loads,
                       counts.stores, counts.atomics, counter.lines(), counter.objects(),
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
  std::string MeasureKmallocs() {
    PhysAddr object;
    const auto kmalloc = [&](uint64_t bytes) {
      return [this, &object, bytes](Cpu& cpu, PathId* went) -> Task<void> {
        const Placement placement = co_await m_.slub().Kmalloc(cpu, bytes, kGfpKernel, kAnyNode);
        object = placement.object;
        *went = placement.path;
      };
    };
    const auto kfree = [&](Cpu& cpu, PathId* went) -> Task<void> {
      *went = co_await m_.slub().Kfree(cpu, object);
    };
    m_.Kfree(0, m_.Kmalloc(0, 100).object);
    std::string table = Measure("kmalloc fast", "alloc fast", 0, kmalloc(100));
    table += Measure("kfree fast", "free fast", 0, kfree);
    m_.Kfree(0, m_.Kmalloc(0, 20000).object);
    table += Measure("kmalloc large", "alloc large", 0, kmalloc(20000));
    table += Measure("kfree large", "free large", 0, kfree);
    return table;
  }

 private:
  ModelMachine<Model> m_;
  FreePages pages_;
  CacheId x_;
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
  const std::string head =
      fmt::format("{:<42}{:>6}{:>7}{:>9}{:>6}{:>8}{:>6}{:>6}\n", "# operation", "loads", "stores",
                  "atomics", "lines", "objects", "locks", "irqs");
  return "# What one operation touches, the page allocator's own touches left out; of the lines,\n"
         "# \"objects\" are in objects. A slab has four objects. How to accept a change:\n"
         "# tests/allocators/BUILD.\n"
         "\n# slub-2010\n" +
         head + Slub2010Table() + "\n# slubq\n" + head + QueueAllocations<SlubQV3>() +
         QueueFrees<SlubQV3>() + "\n# slubq-v4\n" + head + QueueAllocations<SlubQV4>() +
         QueueFrees<SlubQV4>();
}

TEST(Models2010TouchesTest, EveryPathTouchesWhatTheGoldenFileSays) {
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
