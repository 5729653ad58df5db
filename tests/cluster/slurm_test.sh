#!/usr/bin/env bash
# Copyright 2026 The slablab Authors.
# SPDX-License-Identifier: Apache-2.0
#
# A sweep of 200 points through a real Slurm, with a task killed and a node drained in the middle,
# and its inputs taken away after it was submitted: the same bytes as one worker's. Closes with
# "N passed, N failed".

set -u
work=$(mktemp -d) || exit 3
. tests/cluster/slurm.sh
slablab=$PWD/cli/slablab
trap 'stop_slurm "$work/slurm"; rm -rf "$work"' EXIT
. tests/verdict.sh
close() {
  [[ $failed == 0 ]] || tail -n 20 "$work"/slurm/*.log "$work"/many.results/batch/logs/* 2>/dev/null
  close_verdicts
  exit
}

cp traces/samples/linux-6.1-slub-c4n2-net.slt "$work/net.slt" || exit 3
cd "$work" || exit 3
cat >many.textproto <<'END'
base { trace: "net.slt" events_max: 30000 }
allocator: ["slub-6.1", "slab"]
cpus: [2, 16]
nodes: [1, 2]
seed: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25]
END
"$slablab" sweep run many.textproto --folder=one --workers=1 2>/dev/null
"$slablab" sweep merge many.textproto --folder=one --format=proto -o one.proto
"$slablab" sweep merge many.textproto --folder=one -o one.txt
check "one worker does 200 points" grep -q "200 points" one.txt

start_slurm "$work/slurm" || { failed=1 && close; }
"$slablab" sweep submit many.textproto --slurm --tasks=12 2>err
check "a batch is submitted ($(<err))" grep -q "submitted: array" err
"$slablab" sweep submit many.textproto --slurm 2>err
check "and not twice" grep -q "wait or run; 'slablab sweep status' shows them" err
# Neither sources nor inputs are needed from here on.
mv net.slt aside.slt
staged=$(find "$work/many.results/batch/inputs" -name many.textproto)
run=$work/many.results/batch/run

# The program of a task that has kept some points, as the kernel knows it.
some_task() {
  local shard
  for shard in "$work"/many.results/task-*.shard; do
    [[ -s $shard && $(stat -c %s "$shard") -gt 1000 ]] || continue
    shard=${shard##*/task-}
    victim=$(pgrep -o -f -- "$work/many.results/batch/.*--task=${shard%.shard} ") && return
  done
  return 1
}
check "a task is under way" await 60 some_task
kill -KILL "$victim"
scontrol update nodename=node2 state=drain reason=test
for job in $(squeue --noheader --nodelist=node2 --states=RUNNING --format=%i); do
  scontrol requeue "$job"
done
check "the drained node had to give up tasks" test -n "${job-}"
check "what is under way is said" grep -q "^array [0-9]*: .*RUNNING" <("$run" sweep status \
  "$staged" --folder="$work/many.results")
is_over() { [[ -z $(squeue --noheader) ]]; }
check "all jobs end" await 240 is_over
check "the killed task was tried again" grep -q "137; it is tried again" \
  many.results/batch/logs/*.log
check "nothing runs on the drained node" grep -q drain <(sinfo --noheader --nodes=node2)
check "the merged report is one worker's" cmp one.txt many.results/report.txt
"$run" sweep merge "$staged" --folder="$work/many.results" --format=proto -o many.proto
check "and so is all that is in it" cmp one.proto many.proto
mv aside.slt net.slt
"$slablab" sweep status many.textproto >status
check "no point is left" grep -q ": 200 points: 200 done, 0 to do" status
check "and no job" grep -q "^merge [0-9]*: ended" status
check "a file a task" test "$(find many.results -maxdepth 1 -name '*.shard' | wc -l)" = 12
check "and none a point" test -z "$(find many.results -name '*.result')"

"$slablab" sweep submit many.textproto --slurm --tasks=12 --folder=cancelled 2>/dev/null
check "jobs are cancelled" "$slablab" sweep cancel many.textproto --folder=cancelled
check "and end" await 60 is_over
"$slablab" sweep run many.textproto --folder=cancelled 2>/dev/null
"$slablab" sweep merge many.textproto --folder=cancelled --format=proto -o cancelled.proto
check "what they had done is kept and goes on by hand" cmp one.proto cancelled.proto
"$slablab" sweep submit many.textproto --slurm --folder=refused --sbatch=--partition=none 2>err
check "what sbatch refuses is the user's to know" test $? = 2
check "in its words" grep -q "invalid partition" err
close
