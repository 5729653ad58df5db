// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "traces/import/readers/read_recording.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/gz_file.h"
#include "base/names.h"
#include "fmt/format.h"
#include "traces/import/readers/text_line.h"
#include "traces/import/readers/text_other.h"
#include "traces/import/readers/text_prefix.h"

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
  for (const FormatName& entry : kFormats) {
    if (entry.name == name) return entry.format;
  }
  return UnknownName("recording format", name, NamesOf(kFormats));
}

absl::StatusOr<RecordingFormat> DetectRecordingFormat(const std::string& path,
                                                      const std::string& name, bool lenient) {
  const absl::StatusOr<std::unique_ptr<GzFile>> file = GzFile::Open(path, name);
  if (!file.ok()) return file.status();
  std::string head(kHeadBytes, '\0');
  const absl::StatusOr<size_t> got = (*file)->Read(absl::MakeSpan(head.data(), head.size()));
  if (!got.ok()) return got.status();
  head.resize(*got);
  return internal::DetectFormatOf(head, name, lenient);
}

absl::StatusOr<RecordingInfo> ReadRecording(const std::string& path, const std::string& name,
                                            const ReadOptions& options, RawEventSink& sink) {
  RecordingFormat format = RecordingFormat::kTraceDat;
  if (options.format.has_value()) {
    format = *options.format;
  } else {
    absl::StatusOr<RecordingFormat> detected = DetectRecordingFormat(path, name, options.lenient);
    if (!detected.ok()) return detected.status();
    format = *detected;
  }
  if (format == RecordingFormat::kTraceDat) return internal::ReadTraceDat(path, name, sink);
  return internal::ReadText(path, name, format, options.lenient, sink);
}

namespace internal {

std::optional<EventKind> KindOfTracepoint(std::string_view name) {
  for (const TracepointName& entry : kTracepoints) {
    if (entry.name == name) return entry.kind;
  }
  return std::nullopt;
}

absl::StatusOr<RecordingFormat> DetectFormatOf(std::string_view head, const std::string& path,
                                               bool lenient) {
  constexpr std::string_view kTraceDatMagic("\x17\x08\x44tracing", 10);
  if (head.substr(0, kTraceDatMagic.size()) == kTraceDatMagic) return RecordingFormat::kTraceDat;
  if (head.empty())
    return absl::InvalidArgumentError(
        fmt::format("{}: the file is empty; {}", path, kWhatToRecord));
  if (const std::string wrong = WrongFile(head); !wrong.empty()) {
    return absl::InvalidArgumentError(fmt::format("{}: {}", path, wrong));
  }
  for (uint64_t number = 1; !head.empty(); ++number) {
    const size_t end = head.find('\n');
    const std::string_view line = TrimBlanks(head.substr(0, end));
    head.remove_prefix(end == std::string_view::npos ? head.size() : end + 1);
    if (line.substr(0, 9) == "# tracer:") return RecordingFormat::kTracefs;
    if (line.substr(0, 5) == "cpus=") return RecordingFormat::kTraceCmdReport;
    if (line.empty() || line[0] == '#') continue;
    EntryPrefix prefix;
    if (ParsePrefix(line, &prefix) != PrefixKind::kWhole) {
      const std::string advice = lenient ? "" : AdviceOn(line);
      if (!advice.empty()) {
        return absl::InvalidArgumentError(
            fmt::format("{}:{}: {} (--lenient leaves such lines out)", path, number, advice));
      }
      continue;
    }
    if (!prefix.flags.empty()) return RecordingFormat::kTracefs;
    // trace-cmd writes comm-pid, perf comm pid, with names that may have either.
    const std::string_view event = TakeWord(&prefix.entry);
    const bool has_system = event.find(':') + 1 < event.size();
    return has_system ? RecordingFormat::kPerfScript : RecordingFormat::kTraceCmdReport;
  }
  return absl::InvalidArgumentError(fmt::format(
      "{}: not a recording that is known: neither a trace.dat nor text of trace-cmd report, of "
      "tracefs or of perf script (--from says which it is)",
      path));
}

}  // namespace internal
}  // namespace slablab
