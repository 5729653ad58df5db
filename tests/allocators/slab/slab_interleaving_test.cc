// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Every order in which small programs of two CPUs, or of a CPU and its interrupts, can run on SLAB
// of both eras: another CPU or an interrupt may come in at every sync point. (Where a program has
// very many points, every order in which the CPUs take turns no more than a few times.) After each
// order the invariants must hold, and an account kept outside of the model must come out: no object
// twice, every operation counted once, every slab accounted for.

#include <functional>
#include <memory>
#include <vector>

#include "gtest/gtest.h"
#include "sim/core/scheduler.h"
#include "tests/allocators/explored_cache.h"
#include "tests/allocators/explored_program.h"
#include "tests/allocators/slab_machine.h"

namespace slablab {
namespace {

constexpr Priority kTask = Priority::kTask;
constexpr int kFewSwitches = 4;
constexpr Priority kHardirq = Priority::kHardirq;

// What is done with a cache of four objects a slab.
class World : public ExploredCache {
 public:
  World(SlabMachine& machine, const std::vector<int64_t>& tunables)
      : ExploredCache(machine, machine.MakeCache("w")), m_(machine) {
    EXPECT_TRUE(m_.Tune(cache(), tunables).ok());
  }

  Piece Tune(int cpu) {
    return {CpuId(cpu), kTask, [this](Cpu& on) -> Task<void> {
              static constexpr Allocator::Tunable kTunables[] = {{"limit", 3}, {"batchcount", 1}};
              const absl::Status tuned = co_await m_.model().TuneTogether(on, cache(), kTunables);
              EXPECT_TRUE(tuned.ok());
            }};
  }
  Piece Reap(int cpu) {
    return {CpuId(cpu), kTask, [this](Cpu& on) -> Task<void> { co_await m_.model().Work(on); }};
  }
  // All is due to be reaped: what was touched was reaped around once, a while ago.
  void LetLie() {
    constexpr Cycles kMinute = 180'000'000'000;
    for (int cpu = 0; cpu < m_.machine().config().cpu_count(); ++cpu) {
      m_.Run(cpu, [this](Cpu& on) -> Task<void> {
        co_await m_.model().Work(on);
        on.Execute(kMinute);
      });
    }
  }
  // A CPU that was taken off line before goes, or comes.
  Piece GoOf(int cpu, int gone) {
    return {CpuId(cpu), kTask,
            [this, gone](Cpu& on) -> Task<void> { co_await m_.model().CpuDead(on, CpuId(gone)); }};
  }
  Piece ComingOf(int cpu, int coming) {
    return {CpuId(cpu), kTask, [this, coming](Cpu& on) -> Task<void> {
              co_await m_.model().CpuComing(on, CpuId(coming));
            }};
  }

  // --- The account. ---
  void Audit() {
    ExploredCache::Audit();
    // Every free is a hit, a miss or remote.
    EXPECT_EQ(Count("freehit") + Count("freemiss") + Count("remotefrees"), frees());
    EXPECT_LE(Count("num_slabs"), Count("grown"));
  }

 private:
  SlabMachine& m_;
};

struct ProgramOptions {
  int cpus = 2;
  int nodes = 1;
  std::vector<int64_t> tunables = {2, 1, 1};
  bool kmallocs = false;  // some of what is explored needs SLAB's own structures
  int switches_max = Decisions::kUnbounded;
  // Before and after each order, where CPUs come and go.
  std::function<void(SlabMachine&)> before = [](SlabMachine&) {};
  std::function<void(SlabMachine&)> after = [](SlabMachine&) {};
};

// Runs, in every order, what `set_up` answers.
Exploration ExploreAll(const SlabPolicy& policy, const ProgramOptions& options,
                       const std::function<std::vector<Piece>(World&)>& set_up) {
  constexpr uint64_t kOrdersPerMachine = 500;
  Exploration exploration;
  std::unique_ptr<ExploredMachine<SlabMachine>> machine;
  const OrderBounds bounds{.switches_max = options.switches_max};
  exploration.orders = RunInEveryOrder(bounds, [&](uint64_t order, Explorer& explorer) {
    if (order % kOrdersPerMachine == 0) {
      machine = std::make_unique<ExploredMachine<SlabMachine>>(
          AllocatorMachineOptions{.cpus = options.cpus, .nodes = options.nodes}, policy);
    }
    // Where the size classes are used too, every order begins with nothing in their arrays.
    if (options.kmallocs) machine->m.ShrinkAll();
    World world(machine->m, options.tunables);
    const std::vector<Piece> pieces = set_up(world);
    options.before(machine->m);
    RunPieces(machine->scheduler(), pieces, explorer);
    options.after(machine->m);
    world.Audit();
    exploration.AddCounters(machine->m, world.cache());
    world.TearDown();
  });
  return exploration;
}

class SlabInterleavingTest : public ::testing::TestWithParam<const SlabPolicy*> {
 protected:
  bool IsOf61() const { return GetParam() == &kSlabPolicy61; }
};

INSTANTIATE_TEST_SUITE_P(Eras, SlabInterleavingTest,
                         ::testing::Values(&kSlabPolicy61, &kSlabPolicy2014), [](const auto& info) {
                           return info.param == &kSlabPolicy61 ? "Of61" : "Of2014";
                         });

TEST_P(SlabInterleavingTest, RefillAgainstRefill) {
  // From nothing: each grows, or finds what the other has grown.
  Exploration all =
      ExploreAll(*GetParam(), {.switches_max = kFewSwitches}, [](World& w) -> std::vector<Piece> {
        return {w.Alloc(0), w.Alloc(1)};
      });
  EXPECT_GE(all.orders, 10u);
  EXPECT_EQ(all["allocmiss"], 2 * all.orders);
  EXPECT_GE(all["grown"], all.orders);
  EXPECT_LE(all["grown"], 2 * all.orders);
  // From one slab that has one object left.
  all = ExploreAll(*GetParam(), {.switches_max = kFewSwitches}, [](World& w) -> std::vector<Piece> {
    w.AllocNow(0, 3);
    return {w.Alloc(0), w.Alloc(1)};
  });
  EXPECT_GE(all.orders, 10u);
  EXPECT_GT(all["grown"], all.orders);
}

TEST_P(SlabInterleavingTest, RefillAgainstFlush) {
  // CPU 0 flushes to the shared array while CPU 1 refills from it, or from the slab behind it.
  Exploration all = ExploreAll(*GetParam(), {}, [](World& w) -> std::vector<Piece> {
    const std::vector<PhysAddr> o = w.AllocNow(0, 4);
    w.FreeNow(0, o[0]);
    w.FreeNow(0, o[1]);
    return {w.Free(0, o[2]), w.Alloc(1)};
  });
  EXPECT_GE(all.orders, 10u);
  EXPECT_EQ(all["freemiss"], all.orders);
  // Sometimes what came with the flush, sometimes of a new slab.
  EXPECT_GT(all["grown"], all.orders);
  EXPECT_LT(all["grown"], 2 * all.orders);
  // Nothing is shared: the slab itself.
  all = ExploreAll(*GetParam(), {.tunables = {2, 2, 0}}, [](World& w) -> std::vector<Piece> {
    const std::vector<PhysAddr> o = w.AllocNow(0, 4);
    w.FreeNow(0, o[0]);
    w.FreeNow(0, o[1]);
    return {w.Free(0, o[2]), w.Alloc(1)};
  });
  EXPECT_GE(all.orders, 10u);
  EXPECT_LT(all["grown"], 2 * all.orders);
}

TEST_P(SlabInterleavingTest, FlushAgainstFlush) {
  // Free slabs go, and only as many as are there.
  const Exploration all =
      ExploreAll(*GetParam(), {.tunables = {1, 1, 0}}, [](World& w) -> std::vector<Piece> {
        const std::vector<PhysAddr> o = w.AllocNow(0, 12);
        for (size_t i : {0u, 1u, 2u, 4u, 5u, 6u, 8u, 9u}) w.FreeNow(0, o[i]);
        w.FreeNow(1, o[3]);
        return {w.Free(0, o[7]), w.Free(1, o[10])};
      });
  EXPECT_GE(all.orders, 5u);
  EXPECT_GE(all["freemiss"], 2 * all.orders);
}

TEST_P(SlabInterleavingTest, AllocAgainstRemoteFreeThroughAnAlienCache) {
  const ProgramOptions two_nodes{.nodes = 2, .switches_max = kFewSwitches};
  // Into the alien cache: node 0 knows nothing of it.
  Exploration all = ExploreAll(*GetParam(), two_nodes, [](World& w) -> std::vector<Piece> {
    const PhysAddr object = w.AllocNow(0);
    return {w.Alloc(0), w.Free(1, object)};
  });
  EXPECT_GE(all.orders, 2u);
  EXPECT_EQ(all["remotefrees"], all.orders);
  EXPECT_EQ(all["alienoverflow"], 0u);
  // The alien cache is full: it drains into node 0's shared array and slabs while CPU 0 refills
  // from them.
  all = ExploreAll(*GetParam(), two_nodes, [](World& w) -> std::vector<Piece> {
    const std::vector<PhysAddr> o = w.AllocNow(0, 16);
    for (size_t i = 0; i < 12; ++i) w.FreeNow(1, o[i]);
    return {w.Alloc(0), w.Free(1, o[12])};
  });
  EXPECT_GE(all.orders, 10u);
  EXPECT_EQ(all["alienoverflow"], all.orders);
  EXPECT_GT(all["grown"], 4 * all.orders);
  EXPECT_LT(all["grown"], 5 * all.orders);
  // Two CPUs of the node after the same full alien cache: one drains it, and only one.
  all = ExploreAll(*GetParam(), {.cpus = 4, .nodes = 2}, [](World& w) -> std::vector<Piece> {
    const std::vector<PhysAddr> o = w.AllocNow(0, 16);
    for (size_t i = 0; i < 12; ++i) w.FreeNow(2, o[i]);
    return {w.Free(2, o[12]), w.Free(3, o[13])};
  });
  EXPECT_GE(all.orders, 5u);
  EXPECT_EQ(all["alienoverflow"], all.orders);
}

TEST_P(SlabInterleavingTest, NodeDirectedAllocAgainstThatNodesOwn) {
  const Exploration all = ExploreAll(*GetParam(), {.nodes = 2}, [](World& w) -> std::vector<Piece> {
    w.AllocNow(1, 3);
    return {w.Alloc(0, kTask, NodeId(1)), w.Alloc(1)};
  });
  EXPECT_GE(all.orders, 10u);
}

TEST_P(SlabInterleavingTest, TuneAgainstAllocAndFree) {
  Exploration all = ExploreAll(*GetParam(), {.kmallocs = true, .switches_max = kFewSwitches},
                               [](World& w) -> std::vector<Piece> {
                                 const PhysAddr object = w.AllocNow(1);
                                 w.AllocNow(1);
                                 w.FreeNow(1, object);
                                 return {w.Tune(0), w.Alloc(1)};
                               });
  EXPECT_GE(all.orders, 20u);
  all = ExploreAll(*GetParam(), {.kmallocs = true, .switches_max = kFewSwitches},
                   [](World& w) -> std::vector<Piece> {
                     return {w.Tune(0), w.Alloc(1)};
                   });
  EXPECT_GE(all.orders, 50u);
  all = ExploreAll(*GetParam(), {.kmallocs = true, .switches_max = kFewSwitches},
                   [](World& w) -> std::vector<Piece> {
                     const std::vector<PhysAddr> o = w.AllocNow(1, 4);
                     w.FreeNow(1, o[0]);
                     w.FreeNow(1, o[1]);
                     return {w.Tune(0), w.Free(1, o[2])};
                   });
  EXPECT_GE(all.orders, 50u);
  EXPECT_GT(all["freemiss"], 0u);
  EXPECT_LT(all["freemiss"], all.orders);  // The new arrays have room.
}

TEST_P(SlabInterleavingTest, ShrinkAgainstAllocAndFree) {
  Exploration all =
      ExploreAll(*GetParam(), {.switches_max = kFewSwitches}, [](World& w) -> std::vector<Piece> {
        const PhysAddr object = w.AllocNow(1);
        return {w.Shrink(0), w.Free(1, object)};
      });
  EXPECT_GE(all.orders, 20u);
  all = ExploreAll(*GetParam(), {.switches_max = kFewSwitches}, [](World& w) -> std::vector<Piece> {
    w.FreeNow(1, w.AllocNow(1));
    return {w.Shrink(0), w.Alloc(1)};
  });
  EXPECT_GE(all.orders, 20u);
}

TEST_P(SlabInterleavingTest, HotplugAgainstFree) {
  // CPU 1 is gone; CPU 0 clears up behind it while CPU 2, of the same node, frees into the node.
  const ProgramOptions goes{
      .cpus = 3,
      .tunables = {1, 1, 0},
      .kmallocs = true,
      .switches_max = 2,
      .before = [](SlabMachine& m) { m.machine().scheduler().SetOnline(CpuId(1), false); },
      .after = [](SlabMachine& m) { m.BringOnLine(1); }};
  Exploration all = ExploreAll(*GetParam(), goes, [](World& w) -> std::vector<Piece> {
    const std::vector<PhysAddr> o = w.AllocNow(1, 4);
    w.FreeNow(1, o[0]);
    w.FreeNow(2, o[1]);
    return {w.GoOf(0, 1), w.Free(2, o[2])};
  });
  EXPECT_GE(all.orders, 20u);
  EXPECT_EQ(all["freemiss"], all.orders);
  // It comes back.
  const ProgramOptions comes{
      .cpus = 3,
      .tunables = {1, 1, 1},
      .kmallocs = true,
      .switches_max = 2,
      .before = [](SlabMachine& m) { m.TakeOffLine(1); },
      .after = [](SlabMachine& m) { m.machine().scheduler().SetOnline(CpuId(1), true); }};
  all = ExploreAll(*GetParam(), comes, [](World& w) -> std::vector<Piece> {
    const std::vector<PhysAddr> o = w.AllocNow(2, 4);
    w.FreeNow(2, o[0]);
    return {w.ComingOf(0, 1), w.Free(2, o[1])};
  });
  EXPECT_GE(all.orders, 20u);
}

TEST_P(SlabInterleavingTest, ReapAgainstAllocAndFree) {
  // CPU 1 refills from what CPU 0 is giving back: the shared array, and a free slab.
  const auto lie = [](World& w) {
    const std::vector<PhysAddr> o = w.AllocNow(0, 8);
    for (size_t i = 0; i < 7; ++i) w.FreeNow(0, o[i]);
    w.LetLie();
    return o[7];
  };
  Exploration all = ExploreAll(
      *GetParam(), {.tunables = {3, 2, 1}, .kmallocs = true, .switches_max = 1}, [&](World& w) {
        lie(w);
        return std::vector<Piece>{w.Reap(0), w.Alloc(1)};
      });
  EXPECT_GE(all.orders, 20u);
  all = ExploreAll(*GetParam(), {.tunables = {3, 2, 1}, .kmallocs = true, .switches_max = 1},
                   [&](World& w) {
                     const PhysAddr last = lie(w);
                     return std::vector<Piece>{w.Reap(0), w.Free(1, last)};
                   });
  EXPECT_GE(all.orders, 20u);
  // Two at a time: one of them gives up.
  all = ExploreAll(*GetParam(), {.tunables = {3, 2, 1}, .kmallocs = true, .switches_max = 1},
                   [&](World& w) {
                     lie(w);
                     return std::vector<Piece>{w.Reap(0), w.Reap(1)};
                   });
  EXPECT_GE(all.orders, 20u);
  // An interrupt frees where it is being reaped.
  all = ExploreAll(*GetParam(), {.tunables = {3, 2, 1}, .kmallocs = true}, [&](World& w) {
    const PhysAddr last = lie(w);
    return std::vector<Piece>{w.Reap(0), w.Free(0, last, kHardirq)};
  });
  EXPECT_GE(all.orders, 20u);
}

TEST_P(SlabInterleavingTest, InterruptsComeOnlyBetweenOperations) {
  // All of an operation has interrupts off: the interrupt comes before, or after.
  const Exploration all = ExploreAll(*GetParam(), {}, [](World& w) -> std::vector<Piece> {
    w.FreeNow(0, w.AllocNow(0));
    return {w.Alloc(0), w.Alloc(0, kHardirq)};
  });
  EXPECT_GE(all.orders, 2u);
  EXPECT_EQ(all["allocmiss"], 2 * all.orders);
}

}  // namespace
}  // namespace slablab
