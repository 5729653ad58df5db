// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "traces/import/repair/cache_names.h"

#include <algorithm>

#include "base/check.h"
#include "fmt/format.h"

namespace slablab {
namespace {

// Whether a cache can have served the request. Of a merged cache the object size is the largest of
// those that share it, and slabinfo does not tell it.
bool Fits(const KnownCache& cache, const CacheNames::Request& request) {
  if (cache.slab_size != request.bytes_alloc) return false;
  return cache.object_size == 0 || cache.object_size == request.bytes_req;
}

// A cache that the sidecar does not know may have any sizes.
bool Allows(const std::vector<KnownCache>& known, const std::string& name,
            const CacheNames::Request& request) {
  for (const KnownCache& cache : known) {
    if (cache.name == name) return cache.slab_size == request.bytes_alloc;
  }
  return true;
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

void CacheNames::Conclude(const std::vector<KnownCache>& known, StringTable* caches) {
  for (Group& group : groups_) {
    group.answer = DecideByVote(group, known, *caches);
    if (group.answer.source == Source::kNone) group.answer = DecideBySize(group, known, caches);
  }
  DecideByCounters(known, caches);
  for (Group& group : groups_) {
    if (group.answer.source == Source::kNone) {
      group.answer.cache = static_cast<uint16_t>(caches->Number(
          fmt::format("unnamed-{}-{}", group.request.bytes_req, group.request.bytes_alloc)));
    }
    SawSizes(group.answer.cache, group.request.bytes_req, group.request.bytes_alloc);
  }
  open_group_.clear();
  open_group_.shrink_to_fit();
}

CacheNames::Answer CacheNames::DecideByVote(const Group& group,
                                            const std::vector<KnownCache>& known,
                                            const StringTable& caches) const {
  uint64_t cast = 0;
  uint64_t best = 0;
  uint16_t winner = 0;
  for (const auto& [cache, votes] : group.votes) {
    if (!Allows(known, caches.strings()[cache], group.request)) continue;
    cast += votes;
    if (votes > best) {
      best = votes;
      winner = cache;
    }
  }
  if (best < kVotesMin || best * 100 < cast * kWinnerPercentMin) return {};
  return {winner, Source::kVote};
}

CacheNames::Answer CacheNames::DecideBySize(const Group& group,
                                            const std::vector<KnownCache>& known,
                                            StringTable* caches) {
  const KnownCache* only = nullptr;
  for (const KnownCache& cache : known) {
    if (!Fits(cache, group.request)) continue;
    if (only != nullptr) return {};
    only = &cache;
  }
  if (only == nullptr) return {};
  return {static_cast<uint16_t>(caches->Number(only->name)), Source::kSize};
}

// Where the kernel counted allocations per cache, one that counted more of them than the names seen
// so far account for has had others: if it alone of all caches of a group's sizes has room for the
// group, the group is its. The largest groups go first.
void CacheNames::DecideByCounters(const std::vector<KnownCache>& known, StringTable* caches) {
  std::map<std::string, int64_t> unaccounted;
  for (const KnownCache& cache : known) {
    if (cache.allocations.has_value()) {
      unaccounted[cache.name] = static_cast<int64_t>(*cache.allocations);
    }
  }
  if (unaccounted.empty()) return;
  const auto account = [&](uint16_t cache, uint64_t objects) {
    const auto found = unaccounted.find(caches->strings()[cache]);
    if (found != unaccounted.end()) found->second -= static_cast<int64_t>(objects);
  };
  std::vector<Group*> open;
  for (Group& group : groups_) {
    uint64_t named = 0;
    for (const auto& [cache, votes] : group.votes) {
      account(cache, votes);
      named += votes;
    }
    if (group.answer.source == Source::kNone) {
      if (group.objects > named) open.push_back(&group);
    } else {
      account(group.answer.cache, group.objects - named);
    }
  }
  const auto nameless = [](const Group& group) {
    uint64_t objects = group.objects;
    for (const auto& [cache, votes] : group.votes) objects -= votes;
    return objects;
  };
  std::stable_sort(open.begin(), open.end(),
                   [&](const Group* a, const Group* b) { return nameless(*a) > nameless(*b); });
  for (Group* group : open) {
    const auto wanted = static_cast<int64_t>(nameless(*group));
    const KnownCache* only = nullptr;
    int fitting = 0;
    for (const KnownCache& cache : known) {
      if (!Fits(cache, group->request)) continue;
      const auto room = unaccounted.find(cache.name);
      // A sidecar is read a moment after or before the events begin and end: nine tenths will do.
      if (room == unaccounted.end() || room->second * 10 < wanted * 9) continue;
      only = &cache;
      ++fitting;
    }
    if (fitting != 1) continue;
    group->answer = {static_cast<uint16_t>(caches->Number(only->name)), Source::kCounters};
    account(group->answer.cache, static_cast<uint64_t>(wanted));
  }
}

std::optional<CacheNames::Answer> CacheNames::AnswerFor(TraceObject object,
                                                        const Request& request) const {
  if (object < freed_cache_.size() && freed_cache_[object] != 0) {
    return Answer{freed_cache_[object], Source::kOwnFree};
  }
  const auto found = group_of_request_.find(request);
  if (found == group_of_request_.end()) return std::nullopt;
  return groups_[found->second].answer;
}

CacheNames::Sizes CacheNames::SizesOf(uint16_t cache) const {
  return cache < sizes_.size() ? sizes_[cache] : Sizes();
}

}  // namespace slablab
