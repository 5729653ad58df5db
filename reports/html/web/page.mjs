// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Puts the page together from its data (reports/html_page.proto), and keeps the address and what is
// shown alike.
import {App, touches} from "./app.mjs";
import {Controls} from "./controls.mjs";
import {copyButton, element, select} from "./dom.mjs";
import {Grid} from "./grid.mjs";
import {Store} from "./state.mjs";
import {onlyRuns, pivot} from "./tables.mjs";
import {View} from "./views.mjs";
import {Words} from "./words.mjs";

// All tables of the results, one at a time.
class TableView {
  constructor(app) {
    this.app = app;
    this.id = "tables";
    this.names = app.page.tables.map((table) => table.name);
    const title = "Every table";
    this.link = element("a", {class: "here", "aria-label": `Link to: ${title}`}, "#");
    const options = this.names.map((name) => ({value: name, text: name}));
    const choose = (name) => {
      // What was chosen for one table means nothing in another.
      app.store.set({table: name, "sort.tables": "", "find.tables": "", "all.tables": ""});
    };
    const chooser = select("Table", options, this.name(), choose);
    this.list = chooser.querySelector("select");
    this.grid = new Grid({app, id: "tables", title, rowsOf: () => this.rows()});
    this.grid.tools.prepend(chooser);
    this.section = element(
      "section",
      {id: this.id, tabindex: "-1"},
      element("h2", {}, title, " ", this.link),
      element(
        "p",
        {class: "lede"},
        "All else that the results hold, exact, as --format=csv has it; of counters and states, " +
          "what is zero on a single CPU or node is left out.",
      ),
      this.grid.place,
    );
  }

  name() {
    const chosen = this.app.store.get("table");
    return this.names.includes(chosen) ? chosen : this.names[0];
  }

  rows() {
    const table = onlyRuns(this.app.table(this.name()), this.app.shown());
    const titles = table.columns.map((column) => column.title).join();
    if (titles !== "run,name,value" || this.app.runs.length === 1) return table;
    const {app} = this;
    return pivot(table, {keys: ["name"], value: "value", runs: app.shown(), base: app.base()});
  }

  onChange(keys) {
    this.link.setAttribute("href", this.app.store.fragment(this.id));
    this.list.value = this.name();
    if (touches(keys, "table")) this.grid.draw();
    else this.grid.onChange(keys);
  }
}

// The page's data, as reports/html/packed.h packs them.
async function readData() {
  const packed = atob(document.getElementById("data").textContent);
  const bytes = Uint8Array.from(packed, (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

function start(page) {
  const store = new Store(location.hash);
  const app = new App(page, store);
  const views = app.views.map((view) => new View(app, view));
  if (app.page.tables.length > 0) views.push(new TableView(app));
  const hasTimes = app.views.some((view) => view.chart?.x_unit === "ns");
  const controls = new Controls(app, hasTimes);
  const words = new Words(app);
  document.getElementById("controls").append(controls.place);
  const [first, ...others] = views;
  document.getElementById("first").append(first.section);
  document.getElementById("figures").append(...others.map((view) => view.section));

  const text = document.querySelector("#text pre");
  text?.before(copyButton("Copy", () => text.textContent));

  const links = [];
  const contents = element("ul");
  for (const section of document.querySelectorAll("section[id]")) {
    const heading = section.querySelector("h2");
    const link = element("a", {}, heading.firstChild.textContent.trim());
    links.push({link, id: section.id});
    contents.append(element("li", {}, link));
  }
  // On a phone it would fill the first screen.
  const isWide = window.matchMedia("(min-width: 40rem)").matches;
  const fold = element("details", isWide ? {open: ""} : {}, element("summary", {}, "Views"));
  fold.append(contents);
  document.querySelector("nav").append(fold);

  const show = (keys) => {
    controls.draw();
    words.onChange(keys);
    for (const view of views) view.onChange(keys);
    for (const {link, id} of links) link.setAttribute("href", store.fragment(id));
  };
  const goToView = () => {
    const section = document.getElementById(store.view);
    if (section === null) return;
    section.scrollIntoView();
    section.focus({preventScroll: true});
  };
  store.listen((keys) => {
    history.replaceState(null, "", store.fragment());
    show(keys);
  });
  window.addEventListener("hashchange", () => {
    store.read(location.hash);
    show(null);
    goToView();
  });
  show(null);
  // Charts grow once they are drawn.
  requestAnimationFrame(() => requestAnimationFrame(goToView));
  document.documentElement.dataset.ready = "yes";
}

function failed(error) {
  const first = document.getElementById("first");
  first.textContent =
    "This browser cannot draw the charts and tables of this page, as it is older than those of " +
    "2023. All that they say is in the text at the end.";
  throw error;
}

readData().then(start).catch(failed);
