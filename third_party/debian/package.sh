#!/usr/bin/env bash
# Copyright 2026 The slablab Authors.
# SPDX-License-Identifier: Apache-2.0
#
# third_party/debian/package.sh [FOLDER [PROGRAM]]: makes FOLDER/slablab_VERSION_ARCHITECTURE.deb
# (FOLDER: where it is called) of this clone: of PROGRAM, a slablab that was built of it, or of what
# ./slablab builds. It holds the program, completion for bash, zsh and fish, the manual page, the
# bundled traces, the presets and the documentation; a Debian 12 without Bazel or a compiler
# installs it. The same sources and program give the same bytes. Needs dpkg-dev.

set -eu
root=$(cd -P -- "$(dirname -- "$(readlink -f -- "$0")")/../.." && pwd)
. "$root/third_party/setup.sh"
out=${1-.} program=${2-}
if [[ -z $program ]]; then
  "$root/slablab" --version >/dev/null
  find_cache
  program=$cache/slablab
fi
command -v dpkg-shlibdeps >/dev/null ||
  { say "package.sh: needs dpkg-shlibdeps, of the package dpkg-dev" && exit 2; }
version=$("$program" --version)
version=${version#slablab }
architecture=$(dpkg --print-architecture)
umask 022
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/tree
share=$tree/usr/share

# put MODE TARGET: what comes in, as a file of the package.
put() {
  mkdir -p "$(dirname "$tree/$2")"
  cat >"$tree/$2"
  chmod "$1" "$tree/$2"
}
mkdir -p "$tree/usr/bin"
install -m 755 "$program" "$tree/usr/bin/slablab"
strip --remove-section=.comment --remove-section=.note "$tree/usr/bin/slablab"
"$program" completion bash | put 644 usr/share/bash-completion/completions/slablab
"$program" completion zsh | put 644 usr/share/zsh/vendor-completions/_slablab
"$program" completion fish | put 644 usr/share/fish/vendor_completions.d/slablab.fish
"$program" man | gzip -9n | put 644 usr/share/man/man1/slablab.1.gz
gzip -9nc "$root/CHANGELOG.md" | put 644 usr/share/doc/slablab/changelog.gz
put 644 usr/share/doc/slablab/copyright <"$root/third_party/debian/copyright"
put 644 usr/share/doc/slablab/README.md <"$root/README.md"
# Sweeps among the documentation name the traces by where they are from there.
ln -s ../../slablab/docs "$share/doc/slablab/docs"
cd "$root"
while IFS= read -r file; do
  put 644 "usr/share/slablab/$file" <"$file"
done < <(find -H docs traces/samples/ -type f \( -name '*.md' -o -name '*.textproto' \
  -o -name '*.txt' -o -name '*.slt' \) | LC_ALL=C sort)
for presets in sim/machine/presets:machines workloads/synthetic/presets:workloads; do
  for file in "${presets%:*}"/*.textproto; do
    put 644 "usr/share/slablab/presets/${presets#*:}/${file##*/}" <"$file"
  done
done
# What it was built of: a clone of the same starts it rather than build it again.
sources_digest | put 644 usr/share/slablab/sources

mkdir -p "$work/debian" "$tree/DEBIAN"
printf 'Source: slablab\n\nPackage: slablab\nArchitecture: any\n' >"$work/debian/control"
depends=$(cd "$work" && dpkg-shlibdeps -O "$tree/usr/bin/slablab" 2>"$work/log") ||
  { cat "$work/log" >&2 && exit 3; }
sed "s/@VERSION@/$version/; s/@ARCHITECTURE@/$architecture/
  s/@KIBIBYTES@/$(du -sk --apparent-size "$tree/usr" | cut -f1)/
  s/@DEPENDS@/${depends#*Depends=}/" "$root/third_party/debian/control" >"$tree/DEBIAN/control"
(cd "$tree" && find usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum) \
  >"$tree/DEBIAN/md5sums"
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-0}
find "$tree" -exec touch -hd "@$SOURCE_DATE_EPOCH" {} +
package=$out/slablab_${version}_$architecture.deb
cd "$OLDPWD"
dpkg-deb --root-owner-group --build "$tree" "$package" >/dev/null
say "package.sh: made $package"
