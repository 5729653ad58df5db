// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_WORKLOADS_TUNING_H_
#define SLABLAB_WORKLOADS_TUNING_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "allocators/allocator.h"
#include "sim/core/cpu.h"
#include "sim/core/task.h"

namespace slablab {

// A tunable to be written, as its sysfs or proc file would be.
struct TunableSetting {
  std::string cache;  // empty: every cache that takes it
  std::string key;
  int64_t value = 0;
};

// Writes it on `cpu`. InvalidArgument, naming the setting, if the cache is unknown or refuses, or
// if no cache takes it. `setting` must outlive the task.
Task<absl::Status> WriteTunable(Cpu& cpu, Allocator& allocator, const TunableSetting& setting);

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_TUNING_H_
