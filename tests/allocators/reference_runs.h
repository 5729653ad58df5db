// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef SLABLAB_TESTS_ALLOCATORS_REFERENCE_RUNS_H_
#define SLABLAB_TESTS_ALLOCATORS_REFERENCE_RUNS_H_

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "workloads/conformance/conformance.h"

// What tests of reference runs have in common: the bundled runs, all there are where SLABLAB_SHARED
// names the folder that has them, and a small run that is changed here and there.

namespace slablab {

inline constexpr char kBundledReferences[] = "tests/reference";

// Those in `folder` of the shared ones. Nothing, and the test is skipped, if there are none.
std::optional<std::string> SharedReferences(const std::string& folder = "reference");

// Those under `folder` whose path from there begins and ends so, in order.
std::vector<std::string> ReferenceFiles(const std::string& folder, std::string_view prefix,
                                        std::string_view suffix);

// Every slab allocator's run of that name agrees in all placements and figures. Answers how many
// figures each had.
std::vector<uint64_t> ExpectRunsAgree(const std::string& folder, std::string_view prefix,
                                      size_t files_least);

// `text` with the first `from` replaced, which must be there.
std::string Replaced(std::string_view text, std::string_view from, std::string_view to);

// What the model does not share is found, whatever it is, and is no reason to fall over: `replay`
// agrees with the text, and with none of the changed ones, and names its line.
using Change = std::pair<std::string_view, std::string_view>;
void ExpectChangesAreSeen(std::string_view text, const std::vector<Change>& changes,
                          const std::function<Conformance(const std::string& text)>& replay);

// Each of the changes makes `parse` refuse the text, naming the line.
struct Malformed {
  std::string_view from;
  std::string_view to;
  int line = 0;
};
void ExpectRefusals(
    std::string_view text, const std::vector<Malformed>& cases,
    const std::function<absl::Status(const std::string& text, const std::string& path)>& parse);

}  // namespace slablab

#endif  // SLABLAB_TESTS_ALLOCATORS_REFERENCE_RUNS_H_
