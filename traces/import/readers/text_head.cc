// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "traces/import/readers/text_head.h"

#include <algorithm>
#include <string>

#include "base/types.h"
#include "traces/import/readers/text_line.h"

namespace slablab::internal {
namespace {

// What stands behind `label`, without blanks at its ends; nothing if the label does not occur.
std::string_view Behind(std::string_view label, std::string_view line) {
  const size_t at = line.find(label);
  if (at == std::string_view::npos) return std::string_view();
  return TrimBlanks(line.substr(at + label.size()));
}

void SetCpuCount(std::string_view digits, RecordingInfo* info) {
  uint64_t count = 0;
  if (ParseDecimal(digits, &count) && count <= kMaxCpus) {
    info->cpu_count = static_cast<int32_t>(count);
  }
}

}  // namespace

uint64_t TextHead::Take(std::string_view line, RecordingInfo* info) {
  if (line.starts_with("# os release :")) {
    info->kernel_release = std::string(Behind(" :", line));
  } else if (line.starts_with("# nrcpus online :")) {
    SetCpuCount(Behind(" :", line), info);
  } else if (line.find(" latency trace v") != std::string_view::npos) {
    info->kernel_release = std::string(Behind(" on ", line));
  } else if (line.starts_with(kLostCoveredComment)) {
    uint64_t count = 0;
    if (ParseDecimal(Behind(":", line), &count)) info->lost_covered += std::min(count, kLostMax);
  }
  return TakeEntries(line, info);
}

uint64_t TextHead::TakeEntries(std::string_view line, RecordingInfo* info) {
  constexpr std::string_view kEntries = "# entries-in-buffer/entries-written:";
  std::string_view rest;
  if (line.starts_with(kEntries)) {
    rest = line.substr(kEntries.size());
  } else if (line.starts_with("# latency:")) {
    const size_t number = line.find(", #");
    if (number == std::string_view::npos) return 0;
    rest = line.substr(number + 3);
  } else {
    return 0;
  }
  std::string_view word = TakeWord(&rest);
  if (!word.empty() && word.back() == ',') word.remove_suffix(1);
  const size_t slash = word.find('/');
  uint64_t kept = 0;
  uint64_t written = 0;
  if (slash == std::string_view::npos || !ParseDecimal(word.substr(0, slash), &kept) ||
      !ParseDecimal(word.substr(slash + 1), &written)) {
    return 0;
  }
  const std::string_view cpus = Behind("#P:", rest);
  SetCpuCount(cpus.substr(0, cpus.find_first_not_of("0123456789")), info);
  const std::pair<uint64_t, uint64_t> head(kept, written);
  if (written <= kept || std::find(heads_.begin(), heads_.end(), head) != heads_.end()) return 0;
  heads_.push_back(head);
  return written - kept;
}

}  // namespace slablab::internal
