// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// What must hold for every model of 2010 alike: in every order in which small programs of two CPUs,
// or of a CPU and its interrupts, can run (of the few programs with more than ten thousand orders,
// in the first ones and in a random sample); and under an auditor that knows nothing of them.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "gtest/gtest.h"
#include "sim/core/scheduler.h"
#include "tests/allocators/explored_cache.h"
#include "tests/allocators/explored_program.h"
#include "tests/allocators/slub_2010/slub_2010_machine.h"
#include "tests/allocators/slubq_machine.h"
#include "workloads/auditor.h"

namespace slablab {
namespace {

template <typename Model>
class Models2010Test : public ::testing::Test {};
using Models = ::testing::Types<Slub2010, SlubQV2, SlubQV3, SlubQV4>;
TYPED_TEST_SUITE(Models2010Test, Models);

// --- Every order. ---

// What is done with a cache of four objects a slab.
template <typename Model>
class World : public ExploredCache {
 public:
  World(ModelMachine<Model>& machine, bool queues)
      : ExploredCache(machine,
                      machine.Create({.name = "w", .object_size = 8192, .no_merge = true}).value(),
                      kGfpKernel),
        m_(machine) {
    // Small queues: four objects and batches of two.
    if (queues) {
      EXPECT_TRUE(m_.Tune(cache(), "cpu_queue_size", 4).ok());
      constexpr bool kShares = !std::is_same_v<Model, SlubQV2>;
      EXPECT_EQ(m_.Tune(cache(), "shared_queue_size", 4).ok(), kShares);
    }
  }

  Piece Tune(int cpu, std::string key, int64_t value) {
    return {CpuId(cpu), Priority::kTask, [this, key, value](Cpu& on) -> Task<void> {
              const absl::Status status = co_await m_.model().Tune(on, cache(), key, value);
              EXPECT_TRUE(status.ok()) << status;
            }};
  }
  Piece Reclaim(int cpu) {
    return {CpuId(cpu), Priority::kTask,
            [this](Cpu& on) -> Task<void> { co_await m_.model().Reclaim(on, kAnyNode); }};
  }

 private:
  ModelMachine<Model>& m_;
};

// Runs, in every order, what `set_up` answers. Answers how many orders there were.
template <typename Model>
uint64_t ExploreAll(int nodes, const std::function<std::vector<Piece>(World<Model>&)>& set_up) {
  constexpr uint64_t kOrdersPerMachine = 1000;
  constexpr bool kQueues = !std::is_same_v<Model, Slub2010>;
  using OneMachine = ExploredMachine<ModelMachine<Model>>;
  std::unique_ptr<OneMachine> machine;
  const OrderBounds bounds{.orders_max = 10'000, .samples = 3000};
  return RunInEveryOrder(bounds, [&](uint64_t order, Explorer& explorer) {
    if (order % kOrdersPerMachine == 0) {
      machine = std::make_unique<OneMachine>(AllocatorMachineOptions{
          .cpus = 2, .nodes = nodes, .allocator = {.quirks = {"zone-dma-off"}}});
      // Twice: now every cache that is used has what it wants, and there are blocks to be kept.
      for (int i = 0; i < 2; ++i) {
        World<Model> first(machine->m, kQueues);
        set_up(first);
        first.TearDown();
      }
    }
    World<Model> world(machine->m, kQueues);
    const std::vector<Piece> pieces = set_up(world);
    RunPieces(machine->scheduler(), pieces, explorer);
    world.Audit();
    world.TearDown();
  });
}

TYPED_TEST(Models2010Test, AllocAgainstAlloc) {
  using W = World<TypeParam>;
  EXPECT_GE(ExploreAll<TypeParam>(1,
                                  [](W& w) -> std::vector<Piece> {
                                    return {w.Alloc(0), w.Alloc(1)};
                                  }),
            10u);
  // Both after the same partial slab.
  EXPECT_GE(ExploreAll<TypeParam>(1,
                                  [](W& w) -> std::vector<Piece> {
                                    const auto objects = w.AllocNow(0, 4);
                                    w.ShrinkNow();
                                    w.FreeNow(1, objects[1]);
                                    w.FreeNow(1, objects[2]);
                                    w.ShrinkNow();
                                    return {w.Alloc(0), w.Alloc(1)};
                                  }),
            10u);
}

TYPED_TEST(Models2010Test, FreeAgainstFreeAndAlloc) {
  using W = World<TypeParam>;
  const auto full_queues = [](W& w) {
    auto objects = w.AllocNow(0, 14);
    for (size_t i = 0; i < 6; ++i) w.FreeNow(0, objects[i]);
    for (size_t i = 6; i < 12; ++i) w.FreeNow(1, objects[i]);
    return objects;
  };
  EXPECT_GE(ExploreAll<TypeParam>(1,
                                  [&](W& w) -> std::vector<Piece> {
                                    const auto objects = full_queues(w);
                                    return {w.Free(0, objects[12]), w.Free(1, objects[13])};
                                  }),
            3u);
  EXPECT_GE(ExploreAll<TypeParam>(1,
                                  [&](W& w) -> std::vector<Piece> {
                                    const auto objects = w.AllocNow(0, 4);
                                    return {w.Alloc(0), w.Free(1, objects[2])};
                                  }),
            2u);
}

TYPED_TEST(Models2010Test, OtherNodesAtTheSameTime) {
  using W = World<TypeParam>;
  EXPECT_GE(ExploreAll<TypeParam>(2,
                                  [](W& w) -> std::vector<Piece> {
                                    const PhysAddr local = w.AllocNow(0);
                                    const PhysAddr remote = w.AllocNow(1);
                                    return {w.Free(0, remote), w.Free(1, local)};
                                  }),
            2u);
  EXPECT_GE(ExploreAll<TypeParam>(2,
                                  [](W& w) -> std::vector<Piece> {
                                    w.AllocNow(0, NodeId(1));
                                    return {w.Alloc(0, Priority::kTask, NodeId(1)), w.Alloc(1)};
                                  }),
            2u);
  // What the CPU has is of the wrong node.
  EXPECT_GE(
      ExploreAll<TypeParam>(2,
                            [](W& w) -> std::vector<Piece> {
                              const PhysAddr local = w.AllocNow(0);
                              return {w.Alloc(0, Priority::kTask, NodeId(1)), w.Free(1, local)};
                            }),
      2u);
}

TYPED_TEST(Models2010Test, ShrinkAgainstEverything) {
  using W = World<TypeParam>;
  EXPECT_GE(ExploreAll<TypeParam>(1,
                                  [](W& w) -> std::vector<Piece> {
                                    const PhysAddr object = w.AllocNow(1);
                                    return {w.Shrink(0), w.Free(1, object)};
                                  }),
            10u);
  EXPECT_GE(ExploreAll<TypeParam>(1,
                                  [](W& w) -> std::vector<Piece> {
                                    w.AllocNow(0);
                                    return {w.Shrink(0), w.Alloc(1)};
                                  }),
            10u);
}

TYPED_TEST(Models2010Test, InterruptsAtEveryPoint) {
  using W = World<TypeParam>;
  EXPECT_GE(ExploreAll<TypeParam>(1,
                                  [](W& w) -> std::vector<Piece> {
                                    return {w.Alloc(0), w.Alloc(0, Priority::kHardirq)};
                                  }),
            2u);
  EXPECT_GE(ExploreAll<TypeParam>(1,
                                  [](W& w) -> std::vector<Piece> {
                                    const auto objects = w.AllocNow(0, 4);
                                    return {w.Alloc(0), w.Free(0, objects[0], Priority::kHardirq),
                                            w.Free(0, objects[1], Priority::kHardirq)};
                                  }),
            2u);
}

template <typename Model>
class Queues2010Test : public ::testing::Test {};
TYPED_TEST_SUITE(Queues2010Test, AllVersions);
template <typename Model>
class SharedQueues2010Test : public ::testing::Test {};
TYPED_TEST_SUITE(SharedQueues2010Test, Versions);

TYPED_TEST(Queues2010Test, ResizingAgainstEverything) {
  using W = World<TypeParam>;
  const bool v2 = std::is_same_v<TypeParam, SlubQV2>;
  for (const char* key : {"cpu_queue_size", "shared_queue_size"}) {
    if (v2 && key == std::string_view("shared_queue_size")) continue;
    EXPECT_GE(ExploreAll<TypeParam>(1,
                                    [&](W& w) -> std::vector<Piece> {
                                      const PhysAddr object = w.AllocNow(1);
                                      return {w.Tune(0, key, 8), w.Free(1, object)};
                                    }),
              10u);
    EXPECT_GE(ExploreAll<TypeParam>(1,
                                    [&](W& w) -> std::vector<Piece> {
                                      return {w.Tune(0, key, 8), w.Alloc(1)};
                                    }),
              10u);
  }
  if (v2) return;
  EXPECT_GE(ExploreAll<TypeParam>(2,
                                  [&](W& w) -> std::vector<Piece> {
                                    const PhysAddr object = w.AllocNow(0);
                                    return {w.Tune(0, "alien_queue_size", 8), w.Free(1, object)};
                                  }),
            2u);
}

TYPED_TEST(SharedQueues2010Test, ExpiryAgainstEverything) {
  using W = World<TypeParam>;
  EXPECT_GE(ExploreAll<TypeParam>(1,
                                  [](W& w) -> std::vector<Piece> {
                                    const auto objects = w.AllocNow(1, 2);
                                    w.FreeNow(1, objects[0]);
                                    return {w.Tune(0, "expire", -1), w.Free(1, objects[1])};
                                  }),
            3u);
  EXPECT_GE(ExploreAll<TypeParam>(1,
                                  [](W& w) -> std::vector<Piece> {
                                    w.FreeNow(1, w.AllocNow(1));
                                    return {w.Tune(0, "expire", -1), w.Alloc(1)};
                                  }),
            3u);
}

// Memory is short while queues are resized, and on both CPUs at once.
TYPED_TEST(SharedQueues2010Test, ReclaimAgainstResizingAndReclaim) {
  using W = World<TypeParam>;
  EXPECT_GE(ExploreAll<TypeParam>(1,
                                  [](W& w) -> std::vector<Piece> {
                                    w.FreeNow(1, w.AllocNow(1));
                                    return {w.Tune(0, "shared_queue_size", 8), w.Reclaim(1)};
                                  }),
            10u);
  EXPECT_GE(ExploreAll<TypeParam>(1,
                                  [](W& w) -> std::vector<Piece> {
                                    w.FreeNow(1, w.AllocNow(1));
                                    return {w.Reclaim(0), w.Reclaim(1)};
                                  }),
            10u);
}

// --- What they have for themselves. ---

class MetadataTouches : public TouchObserver {
 public:
  // Of what `work` does on CPU 0.
  uint64_t Of(AllocatorMachine& m, const std::function<Task<void>(Cpu&)>& work) {
    count_ = 0;
    m.Run(0, [&](Cpu& cpu) -> Task<void> {
      cpu.set_observer(this);
      co_await work(cpu);
      cpu.set_observer(nullptr);
    });
    return count_;
  }
  void OnTouch(const Cpu&, Place place, Access, Outcome) override {
    if (place.structure == Structure::kSlabMetadata) ++count_;
  }

 private:
  uint64_t count_ = 0;
};

// Shrinking an unused cache looks at no slab but that of the array it kmalloc()s.
TYPED_TEST(Models2010Test, ItsOwnMemoryGoesBackByKfree) {
  ModelMachine<TypeParam> m({.cpus = 1});
  const CacheId cache = m.Create({.name = "x", .object_size = 8192, .no_merge = true}).value();
  constexpr uint64_t kArrayBytes = 4 * 16;  // a list head for each object of a slab
  m.Kfree(0, m.Kmalloc(0, kArrayBytes).object);
  const PhysAddr block = m.Kmalloc(0, kArrayBytes).object;
  MetadataTouches touches;
  const uint64_t of_kfree =
      touches.Of(m, [&](Cpu& cpu) -> Task<void> { co_await m.model().Kfree(cpu, block); });
  EXPECT_GE(of_kfree, 3u);  // the page, its flags, its cache
  EXPECT_EQ(touches.Of(m, [&](Cpu& cpu) { return m.model().Shrink(cpu, cache); }), of_kfree);
}

// --- At random, under an auditor. ---

TYPED_TEST(Models2010Test, TheAuditorSeesNothingWrong) {
  ModelMachine<TypeParam> m({.cpus = 4, .nodes = 2, .cpus_per_domain = 2});
  Auditor auditor(m.machine());
  Random random(11);
  struct Object {
    PhysAddr address;
    uint64_t bytes;
  };
  std::vector<Object> live;
  for (int i = 0; i < 30'000; ++i) {
    const auto cpu = static_cast<int>(random.Below(4));
    const bool filling = i / 3000 % 2 == 0;
    if (live.empty() || random.Below(10) < (filling ? 7u : 3u)) {
      const uint64_t bytes = 1 + random.Below(random.Below(20) == 0 ? 20'000 : 600);
      const PhysAddr object = m.Kmalloc(cpu, bytes).object;
      auditor.OnAlloc({.object = object, .bytes = bytes});
      live.push_back({object, bytes});
    } else {
      std::swap(live[random.Below(live.size())], live.back());
      auditor.OnFree(live.back().address, live.back().bytes);
      m.Kfree(cpu, live.back().address);
      live.pop_back();
    }
    if (i % 5000 == 0) m.model().CheckInvariants();
  }
  EXPECT_EQ(auditor.violations(), 0u) << auditor.first_violation();
  m.model().CheckInvariants();
}

}  // namespace
}  // namespace slablab
