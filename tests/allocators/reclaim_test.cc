// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Memory that is short: what each allocator gives back, to whoever asks and when pages run out.

#include <memory>
#include <string>
#include <vector>

#include "allocators/registry.h"
#include "gtest/gtest.h"
#include "sim/core/scheduler.h"
#include "sim/pages/buddy_allocator.h"
#include "tests/allocators/explored_program.h"
#include "tests/allocators/slubq_machine.h"
#include "workloads/pressure.h"

namespace slablab {
namespace {

// Takes pages until there are none, leaving what is queued as the only reserve.
template <typename Model>
class ShortMachine : public QueueMachine<Model> {
 public:
  ShortMachine()
      : QueueMachine<Model>({.cpus = 2, .nodes = 1}),
        source_({}, 0),
        pressure_(this->machine(), this->model(), source_, 0) {}

  // What a queue holds goes back to its slabs, and a request that would have failed is served.
  void RunOut() {
    const CacheId queued = this->Create({.name = "queued", .object_size = 8192}).value();
    std::vector<PhysAddr> objects;
    for (int i = 0; i < 8; ++i) objects.push_back(this->Alloc(0, queued));
    for (PhysAddr object : objects) this->Free(0, queued, object);
    // All memory but that, in blocks that nobody gives back.
    this->Run(1, [&](Cpu& cpu) -> Task<void> {
      for (int order = kMaxPageOrder; order >= 0; --order) {
        for (;;) {
          const PageRequest request{.order = order, .node = kAnyNode, .gfp = kGfpKernel};
          const PhysAddr block = co_await this->machine().pages().Alloc(cpu, request);
          if (block.is_null()) break;
        }
      }
    });
    before_ = this->Count(queued, "per_cpu_caches");
    this->machine().buddy().set_reclaimer(&pressure_);
    // V4 passes over, once, what was in use.
    for (int i = 0; i < 4 && block_.is_null(); ++i) {
      this->Run(1, [&](Cpu& cpu) -> Task<void> {
        const PageRequest request{.order = 0, .node = kAnyNode, .gfp = kGfpKernel};
        block_ = co_await this->machine().pages().Alloc(cpu, request);
      });
    }
    after_ = this->Count(queued, "per_cpu_caches");
    this->machine().buddy().set_reclaimer(nullptr);
    this->model().CheckInvariants();
  }
  uint64_t before() const { return before_; }
  uint64_t after() const { return after_; }
  PhysAddr block() const { return block_; }
  const Pressure& pressure() const { return pressure_; }

 private:
  const std::vector<Piece> none_;
  PieceSource source_;
  Pressure pressure_;
  uint64_t before_ = 0;
  uint64_t after_ = 0;
  PhysAddr block_;
};

template <typename Model>
class ReclaimTest : public ::testing::Test {};
TYPED_TEST_SUITE(ReclaimTest, Versions);

TYPED_TEST(ReclaimTest, WhenPagesRunOutQueuesGiveBackWhatTheyHold) {
  ShortMachine<TypeParam> m;
  m.RunOut();
  EXPECT_GT(m.before(), 0u);
  EXPECT_LT(m.after(), m.before());
  EXPECT_GT(m.pressure().direct_calls(), 0u);
  EXPECT_GT(m.pressure().direct_bytes(), 0u);
}

// SLAB, SLUB and SLUB+Q V2 register no shrinker: nothing comes of asking.
TEST(ReclaimOthersTest, WhoHasNoShrinkerKeepsWhatHeHas) {
  for (std::string_view name : {"slub-6.1", "slab", "slub-2010", "slubq-v2"}) {
    Machine machine(
        ReferenceMachine({.cpus = 2, .nodes = 1, .cpus_per_node = 2, .mib_per_node = 64}));
    const std::unique_ptr<Allocator> model = MakeAllocator(name, machine, {}).value();
    machine.scheduler().RunOn(CpuId(0), [&](Cpu& cpu) { return model->Boot(cpu); });
    const uint64_t slab_bytes = model->TotalFootprint().slab_bytes;
    uint64_t bytes = 1;
    machine.scheduler().RunOn(
        CpuId(0), [&](Cpu& cpu) -> Task<void> { bytes = co_await model->Reclaim(cpu, kAnyNode); });
    EXPECT_EQ(bytes, 0u) << name;
    EXPECT_EQ(model->TotalFootprint().slab_bytes, slab_bytes) << name;
  }
}

// Five times the interval passes between the first and the last piece of work.
TYPED_TEST(ReclaimTest, TheKnobAsksForEachNodesMemoryAtEqualIntervals) {
  QueueMachine<TypeParam> m({.cpus = 4, .nodes = 2});
  const CacheId cache = m.MakeCache(20, 512);
  m.Free(0, cache, m.Alloc(0, cache));
  m.Free(2, cache, m.Alloc(2, cache));
  class TwoArrivals : public ArrivalSource {
   public:
    explicit TwoArrivals(Cycles start) : start_(start) {}
    bool Next(Arrival* arrival) override {
      if (count_ == 2) return false;
      *arrival = {
          .time = start_ + 5'100'000 * static_cast<Cycles>(count_++), .token = 7, .cpu = CpuId(1)};
      return true;
    }
    Task<void> Start(Cpu&, uint64_t token) override {
      EXPECT_EQ(token, 7u);
      co_return;
    }
    bool MayInterrupt(const Cpu&, uint64_t) const override { return true; }

   private:
    const Cycles start_;
    int count_ = 0;
  };
  TwoArrivals source(m.machine().scheduler().now());
  Pressure pressure(m.machine(), m.model(), source, 1'000'000);
  m.machine().scheduler().Run(pressure);
  EXPECT_EQ(pressure.kswapd().runs, 5u + 4);
  EXPECT_GT(pressure.kswapd().bytes, 0u);
  EXPECT_EQ(m.Count(cache, "per_cpu_caches"), 0u);
  m.model().CheckInvariants();
}

}  // namespace
}  // namespace slablab
