#!/usr/bin/env bash
# Copyright 2026 The slablab Authors.
# SPDX-License-Identifier: Apache-2.0
#
# The promise of determinism, across compilers: every bundled trace, and some workloads with a
# scenario, are run by the ordinary build (g++, optimised), twice, and by clang -O0, and the whole
# results must be the same bytes. Prints a line per run and closes with "N passed, N failed". Called
# by tests/run; takes what that has built.

set -u
root=$(cd -P -- "$(dirname -- "$(readlink -f -- "$0")")/.." && pwd) || exit 3
. "$root/third_party/setup.sh"
. "$root/tests/verdict.sh"
work=$(mktemp -d) || exit 3
trap 'rm -rf "$work"' EXIT
# A home of its own for the other compiler's output, so that neither build discards the other's.
clang_base=${XDG_CACHE_HOME:-$HOME/.cache}/slablab-clang

cd "$root" || exit 3
run_quietly "building" "$work/log" bazel build --color=no --curses=no \
  --symlink_prefix=/ --experimental_no_product_name_out_symlink //cli:slablab &&
  cp "$(bazel info bazel-bin 2>/dev/null)/cli/slablab" "$work/gcc" || {
  bazel_messages "$work/log"
  printf '0 passed, 1 failed\n'
  exit 1
}
run_quietly "building with clang -O0" "$work/log" bazel --output_base="$clang_base" build \
  --color=no --curses=no --config=clang-O0 --symlink_prefix=/ \
  --experimental_no_product_name_out_symlink //cli:slablab &&
  clang_bin=$(bazel --output_base="$clang_base" info --config=clang-O0 bazel-bin 2>/dev/null) &&
  cp "$clang_bin/cli/slablab" "$work/clang" || {
  bazel_messages "$work/log"
  printf '0 passed, 1 failed\n'
  exit 1
}
bazel --output_base="$clang_base" shutdown >/dev/null 2>&1

# A replay, its name first.
same_bytes() {
  local name=$1
  shift
  local arguments=(run --format=proto "$@")
  "$work/gcc" "${arguments[@]}" >"$work/first" && "$work/gcc" "${arguments[@]}" >"$work/second" &&
    [[ -s $work/first ]] && cmp -s "$work/first" "$work/second"
  verdict $? "$name: the same bytes twice"
  "$work/clang" "${arguments[@]}" >"$work/other" && [[ -s $work/other ]] &&
    cmp -s "$work/first" "$work/other"
  verdict $? "$name: g++ optimised and clang -O0 give the same bytes"
}

for trace in traces/samples/*.slt; do
  allocator=slub
  [[ $trace == *percpu* ]] && allocator=percpu
  for machine in vm-c4n2 xeon-8380; do
    same_bytes "$trace on $machine" --trace="$trace" --allocator=$allocator --machine="$machine"
  done
done
for allocator in slab slab-2014; do
  trace=traces/samples/linux-6.1-slub-c4n2-fork.slt
  same_bytes "$trace through $allocator" --trace="$trace" --allocator="$allocator"
done
same_bytes "a trace in closed order" --trace=traces/samples/linux-6.1-slub-c4n2-fork.slt \
  --order=closed --place=spread --scale=2 --machine=xeon-8380 --allocator=slubq
for workload in hackbench larson; do
  same_bytes "$workload with a scenario" --workload="$workload" --allocator=slab \
    --machine=vm-c4n2 --scenario=tests/regression/storm.textproto
done
close_verdicts
