// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TESTS_ALLOCATORS_SLUB_SHEAVES_MACHINE_H_
#define SLABLAB_TESTS_ALLOCATORS_SLUB_SHEAVES_MACHINE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "allocators/common/kvfree_rcu.h"
#include "allocators/slub/model.h"
#include "allocators/slub/node_slabs/node_slabs.h"
#include "allocators/slub/sheaves/sheaves.h"
#include "allocators/slub/slub.h"
#include "sim/core/rcu_by_hand.h"
#include "tests/allocators/allocator_machine.h"

namespace slablab {

// A booted machine with SLUB of an era that has sheaves on it, plain, whose grace periods end when
// the test says so.
class SheafEraMachine : public AllocatorMachine {
 public:
  // `policy` outlives the machine.
  explicit SheafEraMachine(const SlubPolicy& policy, const Options& options = {})
      : AllocatorMachine(Plain(policy.name, options),
                         [&policy](Machine& machine, const AllocatorOptions& allocator) {
                           return MakeSlub(machine, allocator, policy);
                         }),
        rcu_(options.cpus) {
    machine().set_rcu(&rcu_);
  }

  Allocator& model() { return allocator(); }
  const Allocator& model() const { return allocator(); }

  CacheId MakeCache(uint32_t object_size, uint32_t sheaf_capacity = 0) {
    return Create({.name = "x" + std::to_string(++made_),
                   .object_size = object_size,
                   .no_merge = true,
                   .sheaf_capacity = sheaf_capacity})
        .value();
  }
  std::vector<PhysAddr> AllocBulk(int cpu, CacheId cache, size_t count) {
    std::vector<PhysAddr> objects(count);
    Run(cpu, [&](Cpu& on) -> Task<void> {
      const size_t got = co_await model().AllocBulk(on, cache, kGfpKernel, absl::MakeSpan(objects));
      CHECK_EQ(got, count);
    });
    return objects;
  }
  void FreeBulk(int cpu, CacheId cache, std::vector<PhysAddr> objects) {
    Run(cpu, [&](Cpu& on) { return model().FreeBulk(on, cache, absl::MakeSpan(objects)); });
  }
  // Past the sheaves.
  void KfreeBulk(int cpu, std::vector<PhysAddr> objects) {
    Run(cpu, [&](Cpu& on) { return model().KfreeBulk(on, absl::MakeSpan(objects)); });
  }
  bool FreeRcu(int cpu, PhysAddr object) {
    bool taken = false;
    Run(cpu, [&](Cpu& on) -> Task<void> { taken = co_await model().FreeRcuSheaf(on, object); });
    return taken;
  }
  // The grace period of the oldest that `owner` handed over ends; it is called on `cpu`.
  void EndGracePeriod(int cpu, int owner) {
    RcuHead* const head = rcu_.Take(CpuId(owner), [](const RcuHead&) { return true; });
    CHECK(head != nullptr);
    Run(cpu, [&](Cpu& on) { return head->RunCallback(on); });
  }
  uint64_t Waiting(int cpu) const { return rcu_.WaitingOf(CpuId(cpu)).size(); }
  SheafId Prefill(int cpu, CacheId cache, uint32_t size) {
    SheafId sheaf = kNoSheaf;
    Run(cpu, [&](Cpu& on) -> Task<void> {
      sheaf = co_await model().PrefillSheaf(on, cache, kGfpKernel, size);
    });
    return sheaf;
  }
  SheafId Refill(int cpu, CacheId cache, SheafId sheaf, uint32_t size) {
    SheafId after = kNoSheaf;
    Run(cpu, [&](Cpu& on) -> Task<void> {
      after = co_await model().RefillSheaf(on, cache, kGfpKernel, sheaf, size);
    });
    return after;
  }
  PhysAddr AllocFromSheaf(int cpu, CacheId cache, SheafId sheaf) {
    Placement placement;
    Run(cpu, [&](Cpu& on) -> Task<void> {
      placement = co_await model().AllocFromSheaf(on, cache, kGfpKernel, sheaf);
    });
    return placement.object;
  }
  void Return(int cpu, CacheId cache, SheafId sheaf) {
    Run(cpu, [&](Cpu& on) { return model().ReturnSheaf(on, cache, kGfpKernel, sheaf); });
  }
  // kvfree_rcu() over the model, made when it is first asked for.
  KvfreeRcu& kvfree_rcu() {
    if (kvfree_rcu_ == nullptr) {
      kvfree_rcu_ = std::make_unique<KvfreeRcu>(machine(), model(), kKvfreeRcu73);
    }
    return *kvfree_rcu_;
  }
  CacheContents Contents(CacheId cache) const { return model().Contents(cache); }
  CacheContents::PercpuSheaves SheavesOf(int cpu, CacheId cache) const {
    return Contents(cache).sheaves[static_cast<size_t>(cpu)];
  }
  // Full sheaves of a node's barn, and empty ones.
  std::pair<uint64_t, uint64_t> Barn(int node, CacheId cache) const {
    const CacheContents::Barn barn = Contents(cache).barns[static_cast<size_t>(node)];
    return {barn.full_sizes.size(), barn.empty_sheaves};
  }
  // Objects in use of each slab of a node's partial list, by its own count.
  std::vector<uint32_t> PartialList(int node, CacheId cache) const {
    return Contents(cache).partial_lists[static_cast<size_t>(node)].in_use;
  }

 private:
  RcuByHand rcu_;
  std::unique_ptr<KvfreeRcu> kvfree_rcu_;
  int made_ = 0;
};

// The same of 7.x, for tests that see more of it than an Allocator shows.
using SheavesModel = SlubModel<Sheaves<NodeSlabs>>;
class SheavesMachine : public SheafEraMachine {
 public:
  explicit SheavesMachine(const SlubPolicy& policy = kSlub73, const Options& options = {})
      : SheafEraMachine(policy, options) {}

  SheavesModel& model() { return static_cast<SheavesModel&>(allocator()); }
  const SheavesModel& model() const { return static_cast<const SheavesModel&>(allocator()); }
};

}  // namespace slablab

#endif  // SLABLAB_TESTS_ALLOCATORS_SLUB_SHEAVES_MACHINE_H_
