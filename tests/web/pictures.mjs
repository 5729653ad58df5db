// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// node pictures.mjs PAGE.html FOLDER: leaves a small picture of each view of the page in
// FOLDER/views, and prints their names as one JSON object.
import {mkdirSync} from "node:fs";
import {resolve} from "node:path";
import {open} from "./browser.mjs";

const [page, folder] = process.argv.slice(2);
const WIDTH = 760;
const HEIGHT_MOST = 490;
const TABLE_MOST = 300;  // of a view that is a table alone
// No views: long lists of sentences.
const LEFT_OUT = ["assumed", "text"];

// What of a section is shown: to the end of its chart, or some rows of its table.
function placeOf(id, most) {
  const section = document.getElementById(id);
  const {x, y, width, bottom} = section.getBoundingClientRect();
  const end = section.querySelector("figure")?.getBoundingClientRect().bottom;
  const height = Math.min(bottom - y, most.chart, end === undefined ? most.table : end - y + 8);
  return {x: Math.max(0, x - 8), y: y + window.scrollY, width: width + 16, height};
}

const {browser, openTab, seen} = await open(page, folder);
try {
  const tab = await openTab({viewport: {width: WIDTH, height: 900}});
  mkdirSync(resolve(folder, "views"), {recursive: true});
  // What stays at the top while one scrolls would stand in every picture.
  await tab.addStyleTag({content: "#controls { position: static !important; }"});
  seen.pictures = await tab.evaluate(() => {
    return [...document.querySelectorAll("section[id]")].map((section) => section.id);
  });
  seen.pictures = seen.pictures.filter((id) => !LEFT_OUT.includes(id));
  const most = {chart: HEIGHT_MOST, table: TABLE_MOST};
  for (const view of seen.pictures) {
    const clip = await tab.evaluate(placeOf, view, most);
    await tab.screenshot({path: resolve(folder, "views", `${view}.png`), clip});
  }
} finally {
  await browser.close();
}
console.log(JSON.stringify(seen));
