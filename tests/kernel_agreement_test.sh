#!/usr/bin/env bash
# Copyright 2026 The slablab Authors.
# SPDX-License-Identifier: Apache-2.0
#
# Recordings of Linux 7.3 on machines of three sizes, replayed: every figure that the kernel counted
# is met, of all caches and of the ten busiest, as near as the kernel meets itself.
set -euo pipefail
recordings=${SLABLAB_SHARED:-}/traces/sizes
if [[ ! -d $recordings ]]; then
  echo "skipped: SLABLAB_SHARED names no folder with recordings (traces/sizes)"
  exit 0
fi
here=$(cd "$(dirname "$0")" && pwd)
folders=()
for folder in "$recordings"/linux-7.3-slub-*-{hackbench,fs}{,-scaled}; do
  if [[ -e $folder/trace.dat ]]; then folders+=("$folder"); fi
done
((${#folders[@]} >= 9)) || { echo "only ${#folders[@]} recordings in $recordings"; exit 1; }
SLABLAB_PROGRAM=$here/../cli/slablab "$here/kernel_agreement.sh" \
  --spread="$recordings/spread.tsv" "${folders[@]}"
