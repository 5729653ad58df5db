# Copyright 2026 The slablab Authors.
# SPDX-License-Identifier: Apache-2.0
#
# Sourced: a Slurm of Debian's own in a folder, for this user alone: munged, slurmctld, and two
# nodes of two CPUs each on the loopback address, node1 and node2.

# start_slurm FOLDER: an absolute path without spaces. Sets SLURM_CONF. Answers whether it runs.
start_slurm() {
  local folder=$1 name host port=$((20000 + RANDOM % 20000)) tries
  PATH=$PATH:/usr/sbin:/sbin # A user's PATH on Debian has none of the daemons.
  name=$(id -un) host=$(hostname -s)
  mkdir -p "$folder/state" "$folder/munge" && chmod 755 "$folder" "$folder/munge" || return
  (umask 077 && head -c 128 /dev/urandom >"$folder/munge/key") || return
  munged --force --key-file="$folder/munge/key" --socket="$folder/munge/socket" \
    --pid-file="$folder/munge/pid" --log-file="$folder/munge/log" \
    --seed-file="$folder/munge/seed" || return
  # A job that is to be done again waits until its credential has expired.
  cat >"$folder/slurm.conf" <<END
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket=$folder/munge/socket,cred_expire=5
SlurmUser=$name
SlurmdUser=$name
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool-%n
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd-%n.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
KillWait=2
SchedulerParameters=sched_interval=2
NodeName=node1 NodeHostname=$host NodeAddr=127.0.0.1 Port=$((port + 1)) CPUs=2 RealMemory=4000
NodeName=node2 NodeHostname=$host NodeAddr=127.0.0.1 Port=$((port + 2)) CPUs=2 RealMemory=4000
PartitionName=all Nodes=node1,node2 Default=YES MaxTime=INFINITE State=UP
END
  export SLURM_CONF=$folder/slurm.conf
  slurmctld -f "$SLURM_CONF" && slurmd -f "$SLURM_CONF" -N node1 &&
    slurmd -f "$SLURM_CONF" -N node2 || return
  for ((tries = 0; tries < 100; ++tries)); do
    [[ $(sinfo --noheader --Node --states=idle 2>/dev/null | wc -l) == 2 ]] && return
    sleep 0.2
  done
  return 1
}

# stop_slurm FOLDER: ends its daemons, by the numbers that they wrote there.
stop_slurm() {
  local file pid
  for file in "$1"/slurmd-node{1,2}.pid "$1"/slurmctld.pid "$1"/munge/pid; do
    [[ -r $file ]] && read -r pid <"$file" && kill "$pid" 2>/dev/null
  done
  return 0
}

# await SECONDS COMMAND...: until COMMAND succeeds.
await() {
  local until=$((SECONDS + $1))
  shift
  until "$@"; do
    [[ $SECONDS -lt $until ]] || return 1
    sleep 0.1
  done
}
