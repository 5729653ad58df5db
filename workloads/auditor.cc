// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/auditor.h"

#include <algorithm>
#include <bit>
#include <iterator>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sim/pages/buddy_allocator.h"

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
inline uint64_t Auditor::ForEachWord(FrameWords& words, Granules granules, Visit visit) {
  const uint64_t number = granules.begin / kGranulesPerWord;
  Word& word = words[number % kWordsPerFrame];
  if (number != (granules.end - 1) / kGranulesPerWord) {
    return ForEachOfSeveral(word, granules, visit);
  }
  const uint64_t first = BitOf(granules.begin);
  const uint64_t last = BitOf(granules.end - 1);
  return visit(word, Word{.live = last | (last - first), .first = first, .last = last});
}

// REQUIRES: there are at least two.
template <typename Visit>
[[gnu::noinline]] uint64_t Auditor::ForEachOfSeveral(Word& first, Granules granules, Visit visit) {
  constexpr uint64_t kAll = ~uint64_t{0};
  const uint64_t begin = BitOf(granules.begin);
  uint64_t answers = visit(first, Word{.live = kAll - (begin - 1), .first = begin});
  uint64_t number = granules.begin / kGranulesPerWord + 1;
  const uint64_t number_last = (granules.end - 1) / kGranulesPerWord;
  Word* word = &first + 1;
  for (;; ++number, ++word) {
    if (number % kWordsPerFrame == 0) word = OwnWordsOf(number / kWordsPerFrame).begin();
    if (number == number_last) break;
    answers |= visit(*word, Word{.live = kAll});
  }
  const uint64_t last = BitOf(granules.end - 1);
  return answers | visit(*word, Word{.live = last | (last - 1), .last = last});
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

void Auditor::OnAlloc(const Allocation& allocation) {
  const PhysAddr object = allocation.object;
  const uint64_t bytes = allocation.bytes;
  if (!IsInMemory(object, bytes)) return Violate("outside of memory", object, bytes);
  if (!waiting_.empty() && Waits(object, bytes)) {
    Violate("handed out before its grace period has ended", object, bytes);
  }
  if ((object.value() & (allocation.align - 1)) != 0) Violate("not aligned", object, bytes);
  if (allocation.only_node != kAnyNode && machine_.NodeOf(object) != allocation.only_node) {
    Violate("on the wrong node", object, bytes);
  }
  const uint64_t overlaps = ForEachWord(OwnWordsOf(object.frame()), GranulesOf(object, bytes),
                                        [](Word& word, const Word& part) {
                                          const uint64_t overlaps = word.live & part.live;
                                          word.live |= part.live;
                                          word.first |= part.first;
                                          word.last |= part.last;
                                          return overlaps;
                                        });
  if (overlaps != 0) Violate("handed out while in use", object, bytes);
  ++live_objects_;
  live_bytes_ += bytes;
}

void Auditor::OnFree(PhysAddr object, uint64_t bytes) {
  if (!IsInMemory(object, bytes)) return Violate("freed outside of memory", object, bytes);
  const Granules granules = GranulesOf(object, bytes);
  FrameWords& words = OwnWordsOf(object.frame());
  // Takes the object out; answers what is not as if exactly that had been handed out. Twice, it
  // leaves the words as they were.
  const auto take_out = [](Word& word, const Word& part) {
    const uint64_t unlike = ((word.live & part.live) ^ part.live) |
                            ((word.first & part.live) ^ part.first) |
                            ((word.last & part.live) ^ part.last);
    word.live ^= part.live;
    word.first ^= part.first;
    word.last ^= part.last;
    return unlike;
  };
  if (ForEachWord(words, granules, take_out) != 0) {
    ForEachWord(words, granules, take_out);
    return Violate(Waits(object, bytes) ? "freed while it waits for a grace period"
                                        : "freed while not in use as such",
                   object, bytes);
  }
  --live_objects_;
  live_bytes_ -= bytes;
}

void Auditor::OnFreeRcu(PhysAddr object, uint64_t bytes) {
  const uint64_t violations = violations_;
  OnFree(object, bytes);
  const Rcu* const rcu = machine_.rcu_in_use();
  while (rcu != nullptr && !waiting_order_.empty() &&
         rcu->HasEnded(waiting_order_.front().second)) {
    const auto [begin, snapshot] = waiting_order_.front();
    waiting_order_.pop_front();
    const auto found = waiting_.find(begin);
    if (found != waiting_.end() && found->second.snapshot == snapshot) waiting_.erase(found);
  }
  if (violations_ > violations) return;
  // An RCU that nobody has asked for anything has begun no grace period.
  const uint64_t snapshot = rcu == nullptr ? 1 : rcu->Snapshot();
  const uint64_t end = object.value() + std::max<uint64_t>(1, bytes);
  waiting_[object.value()] = {.end = end, .snapshot = snapshot};
  waiting_order_.emplace_back(object.value(), snapshot);
}

bool Auditor::Waits(PhysAddr object, uint64_t bytes) {
  const Rcu* const rcu = machine_.rcu_in_use();
  const uint64_t end = object.value() + std::max<uint64_t>(1, bytes);
  auto next = waiting_.lower_bound(object.value());
  if (next != waiting_.begin() && std::prev(next)->second.end > object.value()) --next;
  bool waits = false;
  while (next != waiting_.end() && next->first < end) {
    if (rcu != nullptr && rcu->HasEnded(next->second.snapshot)) {
      next = waiting_.erase(next);
    } else {
      waits = true;
      ++next;
    }
  }
  return waits;
}

void Auditor::OnUse(PhysAddr part, uint64_t bytes) {
  if (!IsInMemory(part, bytes)) return Violate("used outside of memory", part, bytes);
  const uint64_t dead =
      ForEachWord(OwnWordsOf(part.frame()), GranulesOf(part, bytes),
                  [](const Word& word, const Word& used) { return ~word.live & used.live; });
  if (dead == 0) return;
  Violate(Waits(part, bytes) ? "used while it waits for a grace period" : "used after it was freed",
          part, bytes);
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
  const uint64_t overlaps =
      ForEachWord(OwnWordsOf(target.frame()), GranulesOf(target, bytes),
                  [](const Word& word, const Word& part) { return word.live & part.live; });
  if (overlaps != 0) Violate("named while it is another's", target, bytes);
}

}  // namespace slablab
