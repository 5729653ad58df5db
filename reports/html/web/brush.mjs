// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Choosing a time in a chart: by dragging. The fields of the page's head do the same by keys.
import {drawn} from "./dom.mjs";

// In viewBox units, within the chart's axis. `scale` is of Plot: {apply, invert, range}.
export function addBrush(svg, scale, onChoose) {
  const [left, right] = [Math.min(...scale.range), Math.max(...scale.range)];
  const height = svg.viewBox.baseVal.height;
  const band = drawn("rect", {class: "brush", y: 30, height: Math.max(0, height - 76), width: 0});
  svg.append(band);
  svg.style.touchAction = "pan-y";
  let start = null;
  const place = (event) => {
    const box = svg.getBoundingClientRect();
    const x = ((event.clientX - box.left) * svg.viewBox.baseVal.width) / box.width;
    return Math.min(right, Math.max(left, x));
  };
  const press = (event) => {
    if (event.button !== 0) return;
    start = place(event);
    svg.setPointerCapture(event.pointerId);
    event.stopImmediatePropagation();
  };
  // Before the charts' library, which would pin its tip.
  svg.addEventListener("pointerdown", press, {capture: true});
  svg.addEventListener("pointermove", (event) => {
    if (start === null) return;
    const at = place(event);
    band.setAttribute("x", Math.min(start, at));
    band.setAttribute("width", Math.abs(at - start));
  });
  const end = (event) => {
    if (start === null) return;
    const [from, to] = [start, place(event)].sort((a, b) => a - b);
    start = null;
    band.setAttribute("width", 0);
    // A click is no choice.
    if (to - from >= 4) onChoose(Math.round(scale.invert(from)), Math.round(scale.invert(to)));
  };
  svg.addEventListener("pointerup", end);
  svg.addEventListener("pointercancel", () => {
    start = null;
    band.setAttribute("width", 0);
  });
}
