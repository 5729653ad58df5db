// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_CLI_OUTPUT_IMPORT_REPORT_H_
#define SLABLAB_CLI_OUTPUT_IMPORT_REPORT_H_

#include <string>

#include "traces/slt/trace.h"

namespace slablab {

// What an import made: size, source, every repair with its count, every assumption; 80 columns.
// `output` is the finished trace.
std::string ImportReport(const TraceHeader& header, const std::string& output,
                         const std::string& sidecars_from);

}  // namespace slablab

#endif  // SLABLAB_CLI_OUTPUT_IMPORT_REPORT_H_
