// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_BASE_DIGEST_H_
#define SLABLAB_BASE_DIGEST_H_

#include <bit>
#include <cstdint>
#include <string_view>

namespace slablab {

// A 64-bit digest of a sequence of integers, the same on every machine: for telling whether two
// runs did the same, not for security. Every step is a bijection of the state, so two sequences
// that differ in one word differ in the digest.
class Digest {
 public:
  void Add(uint64_t word) {
    state_ = std::rotl((state_ ^ word) * 0x9e3779b97f4a7c15, 29) + 0x165667b19e3779f9;
  }
  void AddString(std::string_view text) {
    Add(text.size());
    for (const char c : text) Add(static_cast<unsigned char>(c));
  }
  uint64_t value() const { return state_; }

 private:
  uint64_t state_ = 0;
};

}  // namespace slablab

#endif  // SLABLAB_BASE_DIGEST_H_
