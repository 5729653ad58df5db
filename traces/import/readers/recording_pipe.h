// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TRACES_IMPORT_READERS_RECORDING_PIPE_H_
#define SLABLAB_TRACES_IMPORT_READERS_RECORDING_PIPE_H_

#include <cstdint>
#include <functional>

#include "absl/status/statusor.h"
#include "traces/raw_event.h"

// A recording on its way from the process that reads it to the one that imports it. Both are the
// same program, so numbers cross as their bytes; but a damaged file may have driven the sender out
// of its mind, so the receiver believes nothing: kinds, contexts, string numbers and sizes are
// checked, and whatever breaks the rules ends the reception.

namespace slablab::internal {

using RawReader = std::function<absl::StatusOr<RecordingInfo>(RawEventSink& sink)>;

// Runs `read` and writes what it appends and answers to `descriptor`. Gives up where nobody reads.
void SendRecording(const RawReader& read, int descriptor);

struct Received {
  absl::StatusOr<RecordingInfo> result = absl::UnknownError("");  // if `ended`
  bool ended = false;  // what the sender's reader answered has arrived, or the sink failed
  uint64_t events = 0;
};

// Reads `descriptor` to the end of the recording, or of what there is of it, into `sink`. An error
// of `sink` ends it and is the result.
Received ReceiveRecording(int descriptor, RawEventSink& sink);

}  // namespace slablab::internal

#endif  // SLABLAB_TRACES_IMPORT_READERS_RECORDING_PIPE_H_
