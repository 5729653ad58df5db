// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_SIM_CORE_WINNER_TREE_H_
#define SLABLAB_SIM_CORE_WINNER_TREE_H_

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "base/check.h"

namespace slablab {

// A priority queue of a fixed set of members, each of which is in it at most once, by its key. A
// tournament in one array: members' keys are the leaves, and each node above them is the lesser of
// the two below. A change of one key, whichever way, is one walk from its leaf to the root, of
// as many steps as the number of members has bits and with no branch to guess.
class WinnerTree {
 public:
  static constexpr uint64_t kNobody =
      std::numeric_limits<uint64_t>::max();  // the key of who is out

  // Members are 0 .. members-1, all out.
  explicit WinnerTree(size_t members)
      : members_(members), leaves_(std::bit_ceil(members)), nodes_(2 * leaves_, kNobody) {
    CHECK_GT(members, 0u);
  }

  size_t members() const { return members_; }
  // The least key of all; kNobody if all are out.
  uint64_t first() const { return nodes_[1]; }
  bool empty() const { return first() == kNobody; }
  uint64_t KeyOf(size_t member) const { return nodes_[leaves_ + member]; }
  bool Contains(size_t member) const { return KeyOf(member) != kNobody; }

  // Puts a member in, or changes its key; kNobody takes it out.
  void Set(size_t member, uint64_t key) {
    uint64_t* const nodes = nodes_.data();
    size_t at = leaves_ + member;
    nodes[at] = key;
    while (at > 1) {
      key = std::min(key, nodes[at ^ 1]);
      at /= 2;
      nodes[at] = key;
    }
  }
  void Remove(size_t member) { Set(member, kNobody); }

 private:
  const size_t members_;
  const size_t leaves_;
  std::vector<uint64_t> nodes_;  // the root is 1; below node i are 2i and 2i + 1
};

}  // namespace slablab

#endif  // SLABLAB_SIM_CORE_WINNER_TREE_H_
