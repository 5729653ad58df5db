// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// node pictures.mjs PAGE.html FOLDER: leaves a small picture of each view of the page in
// FOLDER/views, and prints their names as one JSON object.
import {mkdirSync} from "node:fs";
import {resolve} from "node:path";
import {open} from "./browser.mjs";

const [page, folder] = process.argv.slice(2);
const WIDTH = 760;
const HEIGHT_MOST = 400;

const {browser, openTab, seen} = await open(page, folder);
try {
  const tab = await openTab({viewport: {width: WIDTH, height: 900}});
  mkdirSync(resolve(folder, "views"), {recursive: true});
  // What stays at the top while one scrolls would stand in every picture.
  await tab.addStyleTag({content: "#controls { position: static !important; }"});
  seen.pictures = await tab.evaluate(() => {
    return [...document.querySelectorAll("section[id]")].map((section) => section.id);
  });
  for (const view of seen.pictures) {
    const section = await tab.$(`[id="${view}"]`);
    const box = await section.boundingBox();
    const clip = {...box, height: Math.min(box.height, HEIGHT_MOST)};
    await tab.screenshot({path: resolve(folder, "views", `${view}.png`), clip});
  }
} finally {
  await browser.close();
}
console.log(JSON.stringify(seen));
