// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "reports/breakdown.h"
#include "reports/numbers.h"
#include "reports/text/sections.h"

// Memory: over time, and at its peak and end by cause.

namespace slablab {
namespace {

constexpr auto kLeft = TextTable::Column::kLeft;

// At most kTimeRows samples, evenly spread, first and last among them, and the peak.
constexpr size_t kTimeRows = 20;

std::vector<const FootprintSample*> ChosenSamples(const RunResult& result) {
  std::vector<const FootprintSample*> chosen;
  const size_t samples = static_cast<size_t>(result.footprint_size());
  const size_t rows = std::min(samples, kTimeRows);
  for (size_t i = 0; i < rows; ++i) {
    const size_t index = rows == 1 ? 0 : i * (samples - 1) / (rows - 1);
    chosen.push_back(&result.footprint(static_cast<int>(index)));
  }
  if (result.has_footprint_peak()) {
    const FootprintSample& peak = result.footprint_peak();
    const auto later = std::find_if(
        chosen.begin(), chosen.end(),
        [&](const FootprintSample* sample) { return sample->time_ns() >= peak.time_ns(); });
    const bool is_there = later != chosen.end() && (*later)->time_ns() == peak.time_ns() &&
                          (*later)->slab_bytes() == peak.slab_bytes();
    if (!is_there) chosen.insert(later, &peak);
  }
  return chosen;
}

// "1,440K" as long as it is legible.
std::string InKibibytes(uint64_t bytes) {
  return bytes < uint64_t{1} << 34 ? Quotient(bytes, 1024, 0) + "K" : Bytes(bytes);
}

struct Moment {
  const FootprintSample* sample = nullptr;
  MemoryHeld held;
};

// "1,234,567   12.3%" of what is in slabs, for each moment.
void AddBytesRow(const std::string& name, const std::vector<Moment>& moments,
                 const std::function<uint64_t(const Moment&)>& bytes_of, TextTable& table) {
  std::vector<TextCell> row = {name};
  for (const Moment& moment : moments) {
    const uint64_t bytes = bytes_of(moment);
    row.emplace_back(bytes);
    row.emplace_back(Percent(bytes, moment.held.slabs_total));
  }
  table.AddRow(std::move(row));
}

void AddCountRow(const std::string& name, const std::vector<Moment>& moments,
                 uint64_t (*count_of)(const Moment&), TextTable& table) {
  std::vector<TextCell> row = {name};
  for (const Moment& moment : moments) {
    row.emplace_back(count_of(moment));
    row.emplace_back("");
  }
  table.AddRow(std::move(row));
}

// A row a part, as HeldBy() has them.
void AddPartRows(const std::vector<Moment>& moments, std::vector<NamedSum> MemoryHeld::*parts,
                 TextTable& table) {
  for (size_t i = 0; i < (moments[0].held.*parts).size(); ++i) {
    const auto is_there = [&](const Moment& moment) { return (moment.held.*parts)[i].value > 0; };
    if (IsOfRcu((moments[0].held.*parts)[i].name) &&
        std::none_of(moments.begin(), moments.end(), is_there)) {
      continue;
    }
    AddBytesRow((moments[0].held.*parts)[i].name, moments,
                [&](const Moment& moment) { return (moment.held.*parts)[i].value; }, table);
  }
}

void AddMoments(const std::vector<Moment>& moments, TextTable& table) {
  AddCountRow(
      "slabs", moments, [](const Moment& m) { return m.sample->slabs(); }, table);
  AddCountRow(
      "objects of users", moments, [](const Moment& m) { return UserObjects(*m.sample); }, table);
  AddCountRow(
      "objects of the allocator", moments, [](const Moment& m) { return m.sample->own_objects(); },
      table);
  table.AddRule();
  AddPartRows(moments, &MemoryHeld::in_slabs, table);
  table.AddRule();
  AddBytesRow(
      "in slabs", moments, [](const Moment& m) { return m.held.slabs_total; }, table);
  AddPartRows(moments, &MemoryHeld::besides, table);
  table.AddRule();
  AddBytesRow(
      "held in all", moments, [](const Moment& m) { return m.held.total; }, table);
}

}  // namespace

void AppendFootprintOverTime(const RunResult& result, TextPage& page) {
  if (result.footprint().empty()) return;
  const std::vector<const FootprintSample*> samples = ChosenSamples(result);
  uint64_t most = 0;
  for (const FootprintSample* sample : samples) {
    most = std::max<uint64_t>(most, sample->slab_bytes());
  }
  page.Heading("Memory over time");
  const bool any_waits = std::any_of(samples.begin(), samples.end(),
                                     [](const auto* sample) { return WaitingBytes(*sample) > 0; });
  // One or the other: lines have an end.
  TextTable table({{"time", 11},
                   {any_waits ? "waiting" : "slabs", 8},
                   {"in slabs", 10},
                   {"objects", 11},
                   {"asked for", 10},
                   {"waste", 6},
                   {"in slabs", 17, kLeft, 2}});
  for (const FootprintSample* sample : samples) {
    const bool is_peak = sample->slab_bytes() == result.footprint_peak().slab_bytes() &&
                         sample->time_ns() == result.footprint_peak().time_ns();
    table.AddRow(
        {Duration(sample->time_ns()),
         any_waits ? TextCell(InKibibytes(WaitingBytes(*sample))) : TextCell(sample->slabs()),
         InKibibytes(sample->slab_bytes()), UserObjects(*sample),
         InKibibytes(AskedInSlabs(*sample)),
         Percent(WasteOf(*sample).total(), sample->slab_bytes()),
         Bar(sample->slab_bytes(), most, 12) + (is_peak ? " peak" : "")});
  }
  page.Table(table);
}

void AppendFootprint(const RunResult& result, TextPage& page) {
  std::vector<Moment> moments;
  const auto add = [&](const FootprintSample& sample) {
    moments.push_back({&sample, HeldBy(sample)});
  };
  if (result.has_footprint_peak()) add(result.footprint_peak());
  if (!result.footprint().empty()) add(*result.footprint().rbegin());
  if (moments.empty()) return;
  page.Heading("Memory by cause (bytes, and share of what is in slabs)");
  std::vector<TextTable::Column> columns = {{"", 28, kLeft}};
  if (result.has_footprint_peak()) {
    columns.insert(columns.end(), {{"at the peak", 16}, {"", 7}});
  }
  if (!result.footprint().empty()) columns.insert(columns.end(), {{"at the end", 18}, {"", 7}});
  TextTable table(std::move(columns));
  AddMoments(moments, table);
  page.Table(table);
}

}  // namespace slablab
