// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Every order in which small programs of two CPUs, or of a CPU and its interrupts, can run on SLUB:
// another CPU or an interrupt may come in at every sync point. After each order the invariants must
// hold, and an account kept outside of the model must come out: no object twice, every
// operation counted once, every slab accounted for.

#include <functional>
#include <memory>
#include <vector>

#include "gtest/gtest.h"
#include "tests/allocators/explored_cache.h"
#include "tests/allocators/explored_program.h"
#include "tests/allocators/slub_machine.h"

namespace slablab {
namespace {

constexpr Priority kTask = Priority::kTask;
constexpr Priority kHardirq = Priority::kHardirq;

// What is done with a cache of four objects a slab.
class World : public ExploredCache {
 public:
  World(SlubMachine& machine, uint64_t min_partial)
      : ExploredCache(machine, machine.MakeCache("w", min_partial)), m_(machine) {}

  SlubMachine& m() { return m_; }

  // --- Set-up, one operation at a time. ---
  std::vector<PhysAddr> AllocSlab(int cpu) { return AllocNow(cpu, 4); }
  // Slabs with `used` objects in use each, in the node's partial list; answers these objects.
  std::vector<std::vector<PhysAddr>> FillNode(const std::vector<int>& used) {
    std::vector<std::vector<PhysAddr>> slabs;
    for (size_t i = 0; i < used.size(); ++i) slabs.push_back(AllocSlab(0));
    ShrinkNow();
    for (size_t i = 0; i < used.size(); ++i) {
      while (slabs[i].size() > static_cast<size_t>(used[i])) {
        FreeNow(0, slabs[i].back());
        slabs[i].pop_back();
      }
    }
    ShrinkNow();
    return slabs;
  }

  // --- Operations of the explored program. ---
  Piece AllocThenFree(int cpu, Priority priority = kTask) {
    return {CpuId(cpu), priority, [this](Cpu& on) -> Task<void> {
              const Placement placement =
                  co_await m_.model().Alloc(on, cache(), kGfpAtomic, kAnyNode);
              Got(placement.object);
              Gone(placement.object);
              co_await m_.model().Free(on, cache(), placement.object);
            }};
  }
  Piece AllocTwoThenFreeFirst(int cpu, Priority priority) {
    return {CpuId(cpu), priority, [this](Cpu& on) -> Task<void> {
              const Placement first = co_await m_.model().Alloc(on, cache(), kGfpAtomic, kAnyNode);
              Got(first.object);
              const Placement second = co_await m_.model().Alloc(on, cache(), kGfpAtomic, kAnyNode);
              Got(second.object);
              Gone(first.object);
              co_await m_.model().Free(on, cache(), first.object);
            }};
  }
  Piece Bulk(int cpu, size_t count) {
    return {CpuId(cpu), kTask, [this, count](Cpu& on) -> Task<void> {
              std::vector<PhysAddr> objects(count);
              const size_t got =
                  co_await m_.model().AllocBulk(on, cache(), kGfpAtomic, absl::MakeSpan(objects));
              EXPECT_EQ(got, count);
              for (PhysAddr object : objects) Got(object);
              for (PhysAddr object : objects) Gone(object);
              bulk_ += count;
              co_await m_.model().FreeBulk(on, cache(), absl::MakeSpan(objects));
            }};
  }

  // --- The account. ---
  void Audit() {
    ExploredCache::Audit();
    const uint64_t slow = Count("alloc_slowpath");
    if (bulk_ == 0) {
      EXPECT_EQ(Count("alloc_fastpath") + slow, allocs());
      EXPECT_EQ(Count("free_fastpath") + Count("free_slowpath"), frees());
    }
    // Each slow allocation came by its object in one of these ways, or found that an interrupt
    // had filled the CPU's list.
    EXPECT_LE(Count("alloc_refill") + Count("alloc_from_partial") + Count("alloc_slab"), slow);
    // What is on no list any more was counted out (shrinking does not count).
    EXPECT_LE(m_.model().FootprintOf(cache()).slabs, Count("alloc_slab") - Count("free_slab"));
  }

 private:
  SlubMachine& m_;
  uint64_t bulk_ = 0;
};

struct ProgramOptions {
  int nodes = 1;
  uint64_t min_partial = 5;
};

// With the eras' names.
class SlubInterleavingTest : public ::testing::TestWithParam<const SlubPolicy*> {
 protected:
  const SlubPolicy& policy() const { return *GetParam(); }
  // Runs, in every order, what `set_up` answers.
  Exploration ExploreAll(const ProgramOptions& options,
                         const std::function<std::vector<Piece>(World&)>& set_up);
};

INSTANTIATE_TEST_SUITE_P(Eras, SlubInterleavingTest, ::testing::Values(&kSlub61, &kSlub612),
                         [](const auto& info) { return TestName(info.param->name); });

Exploration SlubInterleavingTest::ExploreAll(
    const ProgramOptions& options, const std::function<std::vector<Piece>(World&)>& set_up) {
  constexpr uint64_t kOrdersPerMachine = 2000;
  Exploration exploration;
  std::unique_ptr<ExploredMachine<SlubMachine>> machine;
  exploration.orders = RunInEveryOrder({}, [&](uint64_t order, Explorer& explorer) {
    if (order % kOrdersPerMachine == 0) {
      machine = std::make_unique<ExploredMachine<SlubMachine>>(
          AllocatorMachineOptions{.cpus = 2, .nodes = options.nodes}, policy());
      // Now there are blocks to be kept, for every order to come.
      World first(machine->m, options.min_partial);
      set_up(first);
      first.TearDown();
    }
    World world(machine->m, options.min_partial);
    const std::vector<Piece> pieces = set_up(world);
    RunPieces(machine->scheduler(), pieces, explorer);
    world.Audit();
    exploration.AddCounters(machine->m, world.cache());
    world.TearDown();
  });
  return exploration;
}

TEST_P(SlubInterleavingTest, AllocAgainstAlloc) {
  // Both from their own slabs.
  Exploration all = ExploreAll({}, [](World& w) -> std::vector<Piece> {
    w.AllocNow(0);
    w.AllocNow(1);
    return {w.Alloc(0), w.Alloc(0), w.Alloc(1), w.Alloc(1)};
  });
  EXPECT_GE(all.orders, 20u);
  EXPECT_EQ(all["cmpxchg_double_cpu_fail"], 0u);
  // Both from nothing.
  all = ExploreAll({}, [](World& w) -> std::vector<Piece> { return {w.Alloc(0), w.Alloc(1)}; });
  EXPECT_GE(all.orders, 100u);
  EXPECT_EQ(all["alloc_slab"], 2 * all.orders);
  // Both after the same partial slabs.
  all = ExploreAll({}, [](World& w) -> std::vector<Piece> {
    w.FillNode({1, 2, 1});
    // Two slabs at a time, or one.
    EXPECT_TRUE(w.m().Tune(w.cache(), "cpu_partial", 0).ok());
    return {w.Alloc(0), w.Alloc(1)};
  });
  EXPECT_GE(all.orders, 100u);
  EXPECT_EQ(all["alloc_from_partial"], 2 * all.orders);
  EXPECT_EQ(all["cpu_partial_node"], policy().freezes_cpu_partials ? all.orders : 0);
}

TEST_P(SlubInterleavingTest, AllocAgainstRemoteFree) {
  // Into the slab that is being allocated from.
  Exploration all = ExploreAll({}, [](World& w) -> std::vector<Piece> {
    const PhysAddr object = w.AllocNow(0);
    w.AllocNow(0);
    return {w.Alloc(0), w.Alloc(0), w.Free(1, object)};
  });
  EXPECT_GE(all.orders, 10u);
  // Into a slab that is being refilled from: found there, or too late and the slab let go.
  all = ExploreAll({}, [](World& w) -> std::vector<Piece> {
    const std::vector<PhysAddr> slab = w.AllocSlab(0);
    return {w.Alloc(0), w.Free(1, slab[1])};
  });
  EXPECT_GE(all.orders, 20u);
  EXPECT_GT(all["alloc_refill"], 0u);
  EXPECT_GT(all["deactivate_bypass"], 0u);
  EXPECT_GT(all["cmpxchg_double_fail"], 0u);
  EXPECT_GT(all["free_frozen"], 0u);
  EXPECT_GT(all["cpu_partial_free"], 0u);
}

TEST_P(SlubInterleavingTest, FreeAgainstFree) {
  // The first two objects of a full slab: one freezes it, or finds a list for it, and only one.
  Exploration all = ExploreAll({}, [](World& w) -> std::vector<Piece> {
    const std::vector<PhysAddr> slab = w.AllocSlab(0);
    w.AllocNow(0);
    w.AllocNow(1);
    return {w.Free(0, slab[0]), w.Free(1, slab[1])};
  });
  EXPECT_GE(all.orders, 20u);
  EXPECT_EQ(all["cpu_partial_free"], all.orders);
  EXPECT_EQ(all["free_frozen"], policy().freezes_cpu_partials ? all.orders : 0);
  EXPECT_GT(all["cmpxchg_double_fail"], 0u);
  // The last two of a slab on the node's list, which then goes.
  all = ExploreAll({.min_partial = 0}, [](World& w) -> std::vector<Piece> {
    const auto slabs = w.FillNode({2});
    return {w.Free(0, slabs[0][0]), w.Free(1, slabs[0][1])};
  });
  EXPECT_GE(all.orders, 20u);
  EXPECT_EQ(all["free_slab"], all.orders);
  EXPECT_GT(all["cmpxchg_double_fail"], 0u);
  // The last ones of two slabs, of which one may stay.
  all = ExploreAll({.min_partial = 1}, [](World& w) -> std::vector<Piece> {
    const auto slabs = w.FillNode({1, 1});
    return {w.Free(0, slabs[0][0]), w.Free(1, slabs[1][0])};
  });
  EXPECT_GT(all["free_slab"], 0u);
}

TEST_P(SlubInterleavingTest, FreeAgainstTheSlowPathOfAllocation) {
  // Into the slabs that are being taken from the node's list, for the CPU's partial list and for
  // the CPU itself, which comes first; the last object, too.
  for (const uint64_t min_partial : {0u, 1u, 5u}) {
    for (const size_t into : {0u, 1u}) {
      const Exploration all =
          ExploreAll({.min_partial = min_partial}, [into](World& w) -> std::vector<Piece> {
            const auto slabs = w.FillNode({1, 2});
            return {w.Alloc(0), w.Free(1, slabs[into][0])};
          });
      EXPECT_GE(all.orders, 100u);
      EXPECT_GT(all["alloc_from_partial"], 0u);
      const bool is_frozen = into == 1 || policy().freezes_cpu_partials;
      EXPECT_EQ(all["cmpxchg_double_fail"] > 0, is_frozen);
      EXPECT_EQ(all["free_frozen"] > 0, is_frozen);
    }
  }
}

TEST_P(SlubInterleavingTest, FreeAgainstDeactivation) {
  // CPU 0 wants another node and gives up its slab, which CPU 1 frees into.
  const Exploration all = ExploreAll({.nodes = 2}, [](World& w) -> std::vector<Piece> {
    const PhysAddr object = w.AllocNow(0);
    w.AllocNow(1);
    return {w.Alloc(0, kTask, NodeId(1)), w.Free(1, object)};
  });
  EXPECT_GE(all.orders, 100u);
  EXPECT_GT(all["deactivate_to_head"], 0u);
  EXPECT_GT(all["deactivate_to_tail"], 0u);
  EXPECT_GT(all["cmpxchg_double_fail"], 0u);
}

TEST_P(SlubInterleavingTest, FreeAgainstADrain) {
  // CPU 0's partial list is full and goes to the node while CPU 1 frees into a slab of it.
  for (const uint64_t min_partial : {0u, 5u}) {
    const Exploration all =
        ExploreAll({.min_partial = min_partial}, [](World& w) -> std::vector<Piece> {
          EXPECT_TRUE(w.m().Tune(w.cache(), "cpu_partial", 2).ok());  // One slab.
          const std::vector<PhysAddr> a = w.AllocSlab(0);
          const std::vector<PhysAddr> b = w.AllocSlab(0);
          w.AllocNow(0);
          for (size_t i = 0; i < 3; ++i) w.FreeNow(0, a[i]);
          return {w.Free(0, b[0]), w.Free(1, a[3])};
        });
    EXPECT_GE(all.orders, 50u);
    EXPECT_EQ(all["cpu_partial_drain"], all.orders);
    // What is not frozen need not be thawed.
    EXPECT_EQ(all["cmpxchg_double_fail"] > 0, policy().freezes_cpu_partials);
    if (min_partial == 0) {
      EXPECT_GT(all["deactivate_empty"], 0u);
      EXPECT_GT(all["free_remove_partial"], 0u);
    }
  }
}

TEST_P(SlubInterleavingTest, ShrinkAgainstEverything) {
  Exploration all = ExploreAll({}, [](World& w) -> std::vector<Piece> {
    const PhysAddr object = w.AllocNow(1);
    return {w.Shrink(0), w.Free(1, object)};
  });
  EXPECT_GE(all.orders, 100u);
  all = ExploreAll({}, [](World& w) -> std::vector<Piece> {
    w.FillNode({1, 3});
    return {w.Shrink(0), w.Alloc(1)};
  });
  EXPECT_GE(all.orders, 100u);
  all = ExploreAll({}, [](World& w) -> std::vector<Piece> {
    const auto slabs = w.FillNode({1, 2});
    return {w.Shrink(0), w.Free(1, slabs[0][0])};
  });
  EXPECT_GE(all.orders, 100u);
}

TEST_P(SlubInterleavingTest, InterruptsAtEveryPointOfTheFastPaths) {
  // The fast path's compare-and-exchange fails if anything came in between.
  Exploration all = ExploreAll({}, [](World& w) -> std::vector<Piece> {
    w.AllocNow(0);
    return {w.Alloc(0), w.Alloc(0, kHardirq)};
  });
  EXPECT_GE(all.orders, 2u);
  EXPECT_GT(all["cmpxchg_double_cpu_fail"], 0u);
  all = ExploreAll({}, [](World& w) -> std::vector<Piece> {
    const PhysAddr object = w.AllocNow(0);
    return {w.Free(0, object), w.AllocThenFree(0, kHardirq)};
  });
  EXPECT_GT(all["cmpxchg_double_cpu_fail"], 0u);
  // The first object that was seen is the first again, but the second one is in use: [uABc], the
  // interrupt takes A and B and frees A. Only the tid tells.
  all = ExploreAll({}, [](World& w) -> std::vector<Piece> {
    w.AllocNow(0);
    return {w.Alloc(0), w.AllocTwoThenFreeFirst(0, kHardirq), w.Alloc(0)};
  });
  EXPECT_GT(all["cmpxchg_double_cpu_fail"], 0u);
  // The interrupt takes the last objects: the fast path becomes a slow one.
  all = ExploreAll({}, [](World& w) -> std::vector<Piece> {
    for (int i = 0; i < 3; ++i) w.AllocNow(0);
    return {w.Alloc(0), w.Alloc(0, kHardirq), w.Alloc(0, kHardirq)};
  });
  EXPECT_GT(all["cmpxchg_double_cpu_fail"], 0u);
  EXPECT_GT(all["deactivate_bypass"], 0u);
}

TEST_P(SlubInterleavingTest, InterruptsAtEveryPointOfTheSlowPaths) {
  // The interrupt installs a slab while the task is after one: one of the two is flushed.
  Exploration all = ExploreAll({}, [](World& w) -> std::vector<Piece> {
    return {w.Alloc(0), w.Alloc(0, kHardirq)};
  });
  EXPECT_GE(all.orders, 3u);
  EXPECT_GT(all["cpuslab_flush"], 0u);
  all = ExploreAll({}, [](World& w) -> std::vector<Piece> {
    w.FillNode({1, 1, 1});
    return {w.Alloc(0), w.Alloc(0, kHardirq), w.Alloc(0, kHardirq)};
  });
  EXPECT_GE(all.orders, 10u);
  EXPECT_GT(all["cpuslab_flush"], 0u);
  // The CPU's partial list is used up by the interrupt while the task looks at it.
  all = ExploreAll({}, [](World& w) -> std::vector<Piece> {
    const std::vector<PhysAddr> slab = w.AllocSlab(0);
    w.AllocNow(0);
    w.FreeNow(0, slab[0]);
    for (int i = 0; i < 3; ++i) w.AllocNow(0);
    return {w.Alloc(0), w.Alloc(0, kHardirq), w.Alloc(0, kHardirq)};
  });
  EXPECT_GE(all.orders, 10u);
  // Frees in interrupts: into the slab at hand, and one that freezes another.
  all = ExploreAll({.min_partial = 0}, [](World& w) -> std::vector<Piece> {
    const std::vector<PhysAddr> a = w.AllocSlab(0);
    const std::vector<PhysAddr> b = w.AllocSlab(0);
    return {w.Alloc(0), w.Free(0, b[0], kHardirq), w.Free(0, a[0], kHardirq)};
  });
  EXPECT_GE(all.orders, 10u);
  all = ExploreAll({.min_partial = 0}, [](World& w) -> std::vector<Piece> {
    EXPECT_TRUE(w.m().Tune(w.cache(), "cpu_partial", 0).ok());
    const std::vector<PhysAddr> a = w.AllocSlab(0);
    const std::vector<PhysAddr> b = w.AllocSlab(0);
    const std::vector<PhysAddr> c = w.AllocSlab(0);
    w.AllocNow(0);
    w.FreeNow(0, c[0]);
    return {w.Free(0, a[0]), w.Free(0, b[0], kHardirq), w.Alloc(0, kHardirq)};
  });
  EXPECT_GE(all.orders, 10u);
  EXPECT_GT(all["cpu_partial_drain"], 0u);
}

TEST_P(SlubInterleavingTest, BulkAgainstInterruptsAndFrees) {
  Exploration all = ExploreAll({}, [](World& w) -> std::vector<Piece> {
    w.AllocNow(0);
    return {w.Bulk(0, 5), w.AllocThenFree(0, kHardirq)};
  });
  EXPECT_GE(all.orders, 5u);
  all = ExploreAll({}, [](World& w) -> std::vector<Piece> {
    const PhysAddr object = w.AllocNow(0);
    return {w.Bulk(0, 4), w.Free(1, object)};
  });
  EXPECT_GE(all.orders, 50u);
}

}  // namespace
}  // namespace slablab
