// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// Elements. Whatever comes from a result is put into the page as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";

function made(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) node.setAttribute(name, value);
  for (const child of children) node.append(child);
  return node;
}

export function element(tag, attributes, ...children) {
  return made(document.createElement(tag), attributes, children);
}

export function drawn(tag, attributes, ...children) {
  return made(document.createElementNS(SVG, tag), attributes, children);
}

export function button(text, onClick, attributes) {
  const node = element("button", {type: "button", ...attributes}, text);
  node.addEventListener("click", onClick);
  return node;
}

export function select(label, options, chosen, onChange) {
  const list = element("select");
  for (const {value, text} of options) list.append(element("option", {value}, text));
  list.value = chosen;
  list.addEventListener("change", () => onChange(list.value));
  return element("label", {}, `${label} `, list);
}

// Says it to those who do not see what has changed.
export function say(text) {
  document.getElementById("said").textContent = text;
}

// Where a page may not write to the clipboard by itself, the browser's command still can.
async function writeClipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = element("textarea", {"aria-hidden": "true", class: "unseen"});
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

// A button that copies what `textOf` answers, and says so.
export function copyButton(label, textOf, attributes) {
  const node = button(
    label,
    async () => {
      const done = await writeClipboard(textOf());
      node.textContent = done ? "Copied" : "Not allowed";
      say(node.textContent);
      setTimeout(() => (node.textContent = label), 1500);
    },
    attributes,
  );
  return node;
}
