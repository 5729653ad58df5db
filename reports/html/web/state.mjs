// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// What the reader has chosen. All of it stands in the address: "#locks?base=1&find.locks=kmalloc"
// is the view "locks" with what was chosen, so that a link to it shows the same.

export function readFragment(fragment) {
  const text = fragment.replace(/^#/, "");
  const at = text.indexOf("?");
  const view = at < 0 ? text : text.slice(0, at);
  const values = new Map(at < 0 ? [] : new URLSearchParams(text.slice(at + 1)));
  let name = view;
  try {
    name = decodeURIComponent(view);
  } catch {
    // An address that somebody has mangled names no view.
  }
  return {view: name, values};
}

export function fragmentOf(view, values) {
  const sorted = [...values].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  const query = new URLSearchParams(sorted).toString();
  return `#${encodeURIComponent(view)}${query === "" ? "" : `?${query}`}`;
}

// Numbers of runs, parts or lines: "0,2". What is none of `count` is nobody's.
export function readNumbers(text, count) {
  const numbers = (text ?? "").split(",").filter((part) => /^\d+$/.test(part)).map(Number);
  return new Set(numbers.filter((number) => number < count));
}

// "1000-2500", nanoseconds.
export function readRange(text) {
  const match = /^(\d+)-(\d+)$/.exec(text ?? "");
  if (match === null) return null;
  const [from, to] = [Number(match[1]), Number(match[2])];
  return from <= to ? {from, to} : null;
}

export class Store {
  constructor(fragment) {
    this.listeners = [];
    this.read(fragment);
  }

  read(fragment) {
    const {view, values} = readFragment(fragment);
    this.view = view;
    this.values = values;
  }

  get(key) {
    return this.values.get(key) ?? "";
  }

  // An empty value is as good as none, and does not stand in the address.
  set(changes) {
    for (const [key, value] of Object.entries(changes)) {
      if (value === "" || value === null) this.values.delete(key);
      else this.values.set(key, value);
    }
    this.tell(Object.keys(changes));
  }

  fragment(view = this.view) {
    return fragmentOf(view, this.values);
  }

  // Calls `listener` with the keys that have changed; with null if any may have.
  listen(listener) {
    this.listeners.push(listener);
  }

  tell(keys) {
    for (const listener of this.listeners) listener(keys);
  }
}
