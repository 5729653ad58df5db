// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "traces/sidecar/survey.h"

#include <algorithm>
#include <limits>

#include "traces/sidecar/sidecar.h"

namespace slablab {
namespace {

constexpr uint64_t kAll = std::numeric_limits<uint64_t>::max();

void AddKmallocs(const std::vector<AlikeEvents>& block, TraceSurvey& survey) {
  for (const AlikeEvents& alike : block) {
    const Event& event = alike.event;
    if (event.kind != EventKind::kKmalloc || event.inferred || !alike.has_object ||
        event.bytes_req == 0 || event.bytes_alloc == 0) {
      continue;
    }
    survey.kmallocs[{event.bytes_req, event.bytes_alloc}] += alike.count;
  }
}

void AddNodes(const std::vector<AlikeEvents>& block, std::vector<bool>& asked) {
  for (const AlikeEvents& alike : block) {
    const int16_t node = alike.event.node;
    if (!AllocatesObject(alike.event.kind) || node < 0 || node >= kRecordedNodesMax) continue;
    asked[static_cast<size_t>(node)] = true;
  }
}

}  // namespace

absl::StatusOr<TraceSurvey> SurveyTrace(TraceReader& reader, const SurveyOptions& options) {
  const uint64_t kmallocs_end = options.kmalloc_events_max == 0 ? kAll : options.kmalloc_events_max;
  std::vector<bool> asked(kRecordedNodesMax);
  TraceSurvey survey;
  for (size_t number = 0; number < reader.blocks().size(); ++number) {
    if (options.stop && options.stop()) return absl::CancelledError("interrupted");
    const TraceBlock& block = reader.blocks()[number];
    const uint64_t counted = kmallocs_end - std::min(kmallocs_end, block.event_first);
    if (counted == 0 && !options.asked_nodes) break;
    absl::StatusOr<std::vector<AlikeEvents>> events =
        reader.CountBlock(number, counted > 0 ? counted : kAll);
    if (!events.ok()) return events.status();
    if (counted > 0) AddKmallocs(*events, survey);
    if (!options.asked_nodes) continue;
    if (counted > 0 && counted < block.event_count) events = reader.CountBlock(number, kAll);
    if (!events.ok()) return events.status();
    AddNodes(*events, asked);
  }
  for (int32_t node = 0; node < kRecordedNodesMax; ++node) {
    if (asked[static_cast<size_t>(node)]) survey.asked_nodes.push_back(node);
  }
  return survey;
}

}  // namespace slablab
