// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TRACES_SLT_TRACE_H_
#define SLABLAB_TRACES_SLT_TRACE_H_

#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/digest.h"
#include "base/types.h"
#include "traces/event.h"

// A canonical trace: the header that says what was recorded and what was done to it, a sink that
// events are appended to, and the .slt file that holds both. The file's layout is described in
// traces/slt/slt.proto.

namespace slablab {

enum class AddressKind : uint8_t {
  kReal,    // kernel virtual addresses: page and node can be derived from them
  kHashed,  // as %p prints them: only identity survives
};

// One kind of correction that was made to a recording, in the order in which it was applied.
struct TraceRepair {
  std::string name;  // one word: "inferred-free"
  uint64_t count = 0;
  std::string explanation;  // one line for the user: what was found and what was done
  struct Part {
    std::string name;
    uint64_t count = 0;

    friend bool operator==(const Part&, const Part&) = default;
  };
  std::vector<Part> parts = {};  // of what, where that is known: of caches, of own structures

  friend bool operator==(const TraceRepair&, const TraceRepair&) = default;
};

// The explanation and, as far as they are known, the five largest parts: "...: maple_node 3385,
// dentry 12".
std::string Explain(const TraceRepair& repair);

// The name that a task had from a time on; a task that executes another program has several.
struct TraceTask {
  int32_t pid = 0;
  Nanos since = 0;
  std::string comm;

  friend bool operator==(const TraceTask&, const TraceTask&) = default;
};

// A file that was recorded beside the events, whole: "slabinfo.before", "slabinfo.after",
// "sys-kernel-slab.before", "sys-kernel-slab.after", "percpu_stats.before", "percpu_stats.after",
// "nodes", "zoneinfo.boot", "lstopo.xml". `contents` are uncompressed.
struct TraceSidecar {
  std::string name;
  std::string contents;

  friend bool operator==(const TraceSidecar&, const TraceSidecar&) = default;
};

struct TraceHeader {
  std::string kernel_release;  // "6.1.192", empty if unknown
  std::string clock;           // the trace clock's name: "mono", "local"; empty if unknown
  std::string source_format;   // what it was imported from: "trace.dat", "perf script", …
  std::string source_name;     // the imported file's name, without its folder
  AddressKind addresses = AddressKind::kReal;
  uint64_t direct_map_base = 0;  // virtual address of physical 0; 0 = unknown

  int32_t cpu_count = 0;             // every event's cpu is below
  int32_t node_count = 0;            // 0 = unknown
  std::vector<int32_t> node_of_cpu;  // one entry a CPU, or empty if unknown

  // What the events' indices name. Entry 0 of each is the unknown one: an empty name.
  std::vector<std::string> call_sites = {""};  // symbolic, "getname_flags+0x2b"
  std::vector<std::string> gfp_flags = {""};   // symbolic, "GFP_KERNEL|__GFP_ZERO"
  std::vector<TraceCache> caches = {TraceCache()};
  std::vector<TraceTask> tasks;  // ordered by (pid, since)

  // Cut from a trace by CPU: what other CPUs freed seems to live on.
  bool of_some_cpus = false;

  std::vector<TraceRepair> repairs;
  std::vector<std::string> assumptions;  // one sentence each
  std::vector<TraceSidecar> sidecars;

  // What an importer knows of losses beside the kLost events.
  uint64_t lost_covered = 0;  // of those without a number: how many of these another one counts
  uint64_t lost_untimed = 0;  // events lost at an unknown time; their kLost events stand first

  // Filled in by TraceWriter::Finish from the events appended; what a caller sets is overwritten.
  uint64_t event_count = 0;  // of every kind
  std::array<uint64_t, kEventKinds> events_by_kind = {};
  uint64_t lost_events = 0;   // the sum over the kLost events
  uint64_t lost_unknown = 0;  // kLost events without a number, less lost_covered
  uint64_t object_count = 0;  // objects are 1 .. object_count
  Nanos time_first = 0;
  Nanos time_last = 0;
  // Of every field of every event in order (EventsDigest). The same for the same events, however
  // the file was blocked and compressed.
  uint64_t events_digest = 0;

  bool lost_any() const { return lost_events > 0 || lost_unknown > 0; }

  // The sidecar of that name, or nullptr.
  const TraceSidecar* FindSidecar(std::string_view name) const;

  friend bool operator==(const TraceHeader&, const TraceHeader&) = default;
};

// Digests a sequence of events.
class EventsDigest {
 public:
  void Add(const Event& event);
  uint64_t value() const { return digest_.value(); }

 private:
  Digest digest_;
};

// Something that takes events in recorded order.
class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual absl::Status Append(const Event& event) = 0;
};

// Writes an .slt file. Nothing appears at `path` before Finish: the file grows beside it under a
// temporary name and is renamed when whole, so an interrupted run leaves `path` as it was. A writer
// that is destroyed without Finish removes its temporary.
//
// Append requires: time not less than the event before; object at most one above the largest so far
// (an object's first sight takes the next number); and by Finish every index an event used must be
// in the header's tables. Violations answer InvalidArgument naming the event's number. Errors of
// the file system are kUnavailable, with the path. After an error, only destruction is allowed.
//
//   auto writer = TraceWriter::Create(path, {});
//   writer->header().kernel_release = …;    // at any time before Finish, tables may grow
//   writer->Append(event); …
//   writer->Finish();
class TraceWriter : public EventSink {
 public:
  struct Options {
    int events_per_block = 1 << 15;  // 1 .. kMaxEventsPerBlock
    int zstd_level = 19;             // 1 .. 22
  };
  static constexpr int kMaxEventsPerBlock = 1 << 16;

  static absl::StatusOr<std::unique_ptr<TraceWriter>> Create(const std::string& path,
                                                             const Options& options);

  virtual TraceHeader& header() = 0;
  virtual absl::Status Finish() = 0;
};

// One block of an .slt file: what the index says of it.
struct TraceBlock {
  uint64_t offset = 0;  // bytes from the start of the file
  uint64_t bytes = 0;   // with its framing
  uint64_t event_first = 0;
  uint32_t event_count = 0;
  uint64_t object_first = 0;  // objects seen before this block are below
  uint64_t live_first = 0;    // how many of those were allocated and not yet freed
  Nanos time_first = 0;
  Nanos time_last = 0;
  struct CpuEvents {
    int32_t cpu = 0;
    uint32_t events = 0;

    friend bool operator==(const CpuEvents&, const CpuEvents&) = default;
  };
  std::vector<CpuEvents> cpus;       // ascending by cpu; events > 0
  bool may_lose_of_any_cpu = false;  // it has lost events that any CPU may have lost, or may have

  friend bool operator==(const TraceBlock&, const TraceBlock&) = default;
};

// What a damaged file has lost.
struct TraceDamage {
  uint64_t events_lost = 0;           // of those whose number is known
  bool tail_lost = false;             // the file ends early: how many events followed is unknown
  std::vector<std::string> messages;  // one a region: which section, which offset, what is wrong

  bool any() const { return !messages.empty(); }
};

// Reads an .slt file, block by block; memory is that of one block, whatever the file's size.
//
// A damaged or truncated file is kDataLoss, and the message names the file, the block and the
// offset: from Open if the header or index is hit, from Read if a block is. What is not an .slt
// file is kInvalidArgument. With `salvage`, every block that is whole is delivered; in the place of
// each that is not stand kLost events (one for each CPU if the index survives, else one on CPU 0;
// bytes_req 0 if the number is unknown), frees of objects whose allocation was lost are marked
// predates_trace, and names that were lost are "(lost)".
class TraceReader {
 public:
  struct Options {
    bool salvage = false;
    // Only events with from <= time < to …
    Nanos from = 0;
    Nanos to = std::numeric_limits<Nanos>::max();
    // … that are number event_first .. event_end - 1 of the file, counted from 0 …
    uint64_t event_first = 0;
    uint64_t event_end = std::numeric_limits<uint64_t>::max();
    // … on these CPUs; empty = all. Blocks that hold none of them are not read.
    std::vector<CpuId> cpus = {};
    // Whether to read Event::address, which a replay does without; else it is 0.
    bool addresses = true;

    bool selects_all() const {
      return from == 0 && to == std::numeric_limits<Nanos>::max() && event_first == 0 &&
             event_end == std::numeric_limits<uint64_t>::max() && cpus.empty();
    }
  };

  static absl::StatusOr<std::unique_ptr<TraceReader>> Open(const std::string& path,
                                                           const Options& options);
  // The same for a file's contents; messages call it `name`.
  static absl::StatusOr<std::unique_ptr<TraceReader>> FromMemory(std::string name,
                                                                 std::string contents,
                                                                 const Options& options);
  virtual ~TraceReader() = default;

  // Complete from the start: tables, sidecars and counts of the whole file, not of the selection.
  // What was salvaged is counted as it will be delivered.
  virtual const TraceHeader& header() const = 0;
  virtual const std::vector<TraceBlock>& blocks() const = 0;
  virtual uint64_t file_bytes() const = 0;
  // Complete from the start; nothing without `salvage`, which reads the whole file to know it.
  virtual const TraceDamage& damage() const = 0;

  // Fills `events` from the front with the next events in order; answers how many, 0 at the end.
  // Nothing is allocated per event. REQUIRES: events is not empty.
  virtual absl::StatusOr<size_t> Read(absl::Span<Event> events) = 0;

  // Which events block `number` has, and how many of each, without reading them: a small part of
  // what that costs. Of its first `events_max` only; whatever the selection. What Read would
  // deliver next is what it was. REQUIRES: not `salvage`.
  virtual absl::StatusOr<std::vector<AlikeEvents>> CountBlock(size_t number,
                                                              uint64_t events_max) = 0;

  // Starts again at the first event of the selection.
  virtual void Rewind() = 0;
};

}  // namespace slablab

#endif  // SLABLAB_TRACES_SLT_TRACE_H_
