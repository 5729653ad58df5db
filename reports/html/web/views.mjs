// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// A view of the page: a heading with a link to it, a chart, and a table.
import {touches} from "./app.mjs";
import {addBrush} from "./brush.mjs";
import {changeText, markText, metricText} from "./changes.mjs";
import {bars, describe, linePanel, strips} from "./charts.mjs";
import {legend, replaceLegend, square, stroke} from "./controls.mjs";
import {element} from "./dom.mjs";
import {Grid} from "./grid.mjs";
import {Icicle} from "./icicle.mjs";
import {short} from "./numbers.mjs";
import {barRows, lineNames, linePanels, stripRows, survivalPanels} from "./series.mjs";
import {readNumbers} from "./state.mjs";
import {columnIndex, onlyRuns, onlyTimes, pivot} from "./tables.mjs";

const NARROW_COLUMNS = 5;

// Each metric of the base, and of each other run with how far it moved.
function metricTable(app) {
  const cells = app.table("view:metrics");
  const base = app.base();
  const others = app.shown().filter((run) => run !== base);
  const columns = [{title: "of", unit: "text"}, {title: "metric", unit: "text"}];
  columns.push({title: base, unit: "change"});
  for (const run of others) {
    columns.push({title: run, unit: "change"}, {title: `change of ${run}`, unit: "change"});
    columns.push({title: `${run} is`, unit: "mark"});
  }
  const at = (run) => columnIndex(cells, run);
  const rows = app.page.metrics.map((metric, i) => {
    const own = cells.rows[i][at(base)];
    const row = [metric.group, metric.title.trim(), metricText(metric, own)];
    for (const run of others) {
      const value = cells.rows[i][at(run)];
      row.push(metricText(metric, value), changeText(metric, own, value));
      row.push(markText(metric, own, value));
    }
    return row;
  });
  return {columns, rows, note: ""};
}

function viewTable(app, view) {
  if (view.id === "metrics") return metricTable(app);
  const table = onlyTimes(onlyRuns(app.table(`view:${view.id}`), app.shown()), app.range());
  const keys = view.table.pivot_rows ?? [];
  if (keys.length === 0 || app.runs.length === 1) return table;
  return pivot(table, {keys, value: view.table.pivot_value, runs: app.shown(), base: app.base()});
}

class Chart {
  constructor(app, view) {
    Object.assign(this, {app, view});
    this.spec = view.chart;
    this.legend = element("div");
    this.figure = element("figure", {"data-chart": this.spec.kind});
    this.place = element("div", {class: "chart"}, this.legend, this.figure);
    this.hide = `hide.${view.id}`;
    this.width = 0;
    // Also draws it for the first time, once it has a width.
    new ResizeObserver(() => {
      const width = Math.floor(this.figure.clientWidth);
      if (Math.abs(width - this.width) < 2) return;
      this.width = width;
      this.draw();
    }).observe(this.figure);
  }

  label(panel) {
    const text = `${this.view.title}; the table of this section has the numbers`;
    return panel ? `${panel}: ${text}` : text;
  }

  // The legend of what are no runs: parts, layers, series.
  drawLegend(names, swatch) {
    const {store} = this.app;
    const label = "Press to show or hide";
    replaceLegend(this.legend, legend({store, key: this.hide, names, swatch, label}));
  }

  draw() {
    if (this.width === 0) return;
    const {kind} = this.spec;
    const width = Math.max(260, this.width);
    this.figure.replaceChildren();
    if (kind === "bars") this.drawBars(width);
    else if (kind === "strips") this.drawStrips(width);
    else this.drawLines(width);
  }

  drawBars(width) {
    const {app, spec} = this;
    const table = app.tableOf(this.view);
    const {parts} = barRows(table, spec, new Set());
    const hidden = readNumbers(app.store.get(this.hide), parts.length);
    const drawn = barRows(onlyRuns(table, app.shown()), spec, hidden);
    this.drawLegend(parts, square);
    this.figure.append(describe(bars({...drawn, parts, spec, width}), this.label()));
  }

  drawStrips(width) {
    const {app, spec} = this;
    const shown = app.shown();
    const caches = onlyRuns(app.table("caches"), shown);
    const drawn = stripRows(onlyRuns(app.table("occupancy"), shown), caches, spec);
    this.figure.append(describe(strips({...drawn, spec, width}), this.label()));
  }

  panels(table, hidden) {
    const {app, spec} = this;
    const shown = app.shown();
    if (spec.kind === "survival") {
      const of = app.table("view:latencies");
      const least = (panel, run) => {
        const row = of.rows.find((each) => each[0] === panel && each[1] === run);
        return row?.[columnIndex(of, "least")];
      };
      return survivalPanels(table, spec, {runs: app.runs, least}).map((panel) => {
        return {...panel, lines: panel.lines.filter((line) => shown.includes(line.name))};
      });
    }
    const names = lineNames(table, spec, app.runs);
    const panels = linePanels(onlyRuns(table, shown), spec, {names, base: app.base()});
    if (!spec.line) return panels;
    return panels.map(({panel, lines}) => {
      return {panel, lines: lines.filter((line) => !hidden.has(line.index))};
    });
  }

  drawLines(width) {
    const {app, spec} = this;
    const table = app.tableOf(this.view);
    const names = lineNames(table, spec, app.runs);
    if (spec.line) this.drawLegend(names, stroke);
    else this.drawLineNames();
    const hidden = readNumbers(app.store.get(this.hide), names.length);
    const isTime = spec.x_unit === "ns";
    for (const {panel, lines} of this.panels(table, hidden)) {
      if (panel !== "") this.figure.append(element("h3", {class: "panel"}, panel));
      if (spec.kind === "dots") this.addTitles(table, lines);
      const range = isTime ? this.visibleRange(lines) : null;
      const svg = linePanel({lines, spec, width, range});
      if (isTime) {
        const choose = (from, to) => app.store.set({t: `${Math.max(0, from)}-${to}`});
        addBrush(svg, svg.scale("x"), choose);
      }
      this.figure.append(describe(svg, this.label(panel)));
    }
  }

  // The page's legend of runs is far from here, in print and in pictures at least.
  drawLineNames() {
    const {app, spec} = this;
    const several = app.runs.length > 1;
    const item = (i, name) => element("li", {}, element("span", {}, stroke(i), name));
    const items = several
      ? app.shown().map((run) => item(app.runs.indexOf(run), run))
      : spec.values.slice(0, 1).map((name) => item(0, name));
    if (spec.values.length > 1) {
      items.push(item(-1, several ? `${spec.values[1]}, of the base` : spec.values[1]));
    }
    this.legend.replaceChildren();
    if (items.length > 1) this.legend.append(element("ul", {class: "legend"}, ...items));
  }

  // The band is no wider than the lines.
  visibleRange(lines) {
    const range = this.app.range();
    if (range === null) return null;
    const times = lines.flatMap((line) => line.points.map((point) => point.x));
    const [least, most] = [Math.min(...times), Math.max(...times)];
    const [from, to] = [Math.max(least, range.from), Math.min(most, range.to)];
    return from <= to ? {from, to} : null;
  }

  addTitles(table, lines) {
    const at = (title) => columnIndex(table, title);
    for (const line of lines) {
      const rows = table.rows.filter((row) => row[at("run")] === line.name);
      line.points = line.points.map((point, i) => ({
        ...point,
        title: `${rows[i][at("path")]}, ${rows[i][at("cache")]}\n${short(point.x, "ns")}: ` +
          `${short(point.y)} cycles`,
      }));
    }
  }

  onChange(keys) {
    if (touches(keys, "off", "base", "t", this.hide)) this.draw();
  }
}

export class View {
  constructor(app, view) {
    this.app = app;
    this.id = view.id;
    this.link = element("a", {class: "here", "aria-label": `Link to: ${view.title}`}, "#");
    const heading = element("h2", {}, view.title, " ", this.link);
    this.section = element("section", {id: view.id, tabindex: "-1"}, heading);
    if (view.lede) this.section.append(element("p", {class: "lede"}, view.lede));
    this.parts = [];
    if (view.chart?.kind === "icicle") {
      const icicle = new Icicle(app, view);
      this.parts.push(icicle);
      this.section.append(...icicle.parts);
      return;
    }
    const rowsOf = () => viewTable(app, view);
    const grid = new Grid({app, id: view.id, title: view.title, rowsOf});
    const box = element("div", {class: "figure"});
    if (view.chart) {
      const chart = new Chart(app, view);
      this.parts.push(chart);
      box.append(chart.place);
      const columns = rowsOf().columns.length;
      if (columns <= NARROW_COLUMNS) box.classList.add("beside");
    }
    this.parts.push(grid);
    box.append(grid.place);
    this.section.append(box);
  }

  onChange(keys) {
    this.link.setAttribute("href", this.app.store.fragment(this.id));
    for (const part of this.parts) part.onChange(keys);
  }
}
