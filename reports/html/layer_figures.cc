// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// What caching costs, by layer.

#include <cstdint>
#include <string>

#include "reports/html/figures.h"

namespace slablab {

void AppendLayersFigure(ResultSet set, HtmlPage& page) {
  bool any = false;
  for (const LabelledResult& run : set) any = any || !run.result.layers().empty();
  if (!any) return;
  HtmlFigure& figure = AddFigure(
      page, "layers", "What caching costs at the end, by layer",
      "Free objects that are kept at hand in front of the slabs on the nodes' lists, in which of "
      "the allocator's layers, and the bytes of these objects and of what holds them.");
  HtmlChart& chart = *figure.mutable_chart();
  chart.set_kind("bars");
  chart.set_x_unit("bytes");
  chart.set_x_title("kept at hand");
  chart.add_panels("");
  for (const char* part : {"objects", "holders"}) chart.add_parts(part);
  HtmlTable& table = *figure.mutable_table();
  for (const char* title : {"run", "cache", "layer"}) AddColumn(table, title, "text");
  for (const char* title : {"full", "partial", "empty", "objects", "mean", "peak"}) {
    AddColumn(table, title, "");
  }
  AddColumn(table, "their bytes", "bytes");
  AddColumn(table, "own bytes", "bytes");
  const auto add = [&](const std::string& run, const std::string& cache,
                       const CachingLayer& layer) {
    if (layer.full() + layer.partial() + layer.empty() + layer.objects_peak() == 0) return;
    AddRow(table)
        .Text(run)
        .Text(cache)
        .Text(layer.layer())
        .Number(layer.full())
        .Number(layer.partial())
        .Number(layer.empty())
        .Number(layer.objects())
        .Number(layer.objects_mean())
        .Number(layer.objects_peak())
        .Number(layer.object_bytes())
        .Number(layer.own_bytes());
  };
  for (const LabelledResult& run : set) {
    for (const CachingLayer& layer : run.result.layers()) {
      const std::string bar = set.size() == 1 ? layer.layer() : run.label + ": " + layer.layer();
      chart.add_runs(bar);
      AddRow(chart).Text("").Text(bar).Text("objects").Number(layer.object_bytes());
      AddRow(chart).Text("").Text(bar).Text("holders").Number(layer.own_bytes());
      add(run.label, "all", layer);
    }
    for (const CacheStats& cache : run.result.caches()) {
      for (const CachingLayer& layer : cache.layers()) add(run.label, cache.name(), layer);
    }
  }
}

void AppendLayersOverTimeFigure(ResultSet set, HtmlPage& page) {
  bool any = false;
  for (const LabelledResult& run : set) {
    for (const FootprintSample& sample : run.result.footprint()) {
      any = any || !sample.layers().empty();
    }
  }
  if (!any) return;
  HtmlFigure& figure = AddFigure(page, "layers-over-time", "What caching costs over time, by layer",
                                 "Free objects that are kept at hand, over the run.");
  HtmlChart& chart = *figure.mutable_chart();
  chart.set_kind("lines");
  chart.set_x_title("time");
  chart.set_x_unit("ns");
  chart.set_y_title("objects");
  chart.set_steps(true);
  HtmlTable& table = *figure.mutable_table();
  AddColumn(table, "run", "text");
  AddColumn(table, "time", "ns");
  AddColumn(table, "layer", "text");
  for (const char* title : {"holders", "objects"}) AddColumn(table, title, "");
  AddColumn(table, "their bytes", "bytes");
  AddColumn(table, "own bytes", "bytes");
  for (const LabelledResult& run : set) {
    const std::string panel = set.size() == 1 ? "" : run.label;
    chart.add_panels(panel);
    if (run.result.layers().empty()) continue;
    for (const CachingLayer& layer : run.result.layers()) {
      bool is_line = false;
      for (const std::string& line : chart.runs()) is_line = is_line || line == layer.layer();
      if (!is_line) chart.add_runs(layer.layer());
      for (const FootprintSample& sample : run.result.footprint()) {
        for (const LayerSample& at : sample.layers()) {
          if (at.layer() != layer.layer()) continue;
          AddRow(chart)
              .Text(panel)
              .Text(layer.layer())
              .Number(sample.time_ns())
              .Number(at.objects());
          AddRow(table)
              .Text(run.label)
              .Number(sample.time_ns())
              .Text(at.layer())
              .Number(at.holders())
              .Number(at.objects())
              .Number(at.object_bytes())
              .Number(at.own_bytes());
        }
      }
    }
  }
}

}  // namespace slablab
