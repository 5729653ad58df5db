// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// What caching costs, by layer.

#include <string>

#include "reports/html/figures.h"

namespace slablab {

void AppendLayersFigure(ResultSet set, PageData& page) {
  if (!page.HasTable("layers")) return;
  HtmlView& view = page.AddView(
      "layers", "What caching costs at the end, by layer",
      "Free objects that are kept at hand in front of the slabs on the nodes' lists, in which of "
      "the allocator's layers, and the bytes of these objects and of what holds them.");
  HtmlChart& chart = *view.mutable_chart();
  chart.set_kind("bars");
  chart.set_x_unit("bytes");
  chart.set_x_title("kept at hand");
  if (set.size() > 1) chart.set_panel("run");
  chart.set_bar("layer");
  chart.add_values("their bytes");
  chart.add_values("own bytes");
  for (const char* part : {"objects", "holders"}) chart.add_parts(part);
  HtmlTable& table = *view.mutable_table();
  AddColumns({{"run", "run", "layers/run"},
              {"layer", "text", "layers/layer"},
              {"full", "", "layers/full"},
              {"partial", "", "layers/partial"},
              {"empty", "", "layers/empty"},
              {"objects", "", "layers/objects"},
              {"mean", "", "layers/objects_mean"},
              {"peak", "", "layers/objects_peak"},
              {"their bytes", "bytes", "layers/object_bytes"},
              {"own bytes", "bytes", "layers/own_bytes"}},
             table);
  table.set_note("By cache: the table cache_layers, below.");
}

void AppendLayersOverTimeFigure(ResultSet set, PageData& page) {
  if (!page.HasTable("layers_over_time")) return;
  HtmlView& view = page.AddView("layers-over-time", "What caching costs over time, by layer",
                                "Free objects that are kept at hand, over the run.");
  HtmlChart& chart = *view.mutable_chart();
  chart.set_kind("lines");
  if (set.size() > 1) chart.set_panel("run");
  chart.set_line("layer");
  chart.set_x("time");
  chart.set_x_title("time");
  chart.set_x_unit("ns");
  chart.set_y_title("objects");
  chart.set_steps(true);
  chart.add_values("objects");
  HtmlTable& table = *view.mutable_table();
  AddColumns({{"run", "run", "layers_over_time/run"},
              {"time", "ns", "layers_over_time/time_ns"},
              {"layer", "text", "layers_over_time/layer"},
              {"holders", "", "layers_over_time/holders"},
              {"objects", "", "layers_over_time/objects"},
              {"their bytes", "bytes", "layers_over_time/object_bytes"},
              {"own bytes", "bytes", "layers_over_time/own_bytes"}},
             table);
}

}  // namespace slablab
