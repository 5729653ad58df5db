// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include "runs/simulation/percpu_result.h"

#include <string>
#include <string_view>

#include "allocators/percpu/projection.h"

namespace slablab {
namespace {

std::string_view KindName(PercpuChunkFigures::Kind kind) {
  switch (kind) {
    case PercpuChunkFigures::Kind::kOrdinary:
      return "";
    case PercpuChunkFigures::Kind::kReserved:
      return "reserved";
    case PercpuChunkFigures::Kind::kFirst:
      return "first";
    case PercpuChunkFigures::Kind::kToDepopulate:
      return "to depopulate";
    case PercpuChunkFigures::Kind::kSidelined:
      return "sidelined";
  }
  return "";
}

void FillLayout(const PercpuLayout& layout, PercpuLayoutReport& info) {
  info.set_unit_size(layout.unit_bytes);
  info.set_static_size(layout.static_bytes);
  info.set_reserved_size(layout.reserved_bytes);
  info.set_dyn_size(layout.dynamic_bytes);
  info.set_atom_size(layout.atom_bytes);
  info.set_alloc_size(layout.alloc_bytes);
  info.set_cpus(static_cast<uint32_t>(layout.possible_cpus()));
  info.set_units(static_cast<uint32_t>(layout.units()));
  info.set_groups(static_cast<uint32_t>(layout.groups.size()));
  info.set_embedded(layout.is_embedded);
}

void FillChunk(const PercpuChunkFigures& figures, PercpuChunkReport& chunk) {
  chunk.set_kind(std::string(KindName(figures.kind)));
  chunk.set_pages(static_cast<uint32_t>(figures.pages));
  chunk.set_populated_pages(static_cast<uint32_t>(figures.populated_pages));
  chunk.set_nr_alloc(figures.nr_alloc);
  chunk.set_max_alloc_size(figures.max_alloc_size);
  chunk.set_empty_pop_pages(figures.empty_pop_pages);
  chunk.set_first_bit(figures.first_bit);
  chunk.set_free_bytes(figures.free_bytes);
  chunk.set_contig_bytes(figures.contig_bytes);
  chunk.set_sum_frag(figures.sum_frag);
  chunk.set_max_frag(figures.max_frag);
  chunk.set_cur_min_alloc(figures.cur_min_alloc);
  chunk.set_cur_med_alloc(figures.cur_med_alloc);
  chunk.set_cur_max_alloc(figures.cur_max_alloc);
}

void FillProjection(const PercpuProjected& projected, PercpuProjection& row) {
  row.set_cpus(static_cast<uint32_t>(projected.cpus));
  row.set_nodes(static_cast<uint32_t>(projected.nodes));
  row.set_areas(projected.area_bytes);
  row.set_vm_held(projected.vm_held_bytes);
  row.set_vm_address(projected.vm_address_bytes);
  row.set_km_held(projected.km_held_bytes);
  row.set_km_wasted(projected.km_wasted_bytes);
  row.set_km_too_large(projected.km_too_large);
  row.set_vm32_address(projected.vm32_address_bytes);
  row.set_vm32_exhausted(projected.vm32_exhausted);
}

}  // namespace

void FillPercpuBytes(const PercpuUsage& usage, PercpuBytes& bytes) {
  bytes.set_first(usage.first_bytes);
  bytes.set_populated(usage.populated_bytes);
  bytes.set_rounding(usage.rounding_bytes);
  bytes.set_metadata(usage.metadata_bytes);
  bytes.set_areas(usage.area_bytes);
  bytes.set_address(usage.address_bytes);
}

void GatherPercpu(const PercpuAreas& areas, PercpuReport& stats) {
  const PercpuFigures figures = areas.Figures();
  stats.set_allocator(std::string(areas.name()));
  FillLayout(areas.layout(), *stats.mutable_layout());
  stats.set_nr_alloc(figures.nr_alloc);
  stats.set_nr_dealloc(figures.nr_dealloc);
  stats.set_nr_cur_alloc(figures.nr_cur_alloc);
  stats.set_nr_max_alloc(figures.nr_max_alloc);
  stats.set_nr_chunks(figures.nr_chunks);
  stats.set_nr_max_chunks(figures.nr_max_chunks);
  stats.set_min_alloc_size(figures.min_alloc_size);
  stats.set_max_alloc_size(figures.max_alloc_size);
  stats.set_empty_pop_pages(figures.empty_pop_pages);
  PercpuDemand demand;
  demand.area_bytes =
      areas.usage().area_bytes / static_cast<uint64_t>(areas.layout().possible_cpus());
  demand.extent_bytes = demand.area_bytes;
  for (const PercpuChunkFigures& chunk : figures.chunks) {
    FillChunk(chunk, *stats.add_chunks());
    demand.extent_bytes += chunk.sum_frag;
  }
  FillPercpuBytes(areas.usage(), *stats.mutable_bytes());
  stats.set_address_failures(areas.usage().address_failures);
  stats.set_page_failures(areas.usage().page_failures);
  stats.set_uncleared_areas(areas.usage().uncleared_areas);
  stats.set_km_wasted_pages(areas.usage().km_wasted_pages);
  for (const PercpuProjected& projected : ProjectPercpu(demand)) {
    FillProjection(projected, *stats.add_projections());
  }
}

}  // namespace slablab
