// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_WORKLOADS_CONFORMANCE_CONFORMANCE_H_
#define SLABLAB_WORKLOADS_CONFORMANCE_CONFORMANCE_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "workloads/conformance/reference.h"

// Holds a model to what real kernels did.

namespace slablab {

// How far one file's claims and the model agree.
struct Conformance {
  struct Tally {
    uint64_t agreeing = 0;
    uint64_t total = 0;
    bool all() const { return agreeing == total; }
    void Add(bool agrees) {
      ++total;
      if (agrees) ++agreeing;
    }
  };
  Tally placements;  // where each allocation landed
  Tally figures;     // counters, states, layout
  // The first claim that the model does not share, with file, line and context; empty if none.
  std::string first_disagreement;

  bool agrees() const { return placements.all() && figures.all(); }
  void Note(std::string disagreement) {
    if (first_disagreement.empty()) first_disagreement = std::move(disagreement);
  }
  Conformance& operator+=(const Conformance& other);
};

// Replays a reference run in its total order on the machine it was recorded on, each operation to
// its end before the next: of format 1 in hardirq context, interrupts off, of format 2 in process
// context, interrupts on, where grace periods end when the file says so.
//
// A placement agrees if slab and offset are the recorded ones up to renaming of the slabs alive at
// that moment, and the slab is on the recorded node. NotFound if there is no model of the run's
// kernel. InvalidArgument if the model refuses the run's cache or tunables.
absl::StatusOr<Conformance> ReplayReference(const ReferenceRun& run);

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_CONFORMANCE_CONFORMANCE_H_
