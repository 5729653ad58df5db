#!/usr/bin/env bash
# Copyright 2026 The slablab Authors.
# SPDX-License-Identifier: Apache-2.0
#
# Replays recordings of Linux 7.3 on the machine that they are of, and lays the model's counters
# beside the kernel's: for each folder a table of all caches and of the ten busiest. With the file
# of what repeated runs of the kernel differ by (spread.tsv), a figure that is not within 5 % of the
# kernel's (of the share of frees by the fast path: one point) but within that is marked '~'; one
# that is within neither '*'. The exit status is 1 if there is one.
#
#   tests/kernel_agreement.sh [--spread=FILE] [--allocator=NAME] FOLDER...
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
program=${SLABLAB_PROGRAM:-$root/slablab}
spread=/dev/null
allocator=slub-7.3
folders=()
for word in "$@"; do
  case $word in
    --spread=*) spread=${word#*=} ;;
    --allocator=*) allocator=${word#*=} ;;
    -*) echo "kernel_agreement.sh: no such flag: $word" >&2; exit 2 ;;
    *) folders+=("$word") ;;
  esac
done
if ((${#folders[@]} == 0)); then
  echo "kernel_agreement.sh: which recordings? tests/kernel_agreement.sh FOLDER..." >&2
  exit 2
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0
for folder in "${folders[@]}"; do
  name=$(basename "$folder")
  "$program" import "$folder" --output="$work/trace.slt" >/dev/null
  "$program" run --trace="$work/trace.slt" --allocator="$allocator" --format=csv --table=kernel \
    >"$work/kernel.csv"
  awk -F'[\t,]' -v name="$name" -v spread="$spread" '
    function difference(kernel, model) { return model > kernel ? model - kernel : kernel - model }
    # Of the recordings\x27 names: linux-VERSION-slub-MACHINE-TASK.
    function mark(cache, figure, kernel, model, part) {
      ++figures
      if (difference(kernel, model) <= part) return ""
      key = task SUBSEP (cache == "all" ? "(all)" : cache) SUBSEP figure
      if (key in spread_of && difference(kernel, model) <= spread_of[key]) { ++within; return "~" }
      ++beyond
      return "*"
    }
    function share(cache, side,   fast, all) {
      fast = value[cache, "free_fastpath", side]
      all = fast + value[cache, "free_slowpath", side]
      return all > 0 ? fast / all : 1
    }
    function row(cache,   text, i, kernel, model) {
      kernel = share(cache, "kernel"); model = share(cache, "model")
      text = sprintf("| %s | %.1f / %.1f%s |", cache, 100 * kernel, 100 * model,
                     mark(cache, "share_free_fastpath", kernel, model, 0.01))
      for (i = 1; i <= count; ++i) {
        kernel = value[cache, shown[i], "kernel"]; model = value[cache, shown[i], "model"]
        text = text sprintf(" %d / %d%s |", kernel, model,
                            mark(cache, shown[i], kernel, model, kernel / 20))
      }
      print text
    }
    BEGIN {
      split(name, parts, "-"); task = parts[5]
      count = split("sheaf_refill sheaf_flush alloc_slab barn_get barn_put slabs bytes", shown, " ")
      while ((getline line < spread) > 0) {
        split(line, field, "\t")
        if (field[11] !~ /^[0-9.]+$/) continue
        key = field[2] SUBSEP field[5] SUBSEP field[6]
        if (!(key in spread_of) || field[12] - field[11] > spread_of[key]) {
          spread_of[key] = field[12] - field[11]
        }
      }
    }
    FNR > 1 {
      value[$1, $2, "kernel"] = $3; value[$1, $2, "model"] = $4
      if ($1 != "all") caches[$1]
    }
    END {
      print "## " name "\n"
      head = "| kernel / model | free fast, % |"; rule = "|---|---|"
      for (i = 1; i <= count; ++i) { head = head " " shown[i] " |"; rule = rule "---|" }
      print head "\n" rule
      row("all")
      for (n = 1; n <= 10; ++n) {
        best = ""
        for (cache in caches) {
          busy[cache] = value[cache, "alloc_fastpath", "kernel"]
          busy[cache] += value[cache, "alloc_slowpath", "kernel"]
          if (best == "" || busy[cache] > busy[best]) best = cache
          if (busy[cache] == busy[best] && cache < best) best = cache
        }
        if (best == "") break
        delete caches[best]
        row(best)
      }
      printf "\n%d figures: %d agree, ", figures, figures - within - beyond
      printf "%d more differ by no more than runs of the kernel do, %d differ.\n\n", within, beyond
      exit beyond > 0
    }' "$work/kernel.csv" || status=1
done
exit "$status"
