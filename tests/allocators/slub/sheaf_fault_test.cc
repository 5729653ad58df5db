// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// SLUB with sheaves when there is no memory for one sheaf, whichever, or for any from some one on,
// though there are pages: whatever fails, fails alone, objects come from slabs and go there, and in
// the end all is back.

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "allocators/slub/cpu_slabs/cpu_slabs.h"
#include "allocators/slub/model.h"
#include "allocators/slub/node_slabs/node_slabs.h"
#include "allocators/slub/sheaves/sheaves.h"
#include "gtest/gtest.h"
#include "sim/core/rcu_by_hand.h"
#include "tests/allocators/allocator_machine.h"

namespace slablab {
namespace {

// Which sheaf there is no memory for, counted from 1: this one, this one and all after it; 0: none.
struct SheafFaults {
  uint64_t fail_one = 0;
  uint64_t fail_from = 0;
};

// SLUB whose kmalloc() fails for sheaves, which are all that it allocates for itself but barns.
template <typename Bottom>
class FaultySheaves : public SlubModel<Sheaves<Bottom>> {
 public:
  using Model = SlubModel<Sheaves<Bottom>>;
  using Model::Model;

  Task<Placement> Kmalloc(Cpu& cpu, uint64_t bytes, Gfp gfp, NodeId node) override {
    if (armed_ && bytes != NodeBarn::kBytes) {
      ++sheaves_;
      const bool is_after = faults_.fail_from > 0 && sheaves_ >= faults_.fail_from;
      if (sheaves_ == faults_.fail_one || is_after) {
        return Task<Placement>(Placement{PhysAddr(), PathOf(SlubWay::kAllocFailed)});
      }
    }
    return Model::Kmalloc(cpu, bytes, gfp, node);
  }
  void Arm(const SheafFaults& faults) {
    armed_ = true;
    faults_ = faults;
  }
  void Disarm() { armed_ = false; }
  uint64_t sheaves() const { return sheaves_; }

 private:
  bool armed_ = false;
  SheafFaults faults_;
  uint64_t sheaves_ = 0;
};

template <typename Bottom>
class Program {
 public:
  explicit Program(const SlubPolicy& policy)
      : m_(Plain(policy.name, {.cpus = 2, .nodes = 2}), policy), rcu_(2) {
    m_.machine().set_rcu(&rcu_);
  }

  // Answers how many sheaves were allocated, or asked for in vain.
  uint64_t Run(const SheafFaults& faults) {
    const Footprint before = m_.ShrinkAll();
    m_.model().Arm(faults);
    const absl::StatusOr<CacheId> cache = m_.Create(
        {.name = "x", .object_size = 8192, .no_merge = true, .sheaf_capacity = kCapacity});
    if (cache.ok()) {
      Use(*cache);
      m_.Destroy(*cache);
    } else {
      EXPECT_EQ(cache.status().code(), absl::StatusCode::kResourceExhausted);
    }
    m_.model().Disarm();
    m_.model().CheckInvariants();
    Footprint after = m_.ShrinkAll();
    for (int again = 0; again < 3; ++again) after = m_.ShrinkAll();
    EXPECT_EQ(after.objects, before.objects);
    EXPECT_EQ(after.own_objects, before.own_objects);
    EXPECT_EQ(after.percpu_bytes, before.percpu_bytes);
    EXPECT_EQ(after.rcu_objects, 0u);
    return m_.model().sheaves();
  }

 private:
  static constexpr uint32_t kCapacity = 4;

  // Whatever sheaves there are, there are objects.
  void Use(CacheId cache) {
    std::vector<PhysAddr> objects = m_.AllocMany(0, cache, 40);
    for (const PhysAddr object : objects) ASSERT_FALSE(object.is_null());
    const auto free_some = [&](int cpu, int count) {
      for (int i = 0; i < count; ++i) {
        m_.Free(cpu, cache, objects.back());
        objects.pop_back();
      }
      m_.model().CheckInvariants();
    };
    free_some(0, 18);
    for (int i = 0; i < 6; ++i) FreeRcu(cache, &objects);
    for (const int64_t capacity : {6, 0, 4}) {
      const absl::Status tuned = m_.Tune(cache, "sheaf_capacity", capacity);
      EXPECT_TRUE(tuned.ok() || absl::IsResourceExhausted(tuned)) << tuned;
      m_.model().CheckInvariants();
      free_some(0, 3);
      for (int i = 0; i < 3; ++i) objects.push_back(m_.Alloc(0, cache));
    }
    for (const uint32_t size : {3u, 20u}) Prefill(cache, size, &objects);
    m_.TakeOffLine(1);
    m_.BringOnLine(1);
    free_some(1, 2);
    free_some(0, static_cast<int>(objects.size()));
    m_.Shrink(0, cache);
    m_.model().CheckInvariants();
  }
  void FreeRcu(CacheId cache, std::vector<PhysAddr>* objects) {
    bool taken = false;
    m_.Run(0, [&](Cpu& cpu) -> Task<void> {
      taken = co_await m_.model().FreeRcuSheaf(cpu, objects->back());
    });
    if (!taken) m_.Free(0, cache, objects->back());
    objects->pop_back();
    m_.model().CheckInvariants();
  }
  void Prefill(CacheId cache, uint32_t size, std::vector<PhysAddr>* objects) {
    SheafId sheaf = kNoSheaf;
    m_.Run(0, [&](Cpu& cpu) -> Task<void> {
      sheaf = co_await m_.model().PrefillSheaf(cpu, cache, kGfpKernel, size);
    });
    if (sheaf == kNoSheaf) return;
    m_.Run(0, [&](Cpu& cpu) -> Task<void> {
      const Placement got =
          co_await m_.model().AllocFromSheaf(cpu, cache, kGfpKernel, sheaf);
      objects->push_back(got.object);
      co_await m_.model().ReturnSheaf(cpu, cache, kGfpKernel, sheaf);
    });
    m_.model().CheckInvariants();
  }

  ModelMachine<FaultySheaves<Bottom>> m_;
  RcuByHand rcu_;
};

template <typename Bottom>
void FailEachSheaf(const SlubPolicy& policy) {
  const uint64_t sheaves = Program<Bottom>(policy).Run({});
  EXPECT_GT(sheaves, 10u) << policy.name;
  for (uint64_t sheaf = 1; sheaf <= sheaves; ++sheaf) {
    SCOPED_TRACE(std::string(policy.name) + " " + std::to_string(sheaf));
    Program<Bottom>(policy).Run({.fail_one = sheaf});
    Program<Bottom>(policy).Run({.fail_from = sheaf});
  }
}

TEST(SheafFaultTest, NothingIsLostWhicheverSheafThereIsNone) {
  FailEachSheaf<CpuSlabs>(kSlub618);
  for (const SlubPolicy* policy : {&kSlub70, &kSlub71, &kSlub72, &kSlub73}) {
    FailEachSheaf<NodeSlabs>(*policy);
  }
}

}  // namespace
}  // namespace slablab
