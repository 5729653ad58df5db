// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "cli/worker_flags.h"

#include "absl/flags/flag.h"
#include "runs/experiments/worker_pool.h"

ABSL_FLAG(int32_t, workers, 0, "N: so many runs at once; 0: as many as there are CPUs.");

namespace slablab {

absl::StatusOr<int> WorkersOfFlag() {
  const int32_t workers = absl::GetFlag(FLAGS_workers);
  return workers == 0 ? AvailableCpus() : workers;
}

}  // namespace slablab
