// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_SIM_CACHE_HOLDER_SET_H_
#define SLABLAB_SIM_CACHE_HOLDER_SET_H_

#include <bit>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/types.h"

namespace slablab {

// Sets of small integers in 29 bits each, for the directory: a bitmap where there are at most so
// many members; beyond that, nothing, one member, two, or the number of a wide bitmap in this pool.
// Wide bitmaps are recycled, so that after warm-up nothing is allocated.
class HolderPool {
 public:
  static constexpr int kSetBits = 29;
  using Set = uint32_t;  // zero is the empty set

  // A member, and the set of it alone.
  struct Member {
    int number = 0;
    Set alone = 0;
  };
  Member member(int number) const {
    return {.number = number, .alone = wide_ ? Single(number) : Set{1} << number};
  }

  explicit HolderPool(int members) : words_((members + 63) / 64), wide_(members > kSetBits) {
    CHECK_LE(members, kMaxCpus);
  }

  // The set with a member more, and with one less. What they are given is used up.
  [[nodiscard]] Set With(Set set, Member member) {
    if (!wide_) return set | member.alone;
    if (set == 0) return member.alone;
    return WithWide(set, member.number);
  }
  [[nodiscard]] Set Without(Set set, Member member) {
    if (!wide_) return set & ~member.alone;
    if (set == member.alone) return 0;
    return WithoutWide(set, member.number);
  }
  // The set without all but `member`.
  [[nodiscard]] Set Only(Set set, Member member) {
    if (!wide_) return set & member.alone;
    const bool stays = Contains(set, member);
    if (KindOf(set) == kPooled) Release(set);
    return stays ? member.alone : 0;
  }

  bool Contains(Set set, Member member) const {
    if (!wide_) return (set & member.alone) != 0;
    if (set == member.alone) return true;
    return KindOf(set) > kSingle && ContainsWide(set, member.number);
  }
  // True if the set has a member other than `member`.
  bool HasOther(Set set, Member member) const {
    if (!wide_) return (set & ~member.alone) != 0;
    return set != 0 && set != member.alone;
  }
  // The member of a set that has just one.
  int MemberOf(Set set) const {
    return wide_ ? static_cast<int>(set >> kKindBits) : std::countr_zero(set);
  }

  // Calls `visit(member)` for every member, ascending. The set may not change meanwhile.
  template <typename Visit>
  void ForEach(Set set, Visit visit) const {
    if (!wide_) {
      for (; set != 0; set &= set - 1) visit(std::countr_zero(set));
    } else if (KindOf(set) == kPooled) {
      const uint64_t* bits = Wide(set);
      for (int word = 0; word < words_; ++word) {
        for (uint64_t left = bits[word]; left != 0; left &= left - 1) {
          visit(word * 64 + std::countr_zero(left));
        }
      }
    } else if (set != 0) {
      visit(LowerOf(set));
      if (KindOf(set) == kPair) visit(HigherOf(set));
    }
  }

 private:
  // What a set is on a wide machine, in its low bits. Of a pair, the lower member comes first.
  enum Kind : uint32_t { kEmpty, kSingle, kPair, kPooled };
  static constexpr int kKindBits = 2;
  static constexpr int kMemberBits = 12;
  static constexpr Set kMemberMask = (Set{1} << kMemberBits) - 1;
  static_assert(kMaxCpus <= 1 << kMemberBits && kKindBits + 2 * kMemberBits <= kSetBits);

  static Kind KindOf(Set set) { return static_cast<Kind>(set & ((1u << kKindBits) - 1)); }
  static Set Single(int member) { return static_cast<Set>(member) << kKindBits | kSingle; }
  static Set Pair(int lower, int higher) {
    return (static_cast<Set>(higher) << kMemberBits | static_cast<Set>(lower)) << kKindBits | kPair;
  }
  static int LowerOf(Set set) { return static_cast<int>(set >> kKindBits & kMemberMask); }
  static int HigherOf(Set set) { return static_cast<int>(set >> (kKindBits + kMemberBits)); }
  uint64_t* Wide(Set set) { return &bits_[(set >> kKindBits) * static_cast<size_t>(words_)]; }
  const uint64_t* Wide(Set set) const {
    return &bits_[(set >> kKindBits) * static_cast<size_t>(words_)];
  }

  Set WithWide(Set set, int member);
  Set WithoutWide(Set set, int member);
  bool ContainsWide(Set set, int member) const {
    if (KindOf(set) == kPair) return LowerOf(set) == member || HigherOf(set) == member;
    return (Wide(set)[member / 64] >> (member % 64)) & 1;
  }
  Set TakePooled();
  // Free bitmaps are linked through their first words.
  void Release(Set set) { *Wide(set) = std::exchange(free_, set); }

  int words_;
  bool wide_;
  std::vector<uint64_t> bits_;
  Set free_ = 0;
};

}  // namespace slablab

#endif  // SLABLAB_SIM_CACHE_HOLDER_SET_H_
