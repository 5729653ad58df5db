// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Prints the licences of the packages that esbuild's metafile says are in the bundle: each text
// once, under the packages and copyright lines that it is for.
import {readFileSync} from "node:fs";

const meta = JSON.parse(readFileSync(process.argv[2], "utf8"));
const packages = new Set();
for (const output of Object.values(meta.outputs)) {
  for (const [path, input] of Object.entries(output.inputs)) {
    const name = path.match(/node_modules\/((?:@[^/]+\/)?[^/]+)/)?.[1];
    if (name && input.bytesInOutput > 0) packages.add(name);
  }
}

const byText = new Map();
for (const name of [...packages].sort()) {
  const {version} = JSON.parse(readFileSync(`node_modules/${name}/package.json`, "utf8"));
  const text = readFileSync(`node_modules/${name}/LICENSE`, "utf8").trim();
  const [copyright, ...rest] = text.split("\n");
  const terms = rest.join("\n").trim();
  if (!byText.has(terms)) byText.set(terms, []);
  byText.get(terms).push(`${name} ${version}: ${copyright}`);
}
console.log("This bundle is made of parts of these packages, under these licences.");
for (const [terms, names] of byText) {
  console.log(`\n${"-".repeat(78)}\n${names.join("\n")}\n\n${terms}`);
}
