// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// What a reader does with a page, and sees of it. `tab` is one of browser.mjs.

export const hash = (tab) =>
  tab.evaluate(() => decodeURIComponent(location.hash.replaceAll("+", " ")));
export const texts = (tab, selector) =>
  tab.evaluate((s) => [...document.querySelectorAll(s)].map((e) => e.textContent), selector);
export const firstRow = (tab, view) => texts(tab, `#${view} tbody tr:first-child > *`);
export const titles = (tab, view) => texts(tab, `#${view} thead th`);
export const rowCount = (tab, view) =>
  tab.evaluate((v) => document.querySelectorAll(`#${v} tbody tr`).length, view);

// Presses the tabulator until `selector` has the focus; says how often, -1 if it never had.
export async function tabTo(tab, selector, most = 120) {
  for (let presses = 1; presses <= most; ++presses) {
    await tab.keyboard.press("Tab");
    if (await tab.evaluate((s) => document.activeElement.matches(s), selector)) return presses;
  }
  return -1;
}

export async function find(tab, view, words) {
  await tab.focus(`#${view} input[type=search]`);
  await tab.keyboard.down("Control");
  await tab.keyboard.press("a");
  await tab.keyboard.up("Control");
  await tab.keyboard.type(words);
}

// Presses a column's title until the column rises or falls: "ascending", "descending".
export async function sortBy(tab, view, title, wanted = "descending") {
  const press = (v, t) => {
    const head = () =>
      [...document.querySelectorAll(`#${v} thead th`)].find((each) => each.textContent === t);
    head().querySelector("button").click();
    return head().getAttribute("aria-sort");
  };
  for (let i = 0; i < 3; ++i) {
    if ((await tab.evaluate(press, view, title)) === wanted) return;
  }
}

// Writes a time into the page's head, in milliseconds.
export async function chooseTime(tab, from, to) {
  for (const [field, value] of [["from", from], ["to", to]]) {
    await tab.focus(`#controls input[aria-label^="Time ${field}"]`);
    await tab.keyboard.type(String(value));
    await tab.keyboard.press("Enter");
  }
}
