// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_BASE_NAMES_H_
#define SLABLAB_BASE_NAMES_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

// What is said to a user who names something that there is not: of commands, flags, allocators,
// machines, quirks, whatever has names. One way to say it, everywhere.

namespace slablab {

// The names near `word`, nearest first: those that begin with it; those that a slip of the fingers
// (a letter too many, missing, wrong or two swapped) turns into it; those that hold it, or nearly
// begin with it. At most three.
std::vector<std::string> NearestNames(std::string_view word, const std::vector<std::string>& names);

// " (did you mean slub?)", with the nearest of `names`, each with `prefix` before it; empty if none
// is near.
std::string DidYouMean(std::string_view word, const std::vector<std::string>& names,
                       std::string_view prefix = "");

// "unknown allocator 'slbu' (did you mean slub?); valid are: slub, slab". `name` may be what a user
// wrote: it is made printable.
std::string UnknownNameText(std::string_view what, std::string_view name,
                            const std::vector<std::string>& valid);

// The same as InvalidArgument.
absl::Status UnknownName(std::string_view what, std::string_view name,
                         const std::vector<std::string>& valid);

// For tables of names of other types.
template <typename Names>
std::vector<std::string> NameList(const Names& names) {
  return std::vector<std::string>(std::begin(names), std::end(names));
}
// Of tables whose entries have a `name`.
template <typename Infos>
std::vector<std::string> NamesOf(const Infos& infos) {
  std::vector<std::string> names;
  for (const auto& info : infos) names.emplace_back(info.name);
  return names;
}

}  // namespace slablab

#endif  // SLABLAB_BASE_NAMES_H_
