// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "cli/output/wrap.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_split.h"
#include "fmt/format.h"

namespace slablab {

void AppendRow(std::string* out, std::string_view left, std::string_view text, size_t indent) {
  constexpr size_t kColumnsMax = 80;
  std::string line = left.empty() ? "" : fmt::format("  {}", left);
  if (!left.empty() && line.size() + 2 > indent) {
    *out += line + "\n";
    line.clear();
  }
  bool line_has_text = false;
  const std::vector<std::string> words =
      absl::StrSplit(absl::string_view(text.data(), text.size()), ' ', absl::SkipWhitespace());
  for (const std::string& word : words) {
    if (line_has_text && line.size() + 1 + word.size() > kColumnsMax) {
      *out += line + "\n";
      line.clear();
      line_has_text = false;
    }
    line.resize(std::max(line.size(), indent), ' ');
    if (line_has_text) line += ' ';
    line += word;
    line_has_text = true;
  }
  *out += line + "\n";
}

}  // namespace slablab
