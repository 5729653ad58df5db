// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TRACES_IMPORT_REPAIR_CACHE_NAMES_H_
#define SLABLAB_TRACES_IMPORT_REPAIR_CACHE_NAMES_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "traces/event.h"
#include "traces/string_table.h"

// From which cache an allocation was, where its tracepoint does not say (kmem_cache_alloc before
// 6.2). A recording is learnt from first, by object and by call site and sizes; then asked.

namespace slablab {

// What a sidecar knows of a cache of the recorded kernel.
struct KnownCache {
  std::string name;
  uint32_t object_size = 0;  // 0 = unknown
  uint32_t slab_size = 0;
  // How many allocations the kernel counted during the recording, if its counters are known.
  std::optional<uint64_t> allocations = std::nullopt;
};

class CacheNames {
 public:
  // A vote carries if it has at least kVotesMin frees behind it, of which at least
  // kWinnerPercentMin name the same cache. On a recording with names in it, a vote among call site
  // and sizes was right for 96.5 % of the objects without any threshold.
  static constexpr uint64_t kVotesMin = 3;
  static constexpr uint64_t kWinnerPercentMin = 90;

  enum class Source { kOwnFree, kVote, kSize, kCounters, kNone };
  struct Answer {
    uint16_t cache = 0;
    Source source = Source::kNone;
  };
  struct Request {
    uint32_t call_site = 0;
    uint32_t bytes_req = 0;
    uint32_t bytes_alloc = 0;
    friend bool operator==(const Request&, const Request&) = default;
    template <typename H>
    friend H AbslHashValue(H h, const Request& r) {
      return H::combine(std::move(h), r.call_site, r.bytes_req, r.bytes_alloc);
    }
  };

  // `object` was allocated so, without a name.
  void SawUnnamed(TraceObject object, const Request& request);
  // `object`, if it was allocated without a name, was freed under that of `cache`.
  void SawFreed(TraceObject object, uint16_t cache);
  // An allocation of `cache` had these sizes.
  void SawSizes(uint16_t cache, uint32_t bytes_req, uint32_t bytes_alloc);

  // Ends learning. `known` (perhaps empty) says which sizes caches can have and how often each was
  // allocated from; the caches that answers name beyond those seen are added to `caches`.
  void Conclude(const std::vector<KnownCache>& known, StringTable* caches);

  // Nothing if the survey did not see such a request. REQUIRES: Conclude was called.
  std::optional<Answer> AnswerFor(TraceObject object, const Request& request) const;

  struct Sizes {
    uint32_t bytes_req = 0;
    uint32_t bytes_alloc = 0;
  };
  // The sizes seen for `cache`; zeros if none were.
  Sizes SizesOf(uint16_t cache) const;

 private:
  struct Group {
    Request request;
    uint64_t objects = 0;
    std::map<uint16_t, uint64_t> votes = {};  // by cache; ordered, for ties
    Answer answer = {};                       // of those that were never freed
  };

  Answer DecideByVote(const Group& group, const std::vector<KnownCache>& known,
                      const StringTable& caches) const;
  static Answer DecideBySize(const Group& group, const std::vector<KnownCache>& known,
                             StringTable* caches);
  void DecideByCounters(const std::vector<KnownCache>& known, StringTable* caches);

  std::vector<Group> groups_;
  absl::flat_hash_map<Request, uint32_t> group_of_request_;
  std::vector<uint32_t> open_group_;   // by object: 1 + its group until its free names it; else 0
  std::vector<uint16_t> freed_cache_;  // by object: the cache that its own free named; else 0
  std::vector<Sizes> sizes_;           // by cache
};

}  // namespace slablab

#endif  // SLABLAB_TRACES_IMPORT_REPAIR_CACHE_NAMES_H_
