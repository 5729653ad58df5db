// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TESTS_CLI_REPORT_NUMBERS_H_
#define SLABLAB_TESTS_CLI_REPORT_NUMBERS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"

// What reports say, as numbers.

namespace slablab {

// Of a section of a text report: the rows between its rules, each its name and numbers.
struct TextRow {
  std::string name;
  std::vector<uint64_t> numbers;  // whole ones; shares and bars are left out
};
inline std::vector<std::vector<TextRow>> TextSection(const std::string& report,
                                                     const std::string& heading,
                                                     size_t name_columns) {
  std::vector<std::vector<TextRow>> blocks;
  bool inside = false;
  for (const std::string& line : std::vector<std::string>(absl::StrSplit(report, '\n'))) {
    if (line.starts_with(heading)) {
      inside = true;
    } else if (inside && line.empty()) {
      break;
    } else if (inside && line.starts_with("----")) {
      blocks.emplace_back();
    } else if (inside && !blocks.empty()) {
      TextRow row{.name = std::string(absl::StripAsciiWhitespace(line.substr(0, name_columns))),
                  .numbers = {}};
      const std::string rest = line.size() > name_columns ? line.substr(name_columns) : "";
      for (const std::string& word :
           std::vector<std::string>(absl::StrSplit(rest, ' ', absl::SkipEmpty()))) {
        uint64_t number = 0;
        if (absl::SimpleAtoi(absl::StrReplaceAll(word, {{",", ""}}), &number)) {
          row.numbers.push_back(number);
        }
      }
      blocks.back().push_back(std::move(row));
    }
  }
  return blocks;
}

inline uint64_t SumOf(const std::vector<TextRow>& rows, size_t column) {
  uint64_t sum = 0;
  for (const TextRow& row : rows) sum += row.numbers.at(column);
  return sum;
}

}  // namespace slablab

#endif  // SLABLAB_TESTS_CLI_REPORT_NUMBERS_H_
