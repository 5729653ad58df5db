#!/usr/bin/env bash
# Copyright 2026 The slablab Authors.
# SPDX-License-Identifier: Apache-2.0
#
# Makes plot.js and LICENSES.txt anew from the packages that package-lock.json pins, with npm. Only
# for who changes a version: the result is kept in the repository, and a build needs neither npm nor
# a network.

set -eu
here=$(cd -P -- "$(dirname -- "$(readlink -f -- "$0")")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$here"/{package.json,package-lock.json,entry.js,licenses.mjs} "$work"
cd "$work"
npm ci --no-audit --no-fund --ignore-scripts --omit-lockfile-registry-resolved
npx --no-install esbuild entry.js --bundle --minify --format=iife --global-name=Plot \
  --target=es2020 --charset=utf8 --legal-comments=none --metafile=meta.json --outfile=bundle.js
node licenses.mjs meta.json >LICENSES.txt
{
  printf '/*!\n'
  cat LICENSES.txt
  printf '*/\n'
  cat bundle.js
} >plot.js
cp LICENSES.txt plot.js "$here"
