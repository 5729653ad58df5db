// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Every model when the page allocator fails: at every single call of a program that uses
// everything, and at every call from some call on. Whatever fails, fails alone: the invariants
// hold, and in the end every page is back.

#include <string>
#include <string_view>
#include <vector>

#include "allocators/switches.h"
#include "gtest/gtest.h"
#include "tests/allocators/allocator_machine.h"
#include "tests/sim/pages/faulty_page_allocator.h"

namespace slablab {
namespace {

constexpr std::string_view kSheafCapacity = "sheaf_capacity";

// What a cache in use can be tuned to that takes memory.
std::vector<Allocator::Tunable> Tunables(std::string_view allocator) {
  std::vector<Allocator::Tunable> tunables;
  for (const Allocator::Tunable& tunable :
       {Allocator::Tunable{"cpu_queue_size", 7}, Allocator::Tunable{"shared_queue_size", 20},
        Allocator::Tunable{"limit", 30}, Allocator::Tunable{"batchcount", 10},
        Allocator::Tunable{"shared", 4}, Allocator::Tunable{kSheafCapacity, 9}}) {
    for (const TunableInfo& has : SwitchesOf(allocator).tunables) {
      if (has.name == tunable.key) tunables.push_back(tunable);
    }
  }
  return tunables;
}

// Whether a cache of it has queues of objects between CPUs and slabs.
bool HasQueues(const Allocator& allocator) {
  for (const Figure& state : allocator.State(CacheId(0))) {
    if (state.role == FigureRole::kQueued) return true;
  }
  return false;
}

// Does a little of everything, undoes it, and counts what failed.
class Program {
 public:
  Program(AllocatorMachine& machine, std::string_view allocator)
      : m_(machine), tunables_(Tunables(allocator)) {}

  int failures() const { return failures_; }
  bool has_large() const { return has_large_; }

  void Run() {
    for (const CacheSpec& spec : Caches()) {
      const absl::StatusOr<CacheId> cache = m_.Create(spec);
      if (Succeeded(cache.status())) {
        UseCache(*cache);
        m_.Destroy(*cache);
      }
      m_.allocator().CheckInvariants();
    }
    UseKmalloc();
    m_.allocator().CheckInvariants();
  }

 private:
  // Slabs of several orders; the last has SLAB's lists outside of them.
  static std::vector<CacheSpec> Caches() {
    return {
        {.name = "fault0", .object_size = 600, .no_merge = true},
        {.name = "fault1", .object_size = 1200, .no_merge = true, .sheaf_capacity = 7},
        {.name = "fault2", .object_size = 2400, .no_merge = true},
        {.name = "fault3", .object_size = 4096, .no_merge = true},
        {.name = "fault4", .object_size = 256, .has_constructor = true, .no_merge = true},
    };
  }

  void UseCache(CacheId cache) {
    std::vector<PhysAddr> objects;
    for (int i = 0; i < 40; ++i) {
      Keep(m_.Alloc(i % 4, cache, i % 5 == 0 ? NodeId(i % 2) : kAnyNode), &objects);
      if (i == 20) Succeeded(m_.TuneTogether(cache, TunablesOf(cache)));
    }
    m_.allocator().CheckInvariants();
    std::vector<PhysAddr> bulk(30);
    size_t got = 0;
    m_.Run(1, [&](Cpu& cpu) -> Task<void> {
      got = co_await m_.allocator().AllocBulk(cpu, cache, kGfpKernel, absl::MakeSpan(bulk));
    });
    EXPECT_TRUE(got == 0 || got == bulk.size());
    if (got == 0) ++failures_;
    m_.allocator().CheckInvariants();
    m_.Run(2, [&](Cpu& cpu) {
      return m_.allocator().FreeBulk(cpu, cache, absl::MakeSpan(bulk).subspan(0, got));
    });
    for (size_t i = 0; i < objects.size(); ++i) {
      m_.Free(static_cast<int>(i * 7 % 4), cache, objects[i]);
    }
    m_.Shrink(1, cache);
    m_.allocator().CheckInvariants();
  }

  // Of caches that are without sheaves, as those of 6.18 that do not ask for them, none is about
  // sheaves.
  std::vector<Allocator::Tunable> TunablesOf(CacheId cache) const {
    std::vector<Allocator::Tunable> tunables = tunables_;
    if (m_.allocator().Layout(cache).sheaf_capacity == 0) {
      std::erase_if(tunables, [](const auto& each) { return each.key == kSheafCapacity; });
    }
    return tunables;
  }

  void UseKmalloc() {
    std::vector<PhysAddr> objects;
    for (uint64_t bytes : {100u, 5000u, 8192u, 8193u, 20000u, 100000u}) {
      for (int i = 0; i < 5; ++i) Keep(m_.Kmalloc(i % 4, bytes).object, &objects);
    }
    has_large_ |= m_.allocator().TotalFootprint().large_blocks > 0;
    for (PhysAddr object : objects) m_.Kfree(3, object);
  }

  // There is no other reason to fail than that there is no memory.
  bool Succeeded(const absl::Status& status) {
    if (status.ok()) return true;
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
    ++failures_;
    return false;
  }
  void Keep(PhysAddr object, std::vector<PhysAddr>* objects) {
    if (object.is_null()) {
      ++failures_;
    } else {
      objects->push_back(object);
    }
  }

  AllocatorMachine& m_;
  const std::vector<Allocator::Tunable> tunables_;
  int failures_ = 0;
  bool has_large_ = false;
};

struct Outcome {
  uint64_t calls = 0;
  int failures = 0;
  bool has_large = false;  // there were kmalloc()s of whole pages
};

Outcome RunProgram(std::string_view allocator, const FaultyPageAllocator::Faults& faults) {
  AllocatorMachine machine(allocator, {.cpus = 4, .nodes = 2});
  const Footprint before = machine.ShrinkAll();
  FaultyPageAllocator pages(machine.machine().pages(), faults);
  machine.machine().set_pages(&pages);
  Program program(machine, allocator);
  program.Run();
  const Outcome outcome = {.calls = pages.calls(), .failures = program.failures(),
                           .has_large = program.has_large()};
  pages.set_faults({});  // Shrinking may want memory too.
  const CacheId sheaves = machine.allocator().FindCache("kmalloc-512");
  const bool has_sheaves =
      sheaves != kNoCache && !machine.allocator().Contents(sheaves).sheaves.empty();
  Footprint after = machine.ShrinkAll();
  // Sheaves that a cache gives back go through sheaves of kmalloc's caches, which may have been
  // shrunk already.
  for (int again = 0; has_sheaves && again < 3; ++again) after = machine.ShrinkAll();
  // SLUB+Q, which has queues, shrinks with an array of kmalloc's, which may leave a queue of its
  // like. The main sheaves that stay are as many as before, but others, and lie in more slabs.
  if (!HasQueues(machine.allocator()) && !has_sheaves) {
    EXPECT_EQ(after.slab_bytes, before.slab_bytes);
  }
  EXPECT_EQ(after.objects, before.objects);
  EXPECT_EQ(after.own_objects, before.own_objects);
  EXPECT_EQ(after.percpu_bytes, before.percpu_bytes);
  EXPECT_EQ(after.large_bytes, 0u);
  machine.allocator().CheckInvariants();
  return outcome;
}

class FaultTest : public ::testing::TestWithParam<std::string> {};

INSTANTIATE_TEST_SUITE_P(Models, FaultTest, ::testing::ValuesIn(TestedModels()),
                         [](const auto& info) { return TestName(info.param); });

TEST_P(FaultTest, EachPageAllocationMayFailAlone) {
  const Outcome smooth = RunProgram(GetParam(), {});
  EXPECT_EQ(smooth.failures, 0);
  ASSERT_GT(smooth.calls, 30u);
  int failures = 0;
  for (uint64_t call = 1; call <= smooth.calls; ++call) {
    SCOPED_TRACE(call);
    failures += RunProgram(GetParam(), {.fail_call = call}).failures;
  }
  // Objects come from a lower order or another node then; whole pages do not.
  EXPECT_EQ(failures > 0, smooth.has_large);
}

TEST_P(FaultTest, AllPageAllocationsMayFailFromSomeOneOn) {
  const Outcome smooth = RunProgram(GetParam(), {});
  for (uint64_t call = 1; call <= smooth.calls; ++call) {
    SCOPED_TRACE(call);
    EXPECT_GT(RunProgram(GetParam(), {.fail_from_call = call}).failures, 0);
  }
}

// kmalloc's largest blocks have no lower order.
TEST_P(FaultTest, WithoutHighOrdersLargeBlocksAloneFail) {
  EXPECT_GT(RunProgram(GetParam(), {.order_max = 1}).failures, 0);
}

}  // namespace
}  // namespace slablab
