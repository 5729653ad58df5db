// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Draws the figures of a report from the page's data (reports/html_page.proto). Whatever comes from
// a result is put into the page as text, never as markup.
"use strict";
(() => {
  const COLOURS = 15;
  const DASHES = ["none", "6 3", "2 3", "9 3 2 3", "12 4", "4 2 1 2", "1 4", "8 2"];
  const ASKED_FOR = "asked for";

  function element(tag, attributes, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes ?? {})) made.setAttribute(name, value);
    for (const child of children) made.append(child);
    return made;
  }

  function fixed(value, decimals) {
    return value.toLocaleString("en-US", {
      minimumFractionDigits: decimals,
      maximumFractionDigits: decimals,
    });
  }

  // Three digits that count, then a unit: 12345678 is 12.3 of the third unit.
  function scaled(value, step, units, space) {
    let unit = 0;
    while (Math.abs(value) >= step * 0.99995 && unit + 1 < units.length) {
      value /= step;
      ++unit;
    }
    const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
    const text = value.toLocaleString("en-US", {maximumFractionDigits: digits});
    return text + (units[unit] ? space + units[unit] : "");
  }

  function small(value) {
    return value !== 0 && Math.abs(value) < 1 ? String(Number(value.toPrecision(2))) : null;
  }

  // For axes and tips.
  function short(value, unit) {
    switch (unit) {
      case "bytes":
        return scaled(value, 1024, ["B", "KiB", "MiB", "GiB", "TiB"], " ");
      case "ns":
        return scaled(value, 1000, ["ns", "\u00b5s", "ms", "s"], " ");
      case "%":
        return (small(value) ?? scaled(value, 1e9, [""], "")) + "\u202f%";
      default:
        return small(value) ?? scaled(value, 1000, ["", "k", "M", "G", "T"], "");
    }
  }

  // For tables: bytes and counts to the last one.
  function exact(value, column) {
    if (column.unit === "ns") return short(value, "ns");
    if (column.unit === "%") return `${fixed(value, column.decimals ?? 1)} %`;
    return fixed(value, column.decimals ?? 0);
  }

  // Round numbers of bytes, which are powers of two; of anything else, as many as there is room for.
  function ticksUpTo(most, unit, count) {
    if (unit !== "bytes" || !(most > 0)) return count;
    const step = 2 ** Math.max(0, Math.ceil(Math.log2(most / count)));
    return Array.from({length: Math.floor(most / step) + 1}, (_, i) => i * step);
  }

  function colour(index) {
    return `var(--${(index % COLOURS) + 1})`;
  }

  function lineColour(runs, name) {
    return name === ASKED_FOR ? "var(--10)" : colour(runs.indexOf(name));
  }

  // --- Charts. Each answers an SVG for a place of so many pixels. ---

  // Room for the runs' names at the left, so many characters a line, and the axis that writes them.
  function runAxis(runs, width) {
    const longest = Math.max(...runs.map((run) => run.length));
    const characters = Math.max(4, Math.min(longest, Math.floor((width * 0.34) / 6.6)));
    const margin = Math.ceil(characters * 6.6) + 14;
    const axis = Plot.axisY({
      anchor: "left",
      label: null,
      tickSize: 0,
      tickFormat: (run) =>
        run.length > characters ? `${run.slice(0, characters - 1)}\u2026` : run,
      fontSize: 12,
    });
    return {margin, axis};
  }

  // What bars and strips have in common: a bar a run, in panels one below the other.
  // `most` is the longest bar.
  function barPlot(chart, width, most, marks, options) {
    const runs = chart.runs;
    const panels = chart.panels ?? [""];
    const titled = panels.some((panel) => panel !== "");
    const {margin, axis} = runAxis(runs, width);
    const panelHeight = runs.length * 24 + (titled ? 30 : 6);
    const xTicks = ticksUpTo(most, chart.x_unit, Math.max(2, Math.floor((width - margin) / 110)));
    return Plot.plot({
      width,
      height: panels.length * panelHeight + 58,
      marginLeft: margin,
      marginRight: 22,
      marginTop: titled ? 28 : 10,
      marginBottom: 46,
      style: {fontSize: "12px", background: "transparent", color: "var(--ink)"},
      x: {
        label: chart.x_title ?? null,
        labelAnchor: "center",
        labelArrow: "none",
        grid: true,
        ticks: xTicks,
        tickFormat: (value) => short(value, chart.x_unit),
      },
      y: {domain: runs, axis: null, padding: 0.22},
      fy: {domain: panels, axis: null, padding: titled ? 30 / panelHeight : 0},
      marks: [
        ...marks,
        Plot.ruleX([0], {stroke: "var(--quiet)"}),
        axis,
        titled
          ? Plot.text(panels, {
              fy: (panel) => panel,
              text: (panel) => panel,
              frameAnchor: "top-left",
              textAnchor: "start",
              dx: 4 - margin,
              dy: -17,
              fontWeight: 600,
              fontSize: 12.5,
            })
          : null,
      ],
      ...options,
    });
  }

  function bars(chart, width) {
    const rows = (chart.rows ?? []).map(([panel, run, part, value]) => ({panel, run, part, value}));
    const lengths = new Map();
    for (const {panel, run, value} of rows) {
      const bar = JSON.stringify([panel, run]);
      lengths.set(bar, (lengths.get(bar) ?? 0) + value);
    }
    return barPlot(
      chart,
      width,
      Math.max(0, ...lengths.values()),
      [
        Plot.barX(rows, {
          x: "value",
          y: "run",
          fy: "panel",
          fill: "part",
          order: chart.parts,
          insetRight: 0.5,
          title: (row) => `${row.run}\n${row.part}: ${short(row.value, chart.x_unit)}`,
          tip: {fill: "var(--raised)", stroke: "var(--line)"},
        }),
      ],
      {color: {domain: chart.parts, range: chart.parts.map((_, i) => colour(i))}},
    );
  }

  function strips(chart, width) {
    const rows = (chart.rows ?? []).map(([panel, run, from, to, share]) => {
      return {panel, run, from, to, share};
    });
    const most = Math.max(0, ...rows.map((row) => row.to));
    return barPlot(chart, width, most, [
      Plot.barX(rows, {
        x1: "from",
        x2: "to",
        y: "run",
        fy: "panel",
        fill: "var(--strip)",
        fillOpacity: (row) => 0.08 + 0.92 * row.share,
        stroke: "var(--strip)",
        strokeOpacity: 0.35,
        strokeWidth: 0.5,
        title: (row) =>
          `${row.panel}, ${row.run}\n${short(row.to - row.from, "bytes")} of slabs, ` +
          `${short(100 * row.share, "%")} full`,
        tip: {fill: "var(--raised)", stroke: "var(--line)"},
      }),
    ], {opacity: {type: "identity"}});
  }

  // A panel of lines.
  function linePanel(chart, panel, width) {
    const rows = (chart.rows ?? [])
      .filter((row) => row[0] === panel)
      .map(([, run, x, y]) => ({run, x, y}));
    const values = rows.map((row) => row.y).filter((y) => y > 0);
    // What spans orders of magnitude is unreadable from zero.
    const wide = chart.dots && values.length > 0 && Math.max(...values) > 30 * Math.min(...values);
    const yLog = chart.y_log || wide;
    const sizes = chart.dots ? [...new Set(rows.map((row) => row.x))].sort((a, b) => a - b) : null;
    const marks = chart.runs.flatMap((run) => {
      const line = rows.filter((row) => row.run === run);
      const paint = lineColour(chart.runs, run);
      return [
        Plot.lineY(line, {
          x: "x",
          y: "y",
          stroke: paint,
          strokeWidth: 1.8,
          strokeDasharray: dash(chart.runs, run),
          curve: chart.steps ? "step-after" : "linear",
        }),
        chart.dots ? Plot.dot(line, {x: "x", y: "y", fill: paint, r: 3}) : null,
      ];
    });
    marks.push(
      Plot.tip(
        rows,
        Plot.pointerX({
          x: "x",
          y: "y",
          title: (row) =>
            `${row.run}\n${short(row.x, chart.x_unit)}${chart.x_unit ? "" : ` ${chart.x_title}`}: ` +
            short(row.y, chart.y_unit),
          fill: "var(--raised)",
          stroke: "var(--line)",
        }),
      ),
    );
    return Plot.plot({
      width,
      height: Math.round(Math.max(240, Math.min(380, width * 0.55))),
      marginLeft: 62,
      marginRight: 20,
      marginTop: 30,
      marginBottom: 46,
      style: {fontSize: "12px", background: "transparent", color: "var(--ink)"},
      x: {
        type: chart.x_log ? "log" : "linear",
        base: sizes ? 2 : 10,
        label: chart.x_title ?? null,
        labelAnchor: "center",
        labelArrow: "none",
        ticks: sizes ?? Math.max(2, Math.floor(width / 110)),
        tickFormat: (value) => short(value, chart.x_unit),
      },
      y: {
        type: yLog ? "log" : "linear",
        zero: !yLog,
        label: chart.y_title ?? null,
        labelArrow: "none",
        grid: true,
        ticks: yLog ? 6 : ticksUpTo(Math.max(0, ...values), chart.y_unit, 6),
        tickFormat: (value) =>
          yLog && !/^[125]/.test(value.toExponential()) ? "" : short(value, chart.y_unit),
      },
      marks,
    });
  }

  function legend(names, swatchOf) {
    const list = element("ul", {class: "legend"});
    names.forEach((name, i) => list.append(element("li", {}, swatchOf(name, i), name)));
    return list;
  }

  function square(paint) {
    const swatch = element("span", {class: "swatch"});
    swatch.style.background = paint;
    return swatch;
  }

  function dash(runs, run) {
    return run === ASKED_FOR ? "2 3" : DASHES[runs.indexOf(run) % DASHES.length];
  }

  function stroke(runs, run) {
    const space = "http://www.w3.org/2000/svg";
    const swatch = document.createElementNS(space, "svg");
    const line = document.createElementNS(space, "line");
    const attributes = {x1: 0, x2: 28, y1: 5, y2: 5, "stroke-width": 2.5};
    for (const [name, value] of Object.entries(attributes)) line.setAttribute(name, value);
    line.style.stroke = lineColour(runs, run);
    line.setAttribute("stroke-dasharray", dash(runs, run));
    for (const [name, value] of [["width", 28], ["height", 10], ["aria-hidden", "true"]]) {
      swatch.setAttribute(name, value);
    }
    swatch.append(line);
    return swatch;
  }

  // One image to a reader of the screen: the table has the numbers.
  function describe(svg, label) {
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

  function drawInto(place, figure) {
    const chart = figure.chart;
    const width = Math.max(260, Math.floor(place.clientWidth));
    const label = `${figure.title}; the table of this section has the numbers`;
    place.replaceChildren();
    if (chart.kind === "lines") {
      if (chart.runs.length > 1) {
        place.append(legend(chart.runs, (name) => stroke(chart.runs, name)));
      }
      for (const panel of chart.panels) {
        if (panel !== "") place.append(element("h3", {class: "panel"}, panel));
        place.append(describe(linePanel(chart, panel, width), panel ? `${panel}: ${label}` : label));
      }
    } else if (chart.kind === "strips") {
      place.append(describe(strips(chart, width), label));
    } else {
      place.append(legend(chart.parts, (name, i) => square(colour(i))));
      place.append(describe(bars(chart, width), label));
    }
  }

  // --- Tables. ---

  const isText = (column) => column.unit === "text" || column.unit === "mark";

  function tableOf(figure) {
    const {columns, rows = [], note} = figure.table;
    const head = element("tr");
    for (const column of columns) {
      const attributes = isText(column) ? {scope: "col", class: "t"} : {scope: "col"};
      head.append(element("th", attributes, column.title));
    }
    const body = element("tbody");
    for (const row of rows) {
      const line = element("tr");
      if (row.length === 1 && columns.length > 1) {  // The name of those that follow.
        const attributes = {colspan: String(columns.length), scope: "colgroup", class: "t group"};
        line.append(element("th", attributes, row[0]));
      } else row.forEach((value, i) => {
        const column = columns[i];
        const text =
          value === null ? "\u2013" : typeof value === "number" ? exact(value, column) : value;
        const attributes = isText(column) ? {class: "t"} : {};
        if (column.unit === "mark") attributes.class = value === "WORSE" ? "t WORSE" : `t ${value}`;
        if (i === 0) attributes.scope = "row";
        line.append(element(i === 0 ? "th" : "td", attributes, text));
      });
      body.append(line);
    }
    const box = element(
      "div",
      {class: "table", tabindex: "0", role: "region", "aria-label": `${figure.title}: table`},
      element("table", {}, element("thead", {}, head), body),
    );
    const place = element("div", {}, box);
    if (note) place.append(element("p", {class: "note"}, note));
    return place;
  }

  function sectionOf(figure) {
    const section = element("section", {id: figure.id}, element("h2", {}, figure.title));
    if (figure.lede) section.append(element("p", {class: "lede"}, figure.lede));
    const narrow = figure.table.columns.length <= 6;
    const grid = element("div", {class: figure.chart && narrow ? "figure beside" : "figure"});
    if (figure.chart) {
      const place = element("figure", {"data-chart": figure.chart.kind});
      grid.append(place);
      let drawn = 0;
      // Also draws it for the first time, once it has a width.
      new ResizeObserver(() => {
        if (Math.abs(place.clientWidth - drawn) < 2) return;
        drawn = place.clientWidth;
        drawInto(place, figure);
      }).observe(place);
    }
    grid.append(tableOf(figure));
    section.append(grid);
    return section;
  }

  const page = JSON.parse(document.getElementById("data").textContent);
  const figures = document.getElementById("figures");
  for (const figure of page.figures ?? []) figures.append(sectionOf(figure));
  const contents = element("ul");
  for (const section of document.querySelectorAll("section[id]")) {
    const title = section.querySelector("h2").textContent;
    contents.append(element("li", {}, element("a", {href: `#${section.id}`}, title)));
  }
  document.querySelector("nav").append(contents);
})();
