// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "sim/machine/synthetic_words.h"

#include <hwloc.h>

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "base/types.h"
#include "fmt/format.h"

namespace slablab {
namespace {

struct Word {
  std::string name;        // "l3"; empty in the short form that gives only a count
  uint64_t count = 1;      // of each object of the level above; saturating
  std::string attributes;  // what is between parentheses
  bool attached = false;   // "[numa]": memory beside the levels
  size_t column = 0;       // from 1
};

constexpr uint64_t kManyCpus = uint64_t{1} << 40;

Word ParseWord(std::string_view text, size_t column) {
  Word word;
  word.column = column;
  if (!text.empty() && text.front() == '[') {
    word.attached = true;
    text.remove_prefix(1);
  }
  const size_t open = std::min(text.find('('), text.size());
  word.attributes = text.substr(open);
  text = text.substr(0, open);
  while (!text.empty() && text.back() == ']') text.remove_suffix(1);
  const size_t colon = text.find(':');
  std::string_view count = text;
  if (colon != std::string_view::npos) {
    word.name = text.substr(0, colon);
    count = text.substr(colon + 1);
  } else if (text.empty() || !absl::ascii_isdigit(static_cast<unsigned char>(text.front()))) {
    word.name = text;
    return word;
  }
  if (count.empty() || !absl::ascii_isdigit(static_cast<unsigned char>(count.front()))) return word;
  word.count = 0;
  for (const char digit : count) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(digit))) break;
    word.count = std::min(word.count * 10 + static_cast<uint64_t>(digit - '0'), kManyCpus);
  }
  return word;
}

std::vector<Word> CutIntoWords(std::string_view description) {
  std::vector<Word> words;
  size_t begin = 0;
  int depth = 0;
  for (size_t i = 0; i <= description.size(); ++i) {
    const char c = i < description.size() ? description[i] : ' ';
    if (c == '(') ++depth;
    if (c == ')') --depth;
    const bool ends = i == description.size() ||
                      (depth <= 0 && absl::ascii_isspace(static_cast<unsigned char>(c)));
    if (!ends) continue;
    if (i > begin) words.push_back(ParseWord(description.substr(begin, i - begin), begin + 1));
    begin = i + 1;
  }
  return words;
}

}  // namespace

absl::StatusOr<SyntheticWords> ReadSyntheticWords(std::string_view description) {
  SyntheticWords result;
  const std::vector<Word> words = CutIntoWords(description);
  if (words.empty()) return absl::InvalidArgumentError("the topology is empty");
  for (const Word& word : words) {
    if (word.count == 0) {
      return absl::InvalidArgumentError(
          fmt::format("the topology \"{}\" has no CPU: it counts 0 \"{}\" (at character {})",
                      description, word.name, word.column));
    }
    if (!word.attached) result.cpu_count = std::min(result.cpu_count * word.count, kManyCpus);
    if (word.name.empty()) continue;
    hwloc_obj_type_t type = HWLOC_OBJ_PU;
    if (hwloc_type_sscanf(word.name.c_str(), &type, nullptr, 0) != 0) {
      return absl::InvalidArgumentError(fmt::format(
          "the topology \"{}\" names \"{}\" (at character {}), which is no type of object that "
          "hwloc knows; an example of a synthetic topology is \"pack:2 numa:1 l3:1 core:8 pu:2\"",
          description, word.name, word.column));
    }
    const bool has_size = word.attributes.find("size=") != std::string::npos;
    result.gives_l1_size |= type == HWLOC_OBJ_L1CACHE && has_size;
    result.gives_l2_size |= type == HWLOC_OBJ_L2CACHE && has_size;
    result.gives_l3_size |= type == HWLOC_OBJ_L3CACHE && has_size;
    result.gives_memory |=
        type == HWLOC_OBJ_NUMANODE && word.attributes.find("memory=") != std::string::npos;
  }
  if (result.cpu_count > static_cast<uint64_t>(kMaxCpus)) {
    return absl::InvalidArgumentError(
        result.cpu_count >= kManyCpus
            ? fmt::format("the topology \"{}\" has more than {} CPUs; at most {} can be simulated",
                          description, kManyCpus, kMaxCpus)
            : fmt::format("the topology \"{}\" has {} CPUs; at most {} can be simulated",
                          description, result.cpu_count, kMaxCpus));
  }
  return result;
}

}  // namespace slablab
