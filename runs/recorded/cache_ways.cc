// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "runs/recorded/cache_ways.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "allocators/model_kernel.h"
#include "traces/sidecar/sidecar.h"

namespace slablab {
namespace {

constexpr size_t kNamesShown = 3;
constexpr std::string_view kSlabs = "CPU slabs";
constexpr ModelKernel kFirstSheaves = {.version = 6, .patchlevel = 18};
constexpr ModelKernel kNoCpuSlabs = {.version = 7, .patchlevel = 0};

// What stands between a cache's users and its slabs.
struct Way {
  std::string_view cpu_holds;  // as CacheLayout has it
  int64_t sheaf_capacity = 0;  // 0: no sheaves
  bool capacity_is_known = true;
};

std::string TextOf(const Way& way) {
  if (way.sheaf_capacity == 0) {
    return std::string(way.cpu_holds.empty() ? "neither sheaves nor CPU slabs" : way.cpu_holds);
  }
  return way.cpu_holds.empty() ? "sheaves" : "sheaves over " + std::string(way.cpu_holds);
}

// How the recorded kernel's caches worked, as far as release and sidecars say.
class RecordedWays {
 public:
  RecordedWays(const RecordedSidecars& sidecars, std::string_view allocator)
      : is_slab_(allocator == "SLAB"),
        kernel_(KernelOfRelease(sidecars.trace().kernel_release)),
        sysfs_(sidecars.FirstSysfs(
            {"sys-kernel-slab.before", "sys-kernel-slab.after", "sys-kernel-slab.boot"})) {}

  std::optional<Way> Of(std::string_view cache) const {
    if (is_slab_) return Way{.cpu_holds = "CPU arrays"};
    if (!kernel_.has_value()) return std::nullopt;
    const bool has_slabs = IsEarlier(*kernel_, kNoCpuSlabs);
    Way way{.cpu_holds = has_slabs ? kSlabs : std::string_view()};
    if (IsEarlier(*kernel_, kFirstSheaves)) return way;
    if (sysfs_ != nullptr) {
      const CacheSysfs* const recorded = sysfs_->Find(cache);
      if (recorded == nullptr) return std::nullopt;
      way.sheaf_capacity = recorded->Total("sheaf_capacity");
      return way;
    }
    if (has_slabs) return std::nullopt;  // those had sheaves that asked for them
    way.sheaf_capacity = 1;
    way.capacity_is_known = false;
    return way;
  }

 private:
  const bool is_slab_;
  const std::optional<ModelKernel> kernel_;
  const SlabSysfs* const sysfs_;  // null: not known
};

// The two in words; nullopt if they are the same.
std::optional<std::pair<std::string, std::string>> Difference(const Way& recorded,
                                                              const Way& simulated) {
  std::pair<std::string, std::string> texts(TextOf(recorded), TextOf(simulated));
  if (texts.first != texts.second) return texts;
  if (!recorded.capacity_is_known || recorded.sheaf_capacity == simulated.sheaf_capacity) {
    return std::nullopt;
  }
  texts.first += " of another capacity";
  return texts;
}

}  // namespace

void NoteCachesOtherwise(const RecordedSidecars& sidecars, const Allocator& model,
                         RunResult& result) {
  KernelMatch& match = *result.mutable_kernel_match();
  const RecordedWays recorded(sidecars, match.recorded_allocator());
  std::map<std::pair<std::string, std::string>, std::vector<const CacheStats*>> groups;
  for (const CacheStats& cache : result.caches()) {
    if (cache.operations() == 0) continue;
    match.set_cache_cycles(match.cache_cycles() + cache.operation_cycles());
    const CacheId id = model.FindCache(cache.name());
    const std::optional<Way> way = recorded.Of(cache.name());
    if (id == kNoCache || !way.has_value()) continue;
    const CacheLayout layout = model.Layout(id);
    const Way simulated{.cpu_holds = layout.cpu_holds, .sheaf_capacity = layout.sheaf_capacity};
    if (auto texts = Difference(*way, simulated); texts.has_value()) {
      groups[*std::move(texts)].push_back(&cache);
    }
  }
  std::vector<CachesOtherwise> otherwise;
  for (auto& [texts, caches] : groups) {
    std::stable_sort(caches.begin(), caches.end(), [](const CacheStats* a, const CacheStats* b) {
      return a->operation_cycles() > b->operation_cycles();
    });
    CachesOtherwise& group = otherwise.emplace_back();
    group.set_recorded(texts.first);
    group.set_simulated(texts.second);
    group.set_caches(static_cast<uint32_t>(caches.size()));
    for (const CacheStats* cache : caches) {
      if (static_cast<size_t>(group.names_size()) < kNamesShown) group.add_names(cache->name());
      group.set_cycles(group.cycles() + cache->operation_cycles());
    }
  }
  std::stable_sort(
      otherwise.begin(), otherwise.end(),
      [](const CachesOtherwise& a, const CachesOtherwise& b) { return a.cycles() > b.cycles(); });
  for (CachesOtherwise& group : otherwise) *match.add_otherwise() = std::move(group);
}

}  // namespace slablab
