// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// What recorders count as lost, beside a recording.

#include <functional>
#include <memory>
#include <set>

#include "base/gz_input.h"
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
  const std::unique_ptr<LineReader> lines = LineReader::Of(text, path);
  std::string_view line;
  while (lines->Next(&line)) {
    if (Words(line).empty()) continue;
    const size_t colon = line.find(':');
    const std::string_view name = line.substr(0, colon);
    if (colon == std::string_view::npos) {
      return Expected(path, lines->line(), "'overrun: COUNT' and the like", line);
    }
    if (!names.emplace(name).second) {
      names = {std::string(name)};
      if (++cpu >= kMaxCpus) return Expected(path, lines->line(), "fewer CPUs", line);
    }
    if (name != "overrun" && name != "commit overrun" && name != "dropped events") continue;
    int64_t count = 0;
    const std::vector<std::string_view> words = Words(line.substr(colon + 1));
    if (words.size() != 1 || !ParseInt(words[0], &count) || count < 0) {
      return Expected(path, lines->line(), "a count of events", line);
    }
    if (!AddLost(count, lost[cpu])) return Expected(path, lines->line(), kAtMost, line);
  }
  if (!lines->status().ok()) return lines->status();
  return lost;
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
