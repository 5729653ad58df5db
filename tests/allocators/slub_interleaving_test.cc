// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Every order in which small programs of two CPUs, or of a CPU and its interrupts, can run on SLUB:
// another CPU or an interrupt may come in at every sync point. After each order the invariants must
// hold, and an account kept outside of the model must come out: no object twice, every
// operation counted once, every slab accounted for.

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"
#include "tests/allocators/explored_program.h"
#include "tests/allocators/free_pages.h"
#include "tests/allocators/slub_machine.h"

namespace slablab {
namespace {

constexpr Priority kTask = Priority::kTask;
constexpr Priority kHardirq = Priority::kHardirq;

// One order's fresh cache, its objects, and what was done with them.
class World {
 public:
  World(SlubMachine& machine, uint64_t min_partial)
      : m_(machine), cache_(machine.MakeCache("w", min_partial)) {}

  SlubMachine& m() { return m_; }
  CacheId cache() const { return cache_; }

  // --- Set-up, one operation at a time. ---
  std::vector<PhysAddr> AllocSlab(int cpu) {
    std::vector<PhysAddr> slab = m_.AllocSlab(cpu, cache_);
    for (PhysAddr object : slab) Got(object);
    return slab;
  }
  PhysAddr AllocNow(int cpu) {
    const PhysAddr object = m_.Alloc(cpu, cache_);
    Got(object);
    return object;
  }
  void FreeNow(int cpu, PhysAddr object) {
    Gone(object);
    m_.Free(cpu, cache_, object);
  }
  // Slabs with `used` objects in use each, in the node's partial list; answers these objects.
  std::vector<std::vector<PhysAddr>> FillNode(const std::vector<int>& used) {
    std::vector<std::vector<PhysAddr>> slabs;
    for (size_t i = 0; i < used.size(); ++i) slabs.push_back(AllocSlab(0));
    m_.Shrink(0, cache_);
    for (size_t i = 0; i < used.size(); ++i) {
      while (slabs[i].size() > static_cast<size_t>(used[i])) {
        FreeNow(0, slabs[i].back());
        slabs[i].pop_back();
      }
    }
    m_.Shrink(0, cache_);
    return slabs;
  }

  // --- Operations of the explored program. ---
  Piece Alloc(int cpu, Priority priority = kTask, NodeId node = kAnyNode) {
    return {CpuId(cpu), priority, [this, node](Cpu& on) -> Task<void> {
              const Placement placement = co_await m_.slub().Alloc(on, cache_, kGfpAtomic, node);
              Got(placement.object);
            }};
  }
  Piece Free(int cpu, PhysAddr object, Priority priority = kTask) {
    return {CpuId(cpu), priority, [this, object](Cpu& on) -> Task<void> {
              Gone(object);
              co_await m_.slub().Free(on, cache_, object);
            }};
  }
  Piece AllocThenFree(int cpu, Priority priority = kTask) {
    return {CpuId(cpu), priority, [this](Cpu& on) -> Task<void> {
              const Placement placement =
                  co_await m_.slub().Alloc(on, cache_, kGfpAtomic, kAnyNode);
              Got(placement.object);
              Gone(placement.object);
              co_await m_.slub().Free(on, cache_, placement.object);
            }};
  }
  Piece AllocTwoThenFreeFirst(int cpu, Priority priority) {
    return {CpuId(cpu), priority, [this](Cpu& on) -> Task<void> {
              const Placement first = co_await m_.slub().Alloc(on, cache_, kGfpAtomic, kAnyNode);
              Got(first.object);
              const Placement second = co_await m_.slub().Alloc(on, cache_, kGfpAtomic, kAnyNode);
              Got(second.object);
              Gone(first.object);
              co_await m_.slub().Free(on, cache_, first.object);
            }};
  }
  Piece Bulk(int cpu, size_t count) {
    return {CpuId(cpu), kTask, [this, count](Cpu& on) -> Task<void> {
              std::vector<PhysAddr> objects(count);
              const size_t got =
                  co_await m_.slub().AllocBulk(on, cache_, kGfpAtomic, absl::MakeSpan(objects));
              EXPECT_EQ(got, count);
              for (PhysAddr object : objects) Got(object);
              for (PhysAddr object : objects) Gone(object);
              bulk_ += count;
              co_await m_.slub().FreeBulk(on, cache_, absl::MakeSpan(objects));
            }};
  }
  Piece Shrink(int cpu) {
    return {CpuId(cpu), kTask,
            [this](Cpu& on) -> Task<void> { co_await m_.slub().Shrink(on, cache_); }};
  }

  // --- The account. ---
  void Audit() {
    m_.slub().CheckInvariants();
    EXPECT_EQ(m_.slub().FootprintOf(cache_).objects, live_.size());
    const uint64_t slow = Count("alloc_slowpath");
    if (bulk_ == 0) {
      EXPECT_EQ(Count("alloc_fastpath") + slow, allocs_);
      EXPECT_EQ(Count("free_fastpath") + Count("free_slowpath"), frees_);
    }
    // Each slow allocation came by its object in one of these ways, or found that an interrupt
    // had filled the CPU's list.
    EXPECT_LE(Count("alloc_refill") + Count("alloc_from_partial") + Count("alloc_slab"), slow);
    // What is on no list any more was counted out (shrinking does not count).
    EXPECT_LE(m_.slub().FootprintOf(cache_).slabs, Count("alloc_slab") - Count("free_slab"));
    for (const Figure& figure : m_.slub().Counters(cache_)) seen_[figure.name] += figure.value;
  }
  void TearDown() {
    while (!live_.empty()) FreeNow(0, *live_.begin());
    m_.Destroy(cache_);
  }
  const std::map<std::string, uint64_t>& seen() const { return seen_; }

 private:
  void Got(PhysAddr object) {
    ASSERT_FALSE(object.is_null());
    ++allocs_;
    EXPECT_TRUE(live_.insert(object).second) << "handed out twice";
  }
  void Gone(PhysAddr object) {
    ++frees_;
    EXPECT_EQ(live_.erase(object), 1u);
  }
  uint64_t Count(std::string_view name) const { return m_.Count(cache_, name); }

  SlubMachine& m_;
  const CacheId cache_;
  std::set<PhysAddr> live_;
  uint64_t allocs_ = 0;
  uint64_t frees_ = 0;
  uint64_t bulk_ = 0;
  std::map<std::string, uint64_t> seen_;  // counters at the end
};

struct Exploration {
  uint64_t orders = 0;
  std::map<std::string, uint64_t> counters;  // summed over all orders

  uint64_t operator[](const std::string& name) const {
    const auto found = counters.find(name);
    return found == counters.end() ? 0 : found->second;
  }
};

struct ProgramOptions {
  int nodes = 1;
  uint64_t min_partial = 5;
};

// Runs, in every order, what `set_up` answers.
Exploration ExploreAll(const ProgramOptions& options,
                       const std::function<std::vector<Piece>(World&)>& set_up) {
  constexpr uint64_t kOrdersMax = 2'000'000;
  constexpr uint64_t kOrdersPerMachine = 2000;
  Exploration exploration;
  Decisions decisions;
  std::unique_ptr<SlubMachine> machine;
  std::unique_ptr<FreePages> pages;
  do {
    if (exploration.orders % kOrdersPerMachine == 0) {
      machine = std::make_unique<SlubMachine>(
          SlubMachine::Options{.cpus = 2, .nodes = options.nodes, .allocator = {}});
      pages = std::make_unique<FreePages>(machine->machine());
      machine->machine().set_pages(pages.get());
      // Now there are blocks to be kept, for every order to come.
      World first(*machine, options.min_partial);
      set_up(first);
      first.TearDown();
    }
    World world(*machine, options.min_partial);
    const std::vector<Piece> pieces = set_up(world);
    Scheduler& scheduler = machine->machine().scheduler();
    PieceSource source(pieces, scheduler.now());
    scheduler.set_explorer(&decisions);
    scheduler.Run(source);
    scheduler.set_explorer(nullptr);
    world.Audit();
    for (const auto& [name, value] : world.seen()) exploration.counters[name] += value;
    world.TearDown();
    ++exploration.orders;
    if (::testing::Test::HasFailure()) {
      ADD_FAILURE() << "in order " << exploration.orders;
      return exploration;
    }
    CHECK_LT(exploration.orders, kOrdersMax);
  } while (decisions.Next());
  return exploration;
}

TEST(SlubInterleavingTest, AllocAgainstAlloc) {
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
    EXPECT_TRUE(w.m().Tune(w.cache(), "cpu_partial", 0).ok());  // Two slabs at a time.
    return {w.Alloc(0), w.Alloc(1)};
  });
  EXPECT_GE(all.orders, 100u);
  EXPECT_EQ(all["alloc_from_partial"], 2 * all.orders);
  EXPECT_EQ(all["cpu_partial_node"], all.orders);
}

TEST(SlubInterleavingTest, AllocAgainstRemoteFree) {
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

TEST(SlubInterleavingTest, FreeAgainstFree) {
  // The first two objects of a full slab: one freezes it, and only one.
  Exploration all = ExploreAll({}, [](World& w) -> std::vector<Piece> {
    const std::vector<PhysAddr> slab = w.AllocSlab(0);
    w.AllocNow(0);
    w.AllocNow(1);
    return {w.Free(0, slab[0]), w.Free(1, slab[1])};
  });
  EXPECT_GE(all.orders, 20u);
  EXPECT_EQ(all["cpu_partial_free"], all.orders);
  EXPECT_EQ(all["free_frozen"], all.orders);
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

TEST(SlubInterleavingTest, FreeAgainstTheSlowPathOfAllocation) {
  // Into the slab that is being acquired from the node's list; its last object, too.
  for (const uint64_t min_partial : {0u, 1u, 5u}) {
    const Exploration all =
        ExploreAll({.min_partial = min_partial}, [](World& w) -> std::vector<Piece> {
          const auto slabs = w.FillNode({1, 2});
          return {w.Alloc(0), w.Free(1, slabs[0][0])};
        });
    EXPECT_GE(all.orders, 100u);
    EXPECT_GT(all["alloc_from_partial"], 0u);
    EXPECT_GT(all["cmpxchg_double_fail"], 0u);
    EXPECT_GT(all["free_frozen"], 0u);
  }
}

TEST(SlubInterleavingTest, FreeAgainstDeactivation) {
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

TEST(SlubInterleavingTest, FreeAgainstADrain) {
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
    EXPECT_GT(all["cmpxchg_double_fail"], 0u);
    if (min_partial == 0) {
      EXPECT_GT(all["deactivate_empty"], 0u);
      EXPECT_GT(all["free_remove_partial"], 0u);
    }
  }
}

TEST(SlubInterleavingTest, ShrinkAgainstEverything) {
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

TEST(SlubInterleavingTest, InterruptsAtEveryPointOfTheFastPaths) {
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

TEST(SlubInterleavingTest, InterruptsAtEveryPointOfTheSlowPaths) {
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

TEST(SlubInterleavingTest, BulkAgainstInterruptsAndFrees) {
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
