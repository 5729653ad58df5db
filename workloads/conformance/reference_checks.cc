// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "workloads/conformance/reference_checks.h"

#include <algorithm>
#include <optional>

#include "base/check.h"
#include "fmt/format.h"

namespace slablab {
namespace {

// In a shape, n is a number, s a number or -1, l a list of numbers with commas or "-"; all else
// stands for itself.
struct Check {
  std::string_view what;
  char prefix;  // C: words are of CPUs, N: of nodes
  std::string_view shape;
  std::string (*line)(const CacheContents& contents, const std::vector<uint64_t>& gated);
};

bool IsList(std::string_view text) {
  if (text == "-") return true;
  do {
    if (!ParseNumber(TakeUntil(&text, ','))) return false;
  } while (!text.empty());
  return true;
}

bool HasShape(std::string_view text, std::string_view shape) {
  for (size_t i = 0; i < shape.size(); i += 2) {
    const bool is_last = i + 1 == shape.size();
    const size_t end = is_last ? text.size() : text.find(shape[i + 1]);
    if (end == std::string_view::npos) return false;
    const std::string_view part = text.substr(0, end);
    const bool fits =
        shape[i] == 'l' ? IsList(part) : ParseNumber(part) || (shape[i] == 's' && part == "-1");
    if (!fits) return false;
    text.remove_prefix(is_last ? end : end + 1);
  }
  return true;
}

std::string ListText(const std::vector<uint32_t>& numbers) {
  return numbers.empty() ? "-" : fmt::format("{}", fmt::join(numbers, ","));
}

std::string SheavesLine(const CacheContents& contents, const std::vector<uint64_t>&) {
  std::string line;
  for (size_t cpu = 0; cpu < contents.sheaves.size(); ++cpu) {
    const CacheContents::PercpuSheaves& sheaves = contents.sheaves[cpu];
    line += fmt::format(" C{}={}/{}/{}", cpu, sheaves.main, sheaves.spare, sheaves.rcu_free);
  }
  return line;
}

std::string CpuSlabsLine(const CacheContents& contents, const std::vector<uint64_t>&) {
  std::string line;
  for (size_t cpu = 0; cpu < contents.cpu_slabs.size(); ++cpu) {
    const CacheContents::CpuSlab& slab = contents.cpu_slabs[cpu];
    line +=
        fmt::format(" C{}={}/{}/{}", cpu, slab.in_use, slab.free_objects, slab.cpu_partial_slabs);
  }
  return line;
}

std::string BarnLine(const CacheContents& contents, const std::vector<uint64_t>&) {
  std::string line;
  for (const CacheContents::Barn& barn : contents.barns) {
    line += fmt::format(" N{}={}/{}:{}", barn.node, barn.full_sizes.size(), barn.empty_sheaves,
                        ListText(barn.full_sizes));
  }
  return line;
}

std::string PartialListLine(const CacheContents& contents, const std::vector<uint64_t>&) {
  std::string line;
  for (const CacheContents::PartialList& list : contents.partial_lists) {
    line += fmt::format(" N{}={}", list.node, ListText(list.in_use));
  }
  return line;
}

std::string GatedLine(const CacheContents&, const std::vector<uint64_t>& gated) {
  std::string line;
  for (size_t cpu = 0; cpu < gated.size(); ++cpu) {
    if (gated[cpu] != 0) line += fmt::format(" C{}={}", cpu, gated[cpu]);
  }
  return line;
}

constexpr Check kChecks[] = {{"sheaves", 'C', "s/s/s", SheavesLine},
                             {"cpuslabs", 'C', "s/n/n", CpuSlabsLine},
                             {"barn", 'N', "n/n:l", BarnLine},
                             {"partiallist", 'N', "l", PartialListLine},
                             {"gated", 'C', "n", GatedLine}};

const Check* Find(std::string_view what) {
  const auto found = std::find_if(std::begin(kChecks), std::end(kChecks),
                                  [what](const Check& check) { return check.what == what; });
  return found == std::end(kChecks) ? nullptr : found;
}

}  // namespace

absl::Status CheckCheckLine(std::string_view what, ReferenceLine line,
                            const ReferenceMachineOptions& machine) {
  const Check* const check = Find(what);
  if (check == nullptr) return line.Bad(fmt::format("unknown check '{}'", what));
  const int most = check->prefix == 'C' ? machine.cpus : machine.nodes;
  int64_t last = -1;
  while (!line.done()) {
    std::string_view word = line.Word();
    const std::string_view all = word;
    const std::string_view name = TakeUntil(&word, '=');
    const std::optional<uint64_t> index = name.empty() ? std::nullopt : ParseNumber(name.substr(1));
    if (name.empty() || name[0] != check->prefix || !index ||
        *index >= static_cast<uint64_t>(most) || static_cast<int64_t>(*index) <= last ||
        !HasShape(word, check->shape)) {
      return line.Bad(fmt::format("'{}' is no word of a check of {}", all, what));
    }
    last = static_cast<int64_t>(*index);
  }
  return absl::OkStatus();
}

std::string CheckLine(std::string_view what, const CacheContents& contents,
                      const std::vector<uint64_t>& gated) {
  const Check* const check = Find(what);
  CHECK(check != nullptr);
  const std::string line = check->line(contents, gated);
  return line.empty() ? line : line.substr(1);
}

std::string SlabInfoLine(const SlabInfoRow& row) {
  return fmt::format("{} {} {} {} {} {} : tunables {} {} {} : slabdata {} {} {}", row.name,
                     row.active_objects, row.objects, row.object_size, row.objects_per_slab,
                     row.pages_per_slab, row.limit, row.batch_count, row.shared_factor,
                     row.active_slabs, row.slabs, row.shared_available);
}

}  // namespace slablab
