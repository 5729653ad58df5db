#!/usr/bin/env bash
# Copyright 2026 The slablab Authors.
# SPDX-License-Identifier: Apache-2.0
#
# install.sh [PREFIX]: makes `slablab` a command of this user, or with /usr/local of all: links
# PREFIX/bin/slablab (by default ~/.local) to ./slablab, which builds when sources have changed, and
# installs completion for bash, zsh and fish and the manual page where these look for them.

set -u
root=$(cd -P -- "$(dirname -- "$(readlink -f -- "$0")")" && pwd) || exit 3
prefix=${1:-$HOME/.local}
completions=$prefix/share/bash-completion/completions
manuals=$prefix/share/man/man1
zsh=$prefix/share/zsh/site-functions
fish=$prefix/share/fish/vendor_completions.d

# A file that appears whole or not at all: put FILE COMMAND...
put() {
  local file=$1
  shift
  "$@" >"$file.tmp" && mv -f "$file.tmp" "$file" && return
  rm -f "$file.tmp"
  exit 3
}

mkdir -p "$prefix/bin" "$completions" "$manuals" "$zsh" "$fish" || exit 2
put "$completions/slablab" "$root/slablab" completion bash
put "$zsh/_slablab" "$root/slablab" completion zsh
put "$fish/slablab.fish" "$root/slablab" completion fish
put "$manuals/slablab.1" "$root/slablab" man
ln -sfn "$root/slablab" "$prefix/bin/slablab" || exit 2
printf 'slablab: installed in %s\n' "$prefix" >&2
case :$PATH: in
  *:"$prefix/bin":*) ;;
  *) printf 'slablab: %s is not in PATH\n' "$prefix/bin" >&2 ;;
esac
