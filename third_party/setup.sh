# Copyright 2026 The slablab Authors.
# SPDX-License-Identifier: Apache-2.0
#
# Sourced by ./slablab and tests/run: makes the machine ready to build (packages, a home for
# Bazel's output) and runs long commands quietly. Messages go to stderr. Functions that fail say
# why and return an exit status of the program: 2 where the user must act, 3 where a tool failed.

say() { printf 'slablab: %s\n' "$*" >&2; }

# run_quietly LABEL LOG COMMAND...: runs COMMAND with its output in the file LOG; a terminal shows
# its last line meanwhile. Where COMMAND waits for another process, says for which. Returns its
# status.
run_quietly() {
  local label=$1 log=$2
  shift 2
  : >"$log"
  # Without the lock of take_turn: Bazel's server lives on.
  say_waits "$label" "$log" $$ 9>&- &
  local watcher=$! status
  if [[ ! -t 2 || ${TERM:-dumb} == dumb ]]; then
    "$@" </dev/null >>"$log" 2>&1 9>&-
    status=$?
  else
    "$@" </dev/null 2>&1 9>&- | show_last "$label" >>"$log"
    status=${PIPESTATUS[0]}
    printf '\r\033[K' >&2
  fi
  { kill "$watcher" && wait "$watcher"; } 2>/dev/null
  return "$status"
}

# Passes lines on, and shows the last on the terminal.
show_last() {
  local label=$1 columns line
  columns=$(stty size 2>/dev/null </dev/tty | cut -d' ' -f2)
  [[ $columns =~ ^[1-9][0-9]*$ ]] || columns=80
  while IFS= read -r line; do
    printf '%s\n' "$line"
    [[ $line == INFO:* ]] && continue
    line="$label: ${line//[$'\t\r\e']/ }"
    printf '\r\033[K%s' "${line:0:columns - 1}" >&2
  done
}

# say_waits LABEL LOG PID: as long as process PID lives, says whom what writes LOG waits for. Bazel
# waits for another of the same clone and user, apt-get for another package manager.
say_waits() {
  local label=$1 log=$2 pid=$3 line said=
  local bazel='Another command .*pid=([0-9]+)|^pid=([0-9]+)' apt='held by process ([0-9]+)'
  while sleep 0.3 && kill -0 "$pid" 2>/dev/null; do
    line=$(grep -aE "$bazel|$apt" "$log" 2>/dev/null | tail -n 1)
    [[ -n $line && $line != "$said" ]] || continue
    [[ $line =~ pid=([0-9]+) || $line =~ process\ ([0-9]+) ]] || continue
    said=$line
    [[ -t 2 ]] && printf '\r\033[K' >&2
    say "$label: waiting for $(describe_process "${BASH_REMATCH[1]}") to end"
  done
}

# describe_process PID: "process 123 (bazel test //...)".
describe_process() {
  local words=
  words=$(tr '\0' ' ' 2>/dev/null <"/proc/$1/cmdline")
  words=${words% }
  [[ ${#words} -gt 60 ]] && words="${words:0:57}..."
  printf 'process %s%s' "$1" "${words:+ ($words)}"
}

# cannot_write FILE: says so, and why as far as it can be known.
cannot_write() {
  local folder=${1%/*} why="is its disk full, or not to be written to?"
  [[ $(df --output=avail "$folder" 2>/dev/null | tail -n 1) -lt 64 ]] && why="its disk is full"
  say "cannot write $1: $why"
}

# take_turn FILE LABEL: holds the lock on FILE, as descriptor 9, so that two of this user's do not
# do the same at once; says whom it waits for.
take_turn() {
  local holder
  { exec 9>>"$1"; } 2>/dev/null || { cannot_write "$1" && return 2; }
  if ! flock -n 9; then
    read -r holder <"$1"
    say "$2: waiting for $(describe_process "${holder:-of unknown number}") to end"
    flock 9 || return 3
  fi
  { printf '%s\n' $$ >"$1"; } 2>/dev/null || { cannot_write "$1" && return 2; }
}

# packages_for PURPOSE...: the packages listed for any of these purposes, but those whose command
# is there without them.
packages_for() {
  local purpose package command
  while read -r purpose package command; do
    [[ $purpose != '#' && " $* " == *" $purpose "* ]] || continue
    [[ -n $command ]] && command -v "$command" >/dev/null && continue
    printf '%s\n' "$package"
  done <"$root/third_party/debian-packages.txt"
  return 0
}

# missing_packages PURPOSE...: those of them that are not installed.
missing_packages() {
  local -a wanted
  mapfile -t wanted < <(packages_for "$@")
  # dpkg-query names those it does not know on stderr and fails; they are missing all the same.
  comm -23 <(printf '%s\n' "${wanted[@]}" | sort) \
    <(dpkg-query --show --showformat='${Package} ${db:Status-Status}\n' "${wanted[@]}" \
      2>/dev/null | sed -n 's/ installed$//p' | sort -u)
}

apt_get() {
  # A user's PATH on Debian has no sbin, where dpkg finds ldconfig and its like.
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    PATH="/usr/local/sbin:/usr/sbin:/sbin:$PATH" \
    apt-get -q -y -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0 "$@"
}

# install_packages PURPOSE...: installs what is missing of them, with apt-get.
install_packages() {
  local -a missing as_root=()
  local log
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    say "this is not a Debian system, and slablab is built from Debian 12's packages:"
    packages_for "$@" | paste -sd' ' | fold -s -w 78 | sed 's/^/  /; s/ *$//' >&2
    return 2
  fi
  mapfile -t missing < <(missing_packages "$@")
  [[ ${#missing[@]} == 0 ]] && return
  if [[ $EUID != 0 ]]; then
    as_root=(sudo)
    [[ -t 0 && -t 2 ]] || as_root=(sudo -n)
    # Asks for the password here, where the prompt can be seen.
    if ! command -v sudo >/dev/null || ! "${as_root[@]}" true 2>/dev/null; then
      say "${#missing[@]} Debian packages are missing, and installing them needs root or sudo." \
        "As root, run:"
      printf '  apt-get install --no-install-recommends %s\n' "${missing[*]}" >&2
      return 2
    fi
  fi
  say "installing ${#missing[@]} Debian packages with ${as_root[*]:+sudo }apt-get (once):"
  printf '%s\n' "${missing[@]}" | paste -sd' ' | fold -s -w 76 | sed 's/^/  /; s/ *$//' >&2
  log=$(mktemp)
  if run_quietly installing "$log" apt_get install --no-install-recommends "${missing[@]}"; then
    rm -f "$log"
    return
  fi
  # A fresh system has no package lists yet, or old ones.
  if run_quietly updating "$log" apt_get update &&
    run_quietly installing "$log" apt_get install --no-install-recommends "${missing[@]}"; then
    rm -f "$log"
    return
  fi
  say "apt-get could not install them; it said:"
  tail -n 20 "$log" | sed 's/^/  /' >&2
  rm -f "$log"
  return 3
}

# Bazel wants a writable home. Where there is none, takes the user's own from the password file,
# else a folder of this user's under TMPDIR.
ensure_home() {
  [[ -n ${HOME:-} && -d $HOME && -w $HOME ]] && return
  HOME=$(getent passwd "$EUID" | cut -d: -f6)
  export HOME
  [[ -n $HOME && -d $HOME && -w $HOME ]] && return
  HOME="${TMPDIR:-/tmp}/slablab-home-$EUID"
  mkdir -p -m 700 "$HOME" 2>/dev/null
  if [[ -L $HOME || ! -d $HOME || ! -O $HOME || ! -w $HOME ]]; then
    say "no home folder to build in: set HOME to a folder that is yours ($HOME is not)"
    return 2
  fi
}

# install_node_modules FOLDER: the npm packages that FOLDER/package-lock.json pins, once for each
# lock, outside of the sources. Sets SLABLAB_NODE_MODULES to where they are.
install_node_modules() {
  local folder=$1 log target
  target=${XDG_CACHE_HOME:-$HOME/.cache}/slablab-node-$(cksum <"$folder/package-lock.json" |
    tr ' ' -)
  export SLABLAB_NODE_MODULES=$target/node_modules
  [[ -e $target/complete ]] && return
  log=$(mktemp) || return 3
  rm -rf "$target.part"
  if mkdir -p "$target.part" && cp "$folder"/package{,-lock}.json "$target.part" &&
    (cd "$target.part" && run_quietly "installing npm packages" "$log" \
      npm ci --no-audit --no-fund --ignore-scripts) &&
    touch "$target.part/complete" && rm -rf "$target" && mv "$target.part" "$target"; then
    rm -f "$log"
    return
  fi
  say "npm could not install what tests/web needs; it said:"
  tail -n 20 "$log" | sed 's/^/  /' >&2
  rm -f "$log"
  return 3
}

# run_bazel LABEL LOG ARGUMENTS...: Bazel in this repository, quietly. Its links to what it made
# (bazel-bin and such) are in this user's cache, not in the clone: others may build here too.
run_bazel() {
  local label=$1 log=$2 command=$3
  local -a links=()
  shift 3
  if [[ $command == build || $command == test ]]; then
    links=(--symlink_prefix="$cache/bazel-" --experimental_no_product_name_out_symlink)
  fi
  # Subshell: the caller's directory stays what it is.
  (cd "$root" && run_quietly "$label" "$log" bazel "$command" --color=no --curses=no \
    --show_progress_rate_limit=1 "${links[@]}" "$@")
}

# Sets cache, where this user's builds of this clone are kept. Makes it.
find_cache() {
  cache="${XDG_CACHE_HOME:-$HOME/.cache}/slablab${root//\//-}"
  mkdir -p "$cache" 2>/dev/null && [[ -w $cache ]] && return
  say "cannot write to $cache: set XDG_CACHE_HOME to a folder that is yours"
  return 2
}

# What the program is built from, in this repository.
source_files=(.bazelrc BUILD WORKSPACE slablab)
source_files+=(base sim allocators traces workloads reports runs cli third_party)

# A digest of that, names and contents: the same wherever and whenever they were unpacked.
sources_digest() {
  (cd "$root" && find -H "${source_files[@]}" \( -path traces/samples -o -name 'bazel-*' \) \
    -prune -o -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -d' ' -f1)
}

# What Bazel wrote to LOG, without its progress.
bazel_messages() {
  local progress='\[[0-9,]+ / [0-9,]+\]|Loading:|Analyzing:|Starting |Extracting '
  grep -vE "^($progress|INFO:|Use --sandbox_debug |\\.\\.\\. )" "$1"
}
