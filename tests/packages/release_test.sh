#!/usr/bin/env bash
# Copyright 2026 The slablab Authors.
# SPDX-License-Identifier: Apache-2.0
#
# The version is one, wherever it is said. Closes with "N passed, N failed".

set -u
version=$(cli/slablab --version)
version=${version#slablab }
said=$(sed -n 's/^## //p' CHANGELOG.md | head -n 1)
if [[ $version == "$said" && $version =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]]; then
  echo "1 passed, 0 failed"
else
  echo "FAIL  slablab is $version, and CHANGELOG.md begins with $said"
  echo "0 passed, 1 failed"
  exit 1
fi
