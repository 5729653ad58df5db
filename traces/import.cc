// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "traces/import.h"

#include <zlib.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "fmt/format.h"

namespace slablab {
namespace {

struct FormatName {
  RecordingFormat format;
  std::string_view name;
};
constexpr std::array<FormatName, 4> kFormats = {{
    {RecordingFormat::kTraceDat, "trace.dat"},
    {RecordingFormat::kTraceCmdReport, "trace-cmd"},
    {RecordingFormat::kTracefs, "tracefs"},
    {RecordingFormat::kPerfScript, "perf"},
}};

struct TracepointName {
  std::string_view name;
  EventKind kind;
};
// include/trace/events/{kmem,percpu}.h of Linux 6.1 and 6.18; the _node events are those of kernels
// before 6.1.
constexpr std::array<TracepointName, 13> kTracepoints = {{
    {"kmalloc", EventKind::kKmalloc},
    {"kfree", EventKind::kKfree},
    {"kmem_cache_alloc", EventKind::kCacheAlloc},
    {"kmem_cache_free", EventKind::kCacheFree},
    {"mm_page_alloc", EventKind::kPageAlloc},
    {"mm_page_free", EventKind::kPageFree},
    {"percpu_alloc_percpu", EventKind::kPercpuAlloc},
    {"percpu_free_percpu", EventKind::kPercpuFree},
    {"percpu_alloc_percpu_fail", EventKind::kPercpuAllocFailed},
    {"percpu_create_chunk", EventKind::kPercpuChunkCreated},
    {"percpu_destroy_chunk", EventKind::kPercpuChunkDestroyed},
    {"kmalloc_node", EventKind::kKmalloc},
    {"kmem_cache_alloc_node", EventKind::kCacheAlloc},
}};

// Enough to hold the longest header that precedes a first event.
constexpr unsigned kHeadBytes = 1 << 16;

}  // namespace

std::string_view RecordingFormatName(RecordingFormat format) {
  for (const FormatName& entry : kFormats) {
    if (entry.format == format) return entry.name;
  }
  return "unknown";
}

absl::StatusOr<RecordingFormat> ParseRecordingFormat(std::string_view name) {
  std::string names;
  for (const FormatName& entry : kFormats) {
    if (entry.name == name) return entry.format;
    names += names.empty() ? "" : ", ";
    names += entry.name;
  }
  return absl::InvalidArgumentError(
      fmt::format("unknown recording format '{}': one of {}", name, names));
}

absl::StatusOr<RecordingFormat> DetectRecordingFormat(const std::string& path) {
  gzFile file = gzopen(path.c_str(), "rb");
  if (file == nullptr) {
    return absl::NotFoundError(fmt::format("{}: {}", path, std::strerror(errno)));
  }
  std::string head(kHeadBytes, '\0');
  const int got = gzread(file, head.data(), kHeadBytes);
  const bool is_compressed = gzdirect(file) == 0;
  gzclose(file);
  if (got < 0) {
    return absl::InvalidArgumentError(
        fmt::format("{}: cannot be read: {}", path,
                    is_compressed ? "damaged gzip data" : std::strerror(errno)));
  }
  head.resize(static_cast<size_t>(got));
  absl::StatusOr<RecordingFormat> format = internal::DetectFormatOf(head, path);
  if (format.ok() && *format == RecordingFormat::kTraceDat && is_compressed) {
    return absl::InvalidArgumentError(
        fmt::format("{}: a gzipped trace.dat; gunzip it first (libtracecmd reads files)", path));
  }
  return format;
}

absl::StatusOr<RecordingInfo> ReadRecording(const std::string& path, const ReadOptions& options,
                                            RawEventSink& sink) {
  RecordingFormat format = RecordingFormat::kTraceDat;
  if (options.format.has_value()) {
    format = *options.format;
  } else {
    absl::StatusOr<RecordingFormat> detected = DetectRecordingFormat(path);
    if (!detected.ok()) return detected.status();
    format = *detected;
  }
  if (format == RecordingFormat::kTraceDat) return internal::ReadTraceDat(path, sink);
  return internal::ReadText(path, format, options.lenient, sink);
}

namespace internal {

std::optional<EventKind> KindOfTracepoint(std::string_view name) {
  for (const TracepointName& entry : kTracepoints) {
    if (entry.name == name) return entry.kind;
  }
  return std::nullopt;
}

}  // namespace internal
}  // namespace slablab
