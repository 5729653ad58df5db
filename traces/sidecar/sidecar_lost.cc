// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// What recorders count as lost, beside a recording.

#include <algorithm>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <set>

#include "base/gz_input.h"
#include "fmt/format.h"
#include "traces/raw_event.h"
#include "traces/sidecar/sidecar.h"
#include "traces/sidecar/sidecar_text.h"

namespace slablab {

using internal::Expected;
using internal::ParseInt;
using internal::Words;

namespace {

constexpr char kAtMost[] = "at most 281474976710656 lost events of a CPU";
static_assert(kLostMax == 281474976710656);

// Takes "per_cpu/cpu12/stats:", as grep writes it before each line of several files, or all of
// "==> per_cpu/cpu12/stats <==", as head and tail do before each file, from the front of a line.
std::optional<int32_t> TakeCpu(std::string_view* line) {
  constexpr std::string_view kCpu = "cpu";
  constexpr std::string_view kStats = "/stats";
  const size_t stats = line->find(kStats);
  if (stats == std::string_view::npos) return std::nullopt;
  const size_t slash = line->rfind('/', stats == 0 ? 0 : stats - 1);
  const size_t begin = slash == std::string_view::npos ? line->find(kCpu) : slash + 1;
  if (begin >= stats || line->substr(begin, kCpu.size()) != kCpu) return std::nullopt;
  int64_t cpu = 0;
  const size_t number = begin + kCpu.size();
  if (!ParseInt(line->substr(number, stats - number), &cpu) || cpu < 0) return std::nullopt;
  const bool is_heading = line->starts_with("==>");
  line->remove_prefix(is_heading ? line->size() : stats + kStats.size());
  if (line->starts_with(":")) line->remove_prefix(1);
  return static_cast<int32_t>(std::min<int64_t>(cpu, kMaxCpus));
}

// False if a CPU had lost more than can be.
bool AddLost(int64_t count, uint64_t& sum) {
  sum += static_cast<uint64_t>(count);
  return sum <= kLostMax;
}

}  // namespace

absl::StatusOr<std::map<int32_t, uint64_t>> ParseRingStats(std::string_view text,
                                                           const std::string& path) {
  std::map<int32_t, uint64_t> lost;
  std::set<std::string, std::less<>> names;  // of the CPU's lines so far
  int32_t cpu = 0;
  bool has_counts = false;
  const std::unique_ptr<LineReader> lines = LineReader::Of(text, path);
  std::string_view line;
  while (lines->Next(&line)) {
    if (Words(line).empty()) continue;
    std::string_view rest = line;
    const std::optional<int32_t> named = TakeCpu(&rest);
    if (named.has_value()) {
      cpu = *named;
      names.clear();
    }
    if (named.has_value() && Words(rest).empty()) continue;
    const size_t colon = rest.find(':');
    const std::string_view name = rest.substr(0, colon);
    if (colon == std::string_view::npos) {
      return Expected(path, lines->line(), "'overrun: COUNT' and the like", line);
    }
    if (!named.has_value() && !names.emplace(name).second) {
      names = {std::string(name)};
      ++cpu;
    }
    if (cpu >= kMaxCpus) return Expected(path, lines->line(), "fewer CPUs", line);
    if (name != "overrun" && name != "commit overrun" && name != "dropped events") continue;
    has_counts = true;
    int64_t count = 0;
    const std::vector<std::string_view> words = Words(rest.substr(colon + 1));
    if (words.size() != 1 || !ParseInt(words[0], &count) || count < 0) {
      return Expected(path, lines->line(), "a count of events", line);
    }
    if (!AddLost(count, lost[cpu])) return Expected(path, lines->line(), kAtMost, line);
  }
  if (!lines->status().ok()) return lines->status();
  if (!has_counts) {
    return absl::InvalidArgumentError(
        fmt::format("{}: expected per_cpu/cpu*/stats of tracefs, with lines like 'overrun: 0', of "
                    "which it has none",
                    path));
  }
  return lost;
}

absl::StatusOr<std::string> RingStatsTextOfTree(const std::string& folder) {
  namespace fs = std::filesystem;
  std::string text;
  for (int32_t cpu = 0; cpu < kMaxCpus; ++cpu) {
    const std::string path = (fs::path(folder) / fmt::format("cpu{}", cpu) / "stats").string();
    absl::StatusOr<std::string> stats = ReadWholeFile(path, 1 << 16);
    if (absl::IsNotFound(stats.status())) continue;
    if (!stats.ok()) return stats.status();
    text += fmt::format("==> per_cpu/cpu{}/stats <==\n{}\n", cpu, *stats);
  }
  return text;
}

absl::StatusOr<std::map<int32_t, uint64_t>> ParseLostEvents(std::string_view text,
                                                            const std::string& path) {
  std::map<int32_t, uint64_t> lost;
  const std::unique_ptr<LineReader> lines = LineReader::Of(text, path);
  std::string_view line;
  while (lines->Next(&line)) {
    const std::vector<std::string_view> words = Words(line);
    if (words.empty()) continue;
    int64_t cpu = 0;
    int64_t count = 0;
    if (words.size() != 2 || words[0].substr(0, 3) != "cpu" ||
        !ParseInt(words[0].substr(3), &cpu) || cpu < 0 || cpu >= kMaxCpus ||
        !ParseInt(words[1], &count) || count < 0) {
      return Expected(path, lines->line(), "'cpuNUMBER COUNT'", line);
    }
    if (!AddLost(count, lost[static_cast<int32_t>(cpu)])) {
      return Expected(path, lines->line(), kAtMost, line);
    }
  }
  if (!lines->status().ok()) return lines->status();
  return lost;
}

}  // namespace slablab
