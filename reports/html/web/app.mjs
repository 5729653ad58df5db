// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// The page's data, and what of it the reader has chosen: which runs, the base, and a time.
import {readNumbers, readRange} from "./state.mjs";
import {readTable} from "./tables.mjs";

export class App {
  constructor(page, store) {
    this.page = {tables: [], metrics: [], names: [], ...page};
    this.store = store;
    this.runs = page.runs ?? [];
    this.views = (page.views ?? []).map((view) => ({
      ...view,
      chart: view.chart && this.chartSpec(view.chart),
    }));
    this.read = new Map();
  }

  chartSpec(chart) {
    return {...chart, values: chart.values ?? [], parts: chart.parts ?? []};
  }

  // A table of the page, or "view:ID" for that of a view; null if there is none.
  table(name) {
    if (!this.read.has(name)) {
      const id = name.startsWith("view:") ? name.slice(5) : null;
      const from =
        id === null
          ? this.page.tables.find((table) => table.name === name)
          : this.views.find((view) => view.id === id)?.table;
      this.read.set(name, from ? readTable(from, this.page) : null);
    }
    return this.read.get(name);
  }

  tableOf(view) {
    return this.table(view.chart?.table || `view:${view.id}`);
  }

  // Never none: a page of nothing would help nobody.
  shown() {
    const off = readNumbers(this.store.get("off"), this.runs.length);
    const runs = this.runs.filter((_, i) => !off.has(i));
    return runs.length > 0 ? runs : this.runs;
  }

  base() {
    const [chosen] = readNumbers(this.store.get("base"), this.runs.length);
    return this.runs[chosen ?? 0];
  }

  range() {
    return readRange(this.store.get("t"));
  }

  operations(run) {
    const totals = this.table("totals");
    const row = totals?.rows.find((each) => each[0] === run && each[1] === "operations");
    return Number(row?.[2] ?? 0);
  }
}

// Whether what has changed, a list of keys or null for anything, is of interest.
export function touches(keys, ...wanted) {
  return keys === null || keys.some((key) => wanted.includes(key));
}
