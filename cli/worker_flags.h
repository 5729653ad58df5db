// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_CLI_WORKER_FLAGS_H_
#define SLABLAB_CLI_WORKER_FLAGS_H_

#include "absl/status/statusor.h"

namespace slablab {

// --workers, which commands of several runs share: 0, the default, is a worker for each CPU that
// this process may use. InvalidArgument for a number that cannot be meant.
absl::StatusOr<int> WorkersOfFlag();

}  // namespace slablab

#endif  // SLABLAB_CLI_WORKER_FLAGS_H_
