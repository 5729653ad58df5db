// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_RUNS_SIMULATION_RUN_RESULT_H_
#define SLABLAB_RUNS_SIMULATION_RUN_RESULT_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "allocators/allocator.h"
#include "reports/result.pb.h"
#include "sim/machine.h"
#include "traces/slt/trace.h"
#include "workloads/auditor.h"
#include "workloads/histogram.h"
#include "workloads/operations/account.h"
#include "workloads/rcu_frees.h"
#include "workloads/skip_tally.h"

namespace slablab {

// Fills everything of `result` but its configuration, the trace's digest, assumptions and the
// comparison with the kernel, from what is left when a run has ended: `replayed`, and what was left
// out.
void GatherResult(Machine& machine, const Allocator& allocator, const RunAccount& replayed,
                  const RcuFrees& rcu, absl::Span<const SkippedEvents> skipped, RunResult& result);

// What import left out of a trace, or put into it, that belongs into a report's head.
void GatherImport(const TraceHeader& trace, Totals& totals);

// Checks the model's invariants and what the auditor saw, and gathers what the model has beside:
// its percpu areas, and what its quirks did. Internal: a violation, while no quirk is on.
absl::Status GatherModel(const Allocator& allocator, const Auditor& auditor, bool has_quirks,
                         RunResult& result);

// Of the live objects, as the auditor knows them, and those that kvfree_rcu has not given back to
// the allocator, how many each slab has. After GatherResult.
void GatherOccupancy(const Machine& machine, const Allocator& allocator, const Auditor& auditor,
                     const RcuFrees& rcu, RunResult& result);

// Of that, what any replay has: the ledger, with `sites` as the names of the model's, the locks and
// the CPUs.
void GatherMachine(Machine& machine, absl::Span<const std::string_view> sites,
                   const std::vector<OperationTotals>& cpus, RunResult& result);
// What a report calls a site; `sites` are the model's.
std::string SiteName(absl::Span<const std::string_view> sites, int site);
void FillPath(const PathInfo& info, PathStats& path);
void FillTimes(const Histogram& cycles, PathStats& path);
FigureValue::Role RoleInResult(FigureRole role);

}  // namespace slablab

#endif  // SLABLAB_RUNS_SIMULATION_RUN_RESULT_H_
