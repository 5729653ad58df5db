// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_RUNS_EXPERIMENTS_RECORDING_CHECK_H_
#define SLABLAB_RUNS_EXPERIMENTS_RECORDING_CHECK_H_

#include <string>

#include "absl/status/statusor.h"
#include "reports/result.pb.h"
#include "workloads/conformance/conformance.h"

namespace slablab {

// Whether `path` is a recording: a folder, or a trace.
bool IsRecording(const std::string& path);

// Replays a recording (a folder with a trace.dat and its sidecars, or an .slt file that holds them)
// on a machine of as many CPUs and nodes and as much memory as its sidecars tell, and compares with
// the kernel's own counters. InvalidArgument if the recording lacks SLUB's counters from before and
// after it; Cancelled on an interrupt.
absl::StatusOr<RunResult> ReplayRecording(const std::string& path);

// The shares of fast-path allocations and frees: each agrees if it is within two points of the
// kernel's. Counter for counter is for people to judge, with the explanations.
Conformance JudgeRecording(const RunResult& result, const std::string& path);

}  // namespace slablab

#endif  // SLABLAB_RUNS_EXPERIMENTS_RECORDING_CHECK_H_
