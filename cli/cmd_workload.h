// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_CLI_CMD_WORKLOAD_H_
#define SLABLAB_CLI_CMD_WORKLOAD_H_

#include <string>
#include <string_view>
#include <vector>

namespace slablab {

// `slablab workload show WORKLOAD`: its textproto, which says what it does, uses and takes.
int RunWorkloadShow(const std::vector<std::string>& arguments);

inline constexpr std::string_view kWorkloadWriteFlags[] = {
    "output", "set", "machine", "allocator", "place", "balance", "scale", "seed", "touch_bytes"};

// `slablab workload write WORKLOAD -o TRACE`: runs it and writes what it did as a trace.
int RunWorkloadWrite(const std::vector<std::string>& arguments);

}  // namespace slablab

#endif  // SLABLAB_CLI_CMD_WORKLOAD_H_
