// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_WORKLOADS_SYNTHETIC_WORKLOAD_LOADER_H_
#define SLABLAB_WORKLOADS_SYNTHETIC_WORKLOAD_LOADER_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "workloads/workload.pb.h"

namespace slablab {

// What a user calls a workload: a preset's name, or a file whose name ends in ".textproto".
struct WorkloadText {
  std::string label;  // for messages
  std::string textproto;
};

// NotFound, with the names there are.
absl::StatusOr<WorkloadText> LoadWorkloadText(const std::string& name);

// A file that a user named, whole, if it is not larger than text that people write.
absl::StatusOr<std::string> ReadTextFile(const std::string& path);

struct WorkloadInfo {
  std::string_view name;
  std::string description;  // one line
  WorkloadSpec spec;        // with parameters, and what is used and why
};

// The presets, sorted by name.
std::vector<WorkloadInfo> ListWorkloads();

}  // namespace slablab

#endif  // SLABLAB_WORKLOADS_SYNTHETIC_WORKLOAD_LOADER_H_
