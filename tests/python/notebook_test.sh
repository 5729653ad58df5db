#!/usr/bin/env bash
# Copyright 2026 The slablab Authors.
# SPDX-License-Identifier: Apache-2.0
#
# The notebook, executed: it ends without an error, leaves its figure, and what it prints is what is
# kept in it. With --write it is kept with what it prints now:
#
#   bazel run //tests/python:notebook_test -- --write

set -eu
export SLABLAB=$PWD/cli/slablab SLABLAB_ROOT=$PWD PYTHONPATH=$PWD/reports/python
export PYTHONDONTWRITEBYTECODE=1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Jupyter and matplotlib keep settings at home, which a test has not.
export HOME=$work/home MPLBACKEND=module://matplotlib_inline.backend_inline
mkdir "$HOME"
notebook=docs/notebooks/from-trace-to-figure.ipynb
cp "$notebook" "$work/notebook.ipynb"
chmod u+w "$work/notebook.ipynb"
(cd "$work" && /usr/bin/python3 /usr/bin/jupyter-nbconvert --to notebook --execute --inplace \
  --ExecutePreprocessor.timeout=300 --ExecutePreprocessor.record_timing=False notebook.ipynb)
[[ $(head -c 5 "$work/sheaves.pdf") == %PDF- ]]
if [[ ${1-} == --write ]]; then
  cp "$work/notebook.ipynb" "$(readlink -f "$notebook")"
else
  /usr/bin/python3 tests/python/notebook_output.py "$notebook" "$work/notebook.ipynb"
fi
