// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// What a view's chart draws, out of the columns of a table: no elements here.
import {columnIndex} from "./tables.mjs";

const PAGE_BYTES = 4096;

const distinct = (values) => [...new Set(values)];

// {rows: [{panel, bar, part, value}], names, panels, parts}. Only parts that are listed, where any
// are; `hidden` are numbers of parts. A ranked chart has its shortest bar first. What has nothing
// in any panel has no bar, unless it is a run.
export function barRows(table, spec, hidden) {
  const at = (title) => (title ? columnIndex(table, title) : -1);
  const [panelAt, barAt, partAt] = [at(spec.panel), at(spec.bar), at(spec.part)];
  const valuesAt = spec.values.map(at);
  const rows = [];
  for (const row of table.rows) {
    valuesAt.forEach((valueAt, i) => {
      const part = partAt >= 0 ? row[partAt] : spec.parts[i];
      const panel = panelAt >= 0 ? row[panelAt] : "";
      rows.push({panel, bar: row[barAt], part, value: row[valueAt] ?? 0});
    });
  }
  const parts = spec.parts?.length ? spec.parts : distinct(rows.map((row) => row.part));
  const number = new Map(parts.map((part, i) => [part, i]));
  const drawn = rows.filter((row) => number.has(row.part) && !hidden.has(number.get(row.part)));
  const panels = distinct(rows.map((row) => row.panel));
  let names = distinct(rows.map((row) => row.bar));
  if (spec.ranked) {
    const total = new Map(names.map((name) => [name, 0]));
    for (const row of drawn) total.set(row.bar, total.get(row.bar) + row.value);
    names = names.sort((a, b) => total.get(a) - total.get(b));
  }
  const filled = drawn.filter((row) => row.value !== 0);
  if (spec.bar !== "run") names = distinct(filled.map((row) => row.bar));
  return {rows: filled, names, panels, parts};
}

// Slabs of each cache from the fullest to the emptiest, whatever their node.
export function stripRows(occupancy, caches, spec) {
  const at = (table, title) => columnIndex(table, title);
  const shapes = new Map();
  for (const row of caches.rows) {
    const key = JSON.stringify([row[at(caches, "run")], row[at(caches, "name")]]);
    const order = Math.min(20, Math.max(0, Number(row[at(caches, "order")])));
    shapes.set(key, {slots: row[at(caches, "objects_per_slab")], bytes: PAGE_BYTES * 2 ** order});
  }
  const panels = spec.panels ?? [];
  const of = new Map();
  for (const row of occupancy.rows) {
    const [run, cache] = [row[at(occupancy, "run")], row[at(occupancy, "cache")]];
    if (!panels.includes(cache)) continue;
    const key = JSON.stringify([run, cache]);
    if (!of.has(key)) of.set(key, {run, cache, slabs: new Map()});
    const {slabs} = of.get(key);
    const objects = row[at(occupancy, "objects")];
    slabs.set(objects, (slabs.get(objects) ?? 0) + row[at(occupancy, "slabs")]);
  }
  const rows = [];
  for (const [key, {run, cache, slabs}] of of) {
    const {slots, bytes} = shapes.get(key);
    let from = 0;
    for (const [objects, count] of [...slabs].sort((a, b) => b[0] - a[0])) {
      const to = from + count * bytes;
      const share = slots > 0 ? Math.min(objects, slots) / slots : 0;
      rows.push({panel: cache, bar: run, from, to, share});
      from = to;
    }
  }
  return {rows, panels, names: distinct(rows.map((row) => row.bar))};
}

// The names of the lines of a whole table, in order: their place is their colour.
export function lineNames(table, spec, runs) {
  if (!spec.line) return runs;
  const at = columnIndex(table, spec.line);
  return distinct(table.rows.map((row) => row[at]));
}

// [{panel, lines: [{name, index, points}]}]. `index` is the line's place among `names`, -1 of what
// users asked for, which all runs have in common.
export function linePanels(table, spec, {names, base}) {
  const at = (title) => (title ? columnIndex(table, title) : -1);
  const [panelAt, lineAt, xAt] = [at(spec.panel), at(spec.line), at(spec.x)];
  const runAt = table.columns.findIndex((column) => column.unit === "run");
  const valuesAt = spec.values.map(at);
  const panels = new Map();
  const add = (panel, name, index, point) => {
    if (!panels.has(panel)) panels.set(panel, new Map());
    const lines = panels.get(panel);
    if (!lines.has(name)) lines.set(name, {name, index, points: []});
    lines.get(name).points.push(point);
  };
  for (const row of table.rows) {
    const panel = panelAt >= 0 ? row[panelAt] : "";
    valuesAt.forEach((valueAt, i) => {
      const of = row[lineAt >= 0 ? lineAt : runAt];
      if (i > 0 && of !== base) return;
      const name = i > 0 ? spec.values[i] : of;
      if (row[valueAt] === null) return;
      add(panel, name, i > 0 ? -1 : names.indexOf(of), {x: row[xAt], y: row[valueAt]});
    });
  }
  return [...panels].map(([panel, lines]) => ({panel, lines: [...lines.values()]}));
}

// The share of the operations that take longer than x, for each x where it changes.
export function survivalPanels(latencies, spec, {runs, least}) {
  const at = (title) => columnIndex(latencies, title);
  const panels = spec.panels.map((panel) => {
    const lines = runs.map((run, index) => {
      const buckets = latencies.rows
        .filter((row) => row[at("run")] === run && row[at("path")] === panel)
        .map((row) => ({x: row[at("cycles_max")], operations: row[at("operations")]}));
      const all = buckets.reduce((sum, bucket) => sum + bucket.operations, 0);
      const points = [];
      let rest = all;
      for (const {x, operations} of buckets) {
        if (points.length === 0) points.push({x: Math.max(1, least(panel, run) ?? x), y: 100});
        rest -= operations;
        if (rest <= 0) break;  // A logarithmic axis has no place for none.
        points.push({x: Math.max(1, x), y: (100 * rest) / all});
      }
      return {name: run, index, points};
    });
    return {panel, lines: lines.filter((line) => line.points.length > 0)};
  });
  return panels.filter((panel) => panel.lines.length > 0);
}
