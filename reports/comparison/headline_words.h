// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_REPORTS_COMPARISON_HEADLINE_WORDS_H_
#define SLABLAB_REPORTS_COMPARISON_HEADLINE_WORDS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "reports/comparison/headline.h"

// The sentences of a headline.

namespace slablab {

// Of an even number the mean of the two in the middle, rounded down; nothing of none.
std::optional<uint64_t> MedianOf(std::vector<uint64_t> values);
// Cycles an operation of the allocator and of its users touching objects, in thousandths.
std::optional<uint64_t> MedianTogether(const Side& side);

class HeadlineWords {
 public:
  // Of `headline` the rows and what follows them are read.
  HeadlineWords(const Sides& sides, const Headline& headline, size_t causes_max)
      : sides_(sides), headline_(headline), causes_max_(causes_max) {}

  std::string Winner(const std::vector<size_t>& wins) const;
  std::string Memory() const;
  std::string HowSure() const;
  // What was lost, failed or differs, in one sentence; empty if nothing did.
  std::string Reservations() const;
  std::string Machine() const;
  std::string Kernel() const;

 private:
  const Side& base() const { return sides_.sides[0]; }
  const Side& other() const { return sides_.sides[headline_.other]; }
  std::string BaseName() const;
  std::string OtherName() const;
  std::string Verdict() const;
  std::string OverSettings(size_t wins) const;
  std::string Causes() const;
  std::string Together() const;
  std::string Chance() const;
  // What `of` says of each run, each once, in order.
  template <typename Of>
  std::vector<std::string> Distinct(Of of) const;

  const Sides& sides_;
  const Headline& headline_;
  const size_t causes_max_;
};

}  // namespace slablab

#endif  // SLABLAB_REPORTS_COMPARISON_HEADLINE_WORDS_H_
