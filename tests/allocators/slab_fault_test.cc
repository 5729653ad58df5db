// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// SLAB when the page allocator fails: at every single call of a program that uses everything, and
// at every call from some call on. Whatever fails, fails alone: the invariants hold, and in the end
// every page is back.

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/allocators/slab_machine.h"
#include "tests/sim/faulty_page_allocator.h"

namespace slablab {
namespace {

// Does a little of everything, undoes it, and counts what failed.
class Program {
 public:
  explicit Program(SlabMachine& machine) : machine_(machine) {}

  int failures() const { return failures_; }

  void Run() {
    for (int i = 0; i < 3; ++i) {
      // The last has its lists outside its slabs.
      const absl::StatusOr<CacheId> cache = machine_.Create({.name = "fault" + std::to_string(i),
                                                             .object_size = 4096u >> (2 * i),
                                                             .has_constructor = i == 2,
                                                             .no_merge = true});
      if (cache.ok()) {
        UseCache(*cache);
        machine_.Destroy(*cache);
      } else {
        EXPECT_EQ(cache.status().code(), absl::StatusCode::kResourceExhausted);
        ++failures_;
      }
      machine_.slab().CheckInvariants();
    }
    UseKmalloc();
    machine_.slab().CheckInvariants();
  }

 private:
  void UseCache(CacheId cache) {
    std::vector<PhysAddr> objects;
    for (int i = 0; i < 40; ++i) {
      Keep(machine_.Alloc(i % 4, cache, i % 5 == 0 ? NodeId(i % 2) : kAnyNode), &objects);
    }
    machine_.slab().CheckInvariants();
    if (!machine_.Tune(cache, {30, 10, 4}).ok()) ++failures_;
    machine_.slab().CheckInvariants();
    std::vector<PhysAddr> bulk(30);
    size_t got = 0;
    machine_.Run(1, [&](Cpu& cpu) -> Task<void> {
      got = co_await machine_.slab().AllocBulk(cpu, cache, kGfpKernel, absl::MakeSpan(bulk));
    });
    EXPECT_TRUE(got == 0 || got == bulk.size());
    if (got == 0) ++failures_;
    machine_.slab().CheckInvariants();
    machine_.Run(2, [&](Cpu& cpu) {
      return machine_.slab().FreeBulk(cpu, cache, absl::MakeSpan(bulk).subspan(0, got));
    });
    for (size_t i = 0; i < objects.size(); ++i) {
      machine_.Free(static_cast<int>(i * 7 % 4), cache, objects[i]);
    }
  }

  void UseKmalloc() {
    std::vector<PhysAddr> objects;
    for (uint64_t bytes : {100u, 5000u, 8192u, 8193u, 20000u, 100000u}) {
      for (int i = 0; i < 5; ++i) Keep(machine_.Kmalloc(i % 4, bytes).object, &objects);
    }
    for (PhysAddr object : objects) machine_.Kfree(3, object);
  }

  void Keep(PhysAddr object, std::vector<PhysAddr>* objects) {
    if (object.is_null()) {
      ++failures_;
    } else {
      objects->push_back(object);
    }
  }

  SlabMachine& machine_;
  int failures_ = 0;
};

// Shrinks every cache, so that no page is held but for live objects.
Footprint ShrunkFootprint(SlabMachine& machine) {
  for (int i = 0; i < machine.slab().cache_count(); ++i) {
    if (!machine.slab().State(CacheId(i)).empty()) machine.Shrink(0, CacheId(i));
  }
  return machine.slab().TotalFootprint();
}

struct Outcome {
  uint64_t calls = 0;
  int failures = 0;
};

Outcome RunProgram(const SlabPolicy& policy, const FaultyPageAllocator::Faults& faults) {
  SlabMachine machine({.cpus = 4, .nodes = 2, .policy = &policy});
  ShrunkFootprint(machine);
  FaultyPageAllocator pages(machine.machine().pages(), faults);
  machine.machine().set_pages(&pages);
  const Footprint before = machine.slab().TotalFootprint();
  Program program(machine);
  program.Run();
  const Footprint after = ShrunkFootprint(machine);
  EXPECT_EQ(after.objects, before.objects);
  EXPECT_EQ(after.percpu_bytes, before.percpu_bytes);
  EXPECT_EQ(after.large_bytes, 0u);
  machine.slab().CheckInvariants();
  return {.calls = pages.calls(), .failures = program.failures()};
}

TEST(SlabFaultTest, EachPageAllocationMayFailAlone) {
  for (const SlabPolicy* policy : {&kSlabPolicy61, &kSlabPolicy2014, &kSlabPolicy2014Percpu}) {
    const Outcome smooth = RunProgram(*policy, {});
    EXPECT_EQ(smooth.failures, 0);
    ASSERT_GT(smooth.calls, 30u);
    int failures = 0;
    for (uint64_t call = 1; call <= smooth.calls; ++call) {
      SCOPED_TRACE(call);
      failures += RunProgram(*policy, {.fail_call = call}).failures;
    }
    EXPECT_GT(failures, 0);  // Percpu areas and large blocks have nothing to fall back to.
  }
}

TEST(SlabFaultTest, AllPageAllocationsMayFailFromSomeOneOn) {
  for (const SlabPolicy* policy : {&kSlabPolicy61, &kSlabPolicy2014, &kSlabPolicy2014Percpu}) {
    const Outcome smooth = RunProgram(*policy, {});
    for (uint64_t call = 1; call <= smooth.calls; ++call) {
      SCOPED_TRACE(call);
      const Outcome outcome = RunProgram(*policy, {.fail_from_call = call});
      EXPECT_GT(outcome.failures, 0);
    }
  }
}

}  // namespace
}  // namespace slablab
