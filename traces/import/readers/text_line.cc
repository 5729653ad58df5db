// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "traces/import/readers/text_line.h"

#include <array>
#include <initializer_list>

namespace slablab::internal {
namespace {

constexpr int HexDigit(char c) {
  if (IsDigit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

bool IsHex(std::string_view text) {
  if (text.empty()) return false;
  for (const char c : text) {
    if (HexDigit(c) < 0) return false;
  }
  return true;
}

bool ParseDecimal(std::string_view text, uint64_t* value) {
  if (text.empty() || text.size() > 19) return false;
  *value = 0;
  for (const char c : text) {
    if (!IsDigit(c)) return false;
    *value = *value * 10 + static_cast<uint64_t>(c - '0');
  }
  return true;
}

bool ParseHex(std::string_view text, uint64_t* value) {
  if (text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
    text.remove_prefix(2);
  }
  if (text.empty() || text.size() > 16) return false;
  *value = 0;
  for (const char c : text) {
    const int digit = HexDigit(c);
    if (digit < 0) return false;
    *value = *value << 4 | static_cast<uint64_t>(digit);
  }
  return true;
}

namespace {

bool ParsePointer(std::string_view text, uint64_t* value) {
  if (text == "(nil)" || text == "(null)") {
    *value = 0;
    return true;
  }
  return ParseHex(text, value);
}

bool ParseNumber(std::string_view text, uint64_t* value) {
  return text.substr(0, 2) == "0x" ? ParseHex(text, value) : ParseDecimal(text, value);
}

bool ParseSigned(std::string_view text, int32_t* value) {
  const bool is_negative = !text.empty() && text[0] == '-';
  uint64_t magnitude = 0;
  // The tracefs option "fields" prints 32 bits of either sign: 0xffffffff is -1.
  if (text.substr(0, 2) == "0x") {
    if (!ParseHex(text, &magnitude) || magnitude > 0xffffffff) return false;
    *value = static_cast<int32_t>(static_cast<uint32_t>(magnitude));
    return true;
  }
  if (!ParseDecimal(text.substr(is_negative ? 1 : 0), &magnitude)) return false;
  if (magnitude > 0x7fffffff) return false;
  *value = is_negative ? -static_cast<int32_t>(magnitude) : static_cast<int32_t>(magnitude);
  return true;
}

void SkipBlanks(std::string_view* text) {
  size_t i = 0;
  while (i < text->size() && ((*text)[i] == ' ' || (*text)[i] == '\t')) ++i;
  text->remove_prefix(i);
}

}  // namespace

std::string_view TakeWord(std::string_view* text) {
  SkipBlanks(text);
  const size_t end = text->find(' ');
  const std::string_view word = text->substr(0, end);
  text->remove_prefix(word.size());
  return word;
}

std::string_view TrimBlanks(std::string_view text) {
  SkipBlanks(&text);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool ParseTime(std::string_view text, TextTime* time) {
  const size_t dot = text.find('.');
  uint64_t seconds = 0;
  if (!ParseDecimal(text.substr(0, dot), &seconds)) return false;
  time->is_count = dot == std::string_view::npos;
  time->has_nanoseconds = false;
  if (time->is_count) {
    time->time = seconds;
    return true;
  }
  const std::string_view fraction = text.substr(dot + 1);
  uint64_t nanos = 0;
  if (fraction.size() > 9 || !ParseDecimal(fraction, &nanos)) return false;
  for (size_t digits = fraction.size(); digits < 9; ++digits) nanos *= 10;
  time->has_nanoseconds = fraction.size() > 6;
  constexpr uint64_t kSecondsMax = ~uint64_t{0} / 1'000'000'000 - 1;
  if (seconds > kSecondsMax) return false;
  time->time = seconds * 1'000'000'000 + nanos;
  return true;
}

bool ParseTask(std::string_view text, TextTask* task) {
  text = TrimBlanks(text);
  if (text == "-1" || (text.size() > 3 && text.substr(text.size() - 3) == " -1")) {
    *task = {.comm = {}, .pid = -1, .cpu = task->cpu};
    return true;
  }
  if (!text.empty() && text.back() == ')') {  // tracefs' record-tgid option
    const size_t open = text.rfind('(');
    if (open == std::string_view::npos) return false;
    text = TrimBlanks(text.substr(0, open));
  }
  size_t digits = text.size();
  while (digits > 0 && IsDigit(text[digits - 1])) --digits;
  if (digits == text.size()) return false;
  uint64_t pid = 0;
  if (!ParseDecimal(text.substr(digits), &pid) || pid > 0x7fffffff) return false;
  task->pid = static_cast<int32_t>(pid);
  task->comm = {};
  if (digits > 0 && text[digits - 1] == '/') {  // perf's pid/tid
    --digits;
    while (digits > 0 && IsDigit(text[digits - 1])) --digits;
  }
  if (digits == 0) return true;  // perf script -F without comm
  const char before = text[digits - 1];
  if (before != '-' && before != ' ') return false;
  task->comm = TrimBlanks(text.substr(0, digits - 1));
  // trace-cmd puts the buffer instance's name in front: "slablab:     bash".
  const size_t instance = task->comm.find(":  ");
  if (instance != std::string_view::npos) task->comm = TrimBlanks(task->comm.substr(instance + 1));
  if (task->comm == "<...>") task->comm = {};
  return true;
}

bool ParseTaskAndCpu(std::string_view line, TextTask* task, std::string_view* rest) {
  for (size_t at = line.find(" ["); at != std::string_view::npos; at = line.find(" [", at + 1)) {
    const size_t close = line.find(']', at);
    if (close == std::string_view::npos) return false;
    uint64_t cpu = 0;
    if (!ParseDecimal(line.substr(at + 2, close - at - 2), &cpu) || cpu >= kMaxCpus) continue;
    if (!ParseTask(line.substr(0, at), task)) continue;
    task->cpu = static_cast<int32_t>(cpu);
    *rest = line.substr(close + 1);
    return true;
  }
  return false;
}

bool ParseEventName(std::string_view word, TextEntry* entry) {
  if (word.size() < 2 || word.back() != ':') return false;
  word.remove_suffix(1);
  const size_t colon = word.find(':');
  if (colon == std::string_view::npos) {
    entry->event = word;
    return true;
  }
  entry->system = word.substr(0, colon);
  word.remove_prefix(colon + 1);
  entry->event = word.substr(0, word.find(':'));
  return !entry->event.empty();
}

void SetContext(std::string_view flags, RawEvent* event) {
  // Documentation/trace/ftrace.rst, "irqs-off" and "hardirq/softirq".
  if (flags.size() < 3) return;
  event->irqs_off = flags[0] == 'd' || flags[0] == 'D';
  switch (flags[2]) {
    case 'z':
    case 'Z':
      event->context = Context::kNmi;
      break;
    case 'h':
    case 'H':
      event->context = Context::kHardirq;
      break;
    case 's':
      event->context = Context::kSoftirq;
      break;
    default:
      break;
  }
}

namespace {

struct KeyName {
  std::string_view name;
  TextKey key;
};
constexpr std::array<KeyName, 16> kKeys = {{
    {"call_site", TextKey::kCallSite},
    {"ptr", TextKey::kPointer},
    {"name", TextKey::kName},
    {"bytes_req", TextKey::kBytesReq},
    {"bytes_alloc", TextKey::kBytesAlloc},
    {"gfp_flags", TextKey::kGfp},
    {"node", TextKey::kNode},
    {"pfn", TextKey::kFrame},
    {"order", TextKey::kOrder},
    {"migratetype", TextKey::kMigratetype},
    {"reserved", TextKey::kReserved},
    {"is_atomic", TextKey::kAtomic},
    {"size", TextKey::kSize},
    {"align", TextKey::kAlign},
    {"base_addr", TextKey::kBase},
    {"off", TextKey::kOffset},
}};

}  // namespace

TextKey FindKey(std::string_view name) {
  for (const KeyName& key : kKeys) {
    if (key.name == name) return key.key;
  }
  return TextKey::kOther;
}

std::string_view MissingField(EventKind kind, const TextKeySet& seen) {
  const auto lacks = [&seen](std::initializer_list<TextKey> needed) -> std::string_view {
    for (const TextKey key : needed) {
      if (seen.Has(key)) continue;
      for (const KeyName& name : kKeys) {
        if (name.key == key) return name.name;
      }
    }
    return {};
  };
  switch (kind) {
    case EventKind::kKmalloc:
    case EventKind::kCacheAlloc:
      return lacks({TextKey::kPointer, TextKey::kBytesReq, TextKey::kBytesAlloc});
    case EventKind::kKfree:
    case EventKind::kCacheFree:
      return lacks({TextKey::kPointer});
    case EventKind::kPageAlloc:
    case EventKind::kPageFree:
      return lacks({TextKey::kFrame, TextKey::kOrder});
    case EventKind::kPercpuAlloc:
      return lacks({TextKey::kSize, TextKey::kAlign, TextKey::kBase, TextKey::kOffset});
    case EventKind::kPercpuFree:
      return lacks({TextKey::kBase, TextKey::kOffset});
    case EventKind::kPercpuAllocFailed:
      return lacks({TextKey::kSize, TextKey::kAlign});
    case EventKind::kPercpuChunkCreated:
    case EventKind::kPercpuChunkDestroyed:
      return lacks({TextKey::kBase});
    case EventKind::kLost:
      break;
  }
  return {};
}

bool IsUnknownPointer(std::string_view value) {
  return value == "(ptrval)" || value == "(____ptrval____)";
}

bool SetField(TextKey key, std::string_view value, RawEvent* event) {
  uint64_t number = 0;
  switch (key) {
    case TextKey::kOther:
      return true;
    case TextKey::kCallSite:
      // %pS adds the function's size, which trace-cmd and perf leave out.
      event->call_site = value.substr(0, value.find('/'));
      return true;
    case TextKey::kPointer:
      // Of a percpu area the offset identifies it; the pointer is per-CPU arithmetic.
      if (event->kind == EventKind::kPercpuAlloc || event->kind == EventKind::kPercpuFree) {
        return true;
      }
      if (!ParsePointer(value, &event->address)) return false;
      // Sixteen digits of which the first eight are 0 are a hash: a kernel of 64 bits has its own
      // addresses at the upper end.
      event->is_hashed =
          value.size() == 16 && value[0] == '0' && event->address != 0 && event->address >> 32 == 0;
      return true;
    case TextKey::kName:
      event->cache = value;
      return true;
    case TextKey::kGfp:
      event->gfp = value;
      return true;
    case TextKey::kNode:
      return ParseSigned(value, &event->node) && event->node >= -1 && event->node < 0x7fff;
    case TextKey::kBytesAlloc:
      // A percpu area's is over all CPUs, and follows from its size.
      if (event->kind == EventKind::kPercpuAlloc) return true;
      return ParseNumber(value, &event->bytes_alloc);
    case TextKey::kBytesReq:
      return ParseNumber(value, &event->bytes_req);
    case TextKey::kFrame:
      return ParseNumber(value, &event->address);
    case TextKey::kOrder:
      return ParseNumber(value, &event->bytes_alloc) && event->bytes_alloc < 64;
    case TextKey::kSize:
      return ParseNumber(value, &event->bytes_req);
    case TextKey::kAlign:
      return ParseNumber(value, &event->bytes_alloc);
    case TextKey::kBase:
      return ParsePointer(value, &event->chunk_base);
    case TextKey::kOffset:
      return ParseNumber(value, &event->address);
    case TextKey::kMigratetype:
      if (!ParseNumber(value, &number) || number > 0xff) return false;
      event->migratetype = static_cast<uint8_t>(number);
      return true;
    case TextKey::kReserved:
      event->reserved = value == "1" || value == "true";
      return true;
    case TextKey::kAtomic:
      event->atomic = value == "1" || value == "true";
      return true;
  }
  return true;
}

}  // namespace slablab::internal
