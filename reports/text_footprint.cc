// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <string>
#include <vector>

#include "reports/breakdown.h"
#include "reports/numbers.h"
#include "reports/text_sections.h"

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
  Waste waste;
};

// "1,234,567   12.3%" of the pages held, for each moment.
void AddBytesRow(const std::string& name, const std::vector<Moment>& moments,
                 uint64_t (*bytes_of)(const Moment&), TextTable& table) {
  std::vector<TextCell> row = {name};
  for (const Moment& moment : moments) {
    row.emplace_back(bytes_of(moment));
    row.emplace_back(Percent(bytes_of(moment), moment.sample->slab_bytes()));
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

uint64_t Everything(const Moment& moment) {
  return moment.sample->slab_bytes() + moment.sample->metadata_bytes() +
         moment.sample->percpu_bytes();
}

void AddMoments(const std::vector<Moment>& moments, bool requested_known, TextTable& table) {
  AddCountRow(
      "slabs", moments, [](const Moment& m) { return m.sample->slabs(); }, table);
  AddCountRow(
      "objects allocated", moments, [](const Moment& m) { return m.sample->objects(); }, table);
  table.AddRule();
  if (requested_known) {
    AddBytesRow(
        "asked for by users", moments, [](const Moment& m) { return m.sample->requested_bytes(); },
        table);
    AddBytesRow(
        "rounded up to objects", moments, [](const Moment& m) { return m.waste.internal; }, table);
  } else {
    AddBytesRow(
        "objects", moments, [](const Moment& m) { return m.sample->object_bytes(); }, table);
  }
  AddBytesRow(
      "padding of objects", moments, [](const Moment& m) { return m.waste.padding; }, table);
  AddBytesRow(
      "free slots in slabs", moments, [](const Moment& m) { return m.waste.free; }, table);
  AddBytesRow(
      "ends of slabs", moments, [](const Moment& m) { return m.waste.tail; }, table);
  table.AddRule();
  AddBytesRow(
      "pages held", moments, [](const Moment& m) { return m.sample->slab_bytes(); }, table);
  AddBytesRow(
      "metadata elsewhere", moments, [](const Moment& m) { return m.sample->metadata_bytes(); },
      table);
  AddBytesRow(
      "per-CPU areas", moments, [](const Moment& m) { return m.sample->percpu_bytes(); }, table);
  table.AddRule();
  AddBytesRow("everything", moments, Everything, table);
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
  TextTable table({{"time", 11},
                   {"slabs", 8},
                   {"held", 10},
                   {"objects", 11},
                   {"asked for", 10},
                   {"unused", 6},
                   {"held", 17, kLeft, 2}});
  for (const FootprintSample* sample : samples) {
    const bool is_peak = sample->slab_bytes() == result.footprint_peak().slab_bytes() &&
                         sample->time_ns() == result.footprint_peak().time_ns();
    table.AddRow({Duration(sample->time_ns()), sample->slabs(), InKibibytes(sample->slab_bytes()),
                  sample->objects(), InKibibytes(sample->requested_bytes()),
                  Percent(WasteOf(*sample).total(), sample->slab_bytes()),
                  Bar(sample->slab_bytes(), most, 12) + (is_peak ? " peak" : "")});
  }
  page.Table(table);
}

void AppendFootprint(const RunResult& result, TextPage& page) {
  std::vector<Moment> moments;
  if (result.has_footprint_peak()) {
    moments.push_back({&result.footprint_peak(), WasteOf(result.footprint_peak())});
  }
  if (!result.footprint().empty()) {
    const FootprintSample& last = *result.footprint().rbegin();
    moments.push_back({&last, WasteOf(last)});
  }
  if (moments.empty()) return;
  page.Heading("Memory by cause (bytes, and share of the pages held)");
  std::vector<TextTable::Column> columns = {{"", 28, kLeft}};
  if (result.has_footprint_peak()) {
    columns.insert(columns.end(), {{"at the peak", 16}, {"", 7}});
  }
  if (!result.footprint().empty()) columns.insert(columns.end(), {{"at the end", 18}, {"", 7}});
  TextTable table(std::move(columns));
  const bool requested_known = std::any_of(moments.begin(), moments.end(), [](const Moment& m) {
    return m.sample->requested_bytes() > 0;
  });
  AddMoments(moments, requested_known, table);
  page.Table(table);
}

}  // namespace slablab
