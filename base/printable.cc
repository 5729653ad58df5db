// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "base/printable.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace slablab {
namespace {

uint8_t Byte(std::string_view text, size_t at) { return static_cast<uint8_t>(text[at]); }

struct Character {
  uint32_t code = 0;
  size_t bytes = 0;  // 0: what stands there is not UTF-8
};

// The Unicode Standard, table 3-7: no overlong forms, no surrogates, nothing above U+10FFFF.
Character DecodeAt(std::string_view text, size_t at) {
  const uint8_t first = Byte(text, at);
  if (first < 0x80) return {first, 1};
  const size_t bytes = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() - at < bytes) return {};
  uint32_t code = first & (0x7fu >> bytes);
  for (size_t i = 1; i < bytes; ++i) {
    const uint8_t next = Byte(text, at + i);
    if ((next & 0xc0) != 0x80) return {};
    code = code << 6 | (next & 0x3fu);
  }
  const bool is_overlong = (bytes == 3 && code < 0x800) || (bytes == 4 && code < 0x10000);
  if (is_overlong || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return {};
  return {code, bytes};
}

bool IsObeyed(uint32_t code) {
  const bool is_control = code < 0x20 || (code >= 0x7f && code < 0xa0);
  // Bidirectional marks, embeddings, overrides and isolates; separators of lines; the byte order
  // mark, which is invisible.
  const bool is_format = code == 0x061c || (code >= 0x200b && code <= 0x200f) ||
                         (code >= 0x2028 && code <= 0x202e) || (code >= 0x2060 && code <= 0x206f) ||
                         code == 0xfeff || (code >= 0xfff9 && code <= 0xfffb) ||
                         (code >= 0xe0000 && code <= 0xe007f);
  return is_control || is_format;
}

std::string Escape(std::string_view text, std::string_view kept) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string printable;
  printable.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const Character character = DecodeAt(text, at);
    const size_t bytes = std::max<size_t>(character.bytes, 1);
    const bool is_kept = kept.find(text[at]) != std::string_view::npos;
    if (is_kept || (character.bytes > 0 && !IsObeyed(character.code))) {
      printable.append(text, at, bytes);
    } else {
      for (size_t i = at; i < at + bytes; ++i) {
        printable += {'\\', 'x', kDigits[Byte(text, i) >> 4], kDigits[Byte(text, i) & 15]};
      }
    }
    at += bytes;
  }
  return printable;
}

}  // namespace

std::string Printable(std::string_view text) { return Escape(text, ""); }

std::string PrintableLines(std::string_view text) { return Escape(text, "\n\t"); }

std::string PrintableAscii(std::string_view text) {
  std::string printable(text);
  std::replace_if(
      printable.begin(), printable.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return printable;
}

std::string EscapedMarkup(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '&') {
      escaped += "&amp;";
    } else if (c == '<') {
      escaped += "&lt;";
    } else if (c == '>') {
      escaped += "&gt;";
    } else if (c == '"') {
      escaped += "&quot;";
    } else {
      escaped += c;
    }
  }
  return escaped;
}

}  // namespace slablab
