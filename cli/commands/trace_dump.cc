// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <array>
#include <cstdio>
#include <iterator>
#include <limits>
#include <memory>

#include "absl/flags/flag.h"
#include "absl/status/statusor.h"
#include "cli/command.h"
#include "cli/flags.h"
#include "cli/output/event_text.h"
#include "cli/trace_selection.h"
#include "fmt/format.h"
#include "runs/experiments/printable.h"
#include "traces/raw_event.h"
#include "traces/slt/trace.h"

namespace slablab {
namespace {

constexpr std::string_view kFlags[] = {"time", "cpus", "events", "limit", "salvage"};

absl::Status Dump(TraceReader& reader, bool is_whole, uint64_t limit) {
  constexpr size_t kFlushBytes = 1 << 16;
  std::array<Event, 1024> events;
  fmt::memory_buffer text;
  const TraceHeader header = PrintableHeader(reader.header());
  // Of a part it is not known which of its notices are counted.
  if (is_whole && header.lost_covered > 0) {
    fmt::format_to(std::back_inserter(text), "{} {}\n", kLostCoveredComment, header.lost_covered);
  }
  while (limit > 0) {
    const absl::StatusOr<size_t> count =
        reader.Read(absl::MakeSpan(events.data(), std::min<uint64_t>(events.size(), limit)));
    if (!count.ok()) {
      std::fwrite(text.data(), 1, text.size(), stdout);
      return count.status();
    }
    if (*count == 0) break;
    for (size_t i = 0; i < *count; ++i) AppendEventText(header, events[i], &text);
    limit -= *count;
    if (text.size() < kFlushBytes) continue;
    if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) return absl::OkStatus();
    text.clear();
  }
  std::fwrite(text.data(), 1, text.size(), stdout);
  return absl::OkStatus();
}

int RunTraceDump(const std::vector<std::string>& arguments) {
  const absl::StatusOr<std::string> path = OnlyTrace("trace dump", arguments);
  if (!path.ok()) return Fail(path.status());
  const absl::StatusOr<TraceReader::Options> selection = SelectionFromFlags();
  if (!selection.ok()) return Fail(selection.status());
  const absl::StatusOr<std::unique_ptr<TraceReader>> reader = OpenTrace(*path, *selection);
  if (!reader.ok()) return Fail(reader.status());
  const uint64_t limit = absl::GetFlag(FLAGS_limit).value_or(0);
  const absl::Status status = Dump(**reader, selection->selects_all() && limit == 0,
                                   limit == 0 ? std::numeric_limits<uint64_t>::max() : limit);
  return status.ok() ? kExitOk : Fail(status);
}

}  // namespace

extern const Command kTraceDumpCommand = {
    .name = "trace dump",
    .synopsis = "TRACE",
    .summary = "Prints events, one a line, as tracefs does.",
    .flags = kFlags,
    .run = RunTraceDump,
};

}  // namespace slablab
