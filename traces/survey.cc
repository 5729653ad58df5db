// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "traces/survey.h"

#include "absl/container/flat_hash_map.h"
#include "traces/sidecar.h"

namespace slablab {
namespace {

constexpr size_t kBatchEvents = 1 << 12;

}  // namespace

absl::StatusOr<TraceSurvey> SurveyTrace(TraceReader& reader, const SurveyOptions& options) {
  std::vector<bool> asked(kRecordedNodesMax);
  absl::flat_hash_map<uint64_t, uint64_t> kmallocs;
  std::vector<Event> batch(kBatchEvents);
  uint64_t left = options.kmalloc_events_max == 0 ? UINT64_MAX : options.kmalloc_events_max;
  while (left > 0 || options.all_nodes) {
    const absl::StatusOr<size_t> count = reader.Read(absl::MakeSpan(batch));
    if (!count.ok()) return count.status();
    if (*count == 0) break;
    if (options.stop && options.stop()) return absl::CancelledError("interrupted");
    for (size_t i = 0; i < *count; ++i) {
      const Event& event = batch[i];
      const bool counts = left > 0;
      if (counts) --left;
      if (!AllocatesObject(event.kind)) continue;
      if (event.node >= 0 && event.node < kRecordedNodesMax) {
        asked[static_cast<size_t>(event.node)] = true;
      }
      if (!counts || event.kind != EventKind::kKmalloc || event.inferred ||
          event.object == kNoTraceObject || event.bytes_req == 0 || event.bytes_alloc == 0) {
        continue;
      }
      ++kmallocs[static_cast<uint64_t>(event.bytes_req) << 32 | event.bytes_alloc];
    }
  }
  reader.Rewind();
  TraceSurvey survey;
  for (int32_t node = 0; node < kRecordedNodesMax; ++node) {
    if (asked[static_cast<size_t>(node)]) survey.asked_nodes.push_back(node);
  }
  for (const auto& [sizes, count] : kmallocs) {
    survey.kmallocs[{static_cast<uint32_t>(sizes >> 32), static_cast<uint32_t>(sizes)}] = count;
  }
  return survey;
}

}  // namespace slablab
