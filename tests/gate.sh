#!/usr/bin/env bash
# Copyright 2026 The slablab Authors.
# SPDX-License-Identifier: Apache-2.0
#
# tests/gate.sh [COMMIT]: holds the working tree to COMMIT (by default HEAD) where a change must
# move nothing: a refactoring. Builds both, whatever folders their sources lie in, and asks that
#
#   - fresh runs of every model, order and kind of workload give the same bytes,
#   - results that COMMIT stored are reported, compared, merged and drawn with the same bytes,
#   - tests/regression's suite and every reference run at hand agree,
#   - g++ optimised and clang -O0 agree (tests/determinism.sh),
#   - a replay of each of four traces takes as many host instructions, within 1 % (callgrind).
#
# Prints a line per question and closes with "N passed, N failed"; of what differs, the first lines
# follow. GATE_SKIP names what to leave out ("determinism callgrind"). COMMIT's programs are kept in
# the user's cache for the next time. Needs of the tree only //cli:slablab and
# //tests/benchmarks:replay_benchmark, and of its files those of traces/samples and tests.

set -u
root=$(cd -P -- "$(dirname -- "$(readlink -f -- "$0")")/.." && pwd) || exit 3
. "$root/third_party/setup.sh"
. "$root/tests/verdict.sh"
ensure_home || exit
install_packages build || exit
work=$(mktemp -d) || exit 3
# COMMIT is built beside, by a server of its own, which must not outlive its files.
clean_up() {
  if [[ -d $work/base ]]; then
    (cd "$work/base" && bazel --output_base="$work/output" shutdown) >/dev/null 2>&1
  fi
  chmod -R u+w "$work"
  rm -rf "$work"
  git -C "$root" worktree prune
}
trap clean_up EXIT
trap 'exit 130' INT TERM
base=$(git -C "$root" rev-parse --verify --quiet "${1:-HEAD}^{commit}") || {
  say "no commit '${1-}' here"
  exit 2
}
kept=${XDG_CACHE_HOME:-$HOME/.cache}/slablab-gate/$base
shared=${SLABLAB_SHARED-$root/../shared}

# build FOLDER TARGET_FOLDER BAZEL_OPTION...: the two programs of the checkout in FOLDER.
build() {
  local folder=$1 target=$2 bin
  shift 2
  local bazel=(bazel "$@")
  (cd "$folder" && run_quietly "building $folder" "$work/log" "${bazel[@]}" build --color=no \
    --curses=no --symlink_prefix=/ //cli:slablab //tests/benchmarks:replay_benchmark) || {
    bazel_messages "$work/log" >&2
    exit 3
  }
  bin=$(cd "$folder" && "${bazel[@]}" info bazel-bin 2>/dev/null)
  mkdir -p "$target" && cp -f "$bin/cli/slablab" "$bin/tests/benchmarks/replay_benchmark" "$target"
}

if [[ ! -x $kept/replay_benchmark ]]; then
  git -C "$root" worktree add --quiet --detach "$work/base" "$base" || exit 3
  build "$work/base" "$kept.part" --output_base="$work/output"
  mkdir -p "$kept" && mv -f "$kept.part"/* "$kept" && rmdir "$kept.part"
fi
build "$root" "$work/now"
before=$kept/slablab now=$work/now/slablab
export SLABLAB_ROOT=$root
cd "$root" || exit 3

# same NAME ARGUMENT...: both programs succeed and print the same, NAME is what is asked.
same() {
  local name=$1 status
  shift
  "$before" "$@" >"$work/before.out" 2>"$work/before.err"
  status=$?
  "$now" "$@" >"$work/now.out" 2>"$work/now.err"
  status="$status then $?"
  # A question that neither can answer tells nothing of the change.
  if [[ $status != '0 then 0' || ! -s $work/before.out ]]; then
    cat "$work/before.err" "$work/now.err" >"$work/difference"
    verdict 1 "$name: status $status" "$work/difference"
    return
  fi
  { diff -a "$work/before.out" "$work/now.out" && diff -a "$work/before.err" "$work/now.err"; } \
    >"$work/difference"
  verdict $? "$name" "$work/difference"
}

samples=traces/samples/linux-6.1-slub-c4n2
stored=()
# run NAME ARGUMENT...: a fresh run by both; COMMIT's result is kept.
run() {
  local name=$1
  shift
  same "run: $name" run --format=proto "$@"
  cp "$work/before.out" "$work/$name.result"
  stored+=("$work/$name.result")
}

for allocator in $("$before" list allocators | sed -n 's/^  \([a-z][a-z0-9-]*\) .*/\1/p'); do
  trace=$samples-net.slt machine=vm-c4n2
  [[ $allocator == percpu* ]] && trace=traces/samples/linux-6.1-percpu-c8n2.slt
  [[ $allocator == percpu*-km ]] && machine=uma-1 # Those know of no nodes.
  run "$allocator-recorded" --trace="$trace" --allocator="$allocator" --machine=$machine
done
for allocator in slub-6.1 slab slubq slub-2010; do
  run "$allocator-spread" --trace=$samples-fork.slt --allocator=$allocator --place=spread \
    --machine=xeon-8380@16x4 --start=warm --merge-caches
  run "$allocator-closed" --trace=$samples-net.slt --allocator=$allocator --order=closed \
    --machine=epyc-7763@8x2 --events-max=20000
  run "$allocator-storm" --workload=hackbench --allocator=$allocator --machine=vm-c4n2 \
    --scenario=tests/regression/storm.textproto
done

for format in text tsv csv json proto html; do
  for result in "${stored[@]}"; do
    same "report --format=$format: $(basename "$result" .result)" report "$result" --format=$format
  done
  same "compare --format=$format" compare --trace=$samples-net.slt \
    --allocators=slub-6.1,slab,slubq --machine=vm-c4n2 --format=$format
done
for allocator in slub-6.1 slab slubq; do
  same "timeline: $allocator" timeline --trace=$samples-net.slt --machine=vm-c4n2 \
    --allocator=$allocator --events-max=20000 -o -
done
for format in text tsv json; do
  same "compare of stored results --format=$format" report "${stored[@]}" --format=$format
done

cat >"$work/plan.textproto" <<END
base { trace: "$root/$samples-net.slt" machine: "vm-c4n2" events_max: 20000 }
allocator: ["slub-6.1", "slab", "slubq"]
seed: [1, 2]
END
"$before" sweep run "$work/plan.textproto" --folder="$work/store" >/dev/null 2>&1
same "sweep plan" sweep plan "$work/plan.textproto" --folder="$work/store"
for format in text tsv csv json proto html; do
  same "sweep merge --format=$format" sweep merge "$work/plan.textproto" --folder="$work/store" \
    --format=$format
done

"$now" check tests/regression/suite.textproto >"$work/out" 2>&1
verdict $? "check: tests/regression/suite.textproto" "$work/out"
references=(tests/reference/*.ref.gz)
[[ -d $shared/reference ]] && references=("$shared"/reference/*.ref.gz "$shared"/reference-7)
"$now" verify "${references[@]}" >"$work/out" 2>&1
verdict $? "verify: ${#references[@]} reference runs" "$work/out"

if [[ " ${GATE_SKIP-} " != *" determinism "* ]]; then
  tests/determinism.sh >"$work/out"
  verdict $? "tests/determinism.sh: $(tail -n 1 "$work/out")"
fi

# instructions PROGRAM TRACE: of two replays less those of one, so that start-up does not count.
instructions() {
  local one two
  one=$(count "$1" "$2" 1) two=$(count "$1" "$2" 2)
  printf '%d\n' $((two - one))
}
count() {
  valgrind --tool=callgrind --callgrind-out-file=/dev/null "$1" \
    --benchmark_filter="^Recorded/$2/8(/|\$)" --benchmark_min_time=0 --benchmark_repetitions="$3" \
    2>&1 >/dev/null | sed -n 's/.*Collected : //p' | head -n 1
}
if [[ " ${GATE_SKIP-} " != *" callgrind "* ]]; then
  command -v valgrind >/dev/null || apt_get install --no-install-recommends valgrind >/dev/null
  for trace in fs net fork hackbench; do
    old=$(instructions "$kept/replay_benchmark" $trace)
    new=$(instructions "$work/now/replay_benchmark" $trace)
    ((old > 0 && new * 100 <= old * 101 && new * 101 >= old * 100))
    verdict $? "instructions of a replay of $trace: $old before, $new now"
  done
fi

close_verdicts
