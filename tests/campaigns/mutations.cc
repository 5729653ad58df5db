// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/campaigns/mutations.h"

#include <algorithm>
#include <string_view>

namespace slablab {
namespace {

constexpr size_t kBytesMax = 1 << 20;

constexpr std::string_view kNumbers[] = {"0",
                                         "-1",
                                         "1",
                                         "255",
                                         "4095",
                                         "4096",
                                         "65535",
                                         "65536",
                                         "2147483647",
                                         "2147483648",
                                         "4294967295",
                                         "4294967296",
                                         "9223372036854775807",
                                         "9223372036854775808",
                                         "18446744073709551615",
                                         "99999999999999999999999",
                                         "0x",
                                         "1e9",
                                         "-0",
                                         ""};

constexpr std::string_view kWords[] = {"\x1b[31m",
                                       "\x1b]0;title\x07",
                                       "\x9b",
                                       "\xc2\x9b"
                                       "31m",
                                       "\xe2\x80\xae",
                                       "\xff\xfe",
                                       "\r",
                                       "\t",
                                       "=",
                                       "[",
                                       "]",
                                       "{",
                                       "}",
                                       "\"",
                                       "<",
                                       ">",
                                       "&",
                                       "=cmd()",
                                       "(null)",
                                       "[000]",
                                       ": ",
                                       "\n"};

template <typename List>
std::string_view OneOf(const List& list, Random& random) {
  return list[random.Below(std::size(list))];
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// A number in the text, elsewhere replaced by one at an end of what numbers can be.
void MutateNumber(Random& random, std::string* bytes) {
  size_t at = random.Below(bytes->size());
  while (at < bytes->size() && !IsDigit((*bytes)[at])) ++at;
  size_t end = at;
  while (end < bytes->size() && IsDigit((*bytes)[end])) ++end;
  if (at < end) bytes->replace(at, end - at, OneOf(kNumbers, random));
}

// A line dropped, doubled or put elsewhere.
void MutateLine(Random& random, std::string* bytes) {
  const size_t at = random.Below(bytes->size());
  const size_t newline = bytes->rfind('\n', at);
  const size_t begin = newline == std::string::npos ? 0 : newline + 1;
  const size_t end = std::min(bytes->size(), bytes->find('\n', begin));
  const std::string line = bytes->substr(begin, end - begin) + '\n';
  const uint64_t what = random.Below(3);
  if (what != 1) bytes->erase(begin, line.size());
  if (what == 0) return;
  const size_t elsewhere = bytes->find('\n', random.Below(bytes->size() + 1));
  bytes->insert(elsewhere == std::string::npos ? bytes->size() : elsewhere + 1, line);
}

void MutateOnce(Random& random, std::string* bytes) {
  if (bytes->empty()) {
    *bytes = OneOf(kWords, random);
    return;
  }
  const size_t at = random.Below(bytes->size());
  const size_t length = std::min<size_t>(1 + random.Below(40), bytes->size() - at);
  switch (random.Below(10)) {
    case 0:
      (*bytes)[at] = static_cast<char>((*bytes)[at] ^ (1 << random.Below(8)));
      break;
    case 1:
      (*bytes)[at] = static_cast<char>(random.Next());
      break;
    case 2:
      bytes->erase(at, length);
      break;
    case 3:
      bytes->insert(random.Below(bytes->size() + 1), bytes->substr(at, length));
      break;
    case 4:
    case 5:
      MutateNumber(random, bytes);
      break;
    case 6:
    case 7:
      MutateLine(random, bytes);
      break;
    case 8:
      bytes->insert(at, OneOf(kWords, random));
      break;
    default:
      if (random.Chance(1, 3)) bytes->resize(at);
  }
}

}  // namespace

void Mutate(Random& random, std::string* bytes) {
  for (uint64_t times = 1 + random.Below(6); times > 0; --times) MutateOnce(random, bytes);
  if (bytes->size() > kBytesMax) bytes->resize(kBytesMax);
}

}  // namespace slablab
