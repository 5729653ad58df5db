// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// What the report's charts use of Observable Plot; esbuild leaves the rest of it and of d3 out.
export {
  areaY,
  axisX,
  axisY,
  barX,
  cell,
  dot,
  gridX,
  gridY,
  lineY,
  plot,
  pointerX,
  rectX,
  ruleX,
  ruleY,
  text,
  tip,
} from "@observablehq/plot";
