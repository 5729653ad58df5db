// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sim/cache/holder_set.h"

#include <algorithm>

namespace slablab {

HolderPool::Set HolderPool::TakePooled() {
  if (free_ == 0) {
    const size_t number = bits_.size() / static_cast<size_t>(words_);
    CHECK_LT(number, size_t{1} << (kSetBits - kKindBits));
    bits_.resize(bits_.size() + static_cast<size_t>(words_));
    return static_cast<Set>(number << kKindBits) | kPooled;
  }
  const Set set = free_;
  free_ = static_cast<Set>(*Wide(set));
  std::fill(Wide(set), Wide(set) + words_, 0);
  return set;
}

HolderPool::Set HolderPool::WithWide(Set set, int member) {
  const auto add = [&](Set pooled, int added) {
    Wide(pooled)[added / 64] |= uint64_t{1} << (added % 64);
  };
  if (set == Single(member) || (KindOf(set) > kSingle && ContainsWide(set, member))) return set;
  if (KindOf(set) == kSingle) {
    const int other = LowerOf(set);
    return Pair(std::min(member, other), std::max(member, other));
  }
  if (KindOf(set) == kPair) {
    const Set pooled = TakePooled();
    add(pooled, LowerOf(set));
    add(pooled, HigherOf(set));
    set = pooled;
  }
  add(set, member);
  return set;
}

HolderPool::Set HolderPool::WithoutWide(Set set, int member) {
  if (KindOf(set) == kPair) {
    if (LowerOf(set) == member) return Single(HigherOf(set));
    return HigherOf(set) == member ? Single(LowerOf(set)) : set;
  }
  if (KindOf(set) != kPooled) return set;
  uint64_t* bits = Wide(set);
  bits[member / 64] &= ~(uint64_t{1} << (member % 64));
  int members = 0;
  for (int word = 0; word < words_; ++word) {
    for (uint64_t left = bits[word]; left != 0; left &= left - 1) {
      if (++members > 2) return set;
    }
  }
  // It had three, so that two are left.
  int lower = -1;
  int higher = -1;
  ForEach(set, [&](int other) { (lower < 0 ? lower : higher) = other; });
  Release(set);
  return Pair(lower, higher);
}

}  // namespace slablab
