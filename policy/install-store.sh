#!/bin/sh
# Installs the authorization store where there is none yet: the administrator's own is never touched.
#
#   install-store.sh SOURCE TARGET [VMPORTCTL RULES]
#
# With the last two it is put into force, if this is the host that it is for. A package does that when
# it is installed (see README.md), for who the administrators are is known there alone.
set -eu

target=${DESTDIR:-}$2
[ ! -e "$target" ] || exit 0
install -D -m 0644 "$1" "$target"
[ -z "${DESTDIR:-}" ] || exit 0
if [ $# -ne 4 ] || [ -e "$4" ] ||
  ! "$3" scope compile --offline --store="$target" --rules="$4"; then
  echo "The authorization store is not in force before \"vmportctl scope compile\"." >&2
fi
