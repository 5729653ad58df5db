// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/auditor.h"

#include <algorithm>
#include <bit>
#include <string_view>

#include "absl/strings/str_cat.h"

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
      words_(bytes_end_ / kGranule / kGranulesPerWord) {}

void Auditor::Violate(std::string_view what, PhysAddr object, uint64_t bytes) {
  if (violations_++ > 0) return;
  first_violation_ = absl::StrCat(std::string(what), ": object of ", bytes, " bytes at 0x",
                                  absl::Hex(object.value()));
}

template <typename Visit>
void Auditor::ForEachWord(PhysAddr object, uint64_t bytes, Visit visit) {
  uint64_t granule = object.value() / kGranule;
  const uint64_t end = (object.value() + std::max<uint64_t>(bytes, 1) - 1) / kGranule + 1;
  while (granule < end) {
    const uint64_t bit = granule % kGranulesPerWord;
    const uint64_t count = std::min(end - granule, kGranulesPerWord - bit);
    const uint64_t ones = count == kGranulesPerWord ? ~uint64_t{0} : (uint64_t{1} << count) - 1;
    visit(words_[granule / kGranulesPerWord], ones << bit);
    granule += count;
  }
}

bool Auditor::IsInMemory(PhysAddr object, uint64_t bytes) const {
  return !object.is_null() && object.value() < bytes_end_ && bytes <= bytes_end_ - object.value();
}

bool Auditor::IsLive(PhysAddr object, uint64_t bytes) {
  uint64_t firsts = 0;
  bool live = true;
  ForEachWord(object, bytes, [&](Word& word, uint64_t mask) {
    live &= (word.live & mask) == mask;
    firsts += static_cast<uint64_t>(std::popcount(word.first & mask));
  });
  const auto bit = [](uint64_t granule) { return uint64_t{1} << granule % kGranulesPerWord; };
  const uint64_t begin = object.value() / kGranule;
  if (!live || firsts != 1 || (words_[begin / kGranulesPerWord].first & bit(begin)) == 0) {
    return false;
  }
  // What follows it is another object or none, not more of this one.
  const uint64_t end = (object.value() + std::max<uint64_t>(bytes, 1) - 1) / kGranule + 1;
  if (end / kGranulesPerWord == words_.size()) return true;
  const Word& behind = words_[end / kGranulesPerWord];
  return (behind.live & bit(end)) == 0 || (behind.first & bit(end)) != 0;
}

void Auditor::OnAlloc(const Allocation& allocation) {
  const PhysAddr object = allocation.object;
  const uint64_t bytes = allocation.bytes;
  if (!IsInMemory(object, bytes)) return Violate("outside of memory", object, bytes);
  if (object.value() % allocation.align != 0) Violate("not aligned", object, bytes);
  if (allocation.only_node != kAnyNode && machine_.NodeOf(object) != allocation.only_node) {
    Violate("on the wrong node", object, bytes);
  }
  bool overlaps = false;
  ForEachWord(object, bytes, [&](Word& word, uint64_t mask) {
    overlaps |= (word.live & mask) != 0;
    word.live |= mask;
  });
  if (overlaps) Violate("handed out while in use", object, bytes);
  const uint64_t granule = object.value() / kGranule;
  words_[granule / kGranulesPerWord].first |= uint64_t{1} << granule % kGranulesPerWord;
  ++live_objects_;
  live_bytes_ += bytes;
}

void Auditor::OnFree(PhysAddr object, uint64_t bytes) {
  if (!IsInMemory(object, bytes)) return Violate("freed outside of memory", object, bytes);
  if (!IsLive(object, bytes)) return Violate("freed while not in use as such", object, bytes);
  ForEachWord(object, bytes, [](Word& word, uint64_t mask) {
    word.live &= ~mask;
    word.first &= ~mask;
  });
  --live_objects_;
  live_bytes_ -= bytes;
}

}  // namespace slablab
