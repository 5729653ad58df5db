// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_CLI_CMD_IMPORT_H_
#define SLABLAB_CLI_CMD_IMPORT_H_

#include <string>
#include <string_view>
#include <vector>

#include "traces/trace.h"

namespace slablab {

inline constexpr std::string_view kImportFlags[] = {
    "output", "from",    "sidecars",        "kernel",
    "clock",  "lenient", "drop_null_frees", "keep_allocator_internal",
};

// slablab import RECORDING -o TRACE.slt
int RunImport(const std::vector<std::string>& arguments);

// What an import made: size, source, every repair with its count, every assumption; 80 columns.
std::string ImportReport(const TraceHeader& header, const std::string& output,
                         const std::string& sidecars_from);

}  // namespace slablab

#endif  // SLABLAB_CLI_CMD_IMPORT_H_
