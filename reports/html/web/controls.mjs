// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// The bar at the top of the page: the legend of the runs, which shows and hides them, the base that
// they are held against, and the time that is looked at.
import {colour, dash} from "./charts.mjs";
import {button, copyButton, drawn, element, select} from "./dom.mjs";
import {readNumbers} from "./state.mjs";

const MS = 1e6;
// A set of more is told by its series, and has no legend of runs.
const RUNS_SHOWN_ALONE = 8;

export function stroke(index) {
  const line = drawn("line", {x1: 0, x2: 28, y1: 5, y2: 5, "stroke-width": 2.5});
  line.style.stroke = colour(index);
  line.setAttribute("stroke-dasharray", dash(index));
  return drawn("svg", {width: 28, height: 10, "aria-hidden": "true"}, line);
}

export function square(index) {
  const swatch = element("span", {class: "swatch"});
  swatch.style.background = colour(index);
  return swatch;
}

// A list of buttons that show and hide what they name; `key` has the numbers of what is hidden.
export function legend({store, key, names, swatch, label}) {
  const list = element("ul", {class: "legend", "aria-label": label});
  const hidden = readNumbers(store.get(key), names.length);
  names.forEach((name, i) => {
    const toggle = () => {
      const now = readNumbers(store.get(key), names.length);
      if (!now.delete(i)) now.add(i);
      // Nothing at all is never shown.
      const text = now.size === names.length ? "" : [...now].sort((a, b) => a - b).join(",");
      store.set({[key]: text});
    };
    const pressed = String(!hidden.has(i));
    const node = button("", toggle, {"aria-pressed": pressed, "data-number": i});
    node.append(swatch(i), name);
    list.append(element("li", {}, node));
  });
  return list;
}

// Draws it again with the focus where it was.
export function replaceLegend(place, list) {
  const focused = place.contains(document.activeElement)
    ? document.activeElement.getAttribute("data-number")
    : null;
  place.replaceChildren(list);
  if (focused !== null) place.querySelector(`[data-number="${focused}"]`)?.focus();
}

export class Controls {
  constructor(app, hasTimes) {
    this.app = app;
    const {store, runs} = app;
    this.runs = element("div", {class: "runs"});
    this.place = element("div", {class: "controls", role: "group", "aria-label": "What is shown"});
    if (runs.length > 1 && runs.length <= RUNS_SHOWN_ALONE) {
      const options = runs.map((run, i) => ({value: String(i), text: run}));
      const choose = (base) => store.set({base: base === "0" ? "" : base});
      const base = select("Base", options, "0", choose);
      this.base = base.querySelector("select");
      this.place.append(this.runs, base);
    }
    if (hasTimes) {
      this.from = this.timeField("from");
      this.to = this.timeField("to");
      this.clear = button("All", () => store.set({t: ""}), {"aria-label": "All of the time"});
      this.place.append(
        element("span", {class: "time"}, "Time ", this.from, " to ", this.to, " ms ", this.clear),
      );
    }
    this.place.append(copyButton("Copy link", () => location.href));
  }

  timeField(name) {
    const field = element("input", {type: "number", min: "0", step: "any", size: "8"});
    field.setAttribute("aria-label", `Time ${name}, milliseconds`);
    field.addEventListener("change", () => {
      const [from, to] = [this.from, this.to].map((each) => Number.parseFloat(each.value));
      if (Number.isNaN(from) && Number.isNaN(to)) return this.app.store.set({t: ""});
      const least = Number.isNaN(from) ? 0 : Math.max(0, Math.round(from * MS));
      const most = Number.isNaN(to) ? Number.MAX_SAFE_INTEGER : Math.round(to * MS);
      this.app.store.set({t: `${Math.min(least, most)}-${Math.max(least, most)}`});
    });
    return field;
  }

  draw() {
    const {app} = this;
    if (this.base) {
      const {store, runs} = app;
      const label = "Runs: press to show or hide";
      replaceLegend(
        this.runs,
        legend({store, key: "off", names: runs, swatch: stroke, label}),
      );
      this.base.value = String(runs.indexOf(app.base()));
    }
    if (this.from) {
      const range = app.range();
      const text = (ns) => (ns === Number.MAX_SAFE_INTEGER ? "" : String(ns / MS));
      this.from.value = range ? text(range.from) : "";
      this.to.value = range ? text(range.to) : "";
      this.clear.hidden = range === null;
    }
  }
}
