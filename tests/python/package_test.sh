#!/usr/bin/env bash
# Copyright 2026 The slablab Authors.
# SPDX-License-Identifier: Apache-2.0
#
# The Python package: its types, held by mypy, and what it does (package_test.py).

set -eu
export SLABLAB=$PWD/cli/slablab SLABLAB_ROOT=$PWD PYTHONDONTWRITEBYTECODE=1
export PYTHONPATH=$PWD/reports/python
package=$(readlink -f reports/python/pyproject.toml)
/usr/bin/mypy --config-file="$package" --cache-dir="$TEST_TMPDIR/mypy" "${package%/*}/slablab"
exec /usr/bin/python3 tests/python/package_test.py
