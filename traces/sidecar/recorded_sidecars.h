// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TRACES_SIDECAR_RECORDED_SIDECARS_H_
#define SLABLAB_TRACES_SIDECAR_RECORDED_SIDECARS_H_

#include <initializer_list>
#include <map>
#include <optional>
#include <string_view>

#include "absl/status/statusor.h"
#include "traces/sidecar/sidecar.h"
#include "traces/slt/trace.h"

namespace slablab {

// What /sys/kernel/slab said beside a recording: hundreds of kilobytes. Each sidecar is parsed when
// it is first asked for, and once: a run, which asks many times, hands this on. The header must
// outlive it. Not for several threads.
class RecordedSidecars {
 public:
  // Implicit: a header will do where nobody asks twice.
  RecordedSidecars(const TraceHeader& trace) : trace_(trace) {}  // NOLINT
  RecordedSidecars(const RecordedSidecars&) = delete;

  const TraceHeader& trace() const { return trace_; }
  // Null: there is no sidecar of that name. Errors are the parser's.
  const absl::StatusOr<SlabSysfs>* Sysfs(std::string_view name) const;
  // The first of these that is there and can be read; null: none.
  const SlabSysfs* FirstSysfs(std::initializer_list<std::string_view> names) const;

 private:
  const TraceHeader& trace_;
  mutable std::map<std::string_view, std::optional<absl::StatusOr<SlabSysfs>>> sysfs_;
};

}  // namespace slablab

#endif  // SLABLAB_TRACES_SIDECAR_RECORDED_SIDECARS_H_
