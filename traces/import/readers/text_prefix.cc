// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "traces/import/readers/text_prefix.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace slablab::internal {
namespace {

constexpr Nanos kNanosPerMicro = 1000;

// "[   12.345678] " or "<4>[   12.345678] ": a console's stamp, which is not the event's time.
std::string_view WithoutConsoleStamp(std::string_view line) {
  std::string_view rest = line;
  if (rest.size() > 3 && rest[0] == '<' && IsDigit(rest[1]) && rest[2] == '>') {
    rest.remove_prefix(3);
  }
  const size_t close = rest.find("] ");
  if (rest.empty() || rest[0] != '[' || close == std::string_view::npos) return line;
  TextTime stamp;
  const std::string_view number = TrimBlanks(rest.substr(1, close - 1));
  if (!ParseTime(number, &stamp) || stamp.is_count) return line;
  return rest.substr(close + 2);
}

PrefixKind ParseWithBrackets(std::string_view line, EntryPrefix* prefix) {
  std::string_view rest;
  if (!ParseTaskAndCpu(line, &prefix->task, &rest)) return PrefixKind::kNone;
  std::string_view word = TakeWord(&rest);
  prefix->flags = {};
  prefix->entry = word;
  if (!word.empty() && !IsDigit(word[0]) && word.back() != ':') {
    prefix->flags = word;
    word = TakeWord(&rest);
    prefix->entry = word;
  }
  if (word.empty() || word.back() != ':') return PrefixKind::kBadTime;
  if (!ParseTime(word.substr(0, word.size() - 1), &prefix->time)) return PrefixKind::kBadTime;
  prefix->entry = rest;
  return PrefixKind::kWhole;
}

// "668063789us+:", "668063789us" with a ':' to follow, "668.063789:" or a count.
bool ParseLatencyTime(std::string_view* rest, TextTime* time) {
  std::string_view word = TakeWord(rest);
  const bool has_colon = !word.empty() && word.back() == ':';
  if (has_colon) word.remove_suffix(1);
  constexpr std::string_view kMarks = "!+#*@$";  // of a delay, kernel/trace/trace_output.c
  if (!word.empty() && kMarks.find(word.back()) != std::string_view::npos) word.remove_suffix(1);
  if (!has_colon && TakeWord(rest) != ":") return false;
  if (word.size() < 3 || word.substr(word.size() - 2) != "us") return ParseTime(word, time);
  uint64_t micros = 0;
  if (!ParseDecimal(word.substr(0, word.size() - 2), &micros)) return false;
  if (micros > ~uint64_t{0} / kNanosPerMicro) return false;
  *time = {.time = micros * kNanosPerMicro};
  return true;
}

// "1d..1.": a CPU and, glued to it, the flags.
bool ParseCpuAndFlags(std::string_view word, EntryPrefix* prefix) {
  const size_t digits = std::min(word.find_first_not_of("0123456789"), word.size());
  uint64_t cpu = 0;
  if (!ParseDecimal(word.substr(0, digits), &cpu) || cpu >= kMaxCpus) return false;
  prefix->task.cpu = static_cast<int32_t>(cpu);
  prefix->flags = word.substr(digits);
  return prefix->flags.size() >= 4 && prefix->flags.size() <= 8;
}

PrefixKind ParseLatency(std::string_view line, EntryPrefix* prefix) {
  for (std::string_view rest = line; !rest.empty();) {
    const std::string_view word = TakeWord(&rest);
    if (word.empty()) break;
    if (!IsDigit(word.back()) || word.find('-') == std::string_view::npos) continue;
    const size_t end = static_cast<size_t>(word.data() + word.size() - line.data());
    std::string_view after = rest;
    if (!ParseTask(line.substr(0, end), &prefix->task)) continue;
    if (!ParseCpuAndFlags(TakeWord(&after), prefix)) continue;
    if (!ParseLatencyTime(&after, &prefix->time)) continue;
    prefix->entry = after;
    return PrefixKind::kWhole;
  }
  return PrefixKind::kNone;
}

// Takes the word at the back.
std::string_view TakeLastWord(std::string_view* text) {
  *text = TrimBlanks(*text);
  const size_t blank = text->rfind(' ');
  const size_t begin = blank == std::string_view::npos ? 0 : blank + 1;
  const std::string_view word = text->substr(begin);
  *text = text->substr(0, begin);
  return word;
}

// enum trace_flag_type, include/linux/trace_events.h, as the letters that stand for it.
std::string_view FlagsOfBits(uint64_t bits) {
  static constexpr std::array<std::string_view, 4> kIrqsOn = {".....", "..s..", "..h..", "..Z.."};
  static constexpr std::array<std::string_view, 4> kIrqsOff = {"d....", "d.s..", "d.h..", "d.Z.."};
  const size_t context = (bits & 0x40) != 0   ? 3
                         : (bits & 0x08) != 0 ? 2
                         : (bits & 0x10) != 0 ? 1
                                              : 0;
  return ((bits & 0x01) != 0 ? kIrqsOff : kIrqsOn)[context];
}

// latency-format with verbose: command, pid, CPU, flags, preempt count, number of the entry, time.
PrefixKind ParseVerboseAt(std::string_view line, size_t open, EntryPrefix* prefix) {
  const size_t close = line.find("] ", open);
  if (close == std::string_view::npos) return PrefixKind::kNone;
  uint64_t stamp = 0;
  if (!ParseHex(line.substr(open + 2, close - open - 2), &stamp)) return PrefixKind::kNone;
  std::string_view head = line.substr(0, open);
  const std::string_view number = TakeLastWord(&head);
  const std::string_view preempt_count = TakeLastWord(&head);
  uint64_t flags = 0;
  uint64_t cpu = 0;
  uint64_t pid = 0;
  if (number.size() < 8 || !IsHex(number) || preempt_count.size() != 8 || !IsHex(preempt_count) ||
      !ParseDecimal(TakeLastWord(&head), &flags) || !ParseDecimal(TakeLastWord(&head), &cpu) ||
      !ParseDecimal(TakeLastWord(&head), &pid) || cpu >= kMaxCpus || pid > 0x7fffffff) {
    return PrefixKind::kNone;
  }
  prefix->task = {TrimBlanks(head), static_cast<int32_t>(pid), static_cast<int32_t>(cpu)};
  if (prefix->task.comm == "<...>") prefix->task.comm = {};
  prefix->flags = FlagsOfBits(flags);
  const std::string_view rest = line.substr(close + 2);
  const size_t end = rest.find("): ");
  if (end == std::string_view::npos) return PrefixKind::kNone;
  // Of a clock of nanoseconds the stamp is in microseconds; of another it is its count.
  const bool is_micros = rest.substr(0, end).find("ms (") != std::string_view::npos;
  if (is_micros && stamp > ~uint64_t{0} / kNanosPerMicro) return PrefixKind::kNone;
  prefix->time = {.time = is_micros ? stamp * kNanosPerMicro : stamp, .is_count = !is_micros};
  prefix->entry = rest.substr(end + 3);
  return PrefixKind::kWhole;
}

PrefixKind ParseVerbose(std::string_view line, EntryPrefix* prefix) {
  // A command's name may have brackets, too.
  for (size_t at = line.find(" ["); at != std::string_view::npos; at = line.find(" [", at + 1)) {
    if (ParseVerboseAt(line, at, prefix) == PrefixKind::kWhole) return PrefixKind::kWhole;
  }
  return PrefixKind::kNone;
}

}  // namespace

PrefixKind ParsePrefix(std::string_view line, EntryPrefix* prefix) {
  if (!line.empty() && (line[0] == '[' || line[0] == '<')) line = WithoutConsoleStamp(line);
  const PrefixKind kind = ParseWithBrackets(line, prefix);
  if (kind == PrefixKind::kWhole) return kind;
  EntryPrefix other;
  if (ParseLatency(line, &other) == PrefixKind::kWhole ||
      ParseVerbose(line, &other) == PrefixKind::kWhole) {
    *prefix = other;
    return PrefixKind::kWhole;
  }
  return kind;
}

}  // namespace slablab::internal
