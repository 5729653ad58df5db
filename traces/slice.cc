// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "traces/slice.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <string_view>
#include <vector>

#include "fmt/format.h"

namespace slablab {
namespace {

constexpr size_t kBatch = 4096;

// The number of the first event that a selection of time and number admits, whatever its CPU, and
// the objects live before it.
struct Beginning {
  uint64_t event = 0;
  uint64_t live = 0;
};

// Reads the one block in which the selection begins.
absl::StatusOr<Beginning> FindBeginning(const std::string& path, const TraceReader& whole,
                                        const TraceReader::Options& selection) {
  const std::vector<TraceBlock>& blocks = whole.blocks();
  const auto found = std::find_if(blocks.begin(), blocks.end(), [&](const TraceBlock& block) {
    return block.time_last >= selection.from &&
           block.event_first + block.event_count > selection.event_first;
  });
  if (found == blocks.end()) return Beginning{whole.header().event_count, 0};
  Beginning beginning = {found->event_first, found->live_first};
  TraceReader::Options before;
  before.salvage = selection.salvage;
  before.event_first = found->event_first;
  before.event_end = found->event_first + found->event_count;
  absl::StatusOr<std::unique_ptr<TraceReader>> reader = TraceReader::Open(path, before);
  if (!reader.ok()) return reader.status();
  std::vector<Event> events(kBatch);
  for (;;) {
    const absl::StatusOr<size_t> count = (*reader)->Read(absl::MakeSpan(events));
    if (!count.ok()) return count.status();
    if (*count == 0) return beginning;
    for (size_t i = 0; i < *count; ++i) {
      const Event& event = events[i];
      if (event.time >= selection.from && beginning.event >= selection.event_first) {
        return beginning;
      }
      if (Allocates(event.kind) && event.object != kNoTraceObject) ++beginning.live;
      if (Frees(event.kind) && event.object != kNoTraceObject && !event.predates_trace) {
        --beginning.live;
      }
      ++beginning.event;
    }
  }
}

std::string Seconds(Nanos time) {
  return fmt::format("{}.{:09} s", time / 1'000'000'000, time % 1'000'000'000);
}

std::string Statement(const TraceHeader& whole, const TraceReader::Options& selection,
                      uint64_t event_first, const SliceSummary& summary, Nanos first, Nanos last) {
  std::string text = fmt::format(
      "a slice: {} of the {} events of {}, from event {} on, times {} to {}", summary.events,
      whole.event_count, whole.source_name.empty() ? "a trace" : whole.source_name, event_first,
      Seconds(first), Seconds(last));
  if (!selection.cpus.empty()) {
    text += ", on CPUs";
    for (const CpuId cpu : selection.cpus) text += fmt::format(" {}", cpu.value());
    text += " only";
  }
  return text +
         fmt::format(
             "; {} objects of the whole were live at its start, {} of its frees are of "
             "objects allocated outside of it, and {} of its objects are not freed in it; "
             "repairs are those of the whole, and of the sidecars only those that describe its "
             "own beginning or end are kept",
             summary.live_at_start, summary.frees_predating, summary.live_at_end);
}

// A sidecar tells of one moment: with another beginning or end, it tells of nothing in the slice.
void DropSidecars(std::string_view moment, TraceHeader* header) {
  std::erase_if(header->sidecars, [moment](const TraceSidecar& sidecar) {
    return std::string_view(sidecar.name).ends_with(moment);
  });
}

// What of the whole's losses are the slice's: whose time is not known stand first, and of notices
// without a number some are counted by these.
class LossesOfSlice {
 public:
  LossesOfSlice(const TraceHeader& whole, bool is_later) : whole_(whole), is_later_(is_later) {}

  void Add(const Event& event) {
    if (event.kind != EventKind::kLost) {
      has_begun_ = true;
      return;
    }
    if (event.bytes_req == 0) ++unnumbered_;
    if (!has_begun_) leading_ += event.bytes_req;
  }
  void Fill(TraceHeader& header) const {
    header.lost_untimed = is_later_ ? 0 : std::min(leading_, whole_.lost_untimed);
    // Those of the whole that nothing counts may all be in the slice.
    header.lost_covered = is_later_ ? 0 : unnumbered_ - std::min(unnumbered_, whole_.lost_unknown);
  }

 private:
  const TraceHeader& whole_;
  const bool is_later_;
  bool has_begun_ = false;
  uint64_t unnumbered_ = 0;
  uint64_t leading_ = 0;
};

}  // namespace

absl::Status Renumberer::Append(const Event& event, EventSink& sink) {
  Event renumbered = event;
  const bool frees = Frees(event.kind);
  if (event.object != kNoTraceObject) {
    const auto [found, added] = numbers_.try_emplace(event.object, numbers_.size() + 1);
    renumbered.object = found->second;
    if (added && frees) {
      renumbered.predates_trace = true;
      ++summary_.frees_predating;
    } else if (frees && !event.predates_trace) {
      --summary_.live_at_end;
    } else if (Allocates(event.kind)) {
      ++summary_.live_at_end;
    }
  }
  ++summary_.events;
  return sink.Append(renumbered);
}

absl::StatusOr<SliceSummary> SliceTrace(const std::string& path,
                                        const TraceReader::Options& selection,
                                        const std::string& output, const SliceOptions& options) {
  absl::StatusOr<std::unique_ptr<TraceReader>> reader = TraceReader::Open(path, selection);
  if (!reader.ok()) return reader.status();
  const absl::StatusOr<Beginning> beginning = FindBeginning(path, **reader, selection);
  if (!beginning.ok()) return beginning.status();
  absl::StatusOr<std::unique_ptr<TraceWriter>> writer =
      TraceWriter::Create(output, options.writing);
  if (!writer.ok()) return writer.status();
  const TraceHeader& whole = (*reader)->header();
  (*writer)->header() = whole;
  if (!selection.cpus.empty()) (*writer)->header().of_some_cpus = true;
  const bool is_later = selection.from > whole.time_first || selection.event_first > 0;
  const bool cuts_beginning = is_later || !selection.cpus.empty();
  if (cuts_beginning) DropSidecars(".before", &(*writer)->header());
  if (cuts_beginning || !selection.selects_all()) DropSidecars(".after", &(*writer)->header());
  LossesOfSlice losses(whole, is_later);
  Renumberer renumberer;
  Nanos first = 0;
  Nanos last = 0;
  std::vector<Event> events(kBatch);
  for (;;) {
    if (options.interrupted()) return absl::CancelledError("interrupted");
    const absl::StatusOr<size_t> count = (*reader)->Read(absl::MakeSpan(events));
    if (!count.ok()) return count.status();
    if (*count == 0) break;
    if (renumberer.summary().events == 0) {
      first = events[0].time;
      // What was lost nobody knows when may have been lost here.
      if (is_later && whole.lost_untimed > 0) {
        Event lost;
        lost.inferred = true;
        lost.kind = EventKind::kLost;
        lost.time = first;
        if (absl::Status s = renumberer.Append(lost, **writer); !s.ok()) return s;
      }
    }
    last = events[*count - 1].time;
    for (size_t i = 0; i < *count; ++i) {
      losses.Add(events[i]);
      if (absl::Status s = renumberer.Append(events[i], **writer); !s.ok()) return s;
    }
  }
  losses.Fill((*writer)->header());
  SliceSummary summary = renumberer.summary();
  if (summary.events == 0) {
    return absl::InvalidArgumentError(fmt::format("{}: the selection is of no event", path));
  }
  summary.live_at_start = beginning->live;
  (*writer)->header().assumptions.push_back(
      Statement(whole, selection, beginning->event, summary, first, last));
  if (absl::Status status = (*writer)->Finish(); !status.ok()) return status;
  return summary;
}

}  // namespace slablab
