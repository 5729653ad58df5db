# Copyright 2026 The slablab Authors.
# SPDX-License-Identifier: Apache-2.0
#
# For scripts that ask many questions and go on after a failure; they source this. `verdict` says
# how one question was answered, `check` asks one by a command, `close_verdicts` closes with
# "N passed, N failed".

passed=0 failed=0

# verdict STATUS QUESTION [FILE]: a line; if STATUS is not 0, the first lines of FILE follow.
verdict() {
  if [[ $1 == 0 ]]; then
    passed=$((passed + 1))
    printf 'ok    %s\n' "$2"
  else
    failed=$((failed + 1))
    printf 'FAIL  %s\n' "$2"
    [[ $# -gt 2 ]] && head -n 8 "$3" | cut -c 1-200 | sed 's/^/      /'
  fi
}

# check QUESTION COMMAND...: the command's answer. If it is no, the last lines of $check_log follow.
check() {
  local question=$1
  shift
  if "$@"; then
    verdict 0 "$question"
  else
    verdict 1 "$question"
    [[ -s ${check_log-} ]] && tail -n 40 "$check_log" | sed 's/^/      /'
  fi
}

# close_verdicts: fails if a question did.
close_verdicts() {
  printf '%d passed, %d failed\n' "$passed" "$failed"
  [[ $failed == 0 ]]
}
