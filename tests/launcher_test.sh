#!/usr/bin/env bash
# Copyright 2026 The slablab Authors.
# SPDX-License-Identifier: Apache-2.0
#
# ./slablab when it must build and when it need not: beside another Bazel in the clone, after
# apt-get, from two homes, twice at once. The clone is a copy of the launcher with a few sources; a
# script stands for Bazel, which waits for a lock as Bazel does and says so in its words. Closes
# with "N passed, N failed".

set -u
root=$(cd -P -- "$(dirname -- "$(readlink -f -- "$0")")/.." && pwd) || exit 3
work=$(mktemp -d) || exit 3
holder=
trap '[[ -n $holder ]] && kill $holder 2>/dev/null; rm -rf "$work"' EXIT
. "$root/tests/verdict.sh"
check_log=$work/err

clone=$work/clone
mkdir -p "$clone/third_party" "$work/bin" "$work/info" "$work/home" "$work/other"
for folder in base sim allocators traces workloads reports runs cli tests docs; do
  mkdir -p "$clone/$folder"
  echo one >"$clone/$folder/source.cc"
done
touch "$clone"/{.bazelrc,BUILD,WORKSPACE}
cp "$root/third_party/setup.sh" "$root/third_party/debian-packages.txt" "$clone/third_party/"
sed "s|^packages_info=.*|packages_info=$work/info|
  s|^installed=.*|installed=$work/installed installed_sources=$work/installed-sources|" \
  "$root/slablab" >"$clone/slablab"
chmod +x "$clone/slablab"
for package in libfmt-dev:amd64 g++ unrelated; do echo 1 >"$work/info/$package.md5sums"; done

# Bazel: its one lock, a line in a log for each build, and a program that says what it was made of.
cat >"$work/bin/bazel" <<EOF
#!/usr/bin/env bash
exec 8>>"$work/bazel-lock"
flock -n 8 || {
  echo "Another command (pid=\$(<"$work/holder")) is running. Waiting for it to complete on the" \
    "server (server_pid=1)..." >&2
  flock 8
}
echo build >>"$work/builds"
for word; do [[ \$word == --symlink_prefix=* ]] && prefix=\${word#*=}; done
mkdir -p "\${prefix:=$clone/bazel-}bin/cli"
printf '#!/bin/sh\necho "%s \$*"\n' "\$(cat $clone/cli/source.cc)" >"\${prefix}bin/cli/slablab"
chmod +x "\${prefix}bin/cli/slablab"
sleep "\$(cat "$work/build-seconds")"
EOF
cat >"$work/bin/dpkg-query" <<'EOF'
#!/bin/sh
shift 2
for package; do echo "$package installed"; done
EOF
printf '#!/bin/sh\nexit 1\n' >"$work/bin/apt-get"
chmod +x "$work"/bin/*
echo 0 >"$work/build-seconds"

start() { # HOME ARGUMENTS...: off a terminal
  local home=$1
  shift
  env -u XDG_CACHE_HOME HOME="$home" PATH="$work/bin:$PATH" "$clone/slablab" "$@" \
    >"$work/out" 2>"$work/err" </dev/null
}
builds() { cat "$work/builds" 2>/dev/null | wc -l; }
hold() { # another Bazel works in the clone
  (exec 8>>"$work/bazel-lock" && flock 8 && exec sleep "$1") &
  holder=$!
  echo "$holder" >"$work/holder"
  while flock -n "$work/bazel-lock" true; do sleep 0.05; done
}
await() { # TEXT: until the launcher has said so
  local polls
  for ((polls = 0; polls < 200; ++polls)); do
    grep -q -- "$1" "$work/err" && return
    sleep 0.05
  done
  return 1
}

start "$work/home" run it
check "the first start builds and runs" test "$(<"$work/out")" = "one run it"
check "and says that it builds" grep -q "building: for the first time here" "$work/err"
check "once" test "$(builds)" = 1
start "$work/home"
check "the second start builds nothing" test "$(builds)" = 1
check "and says nothing" test ! -s "$work/err"

hold 30
SECONDS=0
start "$work/home"
check "what is built starts beside another Bazel" test "$(<"$work/out") $SECONDS" \< "one  5"
echo 2 >"$work/info/unrelated.md5sums"
echo two >"$clone/docs/source.cc"
echo two >"$clone/tests/source.cc"
start "$work/home"
check "after another package's change and one of docs and tests too" test "$(builds)" = 1

echo two >"$clone/cli/source.cc"
: >"$work/err"
start "$work/home" &
launcher=$!
check "who is waited for is said" await "waiting for process $holder (sleep 30) to end"
check "after that it builds" grep -q "building: its sources or packages have changed" "$work/err"
kill "$holder"
wait "$launcher"
check "and then it is built and runs" test "$(<"$work/out")" = "two "
check "by one build" test "$(builds)" = 2

echo 2 >"$work/info/libfmt-dev:amd64.md5sums"
start "$work/home"
check "another version of what it is built from builds it again" test "$(builds)" = 3
start "$work/home"
check "once" test "$(builds)" = 3

start "$work/other"
check "another home builds for itself" test "$(builds)" = 4
start "$work/home"
start "$work/other"
check "and neither undoes the other's" test "$(builds)" = 4
check "nor leaves a link in the clone" test -z "$(find "$clone" -name 'bazel-*')"

echo three >"$clone/cli/source.cc"
echo 2 >"$work/build-seconds"
start "$work/home" &
launcher=$!
: >"$work/err"
check "the first of two begins" await "building: "
env -u XDG_CACHE_HOME HOME="$work/home" PATH="$work/bin:$PATH" "$clone/slablab" \
  >"$work/second-out" 2>"$work/second-err" </dev/null
wait "$launcher"
check "of two at once one builds" test "$(builds)" = 5
check "the other waits and says for whom" \
  grep -q "waiting for process [0-9]* (.*slablab) to end" "$work/second-err"
check "and runs the same" test "$(<"$work/second-out") $(<"$work/out")" = "three  three "
echo 0 >"$work/build-seconds"

# A package of the same sources: what it says that it was built of is what the clone has.
digest() { (root=$clone && . "$clone/third_party/setup.sh" && sources_digest); }
printf '#!/bin/sh\necho "installed $*"\n' >"$work/installed"
chmod +x "$work/installed"
digest >"$work/installed-sources"
start "$work/home" run it
check "an installed package of the same sources runs" test "$(<"$work/out")" = "installed run it"
rm -rf "$work/fresh" && mkdir "$work/fresh"
start "$work/fresh" run it
check "in a clone that was never built too" test "$(<"$work/out")" = "installed run it"
check "and builds nothing" test "$(builds)" = 5
touch "$clone/cli/source.cc"
start "$work/fresh"
check "by what is in them, not by their times" test "$(<"$work/out")" = "installed "
cp "$clone/cli/source.cc" "$work/source.cc"
echo other >"$clone/cli/source.cc"
start "$work/home"
check "of other sources it does not run" test "$(<"$work/out")" = "other "
cp "$work/source.cc" "$clone/cli/source.cc"
rm "$work/installed"
start "$work/home"

# What is written to /dev/full finds no space.
full=$work/full/.cache/slablab${clone//\//-}
for file in turn slablab.new fingerprint.new; do
  rm -rf "$work/full" && mkdir -p "$full" && ln -s /dev/full "$full/$file"
  start "$work/full"
  status=$?
  check "a full disk is the host's fault ($file)" test $status = 2
  check "and said in our words ($file)" test "$(grep -cv '^slablab: building' "$work/err")" = 1
  check "with the file ($file)" grep -q "^slablab: cannot write $full/${file%.new}: " "$work/err"
done

if command -v script >/dev/null; then
  hold 30
  echo four >"$clone/cli/source.cc"
  env -u XDG_CACHE_HOME HOME="$work/home" PATH="$work/bin:$PATH" TERM=xterm \
    script -qec "$clone/slablab" /dev/null >"$work/err" 2>&1 </dev/null &
  launcher=$!
  check "on a terminal too who is waited for is said" \
    await "waiting for process $holder (sleep 30) to end"
  kill "$holder"
  wait "$launcher"
  check "and it runs" grep -q four "$work/err"
fi
holder=

close_verdicts
