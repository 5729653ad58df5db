// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// How the page writes numbers.

// At most three decimals: thousandths are what the page holds.
export function fixed(value, decimals) {
  return value.toLocaleString("en-US", {
    minimumFractionDigits: decimals,
    maximumFractionDigits: decimals,
  });
}

// Three digits that count, then a unit: 12345678 is 12.3 of the third unit.
function scaled(value, step, units, space) {
  let unit = 0;
  while (Math.abs(value) >= step * 0.99995 && unit + 1 < units.length) {
    value /= step;
    ++unit;
  }
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  const text = value.toLocaleString("en-US", {maximumFractionDigits: digits});
  return text + (units[unit] ? space + units[unit] : "");
}

function small(value) {
  return value !== 0 && Math.abs(value) < 1 ? String(Number(value.toPrecision(2))) : null;
}

// For axes and tips.
export function short(value, unit) {
  switch (unit) {
    case "bytes":
      return scaled(value, 1024, ["B", "KiB", "MiB", "GiB", "TiB"], " ");
    case "ns":
      return scaled(value, 1000, ["ns", "\u00b5s", "ms", "s"], " ");
    case "%":
      return (small(value) ?? scaled(value, 1e9, [""], "")) + "\u202f%";
    default:
      return small(value) ?? scaled(value, 1000, ["", "k", "M", "G", "T"], "");
  }
}

// For tables: bytes and counts to the last one, times to the microsecond.
export function exact(value, column) {
  if (value === null) return "\u2013";
  if (typeof value !== "number") return value;
  if (column.unit === "ns") return `${fixed(value / 1e6, 3)} ms`;
  if (column.unit === "%") return `${fixed(value, column.decimals ?? 1)} %`;
  return fixed(value, column.decimals ?? 0);
}

// As reports/numbers.h has it: numerator / denominator with commas, rounded half up.
export function quotient(numerator, denominator, decimals) {
  const scale = 10n ** BigInt(decimals);
  const scaledUp = (numerator * scale * 2n + denominator) / (denominator * 2n);
  const whole = (scaledUp / scale).toString().replace(/\B(?=(\d{3})+$)/g, ",");
  if (decimals === 0) return whole;
  return `${whole}.${(scaledUp % scale).toString().padStart(decimals, "0")}`;
}

// A cell of CSV, as reports/tables.h has it: no spreadsheet computes it.
export function csvField(value) {
  if (value === null) return "";
  if (typeof value === "number") return String(value);
  let text = value;
  if (/^[=+\-@\t\r]/.test(text) && !/^[-+]?[0-9.,%]*$/.test(text)) text = `'${text}`;
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
