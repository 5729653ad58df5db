// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// What of the page's script needs no page. `node --test FOLDER`, where FOLDER has this file;
// SLABLAB_PAGE_MODULES is where the modules are.
import assert from "node:assert/strict";
import {resolve} from "node:path";
import {test} from "node:test";
import {pathToFileURL} from "node:url";

const module = (name) =>
  import(pathToFileURL(resolve(process.env.SLABLAB_PAGE_MODULES, `${name}.mjs`)).href);
const {changeText, markText, metricText} = await module("changes");
const {csvField, exact, quotient, short} = await module("numbers");
const {barRows, linePanels, stripRows, survivalPanels} = await module("series");
const {Store, fragmentOf, readFragment, readNumbers, readRange} = await module("state");
const {csv, expand, find, onlyRuns, onlyTimes, pivot, readTable, sort} = await module("tables");
const {cellsOf, layOut, nodeAt, shift, treeOf} = await module("trees");
const {explainCommand} = await module("words");

// Numbers by chance, the same each time.
function random(seed) {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

test("what repeats in a column is written as a count and once", () => {
  assert.deepEqual(expand([[3, 0], 5, [2, null]]), [0, 0, 0, 5, null, null]);
  assert.deepEqual(expand(undefined), []);
});

const PAGE = {
  names: ["a", "b", "fast", "slow"],
  tables: [
    {
      name: "paths",
      rows: 4,
      columns: [
        {title: "run", unit: "run", values: [0, 0, 1, 1]},
        {title: "name", unit: "text", values: [2, 3, 2, 3]},
        {title: "operations", values: [10, 1, 20, null]},
      ],
    },
  ],
};
const PATHS = readTable(PAGE.tables[0], PAGE);

test("a column may stand in another table", () => {
  const columns = [
    {title: "path", unit: "text", source: "paths/name"},
    {title: "own", values: [[4, 7]]},
  ];
  const {rows} = readTable({rows: 4, columns}, PAGE);
  assert.deepEqual(rows, [["fast", 7], ["slow", 7], ["fast", 7], ["slow", 7]]);
});

test("runs that are hidden are in no row, and tables without runs stay whole", () => {
  assert.deepEqual(onlyRuns(PATHS, ["b"]).rows, [["b", "fast", 20], ["b", "slow", null]]);
  const plain = {columns: [{title: "x", unit: ""}], rows: [[1]]};
  assert.equal(onlyRuns(plain, []), plain);
});

test("a time keeps both of its ends", () => {
  const table = {columns: [{title: "time", unit: "ns"}], rows: [[1], [2], [3], [4]]};
  assert.deepEqual(onlyTimes(table, {from: 2, to: 3}).rows, [[2], [3]]);
  assert.equal(onlyTimes(table, null), table);
});

test("a pivot has the base first, and by how much others moved", () => {
  const table = pivot(PATHS, {keys: ["name"], value: "operations", runs: ["a", "b"], base: "b"});
  assert.deepEqual(table.columns.map((column) => column.title), ["name", "b", "a", "change of a"]);
  assert.deepEqual(table.rows, [["fast", 20, 10, "-50.0%"], ["slow", null, 1, "-"]]);
});

test("rows of one name are told apart in a pivot", () => {
  const columns = [{title: "run", unit: "run"}, {title: "n", unit: "text"}, {title: "v", unit: ""}];
  const rows = [["a", "x", 1], ["a", "x", 2], ["b", "x", 3], ["b", "x", 4]];
  const table = pivot({columns, rows}, {keys: ["n"], value: "v", runs: ["a", "b"], base: "a"});
  assert.deepEqual(table.rows.map((row) => row.slice(0, 3)), [["x", 1, 3], ["x", 2, 4]]);
});

test("sorting keeps the order of equals, and has what is missing last", () => {
  const columns = [{title: "n", unit: "text"}, {title: "v", unit: ""}];
  columns.push({title: "c", unit: "change"});
  const rows = [["p10", 2, "+1.0%"], ["p9", null, "x12.0"], ["p1", 2, "-50.0%"]];
  rows.push(["p2", 5, "from 0"]);
  const names = (by) => sort({columns, rows}, by).rows.map((row) => row[0]);
  assert.deepEqual(names("-v"), ["p2", "p10", "p1", "p9"]);
  assert.deepEqual(names("+v"), ["p10", "p1", "p2", "p9"]);
  assert.deepEqual(names("+n"), ["p1", "p2", "p9", "p10"]);
  assert.deepEqual(names("-c"), ["p2", "p9", "p10", "p1"]);
  assert.deepEqual(names("-no such column"), ["p10", "p9", "p1", "p2"]);
  assert.deepEqual(names(""), ["p10", "p9", "p1", "p2"]);
});

test("every word that is sought is in a row that is found", () => {
  const columns = [{title: "cache", unit: "text"}, {title: "path", unit: "text"}];
  const rows = [["kmalloc-1k", "free slow"], ["kmalloc-8", "free fast"], ["dentry", "free slow"]];
  const found = (words) => find({columns, rows}, words).rows.length;
  assert.equal(found("FREE"), 3);
  assert.equal(found("kmalloc slow"), 1);
  assert.equal(found('"free slow"'), 2);
  assert.equal(found('"free s'), 2);
  assert.equal(found("  "), 3);
});

test("cells of CSV are quoted, and no spreadsheet computes them", () => {
  assert.equal(csvField("a,b"), '"a,b"');
  assert.equal(csvField('say "x"'), '"say ""x"""');
  assert.equal(csvField("=1+1"), "'=1+1");
  assert.equal(csvField("-61.7%"), "-61.7%");
  assert.equal(csvField("-"), "-");
  assert.equal(csvField(null), "");
  assert.equal(csv({columns: [{title: "a"}, {title: "b"}], rows: [[1.5, "x"]]}), "a,b\n1.5,x\n");
});

test("the address has all that was chosen, whatever it is", () => {
  const chance = random(7);
  const texts = ["", "0,2", "-cycles waited", 'kmalloc "a&b=c"', "\u00e9#?", "100%", '["a","b?"]'];
  for (let round = 0; round < 300; ++round) {
    const values = new Map();
    for (let n = chance(5); n > 0; --n) {
      values.set(`k${chance(9)}.${texts[chance(texts.length)]}`, texts[chance(texts.length)]);
    }
    const view = ["", "locks", "layers-over-time"][chance(3)];
    const read = readFragment(fragmentOf(view, values));
    assert.equal(read.view, view);
    assert.deepEqual(new Map([...read.values].sort()), new Map([...values].sort()));
  }
});

test("an address of one's own making breaks nothing", () => {
  for (const fragment of ["#%", "#?", "#a?b", "#a?=&=", "#%E0%A4%A?x=%", "no hash"]) {
    assert.equal(typeof readFragment(fragment).view, "string");
  }
  assert.deepEqual([...readNumbers("1,x,-1,99,2", 3)], [1, 2]);
  for (const text of ["", "1", "2-1", "-1-2", "a-b"]) assert.equal(readRange(text), null);
  assert.deepEqual(readRange("5-7"), {from: 5, to: 7});
});

test("who listens is told what has changed, and empty values are forgotten", () => {
  const store = new Store("#locks?off=1");
  const heard = [];
  store.listen((keys) => heard.push(keys));
  store.set({off: "", base: "2"});
  assert.deepEqual(heard, [["off", "base"]]);
  assert.equal(store.fragment(), "#locks?base=2");
  assert.equal(store.fragment("peak"), "#peak?base=2");
});

test("changes read as those of reports/delta.h", () => {
  const cycles = {unit: "cycles", decimals: 3, better: -1};
  const share = {unit: "%", decimals: 3, better: 1};
  assert.equal(changeText(cycles, 431_400, 300_000), "-30.5%");
  assert.equal(changeText(cycles, 1, 10), "x10.0");
  assert.equal(changeText(cycles, 0, 5), "from 0");
  assert.equal(changeText(cycles, 0, 0), "0");
  assert.equal(changeText(cycles, null, 5), "-");
  assert.equal(changeText(share, 50_000, 51_254), "+1.25 pt");
  assert.equal(changeText(share, 51_254, 50_000), "-1.25 pt");
  assert.equal(markText(cycles, 1000, 1005), "~");
  assert.equal(markText(cycles, 1000, 1000), "=");
  assert.equal(markText(cycles, 1000, 2000), "WORSE");
  assert.equal(markText(share, 50_000, 60_000), "better");
  assert.equal(markText({unit: "", decimals: 0}, 1, 2), "moved");
  assert.equal(markText(cycles, null, 2), "");
  assert.equal(metricText(cycles, 12_345_678), "12,345.7");
  assert.equal(metricText({unit: "", decimals: 0}, 1234567), "1,234,567");
});

test("numbers are rounded half up, and units are those of their size", () => {
  assert.equal(quotient(10n, 3n, 1), "3.3");
  assert.equal(quotient(10_000n, 3n, 0), "3,333");
  assert.equal(quotient(1n, 2n, 0), "1");
  assert.equal(short(1536, "bytes"), "1.5 KiB");
  assert.equal(short(1_200_000_000, "ns"), "1.2 s");
  assert.equal(exact(1_234_567, {unit: "bytes"}), "1,234,567");
  assert.equal(exact(1_234_567, {unit: "ns"}), "1.235 ms");
  assert.equal(exact(null, {unit: ""}), "\u2013");
});

// Cells by chance: names of three levels, values of two runs.
function anyCells(chance) {
  const levels = ["x", "y", "z"];
  const rows = [];
  for (let n = 1 + chance(40); n > 0; --n) {
    const names = Object.fromEntries(levels.map((level) => [level, `${level}${chance(3)}`]));
    rows.push({run: ["a", "b"][chance(2)], names, value: chance(100)});
  }
  return {levels, rows};
}

test("each box of a tree is the sum of those below it, in any order of levels", () => {
  const chance = random(11);
  for (let round = 0; round < 200; ++round) {
    const {levels, rows} = anyCells(chance);
    const operations = new Map([["a", 1], ["b", 1]]);
    const cells = cellsOf(rows, levels, "a", "b", operations);
    const by = [...levels].sort(() => chance(3) - 1);
    const root = treeOf(cells, by);
    const sum = (run) => rows.reduce((all, row) => all + (row.run === run ? row.value : 0), 0);
    assert.equal(root.value, sum("a"));
    assert.equal(root.base, sum("b"));
    const check = (node) => {
      if (node.children.length > 0) {
        for (const key of ["value", "base", "width"]) {
          const below = node.children.reduce((all, child) => all + child[key], 0);
          assert.ok(Math.abs(below - node[key]) < 1e-9);
        }
      }
      assert.ok(node.width >= Math.max(node.value, node.base) - 1e-9);
      assert.ok(Math.abs(shift(node)) <= 1);
      assert.equal(nodeAt(root, node.path), node);
      node.children.forEach(check);
    };
    check(root);
    for (const {node, from, to} of layOut(root, 0)) {
      assert.ok(from >= 0 && to <= 1 + 1e-9);
      if (root.width > 0) assert.ok(Math.abs((to - from) * root.width - node.width) < 1e-6);
    }
  }
});

test("what only the base has is to be seen, and is all gone", () => {
  const rows = [{run: "a", names: {x: "old"}, value: 10}, {run: "b", names: {x: "new"}, value: 30}];
  const root = treeOf(cellsOf(rows, ["x"], "b", "a", new Map([["a", 1], ["b", 3]])), ["x"]);
  assert.deepEqual(root.children.map((node) => [node.name, node.width, shift(node)]), [
    ["new", 10, 1],
    ["old", 10, -1],
  ]);
});

test("bars have only parts that are listed and not hidden, the shortest bar first", () => {
  const columns = ["run", "cause", "value"].map((title) => ({title, unit: ""}));
  const rows = [["a", "x", 5], ["a", "y", 1], ["b", "x", 2], ["b", "all", 9]];
  const spec = {bar: "run", part: "cause", values: ["value"], parts: ["x", "y"], ranked: true};
  const drawn = barRows({columns, rows}, spec, new Set());
  assert.deepEqual(drawn.names, ["b", "a"]);
  assert.equal(drawn.rows.length, 3);
  assert.deepEqual(barRows({columns, rows}, spec, new Set([0])).rows.map((row) => row.value), [1]);
});

test("bars of changes go both ways, and there are none for nothing", () => {
  const columns = ["switch", "effect", "by"].map((title) => ({title, unit: ""}));
  const rows = [["a", "more", 5], ["b", "none", 0], ["c", "less", -2], ["d", "less", 0]];
  const spec = {bar: "switch", part: "effect", values: ["by"], parts: ["less", "more"]};
  const drawn = barRows({columns, rows}, spec, new Set());
  assert.deepEqual(drawn.names, ["a", "c"]);
  assert.deepEqual(drawn.rows.map((row) => row.value), [5, -2]);
});

test("a command says since which switch, of two models that differ", () => {
  const explain = {sides: ["slub-6.12", "slub-7.3", "slub-7.3"], rest: "fs --seed=2"};
  const tail = "fs --seed=2 --format=html -o explain.html";
  assert.equal(explainCommand(explain, 0, 1), `slablab explain slub-6.12 slub-7.3 ${tail}`);
  assert.equal(explainCommand(explain, 1, 0), `slablab explain slub-7.3 slub-6.12 ${tail}`);
  assert.equal(explainCommand(explain, 1, 2), null);
  assert.equal(explainCommand(explain, 0, 9), null);
  assert.equal(explainCommand(undefined, 0, 1), null);
});

test("what users asked for is drawn once, of the base", () => {
  const columns = [{title: "run", unit: "run"}];
  for (const title of ["time", "held", "asked"]) columns.push({title, unit: ""});
  const rows = [["a", 1, 10, 4], ["b", 1, 12, 5], ["b", 2, 13, 6]];
  const spec = {x: "time", values: ["held", "asked"]};
  const [panel] = linePanels({columns, rows}, spec, {names: ["a", "b"], base: "b"});
  const seen = panel.lines.map(({name, index, points}) => [name, index, points.map((at) => at.y)]);
  assert.deepEqual(seen, [["a", 0, [10]], ["b", 1, [12, 13]], ["asked", -1, [5, 6]]]);
});

test("strips hold a cache's slabs of all nodes, the fullest first", () => {
  const of = (...titles) => titles.map((title) => ({title, unit: ""}));
  const occupancy = {
    columns: of("run", "cache", "node", "objects", "slabs"),
    rows: [["a", "c", 0, 1, 2], ["a", "c", 1, 4, 1], ["a", "c", 1, 1, 1], ["a", "d", 0, 1, 1]],
  };
  const caches = {
    columns: of("run", "name", "order", "objects_per_slab"),
    rows: [["a", "c", 0, 4], ["a", "d", 0, 1]],
  };
  const {rows} = stripRows(occupancy, caches, {panels: ["c"]});
  assert.deepEqual(rows.map(({from, to, share}) => [from, to, share]), [
    [0, 4096, 1],
    [4096, 4 * 4096, 0.25],
  ]);
});

test("the share that takes longer falls from all to none", () => {
  const columns = ["run", "path", "cycles_max", "operations"].map((title) => ({title, unit: ""}));
  const rows = [["a", "all frees", 10, 3], ["a", "all frees", 20, 1], ["a", "other", 5, 9]];
  const panels = survivalPanels({columns, rows}, {panels: ["all frees", "none"]}, {
    runs: ["a", "b"],
    least: () => 8,
  });
  assert.deepEqual(panels.map(({panel}) => panel), ["all frees"]);
  assert.deepEqual(panels[0].lines[0].points, [{x: 8, y: 100}, {x: 10, y: 25}]);
});
