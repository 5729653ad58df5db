// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "reports/breakdown.h"
#include "reports/numbers.h"
#include "reports/setting.h"
#include "reports/text/sections.h"
#include "reports/text/text.h"

// The first lines of a run's report: three sentences to quote, the machine and the kernels.

namespace slablab {
namespace {

constexpr size_t kNameColumns = 32;
constexpr size_t kListColumns = 130;

std::string OrUnknown(const std::string& name) {
  return name.empty() ? "unknown" : Shortened(name, kNameColumns);
}

// "a (1.0, 25.0%), b (..) and c (..)": the largest, that are a twentieth of all.
std::string LargestParts(const CycleBreakdown& breakdown, uint64_t operations) {
  std::vector<NamedSum> parts = breakdown.allocator;
  std::stable_sort(parts.begin(), parts.end(),
                   [](const NamedSum& a, const NamedSum& b) { return a.value > b.value; });
  std::erase_if(parts, [&](const NamedSum& part) {
    return part.value == 0 || part.value < breakdown.allocator_total / 20;
  });
  if (parts.size() > 3) parts.resize(3);
  std::string text;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) text += i + 1 == parts.size() ? " and " : ", ";
    text += fmt::format("{} ({}, {})", parts[i].name, Quotient(parts[i].value, operations, 1),
                        Percent(parts[i].value, breakdown.allocator_total));
  }
  return text;
}

std::string CostSentence(const RunResult& result) {
  const Totals& totals = result.totals();
  const std::string name = OrUnknown(result.config().allocator());
  if (totals.operations() == 0) return fmt::format("{} had no operation to do.", name);
  std::string text = fmt::format("{} takes {} cycles an operation in the allocator", name,
                                 Quotient(AllocatorCycles(result), totals.operations(), 1));
  const std::string most = LargestParts(BreakDown(result), totals.operations());
  if (!most.empty()) text += fmt::format(", most of it in {}", most);
  if (totals.use_cycles() > 0) {
    text += fmt::format("; users pay {} more for touching their objects",
                        Quotient(totals.use_cycles(), totals.operations(), 1));
  }
  return text + ".";
}

std::string MemorySentence(const RunResult& result) {
  if (!result.has_footprint_peak()) return "What it costs in memory was not sampled.";
  const FootprintSample& peak = result.footprint_peak();
  const Waste waste = WasteOf(peak);
  std::string text = fmt::format("It holds {} in all when most is in slabs, {} of it in these",
                                 Bytes(HeldBy(peak).total), Bytes(peak.slab_bytes()));
  if (waste.total() > 0) {
    text += fmt::format("; {} of that is waste, free slots are {}",
                        Percent(waste.total(), peak.slab_bytes()),
                        Percent(waste.free, peak.slab_bytes()));
  }
  return text + ".";
}

std::string HowSureSentence(const RunResult& result) {
  std::vector<std::string> parts = {"One seed was run, so no spread is known"};
  if (std::string agreement = AgreementSentence(result); !agreement.empty()) {
    parts.push_back(std::move(agreement));
  }
  return fmt::format("{}.", fmt::join(parts, "; "));
}

}  // namespace

std::string ReservationsSentence(const RunResult& result) {
  std::vector<std::string> parts;
  const Totals& totals = result.totals();
  const std::string loss = LossSentence(totals.trace_lost_events(), totals.trace_lost_unknown());
  if (!loss.empty()) {
    parts.push_back(fmt::format("LOST: {}, and every figure is of the rest", loss));
  }
  if (totals.failed_allocations() > 0) {
    parts.push_back(fmt::format("{} FAILED for want of memory",
                                Counted(totals.failed_allocations(), "allocation", "allocations")));
  }
  return parts.empty() ? "" : fmt::format("{}.", fmt::join(parts, "; "));
}

std::vector<std::string> HeadlineSentences(const RunResult& result) {
  std::vector<std::string> sentences = {CostSentence(result), MemorySentence(result),
                                        HowSureSentence(result)};
  if (std::string reservations = ReservationsSentence(result); !reservations.empty()) {
    sentences.insert(sentences.begin(), std::move(reservations));
  }
  return sentences;
}

void AppendHeadline(const RunResult& result, TextPage& page) {
  const RunConfig& config = result.config();
  page.Heading(fmt::format(
      "{} on {}, {}", config.allocator().empty() ? "unknown" : config.allocator(),
      config.machine().empty() ? "unknown" : config.machine(),
      !config.workload().empty() ? config.workload()
                                 : (config.trace().empty() ? "unknown" : config.trace())));
  for (const std::string& sentence : HeadlineSentences(result)) page.Paragraph(sentence);
  page.Blank();
  page.Labelled("machine", Shortened(MachineInShort(result), kListColumns));
  if (const std::string kernels = KernelsSentence(result); !kernels.empty()) {
    page.Labelled("kernel", Shortened(kernels, kListColumns));
  }
}

}  // namespace slablab
