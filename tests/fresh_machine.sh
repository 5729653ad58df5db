#!/usr/bin/env bash
# Copyright 2026 The slablab Authors.
# SPDX-License-Identifier: Apache-2.0
#
# tests/fresh_machine.sh [COMMAND...]: shows that a clone of this repository's HEAD works on a
# machine with only Debian 12, git, g++ and root: makes one in a folder with debootstrap, and runs
# COMMAND there in an empty clone, by default `./slablab demo`, twice, and then `tests/run`. Needs
# root, a Debian mirror (MIRROR), about 4 GB under TMPDIR, and the better part of an hour.

set -eu
root=$(cd -P -- "$(dirname -- "$(readlink -f -- "$0")")/.." && pwd)
# The mirror that this machine's own apt takes from.
mirror=${MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' | sed -n 1p)}
[[ $EUID == 0 ]] || { echo "fresh_machine.sh: needs root, for debootstrap and chroot" >&2; exit 2; }
command -v debootstrap >/dev/null || { echo "fresh_machine.sh: needs debootstrap" >&2; exit 2; }

machine=$(mktemp -d)
chmod 755 "$machine" # apt's own user reads here.
leave() {
  # Bazel's server lives on in the chroot and holds /proc there.
  chroot "$machine" /bin/sh -c 'cd /clone && bazel shutdown' >/dev/null 2>&1 || true
  umount "$machine/proc" 2>/dev/null || true
  mountpoint -q "$machine/proc" || rm -rf "$machine"
}
trap leave EXIT

echo "== Debian 12 in $machine"
debootstrap --variant=minbase bookworm "$machine" "$mirror" >"$machine.log" 2>&1 ||
  { tail -n 20 "$machine.log" >&2; exit 3; }
rm -f "$machine.log"
mount -t proc proc "$machine/proc"
run() {
  env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
    LC_ALL=C.UTF-8 chroot "$machine" /bin/bash -c "$1" </dev/null
}

run 'apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q -y install \
  --no-install-recommends git g++' >"$machine/packages.log" 2>&1 ||
  { tail -n 20 "$machine/packages.log" >&2; exit 3; }
# As container images are: without package lists.
run 'apt-get clean; rm -rf /var/lib/apt/lists/*'
git clone -q --bare "$root" "$machine/origin.git"
run 'git clone -q /origin.git /clone'

[[ $# -gt 0 ]] || set -- './slablab demo' './slablab demo' 'tests/run'
for command; do
  printf '== %s\n' "$command"
  started=$SECONDS
  run "cd /clone && $command"
  printf '== took %d s\n' $((SECONDS - started))
done
