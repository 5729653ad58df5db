// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/auditor.h"

#include <algorithm>
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
      live_(bytes_end_ / kGranule / kGranulesPerWord) {}

void Auditor::Violate(std::string_view what, PhysAddr object, uint64_t bytes) {
  if (violations_++ > 0) return;
  first_violation_ = absl::StrCat(std::string(what), ": object of ", bytes, " bytes at 0x",
                                  absl::Hex(object.value()));
}

template <typename Visit>
void Auditor::ForEachWord(PhysAddr object, uint64_t bytes, Visit visit) {
  uint64_t granule = object.value() / kGranule;
  uint64_t left = (std::max<uint64_t>(bytes, 1) + kGranule - 1) / kGranule;
  while (left > 0) {
    const uint64_t bit = granule % kGranulesPerWord;
    const uint64_t count = std::min(left, kGranulesPerWord - bit);
    const uint64_t ones = count == kGranulesPerWord ? ~uint64_t{0} : (uint64_t{1} << count) - 1;
    visit(live_[granule / kGranulesPerWord], ones << bit);
    granule += count;
    left -= count;
  }
}

void Auditor::OnAlloc(const Allocation& allocation) {
  const PhysAddr object = allocation.object;
  const uint64_t bytes = allocation.bytes;
  if (object.is_null() || object.value() + bytes > bytes_end_) {
    return Violate("outside of memory", object, bytes);
  }
  if (object.value() % allocation.align != 0) Violate("not aligned", object, bytes);
  if (allocation.only_node != kAnyNode && machine_.NodeOf(object) != allocation.only_node) {
    Violate("on the wrong node", object, bytes);
  }
  bool overlaps = false;
  ForEachWord(object, bytes, [&](uint64_t& word, uint64_t mask) {
    overlaps |= (word & mask) != 0;
    word |= mask;
  });
  if (overlaps) Violate("handed out while in use", object, bytes);
  ++live_objects_;
  live_bytes_ += bytes;
}

void Auditor::OnFree(PhysAddr object, uint64_t bytes) {
  bool was_live = true;
  ForEachWord(object, bytes, [&](uint64_t& word, uint64_t mask) {
    was_live &= (word & mask) == mask;
    word &= ~mask;
  });
  if (!was_live) return Violate("freed while not in use", object, bytes);
  --live_objects_;
  live_bytes_ -= bytes;
}

}  // namespace slablab
