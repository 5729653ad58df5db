// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <string>
#include <vector>

#include "base/printable.h"
#include "reports/numbers.h"
#include "reports/text/sections.h"

// Per-CPU memory: debugfs' percpu_stats, what it comes to in bytes, and what it would on machines
// of other sizes.

namespace slablab {
namespace {

constexpr auto kLeft = TextTable::Column::kLeft;

// Of a figure that is below zero only while an operation is under way.
uint64_t Positive(int64_t value) { return static_cast<uint64_t>(std::max<int64_t>(value, 0)); }

void AppendLayout(const PercpuReport& percpu, TextPage& page) {
  const PercpuLayoutReport& layout = percpu.layout();
  page.Paragraph(fmt::format(
      "{}: units of {} bytes for {} on {}, {}; the first chunk, {}, has {} bytes static, {} "
      "reserved and {} dynamic.",
      percpu.allocator(), Grouped(layout.unit_size()),
      Counted(uint64_t{layout.cpus()}, "possible CPU", "possible CPUs"),
      Counted(uint64_t{layout.groups()}, "group", "groups"),
      layout.units() > layout.cpus()
          ? fmt::format("{} of {} units unused", Grouped(uint64_t{layout.units()} - layout.cpus()),
                        Grouped(uint64_t{layout.units()}))
          : std::string("none unused"),
      layout.embedded() ? "embedded" : "mapped page by page", Grouped(layout.static_size()),
      Grouped(layout.reserved_size()), Grouped(layout.dyn_size())));
  page.Paragraph(fmt::format(
      "{} and {}, at most {} areas at once{}; {} at the end and at most {}; {} empty populated "
      "pages.",
      Counted(percpu.nr_alloc(), "allocation", "allocations"),
      Counted(percpu.nr_dealloc(), "free", "frees"), Grouped(percpu.nr_max_alloc()),
      percpu.nr_alloc() == 0 ? std::string()
                             : fmt::format(", of {} to {} bytes", Grouped(percpu.min_alloc_size()),
                                           Grouped(percpu.max_alloc_size())),
      Counted(percpu.nr_chunks(), "chunk", "chunks"), Grouped(percpu.nr_max_chunks()),
      Grouped(Positive(percpu.empty_pop_pages()))));
  if (percpu.balances() > 0) {
    page.Paragraph(
        fmt::format("Balance work ran {}.", Counted(percpu.balances(), "time", "times")));
  }
  if (percpu.km_wasted_pages() > 0) {
    page.Paragraph(fmt::format("percpu: wasting {} per chunk: it is rounded up to 2^n pages.",
                               Counted(percpu.km_wasted_pages(), "page", "pages")));
  }
  if (percpu.uncleared_areas() > 0) {
    page.Paragraph(fmt::format("NOT CLEARED: {} handed out with whatever was in there before.",
                               Counted(percpu.uncleared_areas(), "area was", "areas were")));
  }
  if (percpu.address_failures() > 0) {
    page.Paragraph(fmt::format("OUT OF ADDRESS SPACE: {} could not be made for want of it.",
                               Counted(percpu.address_failures(), "chunk", "chunks")));
  }
  if (percpu.page_failures() > 0) {
    page.Paragraph(fmt::format("OUT OF PAGES: {} could not be made, or not be populated.",
                               Counted(percpu.page_failures(), "chunk", "chunks")));
  }
}

void AppendChunks(const PercpuReport& percpu, const TextOptions& options, TextPage& page) {
  TextTable table({{"chunk", 13, kLeft},
                   {"areas", 7},
                   {"pages", 7},
                   {"popul.", 7},
                   {"empty", 6},
                   {"free", 11},
                   {"largest run", 11},
                   {"holes", 9}});
  const auto chunks = static_cast<size_t>(percpu.chunks_size());
  const size_t shown = ShownRows(chunks, options);
  uint64_t holes = 0;
  uint64_t largest = 0;
  for (size_t i = 0; i < chunks; ++i) {
    const PercpuChunkReport& chunk = percpu.chunks(static_cast<int>(i));
    holes += chunk.sum_frag();
    largest = std::max<uint64_t>(largest, chunk.max_frag());
    if (i >= shown) continue;
    table.AddRow(
        {chunk.kind().empty() ? std::string("-") : Shortened(PrintableAscii(chunk.kind()), 13),
         Positive(chunk.nr_alloc()), uint64_t{chunk.pages()}, uint64_t{chunk.populated_pages()},
         Positive(chunk.empty_pop_pages()), chunk.free_bytes(), chunk.contig_bytes(),
         chunk.sum_frag()});
  }
  AppendRest(chunks, options, "chunks", table);
  page.Table(table);
  page.Paragraph(
      fmt::format("Holes are free bytes before a chunk's last area: {} in all, the largest of {}.",
                  Grouped(holes), Grouped(largest)));
}

void AddBytes(const std::string& name, uint64_t end, const uint64_t* peak, TextTable& table) {
  std::vector<TextCell> row = {name, end};
  if (peak != nullptr) row.emplace_back(*peak);
  table.AddRow(std::move(row));
}

void AppendBytes(const PercpuReport& percpu, TextPage& page) {
  const bool has_peak = percpu.has_peak();
  TextTable table({{"bytes, over all possible CPUs", 34, kLeft},
                   {"at the end", 15},
                   {has_peak ? "at the peak" : "", 15}});
  const auto add = [&](const std::string& name, uint64_t (*bytes_of)(const PercpuBytes&)) {
    const uint64_t peak = bytes_of(percpu.peak());
    AddBytes(name, bytes_of(percpu.bytes()), has_peak ? &peak : nullptr, table);
  };
  add("first chunk", [](const PercpuBytes& b) { return b.first(); });
  add("pages of further chunks", [](const PercpuBytes& b) { return b.populated(); });
  add("blocks rounded up to 2^n pages", [](const PercpuBytes& b) { return b.rounding(); });
  add("maps and descriptors", [](const PercpuBytes& b) { return b.metadata(); });
  table.AddRule();
  add("held",
      [](const PercpuBytes& b) { return b.first() + b.populated() + b.rounding() + b.metadata(); });
  add("of it allocated", [](const PercpuBytes& b) { return b.areas(); });
  add("address space of further chunks", [](const PercpuBytes& b) { return b.address(); });
  page.Table(table);
}

void AppendProjections(const PercpuReport& percpu, TextPage& page) {
  if (percpu.projections().empty() || percpu.bytes().areas() == 0) return;
  page.Paragraph("The areas of the end on machines of other sizes, arithmetic, not simulated:");
  TextTable table({{"CPUs", 5},
                   {"nodes", 5},
                   {"areas", 9},
                   {"vm: held", 10},
                   {"address", 10},
                   {"32-bit", 10},
                   {"km: held", 11},
                   {"wasted", 10}});
  for (const PercpuProjection& row : percpu.projections()) {
    const bool fits_km = row.km_held() > 0 && !row.km_too_large();
    const std::string no_km = row.km_held() > 0 ? "too large" : "refused";
    table.AddRow({uint64_t{row.cpus()}, uint64_t{row.nodes()}, Bytes(row.areas()),
                  Bytes(row.vm_held()), Bytes(row.vm_address()),
                  row.vm32_exhausted() ? std::string("EXHAUSTED") : Bytes(row.vm32_address()),
                  fits_km ? Bytes(row.km_held()) : no_km,
                  fits_km ? Bytes(row.km_wasted()) : std::string("-")});
  }
  page.Table(table);
  page.Paragraph(
      "vm: pages on demand, each on its CPU's node, in vmalloc space: address is what chunks "
      "behind "
      "the first take of it; on 32 bits, where there are 128 MiB, it may be EXHAUSTED. km: one "
      "contiguous block of 2^n pages a chunk; several nodes are refused, and blocks larger than "
      "the "
      "page allocator's largest are too large.");
}

}  // namespace

void AppendPercpu(const RunResult& result, const TextOptions& options, TextPage& page) {
  if (!result.has_percpu()) return;
  const PercpuReport& percpu = result.percpu();
  page.Heading("Per-CPU memory, as percpu_stats has it");
  AppendLayout(percpu, page);
  AppendChunks(percpu, options, page);
  AppendBytes(percpu, page);
  AppendProjections(percpu, page);
}

}  // namespace slablab
