// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <array>
#include <cstring>
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

// The three texts differ only in the words before the event's name:
//
//   trace-cmd   bash-7340  [001]          668.063789: kmalloc:   (site) call_site=… ptr=…
//   tracefs     bash-7340  [001] d..1.    668.063789: kmalloc: call_site=… ptr=…
//   perf        bash 7340  [001]     668.063789123:   kmem:kmalloc: call_site=… ptr=…
//
// A command's name may hold blanks, brackets and dashes, so the line is entered at the first
// " [digits] " that a process number precedes. Scanning is by hand, over string views: a line is
// some 180 bytes and a recording has millions.

namespace slablab::internal {
namespace {

constexpr bool IsDigit(char c) { return c >= '0' && c <= '9'; }

constexpr int HexDigit(char c) {
  if (IsDigit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool IsHex(std::string_view text) {
  if (text.empty()) return false;
  for (const char c : text) {
    if (HexDigit(c) < 0) return false;
  }
  return true;
}

bool ParseDecimal(std::string_view text, uint64_t* value) {
  if (text.empty() || text.size() > 19) return false;
  *value = 0;
  for (const char c : text) {
    if (!IsDigit(c)) return false;
    *value = *value * 10 + static_cast<uint64_t>(c - '0');
  }
  return true;
}

bool ParseHex(std::string_view text, uint64_t* value) {
  if (text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
    text.remove_prefix(2);
  }
  if (text.empty() || text.size() > 16) return false;
  *value = 0;
  for (const char c : text) {
    const int digit = HexDigit(c);
    if (digit < 0) return false;
    *value = *value << 4 | static_cast<uint64_t>(digit);
  }
  return true;
}

bool ParsePointer(std::string_view text, uint64_t* value) {
  if (text == "(nil)" || text == "(null)") {
    *value = 0;
    return true;
  }
  return ParseHex(text, value);
}

bool ParseNumber(std::string_view text, uint64_t* value) {
  return text.substr(0, 2) == "0x" ? ParseHex(text, value) : ParseDecimal(text, value);
}

bool ParseSigned(std::string_view text, int32_t* value) {
  const bool is_negative = !text.empty() && text[0] == '-';
  uint64_t magnitude = 0;
  if (!ParseDecimal(text.substr(is_negative ? 1 : 0), &magnitude)) return false;
  if (magnitude > 0x7fffffff) return false;
  *value = is_negative ? -static_cast<int32_t>(magnitude) : static_cast<int32_t>(magnitude);
  return true;
}

void SkipBlanks(std::string_view* text) {
  size_t i = 0;
  while (i < text->size() && ((*text)[i] == ' ' || (*text)[i] == '\t')) ++i;
  text->remove_prefix(i);
}

// Takes the word at the front, and the blanks before it, off `text`.
std::string_view TakeWord(std::string_view* text) {
  SkipBlanks(text);
  const size_t end = text->find(' ');
  const std::string_view word = text->substr(0, end);
  text->remove_prefix(word.size());
  return word;
}

std::string_view Trimmed(std::string_view text) {
  SkipBlanks(&text);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// "668.063789" in nanoseconds. A count without a dot is taken as it is.
bool ParseTime(std::string_view text, Nanos* time, bool* is_count, bool* has_nanoseconds) {
  const size_t dot = text.find('.');
  uint64_t seconds = 0;
  if (!ParseDecimal(text.substr(0, dot), &seconds)) return false;
  *is_count = dot == std::string_view::npos;
  if (*is_count) {
    *time = seconds;
    return true;
  }
  const std::string_view fraction = text.substr(dot + 1);
  uint64_t nanos = 0;
  if (fraction.size() > 9 || !ParseDecimal(fraction, &nanos)) return false;
  for (size_t digits = fraction.size(); digits < 9; ++digits) nanos *= 10;
  if (fraction.size() > 6) *has_nanoseconds = true;
  constexpr uint64_t kSecondsMax = ~uint64_t{0} / 1'000'000'000 - 1;
  if (seconds > kSecondsMax) return false;
  *time = seconds * 1'000'000'000 + nanos;
  return true;
}

// What precedes the event's fields.
struct Prefix {
  std::string_view comm;
  std::string_view event;  // without its system and the colon behind it
  std::string_view fields;
  int32_t pid = 0;
  int32_t cpu = 0;
  Nanos time = 0;
  bool is_count = false;
  std::string_view flags;  // "d..1." or empty
};

// Reads "bash-7340" or "bash 7340/7341" or "bash-7340 ( 7340)" backwards.
bool ParseTask(std::string_view task, Prefix* prefix) {
  task = Trimmed(task);
  if (!task.empty() && task.back() == ')') {  // tracefs' record-tgid option
    const size_t open = task.rfind('(');
    if (open == std::string_view::npos) return false;
    task = Trimmed(task.substr(0, open));
  }
  size_t digits = task.size();
  while (digits > 0 && IsDigit(task[digits - 1])) --digits;
  if (digits == task.size() || digits == 0) return false;
  uint64_t pid = 0;
  if (!ParseDecimal(task.substr(digits), &pid) || pid > 0x7fffffff) return false;
  prefix->pid = static_cast<int32_t>(pid);
  char before = task[digits - 1];
  if (before == '/') {  // perf's pid/tid
    --digits;
    while (digits > 0 && IsDigit(task[digits - 1])) --digits;
    if (digits == 0) return false;
    before = task[digits - 1];
  }
  if (before != '-' && before != ' ') {
    // perf prints pid -1 of a task that it does not know.
    return false;
  }
  prefix->comm = Trimmed(task.substr(0, digits - 1));
  if (prefix->comm == "<...>") prefix->comm = {};
  return true;
}

// Splits a line at its " [cpu] ". False if it has none.
bool ParseTaskAndCpu(std::string_view line, Prefix* prefix, std::string_view* rest) {
  for (size_t at = line.find(" ["); at != std::string_view::npos; at = line.find(" [", at + 1)) {
    const size_t close = line.find(']', at);
    if (close == std::string_view::npos) return false;
    uint64_t cpu = 0;
    if (!ParseDecimal(line.substr(at + 2, close - at - 2), &cpu) || cpu >= kMaxCpus) continue;
    if (!ParseTask(line.substr(0, at), prefix)) continue;
    prefix->cpu = static_cast<int32_t>(cpu);
    *rest = line.substr(close + 1);
    return true;
  }
  return false;
}

void SetContext(std::string_view flags, RawEvent* event) {
  // Documentation/trace/ftrace.rst, "irqs-off" and "hardirq/softirq".
  if (flags.size() < 3) return;
  event->irqs_off = flags[0] == 'd' || flags[0] == 'D';
  switch (flags[2]) {
    case 'z':
    case 'Z':
      event->context = Context::kNmi;
      break;
    case 'h':
    case 'H':
      event->context = Context::kHardirq;
      break;
    case 's':
      event->context = Context::kSoftirq;
      break;
    default:
      break;
  }
}

enum class Key : uint8_t {
  kOther,
  kCallSite,
  kPointer,
  kName,
  kBytesReq,
  kBytesAlloc,
  kGfp,
  kNode,
  kFrame,
  kOrder,
  kMigratetype,
  kReserved,
  kAtomic,
  kSize,
  kAlign,
  kBase,
  kOffset,
};

struct KeyName {
  std::string_view name;
  Key key;
};
constexpr std::array<KeyName, 16> kKeys = {{
    {"call_site", Key::kCallSite},
    {"ptr", Key::kPointer},
    {"name", Key::kName},
    {"bytes_req", Key::kBytesReq},
    {"bytes_alloc", Key::kBytesAlloc},
    {"gfp_flags", Key::kGfp},
    {"node", Key::kNode},
    {"pfn", Key::kFrame},
    {"order", Key::kOrder},
    {"migratetype", Key::kMigratetype},
    {"reserved", Key::kReserved},
    {"is_atomic", Key::kAtomic},
    {"size", Key::kSize},
    {"align", Key::kAlign},
    {"base_addr", Key::kBase},
    {"off", Key::kOffset},
}};

Key FindKey(std::string_view name) {
  for (const KeyName& key : kKeys) {
    if (key.name == name) return key.key;
  }
  return Key::kOther;
}

// What a line's fields were, as a set of Key.
class KeySet {
 public:
  void Add(Key key) { bits_ |= Bit(key); }
  bool Has(Key key) const { return (bits_ & Bit(key)) != 0; }

 private:
  static uint32_t Bit(Key key) { return uint32_t{1} << static_cast<int>(key); }
  uint32_t bits_ = 0;
};

// The first of the fields that `kind` needs and `seen` lacks; empty if none.
std::string_view MissingField(EventKind kind, const KeySet& seen) {
  const auto lacks = [&seen](std::initializer_list<Key> needed) -> std::string_view {
    for (const Key key : needed) {
      if (seen.Has(key)) continue;
      for (const KeyName& name : kKeys) {
        if (name.key == key) return name.name;
      }
    }
    return {};
  };
  switch (kind) {
    case EventKind::kKmalloc:
    case EventKind::kCacheAlloc:
      return lacks({Key::kPointer, Key::kBytesReq, Key::kBytesAlloc});
    case EventKind::kKfree:
    case EventKind::kCacheFree:
      return lacks({Key::kPointer});
    case EventKind::kPageAlloc:
    case EventKind::kPageFree:
      return lacks({Key::kFrame, Key::kOrder});
    case EventKind::kPercpuAlloc:
      return lacks({Key::kSize, Key::kAlign, Key::kBase, Key::kOffset});
    case EventKind::kPercpuFree:
      return lacks({Key::kBase, Key::kOffset});
    case EventKind::kPercpuAllocFailed:
      return lacks({Key::kSize, Key::kAlign});
    case EventKind::kPercpuChunkCreated:
    case EventKind::kPercpuChunkDestroyed:
      return lacks({Key::kBase});
    case EventKind::kLost:
      break;
  }
  return {};
}

// Stores one field. False if its value is not what the key takes.
bool SetField(Key key, std::string_view value, RawEvent* event) {
  uint64_t number = 0;
  switch (key) {
    case Key::kOther:
      return true;
    case Key::kCallSite:
      // %pS adds the function's size, which trace-cmd and perf leave out.
      event->call_site = value.substr(0, value.find('/'));
      return true;
    case Key::kPointer:
      // Of a percpu area the offset identifies it; the pointer is per-CPU arithmetic.
      if (event->kind == EventKind::kPercpuAlloc || event->kind == EventKind::kPercpuFree) {
        return true;
      }
      return ParsePointer(value, &event->address);
    case Key::kName:
      event->cache = value;
      return true;
    case Key::kGfp:
      event->gfp = value;
      return true;
    case Key::kNode:
      return ParseSigned(value, &event->node) && event->node >= -1 && event->node < 0x7fff;
    case Key::kBytesAlloc:
      // A percpu area's is over all CPUs, and follows from its size.
      if (event->kind == EventKind::kPercpuAlloc) return true;
      return ParseNumber(value, &event->bytes_alloc);
    case Key::kBytesReq:
      return ParseNumber(value, &event->bytes_req);
    case Key::kFrame:
      return ParseNumber(value, &event->address);
    case Key::kOrder:
      return ParseNumber(value, &event->bytes_alloc) && event->bytes_alloc < 64;
    case Key::kSize:
      return ParseNumber(value, &event->bytes_req);
    case Key::kAlign:
      return ParseNumber(value, &event->bytes_alloc);
    case Key::kBase:
      return ParsePointer(value, &event->chunk_base);
    case Key::kOffset:
      return ParseNumber(value, &event->address);
    case Key::kMigratetype:
      if (!ParseNumber(value, &number) || number > 0xff) return false;
      event->migratetype = static_cast<uint8_t>(number);
      return true;
    case Key::kReserved:
      event->reserved = value == "1" || value == "true";
      return true;
    case Key::kAtomic:
      event->atomic = value == "1" || value == "true";
      return true;
  }
  return true;
}

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
    if (!ParseTaskAndCpu(line, &prefix, &rest)) return TakeOtherLine(line);
    std::string_view word = TakeWord(&rest);
    if (!word.empty() && !IsDigit(word[0])) {
      prefix.flags = word;
      info_.has_context = true;
      word = TakeWord(&rest);
    }
    bool has_nanoseconds = false;
    if (word.empty() || word.back() != ':' ||
        !ParseTime(word.substr(0, word.size() - 1), &prefix.time, &prefix.is_count,
                   &has_nanoseconds)) {
      return Expected("a time like '668.063789:'", word);
    }
    if (has_nanoseconds) info_.nanoseconds = true;
    if (prefix.is_count) has_counts_ = true;
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
    event.cpu = prefix.cpu;
    event.pid = prefix.pid;
    event.comm = prefix.comm;
    event.time = prefix.time;
    SetContext(prefix.flags, &event);
    KeySet seen;
    std::string_view rest = prefix.fields;
    std::string_view bad;
    Key previous = Key::kOther;
    while (true) {
      const std::string_view word = TakeWord(&rest);
      if (word.empty()) break;
      const size_t equals = word.find('=');
      if (equals == std::string_view::npos) {
        // A cache's name may hold blanks; perf appends an instruction pointer and its symbol.
        if (format_ == RecordingFormat::kPerfScript && word.size() >= 8 && IsHex(word)) break;
        if (previous == Key::kName) {
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
    const std::string_view missing = MissingField(kind, seen);
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
    if (cpus != std::string_view::npos && ParseDecimal(Trimmed(rest.substr(cpus + 3)), &cpu_count) &&
        cpu_count <= kMaxCpus) {
      info_.cpu_count = static_cast<int32_t>(cpu_count);
    }
    if (written > kept) overwritten_ = written - kept;
  }

  // Lines that are no event: headers, notices of loss, perf's call chains.
  absl::Status TakeOtherLine(std::string_view line) {
    const std::string_view text = Trimmed(line);
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
    lost.cpu = prefix.cpu;
    lost.time = prefix.time;
    TakeWord(&rest);  // "lost"
    const std::string_view count = TakeWord(&rest);
    if (!ParseDecimal(count, &lost.bytes_req)) return Expected("lost NUMBER", count);
    return sink_.Append(lost);
  }

  void Note() {
    if (has_counts_) {
      info_.notes.push_back("times have no decimal point: they are counts of the trace clock, "
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
    return absl::InvalidArgumentError(
        fmt::format("{}: a perf.data file; import the text of 'perf script --ns -i {}'", path,
                    path));
  }
  if (head.empty()) return absl::InvalidArgumentError(fmt::format("{}: the file is empty", path));
  while (!head.empty()) {
    const size_t end = head.find('\n');
    const std::string_view line = head.substr(0, end);
    head.remove_prefix(end == std::string_view::npos ? head.size() : end + 1);
    if (line.substr(0, 9) == "# tracer:") return RecordingFormat::kTracefs;
    if (line.substr(0, 5) == "cpus=") return RecordingFormat::kTraceCmdReport;
    Prefix prefix;
    std::string_view rest;
    if (line.empty() || line[0] == '#' || !ParseTaskAndCpu(line, &prefix, &rest)) continue;
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
