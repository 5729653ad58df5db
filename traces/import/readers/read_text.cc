// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <array>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "base/gz_input.h"
#include "base/printable.h"
#include "fmt/format.h"
#include "traces/import/readers/read_recording.h"
#include "traces/import/readers/text_head.h"
#include "traces/import/readers/text_line.h"
#include "traces/import/readers/text_other.h"
#include "traces/import/readers/text_prefix.h"

// The texts of trace-cmd report, tracefs and perf script differ only in the words before the
// event's name (traces/import/readers/text_prefix.h). A line is an event that is taken, one of
// another kind (skipped and counted by name), something that belongs to a recording without being
// an event (left out and counted by reason), or an error.

namespace slablab::internal {
namespace {

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
      constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
      if (lines_.line() == 1 && line.substr(0, 3) == kByteOrderMark) line.remove_prefix(3);
      const absl::Status status = TakeLine(line);
      if (!status.ok()) return status;
      if (lines_.unfinished() && !IsShellPrompt(TrimBlanks(line))) {
        (void)LeaveOut("unfinished-line",
                       "the text ends without a line end: more of it may be missing");
      }
    }
    if (!lines_.status().ok()) return lines_.status();
    for (const RawEvent& lost : losses_) {
      const absl::Status status = AppendLoss(lost, last_time_, lost.cpu);
      if (!status.ok()) return status;
    }
    if (events_ == 0 && skipped_.empty() && info_.left_out.count(kUnknownPointers) == 0) {
      return NotOneEvent();
    }
    if (HasDifferences()) {
      return absl::InvalidArgumentError(fmt::format(
          "{}: times begin at 0 and step back at {} of {} events: these are the differences that "
          "perf script --deltatime prints; leave the option out",
          path_, steps_back_, timed_));
    }
    for (const auto& [name, count] : skipped_) info_.skipped[name] = count;
    Note();
    return std::move(info_);
  }

 private:
  static constexpr char kUnknownPointers[] = "unknown-pointers";

  absl::Status NotOneEvent() const {
    std::string message = fmt::format("{}: not one event in its {} lines", path_, lines_.line());
    if (info_.malformed > 0) {
      message += fmt::format(", of which {} were left out as not understood; the first: {}",
                             info_.malformed, info_.malformed_first);
    }
    return absl::InvalidArgumentError(fmt::format("{}; {}", message, kWhatToRecord));
  }

  absl::Status Expected(std::string_view expected, std::string_view found,
                        const std::string& advice = "") {
    constexpr size_t kShown = 60;
    std::string shown = PrintableAscii(found.substr(0, kShown));
    if (found.size() > kShown) shown += "...";
    std::string message =
        lines_.unfinished()
            ? fmt::format("{}:{}: the text ends in the middle of this line: expected {}, found "
                          " '{}'",
                          path_, lines_.line(), expected, shown)
            : fmt::format("{}:{}: expected {}, found '{}'", path_, lines_.line(), expected, shown);
    if (!advice.empty()) message += "; " + advice;
    if (lenient_) {
      if (info_.malformed++ == 0) info_.malformed_first = message;
      return absl::OkStatus();
    }
    return absl::InvalidArgumentError(message + " (--lenient leaves such lines out)");
  }

  absl::Status LeaveOut(const char* reason, std::string_view explanation) {
    LeftOut& left_out = info_.left_out[reason];
    ++left_out.count;
    if (left_out.explanation.empty()) left_out.explanation = explanation;
    return absl::OkStatus();
  }

  absl::Status Skip(std::string_view name) {
    constexpr size_t kNamesMax = 200;  // far more than a kernel has events of interest
    const absl::string_view key(name.data(), name.size());
    if (skipped_.size() >= kNamesMax && skipped_.count(key) == 0) {
      ++skipped_["others"];
    } else {
      ++skipped_[key];
    }
    return absl::OkStatus();
  }

  absl::Status TakeLine(std::string_view line) {
    if (line.empty()) return absl::OkStatus();
    EntryPrefix prefix;
    // A pasted text may be indented as a whole.
    const std::string_view text = TrimBlanks(line);
    if (text.substr(0, 1) == "#") {
      return TakeComment(text);
    }
    const PrefixKind kind = ParsePrefix(line, &prefix);
    if (kind == PrefixKind::kBadTime) return TakeTimeless(line, prefix.entry);
    if (kind == PrefixKind::kNone) return TakeOtherLine(line);
    has_begun_ = true;
    if (!prefix.flags.empty()) info_.has_context = true;
    if (prefix.time.has_nanoseconds) info_.nanoseconds = true;
    if (prefix.time.is_count) has_counts_ = true;
    NoteTime(prefix.time.time);
    absl::Status status = AppendLosses(prefix);
    return status.ok() ? TakeEntry(prefix) : status;
  }

  void NoteTime(Nanos time) {
    if (timed_++ == 0) begins_at_zero_ = time == 0;
    if (time < last_time_) ++steps_back_;
    last_time_ = time;
  }
  // perf script --deltatime: each time is that since the event before. A recording of several
  // texts, one after another, steps back a few times.
  bool HasDifferences() const {
    return format_ == RecordingFormat::kPerfScript && begins_at_zero_ && timed_ >= 8 &&
           steps_back_ >= timed_ / 8;
  }

  absl::Status TakeTimeless(std::string_view line, std::string_view found) {
    const std::string advice = HasEventFields(line) && KindOfWord(found).has_value()
                                   ? "the line has no time: print it with perf script "
                                     "-F comm,tid,cpu,time,event,trace"
                                   : "";
    return Expected("a time like '668.063789:'", found, advice);
  }

  static std::optional<EventKind> KindOfWord(std::string_view word) {
    TextEntry entry;
    if (!ParseEventName(word, &entry)) return std::nullopt;
    return KindOfTracepoint(entry.event);
  }

  absl::Status TakeEntry(const EntryPrefix& prefix) {
    std::string_view rest = prefix.entry;
    std::string_view word = TakeWord(&rest);
    uint64_t period = 0;
    if (ParseDecimal(word, &period)) word = TakeWord(&rest);  // perf script's period
    if (word.substr(0, 2) == "(+") word = TakeWord(&rest);    // trace-cmd report --ts-diff
    constexpr std::string_view kPerfRecord = "PERF_RECORD_";
    if (word.substr(0, kPerfRecord.size()) == kPerfRecord) {
      if (word == "PERF_RECORD_LOST" || word == "PERF_RECORD_LOST_SAMPLES") {
        return TakePerfLoss(prefix, rest);
      }
      return Skip(word.substr(0, word.find_last_not_of(':') + 1));
    }
    TextEntry entry;
    if (!ParseEventName(word, &entry)) return TakeOtherEntry(word, prefix.entry);
    entry.fields = rest;
    const std::optional<EventKind> kind = KindOfTracepoint(entry.event);
    const bool is_ours = entry.system.empty() || entry.system == "kmem" || entry.system == "percpu";
    if (!kind.has_value() || !is_ours) return Skip(entry.event);
    return TakeEvent(prefix, entry, *kind);
  }

  // What a tracer or a tracefs option puts between the events, with the same words in front.
  absl::Status TakeOtherEntry(std::string_view word, std::string_view text) {
    text = TrimBlanks(text);
    if (text == "<stack trace>") return Skip("stack-trace");
    if (text == "<user stack trace>") return Skip("user-stack-trace");
    if (text.find("<-") != std::string_view::npos && !HasEventFields(text)) return Skip("function");
    if (word.empty() || HasEventFields(text) || lines_.unfinished()) {
      return Expected("an event's name like 'kmalloc:'", word);
    }
    return Skip("entries-of-a-tracer");
  }

  absl::Status TakeEvent(const EntryPrefix& prefix, const TextEntry& entry, EventKind kind) {
    RawEvent event;
    event.kind = kind;
    event.cpu = prefix.task.cpu;
    event.pid = prefix.task.pid;
    event.comm = prefix.task.comm;
    event.time = prefix.time.time;
    SetContext(prefix.flags, &event);
    Fields fields;
    const std::string_view bad = TakeFields(entry.fields, &event, &fields);
    if (!bad.empty()) return Expected("a field 'key=value' of its kind", bad);
    const std::string_view missing = internal::MissingField(kind, fields.seen);
    if (!missing.empty()) {
      return Expected(fmt::format("{} with a field '{}='", entry.event, missing), entry.fields);
    }
    constexpr uint64_t kBytesMax = std::numeric_limits<uint32_t>::max();
    if (event.bytes_req > kBytesMax || event.bytes_alloc > kBytesMax) {
      return Expected("sizes below 4 GiB", entry.fields);
    }
    if (AllocatesObject(kind) && event.bytes_alloc < event.bytes_req) {
      return Expected("as many bytes given as were asked for", entry.fields);
    }
    if (lines_.unfinished() && !LooksWhole(kind, fields)) {
      return Expected("a whole line", entry.fields);
    }
    Fields& known = last_fields_[static_cast<size_t>(kind)];
    const size_t bytes = fields.last_bytes == 0 ? known.last_bytes : fields.last_bytes;
    known = fields;
    known.last_bytes = bytes;
    if (fields.has_unknown_pointer) {
      return LeaveOut(kUnknownPointers,
                      "events whose address the kernel printed as (ptrval), for it could not hash "
                      "addresses yet: left out, as they do not tell one object from another");
    }
    ++events_;
    return sink_.Append(event);
  }

  // The shape of an event's fields, by which a line that was cut short is known.
  struct Fields {
    TextKeySet seen;
    TextKey last = TextKey::kOther;
    size_t last_bytes = 0;
    bool has_unknown_pointer = false;
  };

  // A percpu area is known by its chunk and offset.
  static bool NeedsNoPointer(EventKind kind, TextKey key) {
    return key == TextKey::kPointer &&
           (kind == EventKind::kPercpuAlloc || kind == EventKind::kPercpuFree);
  }

  // Answers the word that is wrong; empty if none is.
  std::string_view TakeFields(std::string_view rest, RawEvent* event, Fields* fields) {
    TextKey previous = TextKey::kOther;
    while (true) {
      const std::string_view word = TakeWord(&rest);
      if (word.empty()) return {};
      const size_t equals = word.find('=');
      if (equals == std::string_view::npos) {
        // A cache's name may hold blanks; perf appends an instruction pointer and its symbol.
        if (format_ == RecordingFormat::kPerfScript && word.size() >= 8 && IsHex(word)) return {};
        if (previous == TextKey::kName) {
          event->cache = {event->cache.data(),
                          static_cast<size_t>(word.data() + word.size() - event->cache.data())};
        }
        continue;
      }
      previous = FindKey(word.substr(0, equals));
      std::string_view value = word.substr(equals + 1);
      // Kernels to 5.x pad what is no address: "ptr=          (null)".
      if (value.empty() && previous == TextKey::kPointer) value = TakeWord(&rest);
      if (IsUnknownPointer(value)) {
        if (!NeedsNoPointer(event->kind, previous)) fields->has_unknown_pointer = true;
      } else if (!SetField(previous, value, event)) {
        return word;
      }
      fields->seen.Add(previous);
      fields->last = previous;
      fields->last_bytes = value.substr(0, 1) == "(" ? 0 : value.size();
    }
  }

  // Whether a last line without an end has what the last one of its kind had.
  bool LooksWhole(EventKind kind, const Fields& fields) const {
    const Fields& before = last_fields_[static_cast<size_t>(kind)];
    if (before.seen == TextKeySet()) return true;
    const bool is_pointer = fields.last == TextKey::kPointer;
    return fields.seen == before.seen && fields.last == before.last &&
           (!is_pointer || before.last_bytes == 0 || fields.last_bytes == before.last_bytes);
  }

  absl::Status TakeComment(std::string_view line) {
    if (line.substr(0, 9) == "# tracer:") has_begun_ = true;
    const uint64_t overwritten = head_.Take(line, &info_);
    if (overwritten == 0) return absl::OkStatus();
    if (overwritten > kLostMax) return TooManyLost(line);
    overwritten_ += overwritten;
    RawEvent& lost = losses_.emplace_back();
    lost.kind = EventKind::kLost;
    lost.cpu = -1;
    lost.bytes_req = overwritten;
    return absl::OkStatus();
  }

  absl::Status TooManyLost(std::string_view found) {
    return Expected(fmt::format("at most {} lost events", kLostMax), found);
  }

  // Lines that have no task and CPU in front: headers, notices of loss, call chains, and what a
  // terminal had around the recording.
  absl::Status TakeOtherLine(std::string_view line) {
    const std::string_view text = TrimBlanks(line);
    if (text.empty()) return lines_.unfinished() ? Expected("a line", text) : absl::OkStatus();
    if (text.substr(0, 5) == "cpus=") {
      uint64_t cpus = 0;
      if (!ParseDecimal(text.substr(5), &cpus) || cpus > kMaxCpus) {
        return Expected("cpus=NUMBER", text);
      }
      has_begun_ = true;
      info_.cpu_count = static_cast<int32_t>(cpus);
      return absl::OkStatus();
    }
    if (text.substr(0, 4) == "CPU:") return TakeRingLoss(text);
    // Of an instance of tracing: "mine: CPU:0 [34243 EVENTS DROPPED]".
    if (const size_t at = text.find(": CPU:");
        at != std::string_view::npos && at < text.find(' ')) {
      return TakeRingLoss(text.substr(at + 2));
    }
    if (IsEmptyCpu(text)) return absl::OkStatus();
    if (IsPerfWarning(text)) return TakePerfWarning(text);
    if (text.substr(0, 8) == "version ") return absl::OkStatus();
    if (text.substr(0, 2) == "=>") return LeaveOut("stack-lines", "lines of stack traces");
    if (format_ == RecordingFormat::kPerfScript && IsCallChain(line)) {
      return LeaveOut("call-chain-lines", "lines of perf's call chains");
    }
    if (IsShellPrompt(text)) return LeaveOut("prompt-lines", "lines of a shell around the trace");
    const std::string advice = AdviceOn(text);
    if (!has_begun_ && advice.empty() && !HasEventFields(text)) {
      return LeaveOut("lines-before", "lines before the first of the trace");
    }
    const absl::Status status =
        Expected("an event line like 'comm-pid [cpu] time: event: fields'", text, advice);
    if (status.ok() || !advice.empty() || events_ == 0 || lines_.unfinished()) return status;
    if (AnEventFollows()) return status;
    return absl::InvalidArgumentError(
        fmt::format("{}; no event follows: what stands behind the end of the trace is not of it",
                    std::string_view(status.message().data(), status.message().size())));
  }

  // Uses up the lines until then.
  bool AnEventFollows() {
    EntryPrefix prefix;
    for (std::string_view line; lines_.Next(&line);) {
      if (ParsePrefix(line, &prefix) == PrefixKind::kWhole) return true;
    }
    return false;
  }

  // tracefs: "CPU:1 [LOST 12 EVENTS]"; trace-cmd: "CPU:1 [12 EVENTS DROPPED]"; either without the
  // number.
  absl::Status TakeRingLoss(std::string_view text) {
    std::string_view rest = text.substr(4);
    RawEvent lost;
    lost.kind = EventKind::kLost;
    uint64_t cpu = 0;
    const std::string_view number = TakeWord(&rest);
    const bool is_known = number != "?";  // as trace dump writes it
    if (is_known && (!ParseDecimal(number, &cpu) || cpu >= kMaxCpus)) {
      return Expected("CPU:NUMBER [LOST n EVENTS]", text);
    }
    lost.cpu = is_known ? static_cast<int32_t>(cpu) : -1;
    if (rest.find("LOST") == std::string_view::npos &&
        rest.find("DROPPED") == std::string_view::npos &&
        rest.find("MISSED") == std::string_view::npos) {
      return Expected("CPU:NUMBER [LOST n EVENTS]", text);
    }
    while (!rest.empty()) {
      std::string_view word = TakeWord(&rest);
      if (!word.empty() && word[0] == '[') word.remove_prefix(1);
      if (ParseDecimal(word, &lost.bytes_req)) break;
      // A number that is too long to be one.
      if (IsDigits(word)) return TooManyLost(text);
      lost.bytes_req = 0;
    }
    if (lost.bytes_req > kLostMax) return TooManyLost(text);
    losses_.push_back(lost);
    return absl::OkStatus();
  }

  static bool IsDigits(std::string_view word) {
    return !word.empty() && word.find_first_not_of("0123456789") == std::string_view::npos;
  }

  absl::Status TakePerfWarning(std::string_view text) {
    if (text.substr(0, 10) != "Processed ") return absl::OkStatus();
    RawEvent& lost = losses_.emplace_back();
    lost.kind = EventKind::kLost;
    lost.cpu = -1;
    return absl::OkStatus();
  }

  // A notice stands before the first entry that was kept: it gets that entry's time and, if it is
  // of no CPU in particular, its CPU.
  absl::Status AppendLosses(const EntryPrefix& prefix) {
    for (const RawEvent& lost : losses_) {
      const absl::Status status =
          AppendLoss(lost, prefix.time.time, lost.cpu < 0 ? prefix.task.cpu : lost.cpu);
      if (!status.ok()) return status;
    }
    losses_.clear();
    return absl::OkStatus();
  }

  absl::Status AppendLoss(RawEvent lost, Nanos time, int32_t cpu) {
    lost.is_of_unknown_cpu = lost.cpu < 0;
    lost.time = time;
    lost.cpu = std::max(cpu, 0);
    return sink_.Append(lost);
  }

  absl::Status TakePerfLoss(const EntryPrefix& prefix, std::string_view rest) {
    RawEvent lost;
    lost.kind = EventKind::kLost;
    TakeWord(&rest);  // "lost"
    const std::string_view count = TakeWord(&rest);
    if (!ParseDecimal(count, &lost.bytes_req)) return Expected("lost NUMBER", count);
    if (lost.bytes_req > kLostMax) return TooManyLost(count);
    return AppendLoss(lost, prefix.time.time, prefix.task.cpu);
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
  std::vector<RawEvent> losses_;  // told, and waiting for the entry that follows
  std::array<Fields, kEventKinds> last_fields_ = {};
  TextHead head_;
  uint64_t events_ = 0;
  uint64_t overwritten_ = 0;
  bool has_begun_ = false;
  bool has_counts_ = false;
  Nanos last_time_ = 0;
  uint64_t timed_ = 0;       // lines with a time
  uint64_t steps_back_ = 0;  // of these, with an earlier one than the line before
  bool begins_at_zero_ = false;
};

}  // namespace

absl::StatusOr<RecordingInfo> ReadText(const std::string& path, const std::string& name,
                                       RecordingFormat format, bool lenient, RawEventSink& sink) {
  absl::StatusOr<std::unique_ptr<LineReader>> lines = LineReader::Open(path, name);
  if (!lines.ok()) return lines.status();
  return TextReader(format, lenient, name, **lines, sink).Read();
}

absl::StatusOr<RecordingInfo> ReadTextFrom(std::string_view text, const std::string& path,
                                           RecordingFormat format, bool lenient,
                                           RawEventSink& sink) {
  const std::unique_ptr<LineReader> lines = LineReader::Of(text, path);
  return TextReader(format, lenient, path, *lines, sink).Read();
}

}  // namespace slablab::internal
