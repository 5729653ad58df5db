// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// node ask.mjs PAGE.html FOLDER QUESTIONS: asks the page what a new user would, each in a tab of
// its own, and prints what it answers as one JSON object. QUESTIONS is a JSON list of {name, view,
// find, sort, order, from, to}: a view to go to by the contents, words to find in its table, a
// column to sort by, and milliseconds.
import {open} from "./browser.mjs";
import {chooseTime, find, firstRow, rowCount, sortBy, texts, titles} from "./reader.mjs";

const [page, folder, questions] = process.argv.slice(2);
const {browser, openTab, seen} = await open(page, folder);

async function ask(tab, {view, find: words, sort, order, from, to}) {
  if (from !== undefined) await chooseTime(tab, from, to);
  await tab.evaluate((v) => document.querySelector(`nav a[href^="#${v}"]`).click(), view);
  if (words !== undefined) await find(tab, view, words);
  if (sort !== undefined) await sortBy(tab, view, sort, order);
  return {
    titles: await titles(tab, view),
    row: await firstRow(tab, view),
    rows: await rowCount(tab, view),
  };
}

seen.answers = {};
try {
  for (const question of JSON.parse(questions)) {
    const tab = await openTab();
    seen.answers[question.name] = await ask(tab, question);
    seen.headline = await texts(tab, "#headline li");
    seen.explain = await texts(tab, "#explain code");
    await tab.close();
  }
} finally {
  await browser.close();
}
console.log(JSON.stringify(seen));
