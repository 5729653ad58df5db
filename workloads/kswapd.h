// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_WORKLOADS_KSWAPD_H_
#define SLABLAB_WORKLOADS_KSWAPD_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/types.h"

namespace slablab {

struct KswapdTally {
  uint64_t requests = 0;
  uint64_t runs = 0;
  uint64_t coalesced = 0;      // requests that came while the node's kswapd was at the one before
  uint64_t bytes = 0;          // given back
  Cycles busy_cycles_max = 0;  // of the node whose kswapd was at it longest
  int32_t busiest_node = -1;
};

// What is to be said of it after a run of `run_cycles`; empty: no request came too early.
std::string KswapdSentence(const KswapdTally& tally, Cycles run_cycles);

// When each node's kswapd is at work, as far as it is not asked for again meanwhile
// (wakeup_kswapd()): it is not entered before it is over. One that was asked for while it ran
// shares its CPU evenly with the tasks there, as the fair scheduler would have it: it begins again
// only after as long a time as it took. All times on one clock.
class Kswapd {
 public:
  explicit Kswapd(size_t nodes) : nodes_(nodes) {}

  // A request that was due at `due` has its turn. Answers whether it is to be carried out; if so,
  // End() follows.
  bool Begin(size_t node, Cycles due, Cycles now) {
    Node& one = nodes_[node];
    ++tally_.requests;
    if (one.running || due < one.ended) {
      ++tally_.coalesced;
      return false;
    }
    ++tally_.runs;
    one.running = true;
    one.began = now;
    return true;
  }
  // Answers how long it took: requests that came meanwhile, and for as long from now on, are one
  // with it.
  Cycles End(size_t node, Cycles now, uint64_t bytes) {
    Node& one = nodes_[node];
    CHECK(one.running);
    one.running = false;
    one.ended = now;
    tally_.bytes += bytes;
    const Cycles took = now - one.began;
    one.busy += took;
    if (one.busy > tally_.busy_cycles_max) {
      tally_.busy_cycles_max = one.busy;
      tally_.busiest_node = static_cast<int32_t>(node);
    }
    return took;
  }
  // Requests that need not even be made.
  void Coalesce(uint64_t requests) {
    tally_.requests += requests;
    tally_.coalesced += requests;
  }
  const KswapdTally& tally() const { return tally_; }

 private:
  struct Node {
    bool running = false;
    Cycles began = 0;
    Cycles ended = 0;
    Cycles busy = 0;
  };
  std::vector<Node> nodes_;
  KswapdTally tally_;
};

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_KSWAPD_H_
