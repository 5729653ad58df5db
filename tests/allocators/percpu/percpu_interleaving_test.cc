// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Every order in which small programs of two CPUs, or of a CPU and its interrupts, can run on the
// percpu allocators: another CPU or an interrupt may come in at every sync point. (Where a program
// has very many points, every order in which the CPUs take turns no more than a few times.) After
// each order the invariants must hold and the auditor, which knows nothing of the model, must be
// content: no two areas overlap, pages under them are populated, bytes are accounted for.

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "allocators/percpu/registry.h"
#include "gtest/gtest.h"
#include "sim/core/scheduler.h"
#include "sim/machine.h"
#include "tests/allocators/explored_program.h"
#include "tests/allocators/free_pages.h"
#include "workloads/percpu_auditor.h"

namespace slablab {
namespace {

constexpr Priority kTask = Priority::kTask;
constexpr Priority kHardirq = Priority::kHardirq;
constexpr int kFewSwitches = 3;
constexpr uint32_t kWide = 8192;

// One order's machine of two CPUs and its allocator. The first chunk has 12 KiB to give, others 64.
class World {
 public:
  explicit World(const std::string& name)
      : machine_(ReferenceMachine({.cpus = 2, .nodes = 1, .cpus_per_node = 2, .mib_per_node = 16})),
        pages_(machine_) {
    PercpuSetup setup;
    setup.static_bytes = kPageSize;
    setup.reserved_bytes = 0;
    setup.dynamic_bytes = kPercpuEarlyBytes;
    setup.atom_bytes = kPageSize;
    setup.unit_bytes_min = 64 << 10;
    areas_ =
        MakePercpuAreas(machine_, {.name = name, .setup = setup, .balance_at_once = false}).value();
    auditor_ = std::make_unique<PercpuAuditor>(*areas_);
    Stock();
    machine_.set_pages(&pages_);
  }

  Machine& machine() { return machine_; }
  PercpuAreas& areas() { return *areas_; }

  // --- Set-up, one operation at a time. ---
  PercpuArea AllocNow(uint32_t bytes) {
    PercpuArea area;
    Now([&](Cpu& cpu) -> Task<void> {
      area = co_await AllocOn(cpu, {.bytes = bytes, .align = 8});
    });
    return area;
  }
  void FreeNow(PercpuArea area) {
    Now([&](Cpu& cpu) { return FreeOn(cpu, area); });
  }
  void BalanceNow() {
    Now([&](Cpu& cpu) { return areas_->Balance(cpu); });
  }
  void FillFirstChunk() {
    for (const uint32_t bytes : {kWide, 4096u}) ASSERT_EQ(AllocNow(bytes).chunk, 0);
  }

  // --- Operations of the explored program. ---
  Piece Alloc(int cpu, uint32_t bytes) {
    return {CpuId(cpu), kTask, [this, bytes](Cpu& on) -> Task<void> {
              const PercpuArea area = co_await AllocOn(on, {.bytes = bytes, .align = 8});
              EXPECT_FALSE(area.is_null());
            }};
  }
  // May find nothing.
  Piece AllocAtomic(int cpu, uint32_t bytes, Priority priority = kTask) {
    return {CpuId(cpu), priority, [this, bytes](Cpu& on) -> Task<void> {
              co_await AllocOn(on, {.bytes = bytes, .align = 8, .gfp = kGfpAtomic});
            }};
  }
  Piece Free(int cpu, PercpuArea area, Priority priority = kTask) {
    return {CpuId(cpu), priority, [this, area](Cpu& on) -> Task<void> { return FreeOn(on, area); }};
  }
  Piece Balance(int cpu) {
    return {CpuId(cpu), kTask, [this](Cpu& on) { return areas_->Balance(on); }};
  }

  // --- The account. ---
  uint64_t atomic_failures() const { return atomic_failures_; }
  void Audit() {
    areas_->CheckInvariants();
    auditor_->CheckBytes();
    EXPECT_EQ(auditor_->violations(), 0u) << auditor_->first_violation();
    const PercpuFigures figures = areas_->Figures();
    EXPECT_EQ(figures.nr_cur_alloc, auditor_->live_areas());
    EXPECT_EQ(figures.nr_alloc - figures.nr_dealloc, auditor_->live_areas());
  }
  // All is given back, but for the first chunk and one or two that are kept at hand.
  void TearDown() {
    while (!live_.empty()) FreeNow(live_.begin()->second);
    for (int i = 0; i < 3; ++i) BalanceNow();
    Audit();
    EXPECT_LE(areas_->Figures().nr_chunks, 2u);
    EXPECT_EQ(areas_->usage().area_bytes, 0u);
  }

 private:
  // Enough pages at hand that each call is one sync point.
  void Stock() {
    std::vector<std::pair<PhysAddr, int>> blocks;
    Now([&](Cpu& cpu) -> Task<void> {
      for (int i = 0; i < 48; ++i) {
        const int order = i < 3 ? 5 : 0;
        const PageRequest request{.order = order, .node = NodeId(0), .gfp = kGfpKernel};
        const PhysAddr block = co_await pages_.Alloc(cpu, request);
        blocks.emplace_back(block, order);
      }
      for (const auto& [block, order] : blocks) co_await pages_.Free(cpu, block, order);
    });
  }
  void Now(const std::function<Task<void>(Cpu&)>& run) {
    machine_.scheduler().RunOn(CpuId(0), run);
  }
  Task<PercpuArea> AllocOn(Cpu& cpu, PercpuRequest request) {
    const PercpuArea area = co_await areas_->Alloc(cpu, request);
    if (area.is_null()) {
      ++atomic_failures_;
      co_return area;
    }
    auditor_->OnAlloc(request, area);
    live_[{area.chunk, area.offset}] = area;
    co_return area;
  }
  Task<void> FreeOn(Cpu& cpu, PercpuArea area) {
    live_.erase({area.chunk, area.offset});
    auditor_->OnFree(area);
    return areas_->Free(cpu, area);
  }

  Machine machine_;
  FreePages pages_;
  std::unique_ptr<PercpuAreas> areas_;
  std::unique_ptr<PercpuAuditor> auditor_;
  std::map<std::pair<int32_t, uint32_t>, PercpuArea> live_;  // by chunk and offset
  uint64_t atomic_failures_ = 0;
};

struct Exploration {
  uint64_t orders = 0;
  uint64_t atomic_failures = 0;  // over all orders
  std::set<uint32_t> chunks;     // how many there were at the end
};

// Runs, in every order, what `set_up` answers.
Exploration ExploreAll(const std::string& name, int switches_max,
                       const std::function<std::vector<Piece>(World&)>& set_up) {
  Exploration exploration;
  const OrderBounds bounds{.switches_max = switches_max, .orders_max = 200'000};
  exploration.orders = RunInEveryOrder(bounds, [&](uint64_t, Explorer& explorer) {
    World world(name);
    const std::vector<Piece> pieces = set_up(world);
    RunPieces(world.machine().scheduler(), pieces, explorer);
    world.Audit();
    exploration.atomic_failures += world.atomic_failures();
    exploration.chunks.insert(world.areas().Figures().nr_chunks);
    world.TearDown();
  });
  return exploration;
}

class PercpuInterleavingTest : public ::testing::TestWithParam<const char*> {
 protected:
  std::string name() const { return GetParam(); }
  bool is_2010() const { return name() == "percpu-2010"; }
};

INSTANTIATE_TEST_SUITE_P(Models, PercpuInterleavingTest,
                         ::testing::Values("percpu", "percpu-km", "percpu-2010"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::erase(name, '-');
                           return name;
                         });

// Two want a chunk that is not there: the mutex lets one make it, and the other finds it.
TEST_P(PercpuInterleavingTest, AllocAgainstAllocMakesOneChunk) {
  const Exploration all = ExploreAll(name(), kFewSwitches, [](World& w) -> std::vector<Piece> {
    w.FillFirstChunk();
    return {w.Alloc(0, kWide), w.Alloc(1, kWide)};
  });
  EXPECT_GE(all.orders, 10u);
  EXPECT_EQ(all.chunks, std::set<uint32_t>{2});
}

// In one chunk: the lock alone keeps them apart where pages are there already.
TEST_P(PercpuInterleavingTest, AllocAgainstFreeInOneChunk) {
  const Exploration all = ExploreAll(name(), kFewSwitches, [](World& w) -> std::vector<Piece> {
    w.AllocNow(64);
    const PercpuArea middle = w.AllocNow(128);
    w.AllocNow(64);
    return {w.Alloc(0, 128), w.Free(1, middle)};
  });
  EXPECT_GE(all.orders, 10u);
}

TEST_P(PercpuInterleavingTest, FreesOfNeighboursMerge) {
  const Exploration all =
      ExploreAll(name(), Decisions::kUnbounded, [](World& w) -> std::vector<Piece> {
        w.FillFirstChunk();
        const PercpuArea a = w.AllocNow(4096);
        const PercpuArea b = w.AllocNow(4096);
        return {w.Free(0, a), w.Free(1, b)};
      });
  EXPECT_GE(all.orders, 2u);
}

// Frees in an interrupt come in wherever interrupts are on, also while their own CPU waits.
TEST_P(PercpuInterleavingTest, AnInterruptFreesWhileItsCpuAllocates) {
  const Exploration all =
      ExploreAll(name(), Decisions::kUnbounded, [](World& w) -> std::vector<Piece> {
        w.FillFirstChunk();
        const PercpuArea area = w.AllocNow(4096);
        return {w.Alloc(0, kWide), w.Free(0, area, kHardirq)};
      });
  EXPECT_GE(all.orders, 3u);
}

// Balance work destroys what has become free, and not what is allocated from meanwhile.
TEST_P(PercpuInterleavingTest, AllocAgainstBalance) {
  const Exploration all = ExploreAll(name(), kFewSwitches, [](World& w) -> std::vector<Piece> {
    w.FillFirstChunk();
    std::vector<PercpuArea> areas;
    for (int i = 0; i < 3; ++i) areas.push_back(w.AllocNow(32 << 10));
    for (const PercpuArea area : areas) w.FreeNow(area);
    return {w.Alloc(0, 32 << 10), w.Balance(1)};
  });
  EXPECT_GE(all.orders, 5u);
}

TEST_P(PercpuInterleavingTest, FreeAgainstBalance) {
  const Exploration all = ExploreAll(name(), kFewSwitches, [](World& w) -> std::vector<Piece> {
    w.FillFirstChunk();
    std::vector<PercpuArea> areas;
    for (int i = 0; i < 3; ++i) areas.push_back(w.AllocNow(32 << 10));
    for (size_t i = 1; i < areas.size(); ++i) w.FreeNow(areas[i]);
    return {w.Free(0, areas[0]), w.Balance(1)};
  });
  EXPECT_GE(all.orders, 5u);
  // The chunk that came free was seen in time, or not.
  if (is_2010()) {
    EXPECT_EQ(all.chunks.size(), 2u);
  }
}

TEST_P(PercpuInterleavingTest, AllocFreeAndBalance) {
  const Exploration all = ExploreAll(name(), 2, [](World& w) -> std::vector<Piece> {
    w.FillFirstChunk();
    std::vector<PercpuArea> areas;
    for (int i = 0; i < 4; ++i) areas.push_back(w.AllocNow(32 << 10));
    for (size_t i = 1; i < areas.size(); ++i) w.FreeNow(areas[i]);
    return {w.Alloc(0, kWide), w.Free(1, areas[0]), w.Balance(1)};
  });
  EXPECT_GE(all.orders, 10u);
}

// Those who cannot wait take populated pages, in every state that who populates leaves the chunk.
TEST_P(PercpuInterleavingTest, AtomicAllocAgainstPopulation) {
  if (is_2010()) GTEST_SKIP() << "there were no atomic requests";
  const auto against = [&](bool balance) {
    return ExploreAll(name(), kFewSwitches, [balance](World& w) -> std::vector<Piece> {
      w.FillFirstChunk();
      w.AllocNow(64);
      return {w.AllocAtomic(0, kWide), balance ? w.Balance(1) : w.Alloc(1, 2 * kWide)};
    });
  };
  const Exploration all = against(/*balance=*/true);
  EXPECT_GE(all.orders, 5u);
  if (name() == "percpu") {
    EXPECT_GT(all.atomic_failures, 0u);
    EXPECT_LT(all.atomic_failures, all.orders);
  } else {
    EXPECT_EQ(all.atomic_failures, 0u);
  }
  EXPECT_GE(against(/*balance=*/false).orders, 5u);
}

TEST_P(PercpuInterleavingTest, AnInterruptAllocatesWhileItsCpuBalances) {
  if (is_2010()) GTEST_SKIP() << "there were no atomic requests";
  const Exploration all =
      ExploreAll(name(), Decisions::kUnbounded, [](World& w) -> std::vector<Piece> {
        w.FillFirstChunk();
        w.AllocNow(64);
        return {w.Balance(0), w.AllocAtomic(0, 4096, kHardirq)};
      });
  EXPECT_GE(all.orders, 2u);
}

}  // namespace
}  // namespace slablab
