// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "traces/import/readers/text_other.h"

#include <algorithm>

#include "base/types.h"
#include "fmt/format.h"
#include "traces/import/readers/read_recording.h"
#include "traces/import/readers/text_line.h"

namespace slablab::internal {
namespace {

bool Has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// "853 2 4582696626123 type: 478", "... # type: 478", or "... Unknown type 478".
bool IsOfOptionRaw(std::string_view text) {
  for (int i = 0; i < 3; ++i) {
    uint64_t number = 0;
    if (!ParseDecimal(TakeWord(&text), &number)) return false;
  }
  std::string_view word = TakeWord(&text);
  if (word == "#") word = TakeWord(&text);
  return word == "type:" || word == "Unknown";
}

// "00000355 00000002 0000042b12a1b2c3 type: 478": long words of hexadecimal digits.
bool IsOfOptionHex(std::string_view text) {
  size_t digits = 0;
  for (;;) {
    const std::string_view word = TakeWord(&text);
    if (word.empty() || word == "type:" || word == "Unknown") return digits >= 24;
    if (word.size() < 8 || !IsHex(word)) return false;
    digits += word.size();
  }
}

// " 2)   0.105 us    |  kfree();"
bool IsOfFunctionGraph(std::string_view text) {
  const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  return digits > 0 && digits < text.size() && text[digits] == ')' && Has(text, "|");
}

// Bytes, and behind them "type: 658".
bool IsOfOptionBin(std::string_view text) {
  const bool has_controls = std::any_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) < ' ' && c != '\t';
  });
  return has_controls && Has(text, "type: ");
}

// "bash-853 [4096] ...": a CPU that cannot be.
std::string AdviceOnCpu(std::string_view text) {
  for (size_t at = text.find(" ["); at != std::string_view::npos; at = text.find(" [", at + 1)) {
    const size_t close = text.find(']', at);
    if (close == std::string_view::npos) break;
    const std::string_view number = text.substr(at + 2, close - at - 2);
    uint64_t cpu = 0;
    if (number.size() < 3 || !ParseDecimal(number, &cpu) || cpu < kMaxCpus) continue;
    return fmt::format("CPU {} is too large a number: CPUs are below {}", cpu, kMaxCpus);
  }
  return "";
}

bool NamesTracepoint(std::string_view word) {
  if (word.empty() || word.back() != ':') return false;
  word.remove_suffix(1);
  const size_t colon = word.rfind(':');
  if (colon != std::string_view::npos) word.remove_prefix(colon + 1);
  return KindOfTracepoint(word).has_value();
}

bool HasTracepointWord(std::string_view text) {
  while (!text.empty()) {
    const std::string_view word = TakeWord(&text);
    if (word.empty()) break;
    if (NamesTracepoint(word)) return true;
  }
  return false;
}

std::string_view WithoutSpace(std::string_view text) {
  while (!text.empty() && (text[0] == ' ' || text[0] == '\t' || text[0] == '\n' || text[0] == '\r'))
    text.remove_prefix(1);
  return text;
}

bool IsHtml(std::string_view head) {
  head = WithoutSpace(head);
  for (const std::string_view start : {"<!DOCTYPE", "<!doctype", "<html", "<HTML", "<?xml"}) {
    if (head.starts_with(start)) return true;
  }
  return false;
}

// "<div class=...>", "</pre></div>": a page's own text around a recording.
bool IsTag(std::string_view text) {
  if (text.size() < 3 || text[0] != '<' || !Has(text, ">")) return false;
  const char first = text[1] == '/' ? text[2] : text[1];
  return (first >= 'a' && first <= 'z') || (first >= 'A' && first <= 'Z');
}

}  // namespace

std::string AdviceOn(std::string_view text) {
  std::string_view rest = text;
  if (NamesTracepoint(TakeWord(&rest))) {
    return "the line has no task, CPU and time: it was recorded with the tracefs option "
           "context-info off (echo 1 > options/context-info)";
  }
  if (IsOfOptionHex(text)) {
    return "this is what the tracefs option hex makes of events (echo 0 > options/hex)";
  }
  if (IsOfOptionBin(text)) {
    return "this is what the tracefs option bin makes of events (echo 0 > options/bin)";
  }
  if (IsOfOptionRaw(text)) {
    return "this is what the tracefs option raw makes of events, without their fields (echo 0 > "
           "options/raw)";
  }
  if (IsOfFunctionGraph(text)) {
    return "this is of the function_graph tracer, which gives no event its time (echo nop > "
           "current_tracer)";
  }
  if (const std::string advice = AdviceOnCpu(text); !advice.empty()) return advice;
  if (HasTracepointWord(text) && HasEventFields(text)) {
    return "the line lacks its task, its CPU or its time (perf script prints them with "
           "-F comm,tid,cpu,time,event,trace)";
  }
  if (text.starts_with("Kernel buffer statistics")) {
    return "this is of trace-cmd report --stat: leave the option out (trace.dat has these counts)";
  }
  if (IsHtml(text) || IsTag(text)) return "this is HTML: save the recording's own text";
  return "";
}

std::string WrongFile(std::string_view head) {
  if (IsHtml(head)) return "this is HTML or XML, not a recording: save the recording's own text";
  if (head.starts_with("\xff\xfe") || head.starts_with("\xfe\xff")) {
    return "this is text of 16-bit characters, as some shells' > writes it: iconv -f UTF-16 -t "
           "UTF-8 "
           "makes it readable";
  }
  const std::string_view text = WithoutSpace(head);
  if (text.starts_with("{") && Has(text.substr(0, 4096), "\"")) {
    return "this is JSON, not a recording: import the perf.data or the text of perf script that it "
           "was made of";
  }
  if (head.starts_with("\x7f"
                       "ELF"))
    return "this is a program, not a recording";
  if (head.starts_with("PK\x03\x04")) return "this is a zip archive: unpack it first";
  if (Has(head.substr(0, 512), std::string_view("ustar\0", 6)) ||
      Has(head.substr(0, 512), "ustar  ")) {
    return "this is a tar archive: unpack it first";
  }
  if (head.starts_with("\x89SLT")) {
    return "this is a trace already, which needs no import (slablab trace info shows it)";
  }
  return "";
}

bool IsCallChain(std::string_view line) {
  if ((line[0] != '\t' && line[0] != ' ') || HasEventFields(line)) return false;
  std::string_view rest = TrimBlanks(line);
  const bool is_inlined = Has(rest, "(inlined)");
  const std::string_view word = TakeWord(&rest);
  const bool is_source = rest.empty() && Has(word, ":") && word.back() >= '0' && word.back() <= '9';
  return IsHex(word) || is_inlined || is_source;
}

bool IsPerfWarning(std::string_view text) {
  return text == "Warning:" || text == "Check IO/CPU overload!" ||
         (text.starts_with("Processed ") && Has(text, " lost "));
}

bool IsEmptyCpu(std::string_view text) {
  uint64_t cpu = 0;
  return TakeWord(&text) == "CPU" && ParseDecimal(TakeWord(&text), &cpu) &&
         TrimBlanks(text) == "is empty";
}

bool IsShellPrompt(std::string_view text) {
  if (IsTag(text)) return false;
  const size_t sign = text.find_first_of("#$%>");
  if (sign == std::string_view::npos || sign > 100) return false;
  if (sign + 1 < text.size() && text[sign + 1] != ' ') return false;
  const std::string_view before = TrimBlanks(text.substr(0, sign));
  const bool names_place = before.empty() || Has(before, "@") || before[0] == '/' ||
                           before[0] == '~' || before[0] == '[' || Has(before, "sh-") ||
                           Has(before, ":/") || Has(before, ":~");
  return names_place && !HasEventFields(text);
}

bool HasEventFields(std::string_view text) {
  return Has(text, "call_site=") || Has(text, "ptr=") || Has(text, "base_addr=") ||
         Has(text, "pfn=");
}

}  // namespace slablab::internal
