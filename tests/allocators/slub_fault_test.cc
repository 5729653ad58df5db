// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// SLUB when the page allocator fails: at every single call of a program that uses everything, and
// at every call from some call on. Whatever fails, fails alone: the invariants hold, and in the end
// every page is back.

#include <functional>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/allocators/slub_machine.h"
#include "tests/sim/faulty_page_allocator.h"

namespace slablab {
namespace {

// Does a little of everything, undoes it, and notes what failed.
class Program {
 public:
  explicit Program(SlubMachine& machine) : machine_(machine) {}

  int failures() const { return failures_; }

  void Run() {
    for (int i = 0; i < 3; ++i) {
      const absl::StatusOr<CacheId> cache = machine_.Create(
          {.name = "fault" + std::to_string(i), .object_size = 600u << i, .no_merge = true});
      if (cache.ok()) {
        UseCache(*cache);
        machine_.Destroy(*cache);
      } else {
        EXPECT_EQ(cache.status().code(), absl::StatusCode::kResourceExhausted);
        ++failures_;
      }
      machine_.slub().CheckInvariants();
    }
    UseKmalloc();
    machine_.slub().CheckInvariants();
  }

 private:
  void UseCache(CacheId cache) {
    std::vector<PhysAddr> objects;
    for (int i = 0; i < 40; ++i) {
      Keep(machine_.Alloc(i % 4, cache, i % 5 == 0 ? NodeId(i % 2) : kAnyNode), &objects);
    }
    machine_.slub().CheckInvariants();
    std::vector<PhysAddr> bulk(30);
    size_t got = 0;
    machine_.Run(1, [&](Cpu& cpu) -> Task<void> {
      got = co_await machine_.slub().AllocBulk(cpu, cache, kGfpKernel, absl::MakeSpan(bulk));
    });
    EXPECT_TRUE(got == 0 || got == bulk.size());
    if (got == 0) ++failures_;
    machine_.slub().CheckInvariants();
    machine_.Run(2, [&](Cpu& cpu) {
      return machine_.slub().FreeBulk(cpu, cache, absl::MakeSpan(bulk).subspan(0, got));
    });
    for (size_t i = 0; i < objects.size(); ++i) {
      machine_.Free(static_cast<int>(i * 7 % 4), cache, objects[i]);
    }
  }

  void UseKmalloc() {
    std::vector<PhysAddr> objects;
    for (uint64_t bytes : {100u, 5000u, 8192u, 8193u, 20000u, 100000u}) {
      for (int i = 0; i < 5; ++i) {
        Placement placement;
        machine_.Run(i % 4, [&](Cpu& cpu) -> Task<void> {
          placement = co_await machine_.slub().Kmalloc(cpu, bytes, kGfpKernel, kAnyNode);
        });
        Keep(placement.object, &objects);
      }
    }
    for (PhysAddr object : objects) {
      machine_.Run(3, [&](Cpu& cpu) -> Task<void> { co_await machine_.slub().Kfree(cpu, object); });
    }
  }

  void Keep(PhysAddr object, std::vector<PhysAddr>* objects) {
    if (object.is_null()) {
      ++failures_;
    } else {
      objects->push_back(object);
    }
  }

  SlubMachine& machine_;
  int failures_ = 0;
};

// Shrinks every cache, so that no page is held but for live objects.
Footprint ShrunkFootprint(SlubMachine& machine) {
  for (int i = 0; i < machine.slub().cache_count(); ++i) {
    if (!machine.slub().State(CacheId(i)).empty()) machine.Shrink(0, CacheId(i));
  }
  return machine.slub().TotalFootprint();
}

struct Outcome {
  uint64_t calls = 0;
  int failures = 0;
};

Outcome RunProgram(const FaultyPageAllocator::Faults& faults) {
  SlubMachine machine({.cpus = 4, .nodes = 2});
  const Footprint before = ShrunkFootprint(machine);
  FaultyPageAllocator pages(machine.machine().pages(), faults);
  machine.machine().set_pages(&pages);
  Program program(machine);
  program.Run();
  const Footprint after = ShrunkFootprint(machine);
  EXPECT_EQ(after.slab_bytes, before.slab_bytes);
  EXPECT_EQ(after.objects, before.objects);
  EXPECT_EQ(after.percpu_bytes, before.percpu_bytes);
  EXPECT_EQ(after.large_bytes, 0u);
  machine.slub().CheckInvariants();
  return {.calls = pages.calls(), .failures = program.failures()};
}

TEST(SlubFaultTest, EachPageAllocationMayFailAlone) {
  const Outcome smooth = RunProgram({});
  EXPECT_EQ(smooth.failures, 0);
  ASSERT_GT(smooth.calls, 30u);
  int failures = 0;
  for (uint64_t call = 1; call <= smooth.calls; ++call) {
    SCOPED_TRACE(call);
    failures += RunProgram({.fail_call = call}).failures;
  }
  EXPECT_GT(failures, 0);  // Not everything has a lower order to fall back to.
}

TEST(SlubFaultTest, AllPageAllocationsMayFailFromSomeOneOn) {
  const Outcome smooth = RunProgram({});
  for (uint64_t call = 1; call <= smooth.calls; ++call) {
    SCOPED_TRACE(call);
    const Outcome outcome = RunProgram({.fail_from_call = call});
    EXPECT_GT(outcome.failures, 0);
  }
}

TEST(SlubFaultTest, WithoutHighOrdersSlabsAreOfTheLeastOrder) {
  const Outcome outcome = RunProgram({.order_max = 1});
  EXPECT_GT(outcome.failures, 0);  // kmalloc of 20000 bytes needs order 3
  SlubMachine machine;
  FaultyPageAllocator pages(machine.machine().pages(), {.order_max = 0});
  machine.machine().set_pages(&pages);
  const CacheId cache =
      machine.Create({.name = "f", .object_size = 2048, .no_merge = true}).value();
  ASSERT_GT(machine.slub().Layout(cache).order, 0);
  //  slab 1: [a b]   slab 2: [c .]
  const PhysAddr a = machine.Alloc(0, cache);
  const PhysAddr b = machine.Alloc(0, cache);
  const PhysAddr c = machine.Alloc(0, cache);
  EXPECT_EQ(b - a, 2048u);
  EXPECT_NE(machine.SlabOf(c), machine.SlabOf(a));
  EXPECT_EQ(machine.Count(cache, "order_fallback"), 2u);
  EXPECT_EQ(machine.State(cache, "total_objects"), "4 N0=4");
  for (PhysAddr object : {a, b, c}) machine.Free(0, cache, object);
  machine.slub().CheckInvariants();
}

}  // namespace
}  // namespace slablab
