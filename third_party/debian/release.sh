#!/usr/bin/env bash
# Copyright 2026 The slablab Authors.
# SPDX-License-Identifier: Apache-2.0
#
# third_party/debian/release.sh [FOLDER]: makes FOLDER/slablab-VERSION.tar.gz (FOLDER: where it is
# called) of what is committed, the first section of whose CHANGELOG.md must be of that version. The
# same commit gives the same bytes. The archive builds as a clone does, by ./slablab.

set -eu
root=$(cd -P -- "$(dirname -- "$(readlink -f -- "$0")")/../.." && pwd)
out=$(cd -P -- "${1-.}" && pwd)
committed() { git -C "$root" show "HEAD:$1"; }
version=$(committed runs/simulation/version.h | sed -n 's/.*kVersion = "\(.*\)";/\1/p')
said=$(committed CHANGELOG.md | sed -n 's/^## //p' | sed -n 1p)
if [[ -z $version || $version != "$said" ]]; then
  echo "release.sh: this is version $version, and CHANGELOG.md begins with $said" >&2
  exit 2
fi
archive=$out/slablab-$version.tar.gz
git -C "$root" archive --prefix="slablab-$version/" HEAD | gzip -9n >"$archive.part"
mv "$archive.part" "$archive"
echo "release.sh: made $archive" >&2
