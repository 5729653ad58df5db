// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TRACES_RAW_EVENT_H_
#define SLABLAB_TRACES_RAW_EVENT_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "base/types.h"
#include "traces/event.h"

// What an importer reads out of a recording, before repairs: one tracepoint as the kernel printed
// it, in the order of the file. The string views live until Append returns.

namespace slablab {

// No recording lost more events than this between two that it kept: ten million a second for most
// of a year. A larger count is damage.
inline constexpr uint64_t kLostMax = uint64_t{1} << 48;

// What trace dump writes above the events where some of its notices of loss have no number, since
// others count what they tell of: "# lost-covered: 3".
inline constexpr std::string_view kLostCoveredComment = "# lost-covered:";

struct RawEvent {
  EventKind kind = EventKind::kKmalloc;
  Context context = Context::kTask;
  bool irqs_off = false;
  bool reserved = false;  // percpu
  bool atomic = false;    // percpu
  // The address is the hash of one, 32 bits: it is the same for the same object and says no more.
  bool is_hashed = false;
  bool is_of_unknown_cpu = false;  // kLost
  uint8_t migratetype = 0;
  int32_t cpu = 0;
  int32_t pid = 0;
  int32_t node = -1;
  Nanos time = 0;
  uint64_t address = 0;      // ptr; pages: the frame number; percpu: the offset in the chunk
  uint64_t chunk_base = 0;   // percpu: base_addr
  uint64_t bytes_req = 0;    // kLost: how many, 0 if the recording does not say
  uint64_t bytes_alloc = 0;  // percpu: the alignment; pages: the order
  std::string_view call_site;
  std::string_view gfp;
  std::string_view cache;  // empty where the tracepoint carries no name
  std::string_view comm;   // empty if unknown

  friend bool operator==(const RawEvent&, const RawEvent&) = default;
};

class RawEventSink {
 public:
  virtual ~RawEventSink() = default;
  virtual absl::Status Append(const RawEvent& event) = 0;
};

// Lines or events of a recording that were left out for one reason.
struct LeftOut {
  uint64_t count = 0;
  std::string explanation;  // one line for the user
};

// What a recording says of itself, and what of it was not taken.
struct RecordingInfo {
  std::string kernel_release;  // empty if unknown
  std::string clock;           // empty if unknown
  std::string source_format;
  int32_t cpu_count = 0;                    // 0 = not stated
  bool has_context = true;                  // irq context and irqs-off are in the recording
  bool nanoseconds = false;                 // a time with more than microseconds was seen
  std::map<std::string, uint64_t> skipped;  // events of other kinds, by name
  std::map<std::string, LeftOut> left_out;  // what else of it is no event, by reason in one word
  // Events that the ring buffers counted as overwritten or dropped, by CPU, where the recording has
  // these counts beside (not instead of) notices among the events.
  std::map<int32_t, uint64_t> ring_loss;
  // Notices of loss without a number which others, with one, count already: as trace dump says.
  uint64_t lost_covered = 0;
  uint64_t malformed = 0;          // lines left out by ImportOptions::lenient
  std::string malformed_first;     // where the first of them is and what is wrong with it
  std::vector<std::string> notes;  // for the header's assumptions
};

}  // namespace slablab

#endif  // SLABLAB_TRACES_RAW_EVENT_H_
