// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/auditor.h"

#include <algorithm>
#include <bit>
#include <iterator>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sim/buddy_allocator.h"

namespace slablab {

namespace {

uint64_t MemoryEnd(const Machine& machine) {
  const NodeMemory& last = machine.config().memory.back();
  return (last.first_frame + last.frames) << kPageShift;
}

}  // namespace

Auditor::Auditor(const Machine& machine)
    : machine_(machine),
      bytes_end_(MemoryEnd(machine)),
      words_of_frame_(bytes_end_ >> kPageShift, LazyUse::kSparse),
      words_((bytes_end_ >> kPageShift) + 1) {}

void Auditor::Violate(std::string_view what, PhysAddr object, uint64_t bytes) {
  if (violations_++ > 0) return;
  first_violation_ = absl::StrCat(std::string(what), ": object of ", bytes, " bytes at 0x",
                                  absl::Hex(object.value()));
}

inline Auditor::FrameWords& Auditor::OwnWordsOf(uint64_t frame) {
  uint32_t& at = words_of_frame_[frame];
  if (at == 0) [[unlikely]] {
    at = ++frames_used_;
  }
  return words_[at];
}

template <typename Visit>
inline void Auditor::ForEachWord(FrameWords& words, Granules granules, Visit visit) {
  constexpr uint64_t kAll = ~uint64_t{0};
  const uint64_t tail = kAll >> (kGranulesPerWord - 1 - (granules.end - 1) % kGranulesPerWord);
  uint64_t mask = kAll << granules.begin % kGranulesPerWord;
  uint64_t frame = granules.begin / kGranulesPerFrame;
  Word* word = &words[granules.begin / kGranulesPerWord % kWordsPerFrame];
  Word* frame_end = words.end();
  for (; frame != (granules.end - 1) / kGranulesPerFrame; frame_end = word + kWordsPerFrame) {
    for (; word != frame_end; ++word) visit(*word, std::exchange(mask, kAll));
    word = OwnWordsOf(++frame).begin();
  }
  Word* const last =
      frame_end - kWordsPerFrame + (granules.end - 1) / kGranulesPerWord % kWordsPerFrame;
  for (; word != last; ++word) visit(*word, std::exchange(mask, kAll));
  visit(*last, mask & tail);
}

uint64_t Auditor::LiveIn(PhysAddr begin, uint64_t bytes) const {
  CHECK_EQ((begin.value() | bytes) % kPageSize, 0u);
  CHECK_LE(begin.value() + bytes, bytes_end_);
  uint64_t objects = 0;
  for (uint64_t frame = begin.frame(); frame < (begin + bytes).frame(); ++frame) {
    for (const Word& word : WordsOf(frame)) {
      objects += static_cast<uint64_t>(std::popcount(word.first));
    }
  }
  return objects;
}

bool Auditor::IsInMemory(PhysAddr object, uint64_t bytes) const {
  return !object.is_null() && object.value() < bytes_end_ && bytes <= bytes_end_ - object.value();
}

inline bool Auditor::IsLive(FrameWords& words, Granules granules) {
  bool live = true;
  uint64_t first = BitOf(granules.begin);  // in the first word; in the others, none
  ForEachWord(words, granules, [&](const Word& word, uint64_t mask) {
    live &= (word.live & mask) == mask && (word.first & mask) == std::exchange(first, 0);
  });
  if (!live) return false;
  // What follows it is another object or none, not more of this one.
  const uint64_t frame = granules.end / kGranulesPerFrame;
  if (frame == words_of_frame_.size()) return true;
  const Word& behind = WordsOf(frame)[granules.end / kGranulesPerWord % kWordsPerFrame];
  return (behind.live & ~behind.first & BitOf(granules.end)) == 0;
}

void Auditor::OnAlloc(const Allocation& allocation) {
  const PhysAddr object = allocation.object;
  const uint64_t bytes = allocation.bytes;
  if (!IsInMemory(object, bytes)) return Violate("outside of memory", object, bytes);
  if (object.value() % allocation.align != 0) Violate("not aligned", object, bytes);
  if (allocation.only_node != kAnyNode && machine_.NodeOf(object) != allocation.only_node) {
    Violate("on the wrong node", object, bytes);
  }
  const Granules granules = GranulesOf(object, bytes);
  FrameWords& words = OwnWordsOf(object.frame());
  uint64_t overlaps = 0;
  uint64_t first = BitOf(granules.begin);
  ForEachWord(words, granules, [&](Word& word, uint64_t mask) {
    overlaps |= word.live & mask;
    word.live |= mask;
    word.first |= std::exchange(first, 0);
  });
  if (overlaps != 0) Violate("handed out while in use", object, bytes);
  ++live_objects_;
  live_bytes_ += bytes;
}

void Auditor::OnFree(PhysAddr object, uint64_t bytes) {
  if (!IsInMemory(object, bytes)) return Violate("freed outside of memory", object, bytes);
  const Granules granules = GranulesOf(object, bytes);
  FrameWords& words = OwnWordsOf(object.frame());
  if (!IsLive(words, granules)) return Violate("freed while not in use as such", object, bytes);
  ForEachWord(words, granules, [](Word& word, uint64_t mask) {
    word.live &= ~mask;
    word.first &= ~mask;
  });
  --live_objects_;
  live_bytes_ -= bytes;
}

void Auditor::OnReference(const Allocator& allocator, const Allocator::Reference& reference) {
  const PhysAddr target = reference.target;
  const uint64_t bytes = reference.bytes;
  if (!IsInMemory(target, bytes)) return Violate("named outside of memory", target, bytes);
  for (uint64_t frame = target.frame(); frame <= (target + (bytes - 1)).frame(); ++frame) {
    if (machine_.buddy().IsFree(PhysAddr::OfFrame(frame))) {
      return Violate("named after it was freed", target, bytes);
    }
  }
  if (allocator.Locate(target).cache != reference.in) {
    return Violate("named after it became part of another slab", target, bytes);
  }
  const Reference named{.end = target.value() + bytes, .as = reference.as};
  const auto behind = references_.lower_bound(named.end);
  if (behind != references_.begin()) {
    const auto& [begin, other] = *std::prev(behind);
    const bool same = begin == target.value() && other.as == named.as;
    if (!same && other.end > target.value()) return Violate("named as two things", target, bytes);
  }
  references_.emplace(target.value(), named);
  uint64_t overlaps = 0;
  ForEachWord(OwnWordsOf(target.frame()), GranulesOf(target, bytes),
              [&](const Word& word, uint64_t mask) { overlaps |= word.live & mask; });
  if (overlaps != 0) Violate("named while it is another's", target, bytes);
}

}  // namespace slablab
