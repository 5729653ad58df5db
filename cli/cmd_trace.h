// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_CLI_CMD_TRACE_H_
#define SLABLAB_CLI_CMD_TRACE_H_

#include <string>
#include <string_view>
#include <vector>

// The commands on traces (.slt files), but for "trace stat".

#include "cli/command.h"

namespace slablab {

// slablab trace info TRACE: what the header and the index say.
inline constexpr Format kTraceInfoFormats[] = {Format::kText, Format::kJson};
inline constexpr std::string_view kTraceInfoFlags[] = {"format", "salvage"};
int RunTraceInfo(const std::vector<std::string>& arguments);

// slablab trace dump TRACE: one line an event.
inline constexpr std::string_view kTraceDumpFlags[] = {"time", "cpus", "events", "limit",
                                                       "salvage"};
int RunTraceDump(const std::vector<std::string>& arguments);

// slablab trace slice TRACE -o OUT
inline constexpr std::string_view kTraceSliceFlags[] = {"output", "time", "cpus", "events",
                                                        "salvage"};
int RunTraceSlice(const std::vector<std::string>& arguments);

// slablab trace validate TRACE...: status 1 if an invariant is broken.
inline constexpr std::string_view kTraceValidateFlags[] = {"limit", "salvage"};
int RunTraceValidate(const std::vector<std::string>& arguments);

}  // namespace slablab

#endif  // SLABLAB_CLI_CMD_TRACE_H_
