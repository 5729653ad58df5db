// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// What must hold for every model of 2010 alike: under page allocations that fail, one by one; in
// every order in which small programs of two CPUs, or of a CPU and its interrupts, can run (of the
// few programs with more than ten thousand orders, in the first ones and in a random sample); and
// under an auditor that knows nothing of them.

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "allocators/slub_2010.h"
#include "gtest/gtest.h"
#include "sim/random.h"
#include "sim/scheduler.h"
#include "tests/allocators/explored_program.h"
#include "tests/allocators/free_pages.h"
#include "tests/allocators/slubq_machine.h"
#include "tests/sim/faulty_page_allocator.h"
#include "workloads/auditor.h"

namespace slablab {
namespace {

template <typename Model>
class Models2010Test : public ::testing::Test {};
using Models = ::testing::Types<Slub2010, SlubQV3, SlubQV4>;
TYPED_TEST_SUITE(Models2010Test, Models);

// --- Failing pages. ---

struct Outcome {
  uint64_t calls = 0;
  int failures = 0;
};

// Does a little of everything, undoes it, and counts what failed.
template <typename Model>
Outcome RunWithFaults(const FaultyPageAllocator::Faults& faults) {
  ModelMachine<Model> m({.cpus = 4, .nodes = 2, .allocator = {.quirks = {"zone-dma-off"}}});
  const Footprint before = m.slub().TotalFootprint();
  PageAllocator& real = m.machine().pages();
  FaultyPageAllocator pages(real, faults);
  m.machine().set_pages(&pages);
  Outcome outcome;
  const absl::StatusOr<CacheId> cache =
      m.Create({.name = "fault", .object_size = 1200, .no_merge = true});
  std::vector<PhysAddr> objects;
  std::vector<PhysAddr> blocks;
  const auto keep = [&](PhysAddr object, std::vector<PhysAddr>* kept) {
    if (object.is_null()) {
      ++outcome.failures;
    } else {
      kept->push_back(object);
    }
  };
  if (!cache.ok()) {
    EXPECT_EQ(cache.status().code(), absl::StatusCode::kResourceExhausted);
    ++outcome.failures;
  } else {
    for (int i = 0; i < 40; ++i) {
      keep(m.Alloc(i % 4, *cache, i % 5 == 0 ? NodeId(i % 2) : kAnyNode), &objects);
      // For those that have queues.
      if (i == 20) (void)m.Tune(*cache, "cpu_queue_size", 7);
      if (i == 30) (void)m.Tune(*cache, "shared_queue_size", 20);
    }
    m.slub().CheckInvariants();
    for (size_t i = 0; i < objects.size(); ++i) {
      m.Free(static_cast<int>(i * 7 % 4), *cache, objects[i]);
    }
    m.Shrink(1, *cache);
    m.slub().CheckInvariants();
    m.Destroy(*cache);
  }
  for (uint64_t bytes : {100u, 5000u, 8192u, 20000u}) {
    for (int i = 0; i < 5; ++i) keep(m.Kmalloc(i % 4, bytes).object, &blocks);
  }
  for (PhysAddr block : blocks) m.Kfree(3, block);
  m.slub().CheckInvariants();
  const Footprint after = m.slub().TotalFootprint();
  EXPECT_EQ(after.objects, before.objects);
  EXPECT_EQ(after.percpu_bytes, before.percpu_bytes);
  EXPECT_EQ(after.large_bytes, 0u);
  outcome.calls = pages.calls();
  m.machine().set_pages(&real);
  return outcome;
}

TYPED_TEST(Models2010Test, EachPageAllocationMayFailAlone) {
  const Outcome smooth = RunWithFaults<TypeParam>({});
  EXPECT_EQ(smooth.failures, 0);
  ASSERT_GT(smooth.calls, 10u);
  for (uint64_t call = 1; call <= smooth.calls; ++call) {
    SCOPED_TRACE(call);
    RunWithFaults<TypeParam>({.fail_call = call});
  }
}

TYPED_TEST(Models2010Test, AllPageAllocationsMayFailFromSomeOneOn) {
  const Outcome smooth = RunWithFaults<TypeParam>({});
  int failures = 0;
  for (uint64_t call = 1; call <= smooth.calls; ++call) {
    SCOPED_TRACE(call);
    failures += RunWithFaults<TypeParam>({.fail_from_call = call}).failures;
  }
  EXPECT_GT(failures, 0);
}

// --- Every order. ---

// One order's fresh cache of four objects a slab, and what was done with it.
template <typename Model>
class World {
 public:
  World(ModelMachine<Model>& machine, bool queues)
      : m_(machine),
        cache_(m_.Create({.name = "w", .object_size = 8192, .no_merge = true}).value()) {
    // Small queues: four objects and batches of two.
    if (queues) {
      EXPECT_TRUE(m_.Tune(cache_, "cpu_queue_size", 4).ok());
      EXPECT_TRUE(m_.Tune(cache_, "shared_queue_size", 4).ok());
    }
  }
  ModelMachine<Model>& m() { return m_; }
  CacheId cache() const { return cache_; }

  PhysAddr AllocNow(int cpu, NodeId node = kAnyNode) {
    const PhysAddr object = m_.Alloc(cpu, cache_, node);
    EXPECT_TRUE(live_.insert(object).second);
    return object;
  }
  std::vector<PhysAddr> AllocNow(int cpu, int count) {
    std::vector<PhysAddr> objects;
    for (int i = 0; i < count; ++i) objects.push_back(AllocNow(cpu));
    return objects;
  }
  void FreeNow(int cpu, PhysAddr object) {
    EXPECT_EQ(live_.erase(object), 1u);
    m_.Free(cpu, cache_, object);
  }

  Piece Alloc(int cpu, Priority priority = Priority::kTask, NodeId node = kAnyNode) {
    const Gfp gfp = priority == Priority::kTask ? kGfpKernel : kGfpAtomic;
    return {CpuId(cpu), priority, [this, node, gfp](Cpu& on) -> Task<void> {
              const Placement placement = co_await m_.slub().Alloc(on, cache_, gfp, node);
              EXPECT_FALSE(placement.object.is_null());
              EXPECT_TRUE(live_.insert(placement.object).second) << "handed out twice";
            }};
  }
  Piece Free(int cpu, PhysAddr object, Priority priority = Priority::kTask) {
    return {CpuId(cpu), priority, [this, object](Cpu& on) -> Task<void> {
              EXPECT_EQ(live_.erase(object), 1u);
              co_await m_.slub().Free(on, cache_, object);
            }};
  }
  Piece Shrink(int cpu) {
    return {CpuId(cpu), Priority::kTask,
            [this](Cpu& on) -> Task<void> { co_await m_.slub().Shrink(on, cache_); }};
  }
  Piece Tune(int cpu, std::string key, int64_t value) {
    return {CpuId(cpu), Priority::kTask, [this, key, value](Cpu& on) -> Task<void> {
              const absl::Status status = co_await m_.slub().Tune(on, cache_, key, value);
              EXPECT_TRUE(status.ok()) << status;
            }};
  }
  Piece Reclaim(int cpu) {
    return {CpuId(cpu), Priority::kTask,
            [this](Cpu& on) -> Task<void> { co_await m_.slub().Reclaim(on, kAnyNode); }};
  }
  void Audit() {
    m_.slub().CheckInvariants();
    EXPECT_EQ(m_.slub().FootprintOf(cache_).objects, live_.size());
  }
  void TearDown() {
    while (!live_.empty()) FreeNow(0, *live_.begin());
    m_.Destroy(cache_);
  }

 private:
  ModelMachine<Model>& m_;
  const CacheId cache_;
  std::set<PhysAddr> live_;
};

// Decides by chance.
class Chance : public Explorer {
 public:
  size_t Choose(const std::vector<CpuId>& runnable) override {
    return random_.Below(runnable.size());
  }
  bool InterruptNow(CpuId) override { return random_.Below(2) == 1; }

 private:
  Random random_{3};
};

// Runs, in every order, what `set_up` answers. Answers how many orders there were.
template <typename Model>
uint64_t ExploreAll(int nodes, const std::function<std::vector<Piece>(World<Model>&)>& set_up) {
  constexpr uint64_t kOrdersMax = 10'000;
  constexpr uint64_t kSamples = 3000;
  constexpr uint64_t kOrdersPerMachine = 1000;
  constexpr bool kQueues = !std::is_same_v<Model, Slub2010>;
  uint64_t orders = 0;
  Decisions decisions;
  Chance chance;
  std::unique_ptr<ModelMachine<Model>> machine;
  std::unique_ptr<FreePages> pages;
  do {
    if (orders % kOrdersPerMachine == 0) {
      machine = std::make_unique<ModelMachine<Model>>(ModelMachineOptions{
          .cpus = 2, .nodes = nodes, .allocator = {.quirks = {"zone-dma-off"}}});
      pages = std::make_unique<FreePages>(machine->machine());
      machine->machine().set_pages(pages.get());
      // Twice: now every cache that is used has what it wants, and there are blocks to be kept.
      for (int i = 0; i < 2; ++i) {
        World<Model> first(*machine, kQueues);
        set_up(first);
        first.TearDown();
      }
    }
    World<Model> world(*machine, kQueues);
    const std::vector<Piece> pieces = set_up(world);
    Scheduler& scheduler = machine->machine().scheduler();
    PieceSource source(pieces, scheduler.now());
    const bool is_sample = orders >= kOrdersMax;
    scheduler.set_explorer(is_sample ? static_cast<Explorer*>(&chance) : &decisions);
    scheduler.Run(source);
    scheduler.set_explorer(nullptr);
    world.Audit();
    world.TearDown();
    ++orders;
    if (::testing::Test::HasFailure()) {
      ADD_FAILURE() << "in order " << orders;
      break;
    }
    if (orders == kOrdersMax + kSamples) break;
  } while (orders >= kOrdersMax || decisions.Next());
  return orders;
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
                                    w.m().Shrink(0, w.cache());
                                    w.FreeNow(1, objects[1]);
                                    w.FreeNow(1, objects[2]);
                                    w.m().Shrink(0, w.cache());
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
TYPED_TEST_SUITE(Queues2010Test, Versions);

TYPED_TEST(Queues2010Test, ResizingAgainstEverything) {
  using W = World<TypeParam>;
  for (const char* key : {"cpu_queue_size", "shared_queue_size"}) {
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
  EXPECT_GE(ExploreAll<TypeParam>(2,
                                  [&](W& w) -> std::vector<Piece> {
                                    const PhysAddr object = w.AllocNow(0);
                                    return {w.Tune(0, "alien_queue_size", 8), w.Free(1, object)};
                                  }),
            2u);
}

TYPED_TEST(Queues2010Test, ExpiryAgainstEverything) {
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
TYPED_TEST(Queues2010Test, ReclaimAgainstResizingAndReclaim) {
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
    if (i % 5000 == 0) m.slub().CheckInvariants();
  }
  EXPECT_EQ(auditor.violations(), 0u) << auditor.first_violation();
  m.slub().CheckInvariants();
}

}  // namespace
}  // namespace slablab
