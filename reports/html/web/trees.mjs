// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Cells of a table as a tree, level by level, of one run or of two beside each other.

// `cells` are {names: {level: name}, value, base}. The answer is a node {name, path, value, base,
// width, children}: `width` is what it is drawn with, the larger of both at each leaf, so that what
// only the base has is to be seen as well. Children come widest first.
export function treeOf(cells, levels) {
  const root = {name: "", path: [], value: 0, base: 0, width: 0, children: new Map()};
  for (const cell of cells) {
    let node = root;
    node.value += cell.value;
    node.base += cell.base;
    for (const level of levels) {
      const name = cell.names[level];
      if (!node.children.has(name)) {
        const path = [...node.path, name];
        node.children.set(name, {name, path, value: 0, base: 0, width: 0, children: new Map()});
      }
      node = node.children.get(name);
      node.value += cell.value;
      node.base += cell.base;
    }
  }
  return settle(root);
}

function settle(node) {
  const children = [...node.children.values()].map(settle);
  const own = Math.max(node.value, node.base);
  node.width = children.length === 0 ? own : children.reduce((sum, each) => sum + each.width, 0);
  children.sort((a, b) => b.width - a.width || (a.name < b.name ? -1 : 1));
  node.children = children;
  return node;
}

// The node at `path`, or as far down as there is one.
export function nodeAt(root, path) {
  let node = root;
  for (const name of path) {
    const child = node.children.find((each) => each.name === name);
    if (child === undefined) break;
    node = child;
  }
  return node;
}

// What of the tree is drawn, each as {node, depth, from, to} with the root from 0 to 1; what is
// narrower than `least` is left out.
export function layOut(root, least) {
  const boxes = [];
  const place = (node, depth, from, to) => {
    boxes.push({node, depth, from, to});
    let at = from;
    for (const child of node.children) {
      const wide = node.width > 0 ? ((to - from) * child.width) / node.width : 0;
      if (wide >= least) place(child, depth + 1, at, at + wide);
      at += wide;
    }
  };
  place(root, 0, 0, 1);
  return boxes;
}

// How much more than the base, from -1 (all gone) to 1 (all new).
export function shift(node) {
  const most = Math.max(node.value, node.base);
  return most === 0 ? 0 : (node.value - node.base) / most;
}

// The cells of one run, beside the same of the base where there is one: names, and values an
// operation. `rows` are {run, names, value}; `operations` is a number a run.
export function cellsOf(rows, levels, run, base, operations) {
  const cells = new Map();
  for (const row of rows) {
    if (row.run !== run && row.run !== base) continue;
    const key = JSON.stringify(levels.map((level) => row.names[level]));
    if (!cells.has(key)) cells.set(key, {names: row.names, value: 0, base: 0});
    const cell = cells.get(key);
    const value = row.value / Math.max(1, operations.get(row.run) ?? 1);
    if (row.run === run) cell.value += value;
    if (row.run === base) cell.base += value;
  }
  return [...cells.values()];
}
