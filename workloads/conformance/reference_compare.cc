// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// What the file says, and what the model says.

#include <algorithm>
#include <utility>

#include "fmt/format.h"
#include "workloads/conformance/reference_checks.h"
#include "workloads/conformance/reference_replay.h"
#include "workloads/conformance/reference_words.h"

namespace slablab {

void ReferenceReplay::Note(const ReferenceOp& op, std::string_view what, std::string_view theirs,
                           std::string_view ours) {
  if (!result_.first_disagreement.empty()) return;
  result_.Note(fmt::format("{}:{}: {}\n  kernel: {}\n  model:  {}\n{}{}", run_.path, op.line, what,
                           theirs, ours, DescribeBefore(run_, op), DescribeState()));
}

void ReferenceReplay::Compare(const ReferenceOp& op, uint32_t object, const ReferencePlace& place,
                              PhysAddr ours, std::string_view way) {
  Allocator::Location slab;
  uint64_t offset = 0;
  bool agrees = false;
  if (!ours.is_null()) {
    slab = allocator_.Locate(ours);
    offset = ours - slab.slab;
    agrees = offset == place.offset &&
             machine_.NodeOf(slab.slab) == run_.label_nodes[place.label] &&
             renaming_.Matches(place.label, slab);
  }
  result_.placements.Add(agrees);
  if (agrees || !result_.first_disagreement.empty()) return;
  const std::string found = ours.is_null()
                                ? "nothing"
                                : fmt::format("slab #{} on node {} at {}{}", slab.serial,
                                              machine_.NodeOf(slab.slab).value(), offset,
                                              way.empty() ? "" : fmt::format(", by \"{}\"", way));
  Note(op,
       fmt::format("CPU {} allocates object {}{}", op.cpu.value(), object,
                   op.want == kAnyNode ? "" : fmt::format(" on node {}", op.want.value())),
       fmt::format("slab {} on node {} at {}", place.label, run_.label_nodes[place.label].value(),
                   place.offset),
       found);
}

void ReferenceReplay::CompareNothing(const ReferenceOp& op, PhysAddr ours) {
  result_.placements.Add(ours.is_null());
  if (ours.is_null()) return;
  Note(op, fmt::format("CPU {} allocates from sheaf {}", op.cpu.value(), op.sheaf), "it is empty",
       "an object");
}

void ReferenceReplay::CompareResult(const ReferenceOp& op, std::string_view what, uint64_t ours) {
  result_.figures.Add(ours == op.result);
  if (ours == op.result) return;
  Note(op, fmt::format("{}: {}", DescribeOp(run_, op), what), fmt::format("{}", op.result),
       fmt::format("{}", ours));
}

void ReferenceReplay::CompareCheck(const ReferenceOp& op) {
  std::vector<uint64_t> gated;
  for (int cpu = 0; cpu < run_.machine.cpus; ++cpu) gated.push_back(SheavesWaitingOf(CpuId(cpu)));
  const ReferenceText& theirs = run_.checks[op.check];
  const std::string ours = CheckLine(theirs.what, allocator_.Contents(cache_), gated);
  result_.figures.Add(ours == theirs.text);
  if (ours != theirs.text) Note(op, fmt::format("check of {}", theirs.what), theirs.text, ours);
}

std::map<std::string, Figure> ReferenceReplay::Figures() const {
  std::map<std::string, Figure> figures;
  for (Figure& figure : allocator_.Counters(cache_)) figures[figure.name] = std::move(figure);
  for (Figure& figure : allocator_.State(cache_)) figures[figure.name] = std::move(figure);
  return figures;
}

void ReferenceReplay::CompareLayout() {
  const CacheLayout layout = allocator_.Layout(cache_);
  std::map<std::string, uint64_t, std::less<>> ours = {
      {"slab_size", layout.slab_size},
      {"object_size", layout.object_size},
      {"align", layout.align},
      {"order", static_cast<uint64_t>(layout.order)},
      {"pages_per_slab", uint64_t{1} << layout.order},
      {"objs_per_slab", layout.objects_per_slab},
      {"sheaf_capacity", layout.sheaf_capacity},
  };
  // As they are tuned.
  const std::map<std::string, Figure> figures = Figures();
  for (const char* const name : {"min_partial", "cpu_partial"}) {
    if (const auto figure = figures.find(name); figure != figures.end()) {
      ours[name] = figure->second.value;
    }
  }
  for (const auto& [key, value] : run_.layout) {
    const auto mine = ours.find(key);
    const bool agrees = mine != ours.end() && mine->second == value;
    result_.figures.Add(agrees);
    if (agrees) continue;
    result_.Note(fmt::format("{}:{}: {} is {} in the kernel and {} in the model", run_.path,
                             run_.layout_line, key, value,
                             mine == ours.end() ? "unknown" : fmt::format("{}", mine->second)));
  }
}

void ReferenceReplay::CompareFigures() {
  const std::map<std::string, Figure> ours = Figures();
  const auto compare = [this](uint64_t line, std::string_view what, const std::string& wanted,
                              const std::string& found) {
    result_.figures.Add(wanted == found);
    if (wanted == found) return;
    result_.Note(fmt::format("{}:{}: {} at the end\n  kernel: {}\n  model:  {}\n", run_.path, line,
                             what, wanted, found));
  };
  for (const ReferenceFigure& reference : run_.figures) {
    const auto mine = ours.find(reference.figure.name);
    compare(reference.line, reference.figure.name, reference.figure.ToString(),
            mine == ours.end() ? "unknown" : mine->second.ToString());
  }
  if (run_.slabinfo.line != 0) {
    compare(run_.slabinfo.line, "slabinfo", run_.slabinfo.text,
            SlabInfoLine(allocator_.SlabInfo(cache_)));
  }
}

std::string ReferenceReplay::DescribeState() const {
  std::string text = "  the model's state then:\n";
  for (const Figure& figure : allocator_.State(cache_)) {
    text += fmt::format("    {} {}\n", figure.name, figure.ToString());
  }
  for (const Figure& figure : allocator_.Counters(cache_)) {
    if (figure.value != 0) text += fmt::format("    {} {}\n", figure.name, figure.ToString());
  }
  const CacheContents contents = allocator_.Contents(cache_);
  for (const char* const what : {"cpuslabs", "sheaves", "barn", "partiallist"}) {
    const std::string line = CheckLine(what, contents, {});
    if (!line.empty()) text += fmt::format("    {} {}\n", what, line);
  }
  return text;
}

}  // namespace slablab
