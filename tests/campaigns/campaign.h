// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TESTS_CAMPAIGNS_CAMPAIGN_H_
#define SLABLAB_TESTS_CAMPAIGNS_CAMPAIGN_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/random.h"

// A campaign tries what nobody would think of: many rounds, each of which is made by chance from
// its number, run under the real program and judged. Its flags:
//
//   --rounds=N     so many rounds (what its test tries, if not given)
//   --minutes=N    go on for so long instead
//   --seed=N       another campaign (1 if not given)
//   --first=N      begin with round N: with --rounds=1, that round again
//   --program=P    slablab's binary (the one built with it, if not given)
//
//   bazel run //tests/campaigns:mutated_inputs -- --minutes=60
//
// It closes with its counts on one line, those of faults too, and answers 1 if there was one; a
// line with those up to then comes every minute.

namespace slablab {

class Campaign {
 public:
  // What counts as a fault is named from the start, so that a count of 0 is printed, too.
  Campaign(std::string name, uint64_t rounds_default, std::vector<std::string> fault_kinds);

  // False, with words on stderr, if the flags are not ours.
  bool ParseFlags(int argc, char** argv);

  // Rounds until the flags say it is enough. `round` is the same for the same number and seed.
  // Answers main's exit status.
  int Run(const std::function<void(uint64_t number, Random& random)>& round);

  // For a round to call. Counts are printed in order of first mention, faults after them.
  void Count(const std::string& what, uint64_t times = 1);
  // `detail` is how to see it again: command and output, with what the round made.
  void Fault(const std::string& kind, const std::string& detail);

  const std::string& program() const { return program_; }
  // An empty folder that goes with the campaign.
  const std::string& folder() const { return folder_; }
  // Empties it.
  void ClearFolder() const;

  ~Campaign();
  Campaign(const Campaign&) = delete;
  Campaign& operator=(const Campaign&) = delete;

 private:
  using Counts = std::vector<std::pair<std::string, uint64_t>>;

  void Print(const std::string& how_far, uint64_t rounds, uint64_t seconds) const;

  const std::string name_;
  uint64_t rounds_;
  uint64_t minutes_ = 0;
  uint64_t seed_ = 1;
  uint64_t first_ = 0;
  uint64_t round_ = 0;
  std::string program_;
  std::string folder_;
  Counts counts_;
  Counts faults_;
};

}  // namespace slablab

#endif  // SLABLAB_TESTS_CAMPAIGNS_CAMPAIGN_H_
