// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "base/printable.h"

#include <string>

#include "gtest/gtest.h"

namespace slablab {
namespace {

std::string Utf8(uint32_t code) {
  const auto byte = [](uint32_t bits) { return static_cast<char>(bits); };
  if (code < 0x80) return {byte(code)};
  if (code < 0x800) return {byte(0xc0 | code >> 6), byte(0x80 | (code & 63))};
  if (code < 0x10000) {
    return {byte(0xe0 | code >> 12), byte(0x80 | (code >> 6 & 63)), byte(0x80 | (code & 63))};
  }
  return {byte(0xf0 | code >> 18), byte(0x80 | (code >> 12 & 63)), byte(0x80 | (code >> 6 & 63)),
          byte(0x80 | (code & 63))};
}

TEST(PrintableTest, EveryCharacterIsKeptOrEscapedByteByByte) {
  for (uint32_t code = 0; code <= 0x10ffff; ++code) {
    const std::string text = "a" + Utf8(code) + "b";
    const std::string printable = Printable(text);
    const bool is_surrogate = code >= 0xd800 && code <= 0xdfff;
    const bool is_control = code < 0x20 || (code >= 0x7f && code < 0xa0);
    if (is_control || is_surrogate || (code >= 0x202a && code <= 0x202e)) {
      ASSERT_EQ(printable.size(), 2 + 4 * (text.size() - 2)) << code;
      ASSERT_EQ(printable.substr(0, 3), "a\\x") << code;
    } else if (printable != text) {
      // The invisible marks: nothing that anyone would miss.
      ASSERT_TRUE(code == 0x61c || (code >= 0x200b && code <= 0x206f) || code == 0xfeff ||
                  (code >= 0xfff9 && code <= 0xfffb) || code >= 0xe0000)
          << code;
    }
    // What has been made printable stays as it is.
    ASSERT_EQ(Printable(printable), printable) << code;
  }
}

TEST(PrintableTest, NothingButUtf8Passes) {
  for (const std::string bytes : {"\xff", "\x80", "\xc2", "\xc0\xaf", "\xe2\x80", "\xe0\x80\x80",
                                  "\xed\xa0\x80", "\xf0\x80\x80\x80", "\xf4\x90\x80\x80"}) {
    EXPECT_EQ(Printable(bytes).size(), 4 * bytes.size());
  }
  EXPECT_EQ(Printable("\x1b[31m\xc3\xa9\n"), "\\x1b[31m\xc3\xa9\\x0a");
}

TEST(PrintableTest, LinesKeepTheirEndsAndColumnsTheirWidths) {
  EXPECT_EQ(PrintableLines("a\tb\n\r\x1b"), "a\tb\n\\x0d\\x1b");
  EXPECT_EQ(PrintableAscii("a\xc3\xa9\x1b z"), "a??? z");
}

}  // namespace
}  // namespace slablab
