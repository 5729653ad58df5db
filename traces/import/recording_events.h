// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TRACES_IMPORT_RECORDING_EVENTS_H_
#define SLABLAB_TRACES_IMPORT_RECORDING_EVENTS_H_

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>

#include "absl/status/status.h"
#include "traces/import/event_order.h"
#include "traces/import/readers/read_recording.h"
#include "traces/import/recording_source.h"
#include "traces/raw_event.h"
#include "traces/slt/trace.h"

namespace slablab {

// Notices of lost events in a recording, of one CPU.
struct LossNotices {
  uint64_t events = 0;      // the sum of the numbers they give
  uint64_t unnumbered = 0;  // notices without one
};

// The events of a recording in order of time, as often as they are wanted. Whether the file is in
// that order, and what its addresses are, shows only as it is read: Survey begins again when what
// it took for granted proves wrong. A recording that is in order is never held in memory.
class RecordingEvents {
 public:
  using CountsByKind = std::array<uint64_t, kEventKinds>;

  // `interrupted` is asked before every so many events.
  static constexpr uint64_t kEventsBetweenQuestions = 1024;

  // Both outlive it.
  RecordingEvents(const RecordingSource& source, const ReadOptions& options,
                  const std::function<bool()>& interrupted)
      : source_(source), options_(options), interrupted_(interrupted) {}

  // Gives a new sink for events whose addresses are of that kind.
  using SinkMaker = std::function<RawEventSink*(AddressKind addresses)>;

  // The first reading; the last sink that `make_sink` gave has then had all events. InvalidArgument
  // if there is not one of an allocator among them, with what to record.
  absl::Status Survey(const SinkMaker& make_sink);
  // A further one. InvalidArgument if there were more or fewer events than in the survey.
  absl::Status ReadAgain(RawEventSink& sink);

  // From Survey on: InvalidArgument, with what to record, if there is no allocation of an object or
  // a percpu area. No model does anything for frees alone.
  absl::Status CheckReplayable() const;

  // From Survey on.
  const RecordingInfo& info() const { return info_; }
  const std::map<int32_t, LossNotices>& losses() const { return losses_; }
  // Events that stood behind later ones in the file.
  uint64_t moved() const { return sorted_ == nullptr ? 0 : sorted_->moved(); }
  // Whether there were addresses, and all of 32 bits that are no hashes.
  bool has_short_addresses() const { return has_short_addresses_; }

 private:
  absl::Status Pass(RawEventSink& sink);
  absl::Status SortAll();
  absl::Status NothingToReplay() const;
  absl::Status Named(const absl::Status& status) const;

  const RecordingSource& source_;
  const ReadOptions options_;
  const std::function<bool()> interrupted_;
  RecordingInfo info_;
  std::unique_ptr<SortedEvents> sorted_;  // null: the file is in order
  std::map<int32_t, LossNotices> losses_;
  uint64_t events_ = 0;
  CountsByKind events_by_kind_ = {};
  bool has_short_addresses_ = false;
};

}  // namespace slablab

#endif  // SLABLAB_TRACES_IMPORT_RECORDING_EVENTS_H_
