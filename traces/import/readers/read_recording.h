// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TRACES_IMPORT_READERS_READ_RECORDING_H_
#define SLABLAB_TRACES_IMPORT_READERS_READ_RECORDING_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "traces/raw_event.h"

// Reading recordings of the kernel's kmem and percpu tracepoints: trace.dat and the text of
// trace-cmd report, of tracefs' `trace` file and of perf script. Fields are found by name, so that
// kernels from 3.x (*_node events, addresses that are not hashed) over 6.1 (kmem_cache_alloc
// without name=) to 6.18 (with it) are understood. Text may be gzipped.
//
// A recording that cannot be understood is InvalidArgument, and the message names the file and the
// line (trace.dat: the record), and what was expected there.

namespace slablab {

// To who recorded nothing that a model allocates.
inline constexpr std::string_view kWhatToRecord =
    "record kmem:kmalloc, kmem:kfree, kmem:kmem_cache_alloc and kmem:kmem_cache_free (as slablab "
    "capture does, or trace-cmd record -e kmem; before Linux 6.1 also their _node events), and for "
    "percpu models percpu:percpu_alloc_percpu and percpu:percpu_free_percpu";

enum class RecordingFormat { kTraceDat, kTraceCmdReport, kTracefs, kPerfScript };

// "trace.dat", "trace-cmd", "tracefs", "perf".
std::string_view RecordingFormatName(RecordingFormat format);
// The error lists the names.
absl::StatusOr<RecordingFormat> ParseRecordingFormat(std::string_view name);

struct ReadOptions {
  std::optional<RecordingFormat> format =
      std::nullopt;      // detected from the first lines if not given
  bool lenient = false;  // skip and count lines that are not understood
};

// Which format `path` is in, by its first bytes and lines. `name` is what messages call it.
// `lenient` looks for an event behind lines of a known kind that cannot be read.
absl::StatusOr<RecordingFormat> DetectRecordingFormat(const std::string& path,
                                                      const std::string& name, bool lenient);

// Reads the recording at `path`, a file on disk (see traces/import/recording_source.h), from its
// start to its end into `sink`; an error of the sink stops it and is returned. The events come in
// the order of the file.
absl::StatusOr<RecordingInfo> ReadRecording(const std::string& path, const std::string& name,
                                            const ReadOptions& options, RawEventSink& sink);

namespace internal {

// What the tracepoint of that name is to us, without its system ("kmem:") prefix; nullopt for one
// that is not taken.
std::optional<EventKind> KindOfTracepoint(std::string_view name);

// The readers behind ReadRecording.
absl::StatusOr<RecordingInfo> ReadTraceDat(const std::string& path, const std::string& name,
                                           RawEventSink& sink);
absl::StatusOr<RecordingInfo> ReadText(const std::string& path, const std::string& name,
                                       RecordingFormat format, bool lenient, RawEventSink& sink);
// As ReadText, of text in memory that `path` names in messages.
absl::StatusOr<RecordingInfo> ReadTextFrom(std::string_view text, const std::string& path,
                                           RecordingFormat format, bool lenient,
                                           RawEventSink& sink);
absl::StatusOr<RecordingFormat> DetectFormatOf(std::string_view head, const std::string& path,
                                               bool lenient);

}  // namespace internal
}  // namespace slablab

#endif  // SLABLAB_TRACES_IMPORT_READERS_READ_RECORDING_H_
