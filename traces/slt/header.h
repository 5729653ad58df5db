// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TRACES_SLT_HEADER_H_
#define SLABLAB_TRACES_SLT_HEADER_H_

#include "absl/status/status.h"
#include "traces/slt/slt.pb.h"
#include "traces/slt/trace.h"

// Between the header's C++ and protobuf forms. Sidecars are sections of their own.

namespace slablab::slt {

Header ToProto(const TraceHeader& header);

// How many entries of each table there are.
struct TableSizes {
  size_t call_sites = 1;
  size_t gfp_flags = 1;
  size_t caches = 1;
};
TableSizes SizesOf(const TraceHeader& header);
// The entries after the first `from` of each table.
Tables TablesFrom(const TraceHeader& header, const TableSizes& from);

// Errors are kDataLoss and say which field contradicts which.
absl::Status FromProto(const Header& proto, TraceHeader* header);
// Adds entries that are not there yet. False if there would be a gap before them.
bool AddTables(const Tables& tables, TraceHeader* header);

TraceBlock ToTraceBlock(const BlockSummary& summary, uint64_t offset, uint64_t bytes);

}  // namespace slablab::slt

#endif  // SLABLAB_TRACES_SLT_HEADER_H_
