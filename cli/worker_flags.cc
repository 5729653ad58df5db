// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "cli/worker_flags.h"

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "cli/worker_pool.h"
#include "fmt/format.h"

ABSL_FLAG(int32_t, workers, 0, "N: so many runs at once; 0: as many as there are CPUs.");

namespace slablab {

absl::StatusOr<int> WorkersOfFlag() {
  constexpr int kWorkersMax = 1024;
  const int32_t workers = absl::GetFlag(FLAGS_workers);
  if (workers < 0 || workers > kWorkersMax) {
    return absl::InvalidArgumentError(
        fmt::format("--workers={} is not in 0..{}", workers, kWorkersMax));
  }
  return workers == 0 ? AvailableCpus() : workers;
}

}  // namespace slablab
