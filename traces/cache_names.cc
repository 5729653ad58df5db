// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "traces/cache_names.h"

#include <algorithm>

#include "fmt/format.h"
#include "sim/check.h"

namespace slablab {
namespace {

// Whether the sidecar allows `cache` these sizes; a cache that it does not know may have any. Of a
// merged cache the object size is the largest of those that share it, so only the slab's counts.
bool Allows(const SlabSysfs* sysfs, const std::string& cache, const CacheNames::Request& request) {
  if (sysfs == nullptr) return true;
  const CacheSysfs* known = sysfs->Find(cache);
  return known == nullptr || known->Total("slab_size") == request.bytes_alloc;
}

}  // namespace

void CacheNames::SawUnnamed(TraceObject object, const Request& request) {
  const auto [found, is_first] =
      group_of_request_.try_emplace(request, static_cast<uint32_t>(groups_.size()));
  if (is_first) groups_.push_back({.request = request});
  Group& group = groups_[found->second];
  ++group.objects;
  if (open_group_.size() <= object) {
    open_group_.resize(object + 1);
    freed_cache_.resize(object + 1);
  }
  open_group_[object] = found->second + 1;
}

void CacheNames::SawFreed(TraceObject object, uint16_t cache) {
  if (cache == 0 || object >= open_group_.size() || open_group_[object] == 0) return;
  Group& group = groups_[open_group_[object] - 1];
  open_group_[object] = 0;
  freed_cache_[object] = cache;
  ++group.votes[cache];
  SawSizes(cache, group.request.bytes_req, group.request.bytes_alloc);
}

void CacheNames::SawSizes(uint16_t cache, uint32_t bytes_req, uint32_t bytes_alloc) {
  if (sizes_.size() <= cache) sizes_.resize(cache + 1u);
  Sizes& sizes = sizes_[cache];
  sizes.bytes_req = std::max(sizes.bytes_req, bytes_req);
  sizes.bytes_alloc = std::max(sizes.bytes_alloc, bytes_alloc);
}

void CacheNames::Conclude(const SlabSysfs* sysfs, StringTable* caches) {
  for (Group& group : groups_) {
    group.answer = Decide(group, sysfs, caches);
    SawSizes(group.answer.cache, group.request.bytes_req, group.request.bytes_alloc);
  }
  open_group_.clear();
  open_group_.shrink_to_fit();
}

CacheNames::Answer CacheNames::Decide(const Group& group, const SlabSysfs* sysfs,
                                      StringTable* caches) const {
  uint64_t cast = 0;
  uint64_t best = 0;
  uint16_t winner = 0;
  for (const auto& [cache, votes] : group.votes) {
    if (!Allows(sysfs, caches->strings()[cache], group.request)) continue;
    cast += votes;
    if (votes > best) {
      best = votes;
      winner = cache;
    }
  }
  if (best >= kVotesMin && best * 100 >= cast * kWinnerPercentMin) {
    return {winner, Source::kVote};
  }
  if (sysfs != nullptr) {
    const std::string* only = nullptr;
    int matches = 0;
    for (const auto& [name, cache] : sysfs->caches) {
      if (cache.Total("slab_size") != group.request.bytes_alloc) continue;
      if (cache.Total("object_size") != group.request.bytes_req) continue;
      ++matches;
      only = &name;
    }
    if (matches == 1) return {static_cast<uint16_t>(caches->Number(*only)), Source::kSize};
  }
  const std::string stand_in =
      fmt::format("unnamed-{}-{}", group.request.bytes_req, group.request.bytes_alloc);
  return {static_cast<uint16_t>(caches->Number(stand_in)), Source::kNone};
}

CacheNames::Answer CacheNames::AnswerFor(TraceObject object, const Request& request) const {
  if (object < freed_cache_.size() && freed_cache_[object] != 0) {
    return {freed_cache_[object], Source::kOwnFree};
  }
  const auto found = group_of_request_.find(request);
  CHECK(found != group_of_request_.end());
  return groups_[found->second].answer;
}

CacheNames::Sizes CacheNames::SizesOf(uint16_t cache) const {
  return cache < sizes_.size() ? sizes_[cache] : Sizes();
}

}  // namespace slablab
