// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Every order in which small programs of two CPUs, or of a CPU and its interrupts, can run on
// sheaves: another CPU or an interrupt may come in at every sync point. After each order the
// invariants must hold, and an account kept outside of the model must come out.

#include <algorithm>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"
#include "tests/allocators/explored_cache.h"
#include "tests/allocators/explored_program.h"
#include "tests/allocators/slub/sheaves_machine.h"

namespace slablab {
namespace {

constexpr Priority kTask = Priority::kTask;
constexpr Priority kHardirq = Priority::kHardirq;

// Programs of which all orders would take minutes.
constexpr OrderBounds kFewSwitches = {.switches_max = 3};
// Of three CPUs.
constexpr OrderBounds kTwoSwitches = {.switches_max = 2};

const SlubPolicy* const kEras[] = {&kSlub618, &kSlub70, &kSlub71, &kSlub72, &kSlub73};

// Barns that are full with one full sheaf.
constexpr SlubPolicy kSmallBarns = [] {
  SlubPolicy policy = kSlub73;
  policy.sheaves.barn_full_max = 1;
  policy.sheaves.barn_empty_max = 1;
  return policy;
}();

// What is done with a cache of four objects a slab and four a sheaf.
class World : public ExploredCache {
 public:
  World(SheafEraMachine& machine, const SlubPolicy& policy)
      : ExploredCache(machine, machine.MakeCache(8192, /*sheaf_capacity=*/4)),
        m_(machine),
        counts_once_(policy.sheaves.counted_as == SheafPolicy::CountedAs::kFastpath) {}

  SheafEraMachine& m() { return m_; }

  std::vector<PhysAddr> BulkNow(int cpu, size_t count) {
    const std::vector<PhysAddr> objects = m_.AllocBulk(cpu, cache(), count);
    for (const PhysAddr object : objects) Got(object);
    return objects;
  }
  void FreeManyNow(int cpu, const std::vector<PhysAddr>& objects) {
    for (const PhysAddr object : objects) FreeNow(cpu, object);
  }
  Piece FreeRcu(int cpu, PhysAddr object, Priority priority = kTask) {
    return {CpuId(cpu), priority, [this, object](Cpu& on) -> Task<void> {
              Gone(object);
              const bool taken = co_await m_.model().FreeRcuSheaf(on, object);
              if (!taken) co_await m_.model().Free(on, cache(), object);
              ++rcu_;
            }};
  }
  PhysAddr GoneOf(PhysAddr object) {
    Gone(object);
    ++rcu_;
    return object;
  }
  Piece FlushRcu(int cpu) {
    return {CpuId(cpu), kTask, [this](Cpu& on) { return m_.model().FlushRcuSheaves(on, cache()); }};
  }
  // By all of kvfree_rcu(): what no sheaf takes goes into a block or a list.
  Piece KvfreeRcu(int cpu, PhysAddr object, Priority priority = kTask) {
    batches_ = true;
    return {CpuId(cpu), priority, [this, object](Cpu& on) -> Task<void> {
              Gone(object);
              ++rcu_;
              co_await m_.kvfree_rcu().Free(on, object, 8192);
            }};
  }
  Piece KvfreeRcuBarrier(int cpu) {
    batches_ = true;
    return {CpuId(cpu), kTask,
            [this](Cpu& on) { return m_.kvfree_rcu().BarrierOnCache(on, cache()); }};
  }
  // Hotplug: what CPU 1 had, which has gone, as CPU 0 takes it over; and its coming back.
  void TakeCpuOffLine() { m_.machine().scheduler().SetOnline(CpuId(1), false); }
  Piece CpuDead() {
    return {CpuId(0), kTask, [this](Cpu& on) { return m_.model().CpuDead(on, CpuId(1)); }};
  }
  void FreeRcuNow(int cpu, PhysAddr object) {
    Gone(object);
    ++rcu_;
    EXPECT_TRUE(m_.FreeRcu(cpu, object));
  }
  // Past the sheaves, as is the next.
  void FreeToSlabsNow(int cpu, const std::vector<PhysAddr>& objects) {
    for (const PhysAddr object : objects) Gone(object);
    m_.KfreeBulk(cpu, objects);
  }
  Piece FreeToSlab(int cpu, PhysAddr object) {
    return {CpuId(cpu), kTask, [this, object](Cpu& on) -> Task<void> {
              Gone(object);
              std::vector<PhysAddr> objects = {object};
              co_await m_.model().KfreeBulk(on, absl::MakeSpan(objects));
            }};
  }

  Piece Tune(int cpu, std::string_view key, int64_t value) {
    return {CpuId(cpu), kTask, [this, key, value](Cpu& on) -> Task<void> {
              const absl::Status tuned = co_await m_.model().Tune(on, cache(), key, value);
              EXPECT_TRUE(tuned.ok()) << tuned;
            }};
  }
  // A sheaf with two objects, one of which is used before it is given back.
  Piece UsePrefilled(int cpu) {
    return {CpuId(cpu), kTask, [this](Cpu& on) -> Task<void> {
              const SheafId sheaf = co_await m_.model().PrefillSheaf(on, cache(), kGfpKernel, 2);
              const Placement got =
                  co_await m_.model().AllocFromSheaf(on, cache(), kGfpKernel, sheaf);
              Got(got.object);
              ++prefilled_;
              co_await m_.model().ReturnSheaf(on, cache(), kGfpKernel, sheaf);
            }};
  }

  void Audit() {
    if (!m_.machine().cpu(CpuId(1)).online()) m_.BringOnLine(1);
    if (batches_) {
      m_.Run(0, [this](Cpu& on) { return m_.kvfree_rcu().BarrierOnCache(on, cache()); });
      EXPECT_EQ(m_.kvfree_rcu().waiting(), RcuWaiting());
      EXPECT_EQ(m_.model().FootprintOf(cache()).rcu_objects, 0u);
      EXPECT_EQ(m_.model().FootprintOf(cache()).objects, allocs() - frees());
    }
    ExploredCache::Audit();
    EXPECT_EQ(Count("free_rcu_sheaf") + Count("free_rcu_sheaf_fail"), rcu_);
    if (!counts_once_) return;
    // What is prefilled straight from slabs is counted as allocated from there.
    const uint64_t straight = 2 * Count("sheaf_prefill_oversize");
    EXPECT_EQ(prefilled_ + Count("alloc_fastpath") + Count("alloc_slowpath"), allocs() + straight);
    EXPECT_EQ(Count("free_fastpath") + Count("free_slowpath") + Count("free_rcu_sheaf"), frees());
  }

  // Of an order that was set up and not run, what CPU 1 has is still to be taken over.
  void TearDown() {
    if (!m_.machine().cpu(CpuId(1)).online()) {
      m_.Run(0, [this](Cpu& on) { return m_.model().CpuDead(on, CpuId(1)); });
      m_.BringOnLine(1);
    }
    ExploredCache::TearDown();
  }

 private:
  SheafEraMachine& m_;
  const bool counts_once_;  // else what fills a sheaf counts as an allocation too
  bool batches_ = false;
  uint64_t rcu_ = 0;
  uint64_t prefilled_ = 0;
};

// Runs, in every order within the bounds, what `set_up` answers; `see` looks at each order's end.
Exploration ExploreAll(
    const SlubPolicy& policy, const OrderBounds& bounds,
    const std::function<std::vector<Piece>(World&)>& set_up,
    const std::function<void(World&)>& see = [](World&) {}, int cpus = 2) {
  constexpr uint64_t kOrdersPerMachine = 2000;
  Exploration exploration;
  std::unique_ptr<ExploredMachine<SheafEraMachine>> machine;
  exploration.orders = RunInEveryOrder(bounds, [&](uint64_t order, Explorer& explorer) {
    if (order % kOrdersPerMachine == 0) {
      machine = std::make_unique<ExploredMachine<SheafEraMachine>>(
          policy, AllocatorMachineOptions{.cpus = cpus});
      // Now there are blocks to be kept, for every order to come.
      World first(machine->m, policy);
      set_up(first);
      first.TearDown();
    }
    World world(machine->m, policy);
    const std::vector<Piece> pieces = set_up(world);
    RunPieces(machine->scheduler(), pieces, explorer);
    world.Audit();
    see(world);
    exploration.AddCounters(machine->m, world.cache());
    world.TearDown();
  });
  return exploration;
}

TEST(SheavesInterleavingTest, AnInterruptInTheCpusLockDoesWithoutSheaves) {
  Exploration all = ExploreAll(kSlub73, {}, [](World& w) -> std::vector<Piece> {
    w.AllocNow(0);
    return {w.Alloc(0), w.Alloc(0, kHardirq)};
  });
  EXPECT_GE(all.orders, 2u);
  EXPECT_GT(all["alloc_slowpath"], 0u);
  EXPECT_LT(all["alloc_slowpath"], all.orders);
  all = ExploreAll(kSlub73, {}, [](World& w) -> std::vector<Piece> {
    const std::vector<PhysAddr> objects = w.BulkNow(0, 4);
    return {w.Free(0, objects[0]), w.Free(0, objects[1], kHardirq)};
  });
  EXPECT_GT(all["free_slowpath"], 0u);
  // While the task is away for a sheaf, the interrupt brings one too.
  all = ExploreAll(kSlub73, {}, [](World& w) -> std::vector<Piece> {
    return {w.Alloc(0), w.Alloc(0, kHardirq)};
  });
  EXPECT_GE(all.orders, 10u);
  EXPECT_GT(all["barn_get_fail"], all.orders);
}

TEST(SheavesInterleavingTest, ABarnsLimitIsOverrunByTwoAtOnce) {
  bool overrun = false;
  bool kept = false;
  ExploreAll(
      kSmallBarns, {.switches_max = 4},
      [](World& w) -> std::vector<Piece> {
        std::vector<std::vector<PhysAddr>> objects = {w.BulkNow(0, 9), w.BulkNow(1, 9)};
        std::vector<Piece> pieces;
        for (int cpu = 0; cpu < 2; ++cpu) {
          const PhysAddr last = objects[static_cast<size_t>(cpu)].back();
          objects[static_cast<size_t>(cpu)].pop_back();
          w.FreeManyNow(cpu, objects[static_cast<size_t>(cpu)]);
          pieces.push_back(w.Free(cpu, last));
        }
        return pieces;
      },
      [&](World& w) {
        const uint64_t full = w.m().Barn(0, w.cache()).first;
        overrun |= full == 2;
        kept |= full == 1;
      });
  EXPECT_TRUE(overrun);
  EXPECT_TRUE(kept);
}

TEST(SheavesInterleavingTest, FreeAgainstFlush) {
  const Exploration all = ExploreAll(kSlub73, {}, [](World& w) -> std::vector<Piece> {
    const std::vector<PhysAddr> objects = w.BulkNow(0, 3);
    w.FreeNow(0, objects[0]);
    return {w.Free(0, objects[1]), w.Free(0, objects[2]), w.Shrink(1)};
  });
  EXPECT_GE(all.orders, 20u);
  EXPECT_GT(all["sheaf_flush"], 0u);
}

TEST(SheavesInterleavingTest, RefillAgainstRemoteFree) {
  for (const SlubPolicy* policy : {&kSlub70, &kSlub73}) {
    const Exploration all = ExploreAll(*policy, kFewSwitches, [](World& w) -> std::vector<Piece> {
      const std::vector<PhysAddr> objects = w.BulkNow(0, 8);
      w.FreeToSlabsNow(0, {objects[0], objects[1]});
      w.FreeToSlabsNow(0, {objects[4], objects[5], objects[6]});
      return {w.Alloc(0), w.FreeToSlab(1, objects[2])};
    });
    EXPECT_GE(all.orders, 50u);
    EXPECT_GT(all["cmpxchg_double_fail"], 0u);
  }
}

TEST(SheavesInterleavingTest, KvfreeRcuAgainstItsBarrier) {
  const Exploration all = ExploreAll(kSlub73, kFewSwitches, [](World& w) -> std::vector<Piece> {
    const std::vector<PhysAddr> objects = w.BulkNow(0, 6);
    return {w.FreeRcu(0, objects[0]), w.FreeRcu(0, objects[1]), w.FreeRcu(0, objects[2], kHardirq),
            w.FlushRcu(1)};
  });
  EXPECT_GE(all.orders, 50u);
  EXPECT_GT(all["free_rcu_sheaf_fail"], 0u);
}

TEST(SheavesInterleavingTest, KvfreeRcuAgainstFlush) {
  const Exploration all = ExploreAll(kSlub73, kFewSwitches, [](World& w) -> std::vector<Piece> {
    const std::vector<PhysAddr> objects = w.BulkNow(0, 5);
    w.FreeRcuNow(0, objects[0]);
    return {w.FreeRcu(0, objects[1]), w.FreeRcu(0, objects[2], kHardirq), w.Free(0, objects[3]),
            w.Shrink(1)};
  });
  EXPECT_GE(all.orders, 50u);
  EXPECT_GT(all["free_rcu_sheaf"], all.orders);
}

TEST(SheavesInterleavingTest, KvfreeRcuAgainstHotplug) {
  const Exploration all = ExploreAll(kSlub73, kFewSwitches, [](World& w) -> std::vector<Piece> {
    const std::vector<PhysAddr> objects = w.BulkNow(1, 6);
    w.FreeRcuNow(1, objects[0]);
    w.FreeRcuNow(1, objects[1]);
    w.FreeRcuNow(0, objects[2]);
    w.TakeCpuOffLine();
    return {w.CpuDead(), w.FreeRcu(0, objects[3], kHardirq), w.FreeRcu(0, objects[4], kHardirq)};
  });
  EXPECT_GE(all.orders, 10u);
  EXPECT_GT(all["free_rcu_sheaf"], 3 * all.orders);
}

// Blocks, lists and sheaves in one: what an interrupt frees while its CPU is in a sheaf is noted.
TEST(SheavesInterleavingTest, KvfreeRcuAgainstTheBarrierOfAll) {
  const Exploration all = ExploreAll(kSlub73, kFewSwitches, [](World& w) -> std::vector<Piece> {
    const std::vector<PhysAddr> objects = w.BulkNow(0, 6);
    return {w.KvfreeRcu(0, objects[0]), w.KvfreeRcu(0, objects[1], kHardirq),
            w.KvfreeRcu(1, objects[2]), w.KvfreeRcuBarrier(1)};
  });
  EXPECT_GE(all.orders, 50u);
  EXPECT_GT(all["free_rcu_sheaf_fail"], 0u);
}

// What a program does to a sheaf while its cache's capacity is changed: to more, to less, to none.
void ExploreCapacityChange(const std::function<std::vector<Piece>(World&)>& set_up,
                           uint64_t orders_least) {
  for (const SlubPolicy* policy : {&kSlub70, &kSlub73}) {
    for (const int64_t capacity : {6, 2, 0}) {
      const Exploration all = ExploreAll(
          *policy, kFewSwitches,
          [&](World& w) {
            std::vector<Piece> pieces = set_up(w);
            pieces.push_back(w.Tune(1, "sheaf_capacity", capacity));
            return pieces;
          },
          [&](World& w) {
            EXPECT_EQ(w.m().model().Layout(w.cache()).sheaf_capacity, capacity);
            if (capacity == 0) {
              EXPECT_TRUE(w.m().Contents(w.cache()).sheaves.empty());
            }
          });
      EXPECT_GE(all.orders, orders_least) << policy->name << " " << capacity;
    }
  }
}

TEST(SheavesInterleavingTest, CapacityChangeAgainstAllocationThatFillsASheaf) {
  ExploreCapacityChange([](World& w) -> std::vector<Piece> { return {w.Alloc(0)}; }, 20);
}

TEST(SheavesInterleavingTest, CapacityChangeAgainstFreeThatNeedsASheaf) {
  ExploreCapacityChange(
      [](World& w) -> std::vector<Piece> {
        std::vector<PhysAddr> objects = w.BulkNow(0, 9);
        const PhysAddr last = objects.back();
        objects.pop_back();
        w.FreeManyNow(0, objects);
        return {w.Free(0, last)};
      },
      20);
}

TEST(SheavesInterleavingTest, CapacityChangeAgainstTaskAndInterruptOfOneCpu) {
  ExploreCapacityChange(
      [](World& w) -> std::vector<Piece> {
        const std::vector<PhysAddr> objects = w.BulkNow(0, 5);
        for (int i = 0; i < 4; ++i) w.FreeNow(0, objects[static_cast<size_t>(i)]);
        return {w.Free(0, objects[4]), w.Alloc(0, kHardirq)};
      },
      20);
}

TEST(SheavesInterleavingTest, CapacityChangeAgainstKvfreeRcu) {
  ExploreCapacityChange(
      [](World& w) -> std::vector<Piece> {
        const std::vector<PhysAddr> objects = w.BulkNow(0, 5);
        for (int i = 0; i < 3; ++i) w.m().FreeRcu(0, w.GoneOf(objects[static_cast<size_t>(i)]));
        return {w.FreeRcu(0, objects[3]), w.FreeRcu(0, objects[4])};
      },
      20);
}

TEST(SheavesInterleavingTest, CapacityChangeAgainstPrefilledSheaf) {
  ExploreCapacityChange(
      [](World& w) -> std::vector<Piece> {
        w.AllocNow(0);
        return {w.UsePrefilled(0)};
      },
      20);
}

// --- Of three CPUs, in every era. ---

TEST(SheavesInterleavingTest, RefillAgainstTwoRemoteFrees) {
  for (const SlubPolicy* const era : kEras) {
    const Exploration all = ExploreAll(
        *era, kTwoSwitches,
        [](World& w) -> std::vector<Piece> {
          const std::vector<PhysAddr> objects = w.BulkNow(0, 8);
          w.FreeToSlabsNow(0, {objects[0], objects[1]});
          w.FreeToSlabsNow(0, {objects[4], objects[5], objects[6]});
          return {w.Alloc(0), w.FreeToSlab(1, objects[2]), w.FreeToSlab(2, objects[3])};
        },
        [](World&) {}, 3);
    EXPECT_GE(all.orders, 100u) << era->name;
  }
}

TEST(SheavesInterleavingTest, TwoCpusFreesAgainstTheFlushOfAThird) {
  for (const SlubPolicy* const era : kEras) {
    const Exploration all = ExploreAll(
        *era, kTwoSwitches,
        [](World& w) -> std::vector<Piece> {
          const std::vector<PhysAddr> objects = w.BulkNow(0, 4);
          w.FreeNow(0, objects[0]);
          w.FreeNow(1, objects[1]);
          return {w.Free(0, objects[2]), w.Free(1, objects[3]), w.Shrink(2)};
        },
        [](World&) {}, 3);
    EXPECT_GE(all.orders, 100u) << era->name;
    EXPECT_GT(all["sheaf_flush"], 0u) << era->name;
  }
}

// CPU 1 has gone; while CPU 0 takes over what it had, CPU 2 frees and hands over what there is.
TEST(SheavesInterleavingTest, HotplugAgainstKvfreeRcuAndItsBarrier) {
  for (const SlubPolicy* const era : kEras) {
    const Exploration all = ExploreAll(
        *era, kTwoSwitches,
        [](World& w) -> std::vector<Piece> {
          const std::vector<PhysAddr> objects = w.BulkNow(1, 6);
          w.FreeRcuNow(1, objects[0]);
          w.FreeRcuNow(2, objects[1]);
          w.TakeCpuOffLine();
          return {w.CpuDead(), w.FreeRcu(2, objects[2]), w.FreeRcu(0, objects[3], kHardirq),
                  w.FlushRcu(2)};
        },
        [](World&) {}, 3);
    EXPECT_GE(all.orders, 100u) << era->name;
    EXPECT_GT(all["free_rcu_sheaf"], 3 * all.orders) << era->name;
  }
}

}  // namespace
}  // namespace slablab
