// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// The page's tables: how they are read from its data (reports/html_page.proto), and what a reader
// does with them. A table is {columns: [{title, unit, decimals}], rows: [[cell, ...], ...]}; a cell
// is a number, a text, or null.
import {plainChange} from "./changes.mjs";
import {csvField} from "./numbers.mjs";

export const isText = (column) => ["text", "run", "mark", "change"].includes(column.unit);

// [n, value] is n times that value.
export function expand(values) {
  const cells = [];
  for (const value of values ?? []) {
    if (Array.isArray(value)) {
      for (let i = 0; i < value[0]; ++i) cells.push(value[1]);
    } else {
      cells.push(value);
    }
  }
  return cells;
}

function columnCells(column, page) {
  if (column.source) {
    const [table, title] = column.source.split("/");
    const from = page.tables.find((each) => each.name === table);
    return columnCells(from.columns.find((each) => each.title === title), page);
  }
  const cells = expand(column.values);
  const isName = column.unit === "text" || column.unit === "run";
  return isName ? cells.map((cell) => (cell === null ? "" : page.names[cell])) : cells;
}

export function readTable(table, page) {
  const columns = (table.columns ?? []).map((column) => ({
    title: column.title ?? "",
    unit: column.unit ?? "",
    decimals: column.decimals ?? 0,
  }));
  const cells = (table.columns ?? []).map((column) => columnCells(column, page));
  // A table of nothing but other tables' columns says no number.
  const length = table.rows ?? cells[0]?.length ?? 0;
  const rows = Array.from({length}, (_, i) => cells.map((each) => each[i]));
  return {columns, rows, note: table.note ?? ""};
}

export function columnIndex(table, title) {
  return table.columns.findIndex((column) => column.title === title);
}

// The rows that `keep` says yes to, by the cell of that column; all if there is no such column.
export function rowsWhere(table, isColumn, keep) {
  const at = table.columns.findIndex(isColumn);
  if (at < 0) return table;
  return {...table, rows: table.rows.filter((row) => keep(row[at]))};
}

export function onlyRuns(table, runs) {
  return rowsWhere(table, (column) => column.unit === "run", (run) => runs.includes(run));
}

export function onlyTimes(table, range) {
  if (range === null) return table;
  const inside = (time) => time >= range.from && time <= range.to;
  return rowsWhere(table, (column) => column.unit === "ns", inside);
}

// A row for each of `keys`' values, a column for each run, and beside each but the base's, how far
// it moved. Rows that are alike but for nothing are told apart by their order.
export function pivot(table, {keys, value, runs, base}) {
  const keysAt = keys.map((title) => columnIndex(table, title));
  const valueAt = columnIndex(table, value);
  const runAt = table.columns.findIndex((column) => column.unit === "run");
  const of = new Map();
  const timesSeen = new Map();
  for (const row of table.rows) {
    const names = keysAt.map((at) => row[at]);
    const seenKey = JSON.stringify([row[runAt], ...names]);
    const times = timesSeen.get(seenKey) ?? 0;
    timesSeen.set(seenKey, times + 1);
    const key = JSON.stringify([times, ...names]);
    if (!of.has(key)) of.set(key, {names, cells: new Map()});
    of.get(key).cells.set(row[runAt], row[valueAt]);
  }
  const column = table.columns[valueAt];
  const others = runs.filter((run) => run !== base);
  const hasChange = !isText(column) && runs.includes(base);
  const columns = keysAt.map((at) => table.columns[at]);
  const ordered = runs.includes(base) ? [base, ...others] : others;
  for (const run of ordered) {
    columns.push({...column, title: run});
    if (hasChange && run !== base) columns.push({title: `change of ${run}`, unit: "change"});
  }
  const rows = [...of.values()].map(({names, cells}) => {
    const row = [...names];
    for (const run of ordered) {
      row.push(cells.get(run) ?? null);
      if (hasChange && run !== base) row.push(plainChange(cells.get(base), cells.get(run)));
    }
    return row;
  });
  return {...table, columns, rows};
}

// Every word is somewhere in the row, in any case of letters; "a b" in quotes is one word.
export function find(table, words) {
  const wanted = [...words.toLowerCase().matchAll(/"([^"]*)"?|(\S+)/g)].map((m) => m[1] ?? m[2]);
  if (wanted.length === 0) return table;
  const rows = table.rows.filter((row) => {
    const text = row.map((cell) => (cell === null ? "" : String(cell))).join("\n").toLowerCase();
    return wanted.every((word) => text.includes(word));
  });
  return {...table, rows};
}

// "x12.3" and "+4.0%" by what they mean.
function weight(cell) {
  if (typeof cell === "number") return cell;
  if (cell === "from 0") return Infinity;
  const factor = /^x([\d,.]+)$/.exec(cell);
  if (factor) return 100 * (Number(factor[1].replaceAll(",", "")) - 1);
  const number = Number.parseFloat(cell.replaceAll(",", ""));
  return Number.isNaN(number) ? -Infinity : number;
}

// "-cycles" is by cycles, the most first. Equal rows stay in order; what is not there comes last.
export function sort(table, by) {
  if (!by) return table;
  const down = by.startsWith("-");
  const at = columnIndex(table, by.slice(1));
  if (at < 0) return table;
  const sign = down ? -1 : 1;
  const {unit} = table.columns[at];
  const asText = isText(table.columns[at]) && unit !== "change";
  const compare = (a, b) => {
    if (a === null || b === null) return (a === null) - (b === null);
    if (asText) return sign * String(a).localeCompare(String(b), "en", {numeric: true});
    return sign * (weight(a) - weight(b) || 0);
  };
  return {...table, rows: [...table.rows].sort((a, b) => compare(a[at], b[at]))};
}

export function csv({columns, rows}) {
  const line = (cells) => `${cells.map(csvField).join(",")}\n`;
  return line(columns.map((column) => column.title)) + rows.map(line).join("");
}
