// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TRACES_IMPORT_READERS_ISOLATED_READER_H_
#define SLABLAB_TRACES_IMPORT_READERS_ISOLATED_READER_H_

#include <string>

#include "absl/status/statusor.h"
#include "traces/import/readers/recording_pipe.h"
#include "traces/raw_event.h"

// Reading with a library that may not survive a damaged file (libtracecmd 1.3 does not always): in
// a process of its own, whose end is an error message and not ours. As a side effect, reading and
// repairing run on two CPUs.

namespace slablab::internal {

// Runs `read` in a child process, with nothing on stderr, and passes what it appends on to `sink`.
// Answers what it answers; if the process dies instead, InvalidArgument naming `path`, the signal
// and how many events came before. An error of `sink` ends the child and is returned. REQUIRES: the
// calling process has one thread.
absl::StatusOr<RecordingInfo> ReadInChild(const RawReader& read, const std::string& path,
                                          RawEventSink& sink);

}  // namespace slablab::internal

#endif  // SLABLAB_TRACES_IMPORT_READERS_ISOLATED_READER_H_
