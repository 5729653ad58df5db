// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// node use.mjs PAGE.html FOLDER: works with the page as a reader would, by keys alone where that is
// said, and prints what came of it as one JSON object. PAGE is of the two runs of page_test.cc.
import {readFileSync} from "node:fs";
import {resolve} from "node:path";
import {open} from "./browser.mjs";
import {chooseTime, find, firstRow, hash, rowCount, sortBy, tabTo} from "./reader.mjs";
import {texts, titles} from "./reader.mjs";

const [page, folder] = process.argv.slice(2);
const {browser, openTab, seen} = await open(page, folder);

const bars = (tab, view) =>
  tab.evaluate((v) => document.querySelectorAll(`#${v} g[data-mark=bar] rect`).length, view);

async function byKeys() {
  const tab = await openTab();
  const before = await bars(tab, "cycles");
  seen.keys = {};
  seen.keys.toRuns = await tabTo(tab, ".runs button");
  await tab.keyboard.press("Space");
  seen.keys.hidden = {hash: await hash(tab), bars: await bars(tab, "cycles"), before};
  seen.keys.focusStays = await tab.evaluate(() => document.activeElement.matches(".runs button"));
  await tab.keyboard.press("Space");
  seen.keys.toBase = await tabTo(tab, "#controls select");
  await tab.keyboard.press("ArrowDown");
  seen.keys.base = {hash: await hash(tab), titles: await titles(tab, "cycles")};
  await tab.keyboard.press("ArrowUp");
  seen.keys.toSort = await tabTo(tab, "#cycles thead th:nth-child(2) button");
  await tab.keyboard.press("Enter");
  seen.keys.sorted = {hash: await hash(tab), first: await firstRow(tab, "cycles")};
  seen.keys.toBox = await tabTo(tab, "#where [role=treeitem]", 300);
  await tab.keyboard.press("ArrowDown");
  await tab.keyboard.press("ArrowRight");
  await tab.keyboard.press("Enter");
  const label = () => document.activeElement.getAttribute("aria-label");
  seen.keys.entered = {hash: await hash(tab), label: await tab.evaluate(label)};
  await tab.keyboard.press("Escape");
  seen.keys.left = await hash(tab);
  await tab.close();
}

async function byMouse() {
  const tab = await openTab();
  const chart = await tab.$("#footprint figure svg");
  await chart.scrollIntoView();
  const box = await chart.boundingBox();
  await tab.mouse.move(box.x + box.width * 0.2, box.y + box.height / 2);
  await tab.mouse.down();
  await tab.mouse.move(box.x + box.width * 0.6, box.y + box.height / 2, {steps: 5});
  await tab.mouse.up();
  seen.brush = {hash: await hash(tab), rows: await rowCount(tab, "footprint")};
  const address = await tab.evaluate(() => location.href);
  await tab.close();
  // What was chosen comes back with the address.
  const again = await openTab({address});
  seen.again = {hash: await hash(again), rows: await rowCount(again, "footprint")};
  await again.close();
}

async function copies() {
  const tab = await openTab();
  await tab.evaluate(() => {
    Object.defineProperty(navigator, "clipboard", {
      value: {writeText: async (text) => void (globalThis.copied = text)},
    });
  });
  const copy = (view) =>
    tab.evaluate(async (v) => {
      document.querySelector(`#${v} .copy`).click();
      await new Promise((done) => setTimeout(done, 50));
      return globalThis.copied;
    }, view);
  seen.csv = {metrics: await copy("metrics"), cycles: await copy("cycles")};
  // A view whose columns all stand in other tables.
  seen.csv.cpus = await copy("cpus");
  seen.csv.contention = await copy("contention");
  seen.csv.tables = {};
  for (const table of await texts(tab, "#tables select option")) {
    await tab.select("#tables select", table);
    seen.csv.tables[table] = await copy("tables");
  }
  await tab.close();
}

// As a new user would ask them, answered from the page alone.
async function questions() {
  const tab = await openTab();
  seen.answers = {};
  await find(tab, "pinned", "kmalloc-1k");
  seen.answers["who pins kmalloc-1k"] = await firstRow(tab, "pinned");
  await sortBy(tab, "callers", "remote frees");
  seen.answers["which caller's frees are remote"] = await firstRow(tab, "callers");
  await sortBy(tab, "sharing", "false");
  seen.answers["which line is falsely shared"] = await firstRow(tab, "sharing");
  await sortBy(tab, "metrics", (await titles(tab, "metrics"))[4]);
  seen.answers["what changed most"] = await firstRow(tab, "metrics");
  await chooseTime(tab, 120, 121);
  const rows = await rowCount(tab, "slowest");
  seen.answers["what was slow at 0.12 s"] = [String(rows), ...(await firstRow(tab, "slowest"))];
  await tab.close();
}

// With another base the sentences are about another run.
async function words() {
  const tab = await openTab();
  seen.words = {first: await texts(tab, "#headline li")};
  seen.words.command = await texts(tab, "#explain code");
  await tab.select("#controls select", "1");
  seen.words.turned = await texts(tab, "#headline li");
  seen.words.turnedCommand = await texts(tab, "#explain code");
  seen.words.all = await texts(tab, "#sentences li");
  await tab.close();
}

// Dragging over any chart over time chooses that time for all.
async function contention() {
  const tab = await openTab();
  const before = await rowCount(tab, "contention");
  await chooseTime(tab, 150, 900);
  seen.contention = {before, after: await rowCount(tab, "contention")};
  seen.contention.bands = await tab.evaluate(
    () => document.querySelectorAll("#contention g[data-mark=rect] rect").length,
  );
  await tab.close();
}

async function printed() {
  const tab = await openTab();
  await tab.emulateMediaType("print");
  await tab.setViewport({width: 720, height: 1000});
  seen.print = await tab.evaluate(() => ({
    overflows: document.documentElement.scrollWidth > window.innerWidth,
    buttons: [...document.querySelectorAll(".tools, nav")].filter((e) => e.offsetHeight > 0).length,
    sections: [...document.querySelectorAll("section")].filter((e) => e.offsetHeight > 0).length,
  }));
  const pdf = await tab.pdf({path: resolve(folder, "page.pdf"), format: "A4"});
  seen.print.bytes = pdf.length;
  seen.print.head = readFileSync(resolve(folder, "page.pdf")).subarray(0, 5).toString();
  await tab.close();
}

try {
  await byKeys();
  await byMouse();
  await copies();
  await questions();
  await words();
  await contention();
  await printed();
} finally {
  await browser.close();
}
console.log(JSON.stringify(seen));
