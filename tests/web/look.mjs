// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// node look.mjs PAGE.html FOLDER: opens the page in Debian's Chromium, on a desk and on a phone,
// light and dark, and prints what there is to see as one JSON object. Screenshots are left in
// FOLDER.
import {readFileSync} from "node:fs";
import {resolve} from "node:path";
import {open, require} from "./browser.mjs";

const axe = require.resolve("axe-core/axe.min.js");

const [page, folder] = process.argv.slice(2);
const views = [
  {name: "desk-light", width: 1280, height: 900, scheme: "light"},
  {name: "desk-dark", width: 1280, height: 900, scheme: "dark"},
  {name: "phone-light", width: 360, height: 740, scheme: "light"},
  {name: "phone-dark", width: 360, height: 740, scheme: "dark"},
];

// What is on the page, seen from within it.
function inspect() {
  const box = (element) => element.getBoundingClientRect();
  return {
    title: document.title,
    charts: [...document.querySelectorAll("figure[data-chart]")].map((figure) => {
      const images = [...figure.querySelectorAll(":scope > svg")];
      const section = figure.closest("section");
      return {
        section: section.id,
        kind: figure.dataset.chart,
        images: images.length,
        // Bars, lines and dots that have a size.
        marks: images.reduce((sum, image) => {
          const marks = image.querySelectorAll(
            "g[data-mark=bar] rect, g[data-mark=line] path, g[data-mark=dot] circle, " +
              "[role=treeitem] > rect",
          );
          return sum + [...marks].filter((m) => box(m).width > 0 || box(m).height > 0).length;
        }, 0),
        labels: images.reduce((sum, image) => sum + image.querySelectorAll("text").length, 0),
        named: images.every((image) => (image.getAttribute("aria-label") ?? "") !== ""),
        fits: images.every((image) => box(image).right <= window.innerWidth + 1),
        rows: section.querySelectorAll("tbody tr").length,
      };
    }),
    tables: document.querySelectorAll("table").length,
    words: document.querySelectorAll("#words li").length,
    overflows: document.documentElement.scrollWidth > window.innerWidth,
    colour: getComputedStyle(document.body).backgroundColor,
    injected: document.querySelectorAll("img, iframe, object, embed, link").length,
  };
}

const {browser, openTab, seen} = await open(page, folder);
seen.views = {};
try {
  for (const {name, width, height, scheme} of views) {
    const tab = await openTab({scheme, viewport: {width, height}});
    const found = await tab.evaluate(inspect);
    await tab.screenshot({path: resolve(folder, `${name}.png`), fullPage: true});
    // The page's policy keeps other scripts out; this one is the tester's.
    await tab.evaluate(readFileSync(axe, "utf8"));
    const report = await tab.evaluate(() => {
      return globalThis.axe.run(document, {resultTypes: ["violations"]});
    });
    found.findings = report.violations.map(({id, impact, nodes}) => {
      return {id, impact, where: nodes.slice(0, 3).map((node) => node.target.join(" "))};
    });
    seen.views[name] = found;
    await tab.close();
  }
} finally {
  await browser.close();
}
console.log(JSON.stringify(seen));
