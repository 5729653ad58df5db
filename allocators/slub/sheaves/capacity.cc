// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Sheaves as they are tuned while the kernel runs: "mm/slab: enable runtime sheaves tuning", an RFC
// of May 2026. Its order is kept: every CPU does without sheaves; what waits for a grace period is
// waited for; all sheaves are emptied and freed; every CPU gets a main sheaf of the new capacity.
// Who is between two looks at his sheaves meanwhile, or has one prefilled, finds out by the sheaf's
// own capacity, and lets go of it. Chosen here: the new main sheaves are allocated first, so that
// the change is made or not, and 0 leaves the cache without sheaves.

#include <vector>

#include "allocators/slub/sheaves/layer.h"
#include "allocators/slub/sheaves/work.h"
#include "allocators/switches.h"
#include "fmt/format.h"
#include "sim/core/scheduler.h"

namespace slablab {

// On each CPU on line, under its lock.
class SheafSwap final : public SheafWork {
 public:
  SheafSwap(SheafLayer& layer, KmemCache& cache, std::vector<SlabSheaf*>* taken)
      : SheafWork(layer, cache), taken_(taken) {}
  void set_main(SlabSheaf& main) { main_ = &main; }

 private:
  Task<void> Work(Cpu& cpu) override {
    CpuSheaves& pcs = layer().ThisCpu(cpu, cache());
    pcs.Lock(cpu);
    SlabSheaf* const rcu_free = layer().SwapMain(cpu, pcs, *main_, taken_);
    pcs.Unlock(cpu);
    if (rcu_free != nullptr) co_await layer().HandOver(cpu, *rcu_free, /*to_barn=*/false);
  }

  std::vector<SlabSheaf*>* const taken_;
  SlabSheaf* main_ = nullptr;
};

Task<absl::Status> SheafLayer::Tune(Cpu& cpu, KmemCache& s, std::string_view key, int64_t value) {
  if (!TakesCapacity(s)) {
    co_return TunableRefused(key, value, fmt::format("{} has no sheaves", s.names.front()));
  }
  const auto number = static_cast<uint32_t>(value);
  if (key == "max_full_sheaves") {
    SetBarnMax(s, number, Of(s).empty_max);
  } else if (key == "max_empty_sheaves") {
    SetBarnMax(s, Of(s).full_max, number);
  } else {
    const bool set = co_await SetCapacity(cpu, s, number);
    if (!set)
      co_return absl::ResourceExhaustedError(fmt::format("no memory for {}={}", key, value));
  }
  co_return absl::OkStatus();
}

// What the cache could not have from its creation on it cannot have later.
bool SheafLayer::TakesCapacity(const KmemCache& s) const {
  return HasSheaves(s) && !s.no_sheaves && SheafCapacity(policy_, s.spec, s.geometry.size) > 0;
}

void SheafLayer::SetBarnMax(KmemCache& s, uint32_t full_max, uint32_t empty_max) {
  Of(s).full_max = full_max;
  Of(s).empty_max = empty_max;
}

Task<bool> SheafLayer::SetCapacity(Cpu& cpu, KmemCache& s, uint32_t capacity) {
  if (capacity == s.sheaf_capacity.Peek()) co_return true;
  const SiteScope site(cpu, SiteOf(SlubAt::kFlush));
  Of(s).coming_capacity = capacity;
  std::vector<SlabSheaf*> mains(Of(s).first_main.size(), bootstrap_);
  const bool got = co_await AllocMains(cpu, s, &mains);
  if (got) {
    std::vector<SlabSheaf*> taken;
    const std::vector<SlabSheaf*> none(mains.size(), bootstrap_);
    co_await SwapMains(cpu, s, none, &taken);
    co_await AwaitCallbacks(cpu);
    cpu.Store(s.sheaf_capacity, capacity);
    for (SlabSheaf* sheaf : taken) co_await FlushAndFree(cpu, s, *sheaf);
    co_await EmptyBarns(cpu, s, /*ending=*/false);
    if (capacity > 0) co_await SwapMains(cpu, s, mains, &taken);
  }
  Of(s).coming_capacity = 0;
  co_return got;
}

// A main sheaf for every possible CPU, as when the cache was made.
Task<bool> SheafLayer::AllocMains(Cpu& cpu, KmemCache& s, std::vector<SlabSheaf*>* mains) {
  const uint32_t capacity = Of(s).coming_capacity;
  if (capacity == 0) co_return true;
  for (SlabSheaf*& main : *mains) {
    SlabSheaf* const sheaf = co_await AllocSheaf(cpu, s, kGfpKernel, capacity);
    if (sheaf == nullptr) break;
    main = sheaf;
  }
  if (mains->back() != bootstrap_) co_return true;
  for (SlabSheaf* main : *mains) {
    if (main != bootstrap_) co_await FreeSheaf(cpu, *main);
  }
  co_return false;
}

Task<void> SheafLayer::SwapMains(Cpu& cpu, KmemCache& s, const std::vector<SlabSheaf*>& mains,
                                 std::vector<SlabSheaf*>* taken) {
  SheafSwap swap(*this, s, taken);
  const Scheduler& scheduler = cpu.scheduler();
  for (size_t i = 0; i < mains.size(); ++i) {
    const CpuId id(static_cast<int32_t>(i));
    swap.set_main(*mains[i]);
    if (id.value() < scheduler.cpu_count() && scheduler.cpu(id).online()) {
      co_await swap.On(cpu, id);
      continue;
    }
    SlabSheaf* const rcu_free = SwapMain(cpu, On(s, id), *mains[i], taken);
    if (rcu_free != nullptr) co_await HandOver(cpu, *rcu_free, /*to_barn=*/false);
  }
}

// A CPU's main sheaf for another one; what it has besides is taken too. Answers its rcu_free.
SlabSheaf* SheafLayer::SwapMain(Cpu& cpu, CpuSheaves& pcs, SlabSheaf& main,
                                std::vector<SlabSheaf*>* taken) {
  SlabSheaf* const old = cpu.Load(pcs.main);
  cpu.Store(pcs.main, &main);
  if (&main != bootstrap_) main.state = SlabSheaf::State::kPercpu;
  if (old != bootstrap_) {
    old->state = SlabSheaf::State::kHeld;
    taken->push_back(old);
  }
  SlabSheaf* const spare = pcs.Detach(cpu, pcs.spare);
  if (spare != nullptr) taken->push_back(spare);
  return pcs.Detach(cpu, pcs.rcu_free);
}

}  // namespace slablab
