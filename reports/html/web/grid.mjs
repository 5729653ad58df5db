// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// A table that can be searched, sorted, opened in full and copied. What was chosen stands in the
// address as find.ID, sort.ID and all.ID.
import {touches} from "./app.mjs";
import {button, copyButton, element, say} from "./dom.mjs";
import {exact} from "./numbers.mjs";
import {csv, find, isText, sort} from "./tables.mjs";

const ROWS_AT_FIRST = 20;
// Titles of more letters are broken into lines that are not too narrow.
const LETTERS_SHORT = 12;

const isLeft = (column) => isText(column) && column.unit !== "change";

function headCell(column, sorted, onSort) {
  const attributes = {scope: "col"};
  if (isLeft(column)) attributes.class = "t";
  const direction = sorted.slice(1) === column.title ? sorted[0] : "";
  attributes["aria-sort"] =
    direction === "-" ? "descending" : direction === "+" ? "ascending" : "none";
  const name = column.title.length > LETTERS_SHORT ? "sort long" : "sort";
  return element("th", attributes, button(column.title, () => onSort(column), {class: name}));
}

function bodyCell(value, column, isFirst) {
  const text = exact(value, column);
  const attributes = isLeft(column) ? {class: "t"} : {};
  if (column.unit === "mark") attributes.class = `t ${value}`;
  if (isText(column) && text.length > 24) attributes.title = text;
  if (isFirst) attributes.scope = "row";
  return element(isFirst ? "th" : "td", attributes, text);
}

// `rowsOf` answers the table as the page's choices have it.
export class Grid {
  constructor({app, id, title, rowsOf}) {
    Object.assign(this, {app, id, title, rowsOf});
    this.head = element("thead");
    this.body = element("tbody");
    this.count = element("span", {class: "count"});
    this.search = element("input", {type: "search", "aria-label": `Find in ${title}`, size: "14"});
    this.search.placeholder = "Find";
    this.search.addEventListener("input", () => {
      app.store.set({[`find.${id}`]: this.search.value});
      say(this.count.textContent);
    });
    this.more = button("", () => app.store.set({[`all.${id}`]: this.isWhole() ? "" : "1"}));
    const copy = copyButton("Copy as CSV", () => csv(this.chosen()), {class: "copy"});
    this.tools = element("div", {class: "tools"}, this.search, this.count, this.more, copy);
    const region = {tabindex: "0", role: "region", "aria-label": `${title}: table`};
    const table = element("table", {}, this.head, this.body);
    this.box = element("div", {class: "table", ...region}, table);
    this.place = element("div", {class: "grid"}, this.tools, this.box);
    this.note = element("p", {class: "note"});
    this.place.append(this.note);
  }

  isWhole() {
    return this.app.store.get(`all.${this.id}`) !== "";
  }

  // What is found, in order: all of it.
  chosen() {
    const {store} = this.app;
    return sort(find(this.rowsOf(), store.get(`find.${this.id}`)), store.get(`sort.${this.id}`));
  }

  // The first click has numbers fall and names rise, the second turns it round, the third ends it.
  toggle(column) {
    const key = `sort.${this.id}`;
    const first = isLeft(column) ? "+" : "-";
    const second = first === "+" ? "-" : "+";
    const now = this.app.store.get(key);
    const next = now === first + column.title ? second + column.title : first + column.title;
    this.app.store.set({[key]: now === second + column.title ? "" : next});
  }

  draw() {
    const whole = this.rowsOf();
    const table = this.chosen();
    const sorted = this.app.store.get(`sort.${this.id}`);
    const words = this.app.store.get(`find.${this.id}`);
    if (this.search.value !== words) this.search.value = words;
    const focused = this.head.contains(document.activeElement)
      ? document.activeElement.textContent
      : null;
    const head = element("tr");
    for (const column of table.columns) {
      head.append(headCell(column, sorted, (each) => this.toggle(each)));
    }
    this.head.replaceChildren(head);
    if (focused !== null) {
      [...this.head.querySelectorAll("button")].find((b) => b.textContent === focused)?.focus();
    }
    const shown = this.isWhole() ? table.rows : table.rows.slice(0, ROWS_AT_FIRST);
    this.body.replaceChildren(
      ...shown.map((row) =>
        element("tr", {}, ...row.map((cell, i) => bodyCell(cell, table.columns[i], i === 0))),
      ),
    );
    const all = `${whole.rows.length} ${whole.rows.length === 1 ? "row" : "rows"}`;
    this.count.textContent =
      table.rows.length < whole.rows.length ? `${table.rows.length} of ${all}` : all;
    this.more.hidden = table.rows.length <= ROWS_AT_FIRST;
    this.more.textContent = this.isWhole() ? `First ${ROWS_AT_FIRST}` : `All ${table.rows.length}`;
    this.box.classList.toggle("whole", this.isWhole());
    this.note.textContent = whole.note;
    this.note.hidden = !whole.note;
  }

  onChange(keys) {
    const own = ["find", "sort", "all"].map((key) => `${key}.${this.id}`);
    if (touches(keys, "off", "base", "t", ...own)) this.draw();
  }
}
