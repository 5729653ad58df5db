// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "traces/import/repair/untraced_frees.h"

#include <algorithm>
#include <set>

#include "fmt/format.h"

namespace slablab {
namespace {

bool IsOfKmalloc(std::string_view cache) {
  return cache.starts_with("kmalloc-") || cache.starts_with("dma-kmalloc-");
}

Nanos Halfway(Nanos from, Nanos to) { return from + (to - std::min(from, to)) / 2; }

}  // namespace

std::string ClassName(ObjectClass of, const std::vector<std::string>& caches) {
  constexpr ObjectClass kKmalloc = ClassOfKmalloc(0);
  if (of >= kKmalloc) return fmt::format("kmalloc-{}", of - kKmalloc);
  return of < caches.size() ? caches[of] : "";
}

void UntracedFrees::SawGone(ObjectClass of, TraceObject object, const Moment& born,
                            const Moment& shown) {
  gone_[of].push_back({object, born, shown});
  maple_trees_.SawGone(object, shown.time);
}

void UntracedFrees::SawLive(ObjectClass of, TraceObject object, const Moment& born) {
  live_[of].push_back({object, born, born});
}

// kmalloc has a cache for each use of a size (kmalloc-rcl-96, kmalloc-cg-96): together they are one
// class here.
std::map<std::string, UntracedFrees::Counted> UntracedFrees::CountedByClass(
    const KernelCounters& counters) {
  std::map<std::string, Counted> counted;
  for (const KernelCounters::Cache& cache : counters.caches()) {
    const std::string name =
        IsOfKmalloc(cache.name) ? ClassName(ClassOfKmalloc(cache.object_size), {}) : cache.name;
    counted[name].by_rcu += counters.FreesByRcu(cache);
    counted[name].allocations += counters.Allocations(cache);
  }
  return counted;
}

void UntracedFrees::Conclude(const Kernel& kernel, const std::vector<std::string>& caches,
                             Nanos end) {
  std::map<std::string, Counted> counted;
  if (kernel.counters != nullptr) counted = CountedByClass(*kernel.counters);
  std::set<ObjectClass> classes;
  for (const auto& [of, lives] : gone_) classes.insert(of);
  for (const auto& [of, lives] : live_) classes.insert(of);
  for (const ObjectClass of : classes) {
    const std::string name = ClassName(of, caches);
    Counted count = counted[name];
    if (kernel.counters == nullptr && kernel.sysfs != nullptr) {
      count = CountUncounted(of, name, *kernel.sysfs);
    }
    if (count.by_rcu == 0) continue;
    if (name == kMapleCache) count.by_rcu -= DecideByTree(of);
    if (count.by_rcu > 0) Decide(of, count, end);
  }
  allocations_.clear();
  cache_frees_.clear();
  gone_.clear();
  live_.clear();
}

UntracedFrees::Counted UntracedFrees::CountUncounted(ObjectClass of, const std::string& name,
                                                     const SlabSysfs& sysfs) const {
  const CacheSysfs* cache = sysfs.Find(name);
  const auto gone = gone_.find(of);
  if (cache == nullptr || cache->Total("sheaf_capacity") == 0 || cache_frees_.contains(of) ||
      gone == gone_.end()) {
    return {};
  }
  const auto allocations = allocations_.find(of);
  return {.by_rcu = static_cast<int64_t>(gone->second.size()),
          .allocations =
              allocations == allocations_.end() ? 0 : static_cast<int64_t>(allocations->second)};
}

// Answers how many went by kvfree_rcu.
int64_t UntracedFrees::DecideByTree(ObjectClass of) {
  maple_trees_.Conclude();
  for (auto* const lives : {&gone_[of], &live_[of]}) {
    std::erase_if(*lives, [this](const Life& life) {
      const MapleTrees::Free* const freed = maple_trees_.Find(life.object);
      if (freed == nullptr) return false;
      by_rcu_[life.object] = {.moment = freed->moment, .with_tree = !freed->by_rcu};
      return true;
    });
  }
  return maple_trees_.by_rcu_count();
}

void UntracedFrees::Decide(ObjectClass of, const Counted& counted, Nanos end) {
  std::vector<Life>& gone = gone_[of];
  const auto is_earlier = [](const Life& a, const Life& b) { return a.object < b.object; };
  std::sort(gone.begin(), gone.end(), is_earlier);
  const size_t seen = std::min(gone.size(), static_cast<size_t>(counted.by_rcu));
  for (size_t i = 0; i < seen; ++i) {
    const Life& life = gone[i];
    Moment moment = life.shown;
    moment.time = Halfway(life.born.time, life.shown.time);
    by_rcu_[life.object] = {.moment = moment, .is_aged = false};
  }
  const auto found = allocations_.find(of);
  const auto recorded = static_cast<int64_t>(found == allocations_.end() ? 0 : found->second);
  const int64_t before_or_after = std::max<int64_t>(counted.allocations - recorded, 0);
  const int64_t unseen = counted.by_rcu - static_cast<int64_t>(seen) - before_or_after;
  std::vector<Life>& live = live_[of];
  std::sort(live.begin(), live.end(), is_earlier);
  for (size_t i = 0; i < live.size() && static_cast<int64_t>(i) < unseen; ++i) {
    Moment moment = live[i].born;
    moment.time = Halfway(live[i].born.time, end);
    by_rcu_[live[i].object] = {.moment = moment, .is_aged = true};
  }
}

const UntracedFrees::RcuFree* UntracedFrees::Find(TraceObject object) const {
  const auto found = by_rcu_.find(object);
  return found == by_rcu_.end() ? nullptr : &found->second;
}

}  // namespace slablab
