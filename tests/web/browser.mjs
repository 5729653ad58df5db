// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Debian's Chromium with a page in it. SLABLAB_NODE_MODULES is where the packages of package.json
// are.
import {createRequire} from "node:module";
import {resolve} from "node:path";
import {pathToFileURL} from "node:url";

export const require = createRequire(resolve(process.env.SLABLAB_NODE_MODULES, "page.cjs"));
const puppeteer = require("puppeteer-core");

const DESK = {width: 1280, height: 900};

// {browser, openTab, seen}: `seen` has what the page said on its console, and what it asked for.
export async function open(page, folder) {
  const browser = await puppeteer.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    // A root user, as in continuous integration, has no sandbox.
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-dev-shm-usage",
      "--no-first-run",
      // Text in shades of grey: pictures of it are half as large.
      "--disable-lcd-text",
    ],
    userDataDir: resolve(folder, "profile"),
  });
  const own = pathToFileURL(resolve(page)).href;
  const seen = {console: [], requests: []};
  // A tab with the page once its charts are drawn.
  const openTab = async ({scheme = "light", viewport = DESK, address = own} = {}) => {
    const tab = await browser.newPage();
    tab.on("console", (message) => seen.console.push(`${message.type()}: ${message.text()}`));
    tab.on("pageerror", (error) => seen.console.push(`error: ${error.message}`));
    tab.on("request", (request) => {
      if (request.url().split("#")[0] !== own) seen.requests.push(request.url());
    });
    await tab.emulateMediaFeatures([
      {name: "prefers-color-scheme", value: scheme},
      {name: "prefers-reduced-motion", value: "reduce"},
    ]);
    await tab.setViewport(viewport);
    tab.setDefaultTimeout(120000);  // other work on the machine makes nothing fail
    await tab.goto(address);
    const drawn = () =>
      document.documentElement.dataset.ready === "yes" &&
      [...document.querySelectorAll("figure[data-chart]")].every((f) => f.querySelector("svg"));
    await tab
      .waitForFunction(drawn, {timeout: 120000})
      .catch(() => seen.console.push("error: a chart was not drawn"));
    return tab;
  };
  return {browser, openTab, seen};
}
