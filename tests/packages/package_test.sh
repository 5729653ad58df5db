#!/usr/bin/env bash
# Copyright 2026 The slablab Authors.
# SPDX-License-Identifier: Apache-2.0
#
# The package on a fresh Debian 12 that has neither Bazel nor a compiler: made with debootstrap in a
# folder, which needs root, a mirror (MIRROR) and half a gigabyte under TMPDIR. Closes with
# "N passed, N failed".

set -u
slablab=$PWD/cli/slablab
work=$(mktemp -d) || exit 3
machine=$work/machine
leave() {
  umount "$machine/proc" 2>/dev/null
  mountpoint -q "$machine/proc" || rm -rf "$work"
}
trap leave EXIT
chmod 755 "$work" # apt's own user reads here.
. tests/verdict.sh
check_log=$work/log
close() {
  close_verdicts
  exit
}
run() {
  env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
    LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive chroot "$machine" /bin/sh -c "$1" \
    </dev/null 2>>"$work/log"
}

# The sources, which the test has links to.
root=$(dirname "$(readlink -f WORKSPACE)")
mkdir "$work/one" "$work/two"
"$root/third_party/debian/package.sh" "$work/one" "$slablab" >"$work/log" 2>&1
package=$(ls "$work"/one/slablab_*.deb)
check "a package is made" test -s "$package"
"$root/third_party/debian/package.sh" "$work/two" "$slablab" >>"$work/log" 2>&1
check "twice the same bytes" cmp "$package" "$work/two/${package##*/}"
version=$("$slablab" --version)
check "its name has the version" test "${package##*/}" = \
  "slablab_${version#slablab }_$(dpkg --print-architecture).deb"

[[ $EUID == 0 ]] || { echo "skipped: a fresh Debian needs root" && close; }
mirror=${MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' | sed -n 1p)}
PATH=$PATH:/usr/sbin:/sbin debootstrap --variant=minbase bookworm "$machine" "$mirror" \
  >>"$work/log" 2>&1
mount -t proc proc "$machine/proc"
check "a fresh Debian 12 is there" test -x "$machine/usr/bin/dpkg"
check "without Bazel and a compiler" test ! -e "$machine/usr/bin/bazel" -a \
  ! -e "$machine/usr/bin/g++"
cp "$package" "$machine/slablab.deb"
run 'apt-get -q update && apt-get -q -y install --no-install-recommends /slablab.deb' \
  >>"$work/log" 2>&1
check "apt-get installs it" test $? = 0
check "it says its version" test "$(run 'cd / && slablab --version')" = "$version"
run 'cd / && slablab list traces' >"$work/traces"
check "it has the bundled traces" grep -q linux-6.1-slub-c4n2-fork "$work/traces"
run 'cd /tmp && slablab run linux-6.1-slub-c4n2-net --format=proto' >"$work/there"
"$slablab" run traces/samples/linux-6.1-slub-c4n2-net.slt --format=proto >"$work/here"
check "a run has the same bytes as here" cmp "$work/here" "$work/there"
run 'slablab sweep plan /usr/share/slablab/docs/sweeps/replay.textproto' >"$work/plan"
check "the sweeps of the documentation find their traces" grep -q " points: " "$work/plan"
check "bash completes it" run 'bash -c "
  source /usr/share/bash-completion/completions/slablab; complete -p slablab >/dev/null"'
check "zsh and fish find theirs" run 'test -s /usr/share/zsh/vendor-completions/_slablab &&
  test -s /usr/share/fish/vendor_completions.d/slablab.fish'
# minbase leaves manual pages out of none that it does not itself bring.
check "the manual page is there" run 'zcat /usr/share/man/man1/slablab.1.gz | grep -q "^.TH"'
check "the changelog begins with the version" run \
  'zcat /usr/share/doc/slablab/changelog.gz | grep -m 1 "^## " | grep -qx "## '"${version#* }"'"'
check "dpkg finds all as it was" test -z "$(run 'dpkg --verify slablab')"
run 'dpkg --purge slablab' >>"$work/log" 2>&1
check "nothing stays when it goes" run '! find /usr /etc /var/lib -path /var/lib/dpkg -prune \
  -o -path "*slablab*" -print | grep .'
close
