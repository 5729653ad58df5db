// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TRACES_IMPORT_READERS_TEXT_LINE_H_
#define SLABLAB_TRACES_IMPORT_READERS_TEXT_LINE_H_

#include <cstdint>
#include <string_view>

#include "base/types.h"
#include "traces/raw_event.h"

// The words of a line of recorded text, scanned by hand over string views: a line is some 180 bytes
// and a recording has millions. Every parser answers false for what is not of its form and then
// leaves its result unspecified.

namespace slablab::internal {

constexpr bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsHex(std::string_view text);                          // digits only, at least one
bool ParseDecimal(std::string_view text, uint64_t* value);  // up to 19 digits
bool ParseHex(std::string_view text, uint64_t* value);      // up to 16 digits, "0x" or not

// Takes the word at the front, and the blanks before it, off `text`; empty at its end.
std::string_view TakeWord(std::string_view* text);
std::string_view TrimBlanks(std::string_view text);

struct TextTime {
  Nanos time = 0;
  bool is_count = false;         // without a decimal point: a count of the clock, taken as it is
  bool has_nanoseconds = false;  // more than six decimals
};
// "668.063789" or "668.063789123", seconds.
bool ParseTime(std::string_view text, TextTime* time);

// Who ran and where.
struct TextTask {
  std::string_view comm;  // empty if unknown
  int32_t pid = 0;
  int32_t cpu = 0;
};
// Reads "bash-7340", "bash 7340/7341", "bash-7340 ( 7340)" or "7340" alone. perf prints -1 of a
// task that it does not know.
bool ParseTask(std::string_view text, TextTask* task);
// Splits a line at its " [cpu] ": "bash-7340  [001] …", "bash 7340/7341 [001] …". A command's name
// may itself hold blanks, brackets and dashes, so the first " [digits] " that a process number
// precedes is the one.
bool ParseTaskAndCpu(std::string_view line, TextTask* task, std::string_view* rest);

// An event's name and fields.
struct TextEntry {
  std::string_view system;  // "kmem" of perf's "kmem:kmalloc:", else empty
  std::string_view event;
  std::string_view fields;
};
// Reads the name: "kmalloc:", "kmem:kmalloc:" or, with a modifier of perf's, "kmem:kmalloc:k:".
bool ParseEventName(std::string_view word, TextEntry* entry);

// Sets irqs_off and context from flags like "d.h1." (Documentation/trace/ftrace.rst).
void SetContext(std::string_view flags, RawEvent* event);

// The fields of our tracepoints.
enum class TextKey : uint8_t {
  kOther,
  kCallSite,
  kPointer,
  kName,
  kBytesReq,
  kBytesAlloc,
  kGfp,
  kNode,
  kFrame,
  kOrder,
  kMigratetype,
  kReserved,
  kAtomic,
  kSize,
  kAlign,
  kBase,
  kOffset,
};
TextKey FindKey(std::string_view name);

// The keys that a line had.
class TextKeySet {
 public:
  void Add(TextKey key) { bits_ |= Bit(key); }
  friend bool operator==(const TextKeySet&, const TextKeySet&) = default;
  bool Has(TextKey key) const { return (bits_ & Bit(key)) != 0; }

 private:
  static uint32_t Bit(TextKey key) { return uint32_t{1} << static_cast<int>(key); }
  uint32_t bits_ = 0;
};

// The first of the fields that `kind` needs and `seen` lacks; empty if none.
std::string_view MissingField(EventKind kind, const TextKeySet& seen);

// Stores one field of event->kind. False if its value is not what the key takes.
bool SetField(TextKey key, std::string_view value, RawEvent* event);

// "(ptrval)", "(____ptrval____)": what kernels 4.15 to 5.x print for an address before they can
// hash it. Of an event that has one, no one can tell the object.
bool IsUnknownPointer(std::string_view value);

}  // namespace slablab::internal

#endif  // SLABLAB_TRACES_IMPORT_READERS_TEXT_LINE_H_
