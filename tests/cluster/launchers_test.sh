#!/usr/bin/env bash
# Copyright 2026 The slablab Authors.
# SPDX-License-Identifier: Apache-2.0
#
# A sweep through Snakemake and through GNU parallel, each with a task killed on the way: the same
# bytes as one worker's. Closes with "N passed, N failed".

set -u
work=$(mktemp -d) || exit 3
slablab=$PWD/cli/slablab
trap 'rm -rf "$work"' EXIT
export HOME=$work # Snakemake keeps things there.
. tests/verdict.sh
check_log=$work/log

cp traces/samples/linux-6.1-slub-c4n2-net.slt "$work/net.slt" || exit 3
cd "$work" || exit 3
cat >some.textproto <<'END'
base { trace: "net.slt" events_max: 5000 }
allocator: ["slub-6.1", "slab"] cpus: [2, 16] nodes: [1, 2] seed: [1, 2, 3]
END
"$slablab" sweep run some.textproto --folder=one --workers=1 2>log
"$slablab" sweep merge some.textproto --folder=one -o one.txt
check "one worker does 24 points" grep -q "24 points" one.txt

for launcher in snakemake parallel; do
  "$slablab" sweep submit some.textproto --$launcher --tasks=5 --folder=$launcher >start 2>log
  check "$launcher: a batch is written" test -s start
  # The first start of task 2 is killed.
  killed=$work/$launcher.killed
  sed -i "2i [ \$1 != 2 ] || [ -e $killed ] || { touch $killed; kill -KILL \$\$; }" \
    $launcher/batch/task
  bash start >log 2>&1
  check "$launcher: what was printed does it" test $? = 0
  check "$launcher: a task was killed" test -e $launcher.killed
  check "$launcher: the report is one worker's" cmp one.txt $launcher/report.txt
  check "$launcher: a file a task" test "$(ls $launcher/*.shard | wc -l)" = 5
done

close_verdicts
