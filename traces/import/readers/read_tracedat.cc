// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <traceevent/event-parse.h>
#include <traceevent/trace-seq.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "base/claimed_output.h"
#include "fmt/format.h"
#include "traces/import/readers/isolated_reader.h"
#include "traces/import/readers/read_recording.h"
#include "traces/import/readers/tracecmd_shim.h"

// trace.dat through libtracecmd: records of all CPUs in order of time, fields by the names that the
// recorded kernel's own event formats give them.

namespace slablab::internal {
namespace {

struct InputCloser {
  void operator()(tracecmd_input* input) const { slablab_tracecmd_close(input); }
};

// Where a tracepoint keeps a number; absent fields read as their fallback.
struct Field {
  int offset = 0;
  int size = 0;  // 0 = absent
  bool is_signed = false;
};

struct Tracepoint {
  EventKind kind = EventKind::kKmalloc;
  tep_event* event = nullptr;
  Field call_site, address, chunk_base, bytes_req, bytes_alloc, gfp, node, reserved, atomic,
      migratetype;
  int name_offset = 0;
  int name_size = 0;  // 0 = no name
  bool name_relative = false;
};

Field FindField(tep_event* event, const char* name) {
  const tep_format_field* field = tep_find_field(event, name);
  if (field == nullptr) return Field();
  if (field->size != 1 && field->size != 2 && field->size != 4 && field->size != 8) return Field();
  return {field->offset, field->size, (field->flags & TEP_FIELD_IS_SIGNED) != 0};
}

Tracepoint LayOut(tep_event* event, EventKind kind) {
  Tracepoint point;
  point.kind = kind;
  point.event = event;
  point.call_site = FindField(event, "call_site");
  point.address = FindField(event, "ptr");
  point.bytes_req = FindField(event, "bytes_req");
  point.bytes_alloc = FindField(event, "bytes_alloc");
  point.gfp = FindField(event, "gfp_flags");
  point.node = FindField(event, "node");
  point.reserved = FindField(event, "reserved");
  point.atomic = FindField(event, "is_atomic");
  point.migratetype = FindField(event, "migratetype");
  point.chunk_base = FindField(event, "base_addr");
  if (kind == EventKind::kPageAlloc || kind == EventKind::kPageFree) {
    point.address = FindField(event, "pfn");
    point.bytes_alloc = FindField(event, "order");
  } else if (point.chunk_base.size != 0 || kind == EventKind::kPercpuAllocFailed) {
    point.address = FindField(event, "off");
    point.bytes_req = FindField(event, "size");
    point.bytes_alloc = FindField(event, "align");
  }
  const tep_format_field* name = tep_find_field(event, "name");
  if (name != nullptr && (name->flags & TEP_FIELD_IS_DYNAMIC) != 0 && name->size == 4) {
    point.name_offset = name->offset;
    point.name_size = name->size;
    point.name_relative = (name->flags & TEP_FIELD_IS_RELATIVE) != 0;
  }
  return point;
}

// The field without which the tracepoint cannot be used, or nullptr.
const char* MissingField(const Tracepoint& point) {
  switch (point.kind) {
    case EventKind::kKmalloc:
    case EventKind::kCacheAlloc:
      if (point.bytes_req.size == 0) return "bytes_req";
      if (point.bytes_alloc.size == 0) return "bytes_alloc";
      return point.address.size == 0 ? "ptr" : nullptr;
    case EventKind::kKfree:
    case EventKind::kCacheFree:
      return point.address.size == 0 ? "ptr" : nullptr;
    case EventKind::kPageAlloc:
    case EventKind::kPageFree:
      if (point.bytes_alloc.size == 0) return "order";
      return point.address.size == 0 ? "pfn" : nullptr;
    case EventKind::kPercpuAlloc:
    case EventKind::kPercpuFree:
      if (point.address.size == 0) return "off";
      return point.chunk_base.size == 0 ? "base_addr" : nullptr;
    case EventKind::kPercpuAllocFailed:
      return point.bytes_req.size == 0 ? "size" : nullptr;
    case EventKind::kPercpuChunkCreated:
    case EventKind::kPercpuChunkDestroyed:
      return point.chunk_base.size == 0 ? "base_addr" : nullptr;
    case EventKind::kLost:
      break;
  }
  return nullptr;
}

class TraceDatReader {
 public:
  TraceDatReader(const std::string& path, tracecmd_input* input, RawEventSink& sink)
      : path_(path), input_(input), tep_(slablab_tracecmd_tep(input)), sink_(sink) {}

  absl::StatusOr<RecordingInfo> Read() {
    Describe();
    const int ended = slablab_tracecmd_iterate(input_, &TraceDatReader::Visit, this);
    if (!status_.ok()) return status_;
    if (ended != 0) {
      return absl::InvalidArgumentError(
          fmt::format("{}: its event data cannot be read after record {}: the file is truncated "
                      "or damaged",
                      path_, records_));
    }
    for (const auto& [id, point] : points_) {
      if (point.skipped == 0) continue;
      info_.skipped[point.name] += point.skipped;
    }
    return std::move(info_);
  }

 private:
  // A tracepoint of the file by its id: laid out on first sight.
  struct Seen {
    std::optional<Tracepoint> taken;
    std::string name;
    uint64_t skipped = 0;
  };

  void Describe() {
    info_.source_format = std::string(RecordingFormatName(RecordingFormat::kTraceDat));
    info_.nanoseconds = true;
    info_.cpu_count = slablab_tracecmd_cpus(input_);
    if (const char* clock = slablab_tracecmd_clock(input_)) info_.clock = clock;
    // uname is "Linux host 6.1.192 #1 SMP …": the release is the third word.
    if (const char* uname = slablab_tracecmd_uname(input_)) {
      const std::vector<std::string> words = absl::StrSplit(uname, ' ', absl::SkipEmpty());
      if (words.size() >= 3) info_.kernel_release = words[2];
    }
    if (const char* stats = slablab_tracecmd_cpustats(input_)) TakeLoss(stats);
  }

  // The recorder's own loss counts: "CPU: 0", "overrun: 12", "dropped events: 3", one a line; those
  // of instances follow under "Buffer: NAME". A main buffer that was not recorded (it has no CPUs)
  // has counts too, which say nothing of what was.
  void TakeLoss(absl::string_view stats) {
    int32_t cpu = 0;
    for (const absl::string_view line : absl::StrSplit(stats, '\n')) {
      const std::pair<absl::string_view, absl::string_view> parts =
          absl::StrSplit(line, absl::MaxSplits(':', 1));
      if (absl::StartsWith(parts.first, "CPU")) {
        if (!absl::SimpleAtoi(parts.second, &cpu) || cpu < 0 || cpu >= kMaxCpus) cpu = 0;
        continue;
      }
      if (parts.first == "Buffer" && info_.cpu_count == 0) info_.ring_loss.clear();
      uint64_t count = 0;
      const bool is_loss = parts.first == "overrun" || parts.first == "commit overrun" ||
                           parts.first == "dropped events";
      if (is_loss && absl::SimpleAtoi(parts.second, &count) && count > 0) {
        info_.ring_loss[cpu] += std::min(count, kLostMax + 1);  // so that no sum wraps
      }
    }
  }

  static int Visit(tep_record* record, void* context) {
    auto* reader = static_cast<TraceDatReader*>(context);
    reader->status_ = reader->Take(record, record->cpu);
    return reader->status_.ok() ? 0 : 1;
  }

  absl::Status Take(tep_record* record, int cpu) {
    ++records_;
    if (record->missed_events != 0) {
      RawEvent lost;
      lost.kind = EventKind::kLost;
      lost.cpu = cpu;
      lost.time = record->ts;
      lost.bytes_req = record->missed_events > 0 ? record->missed_events : 0;
      const absl::Status status = sink_.Append(lost);
      if (!status.ok()) return status;
    }
    const int id = tep_data_type(tep_, record);
    auto found = points_.find(id);
    if (found == points_.end()) {
      found = points_.emplace(id, Seen()).first;
      const absl::Status status = FirstSight(id, record, found->second);
      if (!status.ok()) return status;
    }
    if (!found->second.taken.has_value()) {
      ++found->second.skipped;
      return absl::OkStatus();
    }
    return Decode(*found->second.taken, record, cpu);
  }

  absl::Status FirstSight(int id, tep_record* record, Seen& seen) {
    tep_event* event = tep_find_event_by_record(tep_, record);
    if (event == nullptr || event->name == nullptr) {
      seen.name = fmt::format("event {} without a format", id);
      return absl::OkStatus();
    }
    seen.name = event->name;
    const absl::string_view system = event->system == nullptr ? "" : event->system;
    const std::optional<EventKind> kind = KindOfTracepoint(event->name);
    if (!kind.has_value() || (system != "kmem" && system != "percpu")) return absl::OkStatus();
    seen.taken = LayOut(event, *kind);
    if (const char* missing = MissingField(*seen.taken)) {
      return absl::InvalidArgumentError(
          fmt::format("{}: the format of event {} has no field '{}'", path_, seen.name, missing));
    }
    return absl::OkStatus();
  }

  // The field's value, or `fallback` where the tracepoint lacks it. A record shorter than its
  // format is answered by setting short_.
  int64_t Number(const Field& field, const tep_record* record, int64_t fallback = 0) {
    if (field.size == 0) return fallback;
    if (field.offset < 0 || field.offset + field.size > record->size) {
      short_ = true;
      return fallback;
    }
    const auto value =
        tep_read_number(tep_, static_cast<const char*>(record->data) + field.offset, field.size);
    if (field.is_signed && field.size == 4) return static_cast<int32_t>(value);
    return static_cast<int64_t>(value);
  }

  std::string_view Name(const Tracepoint& point, const tep_record* record) {
    if (point.name_size == 0) return {};
    const uint32_t location =
        static_cast<uint32_t>(Number({point.name_offset, point.name_size, false}, record));
    int offset = static_cast<int>(location & 0xffff);
    const int length = static_cast<int>(location >> 16);
    if (point.name_relative) offset += point.name_offset + point.name_size;
    if (length == 0 || offset + length > record->size) {
      short_ = true;
      return {};
    }
    const char* data = static_cast<const char*>(record->data) + offset;
    return {data, strnlen(data, static_cast<size_t>(length))};
  }

  absl::Status Decode(const Tracepoint& point, tep_record* record, int cpu) {
    short_ = false;
    RawEvent event;
    event.kind = point.kind;
    event.cpu = cpu;
    event.time = record->ts;
    event.pid = tep_data_pid(tep_, record);
    SetContext(tep_data_flags(tep_, record), event);
    event.address = static_cast<uint64_t>(Number(point.address, record));
    event.chunk_base = static_cast<uint64_t>(Number(point.chunk_base, record));
    event.bytes_req = static_cast<uint64_t>(Number(point.bytes_req, record));
    event.bytes_alloc = static_cast<uint64_t>(Number(point.bytes_alloc, record));
    event.node = static_cast<int32_t>(Number(point.node, record, -1));
    event.migratetype = static_cast<uint8_t>(Number(point.migratetype, record));
    event.reserved = Number(point.reserved, record) != 0;
    event.atomic = Number(point.atomic, record) != 0;
    event.cache = Name(point, record);
    event.comm = Comm(event.pid);
    // mm_page_alloc of a failed request records frame -1 and prints it as 0 (include/trace/events/
    // kmem.h).
    if (point.kind == EventKind::kPageAlloc && event.address == ~uint64_t{0}) event.address = 0;
    if (point.call_site.size != 0) {
      event.call_site = Symbol(static_cast<uint64_t>(Number(point.call_site, record)));
    }
    if (point.gfp.size != 0) {
      event.gfp = Gfp(static_cast<uint64_t>(Number(point.gfp, record)), record);
    }
    if (short_) {
      return absl::InvalidArgumentError(
          fmt::format("{}: record {} ({}, {} bytes at offset {}) is shorter than its format says",
                      path_, records_, point.event->name, record->size, record->offset));
    }
    return sink_.Append(event);
  }

  // Bits of common_flags: include/linux/trace_events.h, enum trace_flag_type.
  static void SetContext(int flags, RawEvent& event) {
    constexpr int kIrqsOff = 0x01;
    constexpr int kHardirq = 0x08;
    constexpr int kSoftirq = 0x10;
    constexpr int kNmi = 0x40;
    event.irqs_off = (flags & kIrqsOff) != 0;
    if ((flags & kNmi) != 0) {
      event.context = Context::kNmi;
    } else if ((flags & kHardirq) != 0) {
      event.context = Context::kHardirq;
    } else if ((flags & kSoftirq) != 0) {
      event.context = Context::kSoftirq;
    }
  }

  std::string_view Comm(int pid) {
    const auto [found, is_first] = comms_.try_emplace(pid);
    if (is_first) {
      if (const char* comm = tep_data_comm_from_pid(tep_, pid)) found->second = comm;
      if (found->second == "<...>") found->second.clear();
    }
    return found->second;
  }

  std::string_view Symbol(uint64_t address) {
    const auto [found, is_first] = symbols_.try_emplace(address);
    if (is_first) {
      const char* function = tep_find_function(tep_, address);
      found->second = function == nullptr
                          ? fmt::format("{:#x}", address)
                          : fmt::format("{}+{:#x}", function,
                                        address - tep_find_function_address(tep_, address));
    }
    return found->second;
  }

  // The flags as the recorded kernel names them: bit values differ from kernel to kernel, and the
  // table is in the event's print format.
  std::string_view Gfp(uint64_t flags, tep_record* record) {
    const auto [found, is_first] = gfps_.try_emplace(flags);
    if (!is_first) return found->second;
    trace_seq text;
    trace_seq_init(&text);
    tep_print_event(tep_, &text, record, "%s", TEP_PRINT_INFO);
    trace_seq_terminate(&text);
    const absl::string_view printed(text.buffer, text.len);
    constexpr absl::string_view kKey = "gfp_flags=";
    const size_t at = printed.find(kKey);
    if (at == absl::string_view::npos) {
      found->second = fmt::format("{:#x}", flags);
    } else {
      const absl::string_view rest = printed.substr(at + kKey.size());
      found->second = std::string(rest.substr(0, rest.find(' ')));
    }
    trace_seq_destroy(&text);
    return found->second;
  }

  const std::string& path_;
  tracecmd_input* const input_;
  tep_handle* const tep_;
  RawEventSink& sink_;
  RecordingInfo info_;
  absl::Status status_;
  uint64_t records_ = 0;
  bool short_ = false;
  absl::flat_hash_map<int, Seen> points_;
  absl::flat_hash_map<int, std::string> comms_;
  absl::flat_hash_map<uint64_t, std::string> symbols_;
  absl::flat_hash_map<uint64_t, std::string> gfps_;
};

}  // namespace

absl::StatusOr<RecordingInfo> ReadTraceDat(const std::string& path, const std::string& name,
                                           RawEventSink& sink) {
  if (absl::Status input = CheckInput(path); !input.ok()) return input;
  return ReadInChild(
      [&path, &name](RawEventSink& to) -> absl::StatusOr<RecordingInfo> {
        const std::unique_ptr<tracecmd_input, InputCloser> input(
            slablab_tracecmd_open(path.c_str()));
        if (input == nullptr) {
          return absl::InvalidArgumentError(
              fmt::format("{}: libtracecmd cannot open it: not a trace.dat, truncated, damaged, or "
                          "of a version or compression that it does not know",
                          name));
        }
        return TraceDatReader(name, input.get(), to).Read();
      },
      name, sink);
}

}  // namespace slablab::internal
