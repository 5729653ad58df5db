// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Charts. Each answers an SVG for a place so many pixels wide.
import {short} from "./numbers.mjs";

const COLOURS = 15;
const DASHES = ["none", "6 3", "2 3", "9 3 2 3", "12 4", "4 2 1 2", "1 4", "8 2"];
const TIP = {fill: "var(--raised)", stroke: "var(--line)"};
const STYLE = {fontSize: "12px", background: "transparent", color: "var(--ink)"};

export function colour(index) {
  return index < 0 ? "var(--10)" : `var(--${(index % COLOURS) + 1})`;
}

export function dash(index) {
  return index < 0 ? "2 3" : DASHES[index % DASHES.length];
}

// Round numbers of bytes, which are powers of two; else as many as there is room for.
function ticksUpTo(most, unit, count) {
  if (unit !== "bytes" || !(most > 0)) return count;
  const step = 2 ** Math.max(0, Math.ceil(Math.log2(most / count)));
  return Array.from({length: Math.floor(most / step) + 1}, (_, i) => i * step);
}

// Room for the bars' names at the left, so many characters a line, and the axis that writes them.
function nameAxis(names, width) {
  const longest = Math.max(...names.map((name) => name.length));
  const characters = Math.max(4, Math.min(longest, Math.floor((width * 0.34) / 6.6)));
  const margin = Math.ceil(characters * 6.6) + 14;
  const axis = Plot.axisY({
    anchor: "left",
    label: null,
    tickSize: 0,
    tickFormat: (name) =>
      name.length > characters ? `${name.slice(0, characters - 1)}\u2026` : name,
    fontSize: 12,
  });
  return {margin, axis};
}

// What bars and strips have in common: a bar a name, in panels one below the other. `most` is the
// longest bar.
function barPlot({names, panels, spec, width, most, marks, options}) {
  const titled = panels.some((panel) => panel !== "");
  const {margin, axis} = nameAxis(names, width);
  const panelHeight = names.length * 24 + (titled ? 30 : 6);
  const xTicks = ticksUpTo(most, spec.x_unit, Math.max(2, Math.floor((width - margin) / 110)));
  const titles = Plot.text(panels, {
    fy: (panel) => panel,
    text: (panel) => panel,
    frameAnchor: "top-left",
    textAnchor: "start",
    dx: 4 - margin,
    dy: -17,
    fontWeight: 600,
    fontSize: 12.5,
  });
  return Plot.plot({
    width,
    height: panels.length * panelHeight + 58,
    marginLeft: margin,
    marginRight: 22,
    marginTop: titled ? 28 : 10,
    marginBottom: 46,
    style: STYLE,
    x: {
      label: spec.x_title ?? null,
      labelAnchor: "center",
      labelArrow: "none",
      grid: true,
      ticks: xTicks,
      tickFormat: (value) => short(value, spec.x_unit),
    },
    y: {domain: names, axis: null, padding: 0.22},
    fy: {domain: panels, axis: null, padding: titled ? 30 / panelHeight : 0},
    marks: [...marks, Plot.ruleX([0], {stroke: "var(--quiet)"}), axis, titled ? titles : null],
    ...options,
  });
}

// `rows` are {panel, bar, part, value}; `parts` are all there are: their place is their colour.
export function bars({rows, names, panels, parts, spec, width}) {
  const lengths = new Map();
  for (const {panel, bar, value} of rows) {
    const key = JSON.stringify([panel, bar]);
    lengths.set(key, (lengths.get(key) ?? 0) + value);
  }
  const most = Math.max(0, ...lengths.values());
  const marks = [
    Plot.barX(rows, {
      x: "value",
      y: "bar",
      fy: "panel",
      fill: "part",
      order: parts,
      insetRight: 0.5,
      title: (row) => `${row.bar}\n${row.part}: ${short(row.value, spec.x_unit)}`,
      tip: TIP,
    }),
  ];
  if (spec.ranked) {
    const totals = names.map((bar) => ({bar, panel: "", value: lengths.get(`["","${bar}"]`) ?? 0}));
    marks.push(
      Plot.text(totals, {
        x: "value",
        y: "bar",
        fy: "panel",
        text: (row) => short(row.value, spec.x_unit),
        textAnchor: "start",
        dx: 4,
        fontWeight: 600,
      }),
    );
  }
  const options = {color: {domain: parts, range: parts.map((_, i) => colour(i))}};
  if (spec.ranked) options.marginRight = 64;
  return barPlot({names, panels, spec, width, most, marks, options});
}

// `rows` are {panel, bar, from, to, share}.
export function strips({rows, names, panels, spec, width}) {
  const most = Math.max(0, ...rows.map((row) => row.to));
  const marks = [
    Plot.barX(rows, {
      x1: "from",
      x2: "to",
      y: "bar",
      fy: "panel",
      fill: "var(--strip)",
      fillOpacity: (row) => 0.08 + 0.92 * row.share,
      stroke: "var(--strip)",
      strokeOpacity: 0.35,
      strokeWidth: 0.5,
      title: (row) =>
        `${row.panel}, ${row.bar}\n${short(row.to - row.from, "bytes")} of slabs, ` +
        `${short(100 * row.share, "%")} full`,
      tip: TIP,
    }),
  ];
  const options = {opacity: {type: "identity"}};
  return barPlot({names, panels, spec, width, most, marks, options});
}

// A panel of lines, or of dots alone. `lines` are {name, index, points: [{x, y, title}]}.
export function linePanel({lines, spec, width, range}) {
  const rows = lines.flatMap((line) => line.points.map((at) => ({...at, run: line.name})));
  const values = rows.map((row) => row.y).filter((y) => y > 0);
  // What spans orders of magnitude is unreadable from zero.
  const wide = spec.dots && values.length > 0 && Math.max(...values) > 30 * Math.min(...values);
  const yLog = spec.y_log || wide;
  const sizes = spec.dots ? [...new Set(rows.map((row) => row.x))].sort((a, b) => a - b) : null;
  const isCloud = spec.kind === "dots";
  const marks = range
    ? [Plot.rectX([range], {x1: "from", x2: "to", fill: "var(--strip)", fillOpacity: 0.13})]
    : [];
  for (const line of lines) {
    const paint = colour(line.index);
    if (!isCloud) {
      marks.push(
        Plot.lineY(line.points, {
          x: "x",
          y: "y",
          stroke: paint,
          strokeWidth: 1.8,
          strokeDasharray: dash(line.index),
          curve: spec.steps ? "step-after" : "linear",
        }),
      );
    }
    if (spec.dots || isCloud) {
      marks.push(Plot.dot(line.points, {x: "x", y: "y", fill: paint, r: 3, fillOpacity: 0.8}));
    }
  }
  const tipText = (row) =>
    row.title ??
    `${row.run}\n${short(row.x, spec.x_unit)}${spec.x_unit ? "" : ` ${spec.x_title}`}: ` +
      short(row.y, spec.y_unit);
  marks.push(Plot.tip(rows, Plot.pointerX({x: "x", y: "y", title: tipText, ...TIP})));
  return Plot.plot({
    width,
    height: Math.round(Math.max(220, Math.min(340, width * 0.5))),
    marginLeft: 62,
    marginRight: 20,
    marginTop: 30,
    marginBottom: 46,
    style: STYLE,
    x: {
      type: spec.x_log ? "log" : "linear",
      base: sizes ? 2 : 10,
      label: spec.x_title ?? null,
      labelAnchor: "center",
      labelArrow: "none",
      ticks: sizes ?? Math.max(2, Math.floor(width / 110)),
      tickFormat: (value) => short(value, spec.x_unit),
    },
    y: {
      type: yLog ? "log" : "linear",
      zero: !yLog,
      label: spec.y_title ?? null,
      labelArrow: "none",
      grid: true,
      ticks: yLog ? 6 : ticksUpTo(Math.max(0, ...values), spec.y_unit, 6),
      tickFormat: (value) =>
        yLog && !/^[125]/.test(value.toExponential()) ? "" : short(value, spec.y_unit),
    },
    marks,
  });
}

// One image to a reader of the screen: the table has the numbers.
export function describe(svg, label) {
  for (const inner of svg.querySelectorAll("[aria-label], [aria-hidden], [aria-description]")) {
    if (inner.ariaLabel) inner.dataset.mark = inner.ariaLabel;
    for (const name of ["aria-label", "aria-hidden", "aria-description"]) {
      inner.removeAttribute(name);
    }
  }
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", label);
  return svg;
}
