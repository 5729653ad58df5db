// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "fmt/format.h"
#include "traces/gz_input.h"
#include "traces/import.h"
#include "traces/text_line.h"

// The three texts differ only in the words before the event's name:
//
//   trace-cmd   bash-7340  [001]          668.063789: kmalloc:   (site) call_site=… ptr=…
//   tracefs     bash-7340  [001] d..1.    668.063789: kmalloc: call_site=… ptr=…
//   perf        bash 7340  [001]     668.063789123:   kmem:kmalloc: call_site=… ptr=…

namespace slablab::internal {
namespace {

// What precedes an event's fields, and these.
struct Prefix {
  TextTask task;
  std::string_view flags;  // "d..1.", empty if the text has none
  Nanos time = 0;
  std::string_view event;  // without its system and the colon behind it
  std::string_view fields;
};

class TextReader {
 public:
  TextReader(RecordingFormat format, bool lenient, const std::string& path, LineReader& lines,
             RawEventSink& sink)
      : format_(format), lenient_(lenient), path_(path), lines_(lines), sink_(sink) {}

  absl::StatusOr<RecordingInfo> Read() {
    info_.source_format = std::string(RecordingFormatName(format_));
    info_.has_context = false;
    std::string_view line;
    while (lines_.Next(&line)) {
      const absl::Status status = TakeLine(line);
      if (!status.ok()) return status;
    }
    if (!lines_.status().ok()) return lines_.status();
    if (events_ == 0 && info_.skipped.empty() && skipped_.empty()) {
      return absl::InvalidArgumentError(
          fmt::format("{}: not one event in its {} lines", path_, lines_.line()));
    }
    for (const auto& [name, count] : skipped_) info_.skipped[name] = count;
    Note();
    return std::move(info_);
  }

 private:
  absl::Status Expected(std::string_view expected, std::string_view found) {
    constexpr size_t kShown = 60;
    std::string shown;
    for (const char c : found.substr(0, kShown)) {
      shown += c >= ' ' && c <= '~' ? c : '?';
    }
    if (found.size() > kShown) shown += "...";
    const std::string message =
        fmt::format("{}:{}: expected {}, found '{}'", path_, lines_.line(), expected, shown);
    if (!lenient_) return absl::InvalidArgumentError(message);
    if (info_.malformed++ == 0) info_.malformed_first = message;
    return absl::OkStatus();
  }

  absl::Status TakeLine(std::string_view line) {
    if (line.empty()) return absl::OkStatus();
    if (line[0] == '#') {
      TakeComment(line);
      return absl::OkStatus();
    }
    Prefix prefix;
    std::string_view rest;
    if (!ParseTaskAndCpu(line, &prefix.task, &rest)) return TakeOtherLine(line);
    std::string_view word = TakeWord(&rest);
    if (!word.empty() && !IsDigit(word[0])) {
      prefix.flags = word;
      info_.has_context = true;
      word = TakeWord(&rest);
    }
    TextTime time;
    if (word.empty() || word.back() != ':' || !ParseTime(word.substr(0, word.size() - 1), &time)) {
      return Expected("a time like '668.063789:'", word);
    }
    prefix.time = time.time;
    if (time.has_nanoseconds) info_.nanoseconds = true;
    if (time.is_count) has_counts_ = true;
    word = TakeWord(&rest);
    uint64_t period = 0;
    if (ParseDecimal(word, &period)) word = TakeWord(&rest);  // perf script's period
    if (word == "PERF_RECORD_LOST" || word == "PERF_RECORD_LOST_SAMPLES") {
      return TakePerfLoss(prefix, rest);
    }
    if (word.size() < 2 || word.back() != ':') {
      return Expected("an event's name like 'kmalloc:'", word);
    }
    word.remove_suffix(1);
    const size_t colon = word.rfind(':');
    const std::string_view system =
        colon == std::string_view::npos ? std::string_view() : word.substr(0, colon);
    prefix.event = colon == std::string_view::npos ? word : word.substr(colon + 1);
    prefix.fields = rest;
    last_time_ = prefix.time;
    const std::optional<EventKind> kind = KindOfTracepoint(prefix.event);
    const bool is_ours = system.empty() || system == "kmem" || system == "percpu";
    if (!kind.has_value() || !is_ours) {
      ++skipped_[absl::string_view(prefix.event.data(), prefix.event.size())];
      return absl::OkStatus();
    }
    return TakeEvent(prefix, *kind);
  }

  absl::Status TakeEvent(const Prefix& prefix, EventKind kind) {
    RawEvent event;
    event.kind = kind;
    event.cpu = prefix.task.cpu;
    event.pid = prefix.task.pid;
    event.comm = prefix.task.comm;
    event.time = prefix.time;
    SetContext(prefix.flags, &event);
    TextKeySet seen;
    std::string_view rest = prefix.fields;
    std::string_view bad;
    TextKey previous = TextKey::kOther;
    while (true) {
      const std::string_view word = TakeWord(&rest);
      if (word.empty()) break;
      const size_t equals = word.find('=');
      if (equals == std::string_view::npos) {
        // A cache's name may hold blanks; perf appends an instruction pointer and its symbol.
        if (format_ == RecordingFormat::kPerfScript && word.size() >= 8 && IsHex(word)) break;
        if (previous == TextKey::kName) {
          event.cache = {event.cache.data(),
                         static_cast<size_t>(word.data() + word.size() - event.cache.data())};
        }
        continue;
      }
      previous = FindKey(word.substr(0, equals));
      if (!SetField(previous, word.substr(equals + 1), &event)) {
        bad = word;
        break;
      }
      seen.Add(previous);
    }
    if (!bad.empty()) return Expected("a field 'key=value' of its kind", bad);
    const std::string_view missing = internal::MissingField(kind, seen);
    if (!missing.empty()) {
      return Expected(fmt::format("{} with a field '{}='", prefix.event, missing), prefix.fields);
    }
    if (overwritten_ > 0 && events_ == 0) {
      RawEvent lost;
      lost.kind = EventKind::kLost;
      lost.time = prefix.time;
      lost.bytes_req = overwritten_;
      const absl::Status status = sink_.Append(lost);
      if (!status.ok()) return status;
    }
    ++events_;
    return sink_.Append(event);
  }

  void TakeComment(std::string_view line) {
    // "# entries-in-buffer/entries-written: 2983246/2983300   #P:2": the ring overwrote 54.
    constexpr std::string_view kEntries = "# entries-in-buffer/entries-written:";
    if (line.substr(0, kEntries.size()) != kEntries) return;
    std::string_view rest = line.substr(kEntries.size());
    const std::string_view word = TakeWord(&rest);
    const size_t slash = word.find('/');
    uint64_t kept = 0;
    uint64_t written = 0;
    if (slash == std::string_view::npos || !ParseDecimal(word.substr(0, slash), &kept) ||
        !ParseDecimal(word.substr(slash + 1), &written)) {
      return;
    }
    const size_t cpus = rest.find("#P:");
    uint64_t cpu_count = 0;
    if (cpus != std::string_view::npos &&
        ParseDecimal(TrimBlanks(rest.substr(cpus + 3)), &cpu_count) && cpu_count <= kMaxCpus) {
      info_.cpu_count = static_cast<int32_t>(cpu_count);
    }
    if (written > kept) overwritten_ = written - kept;
  }

  // Lines that are no event: headers, notices of loss, perf's call chains.
  absl::Status TakeOtherLine(std::string_view line) {
    const std::string_view text = TrimBlanks(line);
    if (text.empty()) return absl::OkStatus();
    if (text.substr(0, 5) == "cpus=") {
      uint64_t cpus = 0;
      if (!ParseDecimal(text.substr(5), &cpus) || cpus > kMaxCpus) {
        return Expected("cpus=NUMBER", text);
      }
      info_.cpu_count = static_cast<int32_t>(cpus);
      return absl::OkStatus();
    }
    if (text.substr(0, 4) == "CPU:") return TakeRingLoss(text);
    if (text.substr(0, 4) == "CPU ") return absl::OkStatus();  // trace-cmd: "CPU 0 is empty"
    if (text.substr(0, 8) == "version ") return absl::OkStatus();
    if (format_ == RecordingFormat::kPerfScript && (line[0] == '\t' || line[0] == ' ')) {
      std::string_view rest = text;
      if (IsHex(TakeWord(&rest))) return absl::OkStatus();
    }
    return Expected("an event line like 'comm-pid [cpu] time: event: fields'", text);
  }

  // tracefs: "CPU:1 [LOST 12 EVENTS]"; trace-cmd: "CPU:1 [12 EVENTS DROPPED]"; either without the
  // number.
  absl::Status TakeRingLoss(std::string_view text) {
    std::string_view rest = text.substr(4);
    RawEvent lost;
    lost.kind = EventKind::kLost;
    lost.time = last_time_;
    uint64_t cpu = 0;
    if (!ParseDecimal(TakeWord(&rest), &cpu) || cpu >= kMaxCpus) {
      return Expected("CPU:NUMBER [LOST n EVENTS]", text);
    }
    lost.cpu = static_cast<int32_t>(cpu);
    if (rest.find("LOST") == std::string_view::npos &&
        rest.find("DROPPED") == std::string_view::npos) {
      return absl::OkStatus();  // "##### CPU 1 buffer started ####" and the like
    }
    while (!rest.empty()) {
      std::string_view word = TakeWord(&rest);
      if (!word.empty() && word[0] == '[') word.remove_prefix(1);
      if (ParseDecimal(word, &lost.bytes_req)) break;
      lost.bytes_req = 0;
    }
    return sink_.Append(lost);
  }

  absl::Status TakePerfLoss(const Prefix& prefix, std::string_view rest) {
    RawEvent lost;
    lost.kind = EventKind::kLost;
    lost.cpu = prefix.task.cpu;
    lost.time = prefix.time;
    TakeWord(&rest);  // "lost"
    const std::string_view count = TakeWord(&rest);
    if (!ParseDecimal(count, &lost.bytes_req)) return Expected("lost NUMBER", count);
    return sink_.Append(lost);
  }

  void Note() {
    if (has_counts_) {
      info_.notes.push_back(
          "times have no decimal point: they are counts of the trace clock, "
          "taken as nanoseconds");
    } else if (!info_.nanoseconds) {
      info_.notes.push_back(
          "times are in microseconds, so that neighbouring events tie and keep the order of the "
          "file (trace-cmd report -t and perf script --ns print nanoseconds)");
    }
    if (!info_.has_context) {
      info_.notes.push_back(
          "this text does not tell interrupt context or irqs-off: every event counts as a task's "
          "(trace.dat and tracefs text tell)");
    }
    if (overwritten_ > 0) {
      info_.notes.push_back(fmt::format(
          "the ring buffer overwrote {} events before the first one that is left", overwritten_));
    }
    if (format_ == RecordingFormat::kPerfScript) {
      info_.notes.push_back("perf script tells of lost events only with --show-lost-events");
    }
  }

  const RecordingFormat format_;
  const bool lenient_;
  const std::string& path_;
  LineReader& lines_;
  RawEventSink& sink_;
  RecordingInfo info_;
  absl::flat_hash_map<std::string, uint64_t> skipped_;
  uint64_t events_ = 0;
  uint64_t overwritten_ = 0;
  bool has_counts_ = false;
  Nanos last_time_ = 0;
};

}  // namespace

absl::StatusOr<RecordingInfo> ReadText(const std::string& path, RecordingFormat format,
                                       bool lenient, RawEventSink& sink) {
  absl::StatusOr<std::unique_ptr<LineReader>> lines = LineReader::Open(path);
  if (!lines.ok()) return lines.status();
  return TextReader(format, lenient, path, **lines, sink).Read();
}

absl::StatusOr<RecordingInfo> ReadTextFrom(std::string_view text, const std::string& path,
                                           RecordingFormat format, bool lenient,
                                           RawEventSink& sink) {
  const std::unique_ptr<LineReader> lines = LineReader::Of(text, path);
  return TextReader(format, lenient, path, *lines, sink).Read();
}

absl::StatusOr<RecordingFormat> DetectFormatOf(std::string_view head, const std::string& path) {
  constexpr std::string_view kTraceDatMagic("\x17\x08\x44tracing", 10);
  if (head.substr(0, kTraceDatMagic.size()) == kTraceDatMagic) return RecordingFormat::kTraceDat;
  if (head.substr(0, 7) == "PERFILE") {
    return absl::InvalidArgumentError(fmt::format(
        "{}: a perf.data file; import the text of 'perf script --ns -i {}'", path, path));
  }
  if (head.empty()) return absl::InvalidArgumentError(fmt::format("{}: the file is empty", path));
  while (!head.empty()) {
    const size_t end = head.find('\n');
    const std::string_view line = head.substr(0, end);
    head.remove_prefix(end == std::string_view::npos ? head.size() : end + 1);
    if (line.substr(0, 9) == "# tracer:") return RecordingFormat::kTracefs;
    if (line.substr(0, 5) == "cpus=") return RecordingFormat::kTraceCmdReport;
    TextTask task;
    std::string_view rest;
    if (line.empty() || line[0] == '#' || !ParseTaskAndCpu(line, &task, &rest)) continue;
    const std::string_view time_or_flags = TakeWord(&rest);
    if (time_or_flags.empty()) continue;
    if (!IsDigit(time_or_flags[0])) return RecordingFormat::kTracefs;
    // trace-cmd writes comm-pid, perf comm pid, with names that may have either.
    const std::string_view event = TakeWord(&rest);
    const bool has_system = event.find(':') + 1 < event.size();
    return has_system ? RecordingFormat::kPerfScript : RecordingFormat::kTraceCmdReport;
  }
  return absl::InvalidArgumentError(fmt::format(
      "{}: not a recording that is known: neither a trace.dat nor text of trace-cmd report, of "
      "tracefs or of perf script (--from says which it is)",
      path));
}

}  // namespace slablab::internal
