// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/printable.h"
#include "reports/numbers.h"
#include "reports/text/sections.h"

// What caching costs: the layers in which free objects are kept at hand.

namespace slablab {
namespace {

constexpr auto kLeft = TextTable::Column::kLeft;

TextTable LayerTable() {
  return TextTable({{"layer", 23, kLeft},
                    {"full", 6},
                    {"partial", 7},
                    {"empty", 6},
                    {"objects", 9},
                    {"their bytes", 12},
                    {"own bytes", 11}});
}

template <typename Layers>
uint64_t BytesOf(const Layers& layers) {
  uint64_t bytes = 0;
  for (const auto& layer : layers) bytes += layer.object_bytes() + layer.own_bytes();
  return bytes;
}

void AddLayerRow(const std::string& name, const CachingLayer& layer, TextTable& table) {
  table.AddRow({name, layer.full(), layer.partial(), layer.empty(), layer.objects(),
                layer.object_bytes(), layer.own_bytes()});
}

void AddSum(const RunResult& result, TextTable& table) {
  uint64_t objects = 0;
  uint64_t object_bytes = 0;
  uint64_t own_bytes = 0;
  for (const CachingLayer& layer : result.layers()) {
    objects += layer.objects();
    object_bytes += layer.object_bytes();
    own_bytes += layer.own_bytes();
  }
  table.AddRule();
  table.AddRow({"in all", "", "", "", objects, object_bytes, own_bytes});
}

// Where there are several nodes.
void AddNodes(const RunResult& result, TextPage& page) {
  size_t nodes = 0;
  for (const CachingLayer& layer : result.layers()) {
    nodes = std::max(nodes, static_cast<size_t>(layer.nodes_size()));
  }
  if (nodes < 2) return;
  TextTable table({{"layer", 23, kLeft}, {"node", 6}, {"holders", 9}, {"objects", 11}});
  for (const CachingLayer& layer : result.layers()) {
    for (const LayerOfNode& node : layer.nodes()) {
      table.AddRow(
          {layer.layer(), static_cast<uint64_t>(node.node()), node.holders(), node.objects()});
    }
  }
  page.Subheading("The same by node");
  page.Table(table);
}

// The caches whose layers take most.
void AddCaches(const RunResult& result, const TextOptions& options, TextPage& page) {
  std::vector<std::pair<uint64_t, const CacheStats*>> caches;
  for (const CacheStats& cache : result.caches()) {
    if (const uint64_t bytes = BytesOf(cache.layers()); bytes > 0) {
      caches.emplace_back(bytes, &cache);
    }
  }
  if (caches.empty()) return;
  std::stable_sort(caches.begin(), caches.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  page.Subheading("The same by cache, with the objects over time");
  TextTable table({{"cache and layer", 24, kLeft},
                   {"holders", 7},
                   {"objects", 7},
                   {"mean", 7},
                   {"peak", 7},
                   {"their bytes", 12},
                   {"own bytes", 9}});
  for (size_t i = 0; i < ShownRows(caches.size(), options); ++i) {
    table.AddText(Shortened(PrintableAscii(caches[i].second->name()), kTextColumns));
    for (const CachingLayer& layer : caches[i].second->layers()) {
      const uint64_t holders = layer.full() + layer.partial() + layer.empty();
      if (holders == 0 && layer.objects_peak() == 0) continue;
      table.AddRow({"  " + layer.layer(), holders, layer.objects(), layer.objects_mean(),
                    layer.objects_peak(), layer.object_bytes(), layer.own_bytes()});
    }
  }
  AppendRest(caches.size(), options, "caches", table);
  page.Table(table);
}

}  // namespace

void AppendLayers(const RunResult& result, const TextOptions& options, TextPage& page) {
  if (result.layers().empty()) return;
  page.Heading("What caching costs at the end, by layer");
  TextTable table = LayerTable();
  for (const CachingLayer& layer : result.layers()) AddLayerRow(layer.layer(), layer, table);
  AddSum(result, table);
  page.Table(table);
  AddNodes(result, page);
  AddCaches(result, options, page);
}

void AppendLayersOverTime(const RunResult& result, TextPage& page) {
  constexpr size_t kRowsMax = 10;
  std::vector<const FootprintSample*> samples;
  uint64_t most = 0;
  for (const FootprintSample& sample : result.footprint()) {
    if (sample.layers().empty()) continue;
    samples.push_back(&sample);
    most = std::max(most, BytesOf(sample.layers()));
  }
  if (samples.size() < 2) return;
  page.Subheading("What caching costs over time, all layers together");
  TextTable table({{"time", 11},
                   {"holders", 9},
                   {"objects", 10},
                   {"their bytes", 13},
                   {"own bytes", 12},
                   {"in all", 17, kLeft, 2}});
  const size_t rows = std::min(samples.size(), kRowsMax);
  for (size_t i = 0; i < rows; ++i) {
    const FootprintSample& sample = *samples[i * (samples.size() - 1) / (rows - 1)];
    LayerSample sum;
    for (const LayerSample& layer : sample.layers()) {
      sum.set_holders(sum.holders() + layer.holders());
      sum.set_objects(sum.objects() + layer.objects());
      sum.set_object_bytes(sum.object_bytes() + layer.object_bytes());
      sum.set_own_bytes(sum.own_bytes() + layer.own_bytes());
    }
    table.AddRow({Duration(sample.time_ns()), sum.holders(), sum.objects(), sum.object_bytes(),
                  sum.own_bytes(), Bar(sum.object_bytes() + sum.own_bytes(), most, 12)});
  }
  page.Table(table);
}

}  // namespace slablab
