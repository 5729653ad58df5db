// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sim/holder_set.h"

#include <algorithm>

namespace slablab {

void HolderPool::AddWide(Set* set, int member) {
  if (*set == 0) {
    *set = Single(member);
    return;
  }
  if (IsSingle(*set)) {
    const int first = SingleOf(*set);
    if (first == member) return;
    if (free_ == 0) {
      bits_.resize(bits_.size() + static_cast<size_t>(words_));
      *set = (bits_.size() / static_cast<size_t>(words_)) << 1;
    } else {
      *set = std::exchange(free_, *Wide(free_));
    }
    uint64_t* bits = Wide(*set);
    std::fill(bits, bits + words_, 0);
    bits[first / 64] |= uint64_t{1} << (first % 64);
  }
  Wide(*set)[member / 64] |= uint64_t{1} << (member % 64);
}

void HolderPool::RemoveWide(Set* set, int member) {
  if (*set == 0) return;
  if (IsSingle(*set)) {
    if (SingleOf(*set) == member) *set = 0;
    return;
  }
  uint64_t* bits = Wide(*set);
  bits[member / 64] &= ~(uint64_t{1} << (member % 64));
  int left = 0;
  int last = 0;
  for (int word = 0; word < words_; ++word) {
    left += std::popcount(bits[word]);
    if (bits[word] != 0) last = word * 64 + std::countr_zero(bits[word]);
  }
  if (left == 1) {
    Release(*set);
    *set = Single(last);
  }
}

}  // namespace slablab
