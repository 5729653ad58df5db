#!/usr/bin/env bash
# Copyright 2026 The slablab Authors.
# SPDX-License-Identifier: Apache-2.0
#
# What zsh and fish offer when the tabulator is pressed. (What bash does, tests/cli asks.) Closes
# with "N passed, N failed".

set -u
work=$(mktemp -d) || exit 3
slablab=$PWD/cli/slablab
trap 'rm -rf "$work"' EXIT
export HOME=$work
passed=0 failed=0
offers() { # SHELL LINE WORD...: each WORD is offered for LINE; !WORD is not
  local shell=$1 line=$2 word good=yes
  shift 2
  "offered_by_$shell" "$line" >"$work/offered" 2>"$work/err"
  for word; do
    if [[ $word == !* ]]; then
      grep -qxF -- "${word#!}" "$work/offered" && good=no
    else
      grep -qxF -- "$word" "$work/offered" || good=no
    fi
  done
  if [[ $good == yes && ! -s $work/err ]]; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    printf 'FAIL  %s: "%s" should offer: %s\n' "$shell" "$line" "$*"
    sed 's/^/      /' "$work/offered" "$work/err" | head -n 20
  fi
}

"$slablab" completion zsh >"$work/_slablab"
"$slablab" completion fish >"$work/slablab.fish"

# The widgets' builtins, as far as the script needs them: what would be offered is printed.
cat >"$work/zsh-line" <<'END'
compdef() { :; }
compset() { :; }
_files() { print -l -- FILE; }
compadd() {
  local array=$@[-1]
  print -l -- ${(P)array}
  (( ${(P)#array} > 0 ))
}
source $HOME/_slablab
line=$1
words=(${(z)line})
[[ $line == *' ' ]] && words+=('')
CURRENT=$#words
_slablab
END
offered_by_zsh() { zsh -f "$work/zsh-line" "$1"; }
offered_by_fish() {
  fish --no-config -c 'source $HOME/slablab.fish; complete -C $argv[1]' "$1" | cut -f1
}

for shell in zsh fish; do
  offers $shell 'slablab ' run sweep compare '!submit'
  offers $shell 'slablab sweep ' run submit merge '!import'
  offers $shell 'slablab list ' machines metrics
  offers $shell 'slablab completion ' bash zsh fish
done
offers zsh 'slablab sweep submit --' --slurm --minutes= '!--metrics='
offers zsh 'slablab run --allocator=' slab slub-7.3
offers zsh 'slablab run --allocator ' slab slub-7.3
offers zsh 'slablab run ' FILE
offers fish 'slablab sweep submit --' --slurm --minutes '!--metrics'
offers fish 'slablab run --allocator=' --allocator=slab --allocator=slub-7.3
offers fish 'slablab run --allocator ' slab slub-7.3
offers fish 'slablab workload show ' hackbench

printf '%d passed, %d failed\n' "$passed" "$failed"
[[ $failed == 0 ]]
