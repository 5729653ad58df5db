// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "traces/sidecar/kernel_names.h"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "absl/strings/ascii.h"
#include "base/names.h"
#include "traces/sidecar/sidecar_text.h"

namespace slablab {
namespace {

// Source: Linux 7.3, kernel/trace/trace.c: trace_clocks, with those of architectures.
constexpr std::string_view kTraceClocks[] = {
    "local", "global", "counter", "uptime",  "perf",   "mono",    "mono_raw",
    "boot",  "tai",    "x86-tsc", "ppc-tb", "s390-tod"};

// Takes a number of at most three digits from the front.
bool TakeNumber(std::string_view* text) {
  constexpr size_t kDigitsMax = 3;
  const size_t digits = std::min(text->find_first_not_of("0123456789"), text->size());
  if (digits == 0 || digits > kDigitsMax) return false;
  text->remove_prefix(digits);
  return true;
}

}  // namespace

bool IsKernelRelease(std::string_view text) {
  if (!std::all_of(text.begin(), text.end(), absl::ascii_isgraph)) return false;
  if (!TakeNumber(&text) || text.empty() || text[0] != '.') return false;
  text.remove_prefix(1);
  return TakeNumber(&text) &&
         (text.empty() || !absl::ascii_isalnum(static_cast<unsigned char>(text[0])));
}

absl::StatusOr<std::string> ParseUname(std::string_view text, const std::string& path) {
  const std::string_view line = text.substr(0, text.find_first_of("\r\n"));
  const std::vector<std::string_view> words = internal::Words(line);
  if (words.size() == 1 && IsKernelRelease(words[0])) return std::string(words[0]);
  // "Linux HOST RELEASE ...", "Linux version RELEASE ...", "Linux RELEASE".
  if (words.size() > 1 && words[0] == "Linux") {
    const std::string_view release = words[words.size() == 2 ? 1 : 2];
    if (IsKernelRelease(release)) return std::string(release);
  }
  return internal::Expected(path, 1, "a kernel's release, as uname -r prints it", line);
}

absl::Status CheckTraceClock(std::string_view text) {
  const std::vector<std::string> names(std::begin(kTraceClocks), std::end(kTraceClocks));
  if (std::find(names.begin(), names.end(), text) != names.end()) return absl::OkStatus();
  return UnknownName("trace clock", text, names);
}

}  // namespace slablab
