// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_SIM_CORE_WATCHED_SOURCE_H_
#define SLABLAB_SIM_CORE_WATCHED_SOURCE_H_

#include <cstdint>
#include <string>

#include "sim/core/arrival.h"

namespace slablab {

// The scheduler's watchdog gives up on a watched source after so many steps of CPUs (each up to its
// next suspension) without progress. That is some seconds of a core of the host's; in simulated
// terms, so that the same run ends at the same point everywhere.
inline constexpr uint64_t kStallSteps = uint64_t{1} << 27;

// A source that says how far it is, so that CPUs from whose work nothing comes are noticed.
class WatchedSource : public ArrivalSource {
 public:
  // A number that changes as long as something comes of what the CPUs do.
  virtual uint64_t Progress() const = 0;
  // Nothing has, for kStallSteps. Answers true if the source now ends by itself, with words of its
  // own; false: it is our own fault, and the scheduler ends the program.
  virtual bool OnStall() { return false; }
  // For those words: what is done on a CPU, and who else waits for what. Empty: not known.
  virtual std::string WorkOf(const Cpu& /*cpu*/) const { return ""; }
  virtual std::string WhoWaits() const { return ""; }
  // Whether it may have more once timers have expired, though it has nothing now and no CPU is at
  // work. Only of sources that announce.
  virtual bool AwaitsTimers() const { return false; }
};

}  // namespace slablab

#endif  // SLABLAB_SIM_CORE_WATCHED_SOURCE_H_
