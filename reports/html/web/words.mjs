// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// What differs in words, against the base that was chosen, and the command that says since when.
import {touches} from "./app.mjs";
import {copyButton, element} from "./dom.mjs";

// "slablab explain A B ...", or nothing: of the base and the run that the words are about.
export function explainCommand(explain, base, other) {
  const [a, b] = [explain?.sides?.[base], explain?.sides?.[other]];
  if (!a || !b || a === b) return null;
  const parts = ["slablab explain", a, b, explain.rest, "--format=html -o explain.html"];
  return parts.filter((part) => part).join(" ");
}

export class Words {
  constructor(app) {
    this.app = app;
    this.lists = ["headline", "sentences"].map((id) => document.getElementById(id));
    this.place = document.getElementById("explain");
  }

  draw() {
    const {page, runs} = this.app;
    const base = runs.indexOf(this.app.base());
    const words = page.words?.[base];
    if (!words) return;
    const item = (sentence) => element("li", {}, sentence);
    this.lists[0].replaceChildren(...(words.headline ?? []).map(item));
    this.lists[1].replaceChildren(...(words.sentences ?? []).map(item));
    const command = explainCommand(page.explain, base, words.other ?? 0);
    this.place.hidden = command === null;
    if (command === null) return;
    const copy = copyButton("Copy", () => command, {"aria-label": "Copy the command"});
    const code = element("code", {}, command);
    this.place.replaceChildren("Since which switch, says ", code, " ", copy);
  }

  onChange(keys) {
    if (touches(keys, "base")) this.draw();
  }
}
