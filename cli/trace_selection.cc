// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "cli/trace_selection.h"

#include <algorithm>
#include <cstdio>
#include <limits>
#include <optional>
#include <set>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "cli/command.h"
#include "cli/flags.h"
#include "fmt/format.h"
#include "runs/recorded/bundled_traces.h"

ABSL_FLAG(std::string, time, "",
          "FROM,TO: only events of these times, FROM included and TO not: seconds (8.05) or "
          "nanoseconds (8050000000ns). Either may be left out.");
ABSL_FLAG(std::string, cpus, "", "LIST: only events on these CPUs (0-3,8).");
ABSL_FLAG(std::string, events, "",
          "FIRST..LAST: only events of these numbers, counted from 0, both included. Either may be "
          "left out.");
ABSL_FLAG(bool, salvage, false,
          "Read the whole blocks of a damaged trace; lost events stand for the others.");

namespace slablab {
namespace {

constexpr uint64_t kNanosPerSecond = 1'000'000'000;
constexpr size_t kFractionDigits = 9;

absl::string_view Absl(std::string_view text) { return {text.data(), text.size()}; }

// SimpleAtoi would take signs and spaces.
std::optional<uint64_t> ParseDigits(absl::string_view text) {
  uint64_t value = 0;
  if (text.empty() || !std::all_of(text.begin(), text.end(), absl::ascii_isdigit) ||
      !absl::SimpleAtoi(text, &value)) {
    return std::nullopt;
  }
  return value;
}

absl::Status Bad(std::string_view flag, std::string_view text, std::string_view wanted) {
  return BadFlag(flag, text, wanted);
}

absl::Status BadTime(std::string_view text, std::string_view flag) {
  return Bad(flag, text, "a time is in seconds (8.05) or nanoseconds (8050000000ns)");
}

absl::StatusOr<std::pair<uint64_t, uint64_t>> ParseEvents(const std::string& text) {
  const std::vector<std::string> ends = absl::StrSplit(text, "..");
  const absl::Status bad = Bad("events", text, "wanted is FIRST..LAST, two numbers");
  if (ends.size() != 2) return bad;
  const std::optional<uint64_t> first = ends[0].empty() ? 0 : ParseDigits(ends[0]);
  const std::optional<uint64_t> last =
      ends[1].empty() ? std::numeric_limits<uint64_t>::max() - 1 : ParseDigits(ends[1]);
  if (!first.has_value() || !last.has_value()) return bad;
  if (*last < *first) return Bad("events", text, "it ends before it begins");
  return std::make_pair(*first, *last + 1);
}

}  // namespace

absl::StatusOr<Nanos> ParseTime(std::string_view text, std::string_view flag) {
  absl::string_view rest = Absl(text);
  if (absl::ConsumeSuffix(&rest, "ns")) {
    const std::optional<uint64_t> nanos = ParseDigits(rest);
    if (!nanos.has_value()) return BadTime(text, flag);
    return *nanos;
  }
  absl::ConsumeSuffix(&rest, "s");
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(rest, absl::MaxSplits('.', 1));
  std::string fraction(parts.second);
  if (fraction.size() > kFractionDigits) return BadTime(text, flag);
  fraction.resize(kFractionDigits, '0');
  const std::optional<uint64_t> seconds = ParseDigits(parts.first);
  const std::optional<uint64_t> nanos = ParseDigits(fraction);
  if (!seconds.has_value() || !nanos.has_value() ||
      *seconds > (std::numeric_limits<Nanos>::max() - *nanos) / kNanosPerSecond) {
    return BadTime(text, flag);
  }
  return *seconds * kNanosPerSecond + *nanos;
}

absl::StatusOr<TimeRange> ParseTimeRange(std::string_view text, std::string_view flag) {
  const std::vector<std::string> ends = absl::StrSplit(Absl(text), ',');
  if (ends.size() != 2) return Bad(flag, text, "wanted is FROM,TO; either may be left out");
  TimeRange range = {0, std::numeric_limits<Nanos>::max()};
  for (const auto& [end, time] : {std::pair(&ends[0], &range.from), {&ends[1], &range.to}}) {
    if (end->empty()) continue;
    const absl::StatusOr<Nanos> parsed = ParseTime(*end, flag);
    if (!parsed.ok()) return parsed.status();
    *time = *parsed;
  }
  if (range.to <= range.from) return Bad(flag, text, "it ends before it begins");
  return range;
}

absl::StatusOr<std::vector<CpuId>> ParseCpuList(std::string_view text) {
  std::set<CpuId> cpus;
  for (const absl::string_view part : absl::StrSplit(Absl(text), ',')) {
    const std::pair<absl::string_view, absl::string_view> ends =
        absl::StrSplit(part, absl::MaxSplits('-', 1));
    const std::optional<uint64_t> first = ParseDigits(ends.first);
    const std::optional<uint64_t> last =
        part.find('-') == part.npos ? first : ParseDigits(ends.second);
    if (!first.has_value() || !last.has_value() || *last < *first || *last >= kMaxCpus) {
      return Bad("cpus", text,
                 fmt::format("wanted is a list like 0-3,8 of CPUs below {}", kMaxCpus));
    }
    for (uint64_t cpu = *first; cpu <= *last; ++cpu) cpus.insert(CpuId(static_cast<int32_t>(cpu)));
  }
  return std::vector<CpuId>(cpus.begin(), cpus.end());
}

absl::StatusOr<TraceReader::Options> SelectionFromFlags() {
  TraceReader::Options options;
  options.salvage = absl::GetFlag(FLAGS_salvage);
  if (const std::string time = absl::GetFlag(FLAGS_time); !time.empty()) {
    const absl::StatusOr<TimeRange> range = ParseTimeRange(time);
    if (!range.ok()) return range.status();
    options.from = range->from;
    options.to = range->to;
  }
  if (const std::string list = absl::GetFlag(FLAGS_cpus); !list.empty()) {
    absl::StatusOr<std::vector<CpuId>> cpus = ParseCpuList(list);
    if (!cpus.ok()) return cpus.status();
    options.cpus = *std::move(cpus);
  }
  if (const std::string numbers = absl::GetFlag(FLAGS_events); !numbers.empty()) {
    const absl::StatusOr<std::pair<uint64_t, uint64_t>> range = ParseEvents(numbers);
    if (!range.ok()) return range.status();
    options.event_first = range->first;
    options.event_end = range->second;
  }
  return options;
}

absl::StatusOr<std::unique_ptr<TraceReader>> OpenTrace(const std::string& path,
                                                       const TraceReader::Options& options) {
  absl::StatusOr<std::unique_ptr<TraceReader>> reader = TraceReader::Open(path, options);
  if (!reader.ok()) return reader.status();
  const TraceDamage& damage = (*reader)->damage();
  for (const std::string& message : damage.messages) {
    Warn(fmt::format("{}: {}", path, message));
  }
  if (damage.any()) {
    Warn(fmt::format("{}: {} events salvaged, {} lost{}", path,
                     (*reader)->header().event_count -
                         (*reader)->header().events_by_kind[static_cast<size_t>(EventKind::kLost)],
                     damage.events_lost,
                     damage.tail_lost ? " and an unknown number at its end" : ""));
  }
  return reader;
}

absl::StatusOr<std::string> OnlyTrace(std::string_view command,
                                      const std::vector<std::string>& arguments) {
  if (arguments.size() == 1) return FindTrace(arguments[0]);
  return absl::InvalidArgumentError(fmt::format(
      "{} takes one trace: a file, or the name of a bundled one ('slablab list traces')", command));
}

}  // namespace slablab
