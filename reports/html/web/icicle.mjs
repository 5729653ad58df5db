// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Cycles level by level: of one run, or how two differ. Arrow keys go from box to box, Enter goes
// into one, Escape out of it. What was chosen stands in the address: by, of, against, in.
import {touches} from "./app.mjs";
import {colour} from "./charts.mjs";
import {button, drawn, element, say, select} from "./dom.mjs";
import {Grid} from "./grid.mjs";
import {fixed} from "./numbers.mjs";
import {columnIndex} from "./tables.mjs";
import {cellsOf, layOut, nodeAt, shift, treeOf} from "./trees.mjs";

const ROW = 24;
const BOX_LEAST = 2.5;  // pixels: narrower ones are left out
const NAMED_LEAST = 24;  // narrower ones have no name
const LEVELS = ["caller", "cache", "path", "site", "structure", "outcome"];
const AT_FIRST = {
  callers: ["cache", "caller", "path", "structure", "outcome"],
  sites: ["site", "structure", "outcome"],
};

// {levels, rows: [{run, names, value}]} of what the page has.
function icicleData(app, view) {
  const own = app.table("view:where");
  if (own !== null && own.rows.length > 0) {
    const at = (title) => columnIndex(own, title);
    const levels = LEVELS.filter((level) => at(level) >= 0);
    const rows = own.rows.map((row) => ({
      run: row[at("run")],
      names: Object.fromEntries(levels.map((level) => [level, row[at(level)]])),
      value: row[at("cycles")],
    }));
    return {levels, rows, first: AT_FIRST.callers};
  }
  const rows = [];
  const sites = new Set(view.chart.parts);
  const gather = (name, names) => {
    const table = app.table(name);
    const at = (title) => columnIndex(table, title);
    for (const row of table?.rows ?? []) {
      const site = row[at("site")];
      if (!sites.has(site)) continue;
      const value = row[at("cycles")];
      rows.push({run: row[at("run")], names: {site, ...names((title) => row[at(title)])}, value});
    }
  };
  gather("touches", (cell) => ({structure: cell("structure"), outcome: cell("outcome")}));
  gather("causes", (cell) => ({structure: "no touch", outcome: cell("cause")}));
  return {levels: AT_FIRST.sites, rows, first: AT_FIRST.sites};
}

function nameOf(node) {
  return node.path.length === 0 ? "all" : node.name || "(none)";
}

export class Icicle {
  constructor(app, view) {
    Object.assign(this, {app, view});
    this.data = icicleData(app, view);
    this.operations = new Map(app.runs.map((run) => [run, app.operations(run)]));
    this.choices = element("div", {class: "tools"});
    this.trail = element("p", {class: "trail"});
    this.place = element("figure", {"data-chart": "icicle"});
    this.focus = "[]";
    this.grid = new Grid({app, id: "where", title: view.title, rowsOf: () => this.cellTable()});
    this.parts = [this.choices, this.trail, this.place, this.grid.place];
    this.width = 0;
    new ResizeObserver(() => {
      const width = Math.floor(this.place.clientWidth);
      if (Math.abs(width - this.width) < 2) return;
      this.width = width;
      this.drawBoxes();
    }).observe(this.place);
  }

  levels() {
    const chosen = this.app.store.get("by").split(",");
    const known = chosen.filter((level, i) => {
      return this.data.levels.includes(level) && chosen.indexOf(level) === i;
    });
    return known.length > 0 ? known : this.data.first;
  }

  run() {
    const of = this.app.store.get("of");
    const {runs} = this.app;
    return /^\d+$/.test(of) && runs[of] !== undefined ? runs[of] : this.app.shown().at(-1);
  }

  // The run that it is held against; none if there is one alone, or by choice.
  against() {
    const {runs, store} = this.app;
    const against = store.get("against");
    if (against === "none" || runs.length < 2) return null;
    const isRun = /^\d+$/.test(against) && runs[against] !== undefined;
    const run = isRun ? runs[against] : this.app.base();
    return run === this.run() ? null : run;
  }

  path() {
    try {
      const path = JSON.parse(this.app.store.get("in") || "[]");
      return Array.isArray(path) ? path.map(String) : [];
    } catch {
      return [];
    }
  }

  tree() {
    const {levels} = this.data;
    const cells = cellsOf(this.data.rows, levels, this.run(), this.against(), this.operations);
    return treeOf(cells, this.levels());
  }

  // The cells of the box that is gone into, as a table.
  cellTable() {
    const levels = this.levels();
    const path = this.path();
    const against = this.against();
    const cells = cellsOf(this.data.rows, levels, this.run(), against, this.operations)
      .filter((cell) => path.every((name, i) => cell.names[levels[i]] === name))
      .sort((a, b) => Math.max(b.value, b.base) - Math.max(a.value, a.base));
    const columns = levels.map((title) => ({title, unit: "text"}));
    columns.push({title: this.run(), unit: "", decimals: 2});
    if (against) {
      columns.push({title: against, unit: "", decimals: 2});
      columns.push({title: "difference", unit: "", decimals: 2});
    }
    const rows = cells.map((cell) => {
      const row = [...levels.map((level) => cell.names[level]), cell.value];
      return against ? [...row, cell.base, cell.value - cell.base] : row;
    });
    return {columns, rows, note: "Cycles an operation."};
  }

  drawChoices() {
    const {runs, store} = this.app;
    const number = (run) => String(runs.indexOf(run));
    const names = runs.map((run, i) => ({value: String(i), text: run}));
    const none = {value: "none", text: "nothing"};
    const against = this.against();
    const focused = this.choices.contains(document.activeElement)
      ? [...this.choices.querySelectorAll("select, button")].indexOf(document.activeElement)
      : -1;
    const parts = [];
    if (runs.length > 1) {
      parts.push(select("Run", names, number(this.run()), (of) => store.set({of, in: ""})));
      const chosen = against === null ? "none" : number(against);
      parts.push(
        select("against", [none, ...names], chosen, (value) => store.set({against: value})),
      );
    }
    const levels = this.levels();
    for (let i = 0; i <= levels.length && i < this.data.levels.length; ++i) {
      const free = this.data.levels.filter((level) => !levels.slice(0, i).includes(level));
      const options = free.map((level) => ({value: level, text: level}));
      if (i > 0) options.unshift({value: "", text: "\u2013"});
      const change = (level) => {
        const rest = levels.slice(i + 1).filter((each) => each !== level);
        const by = level === "" ? levels.slice(0, i) : [...levels.slice(0, i), level, ...rest];
        store.set({by: by.join(","), in: ""});
      };
      parts.push(select(i === 0 ? "by" : "then", options, levels[i] ?? "", change));
    }
    this.choices.replaceChildren(...parts);
    this.choices.querySelectorAll("select, button")[focused]?.focus();
  }

  label(node, whole) {
    const name = [...node.path.slice(0, -1), nameOf(node)].join(", ");
    const against = this.against();
    const share = whole > 0 ? ` (${fixed((100 * node.value) / whole, 1)} %)` : "";
    const text = `${name}: ${fixed(node.value, 2)} cycles an operation${share}`;
    if (against === null) return text;
    const change = node.value - node.base;
    return `${text}, ${change < 0 ? "" : "+"}${fixed(change, 2)} against ${against}`;
  }

  paint(node) {
    if (this.against() === null) {
      const top = this.root.children.findIndex((each) => each.name === node.path[0]);
      return {fill: node.path.length === 0 ? "var(--quiet)" : colour(top), opacity: 0.3};
    }
    const by = shift(node);
    return {fill: by > 0 ? "var(--bad)" : "var(--strip)", opacity: 0.04 + 0.5 * Math.abs(by)};
  }

  drawBoxes() {
    this.root = this.tree();
    const top = nodeAt(this.root, this.path());
    const width = Math.max(260, this.width);
    const boxes = layOut(top, BOX_LEAST / width);
    const depths = Math.max(...boxes.map((box) => box.depth)) + 1;
    const svg = drawn("svg", {
      width,
      height: depths * ROW,
      viewBox: `0 0 ${width} ${depths * ROW}`,
      role: "tree",
      "aria-label": this.view.title,
    });
    this.boxes = boxes;
    boxes.forEach((box, i) => svg.append(this.drawBox(box, i, width)));
    svg.addEventListener("keydown", (event) => this.onKey(event));
    const hadFocus = this.place.contains(document.activeElement);
    this.place.replaceChildren(svg);
    const keys = boxes.map((box) => JSON.stringify(box.node.path));
    this.move(Math.max(0, keys.indexOf(this.focus)), hadFocus);
    this.drawTrail(top);
  }

  drawBox({node, depth, from, to}, i, width) {
    const [x, wide] = [from * width, Math.max(1, (to - from) * width - 1)];
    const {fill, opacity} = this.paint(node);
    const label = this.label(node, this.root.value);
    // An image within the image cuts off what is longer than its box.
    const size = {width: wide.toFixed(2), height: ROW - 1};
    const box = drawn("svg", {
      role: "treeitem",
      tabindex: "-1",
      "aria-level": depth + 1,
      "aria-label": label,
      x: x.toFixed(2),
      y: depth * ROW,
      ...size,
    });
    const rect = drawn("rect", {...size, rx: 2, "fill-opacity": opacity});
    rect.style.fill = fill;
    box.append(drawn("title", {}, label), rect);
    if (wide >= NAMED_LEAST) box.append(drawn("text", {x: 5, y: 16}, nameOf(node)));
    box.addEventListener("click", () => this.enter(i));
    return box;
  }

  drawTrail(top) {
    const parts = [button("all", () => this.go([]))];
    top.path.forEach((name, i) => {
      parts.push(" \u203a ", button(name || "(none)", () => this.go(top.path.slice(0, i + 1))));
    });
    this.trail.replaceChildren(...parts, ` ${this.label(top, this.root.value)}`);
  }

  go(path) {
    this.focus = JSON.stringify(path);
    this.app.store.set({in: path.length > 0 ? JSON.stringify(path) : ""});
  }

  enter(i) {
    const {path} = this.boxes[i].node;
    const isOpen = JSON.stringify(path) === JSON.stringify(this.path());
    this.go(isOpen ? path.slice(0, -1) : path);
  }

  // One box is in the order of tabulator stops.
  move(to, withFocus) {
    const items = this.place.querySelectorAll("[role=treeitem]");
    items.forEach((item, i) => item.setAttribute("tabindex", i === to ? "0" : "-1"));
    this.at = to;
    this.focus = JSON.stringify(this.boxes[to].node.path);
    if (withFocus) items[to].focus();
  }

  onKey(event) {
    const {depth, from} = this.boxes[this.at];
    const of = (wanted) => this.boxes.findIndex(wanted);
    const last = (wanted) => this.boxes.findLastIndex(wanted);
    const beside = (box) => box.depth === depth;
    const moves = {
      ArrowRight: () => of((box) => beside(box) && box.from > from + 1e-12),
      ArrowLeft: () => last((box) => beside(box) && box.from < from - 1e-12),
      ArrowDown: () => of((box) => box.depth === depth + 1 && box.from >= from - 1e-12),
      ArrowUp: () => last((box) => box.depth === depth - 1 && box.from <= from + 1e-12),
      Home: () => 0,
    };
    if (event.key === "Enter" || event.key === " ") {
      this.enter(this.at);
    } else if (event.key === "Escape") {
      this.go(this.path().slice(0, -1));
    } else if (moves[event.key]) {
      const to = moves[event.key]();
      if (to >= 0) this.move(to, true);
    } else {
      return;
    }
    event.preventDefault();
    say(this.place.querySelectorAll("[role=treeitem]")[this.at]?.getAttribute("aria-label") ?? "");
  }

  onChange(keys) {
    if (touches(keys, "by", "of", "against", "in", "base", "off")) {
      this.drawChoices();
      if (this.width > 0) this.drawBoxes();
      this.grid.draw();
    } else {
      this.grid.onChange(keys);
    }
  }
}
