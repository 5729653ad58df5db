// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// A metric of one run against the same of the base, as reports/delta.h has it. Values are integers
// of 10^-decimals of the metric's unit, or null.
import {quotient} from "./numbers.mjs";

const NOISE_HUNDREDTHS = 100n;
const CHANGE_MAX = 1_000_000_000n;

function capped(value) {
  return value > CHANGE_MAX ? CHANGE_MAX : value;
}

// (candidate - base) / base in hundredths of a per cent; null from nothing.
function relativeChange(base, candidate) {
  if (base === candidate) return 0n;
  if (base === 0n) return null;
  const up = candidate > base;
  const distance = up ? candidate - base : base - candidate;
  const change = capped((distance * 20_000n + base) / (base * 2n));
  return up ? change : -change;
}

// Of percentages: in hundredths of a point.
function pointsBetween(metric, base, candidate) {
  const unit = 10n ** BigInt(Math.max(0, metric.decimals - 2));
  const up = candidate > base;
  const distance = up ? candidate - base : base - candidate;
  const points = capped((distance + unit / 2n) / unit);
  return up ? points : -points;
}

const isKnown = (value) => value !== null && value !== undefined;

export function changeText(metric, base, candidate) {
  if (!isKnown(base) || !isKnown(candidate)) return "-";
  if (base === candidate) return "0";
  const [from, to] = [BigInt(base), BigInt(candidate)];
  if (metric.unit === "%") {
    const points = pointsBetween(metric, from, to);
    const size = points < 0n ? -points : points;
    const fraction = (size % 100n).toString().padStart(2, "0");
    return `${points < 0n ? "-" : "+"}${size / 100n}.${fraction} pt`;
  }
  const change = relativeChange(from, to);
  if (change === null) return "from 0";
  if (change >= 90_000n) return `x${quotient(change + 10_000n, 10_000n, 1)}`;
  const size = change < 0n ? -change : change;
  return `${change < 0n ? "-" : "+"}${quotient(size, 100n, 1)}%`;
}

// "", "=", "~", "better", "WORSE", "moved".
export function markText(metric, base, candidate) {
  if (!isKnown(base) || !isKnown(candidate)) return "";
  if (base === candidate) return "=";
  const [from, to] = [BigInt(base), BigInt(candidate)];
  const change =
    metric.unit === "%" ? pointsBetween(metric, from, to) : relativeChange(from, to);
  if (change !== null && change < NOISE_HUNDREDTHS && change > -NOISE_HUNDREDTHS) return "~";
  if ((metric.better ?? 0) === 0) return "moved";
  return to < from === metric.better < 0 ? "better" : "WORSE";
}

// With one decimal at most.
export function metricText(metric, value) {
  if (!isKnown(value)) return "-";
  const decimals = metric.decimals ?? 0;
  return quotient(BigInt(value), 10n ** BigInt(decimals), Math.min(decimals, 1));
}

// Any two numbers of a table.
export function plainChange(base, candidate) {
  if (!isKnown(base) || !isKnown(candidate)) return "-";
  const [from, to] = [base, candidate].map((value) => Math.round(value * 1000));
  return changeText({unit: "", decimals: 3}, from, to);
}
