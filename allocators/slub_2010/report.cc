// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// What the models of 2010 say of themselves, and what is checked of them alike. Costs nothing and
// changes nothing.

#include <array>
#include <map>
#include <set>

#include "allocators/slub_2010/core.h"
#include "base/check.h"
#include "sim/core/scheduler.h"

namespace slablab {
namespace {

constexpr std::array<std::string_view, 20> kSites = {
    "slub: alloc fast",    "slub: alloc slow",      "slub: alloc from node",
    "slub: get_partial",   "slub: get_any_partial", "slub: new slab",
    "slub: deactivate",    "slub: free fast",       "slub: free slow",
    "slub: free to alien", "slub: shared queue",    "slub: drain",
    "slub: discard_slab",  "slub: kmalloc large",   "slub: flush",
    "slub: shrink",        "slub: expire",          "slub: gfp_allowed_mask",
    "slub: create cache",  "slub: destroy cache",
};
static_assert(static_cast<int>(Slub2010Core::At::kDestroy) == kFirstModelSite + kSites.size() - 1);
static_assert(static_cast<int>(Slub2010Core::At::kDestroy) < kMaxSites);

}  // namespace

absl::Span<const std::string_view> Slub2010Core::sites() const { return kSites; }

CacheLayout Slub2010Core::Layout(CacheId id) const {
  const Cache2010& s = cache(id);
  return {.name = s.names.front(),
          .object_size = s.geometry.object_size,
          .slab_size = s.geometry.size,
          .align = s.geometry.align,
          .order = s.geometry.order,
          .objects_per_slab = s.geometry.objects,
          .free_pointer_offset = s.geometry.free_pointer_offset,
          .cpu_holds = name() == "slub-2010" ? "CPU slabs" : "CPU queues"};
}

// Also by a later kernel's name for a kmalloc cache, so that its traces find theirs.
CacheId Slub2010Core::FindCache(std::string_view name) const {
  const Cache2010* const s = caches_.FindLive(name);
  return s == nullptr ? kmalloc_.CacheForModernName(name) : s->id;
}

Allocator::Location Slub2010Core::Locate(PhysAddr object) const {
  return frames_.Locate(object);
}

// show_stat(): the CPUs that are on line.
std::vector<Figure> Slub2010Core::Counters(CacheId id) const {
  const Cache2010& s = cache(id);
  std::vector<Figure> figures;
  if (!options_.statistics || !s.live) return figures;
  const Scheduler& scheduler = machine_.scheduler();
  const absl::Span<const FigureInfo> infos = stat_infos();
  for (size_t stat = 0; stat < infos.size(); ++stat) {
    Figure figure;
    figure.name = std::string(infos[stat].name);
    figure.role = infos[stat].role;
    figure.per = Figure::Per::kCpu;
    for (int i = 0; i < scheduler.cpu_count(); ++i) {
      if (!scheduler.cpu(CpuId(i)).online()) continue;
      const uint32_t value = StatOf(s, CpuId(i), static_cast<int>(stat));
      if (value == 0) continue;
      figure.value += value;
      figure.parts.push_back({.index = i, .value = value});
    }
    figures.push_back(std::move(figure));
  }
  return figures;
}

Figure Slub2010Core::PlainFigure(std::string_view name, uint64_t value) const {
  Figure figure;
  figure.name = std::string(name);
  figure.value = value;
  return figure;
}

Figure Slub2010Core::PerNode(const FigureInfo& info, const std::vector<uint64_t>& values) const {
  Figure figure;
  figure.name = std::string(info.name);
  figure.role = info.role;
  figure.per = Figure::Per::kNode;
  for (size_t node = 0; node < values.size(); ++node) {
    if (values[node] == 0) continue;
    figure.value += values[node];
    figure.parts.push_back({.index = static_cast<int>(node), .value = values[node]});
  }
  return figure;
}

std::vector<Figure> Slub2010Core::SlabFigures(const Cache2010& s) const {
  const size_t count = s.nodes.size();
  std::vector<uint64_t> objects(count), objects_partial(count), partial(count), slabs(count),
      total(count);
  for (size_t i = 0; i < count; ++i) {
    const Node2010* const n = s.nodes[i].get();
    if (n == nullptr) continue;
    uint64_t free = 0;
    for (const Slab2010* slab = n->first.Peek(); slab != nullptr; slab = slab->list_next.Peek()) {
      free += FreeObjects(*slab);
      objects_partial[i] += slab->objects - FreeObjects(*slab);
    }
    objects[i] = n->total_objects.Peek() - free;
    partial[i] = n->nr_partial.Peek();
    slabs[i] = n->nr_slabs.Peek();
    total[i] = n->total_objects.Peek();
  }
  return {PerNode({"objects"}, objects), PerNode({"objects_partial"}, objects_partial),
          PerNode({"partial", FigureRole::kPartialSlabs}, partial),
          PerNode({"slabs", FigureRole::kSlabs}, slabs), PerNode({"total_objects"}, total)};
}

// s_show().
SlabInfoRow Slub2010Core::SlabInfo(CacheId id) const {
  const Cache2010& s = cache(id);
  SlabInfoRow row{.name = s.names.front(),
                  .object_size = s.geometry.size,
                  .objects_per_slab = s.geometry.objects,
                  .pages_per_slab = uint32_t{1} << s.geometry.order};
  for (const Figure& figure : SlabFigures(s)) {
    if (figure.name == "slabs") row.slabs = figure.value;
    if (figure.name == "total_objects") row.objects = figure.value;
    if (figure.name == "objects") row.active_objects = figure.value;
  }
  row.active_slabs = row.slabs;
  return row;
}

void Slub2010Core::CheckCore(const Cache2010& s,
                             const std::function<void(const Slab2010&)>& at_node) const {
  std::set<const Slab2010*> listed;
  for (const std::unique_ptr<Node2010>& n : s.nodes) {
    if (n == nullptr) continue;
    CHECK(!n->list_lock.held());
    uint64_t length = 0;
    const Slab2010* previous = nullptr;
    for (const Slab2010* slab = n->first.Peek(); slab != nullptr; slab = slab->list_next.Peek()) {
      CHECK(slab->cache == &s);
      CHECK(s.nodes[slab->node.index()].get() == n.get());
      CHECK(slab->list_previous.Peek() == previous);
      CHECK(listed.insert(slab).second);
      at_node(*slab);
      previous = slab;
      ++length;
    }
    CHECK(n->last.Peek() == previous);
    CHECK_EQ(n->nr_partial.Peek(), length);
  }
  std::map<NodeId, uint64_t> slabs;
  std::map<NodeId, uint64_t> objects;
  Footprint footprint = s.footprint;
  footprint.slabs = footprint.slab_bytes = footprint.tail_bytes = 0;
  uint64_t all_objects = 0;
  const bool knows_caches = KernelLog().empty();
  for (const Slab2010* slab : const_cast<Slub2010Core*>(this)->Slabs(s)) {
    CHECK(!slab->lock.held());
    if (knows_caches) CHECK(slab->cache_at == s.address);
    ++slabs[slab->node];
    objects[slab->node] += slab->objects;
    all_objects += slab->objects;
    const uint64_t bytes = kPageSize << slab->order;
    ++footprint.slabs;
    footprint.slab_bytes += bytes;
    footprint.tail_bytes += bytes - uint64_t{slab->objects} * s.geometry.size;
    CHECK(frames_.Has(*slab, slab->order));
  }
  footprint.own_object_bytes = footprint.own_objects * s.geometry.object_size;
  CHECK_LE(footprint.own_objects, footprint.objects);
  CHECK(footprint == s.footprint);
  CHECK_EQ(footprint.slab_bytes, footprint.object_bytes + footprint.free_bytes +
                                     footprint.padding_bytes + footprint.tail_bytes);
  CHECK_EQ(footprint.free_bytes, (all_objects - footprint.objects) * s.geometry.size);
  for (size_t i = 0; i < s.nodes.size(); ++i) {
    if (s.nodes[i] == nullptr) continue;
    const NodeId node(static_cast<int32_t>(i));
    CHECK_EQ(s.nodes[i]->nr_slabs.Peek(), slabs[node]);
    CHECK_EQ(s.nodes[i]->total_objects.Peek(), objects[node]);
  }
}

void Slub2010Core::CheckTotals() const {
  Footprint total = caches_.SumOfCaches();
  total.metadata_bytes += static_bytes_;
  kmalloc_large_.Fill(total);
  CHECK(total == caches_.total());
}

}  // namespace slablab
