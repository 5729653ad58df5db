// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_WORKLOADS_AUDITOR_H_
#define SLABLAB_WORKLOADS_AUDITOR_H_

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "allocators/allocator.h"
#include "base/types.h"
#include "sim/cache/lazy_array.h"
#include "sim/machine.h"

namespace slablab {

// Watches what an allocator hands out and takes back, knowing nothing of how it works: no two live
// objects overlap, what is freed was live and whole and, if it needs a grace period, is not handed
// out again before that has ended; objects are aligned and where they were asked to be. It follows
// every run; one operation costs a few nanoseconds.
//
// Violations are collected, not fatal: a quirk that is switched on may be meant to cause one.
class Auditor {
 public:
  explicit Auditor(const Machine& machine);

  struct Allocation {
    PhysAddr object;
    uint64_t bytes = 0;           // that the caller may use
    uint64_t align = 8;           // a power of two
    NodeId only_node = kAnyNode;  // where it has to be, if anywhere
  };
  void OnAlloc(const Allocation& allocation);
  // `bytes` as at its allocation.
  void OnFree(PhysAddr object, uint64_t bytes);
  // The same by kvfree_rcu(), before the allocator sees it: it is no longer live, and nothing of it
  // may be handed out before a grace period of the machine's RCU has begun and ended.
  void OnFreeRcu(PhysAddr object, uint64_t bytes);
  // Somebody uses a part of an object, which has to be live.
  void OnUse(PhysAddr part, uint64_t bytes);

  // How many live objects begin in [begin, begin + bytes). REQUIRES: it is in the machine's memory,
  // in whole pages.
  uint64_t LiveIn(PhysAddr begin, uint64_t bytes) const;
  // The allocator names this memory as its own and will go on to use it.
  void OnReference(const Allocator& allocator, const Allocator::Reference& reference);

  uint64_t live_objects() const { return live_objects_; }
  uint64_t live_bytes() const { return live_bytes_; }
  uint64_t violations() const { return violations_; }
  const std::string& first_violation() const { return first_violation_; }

 private:
  struct Reference {
    uint64_t end = 0;
    CacheId as = kNoCache;
  };
  // Freed by kvfree_rcu().
  struct Waiting {
    uint64_t end = 0;
    uint64_t snapshot = 0;  // the grace period's
  };
  static constexpr uint64_t kGranule = 8;
  static constexpr uint64_t kGranulesPerWord = 64;
  // A bit a granule.
  struct Word {
    uint64_t live = 0;
    uint64_t first = 0;  // of an object
    uint64_t last = 0;   // likewise
  };
  static constexpr uint64_t kGranulesPerFrame = kPageSize / kGranule;
  static constexpr uint64_t kWordsPerFrame = kGranulesPerFrame / kGranulesPerWord;
  using FrameWords = std::array<Word, kWordsPerFrame>;
  // Whether something of [object, object + bytes) waits for a grace period that has not ended.
  // Forgets what does not.
  bool Waits(PhysAddr object, uint64_t bytes);
  void Violate(std::string_view what, PhysAddr object, uint64_t bytes);
  bool IsInMemory(PhysAddr object, uint64_t bytes) const;
  // Those that an object touches, at least one.
  struct Granules {
    uint64_t begin = 0;
    uint64_t end = 0;
  };
  static Granules GranulesOf(PhysAddr object, uint64_t bytes) {
    const uint64_t last = object.value() + (bytes == 0 ? 0 : bytes - 1);
    return {.begin = object.value() / kGranule, .end = last / kGranule + 1};
  }
  static uint64_t BitOf(uint64_t granule) { return uint64_t{1} << granule % kGranulesPerWord; }
  // The words of a frame; of one where nothing was ever handed out, words that stay zero.
  const FrameWords& WordsOf(uint64_t frame) const { return words_[words_of_frame_[frame]]; }
  // The same, to be written to.
  FrameWords& OwnWordsOf(uint64_t frame);
  // Calls visit(word, part) for the words of `granules`, in order: `part` has those bits that the
  // word has once an object is there. `words` are those of the first frame. Answers all bits that
  // the visits answered.
  template <typename Visit>
  uint64_t ForEachWord(FrameWords& words, Granules granules, Visit visit);
  template <typename Visit>
  uint64_t ForEachOfSeveral(Word& first, Granules granules, Visit visit);

  const Machine& machine_;
  uint64_t bytes_end_;  // of the machine's memory
  // Frames have their words side by side in the order in which they come into use, wherever they
  // are in the machine's memory: the host's is taken in few large pages.
  LazyArray<uint32_t> words_of_frame_;
  LazyArray<FrameWords> words_;
  uint32_t frames_used_ = 0;
  uint64_t live_objects_ = 0;
  uint64_t live_bytes_ = 0;
  uint64_t violations_ = 0;
  std::string first_violation_;
  std::map<uint64_t, Reference> references_;  // by where they begin
  std::map<uint64_t, Waiting> waiting_;       // likewise; no two overlap
  // The same, as it was freed: begin, snapshot. What has gone from the map meanwhile is here still.
  std::deque<std::pair<uint64_t, uint64_t>> waiting_order_;
};

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_AUDITOR_H_
