// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TRACES_IMPORT_IMPORT_TRACE_H_
#define SLABLAB_TRACES_IMPORT_IMPORT_TRACE_H_

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "traces/import/readers/read_recording.h"
#include "traces/import/repair/repair.h"
#include "traces/sidecar/kernel_counters.h"
#include "traces/sidecar/sidecar.h"
#include "traces/slt/trace.h"
#include "traces/symbols/kallsyms.h"

// From a recording on disk, with the files recorded beside it, to a canonical trace.

namespace slablab {

// What stands beside a recording.
struct SidecarSet {
  std::vector<TraceSidecar> files;  // by name
  std::optional<SlabSysfs> sysfs;   // as before the recording, with the caches created during it
  std::optional<KernelCounters> counters;  // what grew between sysfs before and after
  std::vector<KnownCache> known;           // from sysfs, else from slabinfo
  NodesFile nodes;                         // empty if unknown
  std::map<int32_t, uint64_t> lost;        // events that the recorder counted as lost, by CPU
  std::optional<Kallsyms> symbols;         // for call sites; not kept in the trace
  std::string kernel_release;              // empty if unknown
};

// Takes the known files of `folder`: slabinfo, sys-kernel-slab, percpu_stats and zoneinfo (each
// .before, .after, .boot or, as .before, without a suffix; gzipped or not; sys-kernel-slab also as
// a copied tree, which may be called slab), nodes, uname, lstopo.xml, kallsyms, lost-events (which
// capture writes) and lost, stats or stats.after (per_cpu/cpu*/stats, one after another), or a copy
// of per_cpu. None at all is not an error; one that cannot be understood is InvalidArgument.
absl::StatusOr<SidecarSet> CollectSidecars(const std::string& folder);

struct ImportOptions {
  ReadOptions read = {};
  bool keep_null_frees = true;
  bool keep_allocator_internal = false;
  // Whether a recording without one allocation is an error that says what to record.
  bool to_replay = false;
  // Asked now and then; true ends the import, which is then Cancelled.
  std::function<bool()> interrupted = [] { return false; };
  // Told now and then how many events were read: first of an unknown number (0), as the recording
  // is looked through, then, as it is imported, of so many.
  std::function<void(uint64_t events, uint64_t total)> progress = {};
};

struct ImportSummary {
  RecordingInfo recording;
  InternalTotals internal;
  std::vector<std::pair<std::string, uint64_t>> repairs;  // by name, those that were made
};

// A recording to import: a folder that holds trace.dat (or trace.txt, perf.txt, perf.data) and its
// sidecars; a file, whose sidecars are those beside it; or "-" for standard input.
struct Recording {
  std::string path;  // of the events
  SidecarSet sidecars;
  std::string sidecars_from;  // the folder that was looked through for them
};
struct FindOptions {
  bool sidecars = true;  // whether to take what is beside the events
};
absl::StatusOr<Recording> FindRecording(const std::string& path, const FindOptions& options = {});

// Reads the recording (twice, and once more where its events are not in order of time) and writes
// its events to `sink`; `header` is complete afterwards but for what TraceWriter::Finish fills in.
// A kernel release or a clock that the header already has is kept.
absl::StatusOr<ImportSummary> ImportTrace(const Recording& recording, const ImportOptions& options,
                                          EventSink& sink, TraceHeader& header);

}  // namespace slablab

#endif  // SLABLAB_TRACES_IMPORT_IMPORT_TRACE_H_
