// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_CLI_CMD_RUN_H_
#define SLABLAB_CLI_CMD_RUN_H_

#include <string>
#include <string_view>
#include <vector>

namespace slablab {

inline constexpr std::string_view kRunFlags[] = {
    "trace",          "allocator",   "machine",      "order",       "place",
    "start",          "seed",        "merge_caches", "statistics",  "boot",
    "possible_nodes", "pressure_us", "quirks",       "touch_bytes", "events_max"};

// `slablab run`: replays a trace through an allocator on a machine.
int RunRun(const std::vector<std::string>& arguments);

// `slablab demo`: the same with a bundled trace on a two-node machine.
int RunDemo(const std::vector<std::string>& arguments);

}  // namespace slablab

#endif  // SLABLAB_CLI_CMD_RUN_H_
