// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_SIM_HOLDER_SET_H_
#define SLABLAB_SIM_HOLDER_SET_H_

#include <bit>
#include <cstdint>
#include <utility>
#include <vector>

#include "sim/check.h"

namespace slablab {

// Sets of small integers, one word each in the directory entry: a bitmap where the machine has at
// most 64 members; beyond that, nothing, one member, or the number of a wide bitmap in this pool.
// Wide bitmaps are recycled, so that after warm-up nothing is allocated.
class HolderPool {
 public:
  using Set = uint64_t;  // zero is the empty set

  explicit HolderPool(int members) : words_((members + 63) / 64), wide_(members > 64) {}

  void Add(Set* set, int member) {
    if (!wide_) {
      *set |= uint64_t{1} << member;
    } else {
      AddWide(set, member);
    }
  }
  void Remove(Set* set, int member) {
    if (!wide_) {
      *set &= ~(uint64_t{1} << member);
    } else {
      RemoveWide(set, member);
    }
  }
  // Makes the set {member}.
  void Assign(Set* set, int member) {
    Clear(set);
    Add(set, member);
  }
  void Clear(Set* set) {
    if (wide_ && *set != 0 && !IsSingle(*set)) Release(*set);
    *set = 0;
  }
  bool Contains(Set set, int member) const {
    if (!wide_) return (set >> member) & 1;
    if (set == 0) return false;
    if (IsSingle(set)) return SingleOf(set) == member;
    return (Wide(set)[member / 64] >> (member % 64)) & 1;
  }
  // True if the set has a member other than `member`.
  bool HasOther(Set set, int member) const {
    if (!wide_) return (set & ~(uint64_t{1} << member)) != 0;
    if (set == 0) return false;
    if (IsSingle(set)) return SingleOf(set) != member;
    return true;  // a wide bitmap has at least two members
  }

  // Calls `visit(member)` for every member, ascending. The set may not change meanwhile.
  template <typename Visit>
  void ForEach(Set set, Visit visit) const {
    if (!wide_) {
      for (; set != 0; set &= set - 1) visit(std::countr_zero(set));
    } else if (set != 0 && IsSingle(set)) {
      visit(SingleOf(set));
    } else if (set != 0) {
      const uint64_t* bits = Wide(set);
      for (int word = 0; word < words_; ++word) {
        for (uint64_t left = bits[word]; left != 0; left &= left - 1) {
          visit(word * 64 + std::countr_zero(left));
        }
      }
    }
  }

 private:
  // Wide machines: 2 * member + 1 is a single member, 2 * (number + 1) a pooled bitmap.
  static bool IsSingle(Set set) { return (set & 1) != 0; }
  static int SingleOf(Set set) { return static_cast<int>(set >> 1); }
  static Set Single(int member) { return (static_cast<uint64_t>(member) << 1) | 1; }
  uint64_t* Wide(Set set) { return &bits_[((set >> 1) - 1) * static_cast<uint64_t>(words_)]; }
  const uint64_t* Wide(Set set) const {
    return &bits_[((set >> 1) - 1) * static_cast<uint64_t>(words_)];
  }

  void AddWide(Set* set, int member);
  void RemoveWide(Set* set, int member);
  // Free bitmaps are linked through their first words.
  void Release(Set set) { *Wide(set) = std::exchange(free_, set); }

  int words_;
  bool wide_;
  std::vector<uint64_t> bits_;
  Set free_ = 0;
};

}  // namespace slablab

#endif  // SLABLAB_SIM_HOLDER_SET_H_
